"""Convolutional encoders of materials with bonds: the step, and one step after the other."""

from abc import abstractmethod
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.bond_encoder import BondEncoder
from gnn_sim2real.nn.coloring import ColoredBatchNorm, ColoredLayer, color_kinds, color_layers, normalize


class ResidualConvolution(nn.Module):
    """One convolution, normalized, with a residual connection.

    Args:
        convolution: Takes vectors of atoms, vectors of bonds, and the layer, and gives vectors of atoms of the same
            width.
        dim: Width of the atom vectors.
        dropout: Share of features set to zero during training.
    """

    def __init__(self, convolution: nn.Module, dim: int, dropout: float) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = ColoredBatchNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        atoms: Float[Tensor, "num_colors_before dim"],
        bonds: Float[Tensor, "num_bond_kinds dim"],
        layer: ColoredLayer,
    ) -> Float[Tensor, "num_colors dim"]:
        """Update the atom vectors."""
        update = normalize(self.norm, self.convolution(atoms, bonds, layer), layer)
        updated: Tensor = self.dropout(update.relu_()) + atoms.index_select(0, layer.before)
        return updated


class ResidualEncoder(BondEncoder):
    """Encoder of one `ResidualConvolution` after the other, which a subclass sets as `convolutions`."""

    convolutions: nn.ModuleList

    @abstractmethod
    def __init__(self, *, dropout: float, **settings: Any) -> None:
        super().__init__(dropout=dropout, **settings)
        self.has_dropout = dropout > 0

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the convolutions."""
        return [self.embeddings, *self.convolutions]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        coloring, bond_kinds = color_kinds(batch)
        atoms, bonds = self.embed(batch, coloring, bond_kinds)
        distinct = self.training and self.has_dropout
        layers = color_layers(batch, coloring, bond_kinds, len(self.convolutions), distinct=distinct)
        for convolution, layer in zip(self.convolutions, layers, strict=True):
            if self.is_noting:
                self.note(coloring.spread(atoms), batch)
            atoms, coloring = convolution(atoms, bonds, layer), layer.coloring
        encoded: Tensor = self.readout(coloring.spread(atoms), batch)
        return encoded
