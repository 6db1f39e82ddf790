"""Data sheets of pairs, blends and liquids: what they read of the real files, and of a small file of one's own."""

import re

import numpy as np
import pytest
import torch

from datamodules import (
    BlendTable,
    CosmoChi,
    CosmoSolvation,
    MeasuredChi,
    MeasuredLiquids,
    MeasuredSolvation,
    PairTable,
    SimulatedLiquids,
)
from gnn_sim2real.featurize.mixture import Mixture, linkage_of, normalize
from gnn_sim2real.nn import GINE, Blend, Pair


@pytest.fixture
def blends(tmp_path):
    path = tmp_path / "blends.csv"
    path.write_text(
        "first,second,w1,w2,temp,density\n"
        "*CCO*,*CC*,0.5,0.5,20,1.0\n"
        "*CC*,*OCC*,1,1,20,1.2\n"
        "*CCO*,,1,,20,1.1\n"
        "*CCO*,*CC*,1,0,20,1.3\n"
        "*CCO*,*CC*,0.2,0.8,20,0.9\n"
        "*CCO*,*CC*,0.2,0.8,40,0.8\n"
        "*CCO*,*CC*,-1,2,20,1.0\n"
        "*CCO*,*CC*,1,1,,1.0\n"
    )
    return BlendTable(
        path=str(path),
        components=["first", "second"],
        weights=["w1", "w2"],
        property="density",
        column="density",
        unit="g/cm3",
        temperature="temp",
        temperature_unit="degC",
    )


def test_a_table_of_blends(blends):
    table = blends.table
    assert sorted(table.values[:, 0].tolist()) == pytest.approx([0.8, 0.9, 1.1, 1.2])
    assert sorted(table.num_merged.tolist()) == [1, 1, 2, 2]
    assert table.quarantine["row"].tolist() == [8, 9]
    assert re.search(r"\bweights\b.*\b0\b", table.quarantine["reason"][0])
    assert "temperature" in table.quarantine["reason"][1]
    assert len(set(table.groups)) == 2
    assert blends.conditions[0].name == "temperature"
    np.testing.assert_allclose(np.unique(blends.data_set.mixtures.conditions), [293.15, 313.15])
    encoded = Blend(GINE(hidden_dim=8, num_layers=1)).eval()(blends.store.select(torch.arange(4)))
    assert encoded.shape == (4, 8)
    assert blends.featurizer.descriptors(table.materials).shape[0] == 4


@pytest.fixture
def copolymers(tmp_path):
    path = tmp_path / "copolymers.csv"
    path.write_text(
        "a,b,x,y,kind,ea\n"
        "*CCO*,*CC(*)C#N,0.5,0.5,alternating,-1\n"
        "*CCO*,*CC(*)C#N,0.5,0.5,random,-2\n"
        "*CCO*,*CC(*)C#N,0.5,0.5,Block,-3\n"
        "*CC(*)C#N,*OCC*,1,1,0.5,-4\n"  # the second row again, as the share of its dyads
        "*CCO*,*CC(*)C#N,0.25,0.75,random,-5\n"
        "*CCO*,*CC(*)C#N,0.25,0.75,,-6\n"
        "*CCO*,,1,0,block,-7\n"
        "*CCO*,*CC(*)C#N,1,1,tapered,-8\n"
        "*CCO*,*CC(*)C#N,1,1,1.5,-9\n"
    )
    return BlendTable(str(path), ["a", "b"], "electron_affinity", "ea", "eV", weights=["x", "y"], linkage="kind")


def test_how_copolymers_are_linked(copolymers):
    table, mixtures = copolymers.table, copolymers.data_set.mixtures
    found = {(round(each.weights[0], 6), each.linkage): v for each, v in zip(mixtures, table.values[:, 0], strict=True)}
    random = pytest.approx(0.375)
    assert found[1.0, None] == -7  # a homopolymer has no other unit
    assert {linkage: value for (share, linkage), value in found.items() if share == 0.5} == {1: -1, 0.5: -3, 0.125: -3}
    others = {linkage: value for (share, linkage), value in found.items() if share in (0.25, 0.75)}
    assert others.pop(None) == -6
    assert next(iter(others)) == random
    assert table.quarantine["row"].tolist() == [9, 10]
    assert table.quarantine["reason"].str.contains("linkage").all()
    assert len(set(table.groups)) == 2  # the pair of units, linked in any way, and the homopolymer
    assert len(set(table.identities)) == len(mixtures) == 6


def test_linkage_reaches_batches_descriptors_and_predictions(copolymers, blends):
    rows = torch.arange(6)
    stored = copolymers.data_set.mixtures.linkage
    np.testing.assert_array_equal(copolymers.store.select(rows).linkage, np.nan_to_num(stored))
    np.testing.assert_array_equal(copolymers.store.take(np.array([3, 1])).linkage, np.nan_to_num(stored[[3, 1]]))
    assert blends.store.select(torch.arange(4)).linkage is None
    describe = copolymers.featurizer.descriptors
    table = copolymers.table.materials
    columns = describe(table)
    np.testing.assert_array_equal(columns[:, -1], np.nan_to_num(stored))
    table.linkage = None
    np.testing.assert_array_equal(describe(table), columns[:, :-1])


