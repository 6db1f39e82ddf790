"""A model knows the elements, bonds and charges of its training, and says where it meets others."""

import logging
from dataclasses import replace

import pytest
import torch
from tiny import CHAINS, TinyPolymers, fit, gine, quiet_trainer, trained_model

from gnn_sim2real.library import CHECKPOINT_ENTRY, load_model, save_model
from gnn_sim2real.records.training_records import fine_tuning_record
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning

PLAIN = [each for each in CHAINS if not {"F", "N"} & set(each)]


@pytest.fixture(scope="module")
def plain_source(tmp_path_factory):
    """A source of C, O and S alone."""
    folder, data = tmp_path_factory.mktemp("plain"), TinyPolymers(materials=PLAIN)
    _, module = fit(lambda: SourcePretraining(gine()), data)
    save_model(replace(trained_model(module, data), card=module.card()), folder)
    return folder


def test_a_source_knows_what_it_has_seen(plain_source):
    card = load_model(plain_source).card
    assert card["vocabulary"] == {"elements": ["C", "O", "S"], "bonds": ["single", "double"], "charges": ["+0"]}


def test_fine_tuning_and_prediction_say_what_was_never_seen(plain_source, caplog, tmp_path):
    data = TinyPolymers(test_fraction=0.3)
    with caplog.at_level(logging.WARNING, "gnn_sim2real.store.vocabulary"):
        trainer, module = fit(lambda: TargetFineTuning(pretrained=str(plain_source)), data)
    assert f"F in {sum('F' in each for each in CHAINS)}" in caplog.text
    trainer.test(module, datamodule=data, verbose=False)
    unseen = fine_tuning_record("k", module, data, {}, 1.0).details["unseen"]
    tested = [data.table.materials[row] for row in data.parts.test]
    assert unseen["counts"]["F"] == sum("F" in each for each in tested)
    assert len(unseen["materials"]) == sum(bool({"F", "N"} & set(each)) for each in tested)

    # The fine-tuned model knows both, also after it was saved.
    trainer.save_checkpoint(tmp_path / "tuned.ckpt")
    card = torch.load(tmp_path / "tuned.ckpt", weights_only=True)[CHECKPOINT_ENTRY]["card"]
    assert card["vocabulary"]["elements"] == ["C", "N", "O", "F", "S"]
    (tmp_path / "asked.csv").write_text("smiles\n*CC*\n*CC(*)Cl\n*CC(*)F\n")
    asked = TinyPolymers(predict_path=str(tmp_path / "asked.csv"))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "gnn_sim2real.store.vocabulary"):
        quiet_trainer(1).predict(TargetFineTuning(gine()), asked, ckpt_path=tmp_path / "tuned.ckpt", weights_only=True)
    assert "Cl in 1" in caplog.text
    assert "F in" not in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "gnn_sim2real.store.vocabulary"):
        load_model(tmp_path / "tuned.ckpt").predict(["*CC*", "*CC(*)Br"])
    assert "Br in 1" in caplog.text


def test_nothing_is_said_of_an_older_model(source_folder, caplog):
    assert "vocabulary" not in load_model(source_folder).card
    with caplog.at_level(logging.WARNING, "gnn_sim2real.store.vocabulary"):
        _, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder)), TinyPolymers())
        load_model(source_folder).predict(["*CC(*)Br"])
    assert "never saw" not in caplog.text
    assert "vocabulary" not in module.card()
