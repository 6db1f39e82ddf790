"""Convolutional encoders of materials with bonds: the step, and one step after the other."""

from abc import abstractmethod
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.bond_encoder import BondEncoder


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


class ResidualEncoder(BondEncoder):
    """Encoder of one `ResidualConvolution` after the other, which a subclass sets as `convolutions`."""

    convolutions: nn.ModuleList

    @abstractmethod
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the convolutions."""
        return [self.embeddings, *self.convolutions]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        atoms, bonds = self.embed(batch)
        for convolution in self.convolutions:
            self.note(atoms, batch)
            atoms = convolution(atoms, batch.edge_index, bonds)
        encoded: Tensor = self.readout(atoms, batch)
        return encoded
