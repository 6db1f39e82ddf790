"""The columnar store: every field of all graphs in one flat tensor, memory-mapped from a safetensors file.

A batch is an index selection on these tensors, so a subset is a list of rows and nothing is ever copied per graph.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.errors import CacheDamagedError
from gnn_sim2real.files import stamp, write_atomically, write_pieces_atomically
from gnn_sim2real.graph import EDGE_FIELDS, NODE_FIELDS, SPECIES_FIELDS, Graph, GraphBatch

STORE_FORMAT = "4"
_POINTERS = ("node_pointer", "edge_pointer", "species_pointer")
_CODES = frozenset({"atomic_number", "component", "atom_codes", "bond_codes", "species_count", "species_number"})
"""Fields that are stored as bytes and used as int64."""

_DTYPE_NAMES = {"int64": "I64", "int32": "I32", "float32": "F32", "uint8": "U8", "bool": "BOOL"}
"""Spelling of the safetensors format."""

_ALWAYS_CHECKED = 2**24
"""Files up to this size [bytes] are checked completely whenever they are opened: it takes some milliseconds."""

_CLOCK_STEP = 2_000_000_000
"""Two changes of a file within this time [ns] may have the same time stamp on the coarsest file systems."""


class GraphStore:
    """Many graphs as flat tensors.

    Args:
        tensors: Tensors by name. Node fields have one row per atom, edge fields one row per edge (`edge_index` as
            (num_edges, 2), numbered within its graph); `node_pointer` and `edge_pointer` (num_graphs + 1, int64) give
            the start of each graph. With disordered crystals there are also species fields, with one row per element
            of a site, and `species_pointer`.
        rows: int64, (num_materials,); position of the graph of each material, -1 for none. In order unless given.
        refused: Reason by material for those that have no graph.
        conditions: float32, (num_materials, num_conditions); None without conditions. They are not saved with graphs.
    """

    def __init__(
        self,
        tensors: dict[str, Tensor],
        rows: NDArray[np.int64] | None = None,
        refused: Mapping[int, str] | None = None,
        conditions: NDArray[np.float32] | None = None,
    ) -> None:
        self.tensors, self.refused, self.conditions = tensors, dict(refused or {}), conditions
        self._columns = {name: tensor.numpy() for name, tensor in tensors.items()}
        self._rows = np.arange(len(self._columns["node_pointer"]) - 1) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def num_graphs(self) -> int:
        """Number of graphs in the tensors, whichever of them are used here."""
        return len(self._columns["node_pointer"]) - 1

    @property
    def graph_rows(self) -> NDArray[np.int64]:
        """(num_materials,); position of the graph of each material in the tensors, -1 for none."""
        return self._rows

    @property
    def content_hash(self) -> str:
        """Checksum of all tensors."""
        return _checksum({name: [column] for name, column in self._columns.items()}, "")

    @classmethod
    def from_graphs(cls, graphs: Iterable[Graph]) -> "GraphStore":
        """Put graphs into memory, in their order.

        Raises:
            ValueError: If there is no graph, or some of them lack a field that others have.
        """
        graphs = list(graphs)
        if not graphs:
            raise ValueError("a graph store needs at least one graph, got none")
        counts = [[graph.num_nodes for graph in graphs], [graph.num_edges for graph in graphs]]
        if any(graph.species_count is not None for graph in graphs):
            graphs = [_with_species(graph) for graph in graphs]
            counts.append([0 if graph.species_number is None else len(graph.species_number) for graph in graphs])
        tensors = {
            name: torch.tensor([0, *np.cumsum(count)], dtype=torch.int64)
            for name, count in zip(_POINTERS, counts, strict=False)
        }
        for name in NODE_FIELDS + EDGE_FIELDS + SPECIES_FIELDS:
            columns = [column for graph in graphs if (column := getattr(graph, name)) is not None]
            if not columns:
                continue
            if len(columns) < len(graphs):
                raise ValueError(f"graphs with and without `{name}` cannot be in one store; make a store for each kind")
            if name == "edge_index":
                columns = [column.T for column in columns]
            tensors[name] = torch.from_numpy(np.ascontiguousarray(np.concatenate(columns)))
        return cls(tensors)

    @classmethod
    def open(cls, path: Path) -> "GraphStore":
        """Open a file memory-mapped: resident memory grows only with the rows that are read.

        A large file is checked completely once; afterwards its size, inode and times tell that it is the same, among
        them that of the last change of any kind, which no program can set back.

        Raises:
            CacheDamagedError: If the file is truncated, altered, another one than its name says, or not a store of this
                format.
        """
        tensors, metadata = _read(path)
        if not _known_whole(path):
            columns = {name: [tensor.numpy()] for name, tensor in tensors.items()}
            if metadata.get("crc32") != _checksum(columns, metadata.get("refused", "{}")):
                raise CacheDamagedError(f"the graph store {path} was altered: its checksum does not match")
            _remember_whole(path)
        if metadata.get("name", path.stem) != path.stem:
            raise CacheDamagedError(f"the graph store {path} is that of {metadata['name']}")
        refused = {int(row): reason for row, reason in json.loads(metadata.get("refused", "{}")).items()}
        if not refused:
            return cls(tensors)
        present = np.ones(len(tensors["node_pointer"]) - 1 + len(refused), np.bool_)
        present[list(refused)] = False
        return cls(tensors, np.where(present, np.cumsum(present) - 1, -1), refused)

    def save(self, path: Path) -> None:
        """Write the graphs to one safetensors file, atomically, with a checksum of the content."""
        write_joined(path, [self.tensors], self.refused)

    @property
    def num_nodes(self) -> NDArray[np.int64]:
        """(num_materials,); number of atoms of each graph, 0 for none."""
        counts = np.append(np.diff(self._columns["node_pointer"]), 0)
        return counts[self._rows]

    def take(self, rows: NDArray[np.int64]) -> "GraphStore":
        """The store of some of the materials; the tensors are shared."""
        kept = {number: self.refused[row] for number, row in enumerate(rows.tolist()) if row in self.refused}
        conditions = None if self.conditions is None else self.conditions[rows]
        return GraphStore(self.tensors, self._rows[rows], kept, conditions)

    def at_conditions(self, members: NDArray[np.int64], conditions: NDArray[np.float64]) -> "GraphStore":
        """Materials at conditions, each as often as it was measured; its graph is there once.

        Args:
            members: (num_rows,); the material of each row.
            conditions: (num_rows, num_conditions).
        """
        rows = self.take(members)
        return GraphStore(rows.tensors, rows._rows, rows.refused, conditions.astype(np.float32))

    def conditions_of(self, rows: Tensor) -> Tensor | None:
        """Conditions of some of the materials, (num_rows, num_conditions); None without conditions."""
        return None if self.conditions is None else torch.from_numpy(self.conditions[rows.numpy()])

    def gather(self, name: str, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """One column of the atoms, edges or species of some of the materials; those without a graph have none.

        Args:
            name: Name of the column, such as `atomic_number`.
            rows: (num_graphs,); the materials.

        Returns:
            The column, and for each atom, edge or species the position of its material in `rows`.
        """
        graph = self._rows[rows]
        there = np.flatnonzero(graph >= 0)
        pointer = self._columns[_pointer_of(name)]
        positions, count = _positions(pointer, graph[there])
        return self._columns[name][positions], np.repeat(there, count)

    def select(self, rows: Tensor, targets: Tensor | None = None, simulated: Tensor | None = None) -> GraphBatch:
        """Gather a batch.

        Args:
            rows: int64, (num_graphs,); the materials wanted, in the order wanted, repeats allowed.
            targets: (num_graphs, num_properties) of the same materials, passed on.
            simulated: (num_graphs, num_properties); simulated values of the same properties, passed on.

        Raises:
            IndexError: If a row does not exist, or has no graph.
        """
        wanted = rows.numpy()
        if len(wanted) and not 0 <= int(wanted.min()) <= int(wanted.max()) < len(self):
            raise IndexError(f"rows must be from 0 to {len(self) - 1}, got {wanted.min()} to {wanted.max()}")
        graph = self._rows[wanted]
        if len(graph) and int(graph.min()) < 0:
            row = int(wanted[graph.argmin()])
            raise IndexError(f"material {row} has no graph: {self.refused.get(row, 'it was refused')}")
        nodes, node_count = _positions(self._columns["node_pointer"], graph)
        edges, edge_count = _slices(self._columns["edge_pointer"], graph)
        # A graph has few atoms and, in crystals, hundreds of edges: it is faster to pick atoms one by one and to copy
        # edges as a block.
        taken = {name: self._columns[name][nodes] for name in NODE_FIELDS if name in self._columns}
        taken |= {name: _copy(self._columns[name], edges) for name in EDGE_FIELDS if name in self._columns}
        if "species_pointer" in self._columns:
            species, _ = _positions(self._columns["species_pointer"], graph)
            taken |= {name: self._columns[name][species] for name in SPECIES_FIELDS}
        tensors = {
            name: torch.from_numpy(column.astype(np.int64) if name in _CODES else column)
            for name, column in taken.items()
        }
        first_node = np.repeat(np.cumsum(node_count) - node_count, edge_count)
        # torch transposes and casts faster than numpy, numpy adds faster in place.
        edge_index = tensors["edge_index"].T.to(torch.int64, memory_format=torch.contiguous_format).numpy()
        edge_index += first_node
        tensors["edge_index"] = torch.from_numpy(edge_index)
        owner = torch.from_numpy(np.repeat(np.arange(len(graph)), node_count))
        return GraphBatch(
            **tensors,
            batch_index=owner,
            row=rows,
            targets=targets,
            simulated=simulated,
            conditions=self.conditions_of(rows),
        )


def _pointer_of(name: str) -> str:
    """Where the rows of a column begin for each graph."""
    if name in SPECIES_FIELDS:
        return "species_pointer"
    return "edge_pointer" if name in EDGE_FIELDS else "node_pointer"


def _with_species(graph: Graph) -> Graph:
    """The graph, if it is of an ordered crystal with what its sites hold: one element each."""
    if graph.species_count is not None:
        return graph
    return replace(
        graph,
        species_count=np.ones(graph.num_nodes, np.uint8),
        species_number=graph.atomic_number,
        species_share=np.ones(graph.num_nodes, np.float32),
    )


def _tensors_with_species(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same for the tensors of a store."""
    number = tensors["atomic_number"]
    return tensors | {
        "species_count": torch.ones_like(number),
        "species_number": number,
        "species_share": torch.ones(len(number), dtype=torch.float32),
        "species_pointer": tensors["node_pointer"],
    }


