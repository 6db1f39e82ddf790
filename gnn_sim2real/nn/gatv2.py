"""Graph attention network, second version."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gnn_sim2real.nn.bond_encoder import check_heads
from gnn_sim2real.nn.coloring import ColoredLayer
from gnn_sim2real.nn.edges import glorot_, softmax_of_groups, sum_at_destination
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
        check_heads(hidden_dim, num_heads)
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads, dropout=dropout, readout=readout
        )
        self.convolutions = nn.ModuleList(
            ResidualConvolution(DynamicAttention(hidden_dim, num_heads), hidden_dim, dropout) for _ in range(num_layers)
        )


class DynamicAttention(nn.Module):
    """torch-geometric's `GATv2Conv` without self loops: the same function and the same initial weights.

    Args:
        dim: Width of the vectors of atoms and bonds.
        num_heads: Number of attentions.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.lin_l, self.lin_r = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.lin_edge = nn.Linear(dim, dim, bias=False)
        for linear in (self.lin_l, self.lin_r):
            glorot_(linear.weight)
            nn.init.uniform_(linear.bias, -(dim**-0.5), dim**-0.5)
        glorot_(self.lin_edge.weight)
        self.att = nn.Parameter(glorot_(torch.empty(1, num_heads, dim // num_heads)))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(
        self,
        atoms: Float[Tensor, "num_colors_before dim"],
        bonds: Float[Tensor, "num_bond_kinds dim"],
        layer: ColoredLayer,
    ) -> Float[Tensor, "num_colors dim"]:
        """Attend to the neighbors."""
        source, destination = layer.edge_index
        told = self.lin_l(atoms).index_select(0, source)
        joint = self.lin_r(atoms).index_select(0, layer.before[destination])
        joint = functional.leaky_relu_(joint.add_(told).add_(self.lin_edge(bonds).index_select(0, layer.bond)), 0.2)
        # All heads in one product: that of numbers one by one takes as long as all the rest.
        score = joint @ self.scoring.to(joint.dtype)
        attention = softmax_of_groups(score, destination, layer.num_atoms)
        messages = told.unflatten(1, self.att.shape[1:]) * attention.unsqueeze(2)
        return sum_at_destination(messages.flatten(1), layer.edge_index, layer.num_atoms) + self.bias

    @property
    def scoring(self) -> Float[Tensor, "dim num_heads"]:
        """`att` as one map of all features to the score of each head."""
        num_heads, head_dim = self.att.shape[1:]
        own_head = torch.eye(num_heads, device=self.att.device, dtype=self.att.dtype)
        return (self.att[0].unsqueeze(2) * own_head.unsqueeze(1)).reshape(num_heads * head_dim, num_heads)
