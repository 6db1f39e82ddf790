"""A model is not tested on what it was trained on, wherever its data come from."""

import numpy as np
import pytest
import torch
from tiny import TinyPolymers, density, fit, gine, quiet_trainer

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import CHECKPOINT_ENTRY
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning
from gnn_sim2real.tasks.seen import SeenMaterials

DATA = {"test_fraction": 0.2, "validation_fraction": 0.2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("seen") / "model.ckpt"
    data = TinyPolymers(**DATA)
    trainer, _ = fit(lambda: TargetFineTuning(gine()), data, epochs=1)
    trainer.save_checkpoint(path)
    return path, data


def evaluate(path, data, stage="test"):
    module = TargetFineTuning(gine())
    getattr(quiet_trainer(1), stage)(module, datamodule=data, ckpt_path=path, verbose=False, weights_only=True)


@pytest.mark.parametrize("stage", ["test", "validate"])
def test_the_split_of_the_training_is_tested_and_another_is_refused(trained, stage, caplog):
    path, data = trained
    evaluate(path, data, stage)
    assert "not known" not in caplog.text
    other = data.variant(split=1) if stage == "test" else data.variant(seed=1)
    part = "test" if stage == "test" else "validation"
    seen = {*data.parts.train.tolist()} | ({*data.parts.validation.tolist()} if stage == "test" else set())
    known = len(seen & {*getattr(other.parts, part).tolist()})
    assert known
    with pytest.raises(CheckpointError, match=rf"\b{known}\b.*\b{len(getattr(other.parts, part))}\b.*\b{part}\b"):
        evaluate(path, other, stage)


def test_another_size_of_the_same_split_is_tested(trained):
    path, data = trained
    evaluate(path, data.variant(size=10))


def test_materials_are_known_again_in_another_table(trained):
    path, data = trained
    rows = [*data.parts.test[:3].tolist(), *data.parts.train[:2].tolist()]
    chains = [data.table.materials[row] for row in rows]
    every = Parts(*(np.array(part, np.int64) for part in ([], [], range(5))))
    other = TinyPolymers({("density", "g/cm3"): [density(each) + 0.01 for each in chains]}, chains, test_fraction=0.5)
    with pytest.raises(CheckpointError, match=r"\b2\b.*\b5\b.*\btest\b"):
        evaluate(path, other.with_parts(every))
    new = other.with_parts(Parts(every.train, every.validation, np.arange(3)))
    evaluate(path, new)


def test_a_checkpoint_without_identities_says_that_it_does_not_know(trained, tmp_path, caplog):
    path, data = trained
    content = torch.load(path, weights_only=True)
    del content[CHECKPOINT_ENTRY]["seen"]
    torch.save(content, tmp_path / "old.ckpt")
    evaluate(tmp_path / "old.ckpt", data)
    assert "not known" not in caplog.text
    evaluate(tmp_path / "old.ckpt", data.variant(split=1))
    assert "not known" in caplog.text


@pytest.mark.parametrize("task", [TargetFineTuning, SourcePretraining])
def test_within_one_process(task):
    data = TinyPolymers(**DATA)
    trainer, module = fit(lambda: task(gine()), data, epochs=1)
    trainer.test(module, datamodule=data, verbose=False)
    with pytest.raises(CheckpointError, match=r"\btrained\b"):
        trainer.test(module, datamodule=data.variant(split=1), verbose=False)


def test_two_trainings_are_both_remembered(trained, tmp_path):
    """Resumed on another split, a model has seen materials of both."""
    path, data = trained
    other = data.variant(split=1)
    trainer = quiet_trainer(2)
    trainer.fit(TargetFineTuning(gine()), datamodule=other, ckpt_path=path, weights_only=True)
    trainer.save_checkpoint(tmp_path / "both.ckpt")
    for each in (data, other):
        with pytest.raises(CheckpointError, match=r"\btrained\b"):
            evaluate(tmp_path / "both.ckpt", each)


def test_identities_pass_through_a_checkpoint(trained):
    path, data = trained
    stored = SeenMaterials.from_tensors(torch.load(path, weights_only=True)[CHECKPOINT_ENTRY]["seen"])
    fresh = SeenMaterials.of_training(data)
    np.testing.assert_array_equal(stored.trained, fresh.trained)
    np.testing.assert_array_equal(stored.validated, fresh.validated)
    assert (len(fresh.trained), len(fresh.validated)) == (len(data.parts.train), len(data.parts.validation))
    joined = fresh.join(SeenMaterials.of_library(data.tested_identities()))
    assert len(joined.known_rows(data, "test")) == len(data.parts.test)
    assert not len(joined.known_rows(data, "validation"))