def write_joined(
    path: Path, parts: Sequence[dict[str, Tensor]], refused: Mapping[int, str] | None = None, own_name: str = ""
) -> None:
    """Write the graphs of several stores one after the other to one file, atomically, and without loading them.

    Args:
        path: The file.
        parts: Tensors of each store, all with the same fields.
        refused: See `GraphStore`.
        own_name: Under which the file is found, without suffix; it is then refused under any other. Any name if empty.

    Raises:
        OSError: If it cannot be written.
    """
    if any("species_count" in part for part in parts):
        parts = [part if "species_count" in part else _tensors_with_species(part) for part in parts]
    columns = {name: [part[name].numpy() for part in parts] for name in parts[0]}
    for name in [name for name in _POINTERS if name in columns]:
        counts = [np.diff(pointer) for pointer in columns[name]]
        columns[name] = [np.concatenate([[0], np.cumsum(np.concatenate(counts))])]
    # The widest types come first, so that every tensor is aligned.
    columns = dict(sorted(columns.items(), key=lambda item: (-item[1][0].dtype.itemsize, item[0])))
    reasons = json.dumps({str(row): reason for row, reason in sorted((refused or {}).items())})
    metadata = {"format": STORE_FORMAT, "refused": reasons, "crc32": _checksum(columns, reasons)}
    metadata |= {"name": own_name} if own_name else {}
    write_pieces_atomically(path, _pieces(columns, metadata))


