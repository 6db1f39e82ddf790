"""Resuming inside a cell: occasional checkpoints, from which a training continues exactly."""

import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from gnn_sim2real.tasks.interrupt import interruptible


class EpochCheckpoint(Callback):
    """Saves a checkpoint of a long training, at the end of an epoch and only after an interval.

    It includes the random state of torch, so that dropout continues as without an interruption.

    Args:
        path: File of the checkpoint, replaced each time.
        interval: Shortest time between two checkpoints [s].
    """

    def __init__(self, path: Path, interval: float = 60.0) -> None:
        self.path, self.interval = path, interval
        self._saved = time.monotonic()
        self._random_state: torch.Tensor | None = None

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
        """Put the random state into the checkpoint."""
        checkpoint["random_state"] = torch.get_rng_state()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remember the random state, which is restored when training starts, after the setup."""
        self._random_state = checkpoint.get("random_state")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random state of a resumed training."""
        if self._random_state is not None:
            torch.set_rng_state(self._random_state)

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
        """The checkpoint of an interrupted training; None without a readable one."""
        if not self.path.exists():
            return None
        try:
            torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception:
            self.path.unlink()
            return None
        return str(self.path)

    def discard(self) -> None:
        """Remove the checkpoint of a finished training."""
        self.path.unlink(missing_ok=True)
