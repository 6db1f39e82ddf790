"""A training that is asked to stop ends after a batch, and leaves a checkpoint from which it goes on exactly."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Never

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping

from gnn_sim2real.errors import TrainingStoppedError

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]
"""Ctrl-C, `scancel` or preemption, and what SLURM can be told to send before a time limit."""


class StopOnSignal(Callback):
    """Ends a training at Ctrl-C, SIGTERM or SIGUSR1, once it is saved; a second Ctrl-C ends it at once.

    It ends between two batches, where nothing is half done, and at the same batch in all processes. Lightning itself
    ends it anywhere at Ctrl-C, saves nothing at SIGTERM, and on SLURM saves within a step at SIGUSR1.

    Args:
        path: File of the checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._received = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the signals in place of Lightning, which sets the earlier handlers again when it has finished."""
        if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
            return
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as Ctrl-C is in the background
                signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop, unless gradients are being accumulated, or a validation, the end of the epoch or the end follows."""
        loop = trainer.fit_loop.epoch_loop
        if (
            not self._is_asked(trainer)
            or (batch_idx + 1) % trainer.accumulate_grad_batches
            or trainer.is_last_batch
            or loop._should_check_val_fx(trainer.fit_loop._data_fetcher)  # type: ignore[arg-type]  # nothing public says it
            or trainer.global_step == trainer.max_steps
        ):
            return
        self._stop(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop between two epochs."""
        if not self._is_asked(trainer) or trainer.current_epoch + 1 == trainer.max_epochs:
            return
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, (EarlyStopping, Checkpoint)):  # which come after this one
                callback.on_train_epoch_end(trainer, pl_module)
        self._stop(trainer)

    def _is_asked(self, trainer: Trainer) -> bool:
        """Whether any process of the training has received a signal."""
        return trainer.strategy.reduce_boolean_decision(bool(self._received), all=False)

    def _stop(self, trainer: Trainer) -> Never:
        trainer.save_checkpoint(self.path)
        if trainer.is_global_zero:
            raise TrainingStoppedError(self.path, self._received or signal.SIGTERM)
        raise SystemExit(0)  # the first process says it
