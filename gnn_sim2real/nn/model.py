"""Encoder, head and scaler as one network that answers in physical units."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.encoder import Encoder, build_encoder
from gnn_sim2real.nn.head import Form, PropertyHead
from gnn_sim2real.nn.scaler import TargetScaler
from gnn_sim2real.nn.simulated_line import SimulatedLine

NUMERICS_VERSION = 1
"""Raised by hand whenever head or scaler would give other numbers from the same weights."""


@dataclass(frozen=True)
class PropertySpec:
    """What one output of a model means.

    Attributes:
        name: The property, e.g. `density`.
        unit: Its unit, e.g. `g/cm3`; empty for a pure number.
        form: What values it can take, see `gnn_sim2real.nn.head.Form`.
    """

    name: str
    unit: str
    form: Form = "linear"


class PropertyModel(nn.Module):
    """Predicts one or several properties of each material.

    Args:
        encoder: Turns materials into vectors.
        properties: Name, unit and form of each output, in order.
        corrects_simulation: Whether it predicts what is missing from a straight line through the simulated value, which
            then stands in every batch, rather than the property itself.
    """

    def __init__(self, encoder: Encoder, properties: list[PropertySpec], corrects_simulation: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.properties = properties
        self.head = PropertyHead(encoder.output_dim, [each.form for each in properties])
        self.scaler = TargetScaler(len(properties))
        self.line = SimulatedLine(len(properties)) if corrects_simulation else None

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_outputs"]:
        """Compute the outputs of the head, on the standardized scale, where losses are computed."""
        outputs: Tensor = self.head(self.encoder(batch))
        return outputs

    def predict(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_properties"]:
        """Predict in physical units."""
        values = self.scaler.unscale(self.head.values(self(batch)))
        return values if self.line is None else values + self.line(batch.simulated)

    def scaled_targets(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_properties"]:
        """What the head shall say, NaN where missing.

        Raises:
            ValueError: If the batch has no targets.
        """
        if batch.targets is None:
            raise ValueError("training needs measured or computed values; these data are for prediction only")
        targets = batch.targets if self.line is None else batch.targets - self.line(batch.simulated)
        return self.scaler.scale(targets)

    def fit_scales(self, targets: Tensor, simulated: Tensor | None = None, slope: bool = True) -> None:
        """Take line and scale from the training part.

        Args:
            targets: (num_materials, num_properties), physical units, NaN where missing.
            simulated: The simulated values, likewise, for a model that corrects them.
            slope: Whether the line has a slope of its own and an offset; else it is the simulated value itself.
        """
        if self.line is not None:
            if slope and simulated is not None:
                self.line.fit(simulated, targets)
            targets = targets - self.line(simulated)
        from_zero = torch.tensor([each.form != "linear" for each in self.properties])
        self.scaler.fit(targets, from_zero)

    def describe(self) -> dict[str, Any]:
        """Plain types from which `from_description` makes the same network."""
        return {
            "encoder": self.encoder.describe(),
            "properties": [asdict(spec) for spec in self.properties],
            "corrects_simulation": self.line is not None,
        }

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "PropertyModel":
        """Make the network with fresh weights.

        Raises:
            CheckpointError: If the description is not one of `describe`.
        """
        try:
            properties = [PropertySpec(**spec) for spec in description["properties"]]
            encoder = description["encoder"]
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"the model's description lacks what it should have ({error})") from error
        return cls(build_encoder(encoder), properties, bool(description.get("corrects_simulation", False)))
