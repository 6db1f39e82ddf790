"""Errors in physical units during a training: what they are, what they are called, who may follow them."""

import math

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from tiny import CHAINS, DictLogger, TinyPolymers, density, fit, gine, quiet_trainer, table_values, trained_model

from gnn_sim2real.tasks import SourcePretraining
from gnn_sim2real.tasks.epoch_errors import EpochErrors

KILOGRAMS = [1000 * density(each) for each in CHAINS]
HOLES = [math.nan if number % 3 else 1000.0 + len(each) for number, each in enumerate(CHAINS)]
TWO = {("density", "kg/m3"): KILOGRAMS, ("Cp", "J/(kg K)"): HOLES}


def pretrain(columns, epochs=2, **settings):
    data = TinyPolymers(columns, validation_fraction=0.3, test_fraction=0.2)
    trainer, module = fit(lambda: SourcePretraining(gine()), data, epochs, **settings)
    return trainer, module, data


def by_hand(module, data, part, column):
    materials, truth = table_values(data, part, column)
    error = trained_model(module, data).predict(materials).values[:, column] - truth
    error, truth = error[~np.isnan(error)], truth[~np.isnan(truth)]
    spread = np.square(truth - truth.mean()).sum()
    return {
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt(np.square(error).mean()),
        "r2": 1 - np.square(error).sum() / spread,
    }


def test_validation_has_the_names_and_the_units_of_the_test():
    trainer, module, data = pretrain(TWO)
    found = {name: float(value) for name, value in trainer.callback_metrics.items()}
    for column, name in enumerate(("density", "Cp")):
        for metric, value in by_hand(module, data, "validation", column).items():
            assert found[f"val/{name}/{metric}"] == pytest.approx(value, rel=1e-4)
    (tested,) = trainer.test(module, datamodule=data, verbose=False)
    names = {each.partition("/")[2] for each in found if each.startswith("val/")} - {"loss"}
    assert names == {each.removeprefix("test/") for each in tested if not each.endswith("num_test")}
    assert names == {each.partition("/")[2] for each in found if each.startswith("train/")} - {"loss"}


def test_one_property_needs_no_name_and_each_epoch_has_its_own_errors():
    logger = DictLogger()
    _, module, data = pretrain({("density", "kg/m3"): KILOGRAMS}, 3, logger=logger)
    errors = logger.find("val/mae")
    assert len(set(errors)) == len(set(logger.find("train/rmse"))) == 3
    assert errors[-1] == pytest.approx(by_hand(module, data, "validation", 0)["mae"], rel=1e-4)
    assert 10 < errors[-1] < 1000  # kg/m3, not deviations


def test_training_errors_are_of_the_predictions_that_were_trained_on():
    data = TinyPolymers({("density", "kg/m3"): KILOGRAMS}, batch_size=len(CHAINS))
    make = lambda: SourcePretraining(gine(), optimizer=lambda each: torch.optim.SGD(each, lr=0.0))  # noqa: E731
    trainer, module = fit(make, data, 1)
    module.train()  # statistics of the batch
    batch = data.part("train")[torch.arange(len(CHAINS))]
    with torch.no_grad():
        error = (module.network.predict(batch) - batch.targets).abs().mean()
    assert float(trainer.callback_metrics["train/mae"]) == pytest.approx(float(error), rel=1e-4)


def test_of_values_that_are_missing_or_predictions_without_end():
    errors = EpochErrors()
    errors.update(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[2.0, math.nan, 1.0]]))
    errors.update(torch.tensor([[4.0, 2.0, math.inf]]), torch.tensor([[4.0, math.nan, 1.0]]))
    first, none, infinite = errors.compute()
    assert first == {"mae": 0.5, "rmse": pytest.approx(math.sqrt(0.5)), "r2": 0.5}
    assert none == {}
    assert infinite == {"mae": math.inf, "rmse": math.inf}
    of_logs = EpochErrors()
    of_logs.transforms = ["log10"]
    of_logs.update(torch.tensor([[math.inf]]), torch.tensor([[1.0]]))
    assert of_logs.compute()[0] == dict.fromkeys(("mae", "rmse", "mae_log10", "rmse_log10"), math.inf)


def test_the_loggers_know_the_unit():
    for columns, wanted in (
        ({("density", "kg/m3"): KILOGRAMS}, {"property": "density", "unit": "kg/m3"}),
        (TWO, {"property": ["density", "Cp"], "unit": {"density": "kg/m3", "Cp": "J/(kg K)"}}),
    ):
        logger = DictLogger()
        pretrain(columns, 1, logger=logger)
        assert logger.hyperparameters == [wanted]


class Seen(Callback):
    def __init__(self):
        self.errors = []

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.errors.append(float(trainer.callback_metrics["val/mae"]))


class OwnError(SourcePretraining):
    """Logs an error of its own under our name, worse from epoch to epoch."""

    def validation_step(self, batch, batch_number):
        super().validation_step(batch, batch_number)
        self.log("val/mae", 7.0 + self.current_epoch, batch_size=batch.num_graphs)


class OwnErrorTwice(SourcePretraining):
    def on_validation_epoch_end(self):
        super().on_validation_epoch_end()
        self.log("val/mae", 7.0)


def test_errors_are_monitored(tmp_path):
    seen, checkpoint = Seen(), ModelCheckpoint(tmp_path, monitor="val/mae", filename="{epoch}")
    data = TinyPolymers(validation_fraction=0.3)
    make = lambda: SourcePretraining(gine(), optimizer=lambda each: torch.optim.SGD(each, lr=0.3))  # noqa: E731
    fit(make, data, 12, callbacks=[seen, checkpoint], enable_checkpointing=True)
    best = int(np.argmin(seen.errors))
    assert 0 < best < 11, "the errors must rise and fall, or any epoch would do"
    assert [path.stem for path in tmp_path.glob("*.ckpt")] == [f"epoch={best}"]


def test_a_subclass_logs_an_error_of_its_own_and_is_stopped_by_it():
    seen, data = Seen(), TinyPolymers(validation_fraction=0.3)
    trainer, _ = fit(lambda: OwnError(gine()), data, 9, callbacks=[seen, EarlyStopping("val/mae", patience=2)])
    assert seen.errors == [7.0, 8.0, 9.0]
    assert float(trainer.callback_metrics["val/rmse"]) < 7
    with pytest.raises(MisconfigurationException, match=r"val/mae.*twice"):
        fit(lambda: OwnErrorTwice(gine()), data, 1)


def test_a_validation_begins_anew():
    trainer, module, data = pretrain({("density", "kg/m3"): KILOGRAMS})
    once, again = (trainer.validate(module, datamodule=data, verbose=False) for _ in range(2))
    assert once == again
    assert quiet_trainer(1, limit_val_batches=1).validate(module, datamodule=data, verbose=False) != once
