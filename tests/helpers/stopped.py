"""For trainings that are asked to stop: a small one, and callbacks that stop it at a known moment."""

import os
import time
from pathlib import Path

import yaml
from lightning.pytorch import Callback
from tiny import CHAINS, density

from gnn_sim2real.library import load_model

PER_EPOCH = 4
"""Batches: 34 materials train in batches of 9 and 8."""


def write_pretraining(folder, *callbacks, **trainer):
    """A YAML with dropout, an average of the weights and a validation part; its training writes `seen/model.ckpt`."""
    rows = "".join(f"{each},{density(each)}\n" for each in CHAINS)
    (folder / "source.csv").write_text(f"smiles,density\n{rows}")
    table = {"property": "density", "column": "density", "unit": "g/cm3", "path": str(folder / "source.csv")}
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2, "dropout": 0.2}}
    always = [
        {"class_path": "plain.Witness", "init_args": {"folder": str(folder / "seen")}},
        {"class_path": "gnn_sim2real.tasks.EMAWeights", "init_args": {"decay": 0.5}},
    ]
    settings = {"accelerator": "cpu", "max_epochs": 3, "enable_progress_bar": False, "default_root_dir": str(folder)}
    content = {
        "trainer": settings | {"callbacks": [*always, *callbacks]} | trainer,
        "model": {"class_path": "gnn_sim2real.tasks.SourcePretraining", "init_args": {"encoder": encoder}},
        "data": {
            "class_path": "datamodules.PolymerTable",
            "init_args": table | {"batch_size": 9, "validation_fraction": 0.2},
        },
    }
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(content))
    return folder / "pretrain.yaml"


def asks(number, batch, in_validation=False):
    """A callback that asks the training to stop."""
    given = {"number": int(number), "batch": batch, "in_validation": in_validation}
    return {"class_path": "stopped.Asks", "init_args": given}


def final_weights(folder):
    return load_model(folder / "seen" / "model.ckpt").network.state_dict()


class Asks(Callback):
    """Sends a signal to its own process at the start of a batch, counted from 0 over all epochs.

    That batch is one of training, or the first one of the validation that follows it.
    """

    def __init__(self, number: int, batch: int, in_validation: bool = False) -> None:
        self.number, self.batch, self.in_validation = number, batch, in_validation

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if not self.in_validation and trainer.is_global_zero:
            self._send(trainer.fit_loop.total_batch_idx)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if self.in_validation and not trainer.sanity_checking and batch_idx == 0:
            self._send(trainer.fit_loop.total_batch_idx)

    def _send(self, batch):
        if batch == self.batch:
            os.kill(os.getpid(), self.number)


class Interrupts(Callback):
    """Sends a signal to its own process while the data are read."""

    def __init__(self, number: int) -> None:
        self.number = number

    def setup(self, trainer, pl_module, stage):
        os.kill(os.getpid(), self.number)


class Waits(Callback):
    """Writes `waiting` before a batch, counted from 0 over all epochs, and waits until somebody writes `go`."""

    def __init__(self, batch: int, folder: str) -> None:
        self.batch, self.folder = batch, Path(folder)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.fit_loop.total_batch_idx == self.batch:
            (self.folder / "waiting").touch()
            while not (self.folder / "go").exists():
                time.sleep(0.05)
