"""Time of a training step of encoders of materials with bonds, against the same networks of torch-geometric's layers.

One process, one thread, processor time, alternating rounds: what else runs on the machine changes little. Both networks
hold the same weights and are checked to be the same function before the clock starts. The materials are the repeat
units of RadonPy's open table, in batches of the default size, other ones in each step.
"""

import argparse
import platform
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from crystal_encoders import run_rounds, training_step
from machine import processor, publish, versions
from torch import Tensor, nn
from torch.nn.functional import elu, leaky_relu
from torch_geometric.nn import GATConv, GATv2Conv, GINEConv, GPSConv, global_mean_pool
from torch_geometric.nn.models.attentive_fp import GATEConv

from datamodules.open_data import OPEN_TABLES
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn import GINE, GPS, AttentiveFP, Encoder, GATv2
from gnn_sim2real.nn.embedding import ATOM_SIZES, BOND_SIZES, atom_table
from gnn_sim2real.store.graphs import GraphStore

WANTED_RATIO = 2.0
_RESULT = Path(__file__).parent / "results" / "layers.json"


class Embedding(nn.Module):
    """Sum of a vector of each code."""

    def __init__(self, sizes: list[int], dim: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, dim) for size in sizes)

    def forward(self, codes: Tensor) -> Tensor:
        return sum(table(codes[:, column]) for column, table in enumerate(self.tables))


class Rival(nn.Module):
    """Embeddings of atoms and bonds, layers of torch-geometric, mean over atoms; the names of the weights are ours."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output_dim = dim
        self.atom_embedding, self.bond_embedding = Embedding(ATOM_SIZES, dim), Embedding(BOND_SIZES, dim)

    def forward(self, batch: GraphBatch) -> Tensor:
        atoms, bonds = self.atom_embedding(atom_table(batch)), self.bond_embedding(batch.bond_codes)
        return self.run(atoms, bonds, batch)


class Convolutions(Rival):
    """Normalized convolutions with residual connections."""

    def __init__(self, dim: int, num_layers: int, convolution: Callable[[], nn.Module]) -> None:
        super().__init__(dim)
        self.convolutions = nn.ModuleList(
            nn.ModuleDict({"convolution": convolution(), "norm": nn.BatchNorm1d(dim)}) for _ in range(num_layers)
        )

    def run(self, atoms: Tensor, bonds: Tensor, batch: GraphBatch) -> Tensor:
        for layer in self.convolutions:
            atoms = atoms + layer["norm"](layer["convolution"](atoms, batch.edge_index, bonds)).relu()
        return global_mean_pool(atoms, batch.batch_index, batch.num_graphs)


class Transformer(Rival):
    """GPS blocks."""

    def __init__(self, dim: int, num_layers: int, num_heads: int) -> None:
        super().__init__(dim)
        self.blocks = nn.ModuleList(
            GPSConv(dim, GINEConv(nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))), num_heads)
            for _ in range(num_layers)
        )

    def run(self, atoms: Tensor, bonds: Tensor, batch: GraphBatch) -> Tensor:
        for block in self.blocks:
            atoms = block(atoms, batch.edge_index, batch.batch_index, edge_attr=bonds)
        return global_mean_pool(atoms, batch.batch_index, batch.num_graphs)


class Fingerprint(Rival):
    """Attentive fingerprint, whose state starts as the mean over atoms."""

    def __init__(self, dim: int, num_layers: int, num_timesteps: int) -> None:
        super().__init__(dim)
        self.num_timesteps = num_timesteps
        convolutions = [GATEConv(dim, dim, dim), *(self.attention(dim) for _ in range(num_layers - 1))]
        self.steps = nn.ModuleList(map(self.step, convolutions))
        self.material_step = self.step(self.attention(dim))

    def attention(self, dim: int) -> nn.Module:
        return GATConv(dim, dim, add_self_loops=False, negative_slope=0.01)

    def step(self, convolution: nn.Module) -> nn.Module:
        return nn.ModuleDict({"convolution": convolution, "gate": nn.GRUCell(self.output_dim, self.output_dim)})

    def run(self, atoms: Tensor, bonds: Tensor, batch: GraphBatch) -> Tensor:
        atoms = leaky_relu(atoms, 0.01)
        for number, step in enumerate(self.steps):
            update = step["convolution"](atoms, batch.edge_index, *([bonds] if number == 0 else []))
            atoms = step["gate"](elu(update), atoms).relu()
        state = global_mean_pool(atoms, batch.batch_index, batch.num_graphs)
        membership = torch.stack([torch.arange(len(atoms)), batch.batch_index])
        for _ in range(self.num_timesteps):
            update = self.material_step["convolution"]((atoms, state), membership)
            state = self.material_step["gate"](elu(update), state).relu()
        return state


PAIRS: dict[str, tuple[Callable[[], Encoder], Callable[[], Rival]]] = {
    "GINE": (GINE, lambda: Convolutions(128, 4, lambda: GINEConv(_mlp(128), train_eps=True))),
    "GATv2": (GATv2, lambda: Convolutions(128, 4, lambda: GATv2Conv(128, 32, 4, edge_dim=128, add_self_loops=False))),
    "AttentiveFP": (AttentiveFP, lambda: Fingerprint(128, 3, 2)),
    "GPS": (GPS, lambda: Transformer(64, 4, 4)),
}
"""Ours and torch-geometric's, with our default settings."""


