"""What error do the baselines without a source model reach on the rows of the published studies?

Every baseline is fitted to the training parts of a study, over its target sizes, seeds and splits, and tested on its
test parts: the same materials on which networks were tested. Nothing but the tables is needed, no pretrained model. It
can be stopped at any time, and goes on where it was; baselines that are new, or whose version was raised, are computed
when it is run again. A baseline that needs simulated values is left out where a study, or the training part of a cell,
has none.
"""

import argparse
import json
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import processor, versions

from gnn_sim2real.baselines import BASELINES, Baseline, predict_test
from gnn_sim2real.study.baseline_cell import gather_inputs
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.resolve import Resolver

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "baselines.json"
STUDIES = {
    "band_gap": "crystal/band_gap/study.yaml",
    "formation_enthalpy": "crystal/formation_enthalpy/study.yaml",
    "polymer_density": "polymer/density/study.yaml",
    "glass_transition_from_radonpy": "polymer/glass_transition/from_radonpy.yaml",
    "liquid_density_from_density": "molecule/liquid_density/from_density.yaml",
    "chi": "mixture/chi/study.yaml",
    "chi_pairs": "mixture/chi_pairs/study.yaml",
    "solvation": "mixture/solvation/study.yaml",
}
"""Studies by the name of their result in `results/`."""

LARGEST = {"solvation": 100}
"""Largest target size of a study: 300 solutes are thousands of pairs, as its YAML says."""

CELL = ["study", "baseline", "version", "target_size", "split", "seed"]

Row = dict[str, Any]


def repeats(resolver: Resolver, number: int | None, largest: int | None) -> list[GridPoint]:
    """One point for every target size, split and seed of a study; all sizes of the first split and seed come first."""
    found = {(each.seed, each.split, str(each.target_size)): each for each in resolver.points()}
    draws = sorted({key[:2] for key in found})[:number]
    small = [key for key in sorted(found) if largest is None or (key[2] != "all" and int(key[2]) <= largest)]
    return [found[key] for key in small if key[:2] in draws]


def compute(
    name: str, resolver: Resolver, points: Sequence[GridPoint], wanted: Sequence[Baseline], done: Collection[Any]
) -> Iterator[Row]:
    """Results that are not done."""
    for point, baseline in product(points, wanted):
        target = resolver.target(point)
        cell = (name, baseline.name, baseline.version, target.parts.size, point.split, point.seed)
        if cell in done:
            continue
        used = np.concatenate([target.parts.train, target.parts.validation])
        values, test = target.table.values[:, 0], target.parts.test
        try:
            inputs = gather_inputs(baseline, resolver.source(point), target, None, resolver.foundation)
            prediction = predict_test(baseline, inputs, values, used, test, seed=point.seed)
        except ValueError as error:
            print(f"left out: {cell}: {error}", flush=True)
            continue
        errors = np.abs(prediction - values[test])
        scored = ~np.isnan(errors)
        if scored.any():
            result = {"mae": float(errors[scored].mean()), "num_test": int(scored.sum()), "of": len(test)}
            yield {**dict(zip(CELL, cell, strict=True)), **result}


def best_network(name: str) -> dict[int, float]:
    """Least mean error of a network in the published result, by target size."""
    path = RESULT.parent / f"{name}.json"
    cells = pd.json_normalize(json.loads(path.read_text())["cells"]) if path.exists() else pd.DataFrame()
    if cells.empty:
        return {}
    networks = cells[~cells["policy"].isin(list(BASELINES))]
    kinds = ["target_size", "architecture", "policy", "source_level", "growth"]
    means = networks.groupby(kinds)["metrics.mae"].mean()
    return {int(size): float(value) for size, value in means.groupby("target_size").min().items()}


def write(rows: list[Row], path: Path) -> None:
    """Write the results, one row a line."""
    about = {"processor": processor(), "versions": versions("scikit-learn", "numpy", "rdkit", "pymatgen")}
    lines = ",\n".join(json.dumps(row) for row in sorted(rows, key=lambda row: [row[name] for name in CELL]))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(f'{{"about": {json.dumps(about)},\n"rows": [\n{lines}\n]}}\n')
    partial.replace(path)


def show(rows: list[Row], name: str) -> None:
    """Print mean errors by target size, beside those of the best network."""
    table = pd.DataFrame([row for row in rows if row["study"] == name])
    errors = table.pivot_table(index="baseline", columns="target_size", values="mae", aggfunc="mean")
    errors.loc["(best network)"] = pd.Series(best_network(name))
    counts = table.groupby("baseline")[["num_test", "of"]].mean()
    print(f"\n{name}\n{errors.join(counts).round(4).to_string()}", flush=True)


def main() -> None:
    """Compute what is missing, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--baselines", nargs="+", help="only these")
    parser.add_argument("--repeats", type=int, help="only so many draws (seed and split) of each study")
    parser.add_argument("--largest", type=int, help="only target sizes up to this one")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    rows: list[Row] = json.loads(options.output.read_text())["rows"] if options.output.exists() else []
    wanted = [each for each in BASELINES.values() if not each.needs_source and not each.uses_foundation]
    if options.baselines:
        wanted = [BASELINES[each] for each in options.baselines]
    for name in options.studies:
        config, _ = read_study([str(ROOT / "configs" / STUDIES[name])], [])
        resolver = Resolver(config)
        done = {tuple(row[key] for key in CELL) for row in rows}
        largest = min((each for each in (options.largest, LARGEST.get(name)) if each is not None), default=None)
        points = repeats(resolver, options.repeats, largest)
        for row in compute(name, resolver, points, wanted, done):
            rows.append(row)
            write(rows, options.output)
            print(row, flush=True)
        show(rows, name)


if __name__ == "__main__":
    main()
