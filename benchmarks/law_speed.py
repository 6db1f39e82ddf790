"""How long do a fit, laws of 8 and of 60 sizes with 1,000 draws, and a surface with 500 draws take, on one core?

Each is fitted anew: what a process keeps of equal tables is forgotten before.

Processor time says what the work costs on a busy machine too; the time on the wall is what a user of an idle one waits.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded

import numpy as np
from machine import processor, publish, seconds_of, versions

from gnn_sim2real.law import fit_scaling_law, fit_scaling_surface
from gnn_sim2real.law.bootstrap import robust_means
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS
from gnn_sim2real.law.frame import forget_fits
from gnn_sim2real.law.log_errors import tabulate

WANTED = {
    "fit": 0.050,
    "8 sizes x 5 seeds with 1,000 draws": 1.0,
    "60 sizes x 5 seeds with 1,000 draws": 5.0,
    "surface of 12 x 8 sizes with 500 draws": 10.0,
}
_RESULT = Path(__file__).parent / "results" / "law_speed.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    curves = {count: curve(random, count) for count in (8, 60)}
    source, target = (axis.ravel() for axis in np.meshgrid(np.geomspace(100, 100_000, 12), np.geomspace(50, 5000, 8)))
    pairs = np.tile(source, 5), np.tile(target, 5)
    surface_errors = 3 * (0.1 + pairs[0] ** -0.3) * pairs[1] ** -0.2 * np.exp(0.05 * random.standard_normal(480))
    surface_labels = np.repeat(np.arange(5), 96)
    table = tabulate(curves[8][0][None], *curves[8][1:])
    work: dict[str, dict[str, Any]] = {name: {} for name in WANTED}
    for name, form in CURVE_FORMS.items():
        work["fit"][name] = lambda form=form: robust_means(form, table.sizes, table.log_errors)
    for count, (sizes, errors, labels) in curves.items():
        for name in ("average", "auto", *CURVE_FORMS):
            work[f"{count} sizes x 5 seeds with 1,000 draws"][name] = partial(
                fit_scaling_law, sizes, errors, curves=labels, form=name, num_resamples=1000
            )
    for name in ("average", "auto", *SURFACE_FORMS):
        work["surface of 12 x 8 sizes with 500 draws"][name] = lambda name=name: fit_scaling_surface(
            *pairs, surface_errors, curves=surface_labels, form=name, num_resamples=500
        )
    seconds = {what: {name: clock(each, arguments.rounds) for name, each in of.items()} for what, of in work.items()}
    result = {
        "seconds": seconds,
        "wanted_at_most": WANTED,
        "rounds": arguments.rounds,
        "load_at_the_end": round(os.getloadavg()[0], 2),
        "processor": processor(),
        "versions": versions("numpy", "scipy"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    slow = [
        f"{what} ({name})"
        for what, of in seconds.items()
        for name, each in of.items()
        if each["processor"] > WANTED[what]
    ]
    if slow:
        raise SystemExit(f"slower than wanted: {', '.join(slow)}")


def curve(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Sizes, errors and seeds of five runs of a law with limit."""
    sizes = np.tile(np.geomspace(100, 10_000, count), 5)
    errors = (sizes**-0.35 + 0.05) * np.exp(0.05 * random.standard_normal(len(sizes)))
    return sizes, errors, np.repeat(np.arange(5), count).tolist()


def clock(work: Callable[[], object], rounds: int) -> dict[str, float]:
    """Medians over rounds, after one that warms up."""
    work()
    found: dict[str, list[float]] = {"processor": [], "wall": []}
    for _ in range(rounds):
        forget_fits()
        started = time.process_time()
        found["wall"].append(seconds_of(work))
        found["processor"].append(time.process_time() - started)
    return {name: round(statistics.median(each), 5) for name, each in found.items()}


if __name__ == "__main__":
    main()
