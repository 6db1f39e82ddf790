"""Do the intervals of the law in source and target size hold? Simulated studies of known laws, as in law_coverage.py.

Four laws: with and without transfer gap, with and without a limit. Half the variance of a log error is that of the
seed, which all sizes share. The fit is the one that users call, with the form chosen by its forecast.
"""

import argparse
import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from law_coverage import CONFIDENCE, LEAST_WANTED, MEAN_WANTED
from machine import processor, publish, versions

from gnn_sim2real.scaling import fit_scaling_surface

ALPHA, BETA, PREFACTOR = 0.35, 0.2, 2.0
LAWS = {"gap": (0.1, 0.0), "neither": (0.0, 0.0), "gap and limit": (0.1, 0.03), "limit": (0.0, 0.03)}
"""G and L of each law."""
SOURCES, TARGETS = (100.0, 10_000.0), (20.0, 500.0)
FORECASTS = ((4.0, 1.0), (10.0, 1.0), (1.0, 4.0), (4.0, 2.0))
"""Forecasts at so many times the largest source and target size."""
_RESULT = Path(__file__).parent / "results" / "surface_coverage.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=150, help="simulated studies a cell")
    parser.add_argument("--draws", type=int, default=300, help="draws a fit")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    cells = []
    for number, (law, seeds, noise) in enumerate(itertools.product(LAWS, (3, 5), (0.02, 0.10))):
        covered = measure(number, law, seeds, noise, arguments.studies, arguments.draws)
        cells.append({"law": law, "seeds": seeds, "noise": noise, "coverage": covered})
    covered = {name: [cell["coverage"][name] for cell in cells] for name in cells[0]["coverage"]}
    mean = float(np.mean(list(covered.values())))
    least = {name: min(values) for name, values in covered.items()}
    result = {
        "confidence": CONFIDENCE,
        "laws": {"alpha": ALPHA, "beta": BETA, "prefactor": PREFACTOR, "gap and limit": LAWS},
        "sizes": {"source": [6, *SOURCES], "target": [4, *TARGETS]},
        "studies": arguments.studies,
        "draws": arguments.draws,
        "mean": round(mean, 4),
        "mean_by_quantity": {name: round(float(np.mean(values)), 4) for name, values in covered.items()},
        "least_by_quantity": least,
        "cells": cells,
        "wanted": {"mean": MEAN_WANTED, "least": LEAST_WANTED},
        "processor": processor(),
        "versions": versions("numpy", "scipy"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    if not MEAN_WANTED[0] <= mean <= MEAN_WANTED[1] or min(least.values()) < LEAST_WANTED:
        raise SystemExit(f"intervals cover {mean:.3f} on average, at least {min(least.values()):.3f}")


def measure(number: int, law: str, num_seeds: int, noise: float, num_studies: int, num_draws: int) -> dict[str, float]:
    """Coverage of one cell."""
    sources, targets = np.geomspace(*SOURCES, 6), np.geomspace(*TARGETS, 4)
    seed, source, target = np.meshgrid(np.arange(num_seeds), sources, targets, indexing="ij")
    gap, limit = LAWS[law]
    truth = {"decay_rate": ALPHA, "target_rate": BETA, "transfer_gap": gap, "prefactor": PREFACTOR, "limit": limit}
    hits: dict[str, list[bool]] = {}
    for study in range(num_studies):
        random = np.random.default_rng([number, study])
        factors = random.standard_normal((num_seeds, 1, 1)) + random.standard_normal(source.shape)
        errors = true_error(source, target, law) * np.exp(noise * factors / np.sqrt(2))
        found = fit_scaling_surface(
            source.ravel(),
            target.ravel(),
            errors.ravel(),
            curves=seed.ravel().tolist(),
            confidence=CONFIDENCE,
            num_resamples=num_draws,
            seed=study,
        )
        intervals: dict[str, Any] = {name: getattr(found, f"{name}_interval") for name in truth}
        inside = {name: low <= truth[name] <= high for name, (low, high) in intervals.items()}
        for more_source, more_target in FORECASTS:
            at = more_source * SOURCES[1], more_target * TARGETS[1]
            low, high = map(float, found.predict_interval(*at))
            inside[f"forecast_{more_source:g}x_{more_target:g}x"] = low <= true_error(*at, law) <= high
        for name, each in inside.items():
            hits.setdefault(name, []).append(bool(each))
    return {name: round(float(np.mean(found)), 4) for name, found in hits.items()}


def true_error(source: Any, target: Any, law: str) -> Any:
    gap, limit = LAWS[law]
    return (PREFACTOR * source**-ALPHA + gap) * target**-BETA + limit


if __name__ == "__main__":
    main()
