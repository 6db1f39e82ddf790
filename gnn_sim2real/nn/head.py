"""From a material's vector to its properties."""

from jaxtyping import Float
from torch import Tensor, nn


class PropertyHead(nn.Module):
    """Two-layer perceptron, one output a property, standardized scale.

    Args:
        input_dim: Width of the encoder's output.
        num_properties: Number of properties.
    """

    def __init__(self, input_dim: int, num_properties: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(input_dim, input_dim), nn.ReLU(), nn.Linear(input_dim, num_properties))

    def forward(self, features: Float[Tensor, "num_graphs dim"]) -> Float[Tensor, "num_graphs num_properties"]:
        """Predict standardized properties."""
        prediction: Tensor = self.mlp(features)
        return prediction
