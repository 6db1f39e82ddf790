"""Roost: representation learning from stoichiometry."""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import ATOM_CODES, NUM_ELEMENTS, GraphBatch
from gnn_sim2real.nn.edges import pair_up, softmax_of_groups
from gnn_sim2real.nn.embedding import species_of, weight_of_species
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
    takes them from the literature (Matscholar), and the network after the readout is the head of this package.

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
        pairs = torch.stack(pair_up(material, material, batch.num_graphs))
        elements = torch.cat([self.embedding(atomic_number), share.unsqueeze(1)], dim=1)
        for attention in self.rounds:
            if self.is_noting:
                self.note(mean_of_elements(elements, share, material, batch.num_graphs))
            elements = elements + attention(elements, pairs, share[pairs[1]], pairs[0], len(elements))
        if self.is_noting:
            self.note(mean_of_elements(elements, share, material, batch.num_graphs))
        alone = torch.arange(len(elements), device=elements.device).unsqueeze(0)
        output: Tensor = self.readout(elements, alone, share, material, batch.num_graphs)
        return output


def composition_of(
    batch: GraphBatch,
) -> tuple[Int[Tensor, " num_elements"], Int[Tensor, " num_elements"], Float[Tensor, " num_elements"]]:
    """The elements of each material, each once.

    Returns:
        Material, atomic number and share (of all its atoms, hydrogens included) of every element, sorted.
    """
    owner, atomic_number, amount = batch.batch_index, batch.atomic_number, batch.node_weight
    if batch.species_count is not None:
        site, atomic_number, _ = species_of(batch)
        owner, amount = owner[site], weight_of_species(batch)
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
        vectors: Float[Tensor, "num_nodes dim"],
        members: Int[Tensor, "num_parts num_members"],
        weight: Float[Tensor, " num_members"],
        group: Int[Tensor, " num_members"],
        num_groups: int,
    ) -> Float[Tensor, "num_groups output_dim"]:
        """Reduce members to groups; every group has at least one.

        Args:
            vectors: Of the nodes; `input_dim` is `num_parts` times their width.
            members: The nodes whose vectors, side by side, are the vector of a member.
            weight: Of each member, at least zero.
            group: Of each member.
            num_groups: Number of groups.
        """
        # All perceptrons at once, and their first layers per node, not per member, which saves a quarter of a step.
        num_heads, score_layers, value_layers = len(self.scores), _layers(self.scores, 2), _layers(self.values, 2)
        hidden = nn.functional.leaky_relu(self._first_layers(vectors, members))
        to_score, to_value = hidden.view(-1, 2, num_heads, score_layers[0].in_features).unbind(1)
        score = torch.einsum("mhd,hd->mh", to_score, torch.cat([layer.weight for layer in score_layers]))
        score = score + torch.cat([layer.bias for layer in score_layers])
        log_weight = weight.clamp_min(torch.finfo(weight.dtype).tiny).log().unsqueeze(1)
        attention = softmax_of_groups(score + self.powers * log_weight, group, num_groups) / num_heads
        values = (attention.to(to_value.dtype).unsqueeze(2) * to_value).flatten(1)
        told = nn.functional.linear(values, torch.cat([layer.weight for layer in value_layers], dim=1))
        total = attention.new_zeros((num_groups, told.shape[1])).index_add_(0, group, told.to(attention.dtype))
        # The attention of a group adds up to one, and so do the shares of the biases.
        reduced: Tensor = total + torch.stack([layer.bias for layer in value_layers]).mean(dim=0)
        return reduced

    def _first_layers(
        self, vectors: Float[Tensor, "num_nodes dim"], members: Int[Tensor, "num_parts num_members"]
    ) -> Float[Tensor, "num_members num_hidden"]:
        layers = [*_layers(self.scores, 0), *_layers(self.values, 0)]
        weights = torch.cat([layer.weight for layer in layers]).chunk(len(members), dim=1)
        bias = torch.cat([layer.bias for layer in layers])
        mapped = nn.functional.linear(vectors, weights[0], bias).index_select(0, members[0])
        for weight, nodes in zip(weights[1:], members[1:], strict=True):
            mapped = mapped + nn.functional.linear(vectors, weight).index_select(0, nodes)
        return mapped


def _perceptron(input_dim: int, hidden_dim: int, output_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.LeakyReLU(), nn.Linear(hidden_dim, output_dim))


def _layers(perceptrons: nn.ModuleList, position: int) -> list[nn.Linear]:
    return [cast(nn.Linear, cast(nn.Sequential, each)[position]) for each in perceptrons]
