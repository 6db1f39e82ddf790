"""From categorical codes to vectors that say something also about what was never trained."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import ATOM_CODES, NUM_ELEMENTS, GraphBatch


class CodeEmbedding(nn.Module):
    """Sum of one learned vector for every categorical feature.

    All vectors start at zero: a code that no training material had then adds nothing, rather than noise.

    Args:
        sizes: Number of codes of each feature.
        dim: Width of the vectors.
    """

    def __init__(self, sizes: list[int], dim: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, dim) for size in sizes)
        for table in self.tables:
            nn.init.zeros_(table.weight)

    def forward(self, codes: Int[Tensor, "num_items num_codes"]) -> Float[Tensor, "num_items dim"]:
        """Look up and add."""
        return torch.stack([table(codes[:, column]) for column, table in enumerate(self.tables)]).sum(0)


class AtomEmbedding(nn.Module):
    """Vector of each atom: of its categorical features, and of physical properties of its element.

    The properties (mass, covalent radius, period, group) tell an encoder about elements that the source does not have,
    such as the tin or selenium of a few measured polymers.

    Args:
        dim: Width of the vectors.
    """

    properties: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.codes = CodeEmbedding([NUM_ELEMENTS, *ATOM_CODES.values()], dim)
        self.register_buffer("properties", element_properties(), persistent=False)
        self.linear = nn.Linear(self.properties.shape[1], dim)

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_nodes dim"]:
        """Embed the atoms of a batch."""
        codes = torch.cat([batch.atomic_number.unsqueeze(1), batch.atom_codes], dim=1)
        vectors: Tensor = self.codes(codes) + self.linear(self.properties[batch.atomic_number])
        return vectors


def element_properties() -> Float[Tensor, "num_elements 4"]:
    """Mass [40 u], covalent radius [angstrom], period and group of each element, scaled to about one.

    Radii: Cordero et al., Dalton Trans. 2832 (2008), doi 10.1039/b801115j, as tabulated in ASE.
    """
    from ase.data import atomic_masses, covalent_radii

    noble_gases = (2, 10, 18, 36, 54, 86, 118)
    rows = []
    for number in range(NUM_ELEMENTS):
        period = sum(number > noble for noble in noble_gases) + 1
        past = number - (0, *noble_gases)[period - 1]
        length = noble_gases[period - 1] - (0, *noble_gases)[period - 1]
        # Counted from the left in the first two columns, else from the noble gas, so that d and f blocks fit in.
        group = past if past <= 2 else max(3, 18 - (length - past))
        rows.append([atomic_masses[number] / 40, covalent_radii[number], period / 3, group / 9])
    return torch.tensor(rows, dtype=torch.float32)
