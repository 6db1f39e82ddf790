"""Learning rates over the steps of a training: the standard schedule, and any other one by its class path."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.cli import LRSchedulerCallable
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

MONITOR = "val/loss"
"""What a training is steered by: the loss of the validation part, never anything of the test part."""


def standard_schedule(optimizer: Optimizer, warmup_fraction: float, num_steps: int) -> LambdaLR:
    """Linear warm-up and cosine decay to 0.

    Args:
        optimizer: Its rates are the highest ones.
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
    """A schedule of the user's for groups of parameters that take a share of its rate each.

    Args:
        optimizer: Its groups all have the same rate yet.
        make: Makes the schedule from the optimizer.
        shares: Factor on the rate of each group.

    Returns:
        What Lightning wants to know about the schedule.

    Raises:
        ValueError: If a `ReduceLROnPlateau` watches something else than the loss of the validation part.
    """
    schedule = make(optimizer)
    for group, share in zip(optimizer.param_groups, shares, strict=True):
        group["share"], group["scheduled"] = share, group["lr"]
        group["lr"] *= share
    if not isinstance(schedule, ReduceLROnPlateau):
        return {"scheduler": schedule, "interval": "step"}
    monitor = getattr(schedule, "monitor", MONITOR)
    if monitor != MONITOR:
        raise ValueError(f"ReduceLROnPlateau can only watch {MONITOR!r}, got `monitor` {monitor!r}")
    # Lightning would step it after the checkpoints of an epoch are written, and a resumed training would lack that
    # step. `PropertyRegression.on_validation_epoch_end` does it, so Lightning never shall.
    return {"scheduler": schedule, "monitor": MONITOR, "interval": "epoch", "frequency": sys.maxsize}


@contextmanager
def without_shares(optimizer: Optimizer) -> Iterator[None]:
    """Show a schedule its own rates while it steps, and then take the shares of them again.

    A schedule that sets rates outright (`OneCycleLR`), or has a lowest one, would otherwise undo the shares.

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
