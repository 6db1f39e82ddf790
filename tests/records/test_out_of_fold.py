"""Out-of-fold predictions: who predicts whom, intervals, and the files of `fit --kfold`."""

import csv

import numpy as np
import pandas as pd
import pytest
import yaml

from datamodules import Table
from gnn_sim2real.cli.main import main
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.records.out_of_fold import (
    OutOfFold,
    cross_validate,
    is_out_of_fold,
    name_figures,
    write_out_of_fold,
)

UNITS = ("*CC*", "*CCO*", "*CC(C)*", "*CC(*)c1ccccc1", "*CC(C)O*", "*CC(=O)O*", "*CCCCO*", "*CC(F)*", "*CC(Cl)*")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path):
    rows = [
        (unit, t, 10.0 ** (-number - t / 100), f"=name {number}", t)
        for number, unit in enumerate(UNITS)
        for t in (300, 400)
    ]
    path = tmp_path / "mine.csv"
    frame = pd.DataFrame(rows, columns=["smiles", "T [K]", "sigma", "sample", "lab"])
    frame.assign(fold="theirs").to_csv(path, index=False)
    return str(path)


def read(table, **settings):
    own = {"property": "ionic_conductivity", "column": "sigma", "unit": "S/cm", "transform": "log10"}
    own |= {"conditions": {"temperature": "T [K]"}, "validation_fraction": 0.25}
    return Table(table, **{**own, **settings})


class Remembered:
    """A trainer and a task that answer with ten times the truth, and remember what they were shown."""

    def __init__(self):
        self.trained, self.validated, self.tested = [], [], []

    def fit(self, module, datamodule):
        self.data = datamodule

    def test(self, module, datamodule, verbose):
        groups = np.array(datamodule.table.groups)
        parts = datamodule.parts
        for seen, rows in (
            (self.trained, parts.train),
            (self.validated, parts.validation),
            (self.tested, parts.test),
        ):
            seen.append(set(groups[rows]))

    def test_result(self, column=0):
        rows = self.data.parts.test
        return rows, 10 * np.nan_to_num(self.data.table.values[rows, column]), None


def test_each_material_is_predicted_without_it(table):
    both, data = Remembered(), read(table)

    def make():
        return both, both

    (found,) = cross_validate(data, make, 3, seed=0)
    assert found.rows.tolist() == list(range(18))
    for trained, validated, tested in zip(both.trained, both.validated, both.tested, strict=True):
        assert len(trained | validated | tested) == len(UNITS)
        assert not (trained & tested) | (validated & tested) | (trained & validated)
        assert validated
    assert set.union(*both.tested) == set(data.table.groups)
    by_group = dict(zip(np.array(data.table.groups)[found.rows], found.fold, strict=True))
    assert [by_group[data.table.groups[row]] for row in found.rows.tolist()] == found.fold.tolist()
    # All logarithms are off by one, so that the interval ends there.
    assert found.lower == pytest.approx(found.measured)
    assert found.upper == pytest.approx(100 * found.measured)
    text = found.describe()
    assert "1 decades [1, 1] over 3 folds" in text[1]
    for wrong in (1, 10):
        with pytest.raises(ValueError, match="9"):
            cross_validate(data, make, wrong, seed=0)


def test_the_table_keeps_names_and_other_columns(table, tmp_path):
    data = read(table)
    rows = np.arange(18)
    values = data.table.values[:, 0]
    found = OutOfFold(data.properties[0], rows, values, values, values / 2, np.full(18, np.nan), rows % 3 + 1)
    path = tmp_path / "out.csv"
    write_out_of_fold(path, [found], data)
    assert is_out_of_fold(path)
    assert not is_out_of_fold(tmp_path / "mine.csv")
    with path.open() as file:
        lines = list(csv.DictReader(file))
    first = lines[0]
    assert list(first)[:3] == ["material", "temperature [K]", "ionic_conductivity measured [S/cm]"]
    assert first["ionic_conductivity upper [S/cm]"] == ""
    assert {"sample", "lab", "T [K]", "sigma"} & first.keys() == {"sample", "lab", "T [K]"}
    assert "smiles" not in first
    assert (first["fold"], first["fold of the table"]) == ("1", "theirs")
    assert first["sample"].startswith("'=name")  # no formula for a spreadsheet
    assert {(each["material"], each["temperature [K]"]) for each in lines} == {
        (unit, t) for unit in UNITS for t in ("300", "400")
    }


def test_values_without_a_scale_of_their_own():
    rows = np.arange(4)
    truth = np.array([1.0, 2.0, 3.0, np.nan])
    found = OutOfFold(
        PropertySpec("density", "g/cm3"), rows, truth, truth + 0.5, truth, truth + 1, np.array([1, 1, 2, 2])
    )
    (error, inside) = found.describe()
    assert error.startswith("density: MAE 0.5 g/cm³ [0.5, 0.5] over 2 folds")
    assert inside.startswith("100 %")


