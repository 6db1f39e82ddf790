"""Atomistic line graph neural network: bonds and the angles between them."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.basis import Gaussians, gaussian_basis
from gnn_sim2real.nn.edges import EdgeLinear, edge_length, mean_at_destination, sum_at_destination
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean

_SMALL = 1e-6
"""Added to the sum of the gates."""

_BLOCK = 8192
"""Angles that are computed together: what they take stays in the cache, and the calls are few."""

_SHELL_TOLERANCE = 1e-3
"""Angstrom; keeps a shell of neighbors at the very angle cutoff whole in spite of rounding."""


class ALIGNN(Encoder):
    r"""Atomistic line graph neural network, for crystals.

    Each of the first layers is an edge-gated convolution on the line graph, whose nodes are the bonds :math:`e_{ij}`
    and whose edges the angles :math:`t_{kij}`, and then one on the crystal graph; the last layers are of the latter
    kind only:

    .. math::
        g_{ij} &= A h_i + B h_j + C e_{ij}, \quad \hat{g}_{ij} = \sigma(g_{ij}) / \textstyle\sum_k \sigma(g_{ik}) \\
        h_i &\leftarrow h_i + \mathrm{SiLU}\big(\mathrm{Norm}(U h_i + \textstyle\sum_j \hat{g}_{ij} \odot V h_j)\big) \\
        e_{ij} &\leftarrow e_{ij} + \mathrm{SiLU}(\mathrm{Norm}(g_{ij}))

    K. Choudhary, B. DeCost, Atomistic Line Graph Neural Network for improved materials property predictions, npj
    Comput. Mater. 7, 185 (2021), doi 10.1038/s41524-021-00650-1 (arXiv 2106.01829). Here the normalization is that of a
    layer, not of the batch, so that no material's vector depends on the others in its batch, and the line graph is made
    on the fly. The output is the mean atom vector and the mean bond vector side by side; the paper reads out atoms
    only, but normalized gates make a mean of the neighbors, so that atoms of one element, all alike, would stay so
    whatever the structure: polymorphs of an element could not be told apart. As published: not smooth, the output jumps
    where an atom enters or leaves the neighbor list.

    Cost: an atom with k neighbors within `angle_cutoff` has k^2 angles, each worth about 12 vectors of `hidden_dim`
    while training (8 in mixed precision). Crystals of the Materials Project have about 140 angles per atom with the 12
    nearest neighbors, which makes 0.7 GB for 64 crystals, and 330 with all neighbors within 6 angstrom (3900 without
    the cutoff).

    Args:
        hidden_dim: Width of the vectors of atoms, bonds and angles (256 as published), half the output width.
        num_angle_layers: Number of layers with angles (4 as published).
        num_layers: Number of layers without angles, after them (4 as published).
        num_gaussians: Number of Gaussians of the distance.
        num_angle_gaussians: Number of Gaussians of the cosine of the angle.
        cutoff: Center of the last Gaussian of the distance, the cutoff of the graphs [angstrom].
        angle_cutoff: Only bonds up to this length have angles [angstrom] (all bonds as published).
    """

    def __init__(
        self,
        hidden_dim: int = 64,
        num_angle_layers: int = 2,
        num_layers: int = 2,
        num_gaussians: int = 80,
        num_angle_gaussians: int = 40,
        cutoff: float = 6.0,
        angle_cutoff: float = 4.0,
    ) -> None:
        super().__init__(
            hidden_dim=hidden_dim,
            num_angle_layers=num_angle_layers,
            num_layers=num_layers,
            num_gaussians=num_gaussians,
            num_angle_gaussians=num_angle_gaussians,
            cutoff=cutoff,
            angle_cutoff=angle_cutoff,
        )
        self.output_dim, self.angle_cutoff = 2 * hidden_dim, angle_cutoff
        self.embedding = ElementEmbedding(hidden_dim)
        of_length, of_cosine = gaussian_basis(cutoff, num_gaussians), Gaussians(-1.0, 1.0, num_angle_gaussians)
        self.bond_embedding, self.angle_embedding = (
            nn.Sequential(basis, nn.Linear(width, hidden_dim), nn.LayerNorm(hidden_dim), nn.SiLU())
            for basis, width in ((of_length, num_gaussians), (of_cosine, num_angle_gaussians))
        )
        # The angles are not used after the last layer.
        self.on_angles = nn.ModuleList(
            AngleConvolution(hidden_dim, updates_edges=number + 1 < num_angle_layers)
            for number in range(num_angle_layers)
        )
        self.on_bonds = nn.ModuleList(
            EdgeGatedConvolution(hidden_dim, updates_edges=True) for _ in range(num_angle_layers + num_layers)
        )

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the layers with angles, then those without."""
        embeddings = nn.ModuleList([self.embedding, self.bond_embedding, self.angle_embedding])
        pairs = zip(self.on_angles, self.on_bonds, strict=False)
        return [embeddings, *map(nn.ModuleList, pairs), *self.on_bonds[len(self.on_angles) :]]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode crystals."""
        length = edge_length(batch)
        line_graph = self.make_line_graph(batch.edge_index, length, len(batch.atomic_number))
        atoms, bonds = self.embedding(batch), self.bond_embedding(length)
        angles = [self.angle_embedding(each) for each in line_graph.cosines(batch.need("edge_vector"))]
        for number, on_bonds in enumerate(self.on_bonds):
            self.note(atoms, batch)
            if number < len(self.on_angles):
                bonds, angles = self.on_angles[number](bonds, angles, line_graph)
            atoms, bonds = on_bonds(atoms, bonds, batch.edge_index)
        arriving = mean_at_destination(bonds, batch.edge_index, len(atoms))
        return weighted_mean(torch.cat([atoms, arriving], dim=1), batch)

    def make_line_graph(
        self, edge_index: Int[Tensor, "2 num_edges"], length: Float[Tensor, " num_edges"], num_nodes: int
    ) -> "LineGraph":
        """The line graph of the bonds that have angles."""
        short = (length <= self.angle_cutoff + _SHELL_TOLERANCE).nonzero().squeeze(1)
        return LineGraph.of(edge_index, short, num_nodes)


@dataclass(frozen=True)
class AngleBlock:
    """Angles at atoms where equally many bonds end, few enough for the cache of a processor.

    Attributes:
        num_ending: How many bonds end at each atom.
        num_atoms: How many atoms.
        atom: Atom, numbered within the block, where each bond begins.
    """

    num_ending: int
    num_atoms: int
    atom: Int[Tensor, " num_beginning"]


@dataclass(frozen=True)
class LineGraph:
    """Pairs of bonds of which the first ends where the second begins, a bond and its own reverse among them.

    Every bond that begins at an atom meets all that end there. In blocks of atoms where equally many bonds end these
    are dense tables: sums over the first bonds need no index, and all steps of a layer stay in the cache.

    Attributes:
        ending: The first bonds, one block after the other, and in it atom by atom.
        beginning: The second bonds, one block after the other.
        blocks: The blocks.
    """

    ending: Int[Tensor, " num_ending"]
    beginning: Int[Tensor, " num_beginning"]
    blocks: list[AngleBlock]

    @classmethod
    def of(
        cls, edge_index: Int[Tensor, "2 num_edges"], short: Int[Tensor, " num_short"], num_nodes: int
    ) -> "LineGraph":
        """Make it of some of the bonds of a crystal graph."""
        source, destination = edge_index[:, short]
        num_ending, num_beginning = (torch.bincount(each, minlength=num_nodes) for each in (destination, source))
        # Atoms without angles come first, and are left out.
        num_ending = num_ending * (num_beginning > 0)
        order = num_ending.argsort(stable=True)
        order = order[int((num_ending == 0).sum()) :]
        rank = torch.full_like(num_ending, -1)
        rank[order] = torch.arange(len(order), device=rank.device)
        ending, beginning = (short[_sorted_by(rank[each])] for each in (destination, source))
        blocks = []
        atom_of_beginning = rank[edge_index[0, beginning]]
        widths, counts = num_ending[order].tolist(), num_beginning[order].tolist()
        start, first = 0, 0
        while start < len(order):
            stop, num_pairs, second = start, 0, first
            while stop < len(order) and widths[stop] == widths[start] and num_pairs < _BLOCK:
                num_pairs += widths[stop] * counts[stop]
                second += counts[stop]
                stop += 1
            blocks.append(AngleBlock(widths[start], stop - start, atom_of_beginning[first:second] - start))
            start, first = stop, second
        return cls(ending, beginning, blocks)

    def split_ending(self, values: Float[Tensor, "num_bonds dim"]) -> list[Float[Tensor, "_atoms _ending dim"]]:
        """What the bonds that end at the atoms of each block bring."""
        sizes = [each.num_atoms * each.num_ending for each in self.blocks]
        parts = torch.split(values.index_select(0, self.ending), sizes)
        return [part.view(each.num_atoms, each.num_ending, -1) for part, each in zip(parts, self.blocks, strict=True)]

    def split_beginning(self, values: Float[Tensor, "num_bonds dim"]) -> list[Float[Tensor, "_beginning dim"]]:
        """What the bonds that begin at the atoms of each block bring."""
        sizes = [len(each.atom) for each in self.blocks]
        return list(torch.split(values.index_select(0, self.beginning), sizes))

    def cosines(self, vectors: Float[Tensor, "num_bonds 3"]) -> list[Float[Tensor, " _angles"]]:
        """Cosine of the angle at the atom that two bonds share, in each block: 1 between a bond and its reverse.

        Args:
            vectors: From source to destination of each bond.
        """
        directions = functional.normalize(vectors, dim=1)
        parts = zip(self.blocks, self.split_ending(directions), self.split_beginning(directions), strict=True)
        return [
            -(ending.index_select(0, block.atom) @ beginning.unsqueeze(2)).flatten()
            for block, ending, beginning in parts
        ]


def _sorted_by(rank: Int[Tensor, " num_items"]) -> Int[Tensor, " num_ranked"]:
    """Positions in the order of their rank, without those of -1."""
    return rank.argsort(stable=True)[int((rank < 0).sum()) :]


class EdgeGatedConvolution(nn.Module):
    """One edge-gated convolution with residual connections, on the crystal graph or on the line graph.

    Args:
        dim: Width of the vectors.
        updates_edges: Whether the edge vectors change too.
    """

    def __init__(self, dim: int, *, updates_edges: bool) -> None:
        super().__init__()
        self.gate = EdgeLinear(dim, dim, dim, dim)
        self.own, self.neighbor = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.edge_norm = nn.LayerNorm(dim) if updates_edges else None

    def forward(
        self,
        nodes: Float[Tensor, "num_nodes dim"],
        edges: Float[Tensor, "num_edges dim"],
        edge_index: Int[Tensor, "2 num_edges"],
    ) -> tuple[Float[Tensor, "num_nodes dim"], Float[Tensor, "num_edges dim"]]:
        """Update the vectors of nodes and edges."""
        gate = self.gate(nodes, nodes, edges, edge_index)
        opening = gate.sigmoid()
        messages = opening * self.neighbor(nodes).index_select(0, edge_index[0])
        total = sum_at_destination(opening, edge_index, len(nodes))
        arriving = sum_at_destination(messages, edge_index, len(nodes)) / (total + _SMALL)
        if self.edge_norm is not None:
            edges = edges + functional.silu(self.edge_norm(gate))
        return self.update_nodes(nodes, arriving), edges

    def update_nodes(
        self, nodes: Float[Tensor, "num_nodes dim"], arriving: Float[Tensor, "num_nodes dim"]
    ) -> Float[Tensor, "num_nodes dim"]:
        """Take in what arrives."""
        return nodes + functional.silu(self.norm(self.own(nodes) + arriving))


class AngleConvolution(EdgeGatedConvolution):
    """The same on the line graph, block by block."""

    def forward(  # type: ignore[override]
        self,
        bonds: Float[Tensor, "num_bonds dim"],
        angles: list[Float[Tensor, "_angles dim"]],
        line_graph: LineGraph,
    ) -> tuple[Float[Tensor, "num_bonds dim"], list[Float[Tensor, "_angles dim"]]]:
        """Update the vectors of bonds and angles."""
        to_second, to_first, to_angle = self.gate.split()
        second = functional.linear(bonds, to_second, self.gate.linear.bias)
        parts = zip(
            line_graph.blocks,
            angles,
            line_graph.split_ending(functional.linear(bonds, to_first)),
            line_graph.split_ending(self.neighbor(bonds)),
            line_graph.split_beginning(second),
            strict=True,
        )
        told, updated = [second[:0]], []
        for block, own, *tensors in parts:
            arriving, change = _GatedMean.apply(  # type: ignore[no-untyped-call]
                functional.linear(own, to_angle), *tensors, block.atom, *self._edge_norm_arguments
            )
            told.append(arriving)
            updated.append(own if self.edge_norm is None else own + change)
        arriving = torch.zeros_like(second).index_copy(0, line_graph.beginning, torch.cat(told))
        return self.update_nodes(bonds, arriving), updated

    @property
    def _edge_norm_arguments(self) -> tuple[Tensor | None, Tensor | None, float]:
        norm = self.edge_norm
        return (None, None, 0.0) if norm is None else (norm.weight, norm.bias, norm.eps)


class _GatedMean(torch.autograd.Function):
    """The gates of a block of angles, the mean of the first bonds that they let through, and the change of the angles.

    Written out, since autograd would keep six tensors of the size of all angles, and write and read twice as many.
    """

    @staticmethod
    def forward(
        ctx: Any,
        of_angles: Tensor,
        of_first: Tensor,
        told: Tensor,
        of_second: Tensor,
        atom: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor | None]:
        gate = of_first.index_select(0, atom)
        gate += of_angles.view_as(gate)
        gate += of_second.unsqueeze(1)
        opening = gate.sigmoid()
        total = opening.sum(dim=1) + _SMALL
        mean = (opening * told.index_select(0, atom)).sum(dim=1) / total
        change = None
        if weight is not None:
            change = functional.silu(functional.layer_norm(gate, weight.shape, weight, bias, eps)).flatten(0, 1)
        ctx.save_for_backward(gate, told, atom, total, mean, weight, bias)
        ctx.eps = eps
        return mean, change

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, mean_slope: Tensor, change_slope: Tensor | None) -> tuple[Tensor | None, ...]:
        gate, told, atom, total, mean, weight, bias = ctx.saved_tensors
        opening = gate.sigmoid()
        slope = (mean_slope / total).unsqueeze(1)
        from_mean = told.index_select(0, atom).sub_(mean.unsqueeze(1)).mul_(slope)
        gate_slope = torch.ops.aten.sigmoid_backward(from_mean, opening)
        told_slope = torch.zeros_like(told).index_add_(0, atom, opening.mul_(slope))
        weight_slope = bias_slope = None
        if weight is not None and change_slope is not None:
            shape = list(weight.shape)
            normal, center, scale = torch.native_layer_norm(gate, shape, weight, bias, ctx.eps)
            from_change = torch.ops.aten.silu_backward(change_slope.view_as(normal), normal)
            from_change, weight_slope, bias_slope = torch.ops.aten.native_layer_norm_backward(
                from_change, gate, shape, center, scale, weight, bias, [True, True, True]
            )
            gate_slope += from_change
        first_slope = torch.zeros_like(told).index_add_(0, atom, gate_slope)
        return (
            gate_slope.flatten(0, 1),
            first_slope,
            told_slope,
            gate_slope.sum(dim=1),
            None,
            weight_slope,
            bias_slope,
            None,
        )