def _pieces(columns: dict[str, list[NDArray[Any]]], metadata: dict[str, str]) -> Iterator[bytes | memoryview]:
    """A safetensors file: length of the header, the header, and the tensors."""
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, pieces in columns.items():
        begin, end = end, end + sum(piece.nbytes for piece in pieces)
        shape = [sum(len(piece) for piece in pieces), *pieces[0].shape[1:]]
        header[name] = {"dtype": _DTYPE_NAMES[pieces[0].dtype.name], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for pieces in columns.values():
        yield from (_bytes_of(piece) for piece in pieces)


def _bytes_of(column: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(column).reshape(-1).view(np.uint8).data


def _checksum(columns: dict[str, list[NDArray[Any]]], refused: str) -> str:
    value = zlib.crc32(refused.encode())
    for name, pieces in sorted(columns.items()):
        shape = [sum(len(piece) for piece in pieces), *pieces[0].shape[1:]]
        value = zlib.crc32(f"{name} {pieces[0].dtype} {shape}".encode(), value)
        for piece in pieces:
            value = zlib.crc32(_bytes_of(piece), value)
    return f"{value:08x}"


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CacheDamagedError(f"the graph store {path} cannot be read ({error})") from error
    if metadata.get("format") != STORE_FORMAT:
        raise CacheDamagedError(f"the graph store {path} has format {metadata.get('format')}, not {STORE_FORMAT}")
    return tensors, metadata


def checked_file(path: Path) -> Path:
    """File that records that a large store was checked, with its size, times and inode at that moment."""
    return path.with_suffix(".checked")


def _state_of(path: Path) -> str:
    return " ".join(map(str, stamp(path)))


def _known_whole(path: Path) -> bool:
    """Whether the file is the one that was checked. If it is very young, it may be another one of the same time."""
    note = checked_file(path)
    try:
        later = note.stat().st_mtime_ns - path.stat().st_mtime_ns
        return later > _CLOCK_STEP and note.read_text() == _state_of(path)
    except (OSError, ValueError):  # none, or one that is not text
        return False


def _remember_whole(path: Path) -> None:
    if path.stat().st_size <= _ALWAYS_CHECKED:
        return
    try:
        write_atomically(checked_file(path), _state_of(path).encode())
    except OSError:  # a folder that cannot be written: the file is checked every time
        return


def _positions(pointer: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat positions of all items of the given graphs, and the number of items of each graph."""
    start = pointer[rows]
    count = pointer[rows + 1] - start
    end = np.cumsum(count)
    total = int(end[-1]) if len(end) else 0
    return np.arange(total) + np.repeat(start - end + count, count), count


def _slices(pointer: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[list[slice], NDArray[np.int64]]:
    """Positions of the items of each of the given graphs, and their number."""
    start, end = pointer[rows], pointer[rows + 1]
    return list(map(slice, start.tolist(), end.tolist())), end - start


def _copy(column: NDArray[Any], where: list[slice]) -> NDArray[Any]:
    return np.concatenate([column[:0], *(column[each] for each in where)])
