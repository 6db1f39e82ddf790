"""Memory that the allocator keeps for itself is given back now and then."""

import ctypes
import os
import sys
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class ReleaseMemory(Callback):
    """Gives free memory back to the system.

    The thresholds that launchers set (see `study.launchers.base`) make glibc keep what it once had, since asking for it
    anew takes longer than computing with it; but batches of crystals differ in size, and the gaps between them add up
    to gigabytes within the hour. Taking them back takes a tenth of a second.

    Args:
        interval: Least time between two times [s].
    """

    def __init__(self, interval: float = 10.0) -> None:
        self.interval = interval
        self._released = time.monotonic()
        keeps = "MALLOC_TRIM_THRESHOLD_" in os.environ and sys.platform == "linux"
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if keeps else None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        """Release if it is time."""
        if self._trim is not None and time.monotonic() - self._released > self.interval:
            self._trim(0)
            self._released = time.monotonic()
