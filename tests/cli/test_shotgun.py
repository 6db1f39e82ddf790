"""The real command line, on a small library: a table, a YAML with several targets, figures and predictions."""

import csv
import json
import re
import shlex
import signal

import pytest
import yaml
from processes import running_command, wait_until
from shotgun_library import make_library
from tiny import CHAINS, density

from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.cli.main import main
from gnn_sim2real.shotgun.study_report import read_records, summarize

FAST = [
    "--starter=false",
    "--folds=3",
    "--tuning.best=2",
    "--tuning.epochs=1",
    "--tuning.scratch_epochs=1",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shotgun")
    make_library(folder / "library", planted=1, noise=2)
    rows = "".join(f"{unit},{density(unit)}\n" for unit in CHAINS[::2])
    (folder / "mine.csv").write_text(f"smiles,rho\n{rows}")
    return folder


def study_of(folder, **settings):
    target = {"path": str(folder / "mine.csv"), "property": "density", "column": "rho", "unit": "g/cm3"}
    data = {"class_path": "datamodules.Table", "init_args": target | {"test_fraction": 0.3, "validation_fraction": 0}}
    other = {"class_path": "datamodules.DemoMeasured", "init_args": {"test_fraction": 0.3, "validation_fraction": 0}}
    scratch = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 1}}
    content = {"library": str(folder / "library"), "output": str(folder / "several"), "seen": "warn"}
    content["targets"] = [
        {"name": "mine", "data": data, "scratch": scratch},
        {"name": "refraction", "data": other, "scratch": scratch, "log": True},
    ]
    path = folder / "several.yaml"
    path.write_text(yaml.safe_dump(content | settings))
    return str(path)


@pytest.mark.slow
def test_a_table_becomes_an_ensemble_that_predicts(folder, monkeypatch, capsys):
    monkeypatch.setitem(SETTINGS, "n_estimators", 20)
    monkeypatch.chdir(folder)
    (folder / "typed.csv").write_text((folder / "mine.csv").read_text() + "*CC(C1)*,1.0\n")
    words = ["typed.csv", "--smiles", "smiles", "--target", "rho", "--property", "density", "--unit", "g/cm3"]
    (folder / "new.csv").write_text("smiles\n*CCCO*\nnonsense\n*[Si](C)(C)C*\n")
    words += ["--library", "library", "--output", "my out", "--predict", "new.csv"]
    assert main(["shotgun", *words, *FAST]) == 0
    said = capsys.readouterr().out
    assert "winner's curse" in said
    assert "from scratch" in said
    assert (folder / "my out" / "ranking.png").stat().st_size > 10_000
    result = json.loads((folder / "my out" / "result.json").read_text())
    assert result["target"] == {"name": "typed.csv", "property": "density", "unit": "g/cm3", "train": 21, "test": 0}
    with (folder / "my out" / "quarantine_typed.csv").open() as file:
        (refused,) = csv.DictReader(file)
    assert refused["material"] == "*CC(C1)*"
    command = next(line for line in said.splitlines() if line.strip().startswith("gnn-sim2real predict"))
    command = shlex.split(command)[1:]
    assert main([*command[:-1], "new.csv", "--data.predict_column", "smiles"]) == 0
    for written in (folder / "predictions.csv", folder / "my out" / "predictions_new.csv"):
        with written.open() as file:
            first, second, third = csv.DictReader(file)
        value, lower, upper = (float(first[f"density{what} [g/cm3]"]) for what in ("", " lower", " upper"))
        assert value == pytest.approx(density("*CCCO*"), abs=0.1)
        assert lower < value < upper
        value_of_first, ends_of_first = value, (lower, upper)
        assert first["outside"] == ""
        assert not second["density [g/cm3]"]
        assert "element" in third["outside"]
    page = (folder / "my out" / "report.html").read_text()
    assert "trained on simulations" in page
    assert main(["predict", "my out/model", "*CCCO*"]) == 0
    said = capsys.readouterr().out
    shown = [float(each) for each in re.findall(r"\d\.\d+", said)]
    assert shown == pytest.approx([value_of_first, *ends_of_first], abs=2e-3)
    assert main(["predict", "my out/model", "nothing.csv"]) == 2
    assert "nothing.csv" in capsys.readouterr().err
    assert main(["calibrate", "my out/model"]) == 0
    said = capsys.readouterr().out
    assert "of 21 measured materials" in said
    checked = json.loads((folder / "calibration" / "calibration.json").read_text())
    assert 0.7 < checked["held"] <= 1
    again = ["calibrate", "my out/model", "-c", "my out/predict.yaml", "--output", "again"]
    assert main(again) == 0
    assert json.loads((folder / "again" / "calibration.json").read_text()) == checked
    capsys.readouterr()
    assert main(["calibrate", "my out/model", "--data.init_args.size=15"]) == 2
    assert "training part" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_is_stopped_and_goes_on_with_equal_digits(folder, tmp_path, monkeypatch, end):
    monkeypatch.setitem(SETTINGS, "n_estimators", 20)
    monkeypatch.chdir(tmp_path)
    words = [folder / "mine.csv", "--smiles", "smiles", "--target", "rho", "--property", "density", "--unit", "g/cm3"]
    words = [*map(str, words), "--library", str(folder / "library"), *FAST]
    assert main(["shotgun", *words, "--output", "whole"]) == 0
    with running_command(tmp_path / "said", "shotgun", *words, "--output", "stopped") as command:
        wait_until(lambda: [*(tmp_path / "stopped").rglob("*.json")] or not command.is_running, "it ranks nothing")
        command.send_signal(end)
        # Once more where it was lost: RDKit takes Ctrl-C for itself while it searches.
        wait_until(lambda: command.ends_within(60) or command.send_signal(end), "it cannot be stopped")
        assert command.wait() == 130
    assert command.said.strip().endswith("stopped; the same command goes on from here")
    left = {path.name for path in (tmp_path / "stopped").rglob("*") if path.is_file()}
    assert left
    assert not [name for name in left if name.endswith(".part") or name == "result.json"]
    assert main(["shotgun", *words, "--output", "stopped"]) == 0
    whole, stopped = (json.loads((tmp_path / each / "result.json").read_text()) for each in ("whole", "stopped"))
    assert (tmp_path / "stopped" / "predictions.csv").read_bytes() == (
        tmp_path / "whole" / "predictions.csv"
    ).read_bytes()
    assert stopped == whole


