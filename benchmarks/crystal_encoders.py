"""Time of a training step of CGCNN against the same network of torch-geometric's `CGConv`, and of all crystal encoders.

One process, one thread, processor time, alternating rounds: what else runs on the machine changes little. Both networks
hold the same weights and are checked to be the same function before the clock starts. The crystals are made up:
perturbed rock salt cells of random elements with 2 to 72 atoms, 28 on average as in the Materials Project.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pymatgen.core
import torch
from machine import processor, publish, versions
from pymatgen.core import Lattice, Structure
from torch import Tensor, nn
from torch_geometric.nn import CGConv

from gnn_sim2real.graph import NUM_ELEMENTS, Graph, GraphBatch
from gnn_sim2real.nn import ALIGNN, CGCNN, Encoder, MEGNet, PaiNN, Roost, SchNet
from gnn_sim2real.nn.basis import gaussian_basis
from gnn_sim2real.nn.readout import weighted_mean
from gnn_sim2real.store.graphs import GraphStore

WANTED_RATIO = 1.9
NEIGHBORS, CUTOFF, HIDDEN, LAYERS, GAUSSIANS = 12, 6.0, 64, 3, 41
ENCODERS: tuple[type[Encoder], ...] = (CGCNN, SchNet, MEGNet, ALIGNN, PaiNN, Roost)
_CELLS = ((1, 1, 1), (2, 2, 1), (2, 2, 2), (3, 2, 2), (4, 3, 2), (4, 3, 3))
"""Multiples of the cell of two atoms."""
_RESULT = Path(__file__).parent / "results" / "crystal_encoders.json"


class TorchGeometricCGCNN(nn.Module):
    """The same network of torch-geometric's layers; the Gaussians are made in the model here too."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_ELEMENTS, HIDDEN)
        self.basis = gaussian_basis(CUTOFF, GAUSSIANS)
        self.convolutions = nn.ModuleList(CGConv(HIDDEN, dim=GAUSSIANS, batch_norm=True) for _ in range(LAYERS))

    def forward(self, batch: GraphBatch) -> Tensor:
        atoms = self.embedding(batch.atomic_number)
        edges = self.basis(batch.need("edge_vector").norm(dim=1))
        for convolution in self.convolutions:
            atoms = convolution(atoms, batch.edge_index, edges)
        return weighted_mean(atoms, batch)

    def copy_from(self, ours: CGCNN) -> None:
        """Take the weights of our network."""
        self.embedding.load_state_dict(ours.embedding.state_dict())
        for theirs, layer in zip(self.convolutions, ours.convolutions, strict=True):
            gate, core = layer.gate_and_core.linear.weight.chunk(2)
            gate_bias, core_bias = layer.gate_and_core.linear.bias.chunk(2)
            theirs.lin_f.load_state_dict({"weight": gate, "bias": gate_bias})
            theirs.lin_s.load_state_dict({"weight": core, "bias": core_bias})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=256, help="crystals a step against torch-geometric")
    parser.add_argument("--encoder-batch-size", type=int, default=64, help="crystals a step of the table of encoders")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    large, small = make_batch(arguments.batch_size), make_batch(arguments.encoder_batch_size)
    result = compare(large, arguments.rounds) | {
        "encoders": measure_encoders(small, arguments.rounds),
        "machine": {"processor": processor(), "system": platform.system(), "threads": torch.get_num_threads()},
        "versions": versions("torch", "torch_geometric") | {"pymatgen": pymatgen.core.__version__},
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    if result["ratio"] < WANTED_RATIO:
        raise SystemExit(f"CGCNN is only {result['ratio']:.2f} times as fast, at least {WANTED_RATIO:g} is wanted")


def compare(batch: GraphBatch, num_rounds: int) -> dict[str, Any]:
    """Ours against torch-geometric's; seconds a training step unless the name says otherwise."""
    ours, theirs = CGCNN(HIDDEN, LAYERS, GAUSSIANS, CUTOFF), TorchGeometricCGCNN()
    theirs.copy_from(ours)
    # A comparison of unequal work would say nothing.
    torch.testing.assert_close(ours(batch), theirs(batch), rtol=1e-4, atol=1e-4)
    steps = {
        "ours": training_step(ours, HIDDEN, batch),
        "torch_geometric": training_step(theirs, HIDDEN, batch),
        "ours_bf16": training_step(ours, HIDDEN, batch, mixed=True),
        "torch_geometric_bf16": training_step(theirs, HIDDEN, batch, mixed=True),
    }
    rounds = run_rounds(steps, num_rounds)
    return {
        "ratio": statistics.median(each["torch_geometric"] / each["ours"] for each in rounds),
        "ratio_both_bf16": statistics.median(each["torch_geometric_bf16"] / each["ours_bf16"] for each in rounds),
        "ratio_bf16_to_float32": statistics.median(each["torch_geometric"] / each["ours_bf16"] for each in rounds),
        "median": {name: statistics.median(each[name] for each in rounds) for name in steps},
        "rounds": rounds,
        "num_parameters": _count(ours),
        **_sizes(batch),
    }


def measure_encoders(batch: GraphBatch, num_rounds: int) -> dict[str, Any]:
    """Crystals a second of one training step of every encoder with its default settings."""
    encoders = {each.__name__: each() for each in ENCODERS}
    steps = {
        (name, precision): training_step(encoder, encoder.output_dim, batch, mixed=precision == "bf16")
        for name, encoder in encoders.items()
        for precision in ("float32", "bf16")
    }
    rounds = run_rounds(steps, num_rounds)
    speeds = {
        name: {
            "num_parameters": _count(encoder),
            **{
                f"crystals_per_second_{precision}": batch.num_graphs
                / statistics.median(each[name, precision] for each in rounds)
                for precision in ("float32", "bf16")
            },
        }
        for name, encoder in encoders.items()
    }
    return {**_sizes(batch), "speeds": speeds}


def training_step(encoder: nn.Module, output_dim: int, batch: GraphBatch, *, mixed: bool = False) -> Callable[[], None]:
    """Forward pass, backward pass and update of an encoder with a linear head."""
    head = nn.Linear(output_dim, 1)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-4)
    target = torch.randn(batch.num_graphs, 1)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            loss = (head(encoder(batch)).float() - target).abs().mean()
        loss.backward()
        optimizer.step()

    return step


