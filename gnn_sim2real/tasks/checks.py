"""What the tasks ask of Lightning's trainer and of its callbacks; what cannot work is refused in one sentence."""

import os
import shutil
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging, WeightAveraging

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.tasks.schedule import MONITOR
from gnn_sim2real.tasks.weights import EMAWeights


def require_single_precision(trainer: Trainer) -> None:
    """Refuse a precision in which the batches or the properties' mean and spread would be rounded or cannot be had.

    Raises:
        ValueError: If one was asked for.
    """
    accepted = ("32-true", "bf16-mixed", "16-mixed")
    if trainer.precision not in accepted:
        raise ValueError(
            f"`trainer.precision` must be {', '.join(accepted[:-1])} or {accepted[-1]}, got {trainer.precision}: "
            "weights and properties are kept in single precision"
        )


def require_compiler() -> None:
    """Refuse `compile` where torch would fail at its first step.

    Raises:
        ValueError: If there is no C++ compiler.
    """
    wanted = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    if not any(map(shutil.which, wanted)):
        raise ValueError(f"`compile` takes a C++ compiler, and there is no {' or '.join(wanted)}; set it to false")


def require_one_process(trainer: Trainer, what: str) -> None:
    """Refuse several processes.

    Args:
        trainer: The trainer.
        what: Cannot be shared by them.

    Raises:
        ValueError: If there are several.
    """
    number = trainer.num_devices * trainer.num_nodes
    if number > 1:
        raise ValueError(
            f"{what} runs in one process, and {number} were asked for; set `--trainer.devices 1` "
            "(and `--trainer.num_nodes 1`)"
        )


def require_validation(trainer: Trainer, what: str) -> None:
    """Refuse what watches the validation part where there is none.

    Args:
        trainer: Its data are set up, so that it knows whether anything validates.
        what: Watches.

    Raises:
        ValueError: If nothing validates.
    """
    if trainer.limit_val_batches == 0:
        raise ValueError(
            f"{what} watches the loss of the validation part, and there is none; set "
            "`data.init_args.validation_fraction`, e.g. to 0.1"
        )


def require_same_graphs(trained_on: dict[str, Any], data: PropertyDataModule) -> None:
    """Refuse data whose graphs are not those that a model knows.

    Args:
        trained_on: Description of the featurizer of the model.
        data: What it is to be used on.

    Raises:
        CheckpointError: If they are made in another way.
    """
    if data.featurizer.describe() != trained_on:
        raise CheckpointError(
            f"the model was trained on graphs made by {trained_on}, those of the data are made by "
            f"{data.featurizer.describe()}; give `data.init_args` the same settings"
        )


def require_same_properties(network: PropertyModel, data: PropertyDataModule) -> None:
    """Refuse to judge a model by values of another property, or in another unit.

    Args:
        network: The model.
        data: What judges it.

    Raises:
        CheckpointError: If the data have other properties.
    """
    given, wanted = ([f"{each.name} [{each.unit}]" for each in side.properties] for side in (network, data))
    if given != wanted:
        raise CheckpointError(
            f"the model predicts {', '.join(given)}, but the data have {', '.join(wanted)}; give the data of its "
            "training"
        )


def check_callbacks(trainer: Trainer) -> None:
    """Refuse callbacks that would do nothing, or harm, in a training.

    Raises:
        ValueError: If there is one.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        name = type(callback).__name__
        monitor = getattr(callback, "monitor", None)
        if monitor not in (None, "train/loss", MONITOR):
            raise ValueError(f"{name} watches {monitor!r}, which no training logs; use {MONITOR} or train/loss")
        if watches_validation(callback):
            require_validation(trainer, name)
        foreign = isinstance(callback, (WeightAveraging, StochasticWeightAveraging))
        if foreign and not isinstance(callback, EMAWeights):
            raise ValueError(f"{name} copies the module before it has a network; use gnn_sim2real.tasks.EMAWeights")


def watches_validation(callback: object) -> bool:
    """Whether a callback is steered by the loss of the validation part."""
    return getattr(callback, "monitor", None) == MONITOR
