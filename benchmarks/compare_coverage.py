"""Do the intervals of differences between laws hold? Simulated pairs of studies, as `law compare` gets them.

Both studies share their seeds and their test materials. A material that is hard is hard for both, and somewhat harder
for one of them: the first is no difference, the second is one of these test materials that others would not show. The
fit is the one that users call, with the form chosen by its forecast. Each pair is compared as it is, and without the
errors of the test materials, as if these were all there are.
"""

import argparse
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from law_coverage import CONFIDENCE, LEAST_WANTED, MEAN_WANTED
from machine import processor, publish, versions

from gnn_sim2real.law import Models, compare_laws

SIZES = np.geomspace(100.0, 10_000.0, 7)
LARGEST = float(SIZES[-1])


def power(size: Any) -> Any:
    return 1.2 * size**-0.35


def limited(size: Any) -> Any:
    return 2.0 * size**-0.5 + 0.03


def saturating(size: Any) -> Any:
    return 0.04 + 0.2 / (1 + (size / 1500.0) ** 0.8)


PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "power and limited": (power, limited),
    "limited and saturating": (limited, saturating),
}
NUM_MATERIALS = 60
HARD, HARDER = 0.8, 0.3
"""Standard deviations of the log error of a material: for both, and for each of the two apart."""
FACTORS = (1.0, 4.0)
"""Errors are compared at so many times the largest size."""
_RESULT = Path(__file__).parent / "results" / "compare_coverage.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100, help="simulated pairs a cell")
    parser.add_argument("--draws", type=int, default=200, help="draws a fit")
    parser.add_argument("--output", type=Path, default=_RESULT)
    parser.add_argument("--kept", type=Path, default=None, help="keep finished cells here, and do not repeat them")
    arguments = parser.parse_args()
    settings = [arguments.studies, arguments.draws]
    found = json.loads(arguments.kept.read_text()) if arguments.kept and arguments.kept.exists() else {}
    kept = found["cells"] if found.get("settings") == settings else []
    cells: list[dict[str, Any]] = []
    for number, (pair, seeds, noise) in enumerate(itertools.product(PAIRS, (3, 5), (0.02, 0.10))):
        cell = {"pair": pair, "seeds": seeds, "noise": noise}
        known = [each for each in kept if cell.items() <= each.items()]
        cells += known or [cell | measure(number, pair, seeds, noise, *settings)]
        if arguments.kept and not known:
            arguments.kept.write_text(json.dumps({"settings": settings, "cells": cells}))
    covered = {name: [cell["coverage"][name] for cell in cells] for name in cells[0]["coverage"]}
    without = [share for cell in cells for share in cell["coverage_without_test_materials"].values()]
    mean, least = float(np.mean(list(covered.values()))), {name: min(values) for name, values in covered.items()}
    publish(
        {
            "confidence": CONFIDENCE,
            "sizes": [len(SIZES), float(SIZES[0]), LARGEST],
            "test_materials": {"number": NUM_MATERIALS, "hard_for_both": HARD, "harder_for_one": HARDER},
            "studies": arguments.studies,
            "draws": arguments.draws,
            "mean": round(mean, 4),
            "mean_by_quantity": {name: round(float(np.mean(values)), 4) for name, values in covered.items()},
            "least_by_quantity": least,
            "mean_without_test_materials": round(float(np.mean(without)), 4),
            "cells": cells,
            "wanted": {"mean": MEAN_WANTED, "least": LEAST_WANTED},
            "processor": processor(),
            "versions": versions("numpy", "scipy"),
            "date": datetime.now(UTC).date().isoformat(),
        },
        arguments.output,
    )
    if not MEAN_WANTED[0] <= mean <= MEAN_WANTED[1] or min(least.values()) < LEAST_WANTED:
        raise SystemExit(f"intervals cover {mean:.3f} on average, at least {min(least.values()):.3f}")


def measure(number: int, pair: str, num_seeds: int, noise: float, num_studies: int, num_draws: int) -> dict[str, Any]:
    """Coverage of one cell, with and without the errors of the test materials."""
    hits: dict[str, dict[str, list[bool]]] = {"coverage": {}, "coverage_without_test_materials": {}}
    for study in range(num_studies):
        models = simulate(np.random.default_rng([number, study]), pair, num_seeds, noise)
        plain = {name: each._replace(material_errors=None, materials=None) for name, each in models.items()}
        for which, compared in zip(hits, (models, plain), strict=True):
            for name, inside in judge(compared, pair, num_draws, study).items():
                hits[which].setdefault(name, []).append(inside)
    return {
        which: {name: round(float(np.mean(found)), 4) for name, found in of_which.items()}
        for which, of_which in hits.items()
    }


def simulate(random: np.random.Generator, pair: str, num_seeds: int, noise: float) -> dict[str, Models]:
    """Two studies; `noise` is the standard deviation of a log error, half its variance that of the shared seed."""
    shape = (num_seeds, len(SIZES))
    seeds, hard = random.standard_normal((num_seeds, 1)), HARD * random.standard_normal(NUM_MATERIALS)
    models = {}
    for name, law in zip(("first", "second"), PAIRS[pair], strict=True):
        log_factor = noise * (seeds + random.standard_normal(shape)) / np.sqrt(2)
        harder = hard + HARDER * random.standard_normal(NUM_MATERIALS) - (HARD**2 + HARDER**2) / 2  # of mean 1
        each = (law(SIZES) * np.exp(log_factor))[..., None] * np.exp(harder)
        models[name] = Models(
            np.tile(SIZES, num_seeds),
            each.mean(axis=2).ravel(),
            np.repeat(np.arange(num_seeds), len(SIZES)).tolist(),
            material_errors=each.reshape(-1, NUM_MATERIALS),
            materials=range(NUM_MATERIALS),
        )
    return models


def judge(models: dict[str, Models], pair: str, num_draws: int, seed: int) -> dict[str, bool]:
    """Whether the interval of each difference holds the truth."""
    (found,) = compare_laws(models, confidence=CONFIDENCE, num_resamples=num_draws, seed=seed).pairs
    one, other = PAIRS[pair]
    truth = {f"error_{factor:g}x": one(factor * LARGEST) - other(factor * LARGEST) for factor in FACTORS}
    said = {f"error_{factor:g}x": found.differences[found.sizes.index(factor * LARGEST)].interval for factor in FACTORS}
    gains = [law(LARGEST) - law(2 * LARGEST) for law in (one, other)]
    truth["next_doubling"], said["next_doubling"] = gains[0] - gains[1], found.next_doubling.interval
    return {name: bool(low <= truth[name] <= high) for name, (low, high) in said.items()}


if __name__ == "__main__":
    main()
