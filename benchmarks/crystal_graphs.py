"""Crystals to graphs to batches, against pymatgen's neighbor lists and torch-geometric's data set and loader.

Needs the tables of the Materials Project (GNN_SIM2REAL_DATA). Variants alternate, so that what else runs on the machine
slows all of them, and the ratio stays; the median of the rounds counts. What runs on one core is measured in time of
the processor; all graphs on two cores, and opening them, by the clock. Both sides have the settings that a study gives
its workers. CIFs are taken as from a folder of them: all are read, then all become graphs.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ["LOKY_MAX_CPU_COUNT"] = "2"  # "two cores" means the same on every machine
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from machine import processor, publish, seconds_of, versions
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader

from datamodules.registry import find_file
from gnn_sim2real.featurize.crystal import SHELL_TOLERANCE, Crystal
from gnn_sim2real.featurize.crystal_files import as_crystal
from gnn_sim2real.featurize.crystal_table import CrystalFile
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.graph import Graph
from gnn_sim2real.launchers.base import worker_environment
from gnn_sim2real.store.cache import open_or_build
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.loader import MaterialSet, make_loader

CUTOFF, MAX_NEIGHBORS, BATCH_SIZE = 6.0, 12, 256
WANTED = {"graphs_ratio": 25.0, "cif_ratio": 50.0, "batch_ratio": 20.0}
"""At least."""
ALLOWED = {"all_graphs_seconds": 60.0, "open_seconds": 0.5, "anonymous_gib": 2.0}
"""At most."""
_REPEATS = 10
"""The quick variants run this often in a round: they would else be shorter than what disturbs them."""
_RESULT = Path(__file__).parent / "results" / "crystal_graphs.json"


class CollatedDataset(InMemoryDataset):
    """All graphs of a store in one collated `Data`, as torch-geometric keeps them."""

    def __init__(self, store: GraphStore) -> None:
        super().__init__()
        columns = store.tensors
        nodes, edges = columns["node_pointer"], columns["edge_pointer"]
        names = {"atomic_number": nodes, "edge_index": edges, "edge_vector": edges, "node_weight": nodes}
        fields = {name: columns[name] for name in names}
        fields["atomic_number"] = fields["atomic_number"].long()
        fields["edge_index"] = fields["edge_index"].t().long().contiguous()
        self._data = Data(**fields, num_nodes=nodes.diff().tolist())
        self.slices = names | {"num_nodes": torch.arange(len(nodes))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--structures", type=int, default=150, help="structures that are compared one by one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20, help="batches of a round")
    parser.add_argument("--output", type=Path, default=_RESULT)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if missing := worker_environment(1).items() - os.environ.items():  # those of the allocator are read at the start
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | dict(missing))  # noqa: S606
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of pymatgen's reading and writing
    if arguments.memory_of:
        print(json.dumps(_memory(arguments.memory_of)))
        return
    result = measure(arguments.structures, arguments.rounds, arguments.batches)
    publish(result, arguments.output)
    missed = [name for name, wanted in WANTED.items() if result[name] < wanted]
    missed += [name for name, allowed in ALLOWED.items() if result[name] > allowed]
    if missed:
        raise SystemExit(f"not as fast as wanted: {', '.join(missed)}")


def measure(num_structures: int, num_rounds: int, num_batches: int) -> dict[str, Any]:
    """All comparisons; seconds unless the name says otherwise."""
    crystals = CrystalFile(find_file("mp_structures"))
    featurizer = get_featurizer("crystal", cutoff=CUTOFF, max_neighbors=MAX_NEIGHBORS)
    result: dict[str, Any] = {"read_table": seconds_of(lambda: crystals.crystals)}
    rows = np.random.default_rng(0).choice(len(crystals), num_structures, replace=False)
    result |= compare_graphs(crystals, featurizer, rows.tolist(), num_rounds)
    with tempfile.TemporaryDirectory() as folder:
        result |= build_all(crystals, featurizer, Path(folder))
        (path,) = Path(folder).glob("*.safetensors")
        result |= compare_batches(GraphStore.open(path), num_rounds, num_batches)
        command = [sys.executable, __file__, "--memory-of", str(path)]
        result |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result | {
        "rounds": num_rounds,
        "num_structures": num_structures,
        "load_average": os.getloadavg()[0],
        "machine": {"processor": processor(), "system": platform.system(), "cores": os.cpu_count()},
        "versions": versions("torch", "torch_geometric", "numpy"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def compare_graphs(crystals: CrystalFile, featurizer: Featurizer, rows: list[int], rounds: int) -> dict[str, Any]:
    """From the table and from CIF text, against pymatgen; the structures of pymatgen's own run are made beforehand."""
    structures = [_structure(crystals[row]) for row in rows]
    texts = [str(CifWriter(structure, significant_figures=8)) for structure in structures]
    for row, structure in zip(rows, structures, strict=True):
        _check_same_neighbors(featurizer.featurize(crystals[row]), structure)
    variants: dict[str, Callable[[], None]] = {
        "graphs": lambda: _each(lambda row: featurizer.featurize(crystals[row]), rows * _REPEATS),
        "get_all_neighbors": lambda: _each(lambda structure: structure.get_all_neighbors(CUTOFF), structures),
        "cif": lambda: _each(featurizer.featurize, [as_crystal(text) for text in texts * _REPEATS]),
        "pymatgen_cif": lambda: _each(lambda text: Structure.from_str(text, "cif").get_all_neighbors(CUTOFF), texts),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            seconds[name].append(seconds_of(work, time.process_time) / (_REPEATS if name in ("graphs", "cif") else 1))
    ratios = {
        "graphs_ratio": _ratio(seconds["get_all_neighbors"], seconds["graphs"]),
        "cif_ratio": _ratio(seconds["pymatgen_cif"], seconds["cif"]),
    }
    rates = {f"{name}_per_second": len(rows) / statistics.median(times) for name, times in seconds.items()}
    sites = statistics.mean(len(structure) for structure in structures)
    return ratios | rates | {"mean_sites": sites}


def build_all(crystals: CrystalFile, featurizer: Featurizer, folder: Path) -> dict[str, Any]:
    """All graphs by two processes, and how long the finished file takes to open."""

    def build() -> GraphStore:
        return open_or_build(crystals, featurizer.featurize, featurizer.describe(), folder)

    start = time.perf_counter()
    store = build()
    seconds = time.perf_counter() - start
    size = sum(file.stat().st_size for file in folder.iterdir())
    time.sleep(2.5)  # a file that was only just written is checked whole once more
    checked = seconds_of(build)
    return {
        "all_graphs_seconds": seconds,
        "num_graphs": store.num_graphs,
        "num_edges": len(store.tensors["edge_vector"]),
        "file_bytes": size,
        "open_checked_seconds": checked,
        "open_seconds": statistics.median(seconds_of(build) for _ in range(5)),
    }


def compare_batches(store: GraphStore, rounds: int, num_batches: int) -> dict[str, Any]:
    """Random batches out of all crystals, other ones in each round: torch-geometric's set keeps each graph it has cut
    out as an object, and is faster when it is asked for it again. That is measured as well.
    """
    dataset = CollatedDataset(store)
    present = torch.from_numpy(np.flatnonzero(store.graph_rows >= 0))  # crystals with an atom far from all are refused
    seconds: dict[str, list[float]] = {"ours": [], "theirs": [], "again": []}
    for number in range(rounds):
        generator = torch.Generator().manual_seed(number)
        rows = present[torch.randint(len(present), (num_batches * BATCH_SIZE,), generator=generator)]
        ours = make_loader(MaterialSet(store, rows, None), BATCH_SIZE)
        theirs = DataLoader(dataset, batch_size=BATCH_SIZE, sampler=store.graph_rows[rows].tolist())
        _drain(ours)  # the mapped pages are in memory for both
        for name, loader in (("ours", ours), ("theirs", theirs), ("again", theirs)):
            seconds[name].append(_drain(loader))
        for mine, other in zip(ours, theirs, strict=True):
            assert torch.equal(mine.edge_index, other.edge_index)
            assert torch.equal(mine.edge_vector, other.edge_vector)
            assert torch.equal(mine.atomic_number, other.atomic_number)
    return {
        "batch_ratio": _ratio(seconds["theirs"], seconds["ours"]),
        "batch_ratio_to_kept_graphs": _ratio(seconds["again"], seconds["ours"]),
        "batch_seconds": statistics.median(seconds["ours"]) / num_batches,
        "torch_geometric_batch_seconds": statistics.median(seconds["theirs"]) / num_batches,
    }


def _memory(path: Path) -> dict[str, float]:
    """Memory of a process of its own after one epoch over all crystals."""
    before = _resident()
    store = GraphStore.open(path)
    present = torch.from_numpy(np.flatnonzero(store.graph_rows >= 0))
    _drain(make_loader(MaterialSet(store, present, None), BATCH_SIZE, seed=0))
    after = _resident()
    return {
        "anonymous_gib": after["RssAnon"],
        "anonymous_growth_gib": after["RssAnon"] - before["RssAnon"],
        "mapped_gib": after["RssFile"] - before["RssFile"],
    }


def _resident() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in lines if line.startswith("Rss")}


