"""Attentive fingerprint."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import elu, leaky_relu, leaky_relu_, linear

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.bond_encoder import BondEncoder
from gnn_sim2real.nn.coloring import color_kinds, color_layers
from gnn_sim2real.nn.edges import glorot_, softmax_of_groups, sum_at_destination

_SLOPE = 0.01
"""Of the leaky ReLUs, as in the paper."""


class AttentiveFP(BondEncoder):
    r"""Attentive fingerprint, for repeat units and molecules.

    Atoms attend to their neighbors (in the first step with bond vectors), and a gated recurrent unit takes what they
    saw into their states. The state of the whole material then attends to its atoms, several times:

    .. math:: s \leftarrow \mathrm{ReLU}\Big(\mathrm{GRU}\Big(\mathrm{ELU}\Big(\sum_i \alpha_i W h_i\Big), s\Big)\Big),
              \quad \alpha_i = \mathrm{softmax}_i\; \mathrm{LeakyReLU}(a^\top [W s, W h_i])

    Xiong et al., Pushing the Boundaries of Molecular Representation for Drug Discovery with the Graph Attention
    Mechanism, J. Med. Chem. 2020, 63, 8749 (doi 10.1021/acs.jmedchem.9b00959). In the paper :math:`s` starts as the sum
    of the atoms, which tells a doubled repeat unit from a single one; here it starts as their mean unless told so.

    Args:
        hidden_dim: Width of the atom vectors, also the output width.
        num_layers: Number of attention steps of the atoms, i.e. how many bonds far an atom sees.
        num_timesteps: Number of attention steps of the whole material.
        dropout: Share of features and of attention weights set to zero during training.
        readout: What the state of a material starts from: `mean` for repeat units; `sum`, as in the paper, for
            molecules, whose size has a meaning.
    """

    def __init__(
        self,
        hidden_dim: int = 128,
        num_layers: int = 3,
        num_timesteps: int = 2,
        dropout: float = 0.0,
        readout: Literal["mean", "sum"] = "mean",
    ) -> None:
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_timesteps=num_timesteps, dropout=dropout, readout=readout
        )
        self.num_timesteps, self.has_dropout = num_timesteps, dropout > 0
        convolutions = [
            BondAttention(hidden_dim, dropout),
            *(Attention(hidden_dim, dropout) for _ in range(num_layers - 1)),
        ]
        self.steps = nn.ModuleList(AttentionStep(convolution, hidden_dim, dropout) for convolution in convolutions)
        self.material_step = AttentionStep(Attention(hidden_dim, dropout), hidden_dim, dropout)

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, the steps of the atoms, the step of the material, which is repeated."""
        return [self.embeddings, *self.steps, self.material_step]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        coloring, bond_kinds = color_kinds(batch)
        atoms, bonds = self.embed(batch, coloring, bond_kinds)
        atoms = leaky_relu(atoms, _SLOPE)
        distinct = self.training and self.has_dropout
        layers = color_layers(batch, coloring, bond_kinds, len(self.steps), distinct=distinct)
        for number, (step, layer) in enumerate(zip(self.steps, layers, strict=True)):
            if self.is_noting:
                self.note(coloring.spread(atoms), batch)
            own, coloring = atoms.index_select(0, layer.before), layer.coloring
            if number == 0:
                atoms = step(own, atoms, bonds, layer.edge_index, layer.bond)
            else:
                atoms = step(own, atoms, layer.edge_index)
        membership = torch.stack([coloring.color, batch.batch_index])
        state: Tensor = self.readout(coloring.spread(atoms), batch)
        for _ in range(self.num_timesteps):
            self.note(state)
            state = self.material_step(state, atoms, membership)
        return state


class AttentionStep(nn.Module):
    """What is seen by attention, taken into a state by a gated recurrent unit.

    Args:
        convolution: The attention.
        dim: Width of the state.
        dropout: Share of features set to zero during training.
    """

    def __init__(self, convolution: nn.Module, dim: int, dropout: float) -> None:
        super().__init__()
        self.convolution = convolution
        self.gate = nn.GRUCell(dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Float[Tensor, "num_items dim"], *seen: Tensor) -> Float[Tensor, "num_items dim"]:
        """Update the states.

        Args:
            state: Of those that attend.
            seen: What else the attention takes.
        """
        update = self.dropout(elu(self.convolution(state, *seen)))
        updated: Tensor = self.gate(update, state).relu()
        return updated


class Attention(nn.Module):
    """torch-geometric's `GATConv` of one head without self loops: the same function and the same initial weights.

    Args:
        dim: Width of the vectors.
        dropout: Share of attention weights set to zero during training.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.lin = nn.Linear(dim, dim, bias=False)
        glorot_(self.lin.weight)
        self.att_src, self.att_dst = (nn.Parameter(glorot_(torch.empty(1, 1, dim))) for _ in range(2))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        state: Float[Tensor, "num_attending dim"],
        atoms: Float[Tensor, "num_atoms dim"],
        edge_index: Int[Tensor, "2 num_edges"],
    ) -> Float[Tensor, "num_attending dim"]:
        """Attend.

        Args:
            state: Vectors of those that attend.
            atoms: Vectors of those attended to.
            edge_index: Who is attended to, and who attends.
        """
        source, destination = edge_index
        told = self.lin(atoms)
        # Of the mapped state only the product with att_dst is needed.
        asked, answers = linear(state, self.att_dst[0] @ self.lin.weight), linear(told, self.att_src[0])
        score = leaky_relu(answers.index_select(0, source) + asked.index_select(0, destination), _SLOPE)
        attention = self.dropout(softmax_of_groups(score, destination, len(state)))
        return sum_at_destination(told.index_select(0, source) * attention, edge_index, len(state)) + self.bias


class BondAttention(nn.Module):
    """torch-geometric's `GATEConv`, which reads bonds: the same function and the same initial weights.

    Args:
        dim: Width of the vectors of atoms and bonds.
        dropout: Share of attention weights set to zero during training.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(2 * dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.att_l, self.att_r = (nn.Parameter(glorot_(torch.empty(1, dim))) for _ in range(2))
        for layer in (self.lin1, self.lin2):
            glorot_(layer.weight)
        self.bias = nn.Parameter(torch.zeros(dim))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        state: Float[Tensor, "num_attending dim"],
        atoms: Float[Tensor, "num_atoms dim"],
        bonds: Float[Tensor, "num_bond_kinds dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        bond: Int[Tensor, " num_edges"],
    ) -> Float[Tensor, "num_attending dim"]:
        """Attend.

        Args:
            state: Vectors of those that attend.
            atoms: Vectors of those attended to.
            bonds: One vector of each kind of bond.
            edge_index: Who is attended to, and who attends.
            bond: Kind of the bond between them.
        """
        source, destination = edge_index
        # Mapped atom by atom and kind by kind, before they meet at the bonds.
        of_atoms, of_bonds = self.lin1.weight.chunk(2, dim=1)
        joint = linear(atoms, of_atoms).index_select(0, source)
        joint = leaky_relu_(joint.add_(linear(bonds, of_bonds).index_select(0, bond)))
        score = linear(joint, self.att_l) + linear(state, self.att_r).index_select(0, destination)
        attention = self.dropout(softmax_of_groups(leaky_relu(score), destination, len(state)))
        messages = self.lin2(atoms).index_select(0, source) * attention
        return sum_at_destination(messages, edge_index, len(state)) + self.bias
