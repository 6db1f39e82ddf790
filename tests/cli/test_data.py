"""`gnn-sim2real data list | get | check` as a user types it."""

import gc
import json
import re

import pandas as pd
import pytest
from ase import Atoms
from ase.io import write
from loopback import entry, small_optimade

from gnn_sim2real.cli.main import main
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import find_sheets
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.properties import check_property_unit

HERE = [("*CC*", 950), ("*CCO*", 1120), ("*COC*", 1140), ("nonsense", 1), ("*CS*", "soft"), ("*CC(*)C", -5)]
THERE = [("*OCC*", 1.1), ("*CCCC*", 0.9), ("*CC(*)c1ccccc1", 1.05), ("*CN*", 1.0)]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "250")
    pd.DataFrame(HERE, columns=["smiles", "Density [kg/m3]"]).to_csv("here.csv", index=False)
    pd.DataFrame(THERE, columns=["smiles", "density"]).to_csv("there.csv", index=False)


def test_a_data_set_of_a_plugin_is_named_by_its_module(tmp_path, monkeypatch, capfd):
    class Mine(PropertyDataModule):
        @classmethod
        def sheets(cls):
            return (DataSheet("mine", "molecule", 3, {"density": "g/cm3"}, "mine", "me", "typed"),)

        def load_table(self): ...

    Mine.__module__ = "my_data"
    monkeypatch.setattr("gnn_sim2real.cli._data.find_sheets", lambda mine=Mine: {"mine": (mine.sheets()[0], mine)})
    assert main(["data", "list", "mine"]) == 0
    assert "class_path: my_data.Mine\n" in capfd.readouterr().out
    monkeypatch.undo()
    del Mine  # or a help in another test would import the module that is not there
    gc.collect()


def test_list(capfd):
    assert main(["data", "list"]) == 0
    out = capfd.readouterr().out
    assert [name for name in find_sheets() if f"\n{name} " not in out] == []
    for name in ("mp", "oqmd", "aflow", "alexandria", "gnome", "radonpy_pi1070", "measured_band_gap", "demo_simulated"):
        assert f"\n{name} " in out
    assert main(["data", "list", "oqmd"]) == 0
    out = capfd.readouterr().out
    assert "Saal et al." in out
    assert "class_path: datamodules.Optimade\n  init_args:\n    provider: oqmd\n" in out
    assert main(["data", "list", "nothing"]) == 2


def test_every_sheet_makes_its_data_module():
    sheets = find_sheets()
    assert len(sheets) > 20
    for sheet, module in sheets.values():
        assert module(**dict(sheet.settings)).kind
        assert sheet.license
        assert sheet.citation
        for name, unit in sheet.units.items():
            check_property_unit(name, unit)


def test_check_a_file(capfd, tmp_path):
    argv = ["data", "check", "here.csv", "--property", "density", "--unit", "g/cm3", "--lower", "0"]
    assert main([*argv, "--against", "there.csv", "--json", "report.json"]) == 0
    out = capfd.readouterr().out
    assert "rows read      6" in out
    assert "rows refused   3" in out
    assert re.search(r"\bdensity\b.*\b2 values\b.*kg/m3", out)
    assert re.search(r"\b1\b.*half range 0\.01 ", out)
    assert re.search(r"there\.csv: 2 groups, 100\.0 % .* 50\.0 % ", out)
    quarantine = pd.read_csv("quarantine_here.csv")
    assert quarantine["row"].tolist() == [5, 6, 7]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["properties"][0]["median"] == pytest.approx(1.04)
    (overlap,) = report["overlaps"]
    (comparison,) = overlap.pop("comparisons")
    assert overlap == {"other": "there.csv", "shared": 2, "here": 1.0, "there": 0.5}
    assert comparison["count"] == 2
    assert comparison["median_difference"] == pytest.approx((0.05 + 0.03) / 2)
    assert [each["material"] for each in comparison["worst"]] == ["*CC*", "*CCO*"]


