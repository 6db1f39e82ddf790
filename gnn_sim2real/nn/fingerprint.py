"""Morgan fingerprints with a multilayer perceptron: the baseline for graph networks."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnn_sim2real.graph import ATOM_CODES, ATOM_DESCRIPTORS, BOND_CODES, GraphBatch
from gnn_sim2real.nn.coloring import scatter_bits
from gnn_sim2real.nn.embedding import ATOM_SIZES, atom_table
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.readout import Readout, ReadoutKind, weighted_sum

_COLUMN = {name: number for number, name in enumerate(ATOM_CODES)}
_IDENTITY = ("degree", "num_hydrogens", "formal_charge")
"""What an atom is at radius 0, beside its element and whether it is in a ring."""


class FingerprintMLP(Encoder):
    r"""Morgan fingerprint and atom descriptors with a multilayer perceptron, for repeat units and molecules.

    Every atom has a number for itself and one for each of its neighborhoods up to `radius` bonds, made by Morgan's
    algorithm: the number of the next radius is a hash of the atom's own and of the (bond order, number) of its
    neighbors, in any order. The material is described by how often each number occurs (modulo `num_bits`) and by how
    often each code of each atom feature does, both per atom; so a repeat unit may be cut or doubled at will. With
    `descriptors`, RDKit's descriptors (mass, polar surface, logP, molar refractivity, hydrogen bonds ...) stand beside
    them, likewise per atom and standardized. These fixed features go into the layers, which alone are learned.

    Morgan, The Generation of a Unique Machine Description for Chemical Structures, J. Chem. Doc. 1965, 5, 107
    (doi 10.1021/c160017a018); Rogers and Hahn, Extended-Connectivity Fingerprints, J. Chem. Inf. Model. 2010, 50, 742
    (doi 10.1021/ci100050t). Atoms and bonds are told apart as there; neighborhoods of the same bonds are all counted.

    Args:
        hidden_dim: Width of the layers, also the output width.
        num_layers: Number of layers.
        radius: Largest neighborhood, in bonds.
        num_bits: Largest number of neighborhoods that are distinguished.
        dropout: Share of features set to zero after each layer during training.
        readout: Counts per atom (`mean`) for repeat units, see `Readout`.
        descriptors: Whether to read `ATOM_DESCRIPTORS`; the data module then takes `atom_descriptors: true`, which a
            study gives it by itself where this encoder is on an axis.
    """

    def __init__(
        self,
        hidden_dim: int = 256,
        num_layers: int = 2,
        radius: int = 3,
        num_bits: int = 2048,
        dropout: float = 0.0,
        readout: ReadoutKind = "mean",
        descriptors: bool = False,
    ) -> None:
        super().__init__(
            hidden_dim=hidden_dim,
            num_layers=num_layers,
            radius=radius,
            num_bits=num_bits,
            dropout=dropout,
            readout=readout,
            **({"descriptors": True} if descriptors else {}),
        )
        self.output_dim, self.radius, self.num_bits = hidden_dim, radius, num_bits
        num_counts = num_bits + sum(ATOM_SIZES)
        self.described = slice(num_counts, num_counts + len(ATOM_DESCRIPTORS) * descriptors)
        self.standardize = nn.BatchNorm1d(len(ATOM_DESCRIPTORS), affine=False) if descriptors else None
        self.readout = Readout(readout, self.described.stop)
        widths = [self.readout.output_dim, *[hidden_dim] * num_layers]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(dropout))
            for before, after in pairwise(widths)
        )

    @property
    def reads_atom_descriptors(self) -> bool:
        """Where it has `descriptors`."""
        return self.standardize is not None

    @property
    def layers(self) -> list[nn.Module]:
        """The layers of the perceptron; what standardizes goes with the first."""
        first, *others = self.blocks
        return [first if self.standardize is None else nn.ModuleList([self.standardize, first]), *others]

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode repeat units or molecules."""
        sums = self.count(batch)
        if self.standardize is not None:
            descriptors = weighted_sum(batch.need("atom_descriptors").to(sums.dtype), batch)
            sums = torch.cat([sums, descriptors], dim=1)
        features: Tensor = self.readout.from_sums(sums, batch)
        if self.standardize is not None:
            before, own, after = features.tensor_split([self.described.start, self.described.stop], dim=1)
            features = torch.cat([before, self.standardize(own), after], dim=1)
        for number, block in enumerate(self.blocks):
            if number:  # in front of the first are the fixed features, which all models share
                self.note(features)
            features = block(features)
        return features

    def count(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_features"]:
        """How often each neighborhood and each code of an atom feature occurs in each material."""
        table = atom_table(batch)
        first = torch.tensor([0, *ATOM_SIZES[:-1]], device=table.device).cumsum(0) + self.num_bits
        columns = torch.cat([neighborhoods(batch, self.radius) % self.num_bits, table + first], dim=1)
        width = self.num_bits + sum(ATOM_SIZES)
        weight = batch.node_weight.to(next(self.parameters()).dtype).unsqueeze(1).expand(columns.shape)
        place = batch.batch_index.unsqueeze(1) * width + columns
        flat = weight.new_zeros(batch.num_graphs * width).index_add_(0, place.flatten(), weight.flatten())
        return flat.view(batch.num_graphs, width)


def neighborhoods(batch: GraphBatch, radius: int) -> Int[Tensor, "num_nodes radii"]:
    """Morgan's numbers of each atom for the radii 0 to `radius`; int64, the same on every machine."""
    codes, order = batch.need("atom_codes"), batch.need("bond_codes")[:, list(BOND_CODES).index("order")]
    number = scatter_bits(batch.atomic_number)
    for name in _IDENTITY:
        number = scatter_bits(number + codes[:, _COLUMN[name]])
    number = scatter_bits(number + (codes[:, _COLUMN["ring_size"]] > 0))
    source, destination = batch.edge_index
    numbers = [number]
    for _ in range(radius):
        neighbors = scatter_bits(scatter_bits(number.index_select(0, source)) + order)
        seen = torch.zeros_like(number).index_add_(0, destination, neighbors)
        number = scatter_bits(scatter_bits(number) + seen)
        numbers.append(number)
    return torch.stack(numbers, dim=1)
