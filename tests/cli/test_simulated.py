"""Simulated values on the command line: the shipped configuration on rows that are made up, `data check`, a study."""

import copy
import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from studies import write_study

import datamodules
from gnn_sim2real.cli.main import main
from gnn_sim2real.config.lightning_cli import read_stage
from gnn_sim2real.data.described import describe, require_installed

CONFIG = Path(__file__).parents[2] / "configs/own_table/simulated_column.yaml"
FORMULAS = [f"{metal}{halogen}" for metal in ("Li", "Na", "K", "Rb", "Cs") for halogen in ("F", "Cl", "Br", "I")]
PBE = [9.0 - 0.2 * number for number in range(len(FORMULAS))]


def run(*words):
    return main([str(word) for word in words])


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Measured gaps on a line through the simulated ones, which two of the formulas lack."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    rows = {"formula": FORMULAS, "gap": [1.3 * each + 1 for each in PBE], "pbe": [1000 * each for each in PBE]}
    frame = pd.DataFrame(rows)
    frame.loc[[3, 11], "pbe"] = np.nan
    frame.to_csv("gaps.csv", index=False)
    return tmp_path


@pytest.mark.slow
def test_the_shipped_configuration_trains_tests_and_predicts(folder, capfd):
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.default_root_dir", folder / "run"]
    options = ["-c", CONFIG, "--data.simulated_unit", "meV", "--trainer.max_epochs", 2, *quiet]
    assert run("fit", *options) == 0
    (model,) = (folder / "run").rglob("*.ckpt")
    assert run("test", *options, "--ckpt_path", model) == 0
    (folder / "new.csv").write_text("formula,pbe\nNaF,6100\nKBr,\nMgO,4500\n")
    (folder / "gaps.csv").rename(folder / "moved.csv")
    capfd.readouterr()
    assert run("predict", model, "new.csv") == 0
    header, *rows = read(folder / "predictions.csv")
    assert header == ["formula", "band_gap [eV]", "reason", "pbe"]
    assert [row[0] for row in rows] == ["NaF", "KBr", "MgO"]
    assert float(rows[0][1]) == pytest.approx(1.3 * 6.1 + 1, abs=0.5)
    assert rows[1][1] == ""
    assert "simulated value" in rows[1][2]
    assert re.search(r"\b2 predictions\b.*\b1\b", "".join(capfd.readouterr()))
    (folder / "bare.csv").write_text("formula\nNaF\n")
    assert run("predict", model, "bare.csv", "--prediction.output", "bare_predictions.csv") == 2
    assert "--data.simulated_column" in capfd.readouterr().err


@pytest.mark.parametrize("reader", ["Table", "PolymerTable"])
def test_a_yaml_names_the_data_set_to_look_in(folder, reader):
    """Its description, which a model keeps, makes the same data module."""
    pd.DataFrame({"smiles": ["*CCO*", "*CC*"], "density": [1.1, 0.9]}).to_csv("md.csv", index=False)
    pd.DataFrame({"smiles": ["*COC*", "*CS*"], "density": [1.2, 1.3]}).to_csv("mine.csv", index=False)
    columns = {"property": "density", "column": "density", "unit": "g/cm3"}
    source = {"class_path": f"datamodules.{reader}", "init_args": {"path": "md.csv", **columns}}
    init_args = {"path": "mine.csv", **columns, "simulated_from": source}
    content = {"model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning"}}
    content["data"] = {"class_path": "datamodules.Table", "init_args": init_args}
    (folder / "fine.yaml").write_text(yaml.safe_dump(content))
    parser, config = read_stage(folder / "fine.yaml")
    config = copy.deepcopy(config)
    config.model = None
    data = parser.instantiate(config).data
    described = describe(data)
    require_installed(described)
    again = datamodules.Table(**{**init_args, "simulated_from": datamodules.Table("md.csv", **columns)})
    for each in (data, again):
        assert each.table.simulated[:, 0] == pytest.approx([1.1, np.nan], nan_ok=True)
    assert described["init_args"]["simulated_from"]["init_args"]["path"] == "md.csv"


def test_check_compares_simulated_with_measured_values(folder, capfd):
    words = ["data", "check", "gaps.csv", "--property", "band_gap", "--unit", "eV", "--column", "gap"]
    assert run(*words, "--simulated-column", "pbe", "--simulated-unit", "meV", "--json", "report.json") == 0
    found = json.loads((folder / "report.json").read_text())["simulated"]
    assert (found["count"], found["num_materials"], found["origin"]) == (18, 20, "the column 'pbe'")
    known = [each for number, each in enumerate(PBE) if number not in (3, 11)]
    assert found["bias"] == pytest.approx(np.mean([-0.3 * each - 1 for each in known]))
    assert found["correlation"] == pytest.approx(1)
    assert found["worst"][0] == {"material": "LiF", "here": pytest.approx(12.7), "there": pytest.approx(9.0)}
    out = capfd.readouterr().out
    assert re.search(r"\bband_gap\b.*\b18\b.*\b20 materials \(90 %\).*'pbe'.*\br 1\.000", out)
    assert "LiF: 12.7 measured, 9 simulated" in out
    pd.DataFrame({"formula": FORMULAS[:5], "band_gap": PBE[:5]}).to_csv("dft.csv", index=False)
    assert run(*words, "--simulated-from", "dft.csv") == 0
    assert re.search(r"\b5\b.*\b20 materials \(25 %\).*\bdft\.csv\b.*\bidentity", capfd.readouterr().out)


def test_the_help_names_the_setting(capfd):
    assert run("data", "check", "--help") == 0
    out = capfd.readouterr().out
    assert "--simulated_column" in out or "--simulated-column" in out
    with pytest.raises(SystemExit):
        run("fit", "--data.help", "datamodules.PolymerTable")
    assert "--data.simulated_column" in capfd.readouterr().out


@pytest.mark.parametrize("policy", ["affine", "shifted_simulated_value"])
def test_a_study_without_simulated_values_is_refused_before_its_first_cell(tmp_path, capfd, policy):
    """The source has the property of another name."""
    write_study(tmp_path)
    for name in ("source.csv", "pretrain.yaml"):
        path = tmp_path / name
        path.write_text(path.read_text().replace("density", "bulk_density").replace("bulk_density:", "density:"))
    content = yaml.safe_load((tmp_path / "study.yaml").read_text())
    content["axes"] |= {"policy": ["full", policy], "source_size": [0]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content))
    assert run("study", "run", "-c", tmp_path / "study.yaml") == 2
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert f"`{policy}`" in said
    assert "simulated_column" in said
    assert "simulated_from" in said
    assert not list((tmp_path / "out").rglob("records/*.json"))
