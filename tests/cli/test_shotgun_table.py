"""`shotgun my.csv`: what it understands of a table, and what it writes of it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from html_page import Page
from shotgun_library import make_library
from tiny import CHAINS, density

from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.cli.main import main
from gnn_sim2real.shotgun.config import read_shotgun
from gnn_sim2real.shotgun.measured import Beside, write_measured
from gnn_sim2real.shotgun.table_argument import read_table_argument
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tables import table
from gnn_sim2real.tables.table import keep_tables, read_table

FAST = ["--folds=3", "--tuning.best=1", "--tuning.epochs=1", "--tuning.scratch_epochs=1", "--foundation=none"]
FAST += ["--ranking.finalists=2", "--ranking.repeats=1"]


def write_rows(path, chains, heading="Density (kg/m3)", wrong=()):
    rows = [f"{number:03d},{unit},{1000 * density(unit)},lot {number}" for number, unit in enumerate(chains)]
    path.write_text("\n".join([f"id,smiles,{heading},lot", *rows, *wrong, ""]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    make_library(folder / "library", planted=1, noise=1)
    wrong = ["100,*CC(C1)*,1000,x", "101,*CCCCCCCCCO*,,not yet", f"102,{CHAINS[0]},{1000 * density(CHAINS[0])},again"]
    write_rows(folder / "mine.csv", CHAINS[::2], wrong=wrong)
    write_rows(folder / "other.csv", [*CHAINS[1::4], CHAINS[2]], heading="density [kg/m3]")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """A run with a table and another one to test, and the same run again from its settings, in another folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "n_estimators", 10)
        patch.chdir(folder)
        argv = ["shotgun", "mine.csv", "--test", "other.csv", "--library", "library", "--seen", "warn", *FAST]
        assert main([*argv, "--output", "out", "--unit", "g/cm3"]) == 0
        (folder / "elsewhere").mkdir()
        patch.chdir(folder / "elsewhere")
        assert main(["shotgun", "-c", "../out/settings.yaml", "--output", "again"]) == 0
    return folder / "out"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_users_rows_stand_beside_what_was_predicted_without_them(run):
    rows, own = rows_of(run / "predictions.csv"), rows_of(run.parent / "mine.csv")
    assert [{name: row[name] for name in own[0]} for row in rows] == own  # 001 as it was written
    used = [row for row in rows if row["part"] == "train"]
    assert len(used) == 21  # one of 21 is tested apart, and one is there twice
    for row in used:
        assert float(row["density measured [g/cm3]"]) == pytest.approx(float(row["Density (kg/m3)"]) / 1000)
        lower, value, upper = (float(row[f"density{end} [g/cm3]"]) for end in (" lower", "", " upper"))
        assert lower < value < upper
        assert float(row["distance"]) >= 0
    assert rows[-1]["density [g/cm3]"] == rows[0]["density [g/cm3]"]
    tested, unreadable, unmeasured = rows[1], rows[-3], rows[-2]
    assert [row["density [g/cm3]"] for row in (tested, unreadable, unmeasured)] == ["", "", ""]
    assert "tested" in tested["reason"]
    assert "SMILES" in unreadable["reason"]
    assert unmeasured["reason"] == "no value"


@pytest.mark.slow
def test_another_table_is_scored_apart_and_leaves_the_training(run):
    rows = rows_of(run / "predictions_test.csv")
    assert {row["part"] for row in rows} == {"test"}
    assert [row["lot"] for row in rows] == [row["lot"] for row in rows_of(run.parent / "other.csv")]
    result = json.loads((run / "result.json").read_text())
    assert (result["target"]["train"], result["target"]["test"]) == (20, len(rows))
    errors = [abs(float(row["density measured [g/cm3]"]) - float(row["density [g/cm3]"])) for row in rows]
    assert result["tested"]["shotgun ensemble"] == pytest.approx(sum(errors) / len(errors), rel=1e-6)
    assert main(["calibrate", str(run / "model"), "--output", str(run.parent / "calibration")]) == 0


@pytest.mark.slow
def test_the_settings_are_the_same_run(run):
    again = run.parent / "elsewhere" / "again"
    settings = [yaml.safe_load((each / "settings.yaml").read_text()) for each in (run, again)]
    assert settings[0].pop("output") != settings[1].pop("output")
    assert settings[0] == settings[1]
    for name in ("result.json", "predictions.csv", "predictions_test.csv", "ranking.csv"):
        assert (again / name).read_bytes() == (run / name).read_bytes(), name


@pytest.mark.slow
def test_the_page_opens_with_the_answer_and_needs_no_network(run):
    page = Page((run / "report.html").read_text())
    result = json.loads((run / "result.json").read_text())
    first = page.text[: page.text.index("Predict other materials")]
    assert f"{result['left_out']['shotgun ensemble']:.3g} g/cm³" in first
    assert f"{result['tested']['shotgun ensemble']:.3g} g/cm³" in first
    assert "The answer is made of" in first
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in page.addresses)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= {*page.ids}
    assert "mine.csv: 24 rows" in page.text
    for name in ("parity.png", "ranking.png"):
        assert (run / name).stat().st_size > 10_000
    ranking = rows_of(run / "ranking.csv")
    assert [row["key"] for row in ranking] == [row["key"] for row in result["ranking"]]


def test_a_table_is_read_once(folder, monkeypatch):
    read, again = [], table._read_kind
    monkeypatch.setattr(table, "_read_kind", lambda path, *how: read.append(path.name) or again(path, *how))
    monkeypatch.chdir(folder)
    with keep_tables():
        read_table_argument(["mine.csv"])
        config, _ = read_shotgun(["mine.csv"])
        assert len(config.data.table.identities) == 21
    assert read == ["mine.csv"]


