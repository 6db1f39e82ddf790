"""The one graph type: a single material (`Graph`) and many of them as tensors (`GraphBatch`).

Conventions. `edge_index[0]` is the source atom and `edge_index[1]` the destination of a message; every edge is listed
twice, once in each direction, with the same codes. Molecules and repeat units have bonds, i.e. codes and no geometry;
crystals have the vectors between neighbors and no codes; a bare composition has neither. In a batch of mixtures every
distinct component is one graph, and `members` lists the components of each mixture. A field that a kind of material
does not have is None. Categorical features are small integer codes; the featurizer defines the meaning of a code, and
this module the number of codes, because both featurizers and encoders need it.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

NUM_ELEMENTS = 119
"""Atomic numbers 0 (unused) to 118."""

ATOM_CODES: dict[str, int] = {
    "degree": 8,
    "num_hydrogens": 6,
    "formal_charge": 7,
    "hybridization": 8,
    "aromatic": 2,
    "ring_size": 10,
}
"""Categorical atom features, in column order, with the number of codes of each."""

BOND_CODES: dict[str, int] = {"order": 6, "conjugated": 2, "in_ring": 2}
"""Categorical bond features, in column order, with the number of codes of each."""

ATOM_DESCRIPTORS = (
    "mass",
    "hydrogens",
    "aromatic",
    "sp3",
    "in_ring",
    "halogen",
    "heteroatom",
    "hydrogen_bond_donor",
    "hydrogen_bond_acceptor",
    "rotatable_bonds",
    "polar_surface",
    "log_p",
    "molar_refractivity",
    "labute_surface",
)
"""Contributions of an atom to common molecular descriptors, in column order, see `featurize.descriptors`."""

NODE_FIELDS = ("atomic_number", "node_weight", "component", "atom_codes", "atom_descriptors", "species_count")
EDGE_FIELDS = ("edge_index", "bond_codes", "crosses_cell", "edge_vector")
SPECIES_FIELDS = ("species_number", "species_share")
"""Fields of a graph with a row for each atom, edge, and element of a site; the last only where there is disorder."""


@dataclass(frozen=True)
class Graph:
    """One material.

    Attributes:
        atomic_number: uint8, (num_nodes,).
        edge_index: int32, (2, num_edges).
        node_weight: float32, (num_nodes,); the share of an atom in its material.
        component: uint8, (num_nodes,); 0 for a pure material, 1, 2 ... for the further components of a mixture.
        atom_codes: uint8, (num_nodes, len(ATOM_CODES)); of materials with bonds.
        bond_codes: uint8, (num_edges, len(BOND_CODES)); of materials with bonds.
        crosses_cell: bool, (num_edges,); of materials with bonds: True for the bond between neighboring repeat units.
            For bookkeeping: no encoder reads it, since the place where the chain is cut is a matter of spelling.
        edge_vector: float32, (num_edges, 3); of crystals: from the source to the destination, in the periodic image
            that is meant [angstrom].
        atom_descriptors: float32, (num_nodes, len(ATOM_DESCRIPTORS)); of materials with bonds, if requested.
        species_count: uint8, (num_nodes,); of disordered crystals: number of elements that a site holds.
            `atomic_number` is then the most frequent of them, and `node_weight` the occupancy.
        species_number: uint8, (num_species,); these elements, one site after the other.
        species_share: float32, (num_species,); occupancy of each; what they lack of 1 is a vacancy.
    """

    atomic_number: NDArray[np.uint8]
    edge_index: NDArray[np.int32]
    node_weight: NDArray[np.float32]
    component: NDArray[np.uint8]
    atom_codes: NDArray[np.uint8] | None = None
    bond_codes: NDArray[np.uint8] | None = None
    crosses_cell: NDArray[np.bool_] | None = None
    edge_vector: NDArray[np.float32] | None = None
    atom_descriptors: NDArray[np.float32] | None = None
    species_count: NDArray[np.uint8] | None = None
    species_number: NDArray[np.uint8] | None = None
    species_share: NDArray[np.float32] | None = None

    @property
    def num_nodes(self) -> int:
        """Number of atoms."""
        return len(self.atomic_number)

    @property
    def num_edges(self) -> int:
        """Number of directed edges, two for every bond."""
        return int(self.edge_index.shape[1])


@dataclass(frozen=True)
class GraphBatch:
    """Several materials as tensors; what every encoder's `forward` takes.

    Attributes:
        atomic_number: Element of each atom.
        edge_index: Source and destination atom of each directed edge, numbered through the whole batch.
        node_weight: Share of an atom in its material.
        component: Component of a mixture to which an atom belongs, 0 in a pure material.
        batch_index: Material to which an atom belongs; of mixtures the component.
        row: Row of each material in the set that the batch was taken from.
        atom_codes: Categorical atom features (`ATOM_CODES`); None without bonds.
        bond_codes: Categorical bond features (`BOND_CODES`); None without bonds.
        crosses_cell: True where a bond leads to the next repeat unit (bookkeeping, see `Graph`); None without bonds.
        edge_vector: From source to destination of each edge [angstrom]; None without geometry.
        atom_descriptors: Contributions of each atom to molecular descriptors (`ATOM_DESCRIPTORS`); None unless
            requested.
        species_count: Number of elements that each site holds; None unless some of the crystals are disordered.
        species_number: Element of each species, one site after the other.
        species_share: Its occupancy; what those of a site lack of 1 is a vacancy.
        targets: Properties of each material in physical units, NaN where missing; None in prediction.
        simulated: Simulated values of the same properties, for models that correct them; None for all others.
        censored: -1 where a target is a limit that the true value is below, 1 where above, 0 else; None if all were
            measured, or limits are taken for values.
        loss_weights: Weight of each target in a loss; None where all count alike.
        component_row: Of mixtures: row of each distinct component in the store of components.
        members: Of mixtures: components of each mixture, by their number in the batch; -1 for none.
        weights: Of mixtures: weight of each member, 0 for none.
        linkage: Of copolymers: share of the bonds that join unlike units, 0 for a blend; None where no mixture has one.
        conditions: Temperature and the like, in physical units; None without conditions.
    """

    atomic_number: Int[Tensor, " num_nodes"]
    edge_index: Int[Tensor, "2 num_edges"]
    node_weight: Float[Tensor, " num_nodes"]
    component: Int[Tensor, " num_nodes"]
    batch_index: Int[Tensor, " num_nodes"]
    row: Int[Tensor, " num_graphs"]
    atom_codes: Int[Tensor, "num_nodes num_atom_codes"] | None = None
    bond_codes: Int[Tensor, "num_edges num_bond_codes"] | None = None
    crosses_cell: Bool[Tensor, " num_edges"] | None = None
    edge_vector: Float[Tensor, "num_edges 3"] | None = None
    atom_descriptors: Float[Tensor, "num_nodes num_atom_descriptors"] | None = None
    species_count: Int[Tensor, " num_nodes"] | None = None
    species_number: Int[Tensor, " num_species"] | None = None
    species_share: Float[Tensor, " num_species"] | None = None
    targets: Float[Tensor, "num_graphs num_properties"] | None = None
    simulated: Float[Tensor, "num_graphs num_properties"] | None = None
    censored: Int[Tensor, "num_graphs num_properties"] | None = None
    loss_weights: Float[Tensor, "num_graphs num_properties"] | None = None
    component_row: Int[Tensor, " num_components"] | None = None
    members: Int[Tensor, "num_graphs max_components"] | None = None
    weights: Float[Tensor, "num_graphs max_components"] | None = None
    linkage: Float[Tensor, " num_graphs"] | None = None
    conditions: Float[Tensor, "num_graphs num_conditions"] | None = None

    @property
    def num_graphs(self) -> int:
        """Number of materials."""
        return len(self.row)

    def components(self, which: Int[Tensor, " num_wanted"] | None = None) -> "GraphBatch":
        """The distinct components of mixtures as pure materials, for an encoder of these.

        Args:
            which: Numbers of the components wanted, ascending; all unless given.

        Raises:
            ValueError: If the materials are not mixtures.
        """
        if self.component_row is None:
            raise ValueError("this encoder reads mixtures, and these materials are pure ones; choose another encoder")
        without: dict[str, Any] = dict.fromkeys(
            (
                *("component_row", "members", "weights", "linkage", "conditions"),
                *("targets", "simulated", "censored", "loss_weights"),
            )
        )
        pure = replace(self, row=self.component_row, **without)
        return pure if which is None else pure.take(which)

    def take(self, which: Int[Tensor, " num_wanted"]) -> "GraphBatch":
        """Some of the pure materials of a batch.

        Args:
            which: Their numbers in the batch, ascending.
        """
        number = torch.full_like(self.row, -1)
        number[which] = torch.arange(len(which), device=which.device)
        owner = number[self.batch_index]
        node, edge = owner >= 0, owner[self.edge_index[1]] >= 0
        place = node.long().cumsum(0) - 1
        columns = {"row": which, "edge_index": edge, "bond_codes": edge, "crosses_cell": edge, "edge_vector": edge}
        node_fields = ("atomic_number", "node_weight", "component", "atom_codes", "atom_descriptors", "species_count")
        columns |= dict.fromkeys(node_fields, node)
        if self.species_count is not None:
            columns |= dict.fromkeys(("species_number", "species_share"), node.repeat_interleave(self.species_count))
        columns |= dict.fromkeys(("targets", "simulated", "censored", "loss_weights", "conditions"), which)
        taken = {
            name: value[:, wanted] if name == "edge_index" else value[wanted]
            for name, wanted in columns.items()
            if (value := getattr(self, name)) is not None
        }
        taken["edge_index"] = place[taken["edge_index"]]
        return replace(self, **taken, batch_index=owner[node])

    def need(self, field: str) -> Tensor:
        """A field that not every kind of material has.

        Args:
            field: `atom_codes`, `bond_codes`, `crosses_cell`, `edge_vector` or `atom_descriptors`.

        Raises:
            ValueError: If these materials do not have it.
        """
        value: Tensor | None = getattr(self, field)
        if value is None:
            if field == "atom_descriptors" and self.atom_codes is not None:
                raise ValueError(
                    "this encoder reads the descriptors of atoms, and these graphs were made without them; set "
                    "`data.init_args.atom_descriptors: true`, for source and target"
                )
            has, lacks = ("bonds", "geometry") if field == "edge_vector" else ("geometry", "bonds")
            raise ValueError(
                f"this encoder reads `{field}`, which these materials do not have: it is for materials with {lacks}, "
                f"not for those with {has} or a bare composition; choose another encoder"
            )
        return value

    def to(self, *args: Any, **kwargs: Any) -> "GraphBatch":
        """Move every tensor to a device (same arguments as `Tensor.to`); Lightning calls this."""
        moved = {
            field.name: value.to(*args, **kwargs)
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        return GraphBatch(**moved)


_FIELDS = tuple(field.name for field in fields(Graph))


def to_pyg(graph: Graph) -> Any:
    """Turn a graph into a `torch_geometric.data.Data` with the field names of this package.

    Args:
        graph: The material.

    Returns:
        A `Data` whose `edge_index` is int64 as torch-geometric's layers want it; `from_pyg` is its inverse.
    """
    from torch_geometric.data import Data

    columns = {name: value for name in _FIELDS if (value := getattr(graph, name)) is not None}
    tensors = {
        name: torch.from_numpy(value if value.dtype in (bool, np.float32) else value.astype(np.int64))
        for name, value in columns.items()
    }
    return Data(**tensors, num_nodes=graph.num_nodes)


def from_pyg(data: Any) -> Graph:
    """Turn a `Data` from `to_pyg`, or your own one with the same field names, into a graph.

    Args:
        data: Needs `atomic_number` and `edge_index`; weights default to one, `component` to zero, others to None.

    Raises:
        ValueError: If one of the two is missing, or an edge refers to an atom that does not exist.
    """
    for name in ("atomic_number", "edge_index"):
        if getattr(data, name, None) is None:
            raise ValueError(f"a torch_geometric Data needs `{name}` to become a Graph, got only {sorted(data.keys())}")
    num_nodes, num_edges = len(data.atomic_number), data.edge_index.shape[1]
    if num_edges and not 0 <= int(data.edge_index.min()) <= int(data.edge_index.max()) < num_nodes:
        raise ValueError(f"`edge_index` must name atoms 0 to {num_nodes - 1}, got up to {int(data.edge_index.max())}")

    def field(name: str, dtype: Any) -> NDArray[Any] | None:
        value = getattr(data, name, None)
        return None if value is None else value.cpu().numpy().astype(dtype)

    weight, component = field("node_weight", np.float32), field("component", np.uint8)
    return Graph(
        atomic_number=data.atomic_number.cpu().numpy().astype(np.uint8),
        edge_index=data.edge_index.cpu().numpy().astype(np.int32),
        node_weight=np.ones(num_nodes, np.float32) if weight is None else weight,
        component=np.zeros(num_nodes, np.uint8) if component is None else component,
        atom_codes=field("atom_codes", np.uint8),
        bond_codes=field("bond_codes", np.uint8),
        crosses_cell=field("crosses_cell", np.bool_),
        edge_vector=field("edge_vector", np.float32),
        atom_descriptors=field("atom_descriptors", np.float32),
        species_count=field("species_count", np.uint8),
        species_number=field("species_number", np.uint8),
        species_share=field("species_share", np.float32),
    )
