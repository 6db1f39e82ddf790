"""Which weights a training ends with: those of its best epoch, or an average over its steps."""

import math
from functools import partial
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from gnn_sim2real.tasks.schedule import MONITOR

_WEIGHTS_OF_LAST_STEP = "weights_of_last_step"


class BestWeights(Callback):
    """Ends a training with the weights that had the lowest `val/loss`, the loss of the validation part.

    They stay in memory; a checkpoint has them as its weights, and in addition those from which a resumed training
    continues. Works with `lightning.pytorch.callbacks.EarlyStopping` (`monitor: val/loss`) and with `EMAWeights`, whose
    averages are then validated and used.
    """

    monitor = MONITOR

    def __init__(self) -> None:
        self.loss = math.inf
        self.weights: dict[str, Tensor] = {}
        self._validated: dict[str, Tensor] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget an earlier training."""
        if stage == TrainerFn.FITTING:
            self.loss, self.weights = math.inf, {}

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Copy the weights that are being validated: an averaging callback has set its own by now."""
        if batch_idx == 0 and _trains(trainer):
            self._validated = {name: tensor.detach().clone() for name, tensor in pl_module.state_dict().items()}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the weights if they are the best so far."""
        if _trains(trainer) and float(trainer.callback_metrics[MONITOR]) < self.loss:
            self.loss, self.weights = float(trainer.callback_metrics[MONITOR]), self._validated
        self._validated = {}

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the best weights, after all other callbacks are done with the end of the training."""
        if stage == TrainerFn.FITTING and self.weights:
            pl_module.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """State for a resumed training."""
        return {"loss": self.loss, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the best so far."""
        self.loss, self.weights = state_dict["loss"], state_dict["weights"]

    def put_best_into(self, checkpoint: dict[str, Any]) -> None:
        """Make the best weights those of a checkpoint, and add the others for a resumed training.

        Args:
            checkpoint: The checkpoint to be written, after all other callbacks.
        """
        if self.weights:
            checkpoint[_WEIGHTS_OF_LAST_STEP] = checkpoint["state_dict"]
            checkpoint["state_dict"] = self.weights


def take_best_out_of(checkpoint: dict[str, Any]) -> None:
    """Undo `BestWeights.put_best_into`, since a resumed training continues from its last step.

    Args:
        checkpoint: The checkpoint just read, before all other callbacks.
    """
    if _WEIGHTS_OF_LAST_STEP in checkpoint:
        checkpoint["state_dict"] = checkpoint.pop(_WEIGHTS_OF_LAST_STEP)


class EMAWeights(WeightAveraging):
    """Validates, tests and saves an exponential moving average of the weights instead of the last ones.

    After step t the average moves towards the weights by `max(1 - decay, 9 / (10 + t))` of the distance, so that a
    short training is not dominated by its first steps; buffers such as the statistics of BatchNorm are averaged too.
    Polyak and Juditsky, SIAM J. Control Optim. 30, 838 (1992), doi 10.1137/0330046. Lightning's own
    `EMAWeightAveraging` has no such start, and lets numbers that never change drift by rounding.

    Args:
        decay: Share of the old average after one step; 1 / (1 - decay) is about the number of steps averaged.

    Raises:
        ValueError: If `decay` is not at least 0 and below 1.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must be at least 0 and below 1, got {decay}")
        super().__init__(avg_fn=partial(_move_average, decay=decay))

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Copy the module once it has a network."""
        if stage == TrainerFn.FITTING:
            pl_module.require_network()  # type: ignore[operator]
        super().setup(trainer, pl_module, stage)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Continue with the average of a checkpoint; one that is only tested already has it as its weights."""
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the average also if a resumed training had no step left, so that no training ended."""
        self.on_train_end(trainer, pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget the average, or a later validation would use it rather than the module."""
        self._average_model = None


def _move_average(averaged: Tensor, current: Tensor, num_averaged: Tensor | int, decay: float) -> Tensor:
    """One step of the average; a tensor that does not change stays the same to the bit, and counters are copied."""
    if not averaged.is_floating_point():
        return current
    weight = torch.as_tensor(9 / (10 + num_averaged), dtype=averaged.dtype, device=averaged.device)
    return torch.lerp(averaged, current, weight.clamp_min(1 - decay))


def _trains(trainer: Trainer) -> bool:
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
