"""From ordered crystals to disordered ones: training, errors of both groups, predictions with their spread."""

import csv
import json
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from crystals import random_crystal
from tiny import fit, quiet_trainer, trained_model

from datamodules import CrystalFolder
from datamodules.open_data import OPEN_TABLES
from gnn_sim2real.cli.main import main
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.composition import read_formula
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import to_pymatgen
from gnn_sim2real.library import save_model
from gnn_sim2real.nn import CGCNN
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning
from gnn_sim2real.tasks.prediction import PredictionWriter

COUNT = 20


def salt(number):
    """Two cations, one of them lithium, and two anions, no two sites closer than 1.2 angstrom; each its own formula."""
    made = random_crystal(number)
    cation, anions = [11, 19, 37, 55][number % 4], [(9, 9), (17, 17), (35, 35), (9, 17), (9, 35)][number % 5]
    return Crystal(made.lattice, np.array([3, cation, *anions], np.uint8), made.fractional)


def write(folder, disordered):
    """Crystals, of which the first are disordered, each with a value."""
    records = []
    for number in range(COUNT):
        structure = to_pymatgen(salt(number))
        if number < disordered:
            structure[0] = {"Li": 0.5, "Na": 0.5}
        values = {"material_id": f"m{number}", "y": float(number % 5)}
        records.append(values | {"structure": structure.as_dict()})
    (folder / "all.json").write_text(json.dumps(records))
    return str(folder / "all.json")


def make_data(folder, disordered, **settings):
    given = {"property": "y", "column": "y", "unit": "", "cutoff": 5.0, "validation_fraction": 0.1} | settings
    return CrystalFolder(structures=write(folder, disordered), **given)


