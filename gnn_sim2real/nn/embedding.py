"""From categorical codes to vectors."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


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
        return torch.stack([table(codes[:, column]) for column, table in enumerate(self.tables)]).sum(0)
