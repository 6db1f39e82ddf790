"""Atoms and bonds that a network of messages cannot tell apart have one color, and one vector, computed once.

Colors are those of the refinement of Weisfeiler and Lehman: at first what an atom or bond is, then, round by round, its
color and those of its neighbors. What has one color after so many rounds has one vector after so many layers (K. Xu, W.
Hu, J. Leskovec, S. Jegelka, How Powerful are Graph Neural Networks?, ICLR 2019, arXiv 1810.00826). In a batch of
molecules or repeat units most atoms have the color of another one in the first layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.edges import sum_at_destination
from gnn_sim2real.nn.embedding import ATOM_SIZES, BOND_SIZES, atom_table

_FACTOR = 0x1E3779B97F4A7C15  # any large odd number


@dataclass(frozen=True)
class Coloring:
    """Colors of atoms or bonds, numbered from 0.

    Attributes:
        color: Of each item.
        first: The first item of each color, which stands for all of them.
    """

    color: Int[Tensor, " num_items"]
    first: Int[Tensor, " num_colors"]

    def __len__(self) -> int:
        return len(self.first)

    def spread(self, vectors: Float[Tensor, "num_colors dim"]) -> Float[Tensor, "num_items dim"]:
        """From one item of each color to all of them."""
        return vectors.index_select(0, self.color)


def color_by(key: Int[Tensor, " num_items"]) -> Coloring:
    """One color for all items of the same key; in a compiled program, which knows its shapes, each has its own."""
    if torch.compiler.is_compiling():
        return color_all(key)
    keys, color = torch.unique(key, return_inverse=True)
    items = torch.arange(len(key), device=key.device)
    first = torch.full_like(keys, len(key)).scatter_reduce_(0, color, items, "amin")
    return Coloring(color, first)


def color_all(key: Int[Tensor, " num_items"]) -> Coloring:
    """A color of its own for each item."""
    items = torch.arange(len(key), device=key.device)
    return Coloring(items, items)


def color_kinds(batch: GraphBatch) -> tuple[Coloring, Coloring]:
    """Colors of the atoms and of the bonds by what they are, wherever they stand."""
    return color_by_codes(atom_table(batch), ATOM_SIZES), color_by_codes(batch.need("bond_codes"), BOND_SIZES)


def color_by_codes(codes: Int[Tensor, "num_items num_codes"], sizes: Sequence[int]) -> Coloring:
    """One color for all items of the same categorical features.

    Args:
        codes: The features.
        sizes: Number of codes of each.
    """
    key = codes[:, 0]
    for column, size in enumerate(sizes[1:], start=1):
        key = key * size + codes[:, column]
    return color_by(key)


def scatter_bits(number: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Scatter integers over all of int64, so that sums of them tell which and how many were added.

    Zero stays zero, which no sum shows: begin to number at one. A negative number goes where its complement goes, since
    a shift repeats the sign; the bits of shipped models of fingerprints are made so.
    """
    for _ in range(2):
        number = (number ^ (number >> 32)) * _FACTOR
    return number ^ (number >> 29)


@dataclass(frozen=True)
class ColoredLayer:
    """What a layer of messages among atoms has to compute: one atom of each color after it, from those before it.

    Attributes:
        coloring: Of the atoms of the batch, after the layer.
        before: Color of each computed atom before the layer.
        edge_index: Source, as a color before the layer, and destination, as a color after it, of each message.
        bond: Color of the bond of each message.
        count: How many atoms of the batch have each color; None if each has its own.
    """

    coloring: Coloring
    before: Int[Tensor, " num_colors"]
    edge_index: Int[Tensor, "2 num_messages"]
    bond: Int[Tensor, " num_messages"]
    count: Int[Tensor, " num_colors"] | None

    @property
    def num_atoms(self) -> int:
        """Number of atoms that are computed."""
        return len(self.coloring)


