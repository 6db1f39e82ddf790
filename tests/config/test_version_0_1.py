"""Files of version 0.1.0, from before its modules moved: the same YAMLs, cards, checkpoints, keys and answers."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import ModelLibrary, load_model
from gnn_sim2real.records.record import read_records
from gnn_sim2real.renamed import CLASSES, current_paths, first_paths

STORED = Path(__file__).parent / "version_0_1"
ANSWERS = json.loads((STORED / "answers.json").read_text())


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A copy to work in."""
    shutil.copytree(STORED, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GNN_SIM2REAL_LIBRARY", "library")
    (key,) = ModelLibrary(Path("library")).keys()
    text = Path("finetune.yaml").read_text()
    Path("finetune.yaml").write_text(text.replace("MODEL", f"library/{key}"))
    return tmp_path


@pytest.mark.parametrize("name", ["library", "truncated", "finetuned.ckpt"])
def test_models_answer_as_they_did(name):
    path = STORED / name
    model = load_model(path / ModelLibrary(path).keys()[0] if name == "library" else path)
    np.testing.assert_allclose(model.predict(ANSWERS["materials"]).values.ravel(), ANSWERS[name], rtol=1e-5)


def test_a_training_has_the_key_that_it_had(stored):
    assert main(["fit", "-c", "pretrain.yaml", "--trainer.default_root_dir=pretraining"]) == 0
    assert len(ModelLibrary(Path("library")).keys()) == 2
    shutil.rmtree("records")
    assert main(["fit", "-c", "finetune.yaml"]) == 0
    (checkpoint,) = Path("checkpoints").glob("*.ckpt")
    assert main(["test", "-c", "finetune.yaml", "--ckpt_path", str(checkpoint)]) == 0
    (record,) = read_records(Path("records"))
    assert record.key == ANSWERS["key"]
    assert record.metrics["mae"] == pytest.approx(ANSWERS["mae"], rel=1e-3)


def test_an_old_record_is_read(stored):
    (record,) = read_records(Path("records"))
    assert (record.key, record.metrics["mae"]) == (ANSWERS["key"], ANSWERS["mae"])


def test_a_checkpoint_is_tested_from_an_old_configuration(stored):
    shutil.rmtree("records")
    old = "gnn_sim2real.scaling.callback.ScalingLawCallback"
    given = ["--ckpt_path", "finetuned.ckpt", f"--trainer.callbacks={old}", "--trainer.callbacks.folder=records"]
    assert main(["test", "-c", "finetune.yaml", *given]) == 0
    (record,) = read_records(Path("records"))
    assert record.metrics["mae"] == pytest.approx(ANSWERS["mae"], rel=1e-5)


def test_every_renamed_path_leads_to_a_class():
    for old, today in CLASSES.items():
        module, _, name = today.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name)), old
        assert current_paths({"class_path": [old]}) == {"class_path": [today]}
        assert first_paths(today) in CLASSES
