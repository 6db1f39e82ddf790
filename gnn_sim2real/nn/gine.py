"""Graph isomorphism network with edge features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.nn.coloring import ColoredBatchNorm, ColoredLayer, normalize
from gnn_sim2real.nn.edges import redraw, sum_of_rectified
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
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, dropout=dropout, readout=readout)
        self.convolutions = nn.ModuleList(
            ResidualConvolution(GINEConvolution(hidden_dim), hidden_dim, dropout) for _ in range(num_layers)
        )


class GINEConvolution(nn.Module):
    """torch-geometric's `GINEConv` with a normalized perceptron: the same function and the same initial weights.

    Args:
        dim: Width of the vectors of atoms and bonds.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.nn = nn.Sequential(nn.Linear(dim, 2 * dim), ColoredBatchNorm(2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
        redraw(self.nn)
        self.eps = nn.Parameter(torch.zeros(1))

    def forward(
        self,
        atoms: Float[Tensor, "num_colors_before dim"],
        bonds: Float[Tensor, "num_bond_kinds dim"],
        layer: ColoredLayer,
    ) -> Float[Tensor, "num_colors dim"]:
        """Gather what the neighbors tell, and map it."""
        arriving = sum_of_rectified(atoms, bonds, layer.edge_index, layer.bond, layer.num_atoms)
        widen, norm, relu, narrow = self.nn
        own = atoms.index_select(0, layer.before)
        wide = widen(torch.addcmul(arriving, own, 1 + self.eps))
        updated: Tensor = narrow(relu(normalize(norm, wide, layer)))
        return updated
