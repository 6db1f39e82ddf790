"""From atoms to materials."""

import torch
from jaxtyping import Float
from torch import Tensor

from gnn_sim2real.graph import GraphBatch


def weighted_mean(features: Float[Tensor, "num_nodes dim"], batch: GraphBatch) -> Float[Tensor, "num_graphs dim"]:
    """Mean over the atoms of each material, weighted by `node_weight`.

    The size of a repeat unit or a unit cell has no meaning, so a doubled one must read out the same.
    """
    weight = batch.node_weight.unsqueeze(1).to(features.dtype)
    shape = (batch.num_graphs, features.shape[1])
    total = features.new_zeros(shape).index_add_(0, batch.batch_index, features * weight)
    norm = features.new_zeros((batch.num_graphs, 1)).index_add_(0, batch.batch_index, weight)
    return total / norm.clamp_min(torch.finfo(features.dtype).tiny)
