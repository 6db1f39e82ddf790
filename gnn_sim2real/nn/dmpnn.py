"""Directed message passing network."""

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.coloring import color_all, color_by, color_kinds, scatter_bits
from gnn_sim2real.nn.edges import sum_at_destination
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
        num_atoms = len(batch.atomic_number)
        atom_kinds, bond_kinds = color_kinds(batch)
        table = atom_table(batch)[atom_kinds.first]
        sources, kinds = self.source_embedding(table), self.bond_embedding(batch.need("bond_codes")[bond_kinds.first])

        def start(atom: Tensor, bond: Tensor) -> Tensor:
            vectors: Tensor = sources.index_select(0, atom_kinds.color[atom])
            # In place wherever the backward pass needs no older value: to allocate such tensors takes longer than to
            # fill them.
            return vectors.add_(kinds.index_select(0, bond_kinds.color[bond]))

        # Bonds that have heard the same so far have one vector, which is computed once, unless dropout changes it.
        color = color_all if self.training and self.dropout.p else color_by
        edge_index = batch.edge_index
        begin = scatter_bits(atom_kinds.color[edge_index] * len(bond_kinds) + bond_kinds.color + 1)  # 0 is not heard
        heard, begin = begin[0], scatter_bits(begin)  # what a bond is weighs other than what it hears
        coloring = color(heard)
        bonds = start(edge_index[0, coloring.first], coloring.first).relu_()
        for _ in range(self.num_layers - 1):
            if self.is_noting:
                self.note(sum_at_destination(coloring.spread(bonds), edge_index, num_atoms), batch)
            told = self.step(bonds)  # it is linear, and so may stand before the sum
            arriving = sum_at_destination(coloring.spread(told), edge_index, num_atoms)
            heard_at_atoms = sum_at_destination(heard, edge_index, num_atoms)
            # From here on the vector of w -> v stands where that of v -> w stood: what leads to w, less v -> w itself,
            # is then at hand without a search for reverse edges.
            edge_index, begin = edge_index.flip(0), begin.flip(0)
            heard = scatter_bits(begin[0] + heard_at_atoms.index_select(0, edge_index[0]) - heard)
            before, coloring = coloring.color, color(heard)
            tail = edge_index[0, coloring.first]
            message = arriving.index_select(0, tail).sub_(told.index_select(0, before[coloring.first]))
            bonds = self.dropout(start(tail, coloring.first).add_(message).relu_())
        arriving = sum_at_destination(coloring.spread(bonds), edge_index, num_atoms)
        self.note(arriving, batch)
        own = atom_kinds.spread(self.atom_embedding(table))
        encoded: Tensor = self.readout(self.dropout(own.add_(self.collect(arriving)).relu_()), batch)
        return encoded
