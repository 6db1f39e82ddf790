"""Do the intervals of the scaling law hold? Simulated studies of a known law, and how often its truth is inside.

Each study has a few seeds, whose effect a whole curve shares, and noise of each model; half the variance each, normal
or with the tails of Student's t with 3 degrees of freedom. The fit is the one that users call.
"""

import argparse
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from machine import processor, publish, versions

from gnn_sim2real.law import ScalingLaw, fit_scaling_law, plan

CONFIDENCE = 0.90
MEAN_WANTED, LEAST_WANTED = (0.88, 0.95), 0.80
SMALLEST, LARGEST = 100.0, 10_000.0
ALPHA, PREFACTOR = 0.35, 1.0
GAPS = {"with limit": 0.05, "without limit": 0.0}
FORECASTS = (4.0, 10.0)
"""Forecasts at so many times the largest size."""
WANTED = 4.0
"""The error that is wanted is the true one at so many times the largest size."""
AXES = ("law", "sizes", "seeds", "noise", "heavy_tails")
_RESULT = Path(__file__).parent / "results" / "law_coverage.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300, help="simulated studies a cell")
    parser.add_argument("--draws", type=int, default=400, help="draws a fit")
    parser.add_argument("--output", type=Path, default=_RESULT, help="cells that are there are not repeated")
    arguments = parser.parse_args()
    axes = list(itertools.product(GAPS, (6, 10), (3, 5, 10), (0.02, 0.10), (False, True)))
    old = json.loads(arguments.output.read_text())["cells"] if arguments.output.exists() else []
    settings = {"studies": arguments.studies, "draws": arguments.draws}
    done = {tuple(cell[name] for name in AXES): cell for cell in old if settings.items() <= cell.items()}
    # few seeds are the hardest, and come first
    for number, axis in sorted(enumerate(axes), key=lambda item: (item[1][2], item[1][1], item[0])):
        if axis not in done:
            done[axis] = dict(zip(AXES, axis, strict=True)) | settings
            done[axis]["coverage"] = measure(number, *axis, **settings)
            result = summarize([done[each] for each in axes if each in done], len(axes))
            publish(result, arguments.output)
    result = summarize([done[each] for each in axes], len(axes))
    publish(result, arguments.output)
    mean, least = result["mean"], min(result["least_by_quantity"].values())
    if not MEAN_WANTED[0] <= mean <= MEAN_WANTED[1] or least < LEAST_WANTED:
        raise SystemExit(f"intervals cover {mean:.3f} on average, at least {least:.3f}")


def summarize(cells: list[dict[str, Any]], num_planned: int) -> dict[str, Any]:
    covered = {name: [cell["coverage"][name] for cell in cells] for name in cells[0]["coverage"]}
    means = {name: round(float(np.mean(values)), 4) for name, values in covered.items()}
    return {
        "confidence": CONFIDENCE,
        "law": {"alpha": ALPHA, "prefactor": PREFACTOR, "gaps": GAPS, "sizes": [SMALLEST, LARGEST]},
        "cells_planned": num_planned,
        "cells_measured": len(cells),
        "mean": round(float(np.mean(list(means.values()))), 4),
        "mean_by_quantity": means,
        "least_by_quantity": {name: min(values) for name, values in covered.items()},
        "cells": cells,
        "wanted": {"mean": MEAN_WANTED, "least": LEAST_WANTED},
        "processor": processor(),
        "versions": versions("numpy", "scipy"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def measure(
    number: int, gap: str, num_sizes: int, num_seeds: int, noise: float, heavy: bool, *, studies: int, draws: int
) -> dict[str, float]:
    """Coverage of one cell."""
    sizes = np.geomspace(SMALLEST, LARGEST, num_sizes)
    labels = np.repeat(np.arange(num_seeds), num_sizes)
    hits: dict[str, list[bool]] = {}
    for study in range(studies):
        errors = simulate(np.random.default_rng([number, study]), sizes, num_seeds, noise, heavy, GAPS[gap])
        law = fit_scaling_law(
            np.tile(sizes, num_seeds),
            errors.ravel(),
            curves=labels,
            confidence=CONFIDENCE,
            num_resamples=draws,
            seed=study,
        )
        for name, inside in judge(law, GAPS[gap]).items():
            hits.setdefault(name, []).append(inside)
    return {name: round(float(np.mean(found)), 4) for name, found in hits.items()}


def true_error(sizes: Any, gap: float) -> Any:
    return PREFACTOR * sizes**-ALPHA + gap


def simulate(
    random: np.random.Generator, sizes: np.ndarray, num_seeds: int, noise: float, heavy: bool, gap: float
) -> np.ndarray:
    """Errors of shape (num_seeds, num_sizes); `noise` is the standard deviation of a log error."""
    draw = (lambda shape: random.standard_t(3, shape) / np.sqrt(3)) if heavy else random.standard_normal
    log_factor = noise * (draw((num_seeds, 1)) + draw((num_seeds, len(sizes)))) / np.sqrt(2)
    return true_error(sizes, gap) * np.exp(log_factor)


def judge(law: ScalingLaw, gap: float) -> dict[str, bool]:
    """Whether each interval contains the truth."""
    truth = {"decay_rate": ALPHA, "transfer_gap": gap, "prefactor": PREFACTOR}
    intervals = {name: getattr(law, f"{name}_interval") for name in truth}
    intervals |= {f"{name}_profile": getattr(law, f"{name}_profile") for name in ("decay_rate", "transfer_gap")}
    for factor in FORECASTS:
        name = f"forecast_{factor:g}x"
        truth[name] = true_error(factor * LARGEST, gap)
        intervals[name] = tuple(map(float, law.predict_interval(factor * LARGEST)))
    asked = plan(law, target_error=true_error(WANTED * LARGEST, gap))
    truth |= {
        "gain_of_doubling": true_error(LARGEST, gap) - true_error(2 * LARGEST, gap),
        f"wanted_size_{WANTED:g}x": WANTED * LARGEST,
    }
    intervals |= {
        "gain_of_doubling": asked.gain_of_doubling.interval,
        f"wanted_size_{WANTED:g}x": asked.wanted.source_size.interval,
    }
    return {name: bool(low <= truth[name.removesuffix("_profile")] <= high) for name, (low, high) in intervals.items()}


if __name__ == "__main__":
    main()
