"""How wide are the intervals of forecasts at four times the largest size, and do they hold the truth?

Made-up curves of the five families of `law_few_sizes.py`, whose truth is known, one run each with noise of 2 %, at
three ways to place the sizes. And real curves of `learning_curves.py`, of the half on which no rule was developed, from
a single run and from all of them; the truth is the mean error of all runs. Both also without the drift of the draws,
see `gnn_sim2real.law.drift`.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from law_few_sizes import FAMILIES, SPLIT
from law_forecast import FACTOR
from machine import processor, publish, versions

from gnn_sim2real.law import ScalingLaw, fit_scaling_law
from gnn_sim2real.law.scaling_law import tails

CONFIDENCE, DRAWS = 0.90, 200
NOISE, SMALLEST, LARGEST = 0.02, 100.0, 10_000.0
DESIGNS = ("10 even", "20 random", "10 even and one 10 % above")
NUM_SIZES = (5, 8, 12)
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=12, help="made-up curves of each family")
    parser.add_argument("--output", type=Path, default=_RESULTS / "law_widths.json")
    arguments = parser.parse_args()
    start = time.process_time()
    made_up, real = list(judge_made_up(arguments.curves)), list(judge_real())
    publish(
        {
            "confidence": CONFIDENCE,
            "forecast_at": f"{FACTOR:g} times the largest size",
            "noise": NOISE,
            "sizes": [SMALLEST, LARGEST],
            "curves_a_family": arguments.curves,
            "draws": DRAWS,
            "made_up": {
                design: {
                    family: summarize(
                        [row for row in made_up if row["of"] == design and family in ("all", row["family"])]
                    )
                    for family in ("all", *FAMILIES)
                }
                for design in DESIGNS
            },
            "real": {
                runs: {
                    str(count): summarize([row for row in real if row["of"] == runs and count in ("all", row["sizes"])])
                    for count in ("all", *NUM_SIZES)
                }
                for runs in ("one run", "all runs")
            },
            "processor_seconds": round(time.process_time() - start, 1),
            "processor": processor(),
            "versions": versions("numpy", "scipy"),
            "date": datetime.now(UTC).date().isoformat(),
        },
        arguments.output,
    )


def judge_made_up(count: int) -> Iterator[dict[str, Any]]:
    for number, family in enumerate(FAMILIES):
        for curve in range(count):
            random = np.random.default_rng((curve, number))
            share = 0.0 if random.random() < 0.25 else random.uniform(0.0, 0.6)
            truth = FAMILIES[family](random, share, np.log10(LARGEST / SMALLEST))
            even = np.geomspace(SMALLEST, LARGEST, 10).round()
            some = np.sort(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST), 20)))
            for design, sizes in zip(DESIGNS, (even, some, np.append(even, 1.1 * LARGEST)), strict=True):
                errors = truth(sizes / SMALLEST) * np.exp(NOISE * random.standard_normal(len(sizes)))
                law = fit_scaling_law(sizes, errors, num_resamples=DRAWS, confidence=CONFIDENCE)
                wanted = float(truth(np.array([FACTOR * sizes[-1] / SMALLEST]))[0])
                yield {"of": design, "family": family} | look(law, FACTOR * sizes[-1], wanted)


def judge_real() -> Iterator[dict[str, Any]]:
    curves = json.loads((_RESULTS / "learning_curves.json").read_text())["curves"]
    developed = {*np.random.default_rng(SPLIT).permutation(len(curves))[: len(curves) // 2].tolist()}
    for number, curve in enumerate(curves):
        sizes, errors = np.array(curve["sizes"], dtype=float), np.array(curve["errors"])
        known = np.flatnonzero(sizes <= 1.01 * sizes[-1] / FACTOR)
        wanted = float(np.exp(np.log(errors[:, -1]).mean()))
        for count in NUM_SIZES:
            if number in developed or len(known) < count:
                continue
            some = known[np.linspace(0, len(known) - 1, count).round().astype(int)]
            for runs, used in (("one run", errors[:1, some]), ("all runs", errors[:, some])):
                law = fit_scaling_law(
                    np.tile(sizes[some], len(used)),
                    used.ravel(),
                    curves=np.repeat(np.arange(len(used)), count).tolist(),
                    num_resamples=DRAWS,
                    confidence=CONFIDENCE,
                )
                yield {"of": runs, "sizes": count} | look(law, float(sizes[-1]), wanted)


def look(law: ScalingLaw, at: float, wanted: float) -> dict[str, Any]:
    """Where the truth lies, and the width of the interval as a share of it."""
    low, high = (float(end) for end in law.predict_interval(at))
    drawn = np.concatenate([fits.without_drift().predict(np.array([[at]]))[:, 0] for fits in law.draws])
    left, right = np.quantile(drawn, tails(CONFIDENCE))
    return {
        "held": low <= wanted <= high,
        "above": wanted > high,
        "width": (high - low) / wanted,
        "held_without_drift": bool(left <= wanted <= right),
        "width_without_drift": float(right - left) / wanted,
    }


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "curves": len(rows),
        "covered": round(float(np.mean([row["held"] for row in rows])), 3),
        "truth_above": round(float(np.mean([row["above"] for row in rows])), 3),
        "median_width": round(float(np.median([row["width"] for row in rows])), 3),
        "covered_without_drift": round(float(np.mean([row["held_without_drift"] for row in rows])), 3),
        "median_width_without_drift": round(float(np.median([row["width_without_drift"] for row in rows])), 3),
    }


if __name__ == "__main__":
    main()