def _mlp(dim: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, 2 * dim), nn.BatchNorm1d(2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=8, help="steps in each round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--encoders", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batches = make_batches(arguments.batch_size, arguments.batches)
    found = {name: compare(*PAIRS[name], batches, arguments.rounds) for name in arguments.encoders}
    result = {
        "encoders": found,
        "batch_size": arguments.batch_size,
        "num_batches": len(batches),
        "num_atoms": sum(len(batch.atomic_number) for batch in batches),
        "num_edges": sum(batch.edge_index.shape[1] for batch in batches),
        "machine": {"processor": processor(), "system": platform.system(), "threads": torch.get_num_threads()},
        "versions": versions("torch", "torch_geometric"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    slow = {name: each["ratio"] for name, each in found.items() if each["ratio"] < WANTED_RATIO}
    if slow:
        raise SystemExit(f"less than {WANTED_RATIO:g} times as fast: {slow}")


def make_batches(batch_size: int, num_batches: int) -> list[GraphBatch]:
    """Random repeat units of RadonPy's open table."""
    import pandas as pd

    units = pd.read_parquet(OPEN_TABLES["radonpy_pi1070"].file)["smiles"].unique()
    featurize = get_featurizer("repeat_unit").featurize
    order = torch.randperm(len(units))[: batch_size * num_batches]
    store = GraphStore.from_graphs([featurize(units[row]) for row in order.tolist()])
    return [store.select(rows) for rows in torch.arange(len(store)).split(batch_size)]


def compare(
    make_ours: Callable[[], Encoder], make_theirs: Callable[[], Rival], batches: list[GraphBatch], num_rounds: int
) -> dict[str, Any]:
    """Ours against torch-geometric's; seconds a training step unless the name says otherwise."""
    ours, theirs = make_ours(), make_theirs()
    theirs.load_state_dict(ours.state_dict())
    # A comparison of unequal work would say nothing.
    torch.testing.assert_close(ours(batches[0]), theirs(batches[0]), rtol=1e-4, atol=1e-4)
    steps = {"ours": all_of(ours, batches), "torch_geometric": all_of(theirs, batches)}
    rounds = [
        {name: seconds / len(batches) for name, seconds in each.items()} for each in run_rounds(steps, num_rounds)
    ]
    return {
        "ratio": statistics.median(each["torch_geometric"] / each["ours"] for each in rounds),
        "median": {name: statistics.median(each[name] for each in rounds) for name in steps},
        "num_parameters": sum(parameter.numel() for parameter in ours.parameters()),
        "rounds": rounds,
    }


def all_of(encoder: nn.Module, batches: list[GraphBatch]) -> Callable[[], None]:
    """A training step on each of the batches."""
    steps = [training_step(encoder, encoder.output_dim, batch) for batch in batches]
    return lambda: [step() for step in steps] and None


if __name__ == "__main__":
    main()
