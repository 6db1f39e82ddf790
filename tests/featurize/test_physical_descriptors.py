"""RDKit's two-dimensional descriptors of molecules, polymers and mixtures."""

import numpy as np
import pytest
from rdkit import Chem

from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.mixture import Mixture, MixtureTable, normalize
from gnn_sim2real.featurize.physical_descriptors import (
    capped_oligomer,
    closed_ring,
    physical_descriptors,
    physical_names,
)


def test_values_of_ethanol():
    found = dict(zip(physical_names(), physical_descriptors(["CCO"])[0], strict=True))
    assert found["MolWt"] == pytest.approx(46.07, abs=0.01)
    assert found["TPSA"] == pytest.approx(20.23, abs=0.01)
    assert found["NumHDonors"] == 1
    assert not any(name.startswith("fr_") or name == "Ipc" for name in found)


@pytest.mark.parametrize(
    ("psmiles", "wanted"),
    [
        ("*CC(*)C", "CCC(C)CC(C)CC(C)C"),
        ("*COC*", "CCCOCCOCCOC"),
        ("*=CC=*", "C=CC=CC=CC=C"),
        ("*c1ccc(*)cc1", "Cc1ccc(-c2ccc(-c3ccc(C)cc3)cc2)cc1"),
        ("*O[Si](*)(C)C", "CO[Si](C)(C)O[Si](C)(C)O[Si](C)(C)C"),
    ],
)
def test_three_copies_between_methyl_groups(psmiles, wanted):
    assert Chem.MolToSmiles(capped_oligomer(psmiles)) == Chem.CanonSmiles(wanted)


@pytest.mark.parametrize(
    ("psmiles", "wanted"),
    [
        ("*CC*", "C1" + "C" * 10 + "C1"),
        ("*O[Si](*)(C)C", "O1[Si](C)(C)" + "O[Si](C)(C)" * 4 + "O[Si]1(C)C"),
        ("*=CC=*", "C1=C" + "C=C" * 5 + "1"),
        ("*C(=O)c1ccc(cc1)C(=O)OCCO*", "O=C1c2ccc(cc2)C(=O)OCCOC(=O)c2ccc(cc2)C(=O)OCCO1"),
    ],
)
def test_a_ring_of_twelve_pieces_or_more(psmiles, wanted):
    assert Chem.MolToSmiles(closed_ring(psmiles)) == Chem.CanonSmiles(wanted)


@pytest.mark.parametrize(
    "spellings",
    [["*CCO*", "*COC*", "*CCOCCO*"], ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*C[C@H](*)c1ccccc1"], ["CCO", "OCC"]],
    ids=lambda each: each[0],
)
def test_spellings_of_one_material_have_one_row(spellings):
    rows = physical_descriptors(spellings)
    np.testing.assert_allclose(rows, np.broadcast_to(rows[0], rows.shape), rtol=1e-9, atol=1e-9)


def test_all_numbers_are_finite_and_bounded():
    rows = physical_descriptors(["[Na+].[Cl-]", "*[Si](C)(C)[Si](*)(C)C", "C", "[2H]O[2H]", "C" * 300])
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() <= 1e6


def test_what_cannot_be_described():
    with pytest.raises(ValueError, match="nothing"):
        physical_descriptors([])
    with pytest.raises(ValueError, match="row 1"):
        physical_descriptors(["CCO", "not a molecule"])


def test_mixtures_have_those_of_their_components():
    conditions = ("temperature",)
    pair = normalize(Mixture(("*CCO*", "CCO"), None, {"temperature": 300.0}), ("polymer", "solvent"), conditions)
    table = MixtureTable.from_mixtures([pair], ("polymer", "solvent"), conditions)
    kind = get_featurizer("mixture", roles=("polymer", "solvent"), conditions=conditions)
    own = physical_descriptors(["*CCO*", "CCO"])
    np.testing.assert_allclose(kind.physical_descriptors(table), [[*own[0], *own[1], 300.0]])
    blend = MixtureTable.from_mixtures(
        [normalize(Mixture(("*CCO*", "*CC*"), (3, 1))), normalize(Mixture(("*CC*",)))], (), ()
    )
    rows, parts = get_featurizer("mixture").physical_descriptors(blend), physical_descriptors(["*CCO*", "*CC*"])
    np.testing.assert_allclose(rows, [0.75 * parts[0] + 0.25 * parts[1], parts[1]], rtol=1e-6)
    with pytest.raises(ValueError, match="MixtureTable"):
        get_featurizer("mixture").physical_descriptors([pair])


def test_every_kind_of_material_has_them():
    for kind, materials in (
        ("molecule", ["CCO", "C"]),
        ("repeat_unit", ["*CCO*"]),
        ("composition", ["SiO2"]),
    ):
        rows = get_featurizer(kind).physical_descriptors(materials)
        assert len(rows) == len(materials)
        assert np.isfinite(rows).all()


def test_elements_without_charges_are_described_with_zeros():
    """RDKit gives NaN there, which is not a search that Ctrl-C has cut short."""
    found = dict(zip(physical_names(), physical_descriptors(["C[Se]C"])[0], strict=True))
    assert found["MaxPartialCharge"] == 0
    assert found["MolWt"] == pytest.approx(109.03, abs=0.01)


def test_they_are_those_of_rdkit_one_by_one():
    # What descriptors share is found once; each alone, of a fresh molecule, gives the same.
    from rdkit.Chem import Descriptors

    smiles = "CC(=O)Nc1ccc(O)cc1F"
    alone = dict(Descriptors.descList)
    wanted = [alone[name](Chem.MolFromSmiles(smiles)) for name in physical_names()]
    assert physical_descriptors([smiles])[0].tolist() == wanted


def test_a_molecule_without_heavy_atoms_is_described():
    (found,) = physical_descriptors(["[H][H]"])
    assert np.isfinite(found).all()
    assert found[physical_names().index("MolWt")] == pytest.approx(2.016)
