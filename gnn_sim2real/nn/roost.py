"""Roost: representation learning from stoichiometry."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.utils import softmax

from gnn_sim2real.graph import ATOM_CODES, NUM_ELEMENTS, GraphBatch
from gnn_sim2real.nn.edges import pair_up
from gnn_sim2real.nn.encoder import Encoder

_HYDROGENS = list(ATOM_CODES).index("num_hydrogens")


class Roost(Encoder):
    r"""Representation learning from stoichiometry: reads nothing but the composition, of materials of any kind.

    The nodes are the elements of a material, with vectors :math:`h_i` that start as a learned embedding and the share
    :math:`w_i` of the element; each is told by all of them, itself included, and a last attention reads the material
    out:

    .. math::
        h_i \leftarrow h_i + \sum_j \alpha_{ij} \phi([h_i, h_j]), \quad
        \alpha_{ij} = \frac{w_j^p \exp \psi([h_i, h_j])}{\sum_k w_k^p \exp \psi([h_i, h_k])}

    with a learned power p; several such heads are averaged. R. E. A. Goodall, A. A. Lee, Predicting materials
    properties without crystal structure: deep representation learning from stoichiometry, Nat. Commun. 11, 6280 (2020),
    doi 10.1038/s41467-020-19964-7 (arXiv 1910.00617). Here the vectors of the elements are learned, where the paper
    takes them from the literature (Matscholar), and the network behind the readout is the package's head.

    Molecules and repeat units have their hydrogens as a number at the heavy atoms: they are counted in (up to five at
    one atom). Charges, bonds and geometry are not read, so isomers and polymorphs have the same output.

    Args:
        hidden_dim: Width of the element vectors, also the output width.
        num_layers: Number of rounds of messages.
        num_heads: Number of attentions that are averaged.
        mlp_dim: Width of the perceptrons inside (256 as published).
    """

    reads_composition_only = True

    def __init__(self, hidden_dim: int = 64, num_layers: int = 3, num_heads: int = 3, mlp_dim: int = 128) -> None:
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads, mlp_dim=mlp_dim)
        self.output_dim = hidden_dim
        self.embedding = nn.Embedding(NUM_ELEMENTS, hidden_dim - 1)
        self.rounds = nn.ModuleList(
            WeightedAttention(2 * hidden_dim, hidden_dim, num_heads, mlp_dim) for _ in range(num_layers)
        )
        self.readout = WeightedAttention(hidden_dim, hidden_dim, num_heads, mlp_dim)

    @property
    def layers(self) -> list[nn.Module]:
        """Embedding, then the rounds of messages, then the readout."""
        return [self.embedding, *self.rounds, self.readout]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode materials by their composition."""
        material, atomic_number, share = composition_of(batch)
        own, other = pair_up(material, material, batch.num_graphs)
        elements = torch.cat([self.embedding(atomic_number), share.unsqueeze(1)], dim=1)
        for attention in self.rounds:
            if self.is_noting:
                self.note(mean_of_elements(elements, share, material, batch.num_graphs))
            pairs = torch.cat([elements.index_select(0, own), elements.index_select(0, other)], dim=1)
            elements = elements + attention(pairs, share[other], own, len(elements))
        if self.is_noting:
            self.note(mean_of_elements(elements, share, material, batch.num_graphs))
        output: Tensor = self.readout(elements, share, material, batch.num_graphs)
        return output


def composition_of(
    batch: GraphBatch,
) -> tuple[Int[Tensor, " num_elements"], Int[Tensor, " num_elements"], Float[Tensor, " num_elements"]]:
    """The elements of each material, each once.

    Returns:
        Material, atomic number and share (of all its atoms, hydrogens included) of every element, sorted.
    """
    owner, atomic_number, amount = batch.batch_index, batch.atomic_number, batch.node_weight
    if batch.atom_codes is not None:
        hydrogens = batch.atom_codes[:, _HYDROGENS]
        bearing = hydrogens.nonzero().flatten()
        owner = torch.cat([owner, owner[bearing]])
        atomic_number = torch.cat([atomic_number, torch.ones_like(bearing)])
        amount = torch.cat([amount, (amount * hydrogens)[bearing]])
    key, position = torch.unique(owner * NUM_ELEMENTS + atomic_number, return_inverse=True)
    material = key // NUM_ELEMENTS
    amount = amount.new_zeros(len(key)).index_add_(0, position, amount)
    total = amount.new_zeros(batch.num_graphs).index_add_(0, material, amount)
    return material, key % NUM_ELEMENTS, amount / total[material]


def mean_of_elements(
    elements: Float[Tensor, "num_elements dim"],
    share: Float[Tensor, " num_elements"],
    material: Int[Tensor, " num_elements"],
    num_graphs: int,
) -> Float[Tensor, "num_graphs dim"]:
    """Mean of the vectors of the elements of each material, weighted by their shares."""
    told = elements * share.unsqueeze(1)
    return told.new_zeros((num_graphs, told.shape[1])).index_add_(0, material, told)


class WeightedAttention(nn.Module):
    """Mean of several attentions over the members of each group, in which a member counts by a power of its weight.

    Args:
        input_dim: Width of the members' vectors.
        output_dim: Width of the groups' vectors.
        num_heads: Number of attentions.
        mlp_dim: Width of the perceptrons inside.
    """

    def __init__(self, input_dim: int, output_dim: int, num_heads: int, mlp_dim: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(_perceptron(input_dim, mlp_dim, 1) for _ in range(num_heads))
        self.values = nn.ModuleList(_perceptron(input_dim, mlp_dim, output_dim) for _ in range(num_heads))
        self.powers = nn.Parameter(torch.ones(num_heads))

    def forward(
        self,
        members: Float[Tensor, "num_members input_dim"],
        weight: Float[Tensor, " num_members"],
        group: Int[Tensor, " num_members"],
        num_groups: int,
    ) -> Float[Tensor, "num_groups output_dim"]:
        """Reduce members to groups; every group has at least one."""
        log_weight = weight.clamp_min(torch.finfo(weight.dtype).tiny).log().unsqueeze(1)
        results = []
        for score, value, power in zip(self.scores, self.values, self.powers, strict=True):
            attention = softmax(score(members) + power * log_weight, group, num_nodes=num_groups)
            told = attention * value(members)
            results.append(told.new_zeros((num_groups, told.shape[1])).index_add_(0, group, told))
        return torch.stack(results).mean(dim=0)


def _perceptron(input_dim: int, hidden_dim: int, output_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.LeakyReLU(), nn.Linear(hidden_dim, output_dim))
