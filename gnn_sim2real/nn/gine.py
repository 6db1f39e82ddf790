"""Graph isomorphism network with edge features."""

from torch import nn

from gnn_sim2real.nn.readout import ReadoutKind
from gnn_sim2real.nn.residual import ResidualConvolution, ResidualEncoder


class GINE(ResidualEncoder):
    r"""Graph isomorphism network with edge features, for repeat units and molecules.

    .. math:: h_i \leftarrow h_i + \mathrm{MLP}\big((1 + \epsilon) h_i + \sum_j \mathrm{ReLU}(h_j + e_{ij})\big)

    with atom vectors :math:`h_i` and bond vectors :math:`e_{ij}` that start as sums of learned embeddings, followed
    by a readout over atoms. Hu et al., Strategies for Pre-training Graph Neural Networks, ICLR 2020 (arXiv 1905.12265).

    Args:
        hidden_dim: Width of the atom vectors, also the output width.
        num_layers: Number of convolutions, i.e. how many bonds far an atom sees.
        dropout: Share of features set to zero between convolutions during training.
        readout: From atoms to a material; `mean` for repeat units, see `Readout`.
    """

    def __init__(
        self, hidden_dim: int = 128, num_layers: int = 4, dropout: float = 0.0, readout: ReadoutKind = "mean"
    ) -> None:
        from torch_geometric.nn import GINEConv

        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, dropout=dropout, readout=readout)
        self.convolutions = nn.ModuleList(
            ResidualConvolution(GINEConv(_mlp(hidden_dim), train_eps=True), hidden_dim, dropout)
            for _ in range(num_layers)
        )


def _mlp(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, 2 * dim), nn.BatchNorm1d(2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
