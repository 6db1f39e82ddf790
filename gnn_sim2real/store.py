"""The columnar store: every field of all graphs in one flat tensor, memory-mapped from safetensors files.

A batch is an index selection on these tensors, so a subset is a list of rows and nothing is ever copied per graph.
The file is named by its content (materials, featurizer, version), so a changed setting can never read old graphs.
"""

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gnn_sim2real.errors import CacheDamagedError
from gnn_sim2real.files import default_cache_folder, write_atomically
from gnn_sim2real.graph import Graph, GraphBatch
from gnn_sim2real.progress import track

logger = logging.getLogger(__name__)

STORE_FORMAT = "3"
_NODE_FIELDS = ("atomic_number", "node_weight", "component", "atom_codes")
_EDGE_FIELDS = ("edge_index", "bond_codes", "crosses_cell", "edge_vector")
_CODES = frozenset({"atomic_number", "component", "atom_codes", "bond_codes"})
"""Fields that are kept in bytes and used as int64."""


class GraphStore:
    """Many graphs as flat tensors in one or more shards.

    Args:
        shards: Tensors by name. Node fields have one row an atom, edge fields one row an edge (`edge_index` as
            (num_edges, 2), numbered within its graph), `node_pointer` and `edge_pointer` (num_graphs + 1, int64)
            say where each graph begins.
    """

    def __init__(self, *shards: dict[str, Tensor]) -> None:
        self.shards = shards
        sizes = [len(shard["node_pointer"]) - 1 for shard in shards]
        self._first_row = torch.tensor([0, *np.cumsum(sizes)], dtype=torch.int64)

    def __len__(self) -> int:
        return int(self._first_row[-1])

    @classmethod
    def from_graphs(cls, graphs: Iterable[Graph]) -> "GraphStore":
        """Put graphs into memory, in their order."""
        graphs = list(graphs)
        if not graphs:
            raise ValueError("a graph store needs at least one graph, got none")
        node_counts = [graph.num_nodes for graph in graphs]
        edge_counts = [graph.num_edges for graph in graphs]
        tensors = {
            "node_pointer": torch.tensor([0, *np.cumsum(node_counts)], dtype=torch.int64),
            "edge_pointer": torch.tensor([0, *np.cumsum(edge_counts)], dtype=torch.int64),
        }
        for name in _NODE_FIELDS + _EDGE_FIELDS:
            columns = [column for graph in graphs if (column := getattr(graph, name)) is not None]
            if not columns:
                continue
            if len(columns) < len(graphs):
                raise ValueError(f"graphs with and without `{name}` cannot stand in one store; keep the kinds apart")
            if name == "edge_index":
                columns = [column.T for column in columns]
            tensors[name] = torch.from_numpy(np.ascontiguousarray(np.concatenate(columns)))
        return cls(tensors)

    @classmethod
    def open(cls, *paths: Path) -> "GraphStore":
        """Open shards memory-mapped: resident memory grows only with the rows that are read.

        Raises:
            CacheDamagedError: If a file is truncated, altered, or not a store of this format.
        """
        return cls(*(_open_shard(path) for path in paths))

    def save(self, path: Path) -> None:
        """Write all graphs to one safetensors file, atomically, with a checksum of the content."""
        from safetensors.torch import save

        tensors = self.shards[0] if len(self.shards) == 1 else _concatenate(self.shards)
        metadata = {"format": STORE_FORMAT, "crc32": _checksum(tensors)}
        write_atomically(path, save(tensors, metadata=metadata))

    def select(self, rows: Tensor, targets: Tensor | None = None) -> GraphBatch:
        """Gather a batch.

        Args:
            rows: int64, (num_graphs,); the graphs wanted, in the order wanted, repeats allowed.
            targets: (num_graphs, num_properties) of the same graphs, carried along.
        """
        if len(self.shards) == 1:
            return _select(self.shards[0], rows, rows, targets)
        shard_of_row = torch.bucketize(rows, self._first_row[1:], right=True)
        pieces, taken = [], []
        for number in torch.unique(shard_of_row).tolist():
            where = (shard_of_row == number).nonzero().flatten()
            pieces.append(_cut(self.shards[number], rows[where] - self._first_row[number]))
            taken.append(where)
        order = torch.cat(taken).argsort()
        return _select(_concatenate(pieces), order, rows, targets)