def test_a_linkage_that_cannot_be():
    with pytest.raises(ValueError, match="linkage"):
        normalize(Mixture(("*CCO*", "*CC*"), linkage=1.1))
    with pytest.raises(ValueError, match="linkage"):
        normalize(Mixture(("*CCO*", "O"), linkage=0.5), ("polymer", "solvent"))
    with pytest.raises(ValueError, match="gradient"):
        linkage_of("gradient", (1, 1))
    assert linkage_of("random", (1, 1, 2)) == pytest.approx(1 - (1 + 1 + 4) / 16)
    assert normalize(Mixture(("*CCO*", "*OCC*"), linkage=0.5)).linkage is None  # one unit, spelled in two ways


def table_of_blends(tmp_path, temperature, numbers, **settings):
    rows = "".join(f"*CCO*,*CC*,{number},{1000 + row}\n" for row, number in enumerate(numbers))
    (tmp_path / "mine.csv").write_text(f'first,second,"{temperature}",Density [kg/m3]\n{rows}')
    data = BlendTable(
        str(tmp_path / "mine.csv"),
        ["first", "second"],
        "density",
        "Density [kg/m3]",
        "g/cm3",
        temperature=temperature,
        **settings,
    )
    assert data.title == "mine.csv"
    kelvin = data.data_set.mixtures.conditions[:, 0].round(3).tolist()
    return dict(zip(kelvin, data.table.values[:, 0].round(6).tolist(), strict=True))


@pytest.mark.parametrize("heading", ["T (degC)", "temperature, oC", "T_C"])
def test_headings_of_blends_say_their_units(tmp_path, heading):
    found = table_of_blends(tmp_path, heading, [-60, 20])
    assert found == pytest.approx({213.15: 1.0, 293.15: 1.001})


def test_temperatures_of_blends_without_a_unit_that_cannot_be_kelvin(tmp_path):
    for numbers in ([20, 40, 60], [-60, 200, 210]):
        with pytest.raises(ValueError, match=r"'temp'.*mine\.csv.*degC.*`temperature_unit: degC`"):
            table_of_blends(tmp_path, "temp", numbers)
    assert table_of_blends(tmp_path, "temp", [20, 40], temperature_unit="K") == {20: 1.0, 40: 1.001}
    assert table_of_blends(tmp_path, "temp", [300, 320]) == {300: 1.0, 320: 1.001}
    with pytest.raises(ValueError, match=r"\bdegC\b.*`temperature_unit`.*\bK\b"):
        table_of_blends(tmp_path, "T (degC)", [20, 40], temperature_unit="K")
    with pytest.raises(ValueError, match=r"'oX'.*`temperature_unit`"):
        table_of_blends(tmp_path, "T (oX)", [20, 40])


ROLES = {"polymer": "unit", "solvent": "smiles"}


def table_of_pairs(tmp_path, rows, roles=ROLES, **settings):
    (tmp_path / "pairs.csv").write_text("unit,smiles,T (degC),chi\n" + "".join(f"{row}\n" for row in rows))
    settings = {"temperature": "T (degC)"} | settings
    return PairTable(str(tmp_path / "pairs.csv"), roles, "chi", "chi", "", **settings)


def test_a_table_of_pairs(tmp_path):
    rows = ["*CC*,CCO,20,0.5", "*OCC*,OCC,20,0.6", "*CCO*,OCC,20,0.8", "*CC*,O,40,1.0", "*CC*,,20,1.0", "C(,O,20,1.0"]
    data = table_of_pairs(tmp_path, rows)
    table, mixtures = data.table, data.data_set.mixtures
    assert data.title == "pairs.csv"
    assert data.roles == mixtures.roles == ("polymer", "solvent")
    found = {mixtures[row].spell(True): value for row, value in enumerate(table.values[:, 0].tolist())}
    assert sorted(found.values()) == pytest.approx([0.5, 0.7, 1.0])  # both spellings of poly(ethylene oxide) are one
    assert max(found, key=found.get) == "*CC* | O @ temperature 313.15"
    assert table.quarantine["row"].tolist() == [6, 7]
    assert len(set(table.groups)) == 3
    assert sorted(set(data.variant(group_by="solvent").table.groups)) == ["CCO", "O"]
    encoded = Pair(GINE(hidden_dim=8, num_layers=1), hidden_dim=6).eval()(data.store.select(torch.arange(3)))
    assert encoded.shape == (3, 6)


