"""Graph attention network, second version."""

from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.embedding import ATOM_SIZES, BOND_SIZES, CodeEmbedding, atom_table
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import Readout, ReadoutKind
from gnn_sim2real.nn.residual import ResidualConvolution


class GATv2(Encoder):
    r"""Graph attention network with dynamic attention, for repeat units and molecules.

    .. math:: h_i \leftarrow h_i + \sum_j \alpha_{ij} W_2 h_j, \quad
              \alpha_{ij} = \mathrm{softmax}_j\; a^\top \mathrm{LeakyReLU}(W_1 h_i + W_2 h_j + W_3 e_{ij})

    with bond vectors :math:`e_{ij}`, followed by a readout over atoms. Brody, Alon, Yahav, How Attentive are Graph
    Attention Networks?, ICLR 2022 (arXiv 2105.14491).

    No self loops are added, since that would first delete the real one: the bond of `*C*` to its own next copy. An atom
    sees itself through the residual connection.

    Args:
        hidden_dim: Width of the atom vectors, also the output width; a multiple of `num_heads`.
        num_layers: Number of convolutions, i.e. how many bonds far an atom sees.
        num_heads: Number of attentions side by side, each of `hidden_dim / num_heads` features.
        dropout: Share of features set to zero between convolutions during training.
        readout: From atoms to a material; `mean` for repeat units, see `Readout`.

    Raises:
        ValueError: If `hidden_dim` cannot be divided among the heads.
    """

    def __init__(
        self,
        hidden_dim: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        dropout: float = 0.0,
        readout: ReadoutKind = "mean",
    ) -> None:
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads, dropout=dropout, readout=readout
        )
        if hidden_dim % num_heads:
            raise ValueError(f"`hidden_dim` must be a multiple of `num_heads`, got {hidden_dim} and {num_heads}")
        self.readout = Readout(readout, hidden_dim)
        self.output_dim = self.readout.output_dim
        self.atom_embedding = CodeEmbedding(ATOM_SIZES, hidden_dim)
        self.bond_embedding = CodeEmbedding(BOND_SIZES, hidden_dim)
        head_dim = hidden_dim // num_heads
        self.convolutions = nn.ModuleList(
            ResidualConvolution(
                GATv2Conv(hidden_dim, head_dim, num_heads, edge_dim=hidden_dim, add_self_loops=False),
                hidden_dim,
                dropout,
            )
            for _ in range(num_layers)
        )

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the convolutions."""
        return [nn.ModuleList([self.atom_embedding, self.bond_embedding]), *self.convolutions]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        atoms = self.atom_embedding(atom_table(batch))
        bonds = self.bond_embedding(batch.need("bond_codes"))
        for convolution in self.convolutions:
            atoms = convolution(atoms, batch.edge_index, bonds)
        encoded: Tensor = self.readout(atoms, batch)
        return encoded
