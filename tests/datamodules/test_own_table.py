"""A user's own table at several conditions, and of values that span decades."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from datamodules import BlendTable, PairTable, Table
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.conditions import AtConditions, ConditionTable
from gnn_sim2real.featurize.featurizer import get_featurizer, load_featurizer, same_graphs
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.tables.conditions import ConditionsVaryError, read_where
from gnn_sim2real.tables.transforms import with_transforms
from gnn_sim2real.tasks.checks import require_same_graphs

UNITS = ("*CC*", "*CCO*", "*CC(C)*", "*CC(*)c1ccccc1", "*CC(C)O*", "*CC(=O)O*", "*CCCCO*", "*CC(F)*")
TEMPERATURES = (25.0, 60.0, 90.0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))


def save(path, rows, columns):
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def conductivities(tmp_path):
    rows = [
        (unit, at, 10.0 ** (-8 + number / 2 + at / 30), f"sample {number}")
        for number, unit in enumerate(UNITS)
        for at in TEMPERATURES
    ]
    rows += [("*OCC*", 60.0, 1e-5, "again"), ("*CC*", 120.0, 0.0, "zero"), ("*CC*", None, 1e-7, "nowhere")]
    return save(tmp_path / "mine.csv", rows, ["smiles", "T [degC]", "sigma [S/cm]", "label"])


def read(path, **settings):
    given = {"property": "ionic_conductivity", "column": "sigma [S/cm]", "unit": "S/cm", "transform": "log10"}
    return Table(path, **{**given, "conditions": {"temperature": "T [degC]"}, **settings})


def test_each_row_is_a_material_at_its_temperature(conductivities):
    data = read(conductivities, test_fraction=0.25, validation_fraction=0.25)
    table = data.table
    assert len(table.identities) == len(UNITS) * len(TEMPERATURES)
    assert len(set(table.groups)) == len(UNITS)
    assert isinstance(table.materials, ConditionTable)
    assert len(table.materials.materials) == len(UNITS)
    row = table.materials[5]
    assert table.identities[5] == f"{table.groups[5]} @ temperature {row.conditions['temperature']:.6g}"
    assert sorted({each.conditions["temperature"] for each in table.materials}) == [298.15, 333.15, 363.15]
    assert dict(zip(table.quarantine["row"], table.quarantine["reason"], strict=True)) == {
        27: "not above 0, so that it has no logarithm: 0",
        28: "no temperature",
    }
    groups = [{table.groups[row] for row in part.tolist()} for part in vars(data.parts).values() if len(part)]
    assert not set.intersection(*groups[:2])
    assert not {table.groups[row] for row in data.parts.train} & {table.groups[row] for row in data.parts.test}
    assert data.card()["conditions"] == {"temperature": "K"}
    assert data.card()["transform"] == {"ionic_conductivity": "log10"}
    plain = read(conductivities, transform=None, test_fraction=0.25, validation_fraction=0.25, where="T = 60")
    assert "transform" not in plain.key_content()
    assert data.key_content()["transform"] == {"ionic_conductivity": "log10"}


def test_two_measurements_of_one_state_meet_in_the_middle_of_their_logarithms(conductivities):
    """1e-5 and 10**-5.5 of the same unit at 60 degC, differently spelled."""
    table = read(conductivities).table
    row = next(
        row
        for row, each in enumerate(table.materials)
        if table.num_merged[row] == 2 and each.conditions["temperature"] == 333.15
    )
    assert table.values[row, 0] == pytest.approx(10**-5.25)
    assert table.spread[row, 0] == pytest.approx(0.25)


def test_a_batch_has_the_conditions_and_the_graph_only_once(conductivities):
    data = read(conductivities)
    assert data.store.num_graphs == len(UNITS)
    rows = torch.arange(len(data.table.identities))
    batch = data.store.select(rows)
    wanted = torch.tensor([each.conditions["temperature"] for each in data.table.materials])
    assert torch.allclose(batch.conditions[:, 0], wanted)
    atoms = torch.bincount(batch.batch_index)
    assert atoms.tolist() == data.data_set.num_atoms.tolist()
    in_memory = store_of(list(data.table.materials), data.featurizer).select(rows)
    assert torch.equal(in_memory.atomic_number, batch.atomic_number)
    assert torch.equal(in_memory.conditions, batch.conditions)


def test_descriptors_end_with_the_conditions(conductivities):
    data = read(conductivities)
    described = data.featurizer.descriptors(data.table.materials)
    pure = get_featurizer("repeat_unit").descriptors([each.material for each in data.table.materials])
    assert np.array_equal(described[:, :-1], pure)
    assert described[:, -1].tolist() == [each.conditions["temperature"] for each in data.table.materials]
    with pytest.raises(ValueError, match="temperature"):
        data.featurizer.descriptors(["*CC*"])


def test_a_model_of_pure_materials_has_the_same_graphs_and_no_conditions(conductivities):
    at, pure = read(conductivities), read(conductivities, conditions=None, at={"T [degC]": 60})
    assert same_graphs(at.featurizer.describe(), pure.featurizer.describe())
    assert load_featurizer(at.featurizer.describe()).describe() == at.featurizer.describe()
    with pytest.raises(CheckpointError, match="temperature"):
        require_same_graphs(at.featurizer.describe(), pure)


def test_asked_materials_are_read_at_their_conditions(conductivities, tmp_path):
    asked = save(
        tmp_path / "asked.csv",
        [("*CCO*", 40.0, "a"), ("*CCO*", None, "b"), ("nonsense", 40.0, "c")],
        ["smiles", "T [degC]", "name"],
    )
    predictor = read(conductivities, predict_path=asked).predictor
    assert [each.conditions["temperature"] for each in predictor.readable] == [313.15]
    assert float(predictor.store.conditions_of(torch.tensor([0]))[0, 0]) == pytest.approx(313.15)
    assert [reason is None for _, reason in predictor.materials] == [True, False, False]
    assert predictor.materials[1][1].startswith("no temperature")
    assert predictor.other_columns["name"] == ["a", "b", "c"]
    without = save(tmp_path / "none.csv", [("*CCO*",)], ["smiles"])
    with pytest.raises(ValueError, match=r"T \[degC\]"):
        _ = read(conductivities, predict_path=without).predictor.materials


def test_rows_that_vary_are_refused_with_the_way_out(conductivities):
    with pytest.raises(ConditionsVaryError, match=r"conditions: \{t: \{column: T \[degC\]\}\}"):
        _ = read(conductivities, conditions=None).table


@pytest.mark.parametrize(
    ("where", "kept"),
    [("T = 60", 8), ("T = 333 +- 1 K", 8), ("T [degC] = 75 +- 15", 16), ("label = sample 3", 3)],
)
def test_rows_chosen_in_words(conductivities, where, kept):
    data = read(conductivities, where=where, conditions=None if "label" not in where else {"temperature": "T [degC]"})
    if where == "T [degC] = 75 +- 15":
        data = read(conductivities, where=where)
    assert len(data.table.identities) == kept


def test_words_that_choose_nothing(conductivities):
    columns = ["T [degC]", "p", "temperature"]
    assert read_where("p = 1e5 and T = 298 +- 5 K", columns, "t.csv") == {
        "p": [1e5, 1e5],
        "T [degC]": pytest.approx([19.85, 29.85]),
    }
    assert read_where("temperature = 300 K", columns, "t.csv") == {"temperature": [300, 300]}
    for wrong in (
        "T",
        "T = ",
        "T > 5",
        "x = 3",
        "p = 3 bar",
        "T = 3 eV",
        "T = 25..60",
        "T = 25 +- -5",
        "T = 1 and T = 2",
    ):
        with pytest.raises(ValueError, match=r"`where`|convert|T \[degC\]"):
            read_where(wrong, columns, "t.csv")
    with pytest.raises(ValueError, match="leave one"):
        _ = read(conductivities, where="T = 60", at={"T [degC]": 60}, conditions=None).table


def test_a_condition_of_another_kind(tmp_path):
    rows = [(unit, f, 2.0 + f / 1e3) for unit in UNITS for f in (1.0, 1000.0)]
    path = save(tmp_path / "dielectric.csv", rows, ["smiles", "f [kHz]", "eps"])
    settings = {"property": "dielectric_constant", "unit": "", "column": "eps"}
    data = Table(path, **settings, conditions={"frequency": {"column": "f [kHz]", "unit": "Hz"}})
    with pytest.raises(ValueError, match="kHz"):
        _ = data.table
    data = Table(path, **settings, conditions={"frequency": {"column": "f [kHz]"}})
    assert [(each.name, each.unit) for each in data.conditions] == [("frequency", "kHz")]
    assert len(data.table.identities) == 2 * len(UNITS)
    for wrong in ({"temperature": {"unit": "K"}}, {"temperature": {"column": "f [kHz]", "unit": "eV"}}):
        with pytest.raises(ValueError, match="temperature"):
            Table(path, **settings, conditions=wrong)


def test_mixtures_take_any_condition(tmp_path):
    rows = [(unit, "O", at, p, 0.5) for unit in UNITS for at in (300.0, 350.0) for p in (1.0, 2.0)]
    path = save(tmp_path / "pairs.csv", rows, ["unit", "solvent", "T [K]", "p [bar]", "chi"])
    pairs = {"components": {"polymer": "unit", "solvent": "solvent"}, "property": "chi", "column": "chi", "unit": ""}
    data = PairTable(path, **pairs, temperature="T [K]", conditions={"pressure": "p [bar]"})
    assert [(each.name, each.unit) for each in data.conditions] == [("temperature", "K"), ("pressure", "bar")]
    assert len(data.table.identities) == len(rows)
    chosen = PairTable(path, **pairs, temperature="T [K]", where="p = 1")
    assert len(chosen.table.identities) == len(rows) / 2
    with pytest.raises(ValueError, match="not both"):
        PairTable(path, **pairs, temperature="T [K]", conditions={"temperature": "T [K]"})
    blends = BlendTable(path, ["unit", "solvent"], "chi", "chi", "", conditions={"temperature": "T [K]"}, where="p = 2")
    assert len(blends.table.identities) == len(rows) / 2


def test_any_table_is_learned_as_logarithms(conductivities):
    """Also one whose reader knows nothing of logarithms."""
    plain = read(conductivities, transform=None, property="mine").table
    assert (plain.values == 0).sum() == 1
    found = with_transforms(plain, {"mine": "log10"}, "mine.csv")
    assert found.properties[0].transform == "log10"
    assert len(found.identities) == len(plain.identities) - 1
    assert (found.quarantine["row"] == 27).sum() == 1
    assert np.isnan(found.spread).all()
    with pytest.raises(ValueError, match="no_such"):
        _ = read(conductivities, transform={"no_such": "log10"}).table
    with pytest.raises(ValueError, match="above 0"):
        with_transforms(replace(plain, values=-plain.values), {"mine": "log10"}, "mine.csv")


def test_a_table_of_conditions_is_sliced_like_a_list():
    table = ConditionTable.of([AtConditions("*CC*", {"temperature": t}) for t in (300, 310)], ("temperature",))
    assert len(table.materials) == 1
    assert [each.conditions["temperature"] for each in table[1:]] == [310.0]
    assert table.take(np.array([1])).without_unused()[0] == table[1]
    with pytest.raises(ValueError, match="above 0 K"):
        ConditionTable.of([AtConditions("*CC*", {"temperature": -1})], ("temperature",))


def test_precise_values_count_more(tmp_path):
    rows = [(unit, 300.0, 1.0 + number, 0.1 * 2**number) for number, unit in enumerate(UNITS)]
    rows += [("*CC*", 300.0, 1.2, 0.1), ("*OCC*", 300.0, 2.0, None)]
    path = save(tmp_path / "mine.csv", rows, ["smiles", "T", "Tg [degC]", "err"])
    data = Table(
        path,
        property="glass_transition",
        column="Tg [degC]",
        unit="K",
        uncertainty_column="err",
        lower=0,
        validation_fraction=0,
    )
    table = data.table
    said = dict(zip(table.materials, table.uncertainty[:, 0].tolist(), strict=True))
    assert said["*CC*"] == pytest.approx(0.1 / 2**0.5)  # two measurements, and a difference of 1 degC is one of 1 K
    assert said["*CC(C)*"] == pytest.approx(0.4)
    weights = dict(zip(table.materials, data.data_set.loss_weights[:, 0].tolist(), strict=True))
    assert float(data.data_set.loss_weights.mean()) == pytest.approx(1.0)
    typical = np.nanmedian(table.uncertainty)
    assert weights["*CC*"] / weights["*CC(F)*"] == pytest.approx((12.8**2 + typical**2) / (0.1**2 / 2 + typical**2))
    batch = data.part("train")[torch.tensor([0])]
    assert batch.loss_weights.shape == (1, 1)
    plain = Table(path, property="glass_transition", column="Tg [degC]", unit="K", lower=0, validation_fraction=0)
    assert plain.data_set.loss_weights is None
    assert data.key_content().keys() - plain.key_content().keys() == {"loss_weights"}
    logs = Table(path, property="x", column="Tg [degC]", unit="degC", uncertainty_column="err", transform="log10").table
    found = dict(zip(logs.materials, logs.uncertainty[:, 0].tolist(), strict=True))
    assert found["*CC(C)*"] == pytest.approx(0.4 / (3.0 * np.log(10)))
    with pytest.raises(ValueError, match="smiles"):
        _ = Table(path, property="x", column="Tg [degC]", unit="degC", uncertainty_column="smiles").table


def test_errors_are_in_the_unit_of_their_heading_and_those_that_say_nothing_are_told(tmp_path, caplog):
    errors = ("0.1", "0", "-2", "abc", "", "1e300", "10%", "0.3")
    rows = [(unit, 1.0 + number, error, 20.0) for number, (unit, error) in enumerate(zip(UNITS, errors, strict=True))]
    path = save(tmp_path / "mine.csv", rows, ["smiles", "density [g/cm3]", "error [kg/m3]", "relative error [%]"])
    given = {"property": "density", "column": "density [g/cm3]", "unit": "g/cm3"}
    table = Table(path, **given, uncertainty_column="error [kg/m3]").table
    said = dict(zip(table.materials, table.uncertainty[:, 0].tolist(), strict=True))
    assert said["*CC*"] == pytest.approx(1e-4)
    assert sum(np.isfinite(list(said.values()))) == 2
    assert [record.args[0] for record in caplog.records if "error" in record.getMessage()] == [5]
    with pytest.raises(ValueError, match="%"):
        _ = Table(path, **given, uncertainty_column="relative error [%]").table


def test_a_variant_on_another_scale_is_read_again(conductivities):
    logs = read(conductivities)
    plain = logs.variant(transform=None)
    assert plain.table.properties[0].transform is None
    assert plain.table.fingerprint() == read(conductivities, transform=None).table.fingerprint()
    assert plain.variant(transform="log10").table.fingerprint() == logs.table.fingerprint()


@pytest.mark.parametrize("wrong", [{"censored": "foo"}, {"transform": "ln"}])
def test_a_setting_that_is_none_of_those_accepted(conductivities, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        read(conductivities, **wrong)


@pytest.mark.parametrize("wrong", [{"temperature": None}, {"": {"column": "T [degC]", "unit": "degC"}}])
def test_conditions_that_say_nothing(conductivities, wrong):
    with pytest.raises(ValueError, match="condition"):
        read(conductivities, conditions=wrong)


def test_several_properties_each_from_the_materials_that_have_it(tmp_path):
    rows = [
        (unit, 300.0 + number if number % 2 else None, 1.0 + number / 10 if number % 3 else None)
        for number, unit in enumerate(UNITS)
    ]
    path = save(tmp_path / "mine.csv", rows, ["smiles", "Tg [K]", "density [kg/m3]"])
    given = {"property": "glass_transition", "column": "Tg [K]", "unit": "K", "validation_fraction": 0}
    data = Table(
        path, **given, further={"density": {"unit": "g/cm3", "file_unit": "g/cm3", "column": "density [kg/m3]"}}
    )
    with pytest.raises(ValueError, match="kg/m3"):
        _ = data.table
    rows = [(unit, tg, None if rho is None else 1000 * rho) for unit, tg, rho in rows]
    path = save(tmp_path / "mine.csv", rows, ["smiles", "Tg [K]", "density [kg/m3]"])
    data = Table(path, **given, further={"density": {"unit": "g/cm3"}}, transform={"density": "log10"})
    assert [(each.name, each.unit, each.transform) for each in data.properties] == [
        ("glass_transition", "K", None),
        ("density", "g/cm3", "log10"),
    ]
    assert np.isfinite(data.table.values).sum(axis=0).tolist() == [4, 5]
    assert len(data.table.identities) == 6  # two have neither
    for wrong in (
        {"density": {"column": "x"}},
        {"density": {"unit": "eV"}},
        {"density": {"unit": "g/cm3", "lower": "0"}},
    ):
        with pytest.raises(ValueError, match="density"):
            Table(path, **given, further=wrong)
