"""Whole epochs of CGCNN with loading, against the same network of torch-geometric with its data set and loader.

Real crystals of the Materials Project (GNN_SIM2REAL_DATA), one process, one thread, processor time, alternating rounds.
Both networks hold the same number of weights and get the same graphs. Beside the time of bfloat16 autocast stands what
it does to the error: the same trainings in both precisions, tested on crystals that no training saw. At the end, the
memory of a training over all crystals, in a process of its own.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from crystal_encoders import CUTOFF, GAUSSIANS, HIDDEN, LAYERS, TorchGeometricCGCNN
from lightning.pytorch import Trainer, seed_everything
from loading import CollatedDataset
from machine import processor, publish, versions
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from datamodules import MaterialsProjectTables
from gnn_sim2real.graph import GraphBatch, to_pyg
from gnn_sim2real.nn import CGCNN
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.tasks import SourcePretraining

WANTED = {"ratio": 2.0, "ratio_bf16": 3.0}
WANTED_GIB = 2.0
_RESULT = Path(__file__).parent / "results" / "crystal_epochs.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crystals", type=int, default=2048, help="crystals of an epoch")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3, help="pairs of trainings of the error")
    parser.add_argument("--steps", type=int, default=500, help="steps of such a training, 64 crystals each")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure_epochs(arguments.crystals, arguments.batch_size, arguments.rounds) | {
        "error": compare_errors(arguments.seeds, arguments.steps),
        "memory": in_process(measure_memory),
        "machine": {"processor": processor(), "system": platform.system(), "threads": 1},
        "versions": versions("torch", "torch_geometric", "lightning"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    for name, wanted in WANTED.items():
        if result[name] < wanted:
            raise SystemExit(f"{name} is only {result[name]:.2f}, at least {wanted:g} is wanted")
    if result["memory"]["anonymous_gib"] > WANTED_GIB:
        raise SystemExit(f"a training takes {result['memory']['anonymous_gib']:.2f} GiB of its own")


def measure_epochs(num_crystals: int, batch_size: int, num_rounds: int) -> dict[str, Any]:
    """Seconds of processor time of an epoch, and the ratios."""
    data = MaterialsProjectTables(["formation_energy"], size=num_crystals, validation_fraction=0)
    rows, store = torch.from_numpy(data.parts.train), data.store
    targets = (
        (data.data_set.targets - data.part("train").present_targets.mean()) / data.part("train").present_targets.std()
    ).contiguous()
    ours = make_loader(MaterialSet(store, rows, targets), batch_size, seed=0)
    items = []
    for row in rows.tolist():
        item: Data = to_pyg(data.featurizer.featurize(data.table.materials[row]))
        item.y = targets[row].unsqueeze(0)
        items.append(item)
    theirs = DataLoader(CollatedDataset(items), batch_size=batch_size, shuffle=True)
    networks = {"ours": CGCNN(HIDDEN, LAYERS, GAUSSIANS, CUTOFF), "ours_bf16": CGCNN(HIDDEN, LAYERS, GAUSSIANS, CUTOFF)}
    epochs = {
        name: epoch(network, lambda: ((batch, batch.targets) for batch in ours), mixed=name.endswith("bf16"))
        for name, network in networks.items()
    }
    epochs["torch_geometric"] = epoch(
        TorchGeometricCGCNN(), lambda: ((as_batch(batch), batch.y) for batch in theirs), mixed=False
    )
    rounds = []
    for number in range(num_rounds + 1):
        ours.sampler.set_epoch(number)  # type: ignore[union-attr]
        seconds = {}
        for name, run in epochs.items():
            start = time.process_time()
            run()
            seconds[name] = time.process_time() - start
        rounds.append(seconds)
    rounds = rounds[1:]  # the first one warms up
    return {
        "ratio": statistics.median(each["torch_geometric"] / each["ours"] for each in rounds),
        "ratio_bf16": statistics.median(each["torch_geometric"] / each["ours_bf16"] for each in rounds),
        "median": {name: statistics.median(each[name] for each in rounds) for name in epochs},
        "rounds": rounds,
        "num_crystals": num_crystals,
        "num_atoms": sum(item.num_nodes for item in items),
        "batch_size": batch_size,
    }


def as_batch(batch: Data) -> GraphBatch:
    """A batch of torch-geometric with the field names that the network reads."""
    return GraphBatch(
        atomic_number=batch.atomic_number,
        edge_index=batch.edge_index,
        node_weight=batch.node_weight,
        component=batch.component,
        batch_index=batch.batch,
        row=torch.arange(batch.num_graphs),
        edge_vector=batch.edge_vector,
    )


def epoch(encoder: nn.Module, batches: Callable[[], Any], *, mixed: bool) -> Callable[[], None]:
    """One training epoch of an encoder with a linear head."""
    head = nn.Linear(HIDDEN, 1)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3)

    def run() -> None:
        for batch, targets in batches():
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                output: Tensor = head(encoder(batch))
            (output.float() - targets).abs().mean().backward()
            optimizer.step()

    return run


def compare_errors(num_seeds: int, num_steps: int) -> dict[str, Any]:
    """Test errors of the same trainings in float32 and in bfloat16 autocast."""
    errors: dict[str, list[float]] = {"32-true": [], "bf16-mixed": []}
    for seed in range(num_seeds):
        for precision, found in errors.items():
            data = MaterialsProjectTables(
                ["formation_energy"],
                size=8000,
                seed=seed,
                max_sites=24,
                test_fraction=0.05,
                validation_fraction=0,
                batch_size=64,
            )
            found.append(train(data, num_steps, precision, seed)["test/mae"])
    return {
        "mae_float32": errors["32-true"],
        "mae_bf16": errors["bf16-mixed"],
        "ratio_of_means": statistics.mean(errors["bf16-mixed"]) / statistics.mean(errors["32-true"]),
        "unit": "eV/atom",
        "num_steps": num_steps,
    }


def train(data: MaterialsProjectTables, num_steps: int, precision: Any, seed: int) -> dict[str, float]:
    """Train, and test where there is a test part."""
    seed_everything(seed, verbose=False)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=num_steps,
        max_epochs=-1,
        precision=precision,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    task = SourcePretraining(CGCNN(), loss="mae")
    trainer.fit(task, datamodule=data)
    if not len(data.parts.test):
        return {}
    trainer.test(task, datamodule=data, verbose=False)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def measure_memory() -> dict[str, float]:
    """Memory of a training over all crystals [GiB]; pages of the mapped store are counted apart."""
    torch.set_num_threads(1)
    data = MaterialsProjectTables(["band_gap", "formation_energy"], validation_fraction=0, batch_size=256)
    train(data, 100, "32-true", 0)
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return {
        "anonymous_gib": kib["Anonymous"] / 2**20,
        "mapped_gib": (kib["Rss"] - kib["Anonymous"]) / 2**20,
        "num_crystals": len(data.parts.train),
        "steps": 100,
    }


def in_process(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Run in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work).result()


if __name__ == "__main__":
    main()
