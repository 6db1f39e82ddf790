"""SchNet: continuous-filter convolutions."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.basis import cosine_cutoff, gaussian_basis
from gnn_sim2real.nn.edges import edge_length
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean


class SchNet(Encoder):
    r"""Continuous-filter convolutions, for crystals.

    .. math:: h_i \leftarrow h_i + \mathrm{MLP}\Big(\sum_j B h_j \odot f(d_{ij})\, \mathrm{MLP}(e_{ij})\Big)

    with atom vectors :math:`h_i` that start as a learned embedding of the element, the distance :math:`d_{ij}` as
    Gaussians :math:`e_{ij}`, the cosine envelope f that is zero at the cutoff, and a mean over atoms at the end. K. T.
    Schütt, P.-J. Kindermans, H. E. Sauceda, S. Chmiela, A. Tkatchenko, K.-R. Müller, SchNet: A continuous-filter
    convolutional neural network for modeling quantum interactions, NeurIPS 2017 (arXiv 1706.08566); for crystals: K. T.
    Schütt, H. E. Sauceda, P.-J. Kindermans, A. Tkatchenko, K.-R. Müller, SchNet - A deep learning architecture for
    molecules and materials, J. Chem. Phys. 148, 241722 (2018), doi 10.1063/1.5019779.

    For graphs of all neighbors within the cutoff: the output is then smooth where an atom enters or leaves it.

    Args:
        hidden_dim: Width of the atom vectors and of the filters, also the output width.
        num_layers: Number of interactions.
        num_gaussians: Number of Gaussians of the distance.
        cutoff: Where messages end, the cutoff of the graphs [angstrom]; longer edges are without effect.
    """

    def __init__(self, hidden_dim: int = 64, num_layers: int = 3, num_gaussians: int = 50, cutoff: float = 6.0) -> None:
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, num_gaussians=num_gaussians, cutoff=cutoff)
        self.output_dim, self.cutoff = hidden_dim, cutoff
        self.embedding = ElementEmbedding(hidden_dim)
        self.basis = gaussian_basis(cutoff, num_gaussians)
        self.interactions = nn.ModuleList(Interaction(hidden_dim, num_gaussians, cutoff) for _ in range(num_layers))

    @property
    def layers(self) -> list[nn.Module]:
        """Embedding and basis, then the interactions."""
        return [nn.ModuleList([self.embedding, self.basis]), *self.interactions]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode crystals."""
        length = edge_length(batch)
        atoms, edges = self.embedding(batch), self.basis(length)
        envelope = cosine_cutoff(length, self.cutoff)
        for interaction in self.interactions:
            self.note(atoms, batch)
            atoms = atoms + interaction(atoms, batch.edge_index, envelope, edges)
        return weighted_mean(atoms, batch)


class Interaction(nn.Module):
    """torch-geometric's interaction, which takes the envelope, computed once for all, in place of the distance.

    In mixed precision the large tensors stay in the lower one; the envelope inside of torch-geometric's raises them,
    and a step takes half as long again.

    Args:
        dim: Width of the atom vectors, also of the filters.
        num_gaussians: Number of Gaussians of the distance.
        cutoff: Where the envelope ends [angstrom].
    """

    def __init__(self, dim: int, num_gaussians: int, cutoff: float) -> None:
        from torch_geometric.nn.models.schnet import InteractionBlock

        super().__init__()
        block = InteractionBlock(dim, num_gaussians, dim, cutoff)
        self.mlp, self.conv, self.act, self.lin = block.mlp, block.conv, block.act, block.lin

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        envelope: Float[Tensor, " num_edges"],
        edges: Float[Tensor, "num_edges num_gaussians"],
    ) -> Float[Tensor, "num_nodes dim"]:
        """What the neighbors change in the atom vectors."""
        filters = self.mlp(edges)
        filters = filters * envelope.to(filters.dtype).unsqueeze(1)
        arriving = self.conv.propagate(edge_index, x=self.conv.lin1(atoms), W=filters)
        change: Tensor = self.lin(self.act(self.conv.lin2(arriving)))
        return change
