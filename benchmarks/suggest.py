"""How many measurements does `suggest` need to find the best materials, against random choice and simple methods?

A campaign begins with 20 measurements drawn at random and adds batches of 10, until half of the top 1 % of all measured
materials is found; what is in the table but not yet chosen counts as not measured. `suggest` is the procedure of the
command: a model of the starter library by the error on left-out measurements, chosen anew as long as there are at most
40 measurements, its features and predictions in a Gaussian process, expected improvement, diverse batches. Its rivals
see the same measurements and choose by expected improvement as well: a Gaussian process on counts of Morgan fragments,
and extra trees on the same counts, whose standard deviation is that over the trees. No model of the starter library has
seen a measurement; simulations of some of the materials it has. What is done is found in `runs/suggest.json`.

    GNN_SIM2REAL_DATA=... python benchmarks/suggest.py                      # all; --targets and --starts choose some
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from machine import processor, publish, versions
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from scipy.spatial.distance import cdist
from sklearn.ensemble import ExtraTreesRegressor

from datamodules import MeasuredLiquids, PolymerTable
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.figures import (
    BASELINE_COLORS,
    COLORS,
    DOTTED,
    GRAY,
    HAIR,
    SMALL,
    TEXT,
    clear_frame,
    new_figure,
    save_figure,
)
from gnn_sim2real.gaussian_process import GaussianProcess, StandardColumns
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.library.starter import starter_folder
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.suggest.acquisition import Aim, choose_batch
from gnn_sim2real.suggest.candidates import Candidate
from gnn_sim2real.suggest.run import KEPT, choose_diverse
from gnn_sim2real.suggest.surrogate import Encoded, Surrogate, encode

_RESULT = Path(__file__).parent / "results" / "suggest.json"
_DONE = Path("runs/suggest.json")

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

START, BATCH, STARTS, MOST = 20, 10, 20, 1000
"""Measurements at the start, of a batch, campaigns of a method, and measurements after which one is given up."""
TOP, FOUND = 0.01, 0.5
REVIEWED = 40
"""Number of measurements up to which the model is chosen anew."""

TARGETS: dict[str, Callable[[], PropertyDataModule]] = {
    "polymer density": lambda: PolymerTable("density", "density_g_cm3", "g/cm3", name="measured_density"),
    "boiling point": lambda: MeasuredLiquids("boiling_point"),
    "polymer glass transition": lambda: PolymerTable("glass_transition", "tg_K", "K", name="measured_tg"),
}


@dataclass(eq=False)
class Pool:
    """Measured materials of which most count as candidates.

    Attributes:
        values: (num_materials,).
        groups: Group of each.
        models: What each model of the library knows of them, by its key.
        counts: Of Morgan fragments, (num_materials, num_fragments).
    """

    values: Floats
    groups: list[str]
    models: dict[str, Encoded]
    counts: Floats
    chosen: dict[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def best(self) -> set[int]:
        """Rows of the top 1 %."""
        number = max(1, round(TOP * len(self.values)))
        return {int(row) for row in np.argsort(-self.values, kind="stable")[:number]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    done: dict[str, Any] = json.loads(_DONE.read_text()) if _DONE.exists() else {}
    for target in arguments.targets:
        names = [f"{target}|{method}|{start}" for start in range(arguments.starts) for method in METHODS]
        if all(name in done for name in names):
            continue
        pool = read_pool(TARGETS[target]())
        done[f"{target}|pool"] = {"materials": len(pool.values), "wanted": len(pool.best), "models": len(pool.models)}
        for name in names:
            if name in done:
                continue
            _, method, start = name.split("|")
            began = time.process_time()
            done[name] = campaign(pool, METHODS[method], int(start))
            done[name]["seconds"] = round(time.process_time() - began, 1)
            _DONE.parent.mkdir(exist_ok=True)
            _DONE.write_text(json.dumps(done))
            print(name, done[name]["needed"], done[name]["seconds"], flush=True)
    result = summarize(done)
    publish(result, arguments.output)
    draw(result, arguments.output.with_suffix(".png"))


def read_pool(data: PropertyDataModule) -> Pool:
    """All measured materials, and what is known of them."""
    table = data.table
    materials = list(table.materials)
    library, models = ModelLibrary(starter_folder()), {}
    for card in library.cards():
        if card.featurizer.get("name") == data.kind:
            model = library.load(card.key)
            models[card.key] = encode(model, store_of(list(materials), model.featurizer))
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    counts = [generator.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(each)) for each in materials]
    return Pool(table.values[:, 0], list(table.groups), models, np.array(counts, np.float64))


Choose = Callable[[Pool, Rows, Rows], list[int]]
"""Of a pool, the rows that are measured and the others, those that are measured next."""


def campaign(pool: Pool, choose: Choose, start: int) -> dict[str, Any]:
    """Measure until half of the best are found.

    Args:
        pool: The pool.
        choose: Chooses a batch.
        start: Seed of the first measurements.

    Returns:
        The number of measurements, None if given up, and how many of the best were found after each batch.
    """
    order = np.random.default_rng(start).permutation(len(pool.values))
    measured, best = [int(row) for row in order[:START]], pool.best
    wanted, course = int(np.ceil(FOUND * len(best))), []
    while True:
        course.append(len(best.intersection(measured)))
        if course[-1] >= wanted:
            return {"needed": len(measured), "course": course}
        if len(measured) >= MOST or len(measured) == len(pool.values):
            return {"needed": None, "course": course}
        known = np.array(measured)
        left = np.setdiff1d(np.arange(len(pool.values)), known)
        measured += choose(pool, known, left)


def by_suggest(pool: Pool, known: Rows, left: Rows) -> list[int]:
    """As the command does."""
    values, groups = pool.values[known], [pool.groups[row] for row in known.tolist()]
    begun = tuple(known[:START].tolist())
    if len(known) <= REVIEWED or begun not in pool.chosen:
        models = [(key, each.take(known)) for key, each in pool.models.items()]
        pool.chosen[begun], surrogate = Surrogate.best_of(models, values, groups)
    else:
        surrogate = Surrogate(pool.models[pool.chosen[begun]].take(known), values, groups)
    asked = pool.models[pool.chosen[begun]].take(left)
    mean, std = surrogate.predict(asked)
    scores = Aim("maximize", float(values.max())).log_scores(mean, std)
    kept = np.argsort(-scores, kind="stable")[: KEPT * BATCH].tolist()
    found = [Candidate(scores[n], int(left[n]), mean[n], std[n], 0.0, asked.features[n]) for n in kept]
    return [each.row for each in choose_diverse(found, surrogate, BATCH)]


def by_process(pool: Pool, known: Rows, left: Rows) -> list[int]:
    """A Gaussian process on counts of fragments."""
    process = GaussianProcess().fit([pool.counts[known]], pool.values[known])
    return _by_improvement(pool, known, left, *process.predict([pool.counts[left]]))


def by_trees(pool: Pool, known: Rows, left: Rows) -> list[int]:
    """Extra trees on counts of fragments."""
    trees = ExtraTreesRegressor(n_estimators=100, random_state=0).fit(pool.counts[known], pool.values[known])
    single = pool.counts[left].astype(np.float32)  # as the trees read them, once for all
    each = np.array([tree.predict(single) for tree in trees.estimators_])
    return _by_improvement(pool, known, left, each.mean(axis=0), np.maximum(each.std(axis=0), 1e-9))


def _by_improvement(pool: Pool, known: Rows, left: Rows, mean: Floats, std: Floats) -> list[int]:
    """A diverse batch of the largest expected improvements, by the same rule as `suggest`."""
    scores = Aim("maximize", float(pool.values[known].max())).log_scores(mean, std)
    kept = np.argsort(-scores, kind="stable")[: KEPT * BATCH]
    columns = StandardColumns(pool.counts[known])
    measured = columns.apply(pool.counts[known])
    gaps = cdist(measured, measured)
    np.fill_diagonal(gaps, np.inf)
    radius = float(np.median(gaps.min(axis=1))) or 1.0
    return [
        int(left[kept[n]]) for n in choose_batch(scores[kept], columns.apply(pool.counts[left[kept]]), BATCH, radius)
    ]


METHODS: dict[str, Choose] = {"suggest": by_suggest, "gaussian process": by_process, "trees": by_trees}


def by_chance(materials: int, best: int) -> float:
    """Mean number of random measurements until half of the best are found: that of the k-th of b drawn from N rows."""
    return int(np.ceil(FOUND * best)) * (materials + 1) / (best + 1)


def summarize(done: dict[str, Any]) -> dict[str, Any]:
    """Means over the starts, with 90 % intervals; ratios are geometric means of pairs of the same start."""
    targets = {}
    for target in TARGETS:
        if (about := done.get(f"{target}|pool")) is None:
            continue
        needed = {
            method: np.array(
                [
                    done[name]["needed"] or MOST
                    for start in range(STARTS)
                    if (name := f"{target}|{method}|{start}") in done
                ],
                float,
            )
            for method in METHODS
        }
        given_up = {
            method: sum(
                done.get(f"{target}|{method}|{start}", {"needed": 1})["needed"] is None for start in range(STARTS)
            )
            for method in METHODS
        }
        number = min(map(len, needed.values()))
        if number < 2:
            continue
        ours, chance = needed["suggest"][:number], by_chance(about["materials"], about["wanted"])
        targets[target] = about | {
            "starts": number,
            "measurements": {
                "random": chance,
                **{method: list(interval_of_mean(each[:number])) for method, each in needed.items()},
            },
            "given_up": given_up,
            "ratio": {
                "random": _ratio(ours, np.full(number, chance)),
                **{method: _ratio(ours, each[:number]) for method, each in needed.items() if method != "suggest"},
            },
            "course": {
                method: _mean_course([done[f"{target}|{method}|{start}"]["course"] for start in range(number)])
                for method in METHODS
            },
        }
    return {
        "targets": targets,
        "protocol": {"start": START, "batch": BATCH, "top": TOP, "found": FOUND, "given_up_after": MOST},
        "processor": processor(),
        "versions": versions("torch", "scikit-learn", "rdkit"),
    }


def _ratio(ours: Floats, theirs: Floats) -> list[float]:
    return [float(np.exp(each)) for each in interval_of_mean(np.log(ours / theirs))]


def _mean_course(courses: list[list[int]]) -> list[float]:
    """How many of the best were found after each batch, in the mean; a campaign that has ended stays where it was."""
    longest = max(map(len, courses))
    return [float(np.mean([each[min(n, len(each) - 1)] for each in courses])) for n in range(longest)]


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw how many of the best are found after so many measurements, a panel for each target."""
    targets = result["targets"]
    figure = new_figure(4.2 * len(targets), 3.7)
    for axes, (target, about) in zip(figure.subplots(1, len(targets), squeeze=False)[0], targets.items(), strict=True):
        for color, (method, course) in zip((COLORS[0], *BASELINE_COLORS), about["course"].items(), strict=False):
            sizes = START + BATCH * np.arange(len(course))
            axes.plot(sizes, np.array(course) / about["wanted"], color=color, label=_TITLES[method])
        longest = max(map(len, about["course"].values()))
        ends = np.array([START, START + BATCH * (longest - 1)])
        axes.plot(ends, ends / about["materials"], DOTTED, color=GRAY, label="at random")
        axes.axhline(FOUND, color=GRAY, linewidth=HAIR)
        axes.set_title(f"{target}, {about['materials']:,} materials", fontsize=TEXT)
        axes.set_xlabel("measurements", fontsize=TEXT)
        clear_frame(axes)
    figure.axes[0].set_ylabel("share of the best 1 % that is found", fontsize=TEXT)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=SMALL, frameon=False)
    save_figure(figure, path)


_TITLES = {
    "suggest": "suggest, starter library",
    "gaussian process": "Gaussian process on Morgan counts",
    "trees": "extra trees on Morgan counts",
}


if __name__ == "__main__":
    main()