def test_check_says_what_is_in_a_file(capfd):
    assert main(["data", "check", "here.csv"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"\bhere\.csv\b.*\b6 rows\b.*\b2 columns", out)
    assert "smiles: materials (6 spellings)" in out
    assert re.search(r"Density \[kg/m3\]: 5 numbers .*-5\b.* 1140\b.* 950\b.*, kg/m3, 1 ", out)
    atoms = Atoms(
        "Si2", cell=[[0, 2.7, 2.7], [2.7, 0, 2.7], [2.7, 2.7, 0]], positions=[(0, 0, 0), (1.35,) * 3], pbc=True
    )
    atoms.info["gap"] = 1.1
    write("all.extxyz", atoms)
    assert main(["data", "check", "all.extxyz"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"\ball\.extxyz\b.*\b1 crystals\b.*\b0\b", out)
    assert re.search(r"gap: 1 numbers .*1\.1\b.*1\.1\b.*1\.1\b.* unit", out)
    assert main(["data", "check", "all.extxyz", "--property", "gap", "--unit", "eV"]) == 0
    assert "gap: 1 values" in capfd.readouterr().out


def test_check_lists_the_table_of_a_folder_of_crystals(capfd, caplog, tmp_path):
    (tmp_path / "cells").mkdir()
    for name, shift in (("a", 0.0), ("b", 0.1), ("c", 0.2), ("d", 0.3)):
        cell = [[0, 2.7 + shift, 2.7], [2.7, 0, 2.7], [2.7, 2.7, 0]]
        write(f"cells/{name}.cif", Atoms("Si2", cell=cell, scaled_positions=[(0, 0, 0), (0.25,) * 3], pbc=True))
    (tmp_path / "cells/gaps.csv").write_text("file,gap [eV]\na.cif,1.1\nb,1.2\nx.cif,1.3\n")
    assert main(["data", "check", "cells"]) == 0
    out = capfd.readouterr().out
    assert "4 crystals" in out
    assert "gaps.csv: 3 rows" in out
    assert re.search(r"gap \[eV\]: 3 numbers", out)
    assert re.search(r"2 crystals .*: c\.cif, d\.cif\n", out)
    assert re.search(r"1 rows .*: row 4 \(x\.cif\)\n", out)
    with caplog.at_level("WARNING"):
        assert main(["data", "check", "cells", "--property", "gap", "--unit", "eV"]) == 0
    assert re.search(r"gaps\.csv.* 2 \(c\.cif, d\.cif\)", caplog.text)
    out = capfd.readouterr().out
    assert re.search(r"1 .*no structure; e\.g\. row 4 \(x\.cif\)", out)


def test_help_names_every_option(capfd):
    assert main(["data", "check", "--help"]) == 0
    out = capfd.readouterr().out
    for name in ("property", "unit", "column", "file-unit", "lower", "upper", "against", "quarantine", "json"):
        assert f"--{name}" in out
    for name in ("material-column", "name-column", "at"):
        assert f"--{name}" in out


@pytest.mark.parametrize("option", ["--file-unit", "--file_unit"])
def test_an_option_is_read_with_dashes_and_with_underscores(capfd, option):
    argv = ["data", "check", "there.csv", "--property", "density", "--unit", "g/cm3", option, "kg/L"]
    assert main(argv) == 0
    assert "read as kg/L" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["check", "there.csv", "--property", "density"], ["there.csv", "--unit"]),
        (["check", "here.csv", "--property", "density", "--unit", "eV"], ['"density"', '"eV"', "g/cm"]),
        (["check", "here.csv", "--property", "density", "--unit"], ["`--unit`"]),
        (["check", "absent.csv"], ["absent.csv"]),
        (["check", "nothing"], ["'nothing'", "demo_simulated"]),
        (["get", "demo_simulated", "--new"], ["demo_simulated", "--new"]),
        (["show"], ["`data show`", "list", "get", "check"]),
    ],
)
def test_mistakes_are_answered_in_one_line(capfd, argv, values):
    assert main(["data", *argv]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert [value for value in values if value not in line] == []


def test_an_option_that_does_not_exist_is_named(capfd):
    assert main(["data", "check", "here.csv", "--property", "density", "--unit", "g/cm3", "--some_thing", "x"]) == 2
    assert "`--some-thing`" in capfd.readouterr().err


def test_get_and_check_what_a_yaml_names(capfd, tmp_path):
    with small_optimade([entry(number) for number in range(30)]) as server:
        settings = {"provider": server.url, "properties": {"band_gap": "eV"}, "fields": {"band_gap": "_test_band_gap"}}
        config = {
            "model": {
                "class_path": "gnn_sim2real.tasks.SourcePretraining",
                "init_args": {"encoder": {"class_path": "gnn_sim2real.nn.CGCNN"}},
            },
            "data": {"class_path": "datamodules.Optimade", "init_args": settings},
        }
        (tmp_path / "fit.yaml").write_text(json.dumps(config))
        assert main(["data", "get", "fit.yaml"]) == 0
        assert re.search(r"\b30 entries\b.*\b30\b.*SHA-256", capfd.readouterr().out)
        server.entries.append(entry(30))
        assert main(["data", "get", "fit.yaml"]) == 0
        assert "30 entries (30 counted" in capfd.readouterr().out
        assert main(["data", "get", "fit.yaml", "--new"]) == 0
        assert "31 entries (31 counted" in capfd.readouterr().out
    assert main(["data", "check", "fit.yaml"]) == 0
    assert "band_gap: 31 values" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("headings", "options"),
    [
        ("smiles,Density [kg/m3]", "--property density --unit kg/m3"),
        ("smiles,refractive index", "--property refractive_index --unit ''"),
        ("smiles,σ (S/cm)", "--property NAME --unit UNIT"),
        ("smiles,density,tg", "--property NAME --unit UNIT"),
    ],
)
def test_a_first_look_says_how_to_go_on(headings, options, tmp_path, capfd):
    numbers = ",1.5" * headings.count(",")
    (tmp_path / "mine.csv").write_text(f"{headings}\n*CC*{numbers}\n*CCO*{numbers}\n")
    assert main(["data", "check", "mine.csv"]) == 0
    assert f"`{options}`" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("heading", "wanted", "unit"),
    [("tg_K", "tg", "K"), ("density (kg/m3)", "density", "kg/m3"), ("stiffness_GPa", "stiffness", "GPa")],
)
def test_the_unit_of_a_heading_is_taken(tmp_path, capfd, heading, wanted, unit):
    pd.DataFrame([("*CC*", 300), ("*CCO*", 400)], columns=["smiles", heading]).to_csv("own.csv", index=False)
    assert main(["data", "check", "own.csv", "--property", wanted, "--json", "report.json"]) == 0
    (found,) = json.loads((tmp_path / "report.json").read_text())["properties"]
    assert (found["unit"], found["minimum"], found["maximum"]) == (unit, 300, 400)


