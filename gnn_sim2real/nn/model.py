"""Encoder, head and scaler as one network that answers in physical units."""

from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.encoder import Encoder, build_encoder
from gnn_sim2real.nn.head import PropertyHead
from gnn_sim2real.nn.scaler import TargetScaler

NUMERICS_VERSION = 1
"""Raised by hand whenever head or scaler would give other numbers from the same weights."""


@dataclass(frozen=True)
class PropertySpec:
    """What one output of a model means.

    Attributes:
        name: The property, e.g. `density`.
        unit: Its unit, e.g. `g/cm3`; empty for a pure number.
    """

    name: str
    unit: str


class PropertyModel(nn.Module):
    """Predicts one or several properties of each material.

    Args:
        encoder: Turns materials into vectors.
        properties: Name and unit of each output, in order.
    """

    def __init__(self, encoder: Encoder, properties: list[PropertySpec]) -> None:
        super().__init__()
        self.encoder = encoder
        self.properties = properties
        self.head = PropertyHead(encoder.output_dim, len(properties))
        self.scaler = TargetScaler(len(properties))

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_properties"]:
        """Predict on the standardized scale, where losses are computed."""
        prediction: Tensor = self.head(self.encoder(batch))
        return prediction

    def predict(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_properties"]:
        """Predict in physical units."""
        return self.scaler.unscale(self(batch))

    def describe(self) -> dict[str, Any]:
        """Plain types from which `from_description` makes the same network."""
        return {"encoder": self.encoder.describe(), "properties": [asdict(spec) for spec in self.properties]}

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
        return cls(build_encoder(encoder), properties)
