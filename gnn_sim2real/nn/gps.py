"""Graph transformer after the GPS recipe."""

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.bond_encoder import BondEncoder, check_heads
from gnn_sim2real.nn.readout import ReadoutKind


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
        from torch_geometric.nn import GINEConv, GPSConv

        check_heads(hidden_dim, num_heads)
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads, dropout=dropout, readout=readout
        )
        self.blocks = nn.ModuleList(
            GPSConv(
                hidden_dim, GINEConv(_mlp(hidden_dim)), num_heads, dropout=dropout, attn_kwargs={"dropout": dropout}
            )
            for _ in range(num_layers)
        )

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the blocks."""
        return [self.embeddings, *self.blocks]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        atoms, bonds = self.embed(batch)
        for block in self.blocks:
            self.note(atoms, batch)
            atoms = block(atoms, batch.edge_index, batch.batch_index, edge_attr=bonds)
        encoded: Tensor = self.readout(atoms, batch)
        return encoded


def _mlp(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
