"""Attentive fingerprint."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import elu, leaky_relu

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.bond_encoder import BondEncoder

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
        from torch_geometric.nn import GATConv
        from torch_geometric.nn.models.attentive_fp import GATEConv

        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_timesteps=num_timesteps, dropout=dropout, readout=readout
        )
        self.num_timesteps = num_timesteps

        def attention() -> nn.Module:
            # A self loop would add one atom to attend to, and replace the bond of `*C*` to its own next copy.
            convolution: nn.Module = GATConv(
                hidden_dim, hidden_dim, dropout=dropout, add_self_loops=False, negative_slope=_SLOPE
            )
            return convolution

        first = GATEConv(hidden_dim, hidden_dim, edge_dim=hidden_dim, dropout=dropout)
        convolutions = [first, *(attention() for _ in range(num_layers - 1))]
        self.steps = nn.ModuleList(AttentionStep(convolution, hidden_dim, dropout) for convolution in convolutions)
        self.material_step = AttentionStep(attention(), hidden_dim, dropout)

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, the steps of the atoms, the step of the material, which is repeated."""
        return [self.embeddings, *self.steps, self.material_step]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        atoms, bonds = self.embed(batch)
        atoms = leaky_relu(atoms, _SLOPE)
        for number, step in enumerate(self.steps):
            self.note(atoms, batch)
            atoms = step(atoms, atoms, batch.edge_index, *([bonds] if number == 0 else []))
        membership = torch.stack([torch.arange(len(atoms), device=atoms.device), batch.batch_index])
        state: Tensor = self.readout(atoms, batch)
        for _ in range(self.num_timesteps):
            self.note(state)
            state = self.material_step((atoms, state), state, membership)
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

    def forward(
        self, seen: Any, state: Float[Tensor, "num_items dim"], *edges: Tensor
    ) -> Float[Tensor, "num_items dim"]:
        """Update the states.

        Args:
            seen: Vectors that are attended to, and those that attend if these are others.
            state: Of those that attend.
            edges: Who attends to whom, and bond vectors where the attention reads them.
        """
        update = self.dropout(elu(self.convolution(seen, *edges)))
        updated: Tensor = self.gate(update, state).relu()
        return updated
