"""Returns memory that the allocator retains to the system from time to time."""

import ctypes
import os
import sys
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class ReleaseMemory(Callback):
    """Returns free memory to the system.

    The thresholds that launchers set (see `launchers.base`) make glibc retain freed memory, since requesting it
    again takes longer than computing with it; but batches of crystals differ in size, and the gaps between them add up
    to gigabytes within an hour. Returning them takes a tenth of a second.

    Args:
        interval: Shortest time between two releases [s].
    """

    def __init__(self, interval: float = 10.0) -> None:
        self.interval = interval
        self._released = time.monotonic()
        keeps = "MALLOC_TRIM_THRESHOLD_" in os.environ and sys.platform == "linux"
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if keeps else None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        """Release memory if the interval has passed."""
        if self._trim is not None and time.monotonic() - self._released > self.interval:
            self._trim(0)
            self._released = time.monotonic()