@pytest.mark.slow
def test_a_study_goes_on_where_it_stopped(folder, capsys, monkeypatch):
    monkeypatch.setitem(SETTINGS, "n_estimators", 20)
    tuning = {"best": 2, "epochs": 1, "scratch_epochs": 1}
    path = study_of(folder, sizes=[8], draws=2, tuning=tuning, folds=3)
    assert main(["shotgun", "study", "-c", path, "--only", "mine"]) == 0
    records = folder / "several" / "records"
    before = {each.name: each.stat().st_mtime_ns for each in records.iterdir()}
    assert len(before) == 2
    assert main(["shotgun", "study", "-c", path, "--publish", str(folder / "published.json")]) == 0
    after = {each.name: each.stat().st_mtime_ns for each in records.iterdir()}
    assert len(after) == 4
    assert before.items() <= after.items()
    assert "m = 8, shotgun ensemble against: from scratch" in capsys.readouterr().out
    assert (folder / "published.png").stat().st_size > 10_000
    published = json.loads((folder / "published.json").read_text())
    assert published == json.loads(json.dumps(summarize(read_records(records))))
    for cell in published["cells"]:
        errors = {name: each[0] for name, each in cell["errors"].items()}
        assert errors["oracle, frozen"] <= errors["median model, frozen"] <= errors["worst, frozen"]
        assert errors["oracle, frozen"] <= errors["no. 1 of the ranking, frozen"] * (1 + 1e-3)
    assert {cell["unit"] for cell in published["cells"]} == {"g/cm3", "decades"}


@pytest.mark.slow
def test_the_heat_map(folder, capsys):
    path = study_of(folder, size=20, output=str(folder / "map" / "matrix"), cache=str(folder / "map" / "scores"))
    assert main(["shotgun", "matrix", "-c", path]) == 0
    assert (folder / "map" / "matrix.png").stat().st_size > 10_000
    with (folder / "map" / "matrix.csv").open() as file:
        rows = {row["source"]: row for row in csv.DictReader(file)}
    planted, noise = (rows[f"TinyPolymers: {name}"] for name in ("density", "noise"))
    assert float(planted["mine"]) > float(noise["mine"])
    assert set(planted) == {"source", "mine", "refraction"}


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["mine.csv", "--smiles", "smiles"], ["mine.csv", "'rho'", "--unit"]),
        (["mine.csv", "--material-column", "nothing", "--target", "rho", "--unit", "g/cm3"], ["nothing"]),
        (["study", "-c", "nowhere.yaml"], ["nowhere.yaml"]),
        (["missing.csv"], ["missing.csv"]),
        (["mine.csv", "--column", "roh", "--unit", "g/cm3"], ["roh"]),
        (["mine.csv", "--target", "rho", "--unit", "g/cm3", "--library", "empty"], ["empty", "models"]),
        (["mine.csv", "--target", "rho", "--unit"], ["`--unit`"]),
    ],
)
def test_mistakes_are_answered_in_one_line(folder, monkeypatch, capsys, argv, values):
    monkeypatch.chdir(folder)
    assert main(["shotgun", *argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert [value for value in values if value not in line] == []


def test_what_would_be_lost_at_the_end_is_told_at_the_beginning(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gnn_sim2real.shotgun.run.find_answer", lambda *_: pytest.fail("hours of work"))
    words = ["--smiles", "smiles", "--target", "rho", "--property", "density", "--unit", "g/cm3"]
    words += ["--library", str(folder / "library"), "--output", str(tmp_path)]
    (tmp_path / "asked.csv").write_text("smiles\n*CCO*\n")
    ask = ["--predict", str(tmp_path / "asked.csv")]
    assert main(["shotgun", str(folder / "mine.csv"), *words, "--predict", str(tmp_path / "nothing.csv")]) == 2
    (tmp_path / "predictions_new.csv").write_text("of an earlier run")
    assert main(["shotgun", str(folder / "mine.csv"), *words, *ask]) == 2
    assert (tmp_path / "predictions_new.csv").read_text() == "of an earlier run"
    (tmp_path / "result.json").write_text('{"target": 1, "ranking": 1, "members": 1}')
    (tmp_path / "predictions.csv").write_text((folder / "mine.csv").read_text())
    assert main(["shotgun", str(tmp_path / "predictions.csv"), *words]) == 2
    assert (tmp_path / "predictions.csv").read_text() == (folder / "mine.csv").read_text()
    said = capsys.readouterr().err.splitlines()
    assert ["--output" in line for line in said if line.startswith("error")] == [False, True, True]


def test_help(capsys):
    assert main(["shotgun"]) == 0
    out = capsys.readouterr().out
    assert all(
        each in out
        for each in ("gnn-sim2real shotgun (TABLE | -c FILE)", "--property", "--tuning.best", "shotgun study")
    )
