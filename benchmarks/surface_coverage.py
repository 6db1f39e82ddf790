"""Do the intervals of the law in source and target size hold? Simulated studies of known laws, as in law_coverage.py.

Six laws: with and without transfer gap, with and without a limit, and two that break within the source sizes measured,
which no form of the fit describes. Of these a far forecast, at ten times the largest size, is counted apart: it is not
promised. Half the variance of a log error is that of the seed, which all sizes share. The fit is the one that users
call, with the form chosen by its forecast. Parameters are counted where the law has them; forecasts, and what a plan
says, everywhere.
"""

import argparse
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from law_coverage import CONFIDENCE, LEAST_WANTED, MEAN_WANTED
from machine import processor, publish, versions
from scipy.optimize import brentq

from gnn_sim2real.law import ScalingSurface, fit_scaling_surface, plan
from gnn_sim2real.law.inversion import Quantity

ALPHA, BETA, PREFACTOR = 0.35, 0.2, 2.0
LAWS = {"gap": (0.1, 0.0), "neither": (0.0, 0.0), "gap and limit": (0.1, 0.03), "limit": (0.0, 0.03)}
"""G and L of each law."""
BREAKS = {"steeper later": (0.25, 0.45), "flatter later": (0.45, 0.25)}
"""Early and late alpha of laws that break, with G and L as in "gap"."""
BREAK_SIZE, BREAK_WIDTH = 2000.0, 0.4
SOURCES, TARGETS = (100.0, 10_000.0), (20.0, 500.0)
FORECASTS = ((4.0, 1.0), (10.0, 1.0), (1.0, 4.0), (4.0, 2.0))
"""Forecasts at so many times the largest source and target size."""
WANTED = 4.0
"""The error that is wanted is the true one at so many times the largest source size."""
BUDGET = {"source_cost": 1.0, "target_cost": 100.0, "budget": 2e4}
_RESULT = Path(__file__).parent / "results" / "surface_coverage.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=150, help="simulated studies a cell")
    parser.add_argument("--draws", type=int, default=300, help="draws a fit")
    parser.add_argument("--output", type=Path, default=_RESULT)
    parser.add_argument("--kept", type=Path, default=None, help="keep finished cells here, and do not repeat them")
    arguments = parser.parse_args()
    cells: list[dict[str, Any]] = []
    settings = [arguments.studies, arguments.draws]
    found = json.loads(arguments.kept.read_text()) if arguments.kept and arguments.kept.exists() else {}
    kept = found["cells"] if found.get("settings") == settings else []
    for number, (law, seeds, noise) in enumerate(itertools.product((*LAWS, *BREAKS), (3, 5), (0.02, 0.10))):
        cell = {"law": law, "seeds": seeds, "noise": noise}
        known = [each for each in kept if cell.items() <= each.items()]
        cells += known or [cell | {"coverage": measure(number, law, seeds, noise, arguments.studies, arguments.draws)}]
        if arguments.kept and not known:
            arguments.kept.write_text(json.dumps({"settings": settings, "cells": cells}))
    covered = {
        name: [cell["coverage"][name] for cell in cells if name in cell["coverage"]] for name in cells[0]["coverage"]
    }
    far = [share for cell in cells for name, share in cell["coverage"].items() if name.startswith("not_promised")]
    mean = float(np.mean([share for values in covered.values() for share in values]))
    least = {name: min(values) for name, values in covered.items()}
    result = {
        "confidence": CONFIDENCE,
        "laws": {"alpha": ALPHA, "beta": BETA, "prefactor": PREFACTOR, "gap and limit": LAWS},
        "breaks": {"early and late alpha": BREAKS, "size": BREAK_SIZE, "width": BREAK_WIDTH},
        "sizes": {"source": [6, *SOURCES], "target": [4, *TARGETS]},
        "studies": arguments.studies,
        "draws": arguments.draws,
        "mean": round(mean, 4),
        "mean_by_quantity": {name: round(float(np.mean(values)), 4) for name, values in covered.items()},
        "least_by_quantity": least,
        "not_promised_of_broken_laws_at_10x": {"mean": round(float(np.mean(far)), 4), "least": min(far)},
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
    gap, limit = LAWS[law if law in LAWS else "gap"]
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
        inside = {name: low <= truth[name] <= high for name, (low, high) in intervals.items() if law in LAWS}
        inside |= judge_forecasts(found, law)
        for name, each in inside.items():
            hits.setdefault(name, []).append(bool(each))
    return {name: round(float(np.mean(found)), 4) for name, found in hits.items()}


def judge_forecasts(found: ScalingSurface, law: str) -> dict[str, bool]:
    """Whether the intervals of forecasts, and of what a plan says, hold the truth."""
    inside = {}
    for more_source, more_target in FORECASTS:
        at = more_source * SOURCES[1], more_target * TARGETS[1]
        low, high = map(float, found.predict_interval(*at))
        promised = "" if law in LAWS or more_source < 10 else "not_promised_"
        inside[f"{promised}forecast_{more_source:g}x_{more_target:g}x"] = low <= true_error(*at, law) <= high
    source, target = SOURCES[1], TARGETS[1]
    asked = plan(found, target_error=true_error(WANTED * source, target, law), **BUDGET)
    after = true_error(source + asked.split.num_source, target + asked.split.num_target, law)
    same = same_error(source, target, law) - source
    said: dict[str, tuple[Quantity, float]] = {
        "gain_of_doubling": (
            asked.gain_of_doubling,
            true_error(source, target, law) - true_error(2 * source, target, law),
        ),
        f"wanted_size_{WANTED:g}x": (asked.wanted.source_size, WANTED * source),
        "worth_of_measurement": (asked.worth_of_measurement, same),
        "error_after_budget": (asked.split.error, after),
    }
    return inside | {
        name: quantity.interval.low <= truth <= quantity.interval.high for name, (quantity, truth) in said.items()
    }


def same_error(source: float, target: float, law: str) -> float:
    """The source size that lowers the error as much as one more measurement."""
    wanted = true_error(source, target + 1, law)
    if true_error(1e15, target, law) > wanted:
        return np.inf
    return brentq(lambda size: true_error(size, target, law) - wanted, source, 1e15)


def true_error(source: Any, target: Any, law: str) -> Any:
    gap, limit = LAWS[law if law in LAWS else "gap"]
    if law in BREAKS:
        early, late = BREAKS[law]
        bend = (1 + (source / BREAK_SIZE) ** (1 / BREAK_WIDTH)) ** (-(late - early) * BREAK_WIDTH)
        fall = BREAK_SIZE ** (early - ALPHA) * source**-early * bend
    else:
        fall = source**-ALPHA
    return (PREFACTOR * fall + gap) * target**-BETA + limit


if __name__ == "__main__":
    main()
