"""Directed message passing network."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.embedding import ATOM_SIZES, BOND_SIZES, CodeEmbedding, atom_table
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import Readout, ReadoutKind


class DMPNN(Encoder):
    r"""Directed message passing network (chemprop's architecture), for repeat units and molecules.

    Every direction :math:`v \to w` of a bond has a vector; it hears from the bonds that lead to :math:`v`, but not from
    its own reverse, so that no message walks back where it came from:

    .. math::
        h^1_{vw} &= \mathrm{ReLU}(W_i [x_v, e_{vw}]) \\
        h^{t+1}_{vw} &= \mathrm{ReLU}\Big(W_i [x_v, e_{vw}] + W_h \sum_{k \ne w} h^t_{kv}\Big) \\
        h_v &= \mathrm{ReLU}\Big(W_o \Big[x_v, \sum_k h^T_{kv}\Big]\Big)

    followed by a readout over atoms. Weights are shared by all steps; :math:`W_i` and the part of :math:`W_o` before
    :math:`x_v` act on one-hot codes and are therefore written as embeddings. Yang et al., Analyzing Learned Molecular
    Representations for Property Prediction, J. Chem. Inf. Model. 2019, 59, 3370 (doi 10.1021/acs.jcim.9b00237).

    Args:
        hidden_dim: Width of the bond and atom vectors, also the output width.
        num_layers: How many bonds far a bond vector sees, its own included; chemprop's `depth`.
        dropout: Share of features set to zero after each step during training.
        readout: From atoms to a material; `mean` for repeat units, see `Readout`.
    """

    def __init__(
        self, hidden_dim: int = 300, num_layers: int = 3, dropout: float = 0.0, readout: ReadoutKind = "mean"
    ) -> None:
        super().__init__(hidden_dim=hidden_dim, num_layers=num_layers, dropout=dropout, readout=readout)
        self.readout = Readout(readout, hidden_dim)
        self.output_dim = self.readout.output_dim
        self.num_layers = num_layers
        self.source_embedding = CodeEmbedding(ATOM_SIZES, hidden_dim)
        self.bond_embedding = CodeEmbedding(BOND_SIZES, hidden_dim)
        self.step = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.atom_embedding = CodeEmbedding(ATOM_SIZES, hidden_dim)
        self.collect = nn.Linear(hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)

    @property
    def layers(self) -> list[nn.Module]:
        """What starts the bonds, the step that is repeated, what collects the bonds at their atoms."""
        return [
            nn.ModuleList([self.source_embedding, self.bond_embedding]),
            self.step,
            nn.ModuleList([self.atom_embedding, self.collect]),
        ]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        table, (source, destination) = atom_table(batch), batch.edge_index
        codes = batch.need("bond_codes")
        reverse = reverse_edges(batch.edge_index, codes, len(table))
        start = self.source_embedding(table).index_select(0, source) + self.bond_embedding(codes)
        bonds = start.relu()
        for _ in range(self.num_layers - 1):
            incoming = _sum_at(destination, bonds, len(table))
            message = incoming.index_select(0, source) - bonds.index_select(0, reverse)
            bonds = self.dropout((start + self.step(message)).relu())
        atoms = self.atom_embedding(table) + self.collect(_sum_at(destination, bonds, len(table)))
        encoded: Tensor = self.readout(self.dropout(atoms.relu()), batch)
        return encoded


def _sum_at(
    destination: Int[Tensor, " num_edges"], bonds: Float[Tensor, "num_edges dim"], num_atoms: int
) -> Float[Tensor, "num_atoms dim"]:
    """Sum of the bonds that lead to each atom."""
    return bonds.new_zeros((num_atoms, bonds.shape[1])).index_add_(0, destination, bonds)


def reverse_edges(
    edge_index: Int[Tensor, "2 num_edges"], bond_codes: Int[Tensor, "num_edges num_codes"], num_atoms: int
) -> Int[Tensor, " num_edges"]:
    """Number of the edge that is the other direction of the same bond, for each edge, whatever their order.

    Of parallel bonds, as in `*CC*`, those with the same codes are paired. Which of several parallel bonds with the same
    codes are paired makes no difference to any sum, and neither does whether a loop, as in `*C*`, is paired with its
    other direction or with itself: both directions always have the same vector.

    Args:
        edge_index: Source and destination of each edge.
        bond_codes: Codes of each edge.
        num_atoms: Number of atoms that the edges join.

    Raises:
        ValueError: If an edge has no reverse.
    """
    source, destination = edge_index
    there, back = source * num_atoms + destination, destination * num_atoms + source
    for column, size in enumerate(BOND_SIZES):
        there, back = there * size + bond_codes[:, column], back * size + bond_codes[:, column]
    (there, order), (back, back_order) = torch.sort(there, stable=True), torch.sort(back, stable=True)
    if not torch.equal(there, back):
        raise ValueError("every bond must stand in `edge_index` twice, once in each direction and with the same codes")
    return torch.empty_like(order).index_copy_(0, order, back_order)