def _positions(pointer: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Flat positions of all items of the given graphs, and the number of items of each graph."""
    start = pointer.index_select(0, rows)
    count = pointer.index_select(0, rows + 1) - start
    end = count.cumsum(0)
    total = int(end[-1]) if len(end) else 0
    shift = torch.repeat_interleave(start - end + count, count, output_size=total)
    return torch.arange(total) + shift, count


def _select(shard: dict[str, Tensor], rows: Tensor, labels: Tensor, targets: Tensor | None) -> GraphBatch:
    nodes, node_count = _positions(shard["node_pointer"], rows)
    edges, edge_count = _positions(shard["edge_pointer"], rows)
    taken = {name: shard[name].index_select(0, nodes) for name in _NODE_FIELDS if name in shard}
    taken |= {name: shard[name].index_select(0, edges) for name in _EDGE_FIELDS if name in shard}
    taken = {name: tensor.long() if name in _CODES else tensor for name, tensor in taken.items()}
    first_node = node_count.cumsum(0) - node_count
    offset = torch.repeat_interleave(first_node, edge_count, output_size=len(edges))
    taken["edge_index"] = (taken["edge_index"].long() + offset.unsqueeze(1)).t().contiguous()
    owner = torch.repeat_interleave(torch.arange(len(rows)), node_count, output_size=len(nodes))
    return GraphBatch(**taken, batch_index=owner, row=labels, targets=targets)


def _cut(shard: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """The given graphs of a shard, as a shard."""
    cut: dict[str, Tensor] = {}
    for pointer, names in (("node_pointer", _NODE_FIELDS), ("edge_pointer", _EDGE_FIELDS)):
        positions, count = _positions(shard[pointer], rows)
        cut[pointer] = torch.cat([count.new_zeros(1), count.cumsum(0)])
        cut |= {name: shard[name].index_select(0, positions) for name in names if name in shard}
    return cut


def _concatenate(shards: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    names = [name for name in _NODE_FIELDS + _EDGE_FIELDS if name in shards[0]]
    joined = {name: torch.cat([shard[name] for shard in shards]) for name in names}
    for pointer in ("node_pointer", "edge_pointer"):
        counts = torch.cat([shard[pointer].diff() for shard in shards])
        joined[pointer] = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return joined


def _checksum(tensors: dict[str, Tensor]) -> str:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode(), value)
        value = zlib.crc32(tensors[name].contiguous().numpy().reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def _open_shard(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CacheDamagedError(f"the graph store {path} cannot be read ({error})") from error
    if metadata.get("format") != STORE_FORMAT:
        raise CacheDamagedError(f"the graph store {path} has format {metadata.get('format')}, not {STORE_FORMAT}")
    if metadata.get("crc32") != _checksum(tensors):
        raise CacheDamagedError(f"the graph store {path} was altered: its checksum does not agree")
    return tensors


def content_key(materials: Sequence[str], featurizer: dict[str, object]) -> str:
    """Name of the store of these materials: 32 hexadecimal digits.

    Args:
        materials: Spelling of each material, in order.
        featurizer: Plain description of how they become graphs, its version included.
    """
    digest = hashlib.sha256(json.dumps([STORE_FORMAT, featurizer], sort_keys=True).encode())
    for material in materials:
        digest.update(material.encode() + b"\0")
    return digest.hexdigest()[:32]


def open_or_build(
    materials: Sequence[str],
    featurize: Callable[[str], Graph],
    featurizer: dict[str, object],
    folder: Path | None = None,
) -> GraphStore:
    """Open the graphs of these materials from the cache, or make them and keep them there.

    Args:
        materials: Spelling of each material, in order.
        featurize: Makes a graph of one.
        featurizer: Plain description of `featurize`, its version included; part of the file's name.
        folder: Where stores are kept; the user's cache folder unless given.
    """
    folder = folder or default_cache_folder() / "graphs"
    path = folder / f"{content_key(materials, featurizer)}.safetensors"
    if path.exists():
        try:
            return GraphStore.open(path)
        except CacheDamagedError as error:
            logger.warning("%s; it is built again", error)
    store = GraphStore.from_graphs(featurize(material) for material in track(materials, "Making graphs"))
    try:
        store.save(path)
    except OSError as error:
        logger.warning("the graphs could not be kept in %s (%s); they are made again next time", path, error)
        return store
    return GraphStore.open(path)