def test_the_other_file_is_compared_in_the_unit_of_the_heading(tmp_path, capfd):
    pd.DataFrame([("*CC*", 1.0), ("*CCO*", 1.0)], columns=["smiles", "density (g/cm3)"]).to_csv("one.csv", index=False)
    argv = ["data", "check", "here.csv", "--property", "density", "--lower", "0", "--against", "one.csv"]
    assert main([*argv, "--json", "report.json"]) == 0
    (found,) = json.loads((tmp_path / "report.json").read_text())["overlaps"][0]["comparisons"]
    assert found["median_difference"] == pytest.approx(((950 - 1000) + (1130 - 1000)) / 2)


@pytest.mark.parametrize("heading", ["repeat_unit", "PSMILES", "compound", "polymer_smiles"])
def test_molecules_under_a_heading_of_something_else(tmp_path, capfd, heading):
    rows = [("CCO", 0.8), ("c1ccccc1", 0.9), ("CC=O", 1.0)]
    pd.DataFrame(rows, columns=[heading, "density (g/cm3)"]).to_csv("own.csv", index=False)
    assert main(["data", "check", "own.csv", "--property", "density", "--json", "report.json"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["num_materials"], report["num_rows_refused"]) == (3, 0)


def test_formulas_are_no_smiles(tmp_path, capfd):
    rows = [("Ca(OH)2", 0.8), ("Zn2Sc3", 0.9), ("C2H6", 1.0), ("Cs2O", 1.1), ("In2O3", 1.2), ("CO2", 1.3)]
    pd.DataFrame(rows, columns=["compound", "density (g/cm3)"]).to_csv("own.csv", index=False)
    assert main(["data", "check", "own.csv", "--property", "density", "--json", "report.json"]) == 0
    assert json.loads((tmp_path / "report.json").read_text())["num_rows_refused"] == 0
    pd.DataFrame(rows, columns=["smiles", "density (g/cm3)"]).to_csv("own.csv", index=False)
    assert main(["data", "check", "own.csv", "--property", "density", "--material", "composition"]) == 2


def test_tables_of_mixtures_are_checked(tmp_path, capfd):
    headings = ["component_1", "component_2", "weight_1", "weight_2", "T [K]", "density [g/cm3]"]
    rows = [("*CC*", "*CCO*", 1, 1, 300, 0.9), ("*OCC*", "*CC*", 5, 5, 300, 1.1), ("*CC*", "*CCO*", 1, 3, 350, 1.0)]
    pd.DataFrame(rows, columns=headings).to_csv("blends.csv", index=False)
    other = [("*CC*", "*CCO*", 2, 2, 300, 1.5), ("*CC*", "CO", 1, 1, 300, 0.8)]
    pd.DataFrame(other, columns=headings).to_csv("others.csv", index=False)
    argv = ["data", "check", "blends.csv", "--property", "density", "--json", "report.json"]
    assert main([*argv, "--against", "others.csv"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["num_materials"], report["num_groups"]) == (2, 1)  # the first two rows are one blend
    assert report["overlaps"][0]["comparisons"][0]["median_difference"] == pytest.approx(1.0 - 1.5)
    assert main([*argv, "--overwrite", "--unit-column", "T [K]"]) == 2
    assert "--unit-column" in capfd.readouterr().err
