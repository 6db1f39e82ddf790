"""The one graph type: a single material (`Graph`) and many of them as tensors (`GraphBatch`).

Conventions. `edge_index[0]` is the source atom and `edge_index[1]` the destination of a message; every bond stands
twice, once in each direction. Categorical features are small integer codes; what a code means is the featurizer's
business, how many codes there are is fixed here, because both featurizers and encoders need to know it.
"""

from dataclasses import dataclass, fields
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


@dataclass(frozen=True)
class Graph:
    """One material.

    Attributes:
        atomic_number: uint8, (num_nodes,).
        atom_codes: uint8, (num_nodes, len(ATOM_CODES)); all zero where a material has no bonds to speak of.
        edge_index: int32, (2, num_edges).
        bond_codes: uint8, (num_edges, len(BOND_CODES)).
        crosses_cell: bool, (num_edges,); True for the bond between neighbouring repeat units. Bookkeeping: no
            encoder reads it, since where the chain is cut is a matter of spelling.
        node_weight: float32, (num_nodes,); the share of an atom in its material.
        component: uint8, (num_nodes,); 0 for a pure material, 1, 2 ... for the further components of a mixture.
    """

    atomic_number: NDArray[np.uint8]
    atom_codes: NDArray[np.uint8]
    edge_index: NDArray[np.int32]
    bond_codes: NDArray[np.uint8]
    crosses_cell: NDArray[np.bool_]
    node_weight: NDArray[np.float32]
    component: NDArray[np.uint8]

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
        atom_codes: Categorical atom features (`ATOM_CODES`).
        edge_index: Source and destination atom of each directed edge, numbered through the whole batch.
        bond_codes: Categorical bond features (`BOND_CODES`).
        crosses_cell: True where a bond leads to the next repeat unit (bookkeeping, see `Graph`).
        node_weight: Share of an atom in its material.
        component: Component of a mixture to which an atom belongs, 0 in a pure material.
        batch_index: Material to which an atom belongs.
        row: Row of each material in the set that the batch was taken from.
        targets: Properties of each material in physical units, NaN where missing; None in prediction.
    """

    atomic_number: Int[Tensor, " num_nodes"]
    atom_codes: Int[Tensor, "num_nodes num_atom_codes"]
    edge_index: Int[Tensor, "2 num_edges"]
    bond_codes: Int[Tensor, "num_edges num_bond_codes"]
    crosses_cell: Bool[Tensor, " num_edges"]
    node_weight: Float[Tensor, " num_nodes"]
    component: Int[Tensor, " num_nodes"]
    batch_index: Int[Tensor, " num_nodes"]
    row: Int[Tensor, " num_graphs"]
    targets: Float[Tensor, "num_graphs num_properties"] | None = None

    @property
    def num_graphs(self) -> int:
        """Number of materials."""
        return len(self.row)

    def to(self, *args: Any, **kwargs: Any) -> "GraphBatch":
        """Move every tensor to a device (same arguments as `Tensor.to`); Lightning calls this."""
        moved = {
            field.name: value.to(*args, **kwargs)
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        return GraphBatch(**moved)


def to_pyg(graph: Graph) -> Any:
    """Turn a graph into a `torch_geometric.data.Data` with the field names of this package.

    Args:
        graph: The material.

    Returns:
        A `Data` whose `edge_index` is int64 as torch-geometric's layers want it; `from_pyg` is its inverse.
    """
    from torch_geometric.data import Data

    return Data(
        atomic_number=torch.from_numpy(graph.atomic_number.astype(np.int64)),
        atom_codes=torch.from_numpy(graph.atom_codes.astype(np.int64)),
        edge_index=torch.from_numpy(graph.edge_index.astype(np.int64)),
        bond_codes=torch.from_numpy(graph.bond_codes.astype(np.int64)),
        crosses_cell=torch.from_numpy(graph.crosses_cell),
        node_weight=torch.from_numpy(graph.node_weight),
        component=torch.from_numpy(graph.component.astype(np.int64)),
        num_nodes=graph.num_nodes,
    )


def from_pyg(data: Any) -> Graph:
    """Turn a `Data` written by `to_pyg`, or one of your own with the same field names, into a graph.

    Args:
        data: Must have `atomic_number` and `edge_index`; the other fields default to zeros (weights to one).

    Raises:
        ValueError: If one of the two is absent, or an edge names an atom that is not there.
    """
    for name in ("atomic_number", "edge_index"):
        if getattr(data, name, None) is None:
            raise ValueError(f"a torch_geometric Data needs `{name}` to become a Graph, got only {sorted(data.keys())}")
    num_nodes, num_edges = len(data.atomic_number), data.edge_index.shape[1]
    if num_edges and not 0 <= int(data.edge_index.min()) <= int(data.edge_index.max()) < num_nodes:
        raise ValueError(f"`edge_index` must name atoms 0 to {num_nodes - 1}, got up to {int(data.edge_index.max())}")

    def field(name: str, shape: tuple[int, ...], dtype: Any, default: int = 0) -> NDArray[Any]:
        value = getattr(data, name, None)
        return np.full(shape, default, dtype) if value is None else value.cpu().numpy().astype(dtype)

    return Graph(
        atomic_number=field("atomic_number", (num_nodes,), np.uint8),
        atom_codes=field("atom_codes", (num_nodes, len(ATOM_CODES)), np.uint8),
        edge_index=field("edge_index", (2, num_edges), np.int32),
        bond_codes=field("bond_codes", (num_edges, len(BOND_CODES)), np.uint8),
        crosses_cell=field("crosses_cell", (num_edges,), np.bool_),
        node_weight=field("node_weight", (num_nodes,), np.float32, 1),
        component=field("component", (num_nodes,), np.uint8),
    )
