"""MatErials Graph Network: edges, atoms and a state of the whole crystal."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.basis import gaussian_basis
from gnn_sim2real.nn.edges import EdgeLinear, edge_length, mean_at_destination
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean

_LOG_2 = torch.log(torch.tensor(2.0)).item()
"""In single precision, as the models in libraries were trained with."""


class MEGNet(Encoder):
    r"""MatErials Graph Network, for crystals.

    .. math::
        e_{ij}' &= \phi_e([h_i, h_j, e_{ij}, u]), \quad e_{ij} \leftarrow e_{ij} + e_{ij}' \\
        h_i' &= \phi_h([h_i, \mathrm{mean}_j\, e_{ij}', u]), \quad h_i \leftarrow h_i + h_i' \\
        u' &= \phi_u([\mathrm{mean}\, h_i', \mathrm{mean}\, e_{ij}', u]), \quad u \leftarrow u + u'

    with edge vectors :math:`e_{ij}` that start as Gaussians of the distance, atom vectors :math:`h_i` that start as a
    learned embedding of the element, and one state :math:`u` per crystal that starts as a learned constant; in each
    block all three go through a perceptron first. C. Chen, W. Ye, Y. Zuo, C. Zheng, S. P. Ong, Graph Networks as a
    Universal Machine Learning Framework for Molecules and Crystals, Chem. Mater. 31, 3564 (2019), doi
    10.1021/acs.chemmater.9b01294 (arXiv 1812.05055).

    Here the output is the mean atom vector, the mean edge vector and the state side by side; the paper reads atoms and
    edges out with set2set. The mean of edges is that of each atom first. As published: not smooth, the output jumps
    where an atom enters or leaves the neighbor list.

    Args:
        hidden_dim: Width of the three kinds of vectors (32 as published); the perceptrons are twice as wide inside.
        num_layers: Number of blocks.
        num_gaussians: Number of Gaussians of the distance.
        cutoff: Center of the last Gaussian, the cutoff of the graphs [angstrom].
    """

    def __init__(self, hidden_dim: int = 32, num_layers: int = 3, num_gaussians: int = 50, cutoff: float = 6.0) -> None:
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, num_gaussians=num_gaussians, cutoff=cutoff)
        self.output_dim = 3 * hidden_dim
        self.embedding = ElementEmbedding(hidden_dim)
        self.basis = gaussian_basis(cutoff, num_gaussians)
        self.edge_embedding = nn.Linear(num_gaussians, hidden_dim)
        self.state_embedding = nn.Embedding(1, hidden_dim)
        self.blocks = nn.ModuleList(MEGNetBlock(hidden_dim) for _ in range(num_layers))

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings and basis, then the blocks."""
        embeddings = [self.embedding, self.basis, self.edge_embedding, self.state_embedding]
        return [nn.ModuleList(embeddings), *self.blocks]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode crystals."""
        length = edge_length(batch)
        atoms, edges = self.embedding(batch), self.edge_embedding(self.basis(length))
        state = self.state_embedding.weight.expand(batch.num_graphs, -1)
        for block in self.blocks:
            self.note(atoms, batch)
            atoms, edges, state = block(atoms, edges, state, batch)
        arriving = mean_at_destination(edges, batch.edge_index, len(atoms))
        return torch.cat([weighted_mean(torch.cat([atoms, arriving], dim=1), batch), state], dim=1)


class ShiftedSoftplus(nn.Module):
    """Softplus that is zero at zero."""

    def forward(self, values: Float[Tensor, "num_items dim"]) -> Float[Tensor, "num_items dim"]:
        """Apply it to each number."""
        return nn.functional.softplus(values) - _LOG_2


class MEGNetBlock(nn.Module):
    """One update of edges, atoms and state, in this order.

    Args:
        dim: Width of the three kinds of vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.prepare_atoms, self.prepare_edges, self.prepare_state = (_perceptron(dim, 2 * dim, dim) for _ in range(3))
        self.enter_edges = EdgeLinear(2 * dim, dim, dim, 2 * dim)
        self.update_edges = nn.Sequential(ShiftedSoftplus(), *_perceptron(2 * dim, 2 * dim, dim))
        self.update_atoms, self.update_state = (_perceptron(3 * dim, 2 * dim, 2 * dim, dim) for _ in range(2))

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        edges: Float[Tensor, "num_edges dim"],
        state: Float[Tensor, "num_graphs dim"],
        batch: GraphBatch,
    ) -> tuple[Float[Tensor, "num_nodes dim"], Float[Tensor, "num_edges dim"], Float[Tensor, "num_graphs dim"]]:
        """Update all three."""
        old_atoms, old_edges, old_state = atoms, edges, state
        atoms, edges, state = self.prepare_atoms(atoms), self.prepare_edges(edges), self.prepare_state(state)
        state_of_atom = state.index_select(0, batch.batch_index)
        # The state enters by the destination, so that it is mapped once per atom.
        destination = torch.cat([atoms, state_of_atom], dim=1)
        edges = self.update_edges(self.enter_edges(destination, atoms, edges, batch.edge_index))
        arriving = mean_at_destination(edges, batch.edge_index, len(atoms))
        atoms = self.update_atoms(torch.cat([atoms, arriving, state_of_atom], dim=1))
        means = weighted_mean(torch.cat([atoms, arriving], dim=1), batch)
        state = self.update_state(torch.cat([means, state], dim=1))
        return old_atoms + atoms, old_edges + edges, old_state + state


def _perceptron(*widths: int) -> nn.Sequential:
    """Linear maps, each followed by the shifted softplus."""
    layers: list[nn.Module] = []
    for input_dim, output_dim in pairwise(widths):
        linear = nn.Linear(input_dim, output_dim)
        # As published; from torch's smaller start the signal would fade away in so many layers.
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, ShiftedSoftplus()]
    return nn.Sequential(*layers)
