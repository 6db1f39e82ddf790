from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, Lipinski, rdMolDescriptors

from gnn_sim2real.featurize.descriptors import (
    atom_contributions,
    molecule_descriptors,
    repeat_unit_descriptors,
)

SPELLINGS = [
    ["*CCO*", "*COC*", "*OCC*", "*CCOCCO*", "[*]C[CH2]O[*]"],
    ["*C*", "*CC*", "*CCCCC*"],
    ["*C=C*", "*=CC=*", "*/C=C/*", "*C=CC=C*"],
    ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*CC(c1ccccc1)CC(*)C1=CC=CC=C1", "*C[C@H](*)c1ccccc1"],
    ["*c1ccc(*)cc1", "*c1ccc(-c2ccc(*)cc2)cc1"],
    ["*NCCCCCC(*)=O", "*CCCCC(=O)NC*", "*C(=O)NCCCCC*"],
    ["*C(F)(F)C(*)(F)F", "*C(*)(F)F"],
    ["*N=P(*)(OC)OC", "*=P(OC)(OC)N=*"],
    ["*O[Si](*)(C)C", "*[Si](C)(C)O[Si](C)(C)O*"],
]


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda spellings: spellings[0])
def test_spellings_of_one_polymer_have_one_row(spellings):
    rows = repeat_unit_descriptors(spellings)
    np.testing.assert_allclose(rows, np.broadcast_to(rows[0], rows.shape), rtol=1e-12, atol=1e-12)


def test_different_polymers_differ():
    rows = repeat_unit_descriptors([spellings[0] for spellings in SPELLINGS] + ["*CC(C)O*", "*CCCO*"])
    assert len(np.unique(rows.round(9), axis=0)) == len(SPELLINGS) + 2


def _recut(psmiles, place):
    """Close three copies to a ring and open it at another bond of the backbone."""
    unit = Chem.MolFromSmiles(psmiles)
    stars = [atom.GetIdx() for atom in unit.GetAtoms() if not atom.GetAtomicNum()]
    inner = Chem.GetShortestPath(unit, *stars)[1:-1]
    size = unit.GetNumAtoms()
    cuts = [(inner[-1], size + inner[0])]
    for pair in pairwise(inner):
        bond = unit.GetBondBetweenAtoms(*pair)
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing():
            cuts.append(pair)
    cut = cuts[place % len(cuts)]
    ring = Chem.RWMol(Chem.CombineMols(Chem.CombineMols(unit, unit), unit))
    for copy in range(3):
        link = (copy * size + inner[-1], (copy + 1) % 3 * size + inner[0])
        ring.AddBond(*link, Chem.BondType.SINGLE)
    ring.RemoveBond(*cut)
    for atom in cut:
        ring.AddBond(atom, ring.AddAtom(Chem.Atom(0)), Chem.BondType.SINGLE)
    for star in sorted((copy * size + star for copy in range(3) for star in stars), reverse=True):
        ring.RemoveAtom(star)
    Chem.SanitizeMol(ring)
    return Chem.MolToRandomSmilesVect(ring, 1, randomSeed=place + 1)[0]


FRAGMENTS = ["C", "O", "C(C)", "C(=O)", "c1ccc(cc1)", "N", "S", "C(F)(F)", "C(c1ccccc1)", "C1CCC(CC1)", "C=C"]


@settings(max_examples=60, deadline=None)
@given(
    fragments=st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5),
    place=st.integers(0, 10),
)
def test_cut_direction_and_multiple_do_not_matter(fragments, place):
    psmiles = f"*{''.join(fragments)}*"
    rows = repeat_unit_descriptors([psmiles, _recut(psmiles, place)])
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-12, atol=1e-12)


def test_repeat_unit_row_by_hand():
    # Poly(vinyl chloride), three atoms: CH2, CHCl and Cl. Every atom has one environment for each radius.
    (row,) = repeat_unit_descriptors(["*CC(*)Cl"])
    counts, means = row[:-14], row[-14:]
    assert counts.sum() == pytest.approx(3)
    assert means[0] == pytest.approx(62.499 / 3, rel=1e-4)
    # hydrogens, aromatic, sp3, in a ring, halogen, heteroatom, donor, acceptor, rotatable bonds, polar
    np.testing.assert_allclose(3 * means[1:11], [3, 0, 3, 0, 1, 1, 0, 0, 2, 0], atol=1e-12)


@pytest.mark.parametrize("smiles", ["CC(=O)Nc1ccc(O)cc1", "OCC(F)(Cl)Br", "c1ccc2[nH]ccc2c1", "CS(=O)(=O)N1CCOCC1"])
def test_contributions_add_up_to_the_descriptors_of_rdkit(smiles):
    mol = Chem.MolFromSmiles(smiles)
    sums = atom_contributions(mol, range(mol.GetNumAtoms())).sum(axis=0)
    expected = [
        Descriptors.MolWt(mol),
        Chem.AddHs(mol).GetNumAtoms() - mol.GetNumAtoms(),
        sum(atom.GetIsAromatic() for atom in mol.GetAtoms()),
        rdMolDescriptors.CalcNumHeteroatoms(mol),
        Lipinski.NumHDonors(mol),
        Lipinski.NumHAcceptors(mol),
        rdMolDescriptors.CalcNumRotatableBonds(mol, rdMolDescriptors.NumRotatableBondsOptions.NonStrict),
        rdMolDescriptors.CalcTPSA(mol),
        Crippen.MolLogP(mol),
        Crippen.MolMR(mol),
    ]
    np.testing.assert_allclose(sums[[0, 1, 2, 6, 7, 8, 9, 10, 11, 12]], expected, rtol=1e-6)


def test_molecule_row_holds_sums_and_means():
    ethanol, butane = molecule_descriptors(["OCC", "CCCC"])
    assert ethanol[-1] == 3
    assert butane[-1] == 4
    assert ethanol[-29] == pytest.approx(46.069, rel=1e-4)
    np.testing.assert_allclose(ethanol[-15:-1], ethanol[-29:-15] / 3)
    assert ethanol[:-29].sum() == 9  # three atoms, three radii


def test_long_repeat_units():
    # rdkit stops at 1,000 matches by default; here are 900 atoms and 900 rotatable bonds.
    long, short = repeat_unit_descriptors(["*" + "CCCCO" * 60 + "*", "*CCCCO*"])
    np.testing.assert_allclose(long, short, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=r"1052 atoms .* 1000 "):
        repeat_unit_descriptors(["*" + "CCCCO" * 70 + "*"])


@pytest.mark.parametrize("describe", [repeat_unit_descriptors, molecule_descriptors])
def test_errors_name_the_row(describe):
    good = "*CC*" if describe is repeat_unit_descriptors else "CC"
    with pytest.raises(ValueError, match=r"row 1: .*nonsense"):
        describe([good, "nonsense"])
    with pytest.raises(ValueError, match="SMILES"):
        describe([])


@pytest.mark.slow
@pytest.mark.realdata
def test_real_repeat_units_do_not_depend_on_the_cut(real_data):
    table = pd.read_csv(real_data / "polymer/measured/density.csv", keep_default_na=False, na_values=[""])
    psmiles = [text for text in table["smiles"] if "*=" not in text and "=*" not in text and "(=*" not in text]
    psmiles = list(np.random.default_rng(0).choice(psmiles, 60, replace=False))
    recut = [_recut(text, place) for place, text in enumerate(psmiles)]
    np.testing.assert_allclose(repeat_unit_descriptors(psmiles), repeat_unit_descriptors(recut), rtol=1e-9, atol=1e-9)
