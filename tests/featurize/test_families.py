"""Polymer classes and scaffolds: of real polymers, and the same for every spelling of them."""

import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.featurize.families import (
    ACYCLIC,
    OTHER,
    POLYMER_CLASSES,
    molecule_scaffold,
    polymer_class,
    repeat_unit_scaffold,
)

POLYMERS = {
    "*CC*": "polyolefins",
    "*CC(*)C": "polyolefins",
    "*CC(*)C=C": "polyolefins",
    "*CC(*)c1ccccc1": "polystyrenes",
    "*CC(*)(C)c1ccc(Cl)cc1": "polystyrenes",
    "*CC(*)(C)C(=O)OC": "polyacrylics",
    "*CC(*)C(=O)N": "polyacrylics",
    "*CC(*)C#N": "polyacrylics",
    "*CC(*)OC(C)=O": "polyvinyls",
    "*CC(*)O": "polyvinyls",
    "*CC(*)N1CCCC1=O": "polyvinyls",
    "*CC(*)CCCCO": "polyvinyls",
    "*CC(*)Cl": "polyhaloolefins",
    "*C(F)(F)C(*)(F)F": "polyhaloolefins",
    "*CC=CC*": "polydienes",
    "*CC(C)=CC*": "polydienes",
    "*OCCOC(=O)c1ccc(cc1)C(=O)*": "polyesters",
    "*OC(C)C(=O)*": "polyesters",
    "*NCCCCCC(=O)*": "polyamides",
    "*NCCCCCCNC(=O)CCCCC(=O)*": "polyamides",
    "*c1ccc(Oc2ccc(N3C(=O)c4cc5C(=O)N(*)C(=O)c5cc4C3=O)cc2)cc1": "polyimides",
    "*Oc1ccc(C(C)(C)c2ccc(OC(*)=O)cc2)cc1": "polycarbonates",
    "*OCC*": "polyethers",
    "*Oc1c(C)cc(*)cc1C": "polyethers",
    "*OC(=O)NCCCCCCNC(=O)OCCCC*": "polyurethanes",
    "*NC(=O)NCCCCCC*": "polyureas",
    "*O[Si](*)(C)C": "polysiloxanes and polysilanes",
    "*N=P(*)(OC)OC": "polyphosphazenes",
    "*Oc1ccc(S(=O)(=O)c2ccc(*)cc2)cc1": "polysulfones",
    "*Oc1ccc(cc1)Oc1ccc(cc1)C(=O)c1ccc(cc1)*": "polyketones",
    "*Sc1ccc(cc1)*": "polysulfides",
    "*NCC*": "polyimines and polyamines",
    "*c1ccc(*)cc1": "polyarylenes",
    "*c1ccc(*)s1": "polyarylenes",
    "*CCc1ccc(*)cc1": "polyarylenes",
    "*C(=O)CCCC(=O)OC(=O)CCCC(=O)O*": "polyanhydrides",
    "*[Ge](*)(C)C": OTHER,
    "*B1NBN(*)BN1": "polyimines and polyamines",
}


@pytest.mark.parametrize("psmiles", POLYMERS)
def test_class_of_a_known_polymer(psmiles):
    assert polymer_class(psmiles) == POLYMERS[psmiles]


def test_every_class_has_a_polymer_here():
    assert {name for name, _ in POLYMER_CLASSES} <= set(POLYMERS.values())


@pytest.mark.parametrize("psmiles", list(POLYMERS)[::3])
def test_families_belong_to_the_chain_and_not_to_its_spelling(psmiles, cut_everywhere, multiply, respell):
    spellings = [*cut_everywhere(psmiles), multiply(psmiles, 2), respell(psmiles, 5)]
    assert {polymer_class(each) for each in spellings} == {POLYMERS[psmiles]}
    assert len({repeat_unit_scaffold(each) for each in spellings}) == 1


@given(length=st.integers(1, 8), ring=st.sampled_from(["c1ccccc1", "C1CCCCC1", "c1cccs1", "C1CC1"]))
def test_side_chains_without_a_ring_do_not_count_in_a_scaffold(length, ring):
    tail = "C" * length
    assert repeat_unit_scaffold(f"*CC(*){tail}") == repeat_unit_scaffold("*CC*")
    with_ring = repeat_unit_scaffold(f"*CC(*)({tail}){ring}")
    assert with_ring == repeat_unit_scaffold(f"*CC(*){ring}") != repeat_unit_scaffold("*CC*")
    assert molecule_scaffold(f"{tail}{ring}") == molecule_scaffold(ring)
    # What links two rings belongs to it.
    assert molecule_scaffold(f"c1ccccc1{tail}{ring}") != molecule_scaffold(f"c1ccccc1{tail}C{ring}")


def test_scaffolds_of_molecules():
    assert molecule_scaffold("CC(=O)Oc1ccccc1C(=O)O") == "c1ccccc1"
    assert molecule_scaffold("CCO") == ACYCLIC


@pytest.mark.parametrize("find", [polymer_class, repeat_unit_scaffold])
@pytest.mark.parametrize("text", ["CCO", "nonsense(", "*C"])
def test_what_is_not_a_repeat_unit(find, text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        find(text)


@pytest.mark.slow
@pytest.mark.realdata
def test_radonpy_puts_most_polymers_into_the_same_class(real_data):
    """Its classes are PoLyInfo's, by number, and were given by other rules: ethers with another link, for example, stay
    ethers there."""
    numbers = {1: "polyolefins", 2: "polystyrenes", 3: "polyvinyls", 4: "polyacrylics", 5: "polyhaloolefins"}
    numbers |= {6: "polydienes", 7: "polyethers", 9: "polyesters", 10: "polyamides", 11: "polyurethanes"}
    numbers |= {12: "polyureas", 13: "polyimides", 15: "polycarbonates"}
    with (real_data / "polymer/radonpy_pi1070/PI1070.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["polymer_class"]) in numbers][::4]
    same = [polymer_class(row["smiles"]) == numbers[int(row["polymer_class"])] for row in rows]
    assert len(same) > 200
    assert sum(same) / len(same) > 0.85
