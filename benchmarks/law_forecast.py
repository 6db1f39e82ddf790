"""How well does the law forecast the error at four times the largest size?

Learning curves of three families with known truth: power laws with and without limit; saturating ones after M4 of
Alabdulmohsin et al. (2022), with any exponent, of which the fitted form knows only one; smoothly broken ones after
Caballero et al. (2023). "ours" is the average over forms, which users get, and "auto" the form that forecasts best.
Against them stands what others fit to the means of the seeds, see `law_rivals.py`.

Of the intervals, those of all that is forecast are looked at: the error at twice and at four times the largest size,
what doubling the source gains, and the sizes for the errors that are truly reached at twice and four times the largest.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from law_rivals import RIVALS
from machine import processor, publish, versions
from scipy.optimize import brentq

from gnn_sim2real.law import ScalingLaw, fit_scaling_law, plan
from gnn_sim2real.law.average import average_forms
from gnn_sim2real.law.bootstrap import robust_means
from gnn_sim2real.law.forms import CURVE_FORMS
from gnn_sim2real.law.frame import leading_means
from gnn_sim2real.law.log_errors import ErrorTable, tabulate
from gnn_sim2real.law.selection import choose_form

FACTOR = 4.0
CONFIDENCE = 0.90
MEAN_WANTED, LEAST_WANTED = (0.88, 0.95), 0.80
MOST_ABOVE = 1.05
METHODS = ("ours", "auto", *RIVALS)
_RESULT = Path(__file__).parent / "results" / "law_forecast.json"
Errors = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=300, help="curves of each family")
    parser.add_argument("--intervals", type=int, default=200, help="of them, those whose interval is looked at")
    parser.add_argument("--seed", type=int, default=2026, help="of the curves; the rules were chosen on others")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    start = time.process_time()
    found = {
        family: [
            judge(FAMILIES[family], (arguments.seed, number, curve), with_interval=curve < arguments.intervals)
            for curve in range(arguments.curves)
        ]
        for number, family in enumerate(FAMILIES)
    }
    families = {family: summarize(rows) for family, rows in found.items()}
    pooled = summarize([row for rows in found.values() for row in rows])
    result = {
        "forecast_at": f"{FACTOR:g} times the largest size",
        "curves_a_family": arguments.curves,
        "seed": arguments.seed,
        "pooled": pooled,
        "families": families,
        "wanted": {
            "pooled": "below all rivals",
            "in a family": f"at most {MOST_ABOVE:g} times the best rival",
            "coverage": {"mean": MEAN_WANTED, "least": LEAST_WANTED},
        },
        "processor_seconds": round(time.process_time() - start, 1),
        "processor": processor(),
        "versions": versions("numpy", "scipy"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    errors = pooled["median_log_error"]
    bad = [] if errors["ours"] < min(errors[name] for name in RIVALS) else ["pooled"]
    for family, each in families.items():
        errors = each["median_log_error"]
        bad += [family] if errors["ours"] > MOST_ABOVE * min(errors[name] for name in RIVALS) else []
    bad += [
        f"coverage of {name} ({family})"
        for family, each in families.items()
        for name, share in each["covered_by_90_percent_interval"].items()
        if share < LEAST_WANTED
    ]
    mean = float(np.mean(list(pooled["covered_by_90_percent_interval"].values())))
    if not MEAN_WANTED[0] <= mean <= MEAN_WANTED[1]:
        bad.append(f"mean coverage {mean:.3f}")
    if bad:
        raise SystemExit(f"worse than wanted: {', '.join(bad)}")


def power(random: np.random.Generator, share: float, decades: float) -> Errors:
    rate = random.uniform(0.1, 0.8)
    return lambda ratio: (1 - share) * ratio**-rate + share


def saturating(random: np.random.Generator, share: float, decades: float) -> Errors:
    """(E - share) / (E0 - E)^exponent = b ratio^-rate, with E = 1 at the smallest size."""
    rate, exponent, start = random.uniform(0.2, 1.0), random.uniform(0.5, 1.5), random.uniform(1.05, 3.0)
    log_b = np.log(1 - share) - exponent * np.log(start - 1)

    def solve(ratio: float) -> float:
        def excess(error: float) -> float:
            return np.log(error - share) - exponent * np.log(start - error) - log_b + rate * np.log(ratio)

        return brentq(excess, share + 1e-14, start - 1e-14, xtol=1e-15)

    return lambda ratio: np.array([solve(each) for each in ratio])


def broken(random: np.random.Generator, share: float, decades: float) -> Errors:
    early, late, width = random.uniform(0.02, 0.3), random.uniform(0.1, 0.9), random.uniform(0.1, 0.6)
    turn = 10 ** (decades * random.uniform(0.2, 0.8))

    def fall(ratio: np.ndarray) -> np.ndarray:
        return ratio**-early * (1 + (ratio / turn) ** (1 / width)) ** (-(late - early) * width)

    return lambda ratio: (1 - share) * fall(ratio) / fall(np.ones(1)) + share


FAMILIES = {"power": power, "saturating": saturating, "broken": broken}


def judge(family: Callable[..., Errors], seed: tuple[int, ...], with_interval: bool) -> dict[str, Any]:
    """Log error of each method's forecast of one curve, and whether our interval holds the truth.

    The forecasts are those of `fit_scaling_law`, whose draws, which they do not need, take most of its time.
    """
    random = np.random.default_rng(seed)
    share = 0.0 if random.random() < 0.25 else random.uniform(0.0, 0.6)
    decades = random.uniform(1.5, 3.0)
    truth = family(random, share, decades)
    num_sizes, num_seeds, noise = random.integers(6, 11), random.integers(3, 11), random.uniform(0.02, 0.1)
    ratio, smallest, scale = np.geomspace(1, 10**decades, num_sizes), random.uniform(50, 500), random.uniform(0.05, 5)
    log_factor = random.standard_normal((num_seeds, num_sizes)) + random.standard_normal((num_seeds, 1))
    errors = scale * truth(ratio) * np.exp(noise * log_factor / np.sqrt(2))
    sizes, at = smallest * ratio, FACTOR * smallest * ratio[-1]
    wanted = float(scale * truth(np.array([FACTOR * ratio[-1]]))[0])
    labels = np.repeat(np.arange(num_seeds), num_sizes)
    models = np.tile(sizes, num_seeds), errors.ravel()
    table = tabulate(models[0][None], models[1], labels.tolist())
    form = CURVE_FORMS[choose_form(table)[0]]
    auto = float(robust_means(form, table.sizes, table.log_errors)[1].predict(np.array([[at]]))[0, 0])
    covered = width = None
    if with_interval:
        law = fit_scaling_law(*models, curves=labels, num_resamples=200, confidence=CONFIDENCE)
        low, high = law.predict_interval(at)
        covered, width = covers(law, lambda size: scale * truth(np.array([size / smallest]))[0]), np.log(high / low)
    means = errors.mean(axis=0)
    forecasts = {"ours": forecast(table, at), "auto": auto}
    forecasts |= {name: rival(sizes, means, at) for name, rival in RIVALS.items()}
    return {
        "form": form.name,
        "covered": covered,
        "log_width": width,
        "log_errors": {name: abs(float(np.log(forecast / wanted))) for name, forecast in forecasts.items()},
    }


def forecast(table: ErrorTable, at: float) -> float:
    """The forecast of the average over forms."""
    means, _ = leading_means(table)
    average, _ = average_forms(CURVE_FORMS, table.sizes, means, means.values[None], np.random.default_rng(0))
    return float(average.predict(np.array([[at]]))[0, 0])


def covers(law: ScalingLaw, true_error: Callable[[float], float]) -> dict[str, bool]:
    """Whether the interval of each quantity that is forecast holds the truth."""
    inside = {}
    for factor in (2.0, FACTOR):
        size = factor * law.largest_size
        found = plan(law, at=(size,), target_error=float(true_error(size)))
        asked = {"forecast": (found.error, true_error(size)), "wanted_size": (found.wanted.source_size, size)}
        for name, (quantity, truth) in asked.items():
            inside[f"{name}_{factor:g}x"] = bool(quantity.interval.low <= truth <= quantity.interval.high)
    gain = true_error(law.largest_size) - true_error(2.0 * law.largest_size)
    low, high = plan(law).gain_of_doubling.interval
    return inside | {"gain_of_doubling": bool(low <= gain <= high)}


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    errors = {name: np.array([row["log_errors"][name] for row in rows]) for name in METHODS}
    covered = [row["covered"] for row in rows if row["covered"] is not None]
    widths = [row["log_width"] for row in rows if row["log_width"] is not None]
    return {
        "median_log_error": {name: round(float(np.median(values)), 5) for name, values in errors.items()},
        "mean_log_error": {name: round(float(np.mean(values)), 5) for name, values in errors.items()},
        "covered_by_90_percent_interval": {
            name: round(float(np.mean([each[name] for each in covered])), 4) for name in covered[0]
        },
        "median_log_width_of_interval": round(float(np.median(widths)), 4),
        "intervals_looked_at": len(covered),
        "forms": {form: sum(row["form"] == form for row in rows) for form in sorted({row["form"] for row in rows})},
    }


if __name__ == "__main__":
    main()