def _drain(loader: DataLoader) -> float:
    """Time of the processor to go through all batches."""
    start = time.process_time()
    for batch in loader:
        _ = batch.edge_index
    return time.process_time() - start


def _structure(crystal: Crystal) -> Structure:
    return Structure(crystal.lattice, crystal.atomic_number.tolist(), crystal.fractional)


def _check_same_neighbors(graph: Graph, structure: Structure) -> None:
    """A comparison of unequal work would say nothing: the same distances around every site."""
    around = [sorted(each.nn_distance for each in neighbors) for neighbors in structure.get_all_neighbors(CUTOFF)]
    reach = [
        min(found[MAX_NEIGHBORS - 1] + SHELL_TOLERANCE if len(found) >= MAX_NEIGHBORS else CUTOFF, CUTOFF - 1e-5)
        for found in around
    ]
    wanted: list[list[float]] = [[] for _ in structure]
    for site, neighbors in enumerate(structure.get_all_neighbors(CUTOFF)):
        for each in neighbors:
            if each.nn_distance <= max(reach[site], reach[each.index]):
                wanted[site].append(each.nn_distance)
    length = np.linalg.norm(graph.edge_vector, axis=1)
    for site, distances in enumerate(wanted):
        np.testing.assert_allclose(np.sort(length[graph.edge_index[1] == site]), sorted(distances), atol=1e-4)


def _each(work: Callable[[Any], object], items: list[Any]) -> None:
    """Nothing is kept: memory that grows would be measured as well."""
    for item in items:
        work(item)


def _ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(theirs / ours for theirs, ours in zip(slow, fast, strict=True))


if __name__ == "__main__":
    main()
