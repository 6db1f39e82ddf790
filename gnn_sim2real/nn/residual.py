"""The step that convolutional encoders of materials with bonds share."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class ResidualConvolution(nn.Module):
    """One convolution, normalized, with a residual connection.

    Args:
        convolution: Takes vectors of atoms, edges, and vectors of bonds, and gives vectors of atoms of the same width.
        dim: Width of the atom vectors.
        dropout: Share of features set to zero during training.
    """

    def __init__(self, convolution: nn.Module, dim: int, dropout: float) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        bonds: Float[Tensor, "num_edges dim"],
    ) -> Float[Tensor, "num_nodes dim"]:
        """Update the atom vectors."""
        update = self.norm(self.convolution(atoms, edge_index, bonds))
        updated: Tensor = atoms + self.dropout(update.relu())
        return updated
