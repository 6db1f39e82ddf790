"""How far a law could depart from its form beyond the largest sizes, judged by what its own forecasts have missed.

Draws of repeats show how well the parameters of a form are known. They do not show that the form holds where nothing
was measured. So every draw of a law also gets a drift: beyond the largest sizes its error departs from the form by a
power of the size. All forecasts follow from these draws, so their intervals contain the drift: errors, the size for a
wanted error, the gain from doubling, the split of a budget, differences between laws. Errors within the measured
sizes, the parameters, and the limit at an infinite size do not contain it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gnn_sim2real.law.bootstrap import Means
from gnn_sim2real.law.forms.form import Floats, Form
from gnn_sim2real.law.least_squares import Fits, fit_rows

_LEAST_FITTED = 4  # source sizes of a forecast
_MOST_ROWS = 200  # enough for a standard deviation
_ONE_SIGMA = (0.1587, 0.8413)  # quantiles; the draws have the far tails of Student's t


def forecast_drift(form: Form, sizes: Floats, means: Means, rows: Floats) -> Floats:
    """Return by how much forecasts of the next size missed, beyond chance, per step to it.

    Every size is forecast from all smaller ones, as far as these suffice for the form. A law that has held so far
    misses by the noise of the means alone, and this is near zero; where the curve turns, it is the part of a forecast's
    error that no draw of repeats contains. The excess of all forecasts is averaged before it is bounded by zero:
    bounded one by one, the luck of a few would make drifts of laws that have none. Where the last forecast missed by
    more than all did on average, it counts alone: a curve that begins to turn shows it there first.

    Args:
        form: The form.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        means: What is known of the errors there.
        rows: Drawn means, shape ``(num_draws, num_points)``; the same forecasts of these show what chance explains.

    Returns:
        Square root of that excess of log(forecast / mean error) squared, per unit of log size, for each variable:
        source size, and target size if it is one; shape ``(num_variables,)``. NaN if there are too few sizes to know.
    """
    rows = np.concatenate([means.values[None], rows[:_MOST_ROWS]])
    return np.array([_drift_along(variable, form, sizes, rows, means.weights) for variable in range(len(sizes))])


def _drift_along(variable: int, form: Form, sizes: Floats, rows: Floats, weights: Floats) -> float:
    levels, squares = np.unique(sizes[variable]), []
    for number in range(_least_levels(variable, form), len(levels)):
        known, next_one = sizes[variable] < levels[number], sizes[variable] == levels[number]
        if known.sum() <= form.num_parameters:
            continue
        laws = fit_rows(form, sizes[:, known], rows[:, known], weights[known])
        missed = laws.predict_log(sizes[:, next_one]) - rows[:, next_one]
        low, high = np.quantile(missed[1:], _ONE_SIGMA, axis=0)
        excess = float(np.mean(missed[0] ** 2 - ((high - low) / 2.0) ** 2))
        squares.append(excess / np.log(levels[number] / levels[number - 1]) ** 2)
    return float(np.sqrt(max(np.mean(squares), squares[-1], 0.0))) if squares else float("nan")


def _least_levels(variable: int, form: Form) -> int:
    """Number of sizes of a variable that a forecast along it needs."""
    if variable == 1:
        return 3 if form.has_limit else 2  # a rate and a level, and L if there is one
    return _LEAST_FITTED if form.num_variables == 2 else max(form.num_parameters + 1, _LEAST_FITTED)


def let_drift(draws: tuple[Fits, ...], drift: Floats, random: np.random.Generator) -> tuple[Fits, ...]:
    """Return draws that depart from their form beyond the largest sizes, each by a normal factor of its own.

    Args:
        draws: Laws of the draws, a set for each form; equal rows of the sets get equal factors.
        drift: From `forecast_drift`, the standard deviation of the departure; none where it is not known.
        random: Where the factors come from.
    """
    factors = random.standard_normal((len(draws[0].loss), len(drift)))
    return tuple(replace(drawn, drift=np.nan_to_num(drift) * factors) for drawn in draws)
