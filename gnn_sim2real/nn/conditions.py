"""Conditions in addition to the vector of a material: temperature and the like."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch

TEMPERATURE = "temperature"
"""Name of the condition in which the form `inverse_temperature` is a straight line, inverted."""


@dataclass(frozen=True)
class ConditionSpec:
    """A condition under which a property is measured or computed.

    Attributes:
        name: The condition, e.g. `temperature`.
        unit: Its unit, e.g. `K`.
    """

    name: str
    unit: str


class Conditions(nn.Module):
    """Standardizes conditions, for the head to read beside the vector of the material.

    Args:
        specs: Name and unit of each condition of the batches.
        hidden: Names of conditions that the head does not read, because the form of its outputs has them.

    Attributes:
        num_shown: Number of conditions that the head reads.

    Raises:
        ValueError: If `hidden` names a condition that does not exist.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, specs: Sequence[ConditionSpec], hidden: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.names = [spec.name for spec in specs]
        if lacking := sorted(hidden - set(self.names)):
            raise ValueError(
                f"a form of these properties needs the condition {lacking[0]!r}, but the data have "
                f"{', '.join(self.names) or 'no conditions'}; choose another form, or data with this condition"
            )
        self.shown = [column for column, name in enumerate(self.names) if name not in hidden]
        self.num_shown = len(self.shown)
        self.register_buffer("mean", torch.zeros(len(specs)))
        self.register_buffer("std", torch.ones(len(specs)))

    def fit(self, conditions: Float[Tensor, "num_materials num_conditions"] | None) -> None:
        """Take mean and standard deviation from the training part; a condition that is always the same stays as it is.

        Args:
            conditions: Physical units.
        """
        if conditions is None or not len(conditions):
            return
        values = conditions.double()
        spread = values.std(dim=0, correction=0).to(self.std.dtype)
        self.mean.copy_(values.mean(dim=0))
        # Equal numbers may have a spread of rounding errors.
        constant = spread <= 1e-6 * self.mean.abs()
        self.std.copy_(torch.where(constant, torch.ones_like(spread), spread))

    def of(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_conditions"]:
        """Conditions of a batch in physical units.

        Raises:
            ValueError: If they are not those that the model was made for.
        """
        found = 0 if batch.conditions is None else batch.conditions.shape[1]
        if batch.conditions is None or found != len(self.names):
            raise ValueError(f"this model needs the conditions {', '.join(self.names)}, but the data have {found}")
        return batch.conditions

    def temperature(self, batch: GraphBatch) -> Float[Tensor, " num_graphs"]:
        """Temperature of each material [K]."""
        return self.of(batch)[:, self.names.index(TEMPERATURE)]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_shown"]:
        """Standardized conditions that the head reads."""
        standardized: Tensor = (self.of(batch) - self.mean) / self.std
        return standardized[:, self.shown]
