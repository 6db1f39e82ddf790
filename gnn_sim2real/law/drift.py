"""How far a law could depart from its form beyond the largest sizes, judged by what its own forecasts have missed.

Draws of repeats show how well the parameters of a form are known. They do not show that the form holds where nothing
was measured. So every draw of a law also gets a drift: beyond the largest sizes its error departs from the form by a
power of the size. All forecasts follow from these draws, so their intervals contain the drift: errors, the size for a
wanted error, the gain from doubling, the split of a budget, differences between laws. Errors within the measured
sizes, the parameters, and the limit at an infinite size do not contain it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gnn_sim2real.law.bootstrap import Means
from gnn_sim2real.law.forms.form import Floats, Form
from gnn_sim2real.law.least_squares import Fits, fit_rows
from gnn_sim2real.law.streams import even_normal

Fit = Callable[[Floats, Means, Floats], tuple[Fits, Fits]]
"""From sizes, means and drawn means to the law of the means, of one row, and the laws of the draws."""

_MOST_ROWS = 400  # enough for a standard deviation
_MOST_FORECASTS = 12
_ONE_SIGMA = (0.1587, 0.8413)  # quantiles; the draws have the far tails of Student's t
_LEAST_STEP = 0.25  # in log size: a forecast is of a size a quarter larger, or nothing could be missed
_LAST = 2.0  # forecasts of sizes within this factor of the largest are also judged by themselves
_MOST_DRIFT = 1.0  # per unit of log size: an error that departs as fast as n itself


def fit_alone(form: Form) -> Fit:
    """Return how a form is fitted alone, for `forecast_drift`.

    Args:
        form: The form.
    """

    def fit(sizes: Floats, means: Means, rows: Floats) -> tuple[Fits, Fits]:
        law = fit_rows(form, sizes, means.values[None], means.weights)
        return law, fit_rows(form, sizes, rows, means.weights)

    return fit


def forecast_drift(
    fit: Fit, num_needed: int, least: tuple[int, ...], sizes: Floats, means: Means, rows: Floats
) -> Floats:
    """Return by how much forecasts of the next size missed, beyond chance, per step to it.

    Sizes are forecast from all that are smaller by a quarter or more, as far as these suffice. A law that has held so
    far misses by the noise of the means alone, and this is near zero; where the curve turns, it is the part of a
    forecast's error that no draw of repeats contains. Let a miss be `drift * step` beyond chance: the drift is then
    the least-squares estimate from all misses, so that a short step, which shows little, counts little. The excess of
    all forecasts is summed before it is bounded by zero: bounded one by one, the luck of a few would make drifts of
    laws that have none. Where the forecasts of the last doubling missed by more than all did, they count alone: a curve
    that begins to turn shows it there first.

    Args:
        fit: How a law is fitted.
        num_needed: Points that it takes.
        least: Sizes that it takes, of each variable.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        means: What is known of the errors there.
        rows: Drawn means, shape ``(num_draws, num_points)``; the same forecasts of these show what chance explains.

    Returns:
        Square root of that excess of log(forecast / mean error) squared, per unit of log size, for each variable:
        source size, and target size if it is one; shape ``(num_variables,)``. NaN if there are too few sizes to know.
    """
    return np.array(
        [_drift_along(variable, fit, num_needed, least[variable], sizes, means, rows) for variable in range(len(sizes))]
    )


def _drift_along(
    variable: int, fit: Fit, num_needed: int, least: int, sizes: Floats, means: Means, rows: Floats
) -> float:
    levels = np.unique(sizes[variable])
    found = []
    for level in _spread_out(levels, least):
        before = levels[levels <= level * np.exp(-_LEAST_STEP)]
        known, asked = sizes[variable] <= (before[-1] if before.size else 0.0), sizes[variable] == level
        if len(before) < least or known.sum() < num_needed:
            continue
        law, drawn = fit(sizes[:, known], means.at(known), rows[:_MOST_ROWS, known])
        missed = law.predict_log(sizes[:, asked])[0] - means.values[asked]
        by_chance = drawn.predict_log(sizes[:, asked]) - rows[:_MOST_ROWS, asked]
        low, high = np.quantile(by_chance, _ONE_SIGMA, axis=0)
        excess = float(np.mean(missed**2 - ((high - low) / 2.0) ** 2))
        found.append((level, excess, float(np.log(level / before[-1]))))
    if not found:
        return float("nan")
    at, excess, step = np.array(found).T
    last = at > levels[-1] / _LAST
    squares = [(excess[part] @ step[part] ** 2) / (step[part] ** 4).sum() for part in (at > 0, last) if part.any()]
    return float(min(np.sqrt(max(0.0, *squares)), _MOST_DRIFT))


def _spread_out(levels: Floats, least: int) -> Floats:
    """The sizes that are forecast: all after the first, or of many some, evenly, with the largest."""
    asked = levels[least:]
    if len(asked) <= _MOST_FORECASTS:
        return asked
    return np.asarray(asked[np.unique(np.linspace(0, len(asked) - 1, _MOST_FORECASTS).round().astype(int))])


def let_drift(draws: tuple[Fits, ...], drift: Floats, random: np.random.Generator) -> tuple[Fits, ...]:
    """Return draws that depart from their form beyond the largest sizes, each by a normal factor of its own.

    Args:
        draws: Laws of the draws, a set for each form; equal rows of the sets get equal factors.
        drift: From `forecast_drift`, the standard deviation of the departure; none where it is not known.
        random: Where the factors come from.
    """
    factors = np.stack([even_normal(random, len(draws[0].loss)) for _ in drift], axis=1)
    return tuple(replace(drawn, drift=np.nan_to_num(drift) * factors) for drawn in draws)