def encoder():
    return CGCNN(hidden_dim=8, num_layers=1, num_gaussians=8, cutoff=5.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    data = make_data(folder, 0, test_fraction=0)
    _, module = fit(lambda: SourcePretraining(encoder()), data, epochs=1)
    vocabulary = module.vocabulary()
    assert "sites" not in vocabulary
    model = trained_model(module, data)
    save_model(replace(model, card=model.card | {"vocabulary": vocabulary}), folder / "model")
    return folder / "model"


@pytest.mark.parametrize("disorder", ["average", "order"])
def test_errors_of_both_groups_after_a_fine_tuning(tmp_path, source, caplog, disorder):
    caplog.set_level(logging.INFO)
    data = make_data(tmp_path, 10, test_fraction=0.4, disorder=disorder)
    trainer, module = fit(lambda: TargetFineTuning(pretrained=str(source)), data, epochs=1)
    assert ("sites that are disordered in 10" in caplog.text) == (disorder == "average")
    trainer.test(module, datamodule=data, verbose=False)
    groups = module.group_errors()
    assert groups.keys() == {"disordered", "ordered"}
    assert sum(each["num"] for each in groups.values()) == len(data.parts.test)
    mean = sum(each["num"] * each["mae"] for each in groups.values()) / len(data.parts.test)
    assert trainer.callback_metrics["test/mae"] == pytest.approx(mean, rel=1e-4)
    assert trainer.callback_metrics["test/disordered/mae"] == pytest.approx(groups["disordered"]["mae"], rel=1e-4)
    assert ("sites" in module.vocabulary()) == (disorder == "average")


def test_refused_ones_are_counted(tmp_path, caplog):
    data = make_data(tmp_path, 7, test_fraction=0.2)
    assert len(data.table.identities) == COUNT - 7
    assert "7 of 20" in caplog.text
    assert all(word in caplog.text for word in ("`disorder: average`", "`disorder: order`"))
    assert data.data_set.group_errors(np.arange(3), np.zeros(3)) == {}


def test_a_model_of_compositions_reads_them_in_any_case(tmp_path):
    data = make_data(tmp_path, 7, test_fraction=0.2, representation="composition")
    assert len(data.table.identities) == COUNT
    spelled = dict(zip(data.table.identities, data.table.materials, strict=True))
    assert read_formula(spelled["m1"]) == {3: 1, 11: 1, 17: 4, 19: 2}
    assert read_formula(spelled["m9"]) == {3: 1, 9: 1, 19: 1, 35: 1}


def predict(tmp_path, source, disorder):
    asked = tmp_path / "asked.json"
    mixed, plain = to_pymatgen(salt(1)), to_pymatgen(salt(2))
    mixed[0] = {"Li": 0.5, "Na": 0.5}
    asked.write_text(json.dumps([mixed.as_dict(), plain.as_dict()]))
    data = make_data(tmp_path, 10, disorder=disorder, predict_path=str(asked))
    writer = PredictionWriter(str(tmp_path / "out" / "answers.csv"))
    module = TargetFineTuning(pretrained=str(source))
    quiet_trainer(1, callbacks=[writer]).predict(module, datamodule=data, return_predictions=False)
    with writer.output.open(newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_of_a_model_that_never_saw_disorder(tmp_path, source, caplog):
    first, second = predict(tmp_path, source, "average")
    assert first["y"]
    assert second["y"]
    assert "never saw in training (sites that are disordered in 1" in caplog.text


def test_predictions_of_approximants_have_a_spread(tmp_path, source, caplog):
    first, second = predict(tmp_path, source, "order")
    assert first["y"]
    assert second["y"]
    assert float(first["y spread"]) >= 0
    assert second["y spread"] == ""
    assert "never saw in training (sites" not in caplog.text


def test_other_graphs_are_still_refused(tmp_path, source):
    data = make_data(tmp_path, 10, test_fraction=0.4, disorder="average", cutoff=4.0)
    with pytest.raises(CheckpointError):
        fit(lambda: TargetFineTuning(pretrained=str(source)), data, epochs=1)


SOURCE = "starter:crystal/formation_energy"
"""A model of the library whose source is ordered."""


@pytest.mark.slow
def test_a_model_of_the_library_on_measured_disordered_crystals(tmp_path, monkeypatch, caplog, capsys):
    """OBELiX, whose crystals are mostly disordered, by the command line: fine-tuned, tested, and asked as it is."""
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cifs"
    folder.mkdir()
    frame = pd.read_parquet(OPEN_TABLES["obelix"].file).dropna(subset="cif").head(6)
    for name, text in zip(frame["id"], frame["cif"], strict=True):
        (folder / f"{name}.cif").write_text(text)
    assert main(["predict", SOURCE, str(folder), "--disorder", "average"]) == 0
    assert "sites that are disordered in 4" in caplog.text
    predicted = pd.read_csv("predictions.csv")
    assert predicted.iloc[:, 1].notna().sum() == 6
    assert main(["predict", SOURCE, str(folder), "--prediction.output", "plain.csv"]) == 0
    refused = pd.read_csv("plain.csv")["reason"].dropna()
    assert len(refused) == 4
    assert refused.str.contains("average").all()

    caplog.clear()
    settings = ["-c", "configs:crystal/ionic_conductivity/average_finetune.yaml", "--model.pretrained", SOURCE]
    assert main(["fit", *settings, "--trainer.max_steps", "2", "--trainer.default_root_dir", "run"]) == 0
    assert "245 of 317 materials have what the model never saw in training (sites that are disordered" in caplog.text
    (saved,) = (tmp_path / "run").rglob("*.ckpt")
    caplog.clear()
    assert main(["test", "-c", str(saved.parents[1] / "config.yaml"), "--ckpt_path", str(saved)]) == 0
    assert "MAE of 48 disordered of the test part" in caplog.text
    assert "MAE of 11 ordered of the test part" in caplog.text
    shown = capsys.readouterr().out
    assert "test/disordered/mae" in shown
    assert "test/ordered/mae" in shown
    caplog.clear()
    assert main(["predict", str(saved), str(folder), "--prediction.output", "tuned.csv"]) == 0
    assert "never saw" not in caplog.text
    assert pd.read_csv("tuned.csv").iloc[:, 1].notna().all()
