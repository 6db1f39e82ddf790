"""Materials, networks and trainers small enough for a test: real spellings, made-up properties."""

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loggers import Logger

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library import TrainedModel, save_model
from gnn_sim2real.nn import GINE
from gnn_sim2real.store.loader import make_loader
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tasks import SourcePretraining

CHAINS = [f"*{'C' * length}{end}*" for length in range(1, 8) for end in ("O", "S", "N", "C(=O)O", "C(=O)N", "C(F)O")]


def density(unit):
    """A made-up density in g/cm3 that a network can learn."""
    shares = {element: unit.count(element) / len(unit) for element in "OSF"}
    return 0.8 + 0.9 * shares["O"] + 1.5 * shares["S"] + 2.0 * shares["F"]


def gine(**settings):
    return GINE(**{"hidden_dim": 8, "num_layers": 2} | settings)


class TinyPolymers(PropertyDataModule):
    """Properties given as `{(name, unit): values}`, one value a chain, NaN where missing.

    Validation and test run in batches of `evaluation_batch`, so that they have several.
    """

    def __init__(self, columns=None, materials=CHAINS, evaluation_batch=4, **settings):
        super().__init__(**{"validation_fraction": 0, "batch_size": 16} | settings)
        self.columns = columns or {("density", "g/cm3"): [density(each) for each in materials]}
        self.materials, self.evaluation_batch = materials, evaluation_batch

    def load_table(self):
        frame = pd.DataFrame({"smiles": self.materials} | {name: each for (name, _), each in self.columns.items()})
        # The numbers are made up: bounds so far away that no value of a known name is implausible.
        properties = [Property(name, unit, lower=-1e9, upper=1e9) for name, unit in self.columns]
        return clean_table(
            frame, material_column="smiles", properties=properties, identity=self.featurizer.identity, source="tiny"
        )

    def val_dataloader(self):
        loader = super().val_dataloader()
        return make_loader(self.part("validation"), self.evaluation_batch) if loader else loader

    def test_dataloader(self):
        super().test_dataloader()
        return make_loader(self.part("test"), self.evaluation_batch)


class DictLogger(Logger):
    """Keeps what is logged, in order."""

    name, version = "dict", 0

    def __init__(self):
        super().__init__()
        self.entries, self.hyperparameters = [], []

    def log_metrics(self, metrics, step=None):
        self.entries.append(dict(metrics))

    def log_hyperparams(self, params, *args, **kwargs):
        self.hyperparameters.append(params)

    def find(self, name):
        return [entry[name] for entry in self.entries if name in entry]


def quiet_trainer(epochs, **settings):
    defaults = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    defaults |= {"enable_model_summary": False, "accelerator": "cpu", "log_every_n_steps": 1}
    return Trainer(max_epochs=epochs, **defaults | settings)


def fit(make_module, data, epochs=2, seed=0, **settings):
    """Seed, make the module, train it; returns both, since the trainer knows the metrics."""
    seed_everything(seed, verbose=False)
    module = make_module()
    trainer = quiet_trainer(epochs, **settings)
    trainer.fit(module, datamodule=data, weights_only=True)
    return trainer, module


def trained_model(module, data):
    return TrainedModel(module.network.eval(), data.featurizer, {"data": data.card()})


def save_source(folder):
    """Pretrain on a heat capacity and on a density in kg/m3, and save to a folder of the model library."""
    heat_capacity, simulated = [1000.0 + len(each) for each in CHAINS], [1000 * density(each) - 100 for each in CHAINS]
    data = TinyPolymers({("Cp", "J/(kg K)"): heat_capacity, ("density", "kg/m3"): simulated})
    _, module = fit(lambda: SourcePretraining(gine()), data, epochs=5)
    save_model(trained_model(module, data), folder)
    return folder


def copied(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


def table_values(data, part, column=0):
    rows = getattr(data.parts, part)
    return [data.table.materials[row] for row in rows], np.asarray(data.table.values[rows, column])
