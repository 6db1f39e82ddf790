"""How well does the law forecast from few sizes and a single run? Against what others fit to a learning curve.

Made-up curves of five families with known truth, measured by one noisy run whose neighboring sizes err alike: power
laws without and with limit, saturating, broken, and curves that bend twice and slowly. And real curves, by
`learning_curves.py`: the half of them on which the rules were not developed. From the sizes of one run up to a quarter
of the largest, the mean error of all runs at the largest is forecast.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from law_forecast import FACTOR, Errors, broken, forecast, power, saturating
from law_rivals import RIVALS
from machine import processor, publish, versions

from gnn_sim2real.law import fit_scaling_law
from gnn_sim2real.law.log_errors import tabulate

NUM_SIZES = (5, 6, 8, 12)
ALIKE = 0.3  # correlation of the errors of neighboring sizes
CONFIDENCE = 0.90
SPLIT = 25
"""Seed of the half of the real curves on which the rules were developed."""
MOST_ABOVE = 1.03
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=60, help="made-up curves of each family and number of sizes")
    parser.add_argument("--intervals", type=int, default=20, help="of them, those whose intervals are looked at")
    parser.add_argument("--seed", type=int, default=2026, help="of the made-up curves; the rules were looked at on 1")
    parser.add_argument("--output", type=Path, default=_RESULTS / "law_few_sizes.json")
    arguments = parser.parse_args()
    start = time.process_time()
    rows = []
    for count in NUM_SIZES:
        for number, family in enumerate(FAMILIES):
            for curve in range(arguments.curves):
                given = simulate(family, (arguments.seed, curve, count, number), count)
                rows.append(judge(family, count, *given, with_interval=curve < arguments.intervals))
        rows += [judge("real", count, *given, with_interval=False) for given in real_curves(count)]
        print(count, round(time.process_time() - start), flush=True)
    made_up = [row for row in rows if row["family"] != "real"]
    result = {
        "forecast_at": f"{FACTOR:g} times the largest size",
        "curves_a_family": arguments.curves,
        "seed": arguments.seed,
        "made_up": {"all": summarize(made_up)}
        | {str(count): summarize([row for row in made_up if row["sizes"] == count]) for count in NUM_SIZES}
        | {family: summarize([row for row in made_up if row["family"] == family]) for family in FAMILIES},
        "real": {"all": summarize([row for row in rows if row["family"] == "real"])}
        | {
            str(count): summarize([row for row in rows if row["family"] == "real" and row["sizes"] == count])
            for count in NUM_SIZES
        },
        "wanted": f"at each number of sizes at most {MOST_ABOVE:g} times the best of all",
        "processor_seconds": round(time.process_time() - start, 1),
        "processor": processor(),
        "versions": versions("numpy", "scipy"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    bad = [
        f"{where} ({name} sizes)"
        for where in ("made_up", "real")
        for name, found in result[where].items()
        if name.isdigit()
        for errors in (found["mean_log_error"],)
        if errors["ours"] > MOST_ABOVE * min(errors.values())
    ]
    if bad:
        raise SystemExit(f"worse than wanted: {', '.join(bad)}")


def bends_twice(random: np.random.Generator, share: float, decades: float) -> Errors:
    rates = random.uniform(0.05, 0.4), random.uniform(0.1, 0.8), random.uniform(0.05, 0.6)
    turns = np.log(10) * decades * np.array([random.uniform(0.1, 0.5), random.uniform(0.5, 0.95)])
    width = random.uniform(0.5, 1.5)

    def errors(ratio: np.ndarray) -> np.ndarray:
        fall = rates[0] * np.log(ratio)
        for turn, before, after in zip(turns, rates[:-1], rates[1:], strict=True):
            bend = np.logaddexp(0, (np.log(ratio) - turn) / width) - np.logaddexp(0, -turn / width)
            fall = fall + (after - before) * width * bend
        return (1 - share) * np.exp(-fall) + share

    return errors


FAMILIES: dict[str, Callable[..., Errors]] = {
    "power": lambda random, share, decades: power(random, 0.0, decades),
    "limit": lambda random, share, decades: power(random, max(share, 0.05), decades),
    "saturating": saturating,
    "broken": broken,
    "bends twice": bends_twice,
}


def simulate(family: str, seed: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Sizes and errors of one run, the size of the forecast, and the true error there."""
    random = np.random.default_rng(seed)
    share = 0.0 if random.random() < 0.25 else random.uniform(0.0, 0.6)
    decades = random.uniform(1.2, 2.5)
    truth = FAMILIES[family](random, share, decades)
    ratio, noise = np.geomspace(1, 10**decades, count), np.exp(random.uniform(np.log(0.005), np.log(0.05)))
    factor = random.standard_normal(count)
    for place in range(1, count):
        factor[place] = ALIKE * factor[place - 1] + np.sqrt(1 - ALIKE**2) * factor[place]
    smallest = random.uniform(50, 500)
    wanted = float(truth(np.array([FACTOR * ratio[-1]]))[0])
    return smallest * ratio, truth(ratio) * np.exp(noise * factor), FACTOR * smallest * ratio[-1], wanted


def real_curves(count: int) -> Iterator[tuple[np.ndarray, np.ndarray, float, float]]:
    """The same of each run of the real curves to be judged by; the truth is the geometric mean over the runs."""
    curves = json.loads((_RESULTS / "learning_curves.json").read_text())["curves"]
    developed = {*np.random.default_rng(SPLIT).permutation(len(curves))[: len(curves) // 2].tolist()}
    for number, curve in enumerate(curves):
        sizes, errors = np.array(curve["sizes"], dtype=float), np.array(curve["errors"])
        known = np.flatnonzero(sizes <= 1.01 * sizes[-1] / FACTOR)
        if number not in developed and len(known) >= count:
            some = known[np.linspace(0, len(known) - 1, count).round().astype(int)]
            for run in errors:
                yield sizes[some], run[some], float(sizes[-1]), float(np.exp(np.log(errors[:, -1]).mean()))


def judge(
    family: str, count: int, sizes: np.ndarray, errors: np.ndarray, at: float, wanted: float, with_interval: bool
) -> dict[str, Any]:
    """Log of forecast by truth of each method, and whether our interval holds the truth."""
    forecasts = {"ours": forecast(tabulate(sizes[None], errors, None), at)}
    forecasts |= {name: rival(sizes, errors, at) for name, rival in RIVALS.items()}
    row = {
        "family": family,
        "sizes": count,
        "missed": {name: np.log(each / wanted) for name, each in forecasts.items()},
    }
    if with_interval:
        law = fit_scaling_law(sizes, errors, num_resamples=200, confidence=CONFIDENCE)
        low, high = (float(end) for end in law.predict_interval(at))
        row |= {"held": low <= wanted <= high, "width": np.log(high / low)}
    return row


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    missed = {name: np.array([row["missed"][name] for row in rows]) for name in rows[0]["missed"]} if rows else {}
    found: dict[str, Any] = {
        "curves": len(rows),
        "median_log_error": {name: round(float(np.median(np.abs(each))), 4) for name, each in missed.items()},
        "mean_log_error": {name: round(float(np.mean(np.abs(each))), 4) for name, each in missed.items()},
        "forecast_too_low": {name: round(float(np.mean(each < 0)), 3) for name, each in missed.items()},
    }
    held = [row for row in rows if "held" in row]
    if held:
        found["covered_by_90_percent_interval"] = round(float(np.mean([row["held"] for row in held])), 3)
        found["median_log_width_of_interval"] = round(float(np.median([row["width"] for row in held])), 4)
    return found


if __name__ == "__main__":
    main()
