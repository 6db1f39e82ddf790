"""Fine-tuning of the head alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gnn_sim2real.tasks.policies.base import FineTuningPolicy

if TYPE_CHECKING:
    from torch import nn

    from gnn_sim2real.nn.model import PropertyModel


@dataclass
class FrozenEncoder(FineTuningPolicy):
    """The encoder keeps its pretrained weights."""

    name = "frozen_encoder"
    title = "fine-tuned, frozen encoder"
    summary = "only the head is trained"
    needs_pretrained = True

    def frozen(self, model: "PropertyModel", epoch: int) -> "list[nn.Module]":
        """All layers of the encoder."""
        return model.encoder.layers
