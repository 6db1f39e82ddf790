import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymers import POLYMERS
from rdkit import Chem

from gnn_sim2real.featurize.identity import identity_hash, molecule_identity, repeat_unit_identity


@pytest.mark.parametrize("psmiles", POLYMERS.values(), ids=POLYMERS)
def test_identity_does_not_depend_on_the_cut(psmiles, cut_everywhere):
    assert {repeat_unit_identity(spelling) for spelling in cut_everywhere(psmiles)} == {repeat_unit_identity(psmiles)}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("psmiles", POLYMERS.values(), ids=POLYMERS)
def test_identity_of_a_multiple_is_that_of_the_unit(psmiles, count, multiply, cut_everywhere):
    multiple = multiply(psmiles, count)
    for spelling in cut_everywhere(multiple):
        assert repeat_unit_identity(spelling) == repeat_unit_identity(psmiles), spelling


@settings(max_examples=50)
@given(psmiles=st.sampled_from(sorted(POLYMERS.values())), seed=st.integers(0, 10**6))
def test_identity_does_not_depend_on_the_order_of_atoms(psmiles, seed, respell):
    assert repeat_unit_identity(respell(psmiles, seed)) == repeat_unit_identity(psmiles)


@settings(max_examples=50)
@given(
    blocks=st.lists(
        st.sampled_from(["C", "O", "C(C)", "N", "C(=O)", "c1ccc(cc1)", "[Si](C)(C)"]), min_size=1, max_size=8
    ),
    turn=st.integers(0, 7),
    count=st.integers(1, 3),
)
def test_identity_of_a_word_of_blocks_is_invariant_under_turning_and_repeating(blocks, turn, count):
    turn %= len(blocks)
    turned = (blocks[turn:] + blocks[:turn]) * count
    identity = repeat_unit_identity("*" + "".join(blocks) + "*")
    assert repeat_unit_identity("*" + "".join(turned) + "*") == identity
    assert repeat_unit_identity("*" + "".join(reversed(turned)) + "*") == identity


def brute_force_same(first: list[str], second: list[str]) -> bool:
    """Whether two words repeat to the same chain, by comparing multiples of equal length."""
    long, other = first * len(second), second * len(first)
    return any(other[turn:] + other[:turn] in (long, long[::-1]) for turn in range(len(other)))


@settings(max_examples=150)
@given(*[st.lists(st.sampled_from(["C", "O"]), min_size=1, max_size=6)] * 2)
def test_identities_are_equal_exactly_if_the_chains_are(first, second):
    identities = [repeat_unit_identity("*" + "".join(word) + "*") for word in (first, second)]
    assert (identities[0] == identities[1]) == brute_force_same(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("*CCO*", "*COC*"),
        ("*CCO*", "*CCOCCO*"),
        ("*CC*", "*C*"),
        ("*=CC=*", "*C=C*"),
        ("*CC(*)c1ccccc1", "*C(C*)C1=CC=CC=C1"),
        ("*C/C=C/C*", "*C/C=C\\C*"),
        ("*C[C@H](*)C", "*C[C@@H](*)C"),
        ("*CC(*)N(=O)=O", "*CC(*)[N+](=O)[O-]"),
        ("[*]CCO[*]", "*CCO*"),
        ("*[CH2:1][CH2:2]O*", "*CCO*"),
        ("*[CH2][CH2]O*", "*CCO*"),
        ("*C([H])([H])CO*", "*CCO*"),
        ("*NC(=O)CCCCC*", "*C(=O)CCCCCN*"),
        ("*CC(C)O*", "*OC(C)C*"),  # read backwards
    ],
)
def test_spellings_of_one_polymer(first, second):
    assert repeat_unit_identity(first) == repeat_unit_identity(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("*CC(C)C(C)C*", "*CC(C)*"),
        ("*CCO*", "*CO*"),
        ("*CCCCCC(=O)N*", "*NCCCCCCNC(=O)CCCCC(=O)*"),
        ("*C([2H])([2H])C*", "*CC*"),
        ("*[13CH2]O*", "*CO*"),
        ("*c1ccc(*)cc1", "*c1cccc(*)c1"),
        ("*C=C*", "*CC*"),
        ("*C=CC=C*", "*C=CC#C*"),
        ("*=C1C=CC(=*)C=C1", "*c1ccc(*)cc1"),
        ("*[N+](C)(C)CCC*", "*C(C)(C)CCC*"),
        # The same fragments, in another direction: the ester points along the chain or alternates.
        ("*OC(=O)C*", "*OC(=O)CCC(=O)O*"),
        ("*C1CCC(*)C1", "*C1CC(*)C1"),
        # Two ways through the same ring.
        ("*C1CC(C)C(*)C1", "*C1CCC(*)(C)C1"),
    ],
)
def test_different_polymers(first, second):
    assert repeat_unit_identity(first) != repeat_unit_identity(second)


def test_identity_is_the_smallest_period_with_marked_ends():
    assert repeat_unit_identity("*OCCOCC*") == "[1*]C[2*].[1*]C[2*].[1*]O[2*]"
    assert repeat_unit_identity("*CC(*)c1ccccc1") == "[1*]C([2*])c1ccccc1.[1*]C[2*]"


@pytest.mark.parametrize("psmiles", POLYMERS.values(), ids=POLYMERS)
def test_identity_holds_all_atoms_of_the_smallest_period(psmiles):
    unit, identity = Chem.MolFromSmiles(psmiles), Chem.MolFromSmiles(repeat_unit_identity(psmiles))
    num_atoms = sum(atom.GetAtomicNum() > 0 for atom in unit.GetAtoms())
    assert num_atoms % sum(atom.GetAtomicNum() > 0 for atom in identity.GetAtoms()) == 0


@pytest.mark.parametrize("psmiles", ["", "CCO", "*c1c(*)cc(*)c(*)c1", "*CC(*)C(=O)[O-].[Na+]", "*CC(*"])
def test_refused_repeat_units(psmiles):
    with pytest.raises(ValueError, match=re.escape(repr(psmiles))):
        repeat_unit_identity(psmiles)


def test_molecules():
    assert molecule_identity("OCC") == molecule_identity("C(O)C") == "CCO"
    assert molecule_identity("C1=CC=CC=C1C") == molecule_identity("Cc1ccccc1")
    assert molecule_identity("C/C=C/C") == molecule_identity("C/C=C\\C")
    assert molecule_identity("C[C@H](O)F") == molecule_identity("C[C@@H](O)F")
    assert molecule_identity("[2H]O[2H]") != molecule_identity("O")
    assert molecule_identity("[CH3:1][OH:2]") == "CO"
    with pytest.raises(ValueError, match=r"`\*`.*'\*CC\*'"):
        molecule_identity("*CC*")


def test_hash_is_the_head_of_sha256():
    assert identity_hash("") == "e3b0c44298fc1c14"
    assert identity_hash("CCO") != identity_hash("CCC")


@pytest.mark.realdata
@pytest.mark.release
def test_all_rows_of_real_tables_have_an_identity_and_shared_polymers_are_found(real_data):
    import pandas as pd

    identities = {}
    for table in ("radonpy_pi1070/PI1070.csv", "measured/density.csv", "measured/tg.csv", "md_tg/md_tg.csv"):
        path = real_data / "polymer" / table
        rows = pd.read_csv(path, keep_default_na=False, na_values=[""])["smiles"]
        identities[path.stem] = {repeat_unit_identity(psmiles) for psmiles in rows}
    assert len(identities["PI1070"]) == 1067
    assert len(identities["PI1070"] & identities["density"]) >= 538
