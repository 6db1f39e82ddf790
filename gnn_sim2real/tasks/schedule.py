"""Learning rates over the steps of a training: the standard schedule, or another one by its class path."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.cli import LRSchedulerCallable
from lightning.pytorch.cli import ReduceLROnPlateau as LightningsReduceLROnPlateau
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LambdaLR

MONITOR = "val/loss"
"""What a training is controlled by: the loss of the validation part, never anything of the test part."""


class ReduceLROnPlateau(LightningsReduceLROnPlateau):
    """Lightning's, with a name of its own and the loss of the validation part unless told otherwise.

    Args:
        optimizer: The optimizer.
        monitor: The metric.
        settings: Those of `torch.optim.lr_scheduler.ReduceLROnPlateau`.
    """

    def __init__(self, optimizer: Optimizer, monitor: str = MONITOR, **settings: Any) -> None:
        super().__init__(optimizer, monitor, **settings)


def standard_schedule(optimizer: Optimizer, warmup_fraction: float, num_steps: int) -> LambdaLR:
    """Linear warm-up and cosine decay to 0.

    Args:
        optimizer: Its rates are the peak rates.
        warmup_fraction: Share of the steps in which the rates rise.
        num_steps: Steps of the whole training.
    """
    total = max(1, num_steps)
    warmup = warmup_fraction * total

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))

    return LambdaLR(optimizer, factor)


def given_schedule(optimizer: Optimizer, make: LRSchedulerCallable, shares: Sequence[float]) -> dict[str, Any]:
    """A schedule given by the user, for groups of parameters that each have a share of its rate.

    Args:
        optimizer: Its groups all have the same rate at first.
        make: Makes the schedule from the optimizer.
        shares: Factor on the rate of each group.

    Returns:
        The schedule as Lightning expects it.

    Raises:
        ValueError: If a `ReduceLROnPlateau` monitors something else than the loss of the validation part.
    """
    schedule = make(optimizer)
    for group, share in zip(optimizer.param_groups, shares, strict=True):
        group["share"], group["scheduled"] = share, group["lr"]
        group["lr"] *= share
    if not isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
        return {"scheduler": schedule, "interval": "step"}
    monitor = getattr(schedule, "monitor", MONITOR)
    if monitor != MONITOR:
        raise ValueError(f"`monitor` of ReduceLROnPlateau must be {MONITOR!r}, got {monitor!r}")
    # Lightning would step it after the checkpoints of an epoch are written, and a resumed training would lack that
    # step. `PropertyRegression.on_validation_epoch_end` does it, so Lightning never should.
    return {"scheduler": schedule, "monitor": MONITOR, "interval": "epoch", "frequency": sys.maxsize}


@contextmanager
def without_shares(optimizer: Optimizer) -> Iterator[None]:
    """Give a schedule its own rates while it steps, and apply the shares again afterwards.

    A schedule that sets rates directly (`OneCycleLR`) or has a lowest rate would otherwise undo the shares.

    Args:
        optimizer: One of `given_schedule`; any other is left as it is.
    """
    groups = [group for group in optimizer.param_groups if "share" in group]
    for group in groups:
        group["lr"] = group["scheduled"]
    yield
    for group in groups:
        group["scheduled"] = group["lr"]
        group["lr"] = group["scheduled"] * group["share"]
