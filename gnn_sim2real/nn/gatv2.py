"""Graph attention network, second version."""

from torch import nn

from gnn_sim2real.nn.bond_encoder import check_heads
from gnn_sim2real.nn.readout import ReadoutKind
from gnn_sim2real.nn.residual import ResidualConvolution, ResidualEncoder


class GATv2(ResidualEncoder):
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
        from torch_geometric.nn import GATv2Conv

        check_heads(hidden_dim, num_heads)
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads, dropout=dropout, readout=readout
        )
        head_dim = hidden_dim // num_heads
        self.convolutions = nn.ModuleList(
            ResidualConvolution(
                GATv2Conv(hidden_dim, head_dim, num_heads, edge_dim=hidden_dim, add_self_loops=False),
                hidden_dim,
                dropout,
            )
            for _ in range(num_layers)
        )
