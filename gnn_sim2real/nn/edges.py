"""What happens along edges: lengths, linear maps of both ends, sums at the destination, pairs that share something."""

import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional

from gnn_sim2real.graph import GraphBatch


class EdgeLinear(nn.Module):
    r"""Linear map of destination, source and edge, without building the long vector of all three.

    .. math:: W [h_i, h_j, e_{ij}] + b = A h_i + B h_j + C e_{ij} + b

    A and B are applied once per atom, before the gather, not once per edge. The function, and the spread of the initial
    weights, are those of one `nn.Linear` on the concatenation; the work is a fraction.

    Args:
        destination_dim: Width of :math:`h_i`.
        source_dim: Width of :math:`h_j`.
        edge_dim: Width of :math:`e_{ij}`.
        output_dim: Width of the result.
    """

    def __init__(self, destination_dim: int, source_dim: int, edge_dim: int, output_dim: int) -> None:
        super().__init__()
        self.widths = [destination_dim, source_dim, edge_dim]
        self.linear = nn.Linear(sum(self.widths), output_dim)

    def forward(
        self,
        destination: Float[Tensor, "num_nodes destination_dim"],
        source: Float[Tensor, "num_nodes source_dim"],
        edges: Float[Tensor, "num_edges edge_dim"],
        edge_index: Int[Tensor, "2 num_edges"],
    ) -> Float[Tensor, "num_edges output_dim"]:
        """Map every edge."""
        to_destination, to_source, to_edge = self.split()
        mapped = functional.linear(edges, to_edge, self.linear.bias)
        # In place: these are the largest tensors of a model, and the backward pass needs no older value of them.
        mapped += functional.linear(source, to_source).index_select(0, edge_index[0])
        mapped += functional.linear(destination, to_destination).index_select(0, edge_index[1])
        return mapped

    def split(self) -> tuple[Tensor, ...]:
        """The weights A, B and C, (output_dim, width) each."""
        return torch.split(self.linear.weight, self.widths, dim=1)


def edge_length(batch: GraphBatch) -> Float[Tensor, " num_edges"]:
    """Distance of each atom from its neighbor [angstrom]; raises like `GraphBatch.need`."""
    length: Tensor = torch.linalg.vector_norm(batch.need("edge_vector"), dim=1)
    return length


def sum_at_destination(
    messages: Shaped[Tensor, "num_edges ..."], edge_index: Int[Tensor, "2 num_edges"], num_nodes: int
) -> Shaped[Tensor, "num_nodes ..."]:
    """Sum of the messages that arrive at each node, zero where none does."""
    return messages.new_zeros((num_nodes, *messages.shape[1:])).index_add_(0, edge_index[1], messages)


def sum_of_rectified(
    atoms: Float[Tensor, "num_sources dim"],
    bonds: Float[Tensor, "num_bond_kinds dim"],
    edge_index: Int[Tensor, "2 num_edges"],
    bond: Int[Tensor, " num_edges"],
    num_nodes: int,
) -> Float[Tensor, "num_nodes dim"]:
    r"""Sum of :math:`\mathrm{ReLU}(h_j + e_{ij})` at each node, the messages of GINE.

    Args:
        atoms: Vectors :math:`h_j` of the sources.
        bonds: Vectors :math:`e_{ij}`, one for each kind of bond.
        edge_index: Source and destination of each message.
        bond: Kind of bond of each message.
        num_nodes: Number of destinations.
    """
    messages = atoms.index_select(0, edge_index[0]).add_(bonds.index_select(0, bond)).relu_()
    return sum_at_destination(messages, edge_index, num_nodes)


def mean_at_destination(
    messages: Float[Tensor, "num_edges dim"], edge_index: Int[Tensor, "2 num_edges"], num_nodes: int
) -> Float[Tensor, "num_nodes dim"]:
    """Mean of the messages that arrive at each node, zero where none does."""
    count = torch.bincount(edge_index[1], minlength=num_nodes).clamp(min=1).unsqueeze(1)
    return sum_at_destination(messages, edge_index, num_nodes) / count


def glorot_(weight: Tensor) -> Tensor:
    """Draw a weight as torch-geometric does, in place: a seed is to give the weights that it always gave.

    Args:
        weight: (..., output_dim, input_dim).
    """
    bound = math.sqrt(6.0 / (weight.shape[-2] + weight.shape[-1]))
    return nn.init.uniform_(weight, -bound, bound)


def redraw(perceptron: nn.Sequential) -> None:
    """Draw the weights of linear maps once more, as torch-geometric does, for the same reason."""
    for each in perceptron:
        if isinstance(each, nn.Linear):
            each.reset_parameters()


def softmax_of_groups(
    scores: Float[Tensor, "num_members num_heads"], group: Int[Tensor, " num_members"], num_groups: int
) -> Float[Tensor, "num_members num_heads"]:
    """Softmax over the members of each group; to import torch-geometric for its own would take two seconds.

    Args:
        scores: Of each member.
        group: Of each member.
        num_groups: Number of groups.
    """
    index, shape = group.unsqueeze(1).expand_as(scores), (num_groups, scores.shape[1])
    highest = scores.new_zeros(shape).scatter_reduce_(0, index, scores.detach(), "amax", include_self=False)
    exponentials = (scores - highest.index_select(0, group)).exp()
    total = exponentials.new_zeros(shape).scatter_add_(0, index, exponentials) + 1e-16
    return exponentials / total.index_select(0, group)


def pair_up(
    first: Int[Tensor, " num_first"], second: Int[Tensor, " num_second"], num_keys: int
) -> tuple[Int[Tensor, " num_pairs"], Int[Tensor, " num_pairs"]]:
    """All pairs of an item of one list and an item of another that have the same key.

    Args:
        first: Key of each item of the first list.
        second: Key of each item of the second list.
        num_keys: Keys are below this.

    Returns:
        Positions in the first and in the second list, sorted by the first.
    """
    count_of_key = torch.bincount(second, minlength=num_keys)
    start_of_key = count_of_key.cumsum(0) - count_of_key
    count = count_of_key[first]
    left = torch.repeat_interleave(torch.arange(len(first), device=first.device), count)
    rank = torch.arange(len(left), device=first.device) - (count.cumsum(0) - count)[left]
    return left, second.argsort(stable=True)[start_of_key[first[left]] + rank]
