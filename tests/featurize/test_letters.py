"""SMILES hold ASCII letters only, and those that are too large are refused before rdkit crashes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.featurize.chain import MAX_ATOMS, read_smiles
from gnn_sim2real.featurize.identity import molecule_identity, repeat_unit_identity
from gnn_sim2real.featurize.mixture import component_identity
from gnn_sim2real.featurize.repeat_unit import featurize_molecule, featurize_repeat_unit

DOORS = [repeat_unit_identity, molecule_identity, component_identity, featurize_repeat_unit, featurize_molecule]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("smiles", "point"),
    [
        ("*CC(*)\u041e", "U+041E"),
        ("CC\u041e", "U+041E"),
        ("\u0421\u0421O", "U+0421"),
        ("CC\u2217", "U+2217"),
        ("*CC(*)\u200bc1ccccc1", "U+200B"),
        ("C\x00C", "U+0000"),
    ],
)
def test_a_foreign_letter_is_named(door, smiles, point):
    with pytest.raises(ValueError, match=point.replace("+", r"\+")):
        door(smiles)


@given(st.text("\u200b\u200c\u200d\u2060\ufeff \t", max_size=4), st.text("\u200b\ufeff \n", max_size=4))
def test_marks_without_width_at_the_ends_do_not_count(before, after):
    assert repeat_unit_identity(f"{before}*CC(*)C{after}") == repeat_unit_identity("*CC(*)C")


@given(st.text(st.characters(min_codepoint=128, exclude_categories=["Zs", "Cs"]), min_size=1, max_size=2))
def test_no_foreign_letter_changes_a_molecule_silently(letters):
    with pytest.raises(ValueError, match=r"U\+"):
        molecule_identity(f"CC{letters}O")


@pytest.mark.parametrize(
    ("smiles", "instead"),
    [
        ("C=C", "*CC*"),
        ("[R]CC[R]", "*CC*"),
        ("{[$]CC[$]}", "BigSMILES"),
        ("InChI=1S/CH4/h1H4", "InChI"),
        ("*CC*.*CO*", "BlendTable"),
    ],
)
def test_a_refusal_names_what_to_write(smiles, instead):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011
        repeat_unit_identity(smiles)
    assert instead in str(refusal.value)


@pytest.mark.parametrize(
    "smiles",
    [
        f"*{'C' * 20_000}*",
        f"*{'C(C)' * 5_000}*",
        "C" * 20_000,
        f"C{'(C' * 5_000}{')' * 5_000}",
        "C(" * 40_000,
    ],
    ids=["chain", "branches", "molecule", "nested", "unclosed"],
)
def test_a_whole_chain_is_refused(smiles):
    with pytest.raises(ValueError, match=r"accepted"):
        component_identity(smiles)


def test_the_largest_chain_is_read_quickly():
    began = time.process_time()
    unit = f"*{'CO' * (MAX_ATOMS // 2 - 2)}CC*"
    assert repeat_unit_identity(unit).count(".") == MAX_ATOMS - 3
    assert time.process_time() - began < 5  # 100 s when fragments were cut out one by one


@pytest.mark.parametrize("smiles", ["*C~C*", "*C:C*", "*CC(*)~c1ccccc1", "C~C", "*CC(*)[Fe]~O"])
def test_a_bond_without_an_order_is_refused(smiles):
    with pytest.raises(ValueError, match=r"-.*=.*#"):
        read_smiles(smiles)


@pytest.mark.parametrize("smiles", ["*c1:c:c:c:c:c:1*", "[*:1]CC[*:2]", "*CC(*)O->[Fe]", "c1:c:c:c:c:c:1"])
def test_bonds_that_have_an_order_are_read(smiles):
    assert read_smiles(smiles).GetNumAtoms() > 3
