"""Gradual unfreezing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gnn_sim2real.tasks.policies.base import FineTuningPolicy

if TYPE_CHECKING:
    from torch import nn

    from gnn_sim2real.nn.model import PropertyModel


@dataclass
class GradualUnfreezing(FineTuningPolicy):
    """The encoder is frozen at first, and its layers are unfrozen one after the other, from output to input.

    J. Howard, S. Ruder, Universal Language Model Fine-tuning, ACL 2018, arXiv 1801.06146.

    Args:
        unfreeze_every: Epochs between two layers.

    Raises:
        ValueError: If `unfreeze_every` is below 1.
    """

    name = "gradual"
    title = "fine-tuned, gradual unfreezing"
    summary = "the encoder is frozen at first, and one more layer is unfrozen every `unfreeze_every` epochs"
    needs_pretrained = True

    unfreeze_every: int = 10

    def __post_init__(self) -> None:
        if self.unfreeze_every < 1:
            raise ValueError(f"`unfreeze_every` must be at least 1 epoch, got {self.unfreeze_every}")

    def frozen(self, model: "PropertyModel", epoch: int) -> "list[nn.Module]":
        """The layers of the encoder that are not unfrozen yet."""
        layers = model.encoder.layers
        return layers[: max(0, len(layers) - epoch // self.unfreeze_every)]
