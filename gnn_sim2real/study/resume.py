"""Resuming inside a cell: a checkpoint now and then, from which the training goes on digit for digit."""

import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from gnn_sim2real.tasks.interrupt import interruptible


class EpochCheckpoint(Callback):
    """Keeps one checkpoint of a long training, written at the end of an epoch and only now and then.

    The state of torch's random numbers goes with it, so that dropout goes on as if nothing had happened.

    Args:
        path: The checkpoint; the same one is replaced each time.
        interval: Least time between two of them [s].
    """

    def __init__(self, path: Path, interval: float = 60.0) -> None:
        self.path, self.interval = path, interval
        self._saved = time.monotonic()
        self._random_state: torch.Tensor | None = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if it is time."""
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
        """Remember the random state; it is restored when training starts, after all that is set up anew."""
        self._random_state = checkpoint.get("random_state")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random state of a resumed training."""
        if self._random_state is not None:
            torch.set_rng_state(self._random_state)

    def fit(self, trainer: Trainer, module: LightningModule, data: LightningDataModule) -> None:
        """Train to the end, from where an interrupted training stopped.

        Args:
            trainer: Has this callback.
            module: What to train.
            data: What on.

        Raises:
            KeyboardInterrupt: If the user stopped it.
        """
        with interruptible():
            trainer.fit(module, datamodule=data, ckpt_path=self.resume_from(), weights_only=True)

    def resume_from(self) -> str | None:
        """The checkpoint of an interrupted training, if there is a readable one."""
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
