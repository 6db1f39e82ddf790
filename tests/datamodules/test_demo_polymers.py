import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from datamodules.demo import polymers
from datamodules.demo.measured import demo_target
from datamodules.demo.polymers import demo_source, generate_repeat_units, simulated_refractive_index
from gnn_sim2real.featurize import identity
from gnn_sim2real.featurize.identity import repeat_unit_identity


@pytest.fixture(scope="module")
def units():
    """All that are enumerated, some of them twice, since to compare 4,000 identities takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "repeat_unit_identity", str)
        return generate_repeat_units()


@pytest.fixture(scope="module")
def source(units):
    """Every 20th polymer with its simulated value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polymers, "generate_repeat_units", lambda: units[::20])
        return demo_source()


@pytest.fixture(scope="module")
def target():
    frame = demo_target()
    frame["simulated"] = [simulated_refractive_index(smiles) for smiles in frame["smiles"]]
    return frame


def test_source_has_a_few_thousand_different_polymers(units, source):
    assert list(source.columns) == ["smiles", "refractive_index"]
    assert list(source["smiles"]) == units[::20]
    assert 4202 <= len(units) < 5000
    assert all(smiles.count("*") == 2 for smiles in units)


def test_source_values_are_physical(source):
    # The least and most refractive polymers known lie near 1.29 and 1.8.
    assert source["refractive_index"].between(1.25, 1.8).all()
    assert source["refractive_index"].std() > 0.04


def test_source_is_the_same_everywhere(units, source):
    assert units[0] == "*CC(*)C(=O)OC"
    assert units[-1] == "*Oc1c(Br)cc(cc1Br)C(C)(C)c1cc(Br)c(c(Br)c1)Oc1ccc(cc1)C(=O)c1ccc(cc1)C(=O)c1ccc(cc1)*"
    assert source["refractive_index"].mean() == pytest.approx(1.497130, abs=1e-6)


@pytest.mark.release
def test_the_whole_source(target):
    source = demo_source()
    assert list(source["smiles"]) == generate_repeat_units()
    identities = {repeat_unit_identity(smiles) for smiles in source["smiles"]}
    assert len(source) == len(identities) == 4202
    assert source["refractive_index"].between(1.25, 1.8).all()
    assert source["refractive_index"].mean() == pytest.approx(1.486987, abs=1e-6)
    covered = [repeat_unit_identity(smiles) in identities for smiles in target["smiles"]]
    assert np.mean(covered) > 0.9


@pytest.mark.parametrize(
    "spellings",
    [
        ("*CCO*", "*COC*", "*OCC*", "*CCOCCO*"),
        ("*C*", "*CC*", "*CCC*"),
        ("*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*CC(c1ccccc1)CC(*)c1ccccc1", "*CC(*)C1=CC=CC=C1"),
        ("*C(=O)CCCCC(=O)NCCCCCCN*", "*CCC(=O)NCCCCCCNC(=O)CC*"),
        ("*c1ccc(cc1)O*", "*Oc1ccc(cc1)*", "*c1ccc(cc1)Oc1ccc(cc1)O*"),
        ("*C=C*", "*=CC=*"),
        ("*[Si](C)(C)O*", "*O[Si](C)(C)*"),
        ("*N=P(*)(OC)OC", "*P(OC)(OC)=N*"),
    ],
)
def test_value_depends_on_the_chain_only(spellings):
    values = [simulated_refractive_index(spelling) for spelling in spellings]
    assert values == pytest.approx([values[0]] * len(values), abs=1e-12)


def _double(psmiles):
    """The unit joined to a copy of itself, tail to head."""
    first, second = (Chem.MolFromSmiles(psmiles) for _ in range(2))
    pair = Chem.RWMol(Chem.CombineMols(first, second))
    stars = [atom.GetIdx() for atom in pair.GetAtoms() if not atom.GetAtomicNum()]
    tail, head = (pair.GetAtomWithIdx(star).GetNeighbors()[0].GetIdx() for star in stars[1:3])
    pair.AddBond(tail, head, Chem.BondType.SINGLE)
    for star in sorted(stars[1:3], reverse=True):
        pair.RemoveAtom(star)
    return Chem.MolToSmiles(pair)


@settings(max_examples=30)
@given(data=st.data())
def test_value_of_a_doubled_unit(units, data):
    unit = data.draw(st.sampled_from(units))
    assert simulated_refractive_index(_double(unit)) == pytest.approx(simulated_refractive_index(unit), abs=1e-9)


def test_value_by_hand():
    # Polyethylene, per CH2: Crippen C1 and two H1; Zhao's atoms less three bonds.
    refraction = 2.503 + 2 * 1.057
    volume = 1.60 * 0.602214076 * (20.58 + 2 * 7.24 - 3 * 5.92)
    x = refraction / volume
    assert simulated_refractive_index("*CC*") == pytest.approx(np.sqrt((1 + 2 * x) / (1 - x)))


@pytest.mark.parametrize(
    ("psmiles", "measured"),
    [
        ("*CC*", 1.49),
        ("*CC(*)(C)C(=O)OC", 1.491),
        ("*CC(*)c1ccccc1", 1.592),
        ("*[Si](C)(C)O*", 1.4035),
        ("*C(F)(F)C(F)(F)*", 1.35),
        ("*CC(*)Cl", 1.54),
        ("*CC(*)n1c2ccccc2c2ccccc12", 1.683),
        ("*Oc1ccc(cc1)C(C)(C)c1ccc(cc1)OC(=O)*", 1.585),
    ],
)
def test_value_is_near_the_measured_one(psmiles, measured):
    assert simulated_refractive_index(psmiles) == pytest.approx(measured, abs=0.1)


def test_order_of_polymer_classes():
    fluoropolymer, polyethylene, aromatic = map(
        simulated_refractive_index, ("*C(F)(F)C(F)(F)*", "*CC*", "*CC(*)c1ccccc1")
    )
    assert fluoropolymer < polyethylene - 0.1
    assert aromatic > polyethylene + 0.05


def test_element_without_volume_is_refused():
    with pytest.raises(ValueError, match=r"\bSe\b.*'\*CC\[Se\]\*'"):
        simulated_refractive_index("*CC[Se]*")


def test_target_is_a_table_of_different_polymers_with_references(target):
    assert list(target.columns)[:4] == ["name", "smiles", "refractive_index", "reference"]
    assert len(target) == 21
    assert target["name"].is_unique
    assert len({repeat_unit_identity(smiles) for smiles in target["smiles"]}) == len(target)
    assert target["refractive_index"].between(1.3, 1.7).all()
    assert target["reference"].str.contains(r"\d{4}|Solvay").all()


def test_simulation_is_correlated_but_biased(target):
    measured, simulated = target["refractive_index"], target["simulated"]
    assert np.corrcoef(measured, simulated)[0, 1] > 0.8
    assert (simulated - measured).mean() == pytest.approx(-0.054, abs=0.01)


@pytest.mark.realdata
def test_target_agrees_with_a_public_compilation(real_data, target):
    table = pd.read_csv(real_data / "polymer/ri_gpt/forpub2.csv", encoding="utf-8-sig")
    known = dict(zip(map(repeat_unit_identity, table["SMILES"]), table["Experimental n"], strict=True))
    for row in target.itertuples():
        assert row.refractive_index == pytest.approx(known[repeat_unit_identity(row.smiles)], abs=0.01 + 1e-9), row.name