def test_the_command(table, tmp_path, capsys):
    config = {
        "seed_everything": 0,
        "trainer": {"accelerator": "cpu", "max_epochs": 1},
        "model": {
            "class_path": "gnn_sim2real.tasks.TargetFineTuning",
            "init_args": {
                "encoder": {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 1}}
            },
        },
        "data": {
            "class_path": "datamodules.Table",
            "init_args": {
                "path": table,
                "property": "ionic_conductivity",
                "column": "sigma",
                "unit": "S/cm",
                "transform": "log10",
                "conditions": {"temperature": {"column": "T [K]", "unit": "K"}},
                "validation_fraction": 0,
            },
        },
    }
    (tmp_path / "ft.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", "ft.yaml", "--kfold", "3"]) == 0
    assert "decades" in capsys.readouterr().out
    frame = pd.read_csv("kfold/out_of_fold.csv")
    assert len(frame) == 18
    assert sorted(frame["fold"].unique()) == [1, 2, 3]
    assert (tmp_path / "kfold/parity.png").is_file()
    before = (tmp_path / "kfold/out_of_fold.csv").read_bytes()
    capsys.readouterr()
    assert main(["fit", "-c", "ft.yaml", "--kfold", "2"]) != 0
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "kfold/out_of_fold.csv").read_bytes() == before
    assert main(["fit", "-c", "ft.yaml", "--kfold", "2", "--overwrite"]) == 0
    assert sorted(pd.read_csv("kfold/out_of_fold.csv")["fold"].unique()) == [1, 2]
    (tmp_path / "kfold/out_of_fold.csv").write_text("mine\n1\n")
    own = (
        ["--kfold", "3"],
        ["--kfold", "3", "--overwrite"],
        ["--kfold", "1"],
        ["--kfold", "3", "--ckpt_path", "x.ckpt"],
    )
    for words in own:
        assert main(["fit", "-c", "ft.yaml", *words]) != 0
    assert (tmp_path / "kfold/out_of_fold.csv").read_text() == "mine\n1\n"


def test_several_properties_each_on_the_materials_that_have_it(tmp_path, capsys):
    lines = [
        (unit, 1.0 + number / 100 if number != 2 else None, 300.0 + number if number % 2 == 0 else None)
        for number, unit in enumerate(UNITS)
    ]
    pd.DataFrame(lines, columns=["smiles", "density [g/cm3]", "Tg [K]"]).to_csv("two.csv", index=False)
    further = {"tg": {"column": "Tg [K]", "unit": "K"}}
    data = Table("two.csv", "density", "g/cm3", further=further, validation_fraction=0)
    both = Remembered()
    density, glass = cross_validate(data, lambda: (both, both), 3, seed=0)
    assert [density.spec.name, glass.spec.name] == ["density", "glass_transition"]
    assert (len(density.rows), len(glass.rows)) == (8, 5)
    folds = dict(zip(density.rows.tolist(), density.fold.tolist(), strict=True))
    assert all(folds.get(row, fold) == fold for row, fold in zip(glass.rows.tolist(), glass.fold.tolist(), strict=True))
    for found, column in ((density, 0), (glass, 1)):
        assert found.measured == pytest.approx(data.table.values[found.rows, column])
        assert found.predicted == pytest.approx(10 * found.measured)
    assert "g/cm³" in density.describe()[0]
    assert " K [" in glass.describe()[0]
    pd.DataFrame(lines[:1] + [(*each[:2], None) for each in lines[1:]], columns=["smiles", "density", "tg"]).to_csv(
        "one.csv", index=False
    )
    lonely = Table("one.csv", "density", "g/cm3", further={"tg": {"unit": "K"}}, validation_fraction=0)
    with pytest.raises(ValueError, match="glass_transition"):
        cross_validate(lonely, lambda: (both, both), 3, seed=0)

    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 1}}
    settings = {"path": "two.csv", "property": "density", "unit": "g/cm3", "further": further}
    config = {
        "seed_everything": 0,
        "trainer": {"accelerator": "cpu", "max_epochs": 1},
        "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {"encoder": encoder}},
        "data": {"class_path": "datamodules.Table", "init_args": settings | {"validation_fraction": 0}},
    }
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", "two.yaml", "--kfold", "3", "--kfold_output", "folds"]) == 0
    said = capsys.readouterr().out
    assert "density: MAE" in said
    assert "glass_transition: MAE" in said
    frame = pd.read_csv("folds/out_of_fold.csv")
    assert list(frame)[:8] == ["material", "property", "unit", "measured", "predicted", "lower", "upper", "fold"]
    assert frame.groupby(["property", "unit"]).size().to_dict() == {
        ("density", "g/cm3"): 8,
        ("glass_transition", "K"): 5,
    }
    assert is_out_of_fold(tmp_path / "folds/out_of_fold.csv")
    assert sorted(each.name for each in (tmp_path / "folds").glob("*.png")) == [
        "parity_density.png",
        "parity_glass_transition.png",
    ]


@pytest.mark.parametrize("names", [["a b", "a_b"], ["Cp", "cp"], ["密度", "粘度"], ["a/b", "a b", "c"]])
def test_each_property_has_a_figure_of_its_own(tmp_path, names):
    figures = name_figures(tmp_path, names)
    assert len({each.name.lower() for each in figures}) == len(names)
    assert {each.parent for each in figures} == {tmp_path}
