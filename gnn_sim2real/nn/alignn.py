"""Atomistic line graph neural network: bonds and the angles between them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.basis import Gaussians, gaussian_basis
from gnn_sim2real.nn.edges import EdgeLinear, edge_length, mean_at_destination, pair_up, sum_at_destination
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean

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

    Cost: an atom with k neighbors within `angle_cutoff` has k^2 angles, each worth about 17 vectors of `hidden_dim`
    while training (7 in mixed precision). Crystals of the Materials Project have about 140 angles per atom with the 12
    nearest neighbors, which makes 1 GB for 64 crystals, and 330 with all neighbors within 6 angstrom (3900 without the
    cutoff).

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
            EdgeGatedConvolution(hidden_dim, updates_edges=number + 1 < num_angle_layers)
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
        angles = self.angle_embedding(cosine_of_angles(batch.need("edge_vector"), line_graph))
        for number, on_bonds in enumerate(self.on_bonds):
            self.note(atoms, batch)
            if number < len(self.on_angles):
                bonds, angles = self.on_angles[number](bonds, angles, line_graph)
            atoms, bonds = on_bonds(atoms, bonds, batch.edge_index)
        arriving = mean_at_destination(bonds, batch.edge_index, len(atoms))
        return weighted_mean(torch.cat([atoms, arriving], dim=1), batch)

    def make_line_graph(
        self, edge_index: Int[Tensor, "2 num_edges"], length: Float[Tensor, " num_edges"], num_nodes: int
    ) -> Int[Tensor, "2 num_angles"]:
        """Pairs of bonds of which the first ends where the second begins, a bond and its own reverse among them."""
        short = (length <= self.angle_cutoff + _SHELL_TOLERANCE).nonzero().flatten()
        source, destination = edge_index[:, short]
        second, first = pair_up(source, destination, num_nodes)
        return torch.stack([short[first], short[second]])


def cosine_of_angles(
    vectors: Float[Tensor, "num_edges 3"], line_graph: Int[Tensor, "2 num_angles"]
) -> Float[Tensor, " num_angles"]:
    """Cosine of the angle at the atom that two bonds share: 1 between a bond and its reverse.

    Args:
        vectors: From source to destination of each bond.
        line_graph: Pairs of bonds, the first ends where the second begins.
    """
    directions = torch.nn.functional.normalize(vectors, dim=1)
    return -(directions[line_graph[0]] * directions[line_graph[1]]).sum(dim=1)


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
        arriving = sum_at_destination(messages, edge_index, len(nodes)) / (total + 1e-6)
        updated = nodes + nn.functional.silu(self.norm(self.own(nodes) + arriving))
        if self.edge_norm is not None:
            edges = edges + nn.functional.silu(self.edge_norm(gate))
        return updated, edges
