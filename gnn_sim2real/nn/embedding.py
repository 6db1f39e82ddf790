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


class ElementEmbedding(nn.Embedding):
    """The learned vector of what each site holds: of its element, or the mean of its elements by their occupancies.

    A vacancy counts as zero, so that no vector of it has to be learned: a model that was trained on ordered crystals
    reads disordered ones. For occupancies of 1 the numbers are those of an ordered crystal.

    C. Chen, Y. Zuo, W. Ye, X. Li, S. P. Ong, Learning properties of ordered and disordered materials from
    multi-fidelity data, Nat. Comput. Sci. 1, 46 (2021), doi 10.1038/s43588-020-00002-x.

    Args:
        dim: Width of the vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(NUM_ELEMENTS, dim)

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_nodes dim"]:  # type: ignore[override]
        """Look up the vector of each site, and mix where there are several."""
        if batch.species_count is None:
            return super().forward(batch.atomic_number)
        site, atomic_number, share = species_of(batch)
        weighted = super().forward(atomic_number) * share.unsqueeze(1)
        return weighted.new_zeros((len(batch.atomic_number), weighted.shape[1])).index_add_(0, site, weighted)


def species_of(
    batch: GraphBatch,
) -> tuple[Int[Tensor, " num_species"], Int[Tensor, " num_species"], Float[Tensor, " num_species"]]:
    """The elements of all sites.

    Args:
        batch: Materials of any kind.

    Returns:
        Site, atomic number and occupancy of each element; of ordered materials those of the atoms.
    """
    site = torch.arange(len(batch.atomic_number), device=batch.atomic_number.device)
    if batch.species_count is None or batch.species_number is None or batch.species_share is None:
        return site, batch.atomic_number, torch.ones_like(batch.node_weight)
    return site.repeat_interleave(batch.species_count), batch.species_number, batch.species_share


def weight_of_species(batch: GraphBatch) -> Float[Tensor, " num_species"]:
    """By how much each element of each site counts: `node_weight`, shared by the occupancies of the site.

    Args:
        batch: Materials of any kind.
    """
    site, _, share = species_of(batch)
    occupancy = share.new_zeros(len(batch.atomic_number)).index_add_(0, site, share)
    return share * (batch.node_weight / occupancy)[site]


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