def test_a_table_that_changes_is_read_again(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("smiles,tg\n*CC*,1\n")
    with keep_tables():
        first = read_table(path)
        first["tg"] = 7  # whoever reads it next has the file's
        assert read_table(path)["tg"].tolist() == [1]
        path.write_text("smiles,tg\n*CC*,22\n")
        assert read_table(path)["tg"].tolist() == [22]


UNDERSTOOD = {
    "smiles,Tg (degC)\n*CC*,20": (None, "glass_transition", "degC", "repeat units"),
    "SMILES,boiling point [K]\nCCO,351": (None, "boiling_point", "K", "molecules"),
    "formula,band gap (eV)\nNaCl,8": (None, "band_gap", "eV", "formulas"),
    "polymer,solvent,temperature [K],chi\n*CC*,CCO,300,0.4": ("polymer", "chi", "", "solvent"),
    "solute,solvent,dG_solv (kcal/mol)\nCCO,O,-5": ("solute", "dg_solv", "kcal/mol", "solute"),
}


@pytest.mark.parametrize(("text", "wanted"), UNDERSTOOD.items())
def test_what_is_understood(tmp_path, text, wanted):
    (tmp_path / "a.csv").write_text(f"{text}\n")
    found = read_table_argument([str(tmp_path / "a.csv"), "--minutes", "2"])
    role, name, unit, said = wanted
    assert (found.settings["property"], found.settings["unit"]) == (name, unit)
    assert said in found.text
    assert found.others == ["--minutes", "2"]
    assert (role in found.settings.get("components", {})) == (role is not None)
    assert ("temperature" in found.settings) == ("temperature" in text)


def test_pairs_are_read_as_pairs(tmp_path):
    rows = "".join(f"*{'C' * (each + 2)}O*,CCO,{300 + each},0.{each}\n" for each in range(8))
    (tmp_path / "a.csv").write_text("polymer,solvent,temperature [K],chi\n" + rows)
    config, described = read_shotgun([str(tmp_path / "a.csv")])
    assert described["data"]["class_path"].endswith("PairTable")
    assert [each.name for each in config.data.conditions] == ["temperature"]
    assert len(config.data.table.identities) == 8


def test_what_cannot_be_tested_is_said(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["shotgun", "mine.csv", "--test", "nowhere.csv", "--library", "library"]) == 2
    assert "nowhere.csv" in capsys.readouterr().err
    words = ["--data.init_args.test_fraction=0.2", "--library", "library", "--output", "not"]
    assert main(["shotgun", "mine.csv", "--test", "other.csv", *words]) == 2
    assert "test_fraction" in capsys.readouterr().err
    assert not (folder / "not" / "result.json").exists()


def test_a_measured_value_far_from_all_others_is_marked():
    middle = np.zeros(4)
    beside = Beside(np.array([0.5, -2.5, 2.5, 1.9]), middle, middle - 1, middle + 1, middle, [""] * 4, ["train"] * 4)
    assert beside.suspects.tolist() == [False, True, True, False]
    one = middle[:1]
    endless = Beside(np.array([5.0]), one, one - np.inf, one + np.inf, one, [""], ["train"])
    assert endless.suspects.tolist() == [False]


PROJECTS = Path(__file__).parents[2] / "configs/project"


@pytest.mark.parametrize("kind", ["polymer", "molecule", "composition", "pair", "crystal"])
def test_every_kind_of_material_is_found_again_in_the_users_file(kind, tmp_path):
    """Each row of a table has its own prediction beside it, whatever spells its material."""
    (file,) = (each for each in (PROJECTS / kind).iterdir() if each.stem == "measured")
    argv = [str(file), "--data.init_args.validation_fraction=0"]
    if kind == "crystal":
        argv += ["--property", "band_gap", "--unit", "eV"]
    config, _ = read_shotgun(argv)
    target = Target.of_data(config.data)
    values = target.table.values[:, 0]
    texts = [""] * len(values), ["train"] * len(values)
    found = Beside(values, values + 1, values, values + 2, np.zeros(len(values)), *texts)
    write_measured(tmp_path / "a.csv", found, target, config.data, None)
    rows = rows_of(tmp_path / "a.csv")
    assert len(rows) == config.data.table.num_rows_read
    measured = [name for name in rows[0] if " measured" in name]
    predicted = measured[0].replace(" measured", "")
    predicted += " (prediction)" * (f"{predicted} (prediction)" in rows[0])  # where the file has such a column
    used = [row for row in rows if row["part"] == "train"]
    assert len({row[measured[0]] for row in used}) == len({*map("{:.8g}".format, values)})
    assert len(used) >= len(values)
    for row in used:
        assert float(row[predicted]) == pytest.approx(float(row[measured[0]]) + 1, rel=1e-6)


def test_a_temperature_is_seen_where_rows_of_one_material_differ_in_it(tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"{unit},{t},{1e-5 * t}" for unit in CHAINS[:3] for t in (300, 350)]
    path.write_text("\n".join(["smiles,T [K],ionic conductivity [S/cm]", *rows, ""]))
    found = read_table_argument([str(path), "--transform", "log10"])
    assert found.settings["conditions"] == {"temperature": "T [K]"}
    assert found.settings["transform"] == "log10"
    assert "at the temperature in 'T [K]'" in found.text
    path.write_text("\n".join(["smiles,T [K],ionic conductivity [S/cm]", *rows[::2], ""]))
    assert "conditions" not in read_table_argument([str(path)]).settings