def test_source_and_target_of_pairs_need_the_same_roles(tmp_path):
    rows = [f"*{'C' * length}O*,CCO,20,{length}" for length in range(2, 12)]
    target = table_of_pairs(tmp_path, rows, test_fraction=0.3, validation_fraction=0)
    assert len(table_of_pairs(tmp_path, rows, exclude=target, validation_fraction=0).parts.train) == 7
    with pytest.raises(ValueError, match=r"polymer, liquid.*polymer, solvent|polymer, solvent.*polymer, liquid"):
        _ = table_of_pairs(tmp_path, rows, {"polymer": "unit", "liquid": "smiles"}, exclude=target).parts
    for roles in ({"polymer": "unit"}, {"a": "unit", "b": "smiles", "c": "unit"}):
        with pytest.raises(ValueError, match="components"):
            table_of_pairs(tmp_path, rows, roles)
    with pytest.raises(ValueError, match=r"'fluid'.*unit, smiles"):
        _ = table_of_pairs(tmp_path, rows, {"polymer": "unit", "solvent": "fluid"}).table
    with pytest.raises(ValueError, match="polymer, solvent"):
        table_of_pairs(tmp_path, rows, group_by="liquid")


@pytest.mark.realdata
def test_chi_as_a_table_of_ones_own(tmp_path, real_data):
    """The table of the published study, read like a user's own: the same pairs, values and groups."""
    published = MeasuredChi()
    rows = []
    for row, value in enumerate(published.table.values[:, 0].tolist()):
        pair = published.table.materials[row].spell(True).partition(" @")[0].replace(" | ", ",")
        celsius = published.data_set.mixtures.conditions[row, 0] - 273.15
        rows.append(f"{pair},{celsius:.10g},{value!r}")
    own = table_of_pairs(tmp_path, rows)
    order, other = np.argsort(own.table.identities), np.argsort(published.table.identities)
    assert len(order) == len(other) == 1190
    np.testing.assert_array_equal(own.table.values[order], published.table.values[other])
    assert np.array(own.table.groups)[order].tolist() == np.array(published.table.groups)[other].tolist()


def test_columns_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\b2\b.*\b1\b"):
        BlendTable(path="x", components=["a", "b"], weights=["w"], property="density", column="d", unit="g/cm3")


@pytest.mark.realdata
class TestRealData:
    def test_chi(self, real_data):
        simulated, measured = CosmoChi(), MeasuredChi(group_by="polymer", test_fraction=0.2)
        assert len(simulated.table.identities) == 1206
        assert len(measured.table.identities) == 1190
        assert int(np.isfinite(measured.table.simulated).sum()) == 1178
        assert len(set(measured.table.groups)) == 45
        kelvin = measured.data_set.mixtures.conditions
        assert (kelvin.min(), kelvin.max()) == pytest.approx((273.15, 502.15))
        source = simulated.variant(exclude=measured)
        polymers = source.data_set.groups_by("polymer")
        assert not {polymers[row] for row in source.parts.train.tolist()} & measured.splitter.test_groups
        assert len(MeasuredChi(require_simulated=True).table.identities) == 1178
        tested = [set(measured.variant(split=split).splitter.test_groups) for split in range(5)]
        assert set.union(*tested) == set(measured.table.groups)
        assert sum(map(len, tested)) == 45

    def test_new_pairs_of_chi_have_known_polymers(self, real_data):
        measured = MeasuredChi(require_simulated=True, test_fraction=0.2)
        source = CosmoChi(exclude=measured)
        pairs, polymers = source.data_set.groups_by("mixture"), source.data_set.groups_by("polymer")
        used = source.parts.train.tolist() + source.parts.validation.tolist()
        assert not {pairs[row] for row in used} & measured.splitter.test_groups
        tested = {measured.data_set.groups_by("polymer")[row] for row in measured.parts.test.tolist()}
        assert len(tested & {polymers[row] for row in used}) > 0.8 * len(tested)

    def test_measured_solvation(self, real_data):
        measured = MeasuredSolvation(group_by="solute", size_by="groups", size=100, test_fraction=0.2)
        assert len(measured.table.identities) == 8691
        assert len(set(measured.table.groups)) == 1305
        assert len(measured.data_set.mixtures.components) == 1382
        assert measured.parts.size == 100

    @pytest.mark.slow
    def test_cosmo_solvation(self, real_data):
        simulated = CosmoSolvation()
        assert len(simulated.table.identities) == 270_933
        assert len(simulated.data_set.mixtures.components) == 10_930
        assert len(simulated.store.components) == 10_930

    @pytest.mark.slow
    def test_liquids(self, real_data):
        assert len(SimulatedLiquids(["density", "cohesive_energy"]).table.identities) == 6284
        assert len(SimulatedLiquids(["density"], max_extrapolation=50).table.identities) == 3823
        liquids = MeasuredLiquids("density")
        assert len(liquids.table.identities) == 888
        assert set(liquids.table.quarantine["reason"].str.partition(":")[0]) == {"solid at 298 K"}
        assert len(MeasuredLiquids("boiling_point").table.identities) == 1114
