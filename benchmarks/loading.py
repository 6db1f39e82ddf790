"""Time of one shuffled epoch from the columnar store, against torch-geometric's data set and loader.

Both deliver the same graphs in batches of the same size, in one process and with one thread, in alternating rounds:
what else runs on the machine slows both, and the ratio stays.
"""

import argparse
import platform
import statistics
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from machine import processor, publish, seconds_of, versions
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader

from datamodules.demo.polymers import generate_repeat_units
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.graph import to_pyg
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.loader import MaterialSet, make_loader

WANTED_RATIO = 6.0
_RESULT = Path(__file__).parent / "results" / "loading.json"


class CollatedDataset(InMemoryDataset):
    """torch-geometric's way: all graphs in one collated `Data`, cut and batched again one by one."""

    def __init__(self, items: list[Data]) -> None:
        super().__init__()
        self.data, self.slices = self.collate(items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=4000, help="number of repeat units")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(arguments.units, arguments.batch_size, arguments.rounds)
    publish(result, arguments.output)
    if result["ratio"] < WANTED_RATIO:
        raise SystemExit(f"the store is only {result['ratio']:.1f} times as fast, at least {WANTED_RATIO:g} is wanted")


def measure(num_units: int, batch_size: int, num_rounds: int) -> dict[str, Any]:
    """Compare both; seconds unless the name says otherwise."""
    units = generate_repeat_units()
    units = [units[number % len(units)] for number in range(num_units)]
    featurize = get_featurizer("repeat_unit").featurize
    graphs = [featurize(unit) for unit in units]
    labels = torch.arange(num_units, dtype=torch.float32).unsqueeze(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graphs.safetensors"
        GraphStore.from_graphs(graphs).save(path)
        size = path.stat().st_size
        open_time = min(seconds_of(lambda: GraphStore.open(path)) for _ in range(5))
        store = GraphStore.open(path)
        ours = make_loader(MaterialSet(store, torch.arange(num_units), labels), batch_size, seed=0)
        items = [to_pyg(graph) for graph in graphs]
        for item, label in zip(items, labels, strict=True):
            item.y = label.unsqueeze(0)
        theirs = DataLoader(CollatedDataset(items), batch_size=batch_size, shuffle=True)
        _check_same_content(ours, theirs)
        rounds = []
        for number in range(num_rounds):
            ours.sampler.set_epoch(number)
            rounds.append((seconds_of(lambda: _drain(ours)), seconds_of(lambda: _drain(theirs))))
    return {
        "ratio": statistics.median(theirs_time / ours_time for ours_time, theirs_time in rounds),
        "store_epoch": statistics.median(ours_time for ours_time, _ in rounds),
        "torch_geometric_epoch": statistics.median(theirs_time for _, theirs_time in rounds),
        "rounds": rounds,
        "num_units": num_units,
        "num_atoms": sum(graph.num_nodes for graph in graphs),
        "batch_size": batch_size,
        "file_bytes": size,
        "open": open_time,
        "machine": {"processor": processor(), "system": platform.system(), "threads": torch.get_num_threads()},
        "versions": versions("torch", "torch_geometric", "numpy"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _check_same_content(ours: Iterable[Any], theirs: Iterable[Any]) -> None:
    """A comparison of unequal work would say nothing."""

    def total(batches: Iterable[Any], label: str) -> list[int]:
        sums = torch.zeros(4, dtype=torch.float64)
        for batch in batches:
            parts = (batch.atomic_number, batch.bond_codes, batch.edge_index[0] * 0 + 1, getattr(batch, label))
            sums += torch.stack([part.double().sum() for part in parts])
        return sums.tolist()

    if total(ours, "targets") != total(theirs, "y"):
        raise SystemExit("the two loaders do not deliver the same graphs")


def _drain(batches: Iterable[Any]) -> None:
    for batch in batches:
        _ = batch.edge_index


if __name__ == "__main__":
    main()
