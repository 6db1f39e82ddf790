"""Polarizable atom interaction neural network: scalars and vectors that turn with the crystal."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.basis import BesselBasis, cosine_cutoff
from gnn_sim2real.nn.edges import edge_length, sum_at_destination
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean

_TINY = 1e-8
"""Added to a squared norm, whose root has no slope at zero."""


class PaiNN(Encoder):
    r"""Polarizable atom interaction neural network, for crystals.

    Every atom has scalars :math:`s_i`, which start as a learned embedding of the element, and vectors
    :math:`\vec{v}_i`, which start at zero and turn with the crystal. A layer passes messages and then mixes the two:

    .. math::
        (a, b, c)_{ij} &= \phi(s_j) \odot W e_{ij} f(d_{ij}) \\
        s_i &\leftarrow s_i + \textstyle\sum_j a_{ij}, \quad
        \vec{v}_i \leftarrow \vec{v}_i + \textstyle\sum_j (b_{ij} \odot \vec{v}_j + c_{ij}\, \vec{r}_{ij} / d_{ij}) \\
        (p, q, r)_i &= \psi([s_i, |V \vec{v}_i|]) \\
        s_i &\leftarrow s_i + p_i + q_i \odot \langle U \vec{v}_i, V \vec{v}_i \rangle, \quad
        \vec{v}_i \leftarrow \vec{v}_i + r_i \odot U \vec{v}_i

    with the distance :math:`d_{ij}` as Bessel functions :math:`e_{ij}` and the cosine envelope f that is zero at the
    cutoff. The output, a mean of the scalars over atoms, stays the same when the crystal is turned or mirrored. K. T.
    Schütt, O. T. Unke, M. Gastegger, Equivariant message passing for the prediction of tensorial properties and
    molecular spectra, ICML 2021 (arXiv 2102.03150).

    For graphs of all neighbors within the cutoff: the output is then smooth where an atom enters or leaves it.

    Args:
        hidden_dim: Number of scalars and of vectors of an atom (128 as published), also the output width.
        num_layers: Number of layers.
        num_radial: Number of Bessel functions of the distance.
        cutoff: Where messages end, the cutoff of the graphs [angstrom]; longer edges are without effect.
    """

    def __init__(self, hidden_dim: int = 64, num_layers: int = 3, num_radial: int = 20, cutoff: float = 6.0) -> None:
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, num_radial=num_radial, cutoff=cutoff)
        self.output_dim, self.cutoff = hidden_dim, cutoff
        self.embedding = ElementEmbedding(hidden_dim)
        self.basis = BesselBasis(cutoff, num_radial)
        self.messages = nn.ModuleList(PaiNNMessage(hidden_dim, num_radial + 1) for _ in range(num_layers))
        self.mixings = nn.ModuleList(PaiNNMixing(hidden_dim) for _ in range(num_layers))

    @property
    def layers(self) -> list[nn.Module]:
        """Embedding and basis, then the layers."""
        pairs = zip(self.messages, self.mixings, strict=True)
        return [nn.ModuleList([self.embedding, self.basis]), *map(nn.ModuleList, pairs)]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode crystals."""
        return weighted_mean(self.encode_atoms(batch)[0], batch)

    def encode_atoms(
        self, batch: GraphBatch
    ) -> tuple[Float[Tensor, "num_nodes output_dim"], Float[Tensor, "num_nodes 3 output_dim"]]:
        """Scalars and vectors of each atom."""
        length = edge_length(batch)
        direction = batch.need("edge_vector") / length.unsqueeze(1)
        # W e f + b f as one map of [e f, f]: the same filters, with the envelope on the narrow side.
        radial = torch.cat([self.basis(length), torch.ones_like(length).unsqueeze(1)], dim=1)
        radial = radial * cosine_cutoff(length, self.cutoff).unsqueeze(1)
        scalars = self.embedding(batch)
        vectors = scalars.new_zeros((len(scalars), 3, scalars.shape[1]))
        for message, mixing in zip(self.messages, self.mixings, strict=True):
            self.note(scalars, batch)
            scalars, vectors = message(scalars, vectors, batch.edge_index, radial, direction)
            scalars, vectors = mixing(scalars, vectors)
        return scalars, vectors


class PaiNNMessage(nn.Module):
    """What atoms tell their neighbors.

    Args:
        dim: Number of scalars and of vectors of an atom.
        num_radial: Number of functions of the distance, all zero from the cutoff on.
    """

    def __init__(self, dim: int, num_radial: int) -> None:
        super().__init__()
        self.of_source = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 3 * dim))
        self.filter = nn.Linear(num_radial, 3 * dim, bias=False)

    def forward(
        self,
        scalars: Float[Tensor, "num_nodes dim"],
        vectors: Float[Tensor, "num_nodes 3 dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        radial: Float[Tensor, "num_edges num_radial"],
        direction: Float[Tensor, "num_edges 3"],
    ) -> tuple[Float[Tensor, "num_nodes dim"], Float[Tensor, "num_nodes 3 dim"]]:
        """Update scalars and vectors by what arrives."""
        source, num_nodes = edge_index[0], len(scalars)
        told = self.of_source(scalars).index_select(0, source) * self.filter(radial)
        to_scalars, along_vectors, along_edges = told.chunk(3, dim=1)
        # In mixed precision the large tensors stay in the lower one.
        to_vectors = along_vectors.unsqueeze(1) * vectors.to(told.dtype).index_select(0, source)
        to_vectors = to_vectors + along_edges.unsqueeze(1) * direction.to(told.dtype).unsqueeze(2)
        scalars = scalars + sum_at_destination(to_scalars, edge_index, num_nodes)
        return scalars, vectors + sum_at_destination(to_vectors, edge_index, num_nodes)


class PaiNNMixing(nn.Module):
    """What scalars and vectors of one atom tell each other.

    Args:
        dim: Number of scalars and of vectors of an atom.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        # No bias: a constant vector would not turn with the crystal.
        self.of_vectors = nn.Linear(dim, 2 * dim, bias=False)
        self.gates = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, 3 * dim))

    def forward(
        self, scalars: Float[Tensor, "num_nodes dim"], vectors: Float[Tensor, "num_nodes 3 dim"]
    ) -> tuple[Float[Tensor, "num_nodes dim"], Float[Tensor, "num_nodes 3 dim"]]:
        """Update scalars and vectors of each atom by themselves."""
        first, second = self.of_vectors(vectors).chunk(2, dim=2)
        norm = (second.square().sum(dim=1) + _TINY).sqrt()
        to_scalars, of_product, to_vectors = self.gates(torch.cat([scalars, norm], dim=1)).chunk(3, dim=1)
        scalars = scalars + to_scalars + of_product * (first * second).sum(dim=1)
        return scalars, vectors + to_vectors.unsqueeze(1) * first
