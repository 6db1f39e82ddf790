"""Fine-tuning a ranked model, and training from scratch."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import seed_everything

from gnn_sim2real.library import TrainedModel, save_model
from gnn_sim2real.linear import Floats
from gnn_sim2real.nn.encoder import build_encoder
from gnn_sim2real.shotgun.settings import TuningSettings
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Rows
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.small_training import train_small

_BATCH_SIZE = 16


def fine_tune(start: TrainedModel, target: Target, rows: Rows, tuning: TuningSettings) -> TrainedModel:
    """Fine-tune a model, like `gnn-sim2real fit`.

    Args:
        start: The model to start from; it is not changed.
        target: The target.
        rows: Rows to train on.
        tuning: See `TuningSettings`.
    """
    with tempfile.TemporaryDirectory(prefix="shotgun_") as folder:
        save_model(start, Path(folder))
        task = TargetFineTuning(
            pretrained=folder,
            encoder_rate=tuning.encoder_rate,
            forms={target.spec.name: start.network.properties[0].form},
            optimizer=partial(torch.optim.AdamW, lr=tuning.learning_rate, weight_decay=1e-5),
        )
        return _train(task, start, target, rows, tuning.epochs, tuning.seed)


def train_from_scratch(
    encoder: dict[str, Any], like: TrainedModel, target: Target, rows: Rows, tuning: TuningSettings
) -> TrainedModel:
    """Train a new network on the measurements only.

    Args:
        encoder: Description of its encoder.
        like: Model whose graphs it reads.
        target: The target.
        rows: Rows to train on.
        tuning: See `TuningSettings`.
    """
    seed_everything(tuning.seed, verbose=False)
    task = TargetFineTuning(
        encoder=build_encoder(encoder),
        forms={target.spec.name: target.spec.form},
        optimizer=partial(torch.optim.AdamW, lr=tuning.scratch_rate, weight_decay=1e-5),
    )
    return _train(task, like, target, rows, tuning.scratch_epochs, tuning.seed)


def _train(
    task: TargetFineTuning, like: TrainedModel, target: Target, rows: Rows, epochs: int, seed: int
) -> TrainedModel:
    seed_everything(seed, verbose=False)
    view = target.view(like.featurizer)
    train_small(task, target.data(view, rows, _BATCH_SIZE, seed), epochs)
    return TrainedModel(task.network.eval(), view.featurizer, {})


def predict(model: TrainedModel, target: Target, rows: Rows) -> Floats:
    """Predict for materials of the target, on the scale of the errors.

    Args:
        model: Model of the target's property.
        target: The target.
        rows: Rows to predict.
    """
    if not len(rows):
        return np.empty(0)
    store = target.view(model.featurizer).store
    return target.scale(model.predict_graphs(store.take(rows))[:, 0])
