"""What encoders of repeat units and molecules start from and end with."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.coloring import Coloring
from gnn_sim2real.nn.embedding import ATOM_SIZES, BOND_SIZES, CodeEmbedding, atom_table
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import Readout, ReadoutKind


class BondEncoder(Encoder):
    """Encoder with a vector for every atom and every bond, which start as sums of learned embeddings, and a readout.

    Args:
        hidden_dim: Width of the vectors of atoms and bonds.
        readout: From atoms to a material, see `Readout`.
        settings: All further settings of the subclass.

    Raises:
        ValueError: If there is no such readout.
    """

    def __init__(self, *, hidden_dim: int, readout: ReadoutKind, **settings: Any) -> None:
        super().__init__(hidden_dim=hidden_dim, readout=readout, **settings)
        self.readout = Readout(readout, hidden_dim)
        self.output_dim = self.readout.output_dim
        self.atom_embedding = CodeEmbedding(ATOM_SIZES, hidden_dim)
        self.bond_embedding = CodeEmbedding(BOND_SIZES, hidden_dim)

    @property
    def embeddings(self) -> nn.ModuleList:
        """The first of `layers`."""
        return nn.ModuleList([self.atom_embedding, self.bond_embedding])

    def embed(
        self, batch: GraphBatch, atoms: Coloring, bonds: Coloring
    ) -> tuple[Float[Tensor, "num_atom_kinds hidden_dim"], Float[Tensor, "num_bond_kinds hidden_dim"]]:
        """Vectors of one atom and one bond of each kind (`color_kinds`) before the first layer."""
        codes = batch.need("bond_codes")
        return self.atom_embedding(atom_table(batch)[atoms.first]), self.bond_embedding(codes[bonds.first])


def check_heads(hidden_dim: int, num_heads: int) -> None:
    """Reject a width that cannot be divided among parallel attentions.

    Args:
        hidden_dim: Width of all of them together.
        num_heads: Number of attentions.

    Raises:
        ValueError: If the width is not a multiple of their number.
    """
    if hidden_dim % num_heads:
        raise ValueError(f"`hidden_dim` must be a multiple of `num_heads`, got {hidden_dim} and {num_heads}")
