"""From a test to a record, and from records to a law in the logger."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import wandb
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from mlflow_stub import use_stub
from tiny import CHAINS, DictLogger, TinyPolymers, fit, gine, quiet_trainer, save_source
from torch.utils.data import DataLoader, TensorDataset
from wandb_files import stored_runs

from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.law import fit_scaling_law
from gnn_sim2real.law.forms import CURVE_FORMS
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.records.callback import ScalingLawCallback, log_law
from gnn_sim2real.records.learning_curves import read_learning_curves
from gnn_sim2real.records.loggers import form_weights
from gnn_sim2real.records.record import Record, RecordKey, read_errors, read_records, write_record
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning

CONFIG = {
    "trainer": {"max_epochs": 2},
    "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {}},
    "seed_everything": 0,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return save_source(tmp_path_factory.mktemp("models") / "source")


def recorded(folder, make_module, data, config=CONFIG, logger=False):
    callback = ScalingLawCallback(str(folder))
    callback.config = config
    trainer, module = fit(make_module, data, callbacks=[callback], logger=logger)
    trainer.test(module, datamodule=data, verbose=False)
    return module


def test_a_test_writes_one_record(source, tmp_path):
    data = TinyPolymers(size=20, seed=3, split=2, test_fraction=0.2)
    module = recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data)
    (record,) = read_records(tmp_path)
    assert record.cell == RecordKey("GINE", "full", len(CHAINS), "all", 20, 3, 2)
    assert (record.property, record.unit) == ("density", "g/cm3")
    assert record.metrics["num_test"] == len(data.parts.test)
    assert record.details["start_mae"] == module.start_error
    assert record.data["source"]["properties"] == ["Cp", "density"]
    _, prediction, measured = module.test_result()
    assert record.metrics == whole_set_metrics(prediction, measured)
    errors = read_errors(tmp_path, record.key)
    assert set(errors) == {identity_hash(each) for each in data.splitter.test_groups}
    assert np.mean(list(errors.values())) == pytest.approx(record.metrics["mae"])


def test_a_model_that_was_not_fine_tuned_is_not_recorded(source, tmp_path):
    """Its record would have the key of the model that is."""
    data = TinyPolymers(size=20, test_fraction=0.2)
    callback = ScalingLawCallback(str(tmp_path))
    callback.config = CONFIG
    trainer = Trainer(accelerator="cpu", logger=False, callbacks=[callback], enable_progress_bar=False)
    trainer.test(TargetFineTuning(pretrained=str(source)), datamodule=data, verbose=False)
    assert not read_records(tmp_path)
    with pytest.raises(ValueError, match="--ckpt_path"):
        trainer.test(TargetFineTuning(gine()), datamodule=data, verbose=False)


def test_no_spelling_and_no_value_leaves_in_a_record(source, tmp_path):
    data = TinyPolymers(test_fraction=0.2)
    recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data)
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not any(f'"{each}"' in text for each in (*data.table.materials, *data.table.identities))
    (sidecar,) = tmp_path.glob("*.errors.json")
    content = json.loads(sidecar.read_text())
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in content)
    assert not set(content.values()) & set(data.table.values[data.parts.test, 0].tolist())


def test_from_scratch_is_recorded_with_source_size_zero(tmp_path):
    recorded(tmp_path, lambda: TargetFineTuning(gine()), TinyPolymers(test_fraction=0.2))
    (record,) = read_records(tmp_path)
    assert (record.cell.source_size, record.cell.source_level) == (0, "0")
    assert record.data["source"] is None


def test_the_same_run_again_is_the_same_record_and_another_is_another(source, tmp_path):
    data = TinyPolymers(test_fraction=0.2)
    with_logger = CONFIG | {"trainer": CONFIG["trainer"] | {"logger": {"class_path": "x"}}}
    for config in (CONFIG, CONFIG, with_logger):
        recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data, config)
    assert len(read_records(tmp_path)) == 1
    recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data.variant(split=1))
    recorded(tmp_path, lambda: TargetFineTuning(gine()), data)
    assert len(read_records(tmp_path)) == 3


def test_a_pretraining_has_no_place_on_the_curve():
    with pytest.raises(ValueError, match=r"ScalingLawCallback .*pretraining"):
        fit(lambda: SourcePretraining(gine()), TinyPolymers(), callbacks=[ScalingLawCallback()])


def synthetic(size, seed, decay_rate=0.5, **changes):
    cell = RecordKey("GINE", "full", size, str(size), 20, seed, 0)
    error = (2.0 * size**-decay_rate + 0.05) * (1 + 0.01 * (seed - 1))
    values = {"property": "density", "unit": "g/cm3", "metrics": {"mae": error, "num_test": 10.0}, "data": {}}
    return Record(key=f"{size:028x}{seed:04x}", cell=cell, **values | changes)


def law_entries(logger):
    return {name: value for entry in logger.entries for name, value in entry.items() if name.startswith("scaling_law/")}


NAMES = {
    f"scaling_law/{name}{end}" for name in ("decay_rate", "transfer_gap", "prefactor") for end in ("", "_low", "_high")
} | {f"scaling_law/{name}" for name in ("decay_rate_identified", "transfer_gap_identified", "mae", "source_size")}
NAMES |= {f"scaling_law/form_weight/{form}" for form in CURVE_FORMS}


def test_with_four_sizes_the_law_goes_to_the_logger(source, tmp_path):
    logger, data = DictLogger(), TinyPolymers(size=20, test_fraction=0.2)
    for size in (100, 400, 1600, 6400):
        for seed in range(3):
            write_record(tmp_path, synthetic(size, seed), {})
    recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data, logger=logger)
    found = law_entries(logger)
    assert set(found) == NAMES
    assert all(np.isfinite(value) for value in found.values())
    assert (tmp_path / "scaling_law.png").stat().st_size > 1000


def test_the_logged_law_is_that_of_the_records(tmp_path):
    logger = DictLogger()
    records = [synthetic(size, seed) for size in (100, 400, 1600, 6400) for seed in range(3)]
    others = [
        replace(
            synthetic(size, seed, decay_rate=1.5),
            property="Tg",
            unit="K",
            key=f"{size:024x}{seed:08x}".replace("0", "f", 1),
        )
        for size in (100, 400, 1600, 6400)
        for seed in range(3)
    ]
    for record in records + others:
        write_record(tmp_path, record, {})
    log_law(tmp_path, records[0], [logger])
    found = law_entries(logger)
    assert found["scaling_law/decay_rate"] == pytest.approx(0.5, abs=0.03)
    assert found["scaling_law/transfer_gap"] == pytest.approx(0.05, rel=0.1)
    for name in ("decay_rate", "transfer_gap", "prefactor"):
        low, middle, high = (found[f"scaling_law/{name}{end}"] for end in ("_low", "", "_high"))
        assert low <= middle <= high


def test_with_three_sizes_there_are_errors_and_no_law(tmp_path):
    logger = DictLogger()
    records = [synthetic(size, seed) for size in (100, 400, 1600) for seed in range(3)]
    for record in records:
        write_record(tmp_path, record, {})
    log_law(tmp_path, records[0], [logger])
    assert logger.find("scaling_law/source_size") == [100, 400, 1600]
    assert logger.find("scaling_law/mae") == pytest.approx([2.0 * n**-0.5 + 0.05 for n in (100, 400, 1600)], rel=1e-3)
    assert logger.find("scaling_law/decay_rate") == []


class Plain(LightningModule):
    """A module of somebody else, whose test error is what it is told to be."""

    def __init__(self, error, name="test/mae"):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, number):
        return self.layer(batch[0]).square().mean()

    def test_step(self, batch, number):
        self.log(self.hparams.name, float(self.hparams.error))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def run_plain(callback, error=0.1, name="test/mae", logger=False, **settings):
    loader = DataLoader(TensorDataset(torch.ones(6, 1)), batch_size=2)
    trainer = quiet_trainer(1, callbacks=[callback], logger=logger, **settings)
    module = Plain(error, name)
    trainer.fit(module, loader)
    trainer.test(module, loader, verbose=False)


@pytest.mark.filterwarnings("ignore:The '(train|test)_dataloader' does not have many workers")
def test_any_lightning_module_has_a_place_on_the_curve(tmp_path):
    logger = DictLogger()
    for size in (0, 100, 400, 1600, 6400):
        for seed in range(3):
            error = 5.0 if size == 0 else synthetic(size, seed).metrics["mae"]
            callback = ScalingLawCallback(tmp_path, size, 20, seed=seed, architecture="Mine", unit="eV")
            run_plain(callback, error, logger=logger)
    records = read_records(tmp_path)
    assert len(records) == 15
    assert {record.cell.architecture for record in records} == {"Mine"}
    assert {record.metrics["num_test"] for record in records} == {6}
    assert logger.find("scaling_law/decay_rate")[-1] == pytest.approx(0.5, abs=0.03)
    assert logger.find("scaling_law/transfer_gap")[-1] == pytest.approx(0.05, rel=0.1)
    (curve,) = read_learning_curves(tmp_path).curves.values()
    assert curve.num_sizes() == 4


@pytest.mark.filterwarnings("ignore:The '(train|test)_dataloader' does not have many workers")
@pytest.mark.parametrize("limit", [{"fast_dev_run": True}, {"limit_test_batches": 1}, {"limit_test_batches": 0.5}])
def test_a_part_of_the_test_materials_makes_no_record(tmp_path, caplog, limit):
    run_plain(ScalingLawCallback(tmp_path, 10, 20), **limit)
    assert not list(tmp_path.iterdir())
    assert re.search(r"no record.*`limit_test_batches`", caplog.text)


@pytest.mark.filterwarnings("ignore:The '(train|test)_dataloader' does not have many workers")
def test_another_name_of_the_error(tmp_path):
    run_plain(ScalingLawCallback(tmp_path, 10, 20, monitor="test_loss"), 0.25, "test_loss")
    (record,) = read_records(tmp_path)
    assert record.metrics["error"] == 0.25
    with pytest.raises(ValueError, match=r"'test/mae'.*test_loss = 0\.25"):
        run_plain(ScalingLawCallback(tmp_path, 10, 20), 0.25, "test_loss")


@pytest.mark.parametrize("sizes", [{}, {"source_size": 5}, {"target_size": 5}])
def test_sizes_of_another_module_are_asked_for_before_it_is_trained(tmp_path, sizes):
    with pytest.raises(ValueError, match=r"Plain.*`source_size`.*`target_size`"):
        run_plain(ScalingLawCallback(tmp_path, **sizes))


@pytest.mark.parametrize("sizes", [{"source_size": -1}, {"target_size": 0}])
def test_sizes_that_cannot_be(sizes):
    with pytest.raises(ValueError, match=f"`{next(iter(sizes))}`"):
        ScalingLawCallback(**sizes)


def test_a_unit_that_is_unknown_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(ValueError, match=r"arb\. units"):
        ScalingLawCallback(tmp_path, 10, 20, unit="arb. units")


def test_own_fine_tuning_needs_no_configuration(source, tmp_path):
    data = TinyPolymers(size=20, test_fraction=0.2)
    makes = [
        lambda: TargetFineTuning(pretrained=str(source)),
        lambda: TargetFineTuning(pretrained=str(source), policy="frozen_encoder"),
        lambda: TargetFineTuning(pretrained=str(source), optimizer=lambda each: torch.optim.AdamW(each, lr=1e-3)),
        lambda: TargetFineTuning(pretrained=str(source), optimizer=lambda each: torch.optim.AdamW(each, lr=1e-4)),
    ]
    for make in [*makes, makes[0]]:
        trainer, module = fit(make, data, callbacks=[ScalingLawCallback(str(tmp_path))])
        trainer.test(module, datamodule=data, verbose=False)
    records = read_records(tmp_path)
    assert len(records) == len(makes)  # whatever changes the numbers is another record, and the same is the same
    assert {record.cell.source_size for record in records} == {len(CHAINS)}


def test_forms_that_forecast_alike_have_equal_weights():
    sizes = np.geomspace(50, 5000, 8)
    errors = (2 * sizes**-0.3 + 0.05) * np.exp(0.08 * np.random.default_rng(0).standard_normal((4, 8)))
    average = form_weights(fit_scaling_law(np.tile(sizes, 4), errors.ravel(), num_resamples=100))
    assert average["weight"].sum() == pytest.approx(1)
    assert not average["is_chosen"].any()
    law = fit_scaling_law(np.tile(sizes, 4), errors.ravel(), form="auto", num_resamples=100)
    table = form_weights(law).set_index("form")
    rivals = [trial.form for trial in law.trials if trial.is_rival]
    assert 1 < len(rivals) < len(table) == len(CURVE_FORMS)
    assert table["weight"].to_dict() == {form: (form in rivals) / len(rivals) for form in CURVE_FORMS}
    assert list(table.index[table["is_chosen"]]) == [law.form]
    alone = form_weights(fit_scaling_law(np.tile(sizes, 4), errors.ravel(), form="power", num_resamples=100))
    assert alone[["form", "weight", "is_chosen"]].to_numpy().tolist() == [["power", 1.0, True]]


def logged(folder, logger):
    """Let a logger have the law of twelve records."""
    records = [synthetic(size, seed) for size in (100, 400, 1600, 6400) for seed in range(3)]
    for record in records:
        write_record(folder / "records", record, {})
    log_law(folder / "records", records[0], [logger])


def test_a_csv_logger_gets_the_law(tmp_path):
    logger = CSVLogger(tmp_path, name="csv", version=0)
    logged(tmp_path, logger)
    logger.save()
    metrics = pd.read_csv(tmp_path / "csv/version_0/metrics.csv")
    assert metrics["scaling_law/decay_rate"].dropna().item() == pytest.approx(0.5, abs=0.03)
    table = pd.read_csv(tmp_path / "csv/version_0/scaling_law/records.csv")
    assert sorted(table["source_size"].unique()) == [100, 400, 1600, 6400]
    assert len(table) == 12


@pytest.mark.slow
def test_wandb_gets_the_law(tmp_path):
    logger = WandbLogger(project="tests", save_dir=str(tmp_path), offline=True)
    logged(tmp_path, logger)
    logger.experiment.finish()
    wandb.teardown()
    (run,) = stored_runs(tmp_path).values()
    assert run.summary["scaling_law/decay_rate"] == pytest.approx(0.5, abs=0.03)
    drawn = {row["scaling_law/source_size"]: row["scaling_law/mae"] for row in run.history if "scaling_law/mae" in row}
    assert list(drawn) == [100, 400, 1600, 6400]
    assert drawn[1600] == pytest.approx(0.1, rel=1e-3)
    assert {"scaling_law/records/path", "scaling_law/forms/path"} <= run.summary.keys()
    assert any(name.startswith("scaling_law/figure") for name in run.summary)


def test_tensorboard_gets_the_law(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(str(tmp_path), name="board", version=0)
    logged(tmp_path, logger)
    logger.finalize("success")
    found = EventAccumulator(str(tmp_path / "board/version_0"), {"images": 0}).Reload()
    assert found.Scalars("scaling_law/decay_rate")[-1].value == pytest.approx(0.5, abs=0.03)
    assert [each.step for each in found.Scalars("scaling_law/mae")] == [100, 400, 1600, 6400]
    assert "scaling_law/figure" in found.Tags()["images"]
    assert "scaling_law/records/text_summary" in found.Tags()["tensors"]


def test_mlflow_gets_the_law(tmp_path, monkeypatch):
    mlflow = use_stub(monkeypatch)
    logged(tmp_path, MLFlowLogger())
    (run,) = mlflow.runs.values()
    assert {name: value for name, value, _ in run.metrics}["scaling_law/decay_rate"] == pytest.approx(0.5, abs=0.03)
    assert [step for name, _, step in run.metrics if name == "scaling_law/mae"] == [100, 400, 1600, 6400]
    assert run.texts["scaling_law/records.csv"].count("\n") == 13
    assert run.files == ["scaling_law/scaling_law.png"]
