"""Graph isomorphism network with edge features."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.nn import GINEConv

from gnn_sim2real.graph import ATOM_CODES, BOND_CODES, NUM_ELEMENTS, GraphBatch
from gnn_sim2real.nn.embedding import CodeEmbedding
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import weighted_mean


class GINE(Encoder):
    r"""Graph isomorphism network with edge features, for repeat units and molecules.

    .. math:: h_i \leftarrow h_i + \mathrm{MLP}\big((1 + \epsilon) h_i + \sum_j \mathrm{ReLU}(h_j + e_{ij})\big)

    with atom vectors :math:`h_i` and bond vectors :math:`e_{ij}` that start as sums of learned embeddings, followed
    by a mean over atoms. Hu et al., Strategies for Pre-training Graph Neural Networks, ICLR 2020 (arXiv 1905.12265).

    Args:
        hidden_dim: Width of the atom vectors, also the output width.
        num_layers: Number of convolutions, i.e. how many bonds far an atom sees.
        dropout: Share of features set to zero between convolutions during training.
    """

    def __init__(self, hidden_dim: int = 128, num_layers: int = 4, dropout: float = 0.0) -> None:
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, dropout=dropout)
        self.output_dim = hidden_dim
        self.atom_embedding = CodeEmbedding([NUM_ELEMENTS, *ATOM_CODES.values()], hidden_dim)
        self.bond_embedding = CodeEmbedding(list(BOND_CODES.values()), hidden_dim)
        self.convolutions = nn.ModuleList(GINELayer(hidden_dim, dropout) for _ in range(num_layers))

    @property
    def layers(self) -> list[nn.Module]:
        """Embeddings, then the convolutions."""
        return [nn.ModuleList([self.atom_embedding, self.bond_embedding]), *self.convolutions]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        codes = torch.cat([batch.atomic_number.unsqueeze(1), batch.need("atom_codes")], dim=1)
        atoms = self.atom_embedding(codes)
        bonds = self.bond_embedding(batch.need("bond_codes"))
        for convolution in self.convolutions:
            atoms = convolution(atoms, batch.edge_index, bonds)
        return weighted_mean(atoms, batch)


class GINELayer(nn.Module):
    """One convolution with a residual connection.

    Args:
        dim: Width of the atom vectors.
        dropout: Share of features set to zero during training.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.BatchNorm1d(2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
        self.convolution = GINEConv(mlp, train_eps=True)
        self.norm = nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        atoms: Float[Tensor, "num_nodes dim"],
        edge_index: Int[Tensor, "2 num_edges"],
        bonds: Float[Tensor, "num_edges dim"],
    ) -> Float[Tensor, "num_nodes dim"]:
        """Update the atom vectors."""
        update = self.norm(self.convolution(atoms, edge_index, bonds))
        updated: Tensor = atoms + self.dropout(update.relu())
        return updated
