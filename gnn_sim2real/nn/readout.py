"""From atoms to materials."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch

ReadoutKind = Literal["mean", "sum", "mean_and_size"]
"""How atoms become one vector, see `Readout`."""


class Readout(nn.Module):
    """From the atoms of each material to one vector.

    The size of a repeat unit or a unit cell has no meaning, so a doubled one must read out the same: these take the
    mean. A molecule has a size, and its boiling point, cohesive energy or solvation grow with it: a mean cannot tell.

    Args:
        kind: Mean over the atoms, sum over the atoms, or the mean beside the logarithm of the number of atoms; all
            weighted by `node_weight`.
        dim: Width of the vectors of the atoms.

    Attributes:
        output_dim: Width of the vectors of the materials.

    Raises:
        ValueError: If there is no such kind.
    """

    def __init__(self, kind: str, dim: int) -> None:
        super().__init__()
        if kind not in get_args(ReadoutKind):
            raise ValueError(f"`readout` must be one of {', '.join(get_args(ReadoutKind))}, got {kind!r}")
        self.kind = kind
        self.output_dim = dim + (kind == "mean_and_size")

    def forward(
        self, features: Float[Tensor, "num_nodes dim"], batch: GraphBatch
    ) -> Float[Tensor, "num_graphs output_dim"]:
        """Read out vectors of atoms."""
        return self.from_sums(weighted_sum(features, batch), batch)

    def from_sums(self, sums: Float[Tensor, "num_graphs dim"], batch: GraphBatch) -> Float[Tensor, "num_graphs output"]:
        """Read out what was already summed over the atoms of each material, weighted by `node_weight`."""
        if self.kind == "sum":
            return sums
        size = _size(sums, batch)
        mean = sums / size
        return mean if self.kind == "mean" else torch.cat([mean, size.log()], dim=1)


def weighted_mean(features: Float[Tensor, "num_nodes dim"], batch: GraphBatch) -> Float[Tensor, "num_graphs dim"]:
    """Mean over the atoms of each material, weighted by `node_weight`.

    The size of a repeat unit or a unit cell has no meaning, so a doubled one must read out the same.
    """
    sums = weighted_sum(features, batch)
    return sums / _size(sums, batch)


def weighted_sum(features: Float[Tensor, "num_nodes dim"], batch: GraphBatch) -> Float[Tensor, "num_graphs dim"]:
    """Sum over the atoms of each material, weighted by `node_weight`; at least in single precision."""
    # The weights are in single precision, so products with bfloat16 are too: a sum in bfloat16 ends at 256 ones.
    weighted = features * batch.node_weight.unsqueeze(1)
    return weighted.new_zeros((batch.num_graphs, features.shape[1])).index_add_(0, batch.batch_index, weighted)


def _size(like: Float[Tensor, "num_graphs dim"], batch: GraphBatch) -> Float[Tensor, "num_graphs 1"]:
    """Number of atoms of each material, weighted by `node_weight`."""
    weight = batch.node_weight.unsqueeze(1).to(like.dtype)
    size = like.new_zeros((batch.num_graphs, 1)).index_add_(0, batch.batch_index, weight)
    return size.clamp_min(torch.finfo(like.dtype).tiny)
