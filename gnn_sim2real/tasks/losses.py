"""Losses of the error of a standardized value."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["mse", "huber", "mae"]
_HUBER_CORNER = 0.5
LOSSES: dict[Loss, Callable[[Tensor], Tensor]] = {
    "mse": torch.square,
    "huber": lambda error: functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=_HUBER_CORNER),
    "mae": torch.abs,
}
