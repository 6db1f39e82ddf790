"""What the tasks require of Lightning's trainer and its callbacks; errors take one sentence."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping, StochasticWeightAveraging, WeightAveraging

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.featurizer import same_graphs
from gnn_sim2real.files import require_sound_zip
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.tasks.schedule import MONITOR
from gnn_sim2real.tasks.weights import BestWeights, EMAWeights


def require_single_precision(trainer: Trainer) -> None:
    """Reject a precision that would round the batches or the mean and spread of the properties.

    Raises:
        ValueError: If the trainer has one.
    """
    accepted = ("32-true", "bf16-mixed", "16-mixed")
    if trainer.precision not in accepted:
        raise ValueError(
            f"`trainer.precision` must be {', '.join(accepted[:-1])} or {accepted[-1]}, got {trainer.precision}: "
            "weights and properties need single precision"
        )


def require_compiler() -> None:
    """Reject `compile` if torch would fail at its first step.

    Raises:
        ValueError: If there is no C++ compiler.
    """
    wanted = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    if not any(map(shutil.which, wanted)):
        raise ValueError(f"`compile` needs a C++ compiler, but {' or '.join(wanted)} was not found; set it to false")


def require_one_process(trainer: Trainer, what: str) -> None:
    """Reject several processes.

    Args:
        trainer: The trainer.
        what: What cannot be shared by them.

    Raises:
        ValueError: If there are several.
    """
    number = trainer.num_devices * trainer.num_nodes
    if number > 1:
        raise ValueError(
            f"{what} must run in one process, got {number}; set `--trainer.devices 1` (and `--trainer.num_nodes 1`)"
        )


def require_validation(trainer: Trainer, what: str) -> None:
    """Reject what needs the validation part if there is none.

    Args:
        trainer: Its data are set up, so that it knows whether anything validates.
        what: What needs it.

    Raises:
        ValueError: If nothing validates.
    """
    if trainer.limit_val_batches == 0:
        raise ValueError(
            f"{what} needs the loss of the validation part, but there is none; set "
            "`data.init_args.validation_fraction`, e.g. to 0.1"
        )


def require_same_graphs(trained_on: dict[str, Any], data: PropertyDataModule) -> None:
    """Reject data whose graphs are not those that a model was trained on.

    Args:
        trained_on: Description of the featurizer of the model.
        data: The data it is used on.

    Raises:
        CheckpointError: If they are made with other settings.
    """
    if not same_graphs(data.featurizer.describe(), trained_on):
        raise CheckpointError(
            f"the model was trained on graphs made by {trained_on}, but those of the data are made by "
            f"{data.featurizer.describe()}; give `data.init_args` the same settings"
        )
    ours, theirs = (each.get("settings", {}).get("conditions", []) for each in (data.featurizer.describe(), trained_on))
    if list(ours) != list(theirs):
        raise CheckpointError(
            f"the model was trained under {_say_conditions(theirs)}, but the data have {_say_conditions(ours)}; give "
            "`data.init_args.conditions` as in its training"
        )


def _say_conditions(names: Sequence[str]) -> str:
    return f"the conditions {', '.join(names)}" if names else "no conditions"


def require_same_cutoff(encoder: Encoder, data: PropertyDataModule) -> None:
    """Reject an encoder whose cutoff is not that of the graphs: its messages would not fade out where the edges end.

    Args:
        encoder: A new encoder.
        data: What it is trained on.

    Raises:
        ValueError: If they differ.
    """
    wanted, found = encoder.graph_cutoff, data.featurizer.settings.get("cutoff")
    if None not in (wanted, found) and wanted != found:
        raise ValueError(
            f"{encoder.name} has a cutoff of {wanted:g} angstrom, but the graphs of the data one of {found:g}; make "
            "them the same: `model.init_args.encoder.init_args.cutoff` and `data.init_args.cutoff`"
        )


def require_sound_checkpoint(trainer: Trainer) -> None:
    """Reject the file that a trainer loads if it is damaged, which neither Lightning nor torch notices.

    Args:
        trainer: The trainer.

    Raises:
        CheckpointError: If one of its checksums does not match.
    """
    path = trainer.ckpt_path
    if path is None or not Path(path).is_file():
        return
    try:
        require_sound_zip(Path(path))
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def require_same_properties(network: PropertyModel, data: PropertyDataModule) -> None:
    """Reject a test of a model on values of another property, or in another unit.

    Args:
        network: The model.
        data: The data that test it.

    Raises:
        CheckpointError: If the data have other properties.
    """
    given, wanted = ([f"{each.name} [{each.unit}]" for each in side.properties] for side in (network, data))
    if given != wanted:
        raise CheckpointError(
            f"the model predicts {', '.join(given)}, but the data have {', '.join(wanted)}; use data with the "
            "properties of its training"
        )


def check_callbacks(trainer: Trainer) -> None:
    """Reject callbacks that would do nothing or harm in a training.

    Raises:
        ValueError: If there is one.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        name = type(callback).__name__
        monitor = _monitored(callback)
        # Lightning itself refuses a name that a task does not log; a subclass may log more than the loss.
        if monitor is not None and not monitor.startswith(("train/", "val/")):
            raise ValueError(
                f"{name} monitors {monitor!r}, which no training logs; use {MONITOR}, train/loss, or what your own "
                "task logs under train/ or val/"
            )
        if watches_validation(callback):
            require_validation(trainer, name)
        foreign = isinstance(callback, (WeightAveraging, StochasticWeightAveraging))
        if foreign and not isinstance(callback, EMAWeights):
            raise ValueError(
                f"{name} copies the module before it has a network; use gnn_sim2real.tasks.EMAWeights instead"
            )


def watches_validation(callback: object) -> bool:
    """Whether a callback uses a metric of the validation part."""
    return (_monitored(callback) or "").startswith("val/")


def _monitored(callback: object) -> str | None:
    """The metric by which a callback stops a training or chooses weights."""
    chooses = isinstance(callback, EarlyStopping | Checkpoint | BestWeights)
    return getattr(callback, "monitor", None) if chooses else None