def run_rounds(steps: dict[Any, Callable[[], None]], num_rounds: int) -> list[dict[Any, float]]:
    """Seconds of processor time of each step in each round, after one round to warm up."""
    rounds = []
    for _ in range(num_rounds + 1):
        seconds = {}
        for name, step in steps.items():
            start = time.process_time()
            step()
            seconds[name] = time.process_time() - start
        rounds.append(seconds)
    return rounds[1:]


def make_batch(num_crystals: int) -> GraphBatch:
    """A batch of made-up crystals."""
    rng = np.random.default_rng(0)
    graphs = [make_graph(_CELLS[number % len(_CELLS)], rng) for number in range(num_crystals)]
    return GraphStore.from_graphs(graphs).select(torch.arange(num_crystals))


def make_graph(cell: tuple[int, int, int], rng: np.random.Generator) -> Graph:
    """A perturbed rock salt cell of up to four elements, each atom with its 12 nearest neighbors."""
    rock_salt = Structure(Lattice.from_parameters(4, 4, 4, 60, 60, 60), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystal = rock_salt * cell
    crystal = Structure(crystal.lattice, crystal.species, crystal.frac_coords + rng.normal(0, 0.01, (len(crystal), 3)))
    center, neighbor, image, distance = crystal.get_neighbor_list(CUTOFF)
    order = np.lexsort((distance, center))
    rank = np.arange(len(order)) - np.searchsorted(center[order], center[order])
    nearest = order[rank < NEIGHBORS]
    center, neighbor, image = center[nearest], neighbor[nearest], image[nearest]
    to_neighbor = (crystal.frac_coords[neighbor] + image - crystal.frac_coords[center]) @ crystal.lattice.matrix
    elements = rng.integers(1, 95, 4)
    return Graph(
        atomic_number=rng.choice(elements, len(crystal)).astype(np.uint8),
        edge_index=np.stack([neighbor, center]).astype(np.int32),
        node_weight=np.ones(len(crystal), np.float32),
        component=np.zeros(len(crystal), np.uint8),
        edge_vector=-to_neighbor.astype(np.float32),
    )


def _sizes(batch: GraphBatch) -> dict[str, int]:
    return {
        "batch_size": batch.num_graphs,
        "num_atoms": len(batch.atomic_number),
        "num_edges": batch.edge_index.shape[1],
    }


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
