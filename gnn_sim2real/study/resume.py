"""Resuming inside a cell: occasional checkpoints, from which a training continues exactly."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from gnn_sim2real.files import require_sound_zip
from gnn_sim2real.tasks.interrupt import interruptible

logger = logging.getLogger(__name__)

_JOB = "job"
"""Entry of a checkpoint with the name of its file."""


class EpochCheckpoint(Callback):
    """Saves a checkpoint of a long training, at the end of an epoch and only after an interval.

    Args:
        path: File of the checkpoint, replaced each time.
        interval: Shortest time between two checkpoints [s].
    """

    def __init__(self, path: Path, interval: float = 60.0) -> None:
        self.path, self.interval = path, interval
        self._saved = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a checkpoint if the interval has passed."""
        if time.monotonic() - self._saved < self.interval:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".part")
        trainer.save_checkpoint(partial)
        partial.replace(self.path)
        self._saved = time.monotonic()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put whose checkpoint it is into the checkpoint."""
        checkpoint[_JOB] = self.path.stem

    def fit(self, trainer: Trainer, module: LightningModule, data: LightningDataModule) -> None:
        """Train to the end, from the checkpoint of an interrupted training if there is one.

        Args:
            trainer: Trainer with this callback.
            module: Task to train.
            data: Training data.

        Raises:
            KeyboardInterrupt: If the user stopped the training.
        """
        with interruptible():
            trainer.fit(module, datamodule=data, ckpt_path=self.resume_from(), weights_only=True)

    def resume_from(self) -> str | None:
        """The checkpoint of an interrupted training; None without a sound one of this training."""
        if not self.path.exists():
            return None
        try:
            require_sound_zip(self.path)
            whose = torch.load(self.path, weights_only=True, map_location="cpu").get(_JOB, self.path.stem)
            if whose == self.path.stem:
                return str(self.path)
            reason = f"it is that of {whose}"
        except Exception as error:  # which one depends on what is damaged
            reason = str(error).partition("\n")[0]
        logger.warning("%s is thrown away, and its training starts again: %s; its epochs are lost", self.path, reason)
        self.path.unlink()
        return None

    def discard(self) -> None:
        """Remove the checkpoint of a finished training."""
        self.path.unlink(missing_ok=True)