def color_layers(
    batch: GraphBatch, atoms: Coloring, bonds: Coloring, num_layers: int, *, distinct: bool
) -> list[ColoredLayer]:
    """What each of several layers of messages has to compute.

    Args:
        batch: Materials with bonds.
        atoms: Colors of the atoms before the first layer.
        bonds: Colors of the bonds.
        num_layers: How many.
        distinct: Whether each atom has a vector of its own after the first layer, which dropout gives it.
    """
    source, destination = batch.edge_index
    # From 1 on, since a sum would not show a neighbor that is 0.
    layers, before, key = [], atoms, scatter_bits(1 + atoms.color)
    for _ in range(num_layers):
        told = scatter_bits(scatter_bits(key.index_select(0, source)) + bonds.color)
        key = scatter_bits(scatter_bits(key) + sum_at_destination(told, batch.edge_index, len(key)))
        after = color_all(key) if distinct else color_by(key)
        if len(after) == len(key):
            edge_index, bond, count = torch.stack([before.color[source], after.color[destination]]), bonds.color, None
        else:
            computed = torch.zeros_like(key, dtype=torch.bool).index_fill_(0, after.first, True)
            edges = computed.index_select(0, destination).nonzero().squeeze(1)
            edge_index = torch.stack([before.color[source[edges]], after.color[destination[edges]]])
            bond = bonds.color.index_select(0, edges)
            count = torch.bincount(after.color, minlength=len(after))
        layers.append(ColoredLayer(after, before.color.index_select(0, after.first), edge_index, bond, count))
        before = after
    return layers


class ColoredBatchNorm(nn.BatchNorm1d):
    """Batch normalization over all atoms of a batch, of which one of each color is at hand."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(  # type: ignore[override]
        self, values: Float[Tensor, "num_colors dim"], layer: ColoredLayer
    ) -> Float[Tensor, "num_colors dim"]:
        """Normalize.

        Args:
            values: Of one atom of each color.
            layer: Whose atoms they are.
        """
        if layer.count is None or not self.training:
            return super().forward(values)
        num_atoms = len(layer.coloring.color)
        share = layer.count.to(self.weight.dtype) / num_atoms
        # As for any normalization, sums over the atoms are not those of a lower precision.
        with torch.autocast(values.device.type, enabled=False):
            normalized, mean, variance = _NormalizeShares.apply(  # type: ignore[no-untyped-call]
                values.to(share.dtype), share, self.weight, self.bias, self.eps
            )
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (num_atoms / (num_atoms - 1)), self.momentum)
        output: Tensor = normalized.to(values.dtype)
        return output


def normalize(
    norm: nn.Module, values: Float[Tensor, "num_colors dim"], layer: ColoredLayer
) -> Float[Tensor, "num_colors dim"]:
    """Normalize one atom of each color by a `ColoredBatchNorm`, or by what took its place.

    Lightning's `sync_batchnorm` puts another module there, which shares its statistics between processes and knows
    nothing of colors: it is given all atoms.

    Args:
        norm: The normalization.
        values: Of one atom of each color.
        layer: Whose atoms they are.
    """
    if isinstance(norm, ColoredBatchNorm):
        normalized: Tensor = norm(values, layer)
    else:
        normalized = norm(layer.coloring.spread(values)).index_select(0, layer.coloring.first)
    return normalized


class _NormalizeShares(torch.autograd.Function):
    """Normalization by mean and variance of all atoms; written out, since autograd would keep and read each step."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, share: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean = share @ values
        centered = values - mean
        variance = share @ (centered * centered)
        scale = (variance + eps).rsqrt()
        ctx.save_for_backward(centered, share, weight, scale)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(bias, centered, weight * scale), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        centered, share, weight, scale = ctx.saved_tensors
        sums, along = slope.sum(dim=0), (slope * centered).sum(dim=0) * scale
        # What an atom does to mean and variance, it does as often as there are atoms of its color.
        common = torch.addcmul(weight * scale * sums, centered, weight * scale.square() * along)
        return torch.addcmul(slope * (weight * scale), common, share.unsqueeze(1), value=-1), None, along, sums, None
