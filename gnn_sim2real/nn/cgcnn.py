"""Crystal graph convolutional neural network."""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.basis import cosine_cutoff, gaussian_basis
from gnn_sim2real.nn.edges import EdgeLinear, edge_length, sum_at_destination
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean


class CGCNN(Encoder):
    r"""Crystal graph convolutional neural network, for crystals.

    .. math:: h_i \leftarrow h_i + \mathrm{BN}\Big(\sum_j \sigma(W_f z_{ij} + b_f) \odot
        \mathrm{softplus}(W_s z_{ij} + b_s)\Big), \quad z_{ij} = [h_i, h_j, e_{ij}]

    with atom vectors :math:`h_i` that start as a learned embedding of the element, the distance as Gaussians
    :math:`e_{ij}`, and a mean over atoms at the end. T. Xie, J. C. Grossman, Crystal Graph Convolutional Neural
    Networks for an Accurate and Interpretable Prediction of Material Properties, Phys. Rev. Lett. 120, 145301 (2018),
    doi 10.1103/PhysRevLett.120.145301 (arXiv 1710.10324). The form is that of torch-geometric's `CGConv`, which leaves
    out the batch normalization of the edges and the softplus after the sum of atom and messages; the gate is computed
    in less than half the time (see `EdgeLinear`).

    As published, for graphs of the nearest neighbors: not smooth, the output jumps where an atom enters or leaves the
    neighbor list. With `smooth` each message fades out at the cutoff, for graphs of all neighbors within it.

    Args:
        hidden_dim: Width of the atom vectors, also the output width.
        num_layers: Number of convolutions.
        num_gaussians: Number of Gaussians of the distance.
        cutoff: Center of the last Gaussian, the cutoff of the graphs [angstrom].
        smooth: Whether messages fade out at the cutoff.
    """

    def __init__(
        self,
        hidden_dim: int = 64,
        num_layers: int = 3,
        num_gaussians: int = 41,
        cutoff: float = 6.0,
        smooth: bool = False,
    ) -> None:
        super().__init__(
            hidden_dim=hidden_dim, num_layers=num_layers, num_gaussians=num_gaussians, cutoff=cutoff, smooth=smooth
        )
        self.output_dim, self.cutoff, self.smooth = hidden_dim, cutoff, smooth
        self.embedding = ElementEmbedding(hidden_dim)
        self.basis = gaussian_basis(cutoff, num_gaussians)
        self.convolutions = nn.ModuleList(CGCNNLayer(hidden_dim, num_gaussians) for _ in range(num_layers))

    @property
    def layers(self) -> list[nn.Module]:
        """Embedding and basis, then the convolutions."""
        return [nn.ModuleList([self.embedding, self.basis]), *self.convolutions]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode crystals."""
        length = edge_length(batch)
        atoms, edges = self.embedding(batch), self.basis(length)
        envelope = cosine_cutoff(length, self.cutoff) if self.smooth else None
        for convolution in self.convolutions:
            self.note(atoms, batch)
            atoms = convolution(atoms, batch.edge_index, edges, envelope)
        return weighted_mean(atoms, batch)


class CGCNNLayer(nn.Module):
    """One convolution with a residual connection.

    Args:
        dim: Width of the atom vectors.
        edge_dim: Width of the edge vectors.
    """

    def __init__(self, dim: int, edge_dim: int) -> None:
        super().__init__()
        self.gate_and_core = EdgeLinear(dim, dim, edge_dim, 2 * dim)
        self.norm = nn.BatchNorm1d(dim)

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        edges: Float[Tensor, "num_edges edge_dim"],
        envelope: Float[Tensor, " num_edges"] | None,
    ) -> Float[Tensor, "num_nodes dim"]:
        """Update the atom vectors."""
        gate, core = self.gate_and_core(atoms, atoms, edges, edge_index).chunk(2, dim=1)
        messages = gate.sigmoid() * functional.softplus(core)
        if envelope is not None:
            messages = messages * envelope.unsqueeze(1)
        updated: Tensor = atoms + self.norm(sum_at_destination(messages, edge_index, len(atoms)))
        return updated
