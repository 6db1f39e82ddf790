"""Graph transformer after the GPS recipe."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.bond_encoder import BondEncoder, check_heads
from gnn_sim2real.nn.coloring import color_kinds
from gnn_sim2real.nn.edges import redraw, sum_of_rectified
from gnn_sim2real.nn.readout import ReadoutKind

_LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 2**62)
"""Largest sizes of materials that stand together."""


class GPS(BondEncoder):
    r"""General, powerful, scalable graph transformer, for repeat units and molecules.

    .. math:: h \leftarrow \mathrm{MLP}\big(\mathrm{GINE}(h, e) + \mathrm{Attention}(h)\big)

    with atom vectors :math:`h`, bond vectors :math:`e`, attention among all atoms of a material, and residual
    connections and batch normalization at each part; followed by a readout over atoms. Rampasek et al., Recipe for a
    General, Powerful, Scalable Graph Transformer, NeurIPS 2022 (arXiv 2205.12454).

    The recipe's positional encodings (Laplacian eigenvectors, return probabilities of random walks) are left out: they
    see the ring to which a repeat unit is closed, whose length is a matter of spelling, and would tell a doubled unit
    from a single one. The ring sizes among the atom codes are those of the infinite chain. Attention without positions
    is blind to doubling, since each atom and its copy share what the one atom had.

    Args:
        hidden_dim: Width of the atom vectors, also the output width; a multiple of `num_heads`.
        num_layers: Number of layers.
        num_heads: Number of attentions side by side, each of `hidden_dim / num_heads` features.
        dropout: Share of features and of attention weights set to zero during training.
        readout: From atoms to a material; `mean` for repeat units, see `Readout`.

    Raises:
        ValueError: If `hidden_dim` cannot be divided among the heads.
    """

    def __init__(
        self,
        hidden_dim: int = 64,
        num_layers: int = 4,
        num_heads: int = 4,
        dropout: float = 0.0,
        readout: ReadoutKind = "mean",
    ) -> None:
        check_heads(hidden_dim, num_heads)
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads, dropout=dropout, readout=readout
        )
        self.blocks = nn.ModuleList(GPSBlock(hidden_dim, num_heads, dropout) for _ in range(num_layers))

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the blocks."""
        return [self.embeddings, *self.blocks]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        atom_kinds, bond_kinds = color_kinds(batch)
        atoms, bonds = self.embed(batch, atom_kinds, bond_kinds)
        atoms, rows = atom_kinds.spread(atoms), Rows.of(batch)
        for block in self.blocks:
            self.note(atoms, batch)
            atoms = block(atoms, bonds, batch.edge_index, bond_kinds.color, rows)
        encoded: Tensor = self.readout(atoms, batch)
        return encoded


@dataclass(frozen=True)
class Rows:
    """Materials side by side, each in a row, those of similar sizes together: else most places would be empty.

    Attributes:
        atoms: Of each group of materials the atom at each place; the first of the material where there is none.
        taken: Of each group whether there is one.
        place: Of each atom, counted through the places of all groups.
    """

    atoms: list[Int[Tensor, "_num_materials _length"]]
    taken: list[Bool[Tensor, "_num_materials _length"]]
    place: Int[Tensor, " num_nodes"]

    @classmethod
    def of(cls, batch: GraphBatch) -> "Rows":
        """Those of a batch, in which one material comes after the other."""
        size = torch.bincount(batch.batch_index, minlength=batch.num_graphs)
        start = size.cumsum(0) - size
        atoms, taken, place, end = [], [], torch.empty_like(batch.batch_index), 0
        below = 0
        for length in _LENGTHS:
            chosen = ((size > below) & (size <= length)).nonzero().squeeze(1)
            below = length
            if not len(chosen):
                continue
            number = torch.arange(int(size[chosen].max()), device=size.device)
            taken.append(number < size[chosen].unsqueeze(1))
            atoms.append(start[chosen].unsqueeze(1) + number * taken[-1])
            there = taken[-1].flatten().nonzero().squeeze(1)
            place[atoms[-1].flatten()[there]] = there + end
            end += taken[-1].numel()
        return cls(atoms, taken, place)


class GPSBlock(nn.Module):
    """torch-geometric's `GPSConv` with a `GINEConv`: the same function and the same initial weights.

    Args:
        dim: Width of the vectors of atoms and bonds.
        num_heads: Number of attentions.
        dropout: Share of features and of attention weights set to zero during training.
    """

    def __init__(self, dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.conv = GPSMessage(dim)
        self.attn = nn.MultiheadAttention(dim, num_heads, dropout=dropout, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim), nn.Dropout(dropout)
        )
        self.norm1, self.norm2, self.norm3 = (nn.Sequential(OrderedDict(module=nn.BatchNorm1d(dim))) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        bonds: Float[Tensor, "num_bond_kinds dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        bond: Int[Tensor, " num_edges"],
        rows: Rows,
    ) -> Float[Tensor, "num_nodes dim"]:
        """Update the atom vectors."""
        near = self.norm1(self.dropout(self.conv(atoms, bonds, edge_index, bond)) + atoms)
        far = self.norm2(self.dropout(self.attend(atoms, rows)) + atoms)
        joint = near + far
        updated: Tensor = self.norm3(joint + self.mlp(joint))
        return updated

    def attend(self, atoms: Float[Tensor, "num_nodes dim"], rows: Rows) -> Float[Tensor, "num_nodes dim"]:
        """What each atom sees of all atoms of its material."""
        # Linear maps are taken of atoms, not of places.
        mapped = functional.linear(atoms, self.attn.in_proj_weight, self.attn.in_proj_bias)
        seen = [
            self._attend(mapped.index_select(0, each.flatten()), taken)
            for each, taken in zip(rows.atoms, rows.taken, strict=True)
        ]
        told: Tensor = self.attn.out_proj(torch.cat(seen).index_select(0, rows.place))
        return told

    def _attend(self, mapped: Tensor, taken: Tensor) -> Tensor:
        """The attention among the places of each row; (num_places, 3 dim) to (num_places, dim)."""
        heads = mapped.view(*taken.shape, 3, self.attn.num_heads, self.attn.head_dim)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        dropout = self.attn.dropout if self.training else 0.0
        mask = taken[:, None, None, :]
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        return seen.transpose(1, 2).reshape(taken.numel(), -1)


class GPSMessage(nn.Module):
    """torch-geometric's `GINEConv` with a perceptron: the same function and the same initial weights.

    Args:
        dim: Width of the vectors of atoms and bonds.
    """

    eps: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.nn = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        redraw(self.nn)
        self.register_buffer("eps", torch.zeros(1))

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        bonds: Float[Tensor, "num_bond_kinds dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        bond: Int[Tensor, " num_edges"],
    ) -> Float[Tensor, "num_nodes dim"]:
        """Gather what the neighbors tell, and map it."""
        arriving = sum_of_rectified(atoms, bonds, edge_index, bond, len(atoms))
        updated: Tensor = self.nn(torch.addcmul(arriving, atoms, 1 + self.eps))
        return updated
