"""How many models a second does one core rank for 50 repeat units, from cold files, and in how much memory?

The library is made for the purpose: untrained networks of about the sizes of `configs/library`, which cost as much as
trained ones. Everything counts from the first card to the last score: reading the files, building the networks,
encoding the materials, and ridge regression in 5-fold cross-validation; then the further rungs of successive halving.
The target are 50 repeat units of the demo.

Processor time says what the work costs on a busy machine too; the time on the wall is what a user of an idle one waits.
"""

import argparse
import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded

import numpy as np
import torch
from machine import processor, publish, versions

from datamodules import DemoSimulated
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.library import ModelLibrary, TrainedModel
from gnn_sim2real.nn import DMPNN, GINE, FingerprintMLP, PropertyModel, Roost
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.records.record import provenance
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.models import QuickLoader, entries_of
from gnn_sim2real.shotgun.ranking import RankingSettings, plan_rungs, rank_models
from gnn_sim2real.shotgun.scores import ScoreCache
from gnn_sim2real.shotgun.target import Target

WANTED = 40.0
"""Models a second and core, so that 140,000 take less than an hour."""

_RESULT = Path(__file__).parent / "results" / "ranking.json"
_ENCODERS = {
    "GINE": lambda: GINE(hidden_dim=48, num_layers=3),
    "DMPNN": lambda: DMPNN(hidden_dim=96, num_layers=3),
    "FingerprintMLP": lambda: FingerprintMLP(hidden_dim=32, num_layers=2, num_bits=1024),
    "Roost": lambda: Roost(hidden_dim=32, num_layers=2, num_heads=2, mlp_dim=48),
}
_CARD = {
    "domain": "polymer",
    "source": "made up",
    "license": "none stated",
    "citation": "none stated",
    "num_validation": 0,
    "metrics": {},
    "task": "SourcePretraining",
    "provenance": provenance(0.0),
    "data": {"size": 100, "fingerprint": "0" * 64, "parts": "0" * 32, "seed": 0},
}


def make_library(folder: Path, name: str, count: int) -> ModelLibrary:
    """Models of one architecture, each with weights of its own."""
    library = ModelLibrary(folder)
    for seed in range(count):
        torch.manual_seed(seed)
        network = PropertyModel(_ENCODERS[name](), [PropertySpec("density", "g/cm3")]).eval()
        library.add(
            TrainedModel(network, get_featurizer("repeat_unit"), {}), _CARD | {"seed": seed}, [], {"seed": seed}
        )
    return library


def measure(library: ModelLibrary, target: Target, settings: RankingSettings) -> dict[str, float]:
    """Rank a whole library."""
    wall, worked = time.perf_counter(), time.process_time()
    entries = entries_of(library.cards())
    ranked = rank_models(QuickLoader(library), entries, target, [target.train], settings, ScoreCache(None), Skipped())
    wall, worked = time.perf_counter() - wall, time.process_time() - worked
    assert len(ranked[0]) == len(entries)
    return {"processor": round(len(entries) / worked, 1), "wall": round(len(entries) / wall, 1)}


def memory() -> float:
    """Most memory so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=300, help="models of each architecture")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    target = Target.of_data(DemoSimulated(size=50, validation_fraction=0))
    target.view(target.own)  # the graphs are made once for all models
    settings = RankingSettings(repeats=8, finalists=16)
    first_look = RankingSettings(repeats=1, finalists=10**9)
    found = {}
    for name in _ENCODERS:
        with tempfile.TemporaryDirectory() as folder:
            library = make_library(Path(folder), name, arguments.models)
            library.cards()
            measure(library, target, first_look)  # warms up what is loaded once a process
            before = memory()
            found[name] = {
                "all layers, 5-fold ridge, once": measure(library, target, first_look),
                "successive halving to 16 with 8 repeats": measure(library, target, settings),
                "more_memory_mib": round(memory() - before, 1),
            }
    ways = [way for way in next(iter(found.values())) if way != "more_memory_mib"]
    together = {
        way: {
            clock: round(len(found) / sum(1 / each[way][clock] for each in found.values()), 1)
            for clock in ("processor", "wall")
        }
        for way in ways
    }
    result = {
        "models_per_second": found,
        "all_architectures_alike": together,
        "hours_for_140000_models": round(140_000 / together[ways[-1]]["processor"] / 3600, 2),
        "wanted_at_least": WANTED,
        "materials": len(target.train),
        "mean_atoms": round(float(np.mean(target.view(target.own).store.num_nodes)), 1),
        "models_of_each_architecture": arguments.models,
        "rungs": [vars(rung) for rung in plan_rungs(arguments.models, settings)],
        "load_at_the_end": round(os.getloadavg()[0], 2),
        "processor": processor(),
        "versions": versions("numpy", "torch"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    if min(each["processor"] for each in together.values()) < WANTED:
        raise SystemExit(f"slower than wanted: {together}")


if __name__ == "__main__":
    main()
