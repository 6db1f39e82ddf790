"""From categorical codes to vectors."""

from functools import reduce

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import ATOM_CODES, BOND_CODES, NUM_ELEMENTS, GraphBatch

ATOM_SIZES = [NUM_ELEMENTS, *ATOM_CODES.values()]
"""Number of codes of each column of `atom_table`."""

BOND_SIZES = list(BOND_CODES.values())
"""Number of codes of each column of `GraphBatch.bond_codes`."""


class CodeEmbedding(nn.Module):
    """Sum of one learned vector for every categorical feature.

    Args:
        sizes: Number of codes of each feature.
        dim: Width of the vectors.
    """

    def __init__(self, sizes: list[int], dim: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, dim) for size in sizes)

    def forward(self, codes: Int[Tensor, "num_items num_codes"]) -> Float[Tensor, "num_items dim"]:
        """Look up and add."""
        # One by one: stacking them first would allocate much memory, and take 10 times as long.
        total: Tensor = reduce(Tensor.add_, (table(codes[:, column]) for column, table in enumerate(self.tables)))
        return total


def atom_table(batch: GraphBatch) -> Int[Tensor, "num_nodes num_columns"]:
    """Element and `ATOM_CODES` of each atom of materials with bonds."""
    return torch.cat([batch.atomic_number.unsqueeze(1), batch.need("atom_codes")], dim=1)
