"""Ensembles from Python and from the command line: mean, spread, calibration, and what they refuse."""

import csv
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from simulated import Simulated
from tiny import CHAINS, TinyPolymers, density, fit, gine, trained_model

from datamodules import PolymerTable
from gnn_sim2real.cli.main import main
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import load_model, save_model
from gnn_sim2real.store.loader import make_loader
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning
from gnn_sim2real.uncertainty.calibration import Recalibration, find_recalibration
from gnn_sim2real.uncertainty.ensemble import Ensemble, load_ensemble

DATA = {"property": "density", "column": "density", "unit": "g/cm3", "test_fraction": 0.3, "validation_fraction": 0.35}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, a YAML, three models of one split, and one of another."""
    folder = tmp_path_factory.mktemp("ensemble")
    rng = np.random.default_rng(0)
    lines = [f"{unit},{density(unit) + rng.normal(0, 0.1)}\n" for unit in CHAINS]
    (folder / "table.csv").write_text("smiles,density\n" + "".join(lines))
    settings = DATA | {"path": str(folder / "table.csv")}
    content = {
        "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning"},
        "data": {"class_path": "datamodules.PolymerTable", "init_args": settings},
    }
    (folder / "finetune.yaml").write_text(yaml.safe_dump(content))
    for name, seed, change in (("a", 1, {}), ("b", 2, {}), ("c", 3, {}), ("d", 4, {"seed": 1})):
        data = PolymerTable(**settings, **change)
        _, module = fit(lambda: TargetFineTuning(gine()), data, epochs=4, seed=seed)
        save_model(trained_model(module, data), folder / name)
    return folder


@pytest.fixture(scope="module")
def paths(folder):
    return [str(folder / name) for name in "abc"]


def run(*words):
    return main([str(word) for word in words])


def calibrated(folder, paths, output):
    assert run("calibrate", *paths, "-c", folder / "finetune.yaml", "--output", output) == 0
    return json.loads((output / "calibration.json").read_text())


def test_mean_and_spread_of_the_members(paths):
    asked = CHAINS[:7]
    members = np.stack([load_model(path).predict(asked).values for path in paths])
    found = load_ensemble(paths).predict(asked, batch_size=3)
    np.testing.assert_allclose(found.mean, members.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.std, members.std(axis=0, ddof=1), rtol=1e-3)
    assert found.std.shape == (7, 1)
    assert (found.std > 0).all()
    assert (found.names, found.units) == (("density",), ("g/cm3",))
    wider = Ensemble(load_ensemble(paths).models, {"density": Recalibration(3.0, 0.1)}).predict(asked)
    np.testing.assert_allclose(wider.std, np.hypot(0.1, 3 * found.std), rtol=1e-5)
    np.testing.assert_allclose(wider.mean, found.mean, rtol=1e-6)
    # The order of the models does not count.
    np.testing.assert_allclose(load_ensemble(paths[::-1]).predict(asked).std, found.std, rtol=1e-4)


def test_without_a_simulated_value_the_models_answer_that_need_none(paths):
    """Two of the three correct simulated values, which every second material has; then all three do."""
    some = Simulated(every=2)
    _, module = fit(lambda: TargetFineTuning(gine(), policy="affine"), some, epochs=0)
    corrects, (first, *_) = trained_model(module, some), load_ensemble(paths).models
    batches = list(make_loader(some.part("train"), 16))
    known = np.isfinite(some.table.simulated[some.parts.train, 0])
    mixed = Ensemble((first, corrects, replace(corrects, fingerprint="")))
    found = mixed.predict_batches(batches)
    alone = torch.cat([first.network.predict(batch) for batch in batches]).detach().numpy()
    assert found.num_models.tolist() == np.where(known, 3, 1).tolist()
    np.testing.assert_allclose(found.mean[~known], alone[~known], rtol=1e-6)
    assert np.isfinite(found.mean).all()
    assert np.isnan(found.std[:, 0]).tolist() == (~known).tolist()
    none = Ensemble((corrects, replace(corrects, fingerprint=""))).predict_batches(batches)
    assert np.isnan(none.mean[:, 0]).tolist() == (~known).tolist()


def test_calibration_uses_the_validation_part_alone(folder, paths, tmp_path, capfd):
    content = calibrated(folder, paths, tmp_path / "out")
    printed = capfd.readouterr().out
    result = content["properties"]["density"]
    ensemble, data = load_ensemble(paths), PolymerTable(**DATA, path=str(folder / "table.csv"))
    parts = {}
    for part in ("validation", "test"):
        rows = getattr(data.parts, part)
        found = ensemble.predict([data.table.materials[row] for row in rows])
        parts[part] = (found.mean[:, 0], found.std[:, 0], data.table.values[rows, 0])
    mean, std, truth = parts["validation"]
    recalibration = find_recalibration(mean, std, truth)
    assert result["factor"] == pytest.approx(recalibration.factor, rel=1e-2)
    assert result["floor"] == pytest.approx(recalibration.floor, rel=1e-2)
    assert result["num_validation"] == len(data.parts.validation)
    mean, std, truth = parts["test"]
    for name, own in (("spread", std), ("recalibrated", recalibration.apply(std))):
        held = np.abs(truth - mean) < 1.6449 * own
        assert result[name]["coverage"]["0.9"] == pytest.approx(held.mean(), abs=1e-9)
        assert f"{100 * held.mean():.0f} %" in printed
    # The test is noisy, the spread is not.
    assert result["recalibrated"]["coverage"]["0.9"] > result["spread"]["coverage"]["0.9"]
    assert (tmp_path / "out/calibration_density.png").stat().st_size > 20_000


@pytest.mark.slow
def test_predict_writes_mean_and_standard_deviation(folder, paths, tmp_path, caplog):
    asked = ["*CCO*", "nonsense(", "*CCN*"]
    (tmp_path / "asked.csv").write_text("smiles\n" + "\n".join(asked) + "\n")
    words = ["predict", *paths, "-c", folder / "finetune.yaml", "--data.predict_path", tmp_path / "asked.csv"]
    output = tmp_path / "predictions.csv"

    def table(*more):
        assert run(*words, f"--prediction.output={output}", "--prediction.overwrite=true", *more) == 0
        with output.open(newline="") as file:
            return list(csv.reader(file))

    (header, *rows) = table()
    assert run(*words, f"--prediction.output={output}") == 2
    assert header == ["smiles", "density [g/cm3]", "density std [g/cm3]", "reason"]
    assert [row[0] for row in rows] == asked
    assert rows[1][1:3] == ["", ""]
    assert "nonsense(" in rows[1][3]
    found = load_ensemble(paths).predict(["*CCO*", "*CCN*"])
    numbers = np.array([[float(cell) for cell in row[1:3]] for row in rows[::2]])
    np.testing.assert_allclose(numbers[:, 0], found.mean[:, 0], rtol=1e-4)
    np.testing.assert_allclose(numbers[:, 1], found.std[:, 0], rtol=1e-3)
    content = calibrated(folder, paths, tmp_path)
    result = content["properties"]["density"]
    (header, *wider) = table("--calibration", tmp_path / "calibration.json")
    assert header[2:5] == ["density std [g/cm3]", "density lower [g/cm3]", "density upper [g/cm3]"]
    mean, std, lower, upper = (float(cell) for cell in wider[0][1:5])
    assert (upper - mean, mean - lower) == pytest.approx([result["interval"] * std] * 2, rel=1e-3)
    assert wider[1][1:5] == [""] * 4
    assert float(wider[0][2]) == pytest.approx(np.hypot(result["floor"], result["factor"] * numbers[0, 1]), rel=1e-5)
    assert wider[0][1] == rows[0][1]


def answer(capfd, *words):
    """The one line that answers a wrong command."""
    capfd.readouterr()
    assert run(*words) == 2
    (line,) = [each for each in capfd.readouterr().err.splitlines() if each.startswith("error: ")]
    return line


@pytest.mark.parametrize(
    ("verb", "names", "argv", "values"),
    [
        ("calibrate", "a", [], "at least two models.*got 1"),
        ("predict", "a", [], "`--data.predict_path FILE`"),
        ("calibrate", "aab", [], "twice"),
        ("calibrate", "abx", [], "no model at .*/x"),
        ("calibrate", "abd", [], "model 3 .*training part"),
        ("calibrate", "abc", ["--data.split", 1], "model 1 .*training part"),
        ("calibrate", "abc", ["--data.property", "mass"], r"\[\('density', 'g/cm3'\)\], .*'mass'"),
        ("calibrate", "abc", ["--output"], "`--output`"),
        ("predict", "abc", [], "`--data.predict_path FILE`"),
        ("predict", "abc", ["--calibration", "TABLE"], r"table\.csv .*calibration"),
        ("predict", "abc", ["--calibration", "nowhere.json"], r"nowhere\.json .*calibration"),
    ],
)
def test_wrong_commands(folder, capfd, verb, names, argv, values):
    argv = [folder / "table.csv" if word == "TABLE" else word for word in argv]
    line = answer(capfd, verb, *(folder / name for name in names), "-c", folder / "finetune.yaml", *argv)
    assert re.search(values, line), line


def test_a_calibration_of_other_models(folder, paths, tmp_path, capfd):
    calibrated(folder, paths, tmp_path)
    words = ["--data.predict_path", folder / "table.csv", "--calibration", tmp_path / "calibration.json"]
    line = answer(capfd, "predict", *paths[:2], "-c", folder / "finetune.yaml", *words)
    assert re.search(r"calibration\.json .*other models", line), line


def test_without_a_validation_part(folder, tmp_path, capfd):
    settings = DATA | {"path": str(folder / "table.csv"), "validation_fraction": 0}
    for seed in (1, 2):
        data = PolymerTable(**settings)
        _, module = fit(lambda: TargetFineTuning(gine()), data, epochs=1, seed=seed)
        save_model(trained_model(module, data), tmp_path / f"{seed}")
    words = [tmp_path / "1", tmp_path / "2", "-c", folder / "finetune.yaml", "--data.validation_fraction", 0]
    assert re.search("validation part.*`data.init_args.validation_fraction`", answer(capfd, "calibrate", *words))


def test_models_that_do_not_belong_together(folder, tmp_path):
    data = TinyPolymers({("density", "kg/m3"): [1000 * density(each) for each in CHAINS]})
    _, module = fit(lambda: SourcePretraining(gine()), data, epochs=1)
    save_model(trained_model(module, data), tmp_path / "other")
    with pytest.raises(CheckpointError, match=r"model 1 .*\['density \[g/cm3\]'\].* model 2 .*\['density \[kg/m3\]'\]"):
        load_ensemble([folder / "a", tmp_path / "other"])
    with pytest.raises(ValueError, match=r"\bmodels\b.* 1\b"):
        load_ensemble([folder / "a"])
    shutil.copytree(folder / "a", tmp_path / "copy")
    with pytest.raises(ValueError, match="twice"):
        load_ensemble([folder / "a", tmp_path / "copy"])


def test_help(capfd):
    assert run("calibrate", "--help") == 0
    printed = capfd.readouterr().out
    for each in ("gnn-sim2real calibrate MODEL [MODEL ...]", "--output", "--calibration", "validation"):
        assert each in printed


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_one_member_never_saw_is_said(paths, caplog, order):
    members = [load_model(path) for path in paths[:2]]
    seen = {"elements": ["C", "F", "O"], "bonds": ["single"]}
    vocabularies = (seen, seen | {"elements": ["C", "O"]})
    known = [
        replace(each, card={"vocabulary": vocabularies[which]}) for each, which in zip(members, order, strict=True)
    ]
    Ensemble(tuple(known)).predict(["*CC(*)F", "*CCO*"])
    assert "F in 1" in caplog.text
    assert "O in" not in caplog.text
