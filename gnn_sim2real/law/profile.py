"""Profile likelihood: the values of a parameter that agree with the errors for some value of the other parameters.

A law is fitted again with the parameter held at each of many values, and the added loss is compared with what chance
explains. The means at different sizes share their seeds, so the loss is not a sum of independent squares: it is
divided by the ratio of the parameter's variance under the covariance of the means to that under independence, and
compared with the square of Student's t for as many degrees of freedom as there are repeats.

References:
    R. E. Chandler, S. Bate, Biometrika 94, 167 (2007), https://doi.org/10.1093/biomet/asm015.
"""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.bootstrap import Means
from gnn_sim2real.law.forms.form import Floats, log_position
from gnn_sim2real.law.least_squares import Fits, fit_rows

_REACH = 2.4  # of the values close by, in expected half widths


def profile_rate(fits: Fits, means: Means, sizes: Floats, confidence: float) -> tuple[float, float]:
    """Return the ends of the profile interval of alpha.

    Args:
        fits: The fitted law.
        means: What it was fitted to.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        confidence: Nominal coverage.
    """
    form, column = fits.form, fits.form.rate_column
    center = float(fits.parameters[0, column])
    axis = form.axes(log_position(sizes, fits.smallest).max(axis=1))[column]
    direction = np.eye(fits.parameters.shape[1] + 1)[1 + column]
    ratio, spread = _inflation(fits, means, sizes, direction)
    limit = _student(means, confidence)
    values = _candidates(center, limit * spread, float(axis[0]), float(axis[-1]))
    held = fit_rows(form, sizes, _repeat(means, len(values)), means.weights, num_starts=2, hold=(column, values))
    low, high = _ends(values, center, _cost(held, fits, means, sizes) / ratio, limit)
    return (float(np.exp(low)), float(np.exp(high))) if form.searches_log_rate else (low, high)


def profile_gap(fits: Fits, means: Means, sizes: Floats, confidence: float) -> tuple[float, float]:
    """Return the ends of the profile interval of C, the error at an infinite source, in the unit of the errors.

    Args:
        fits: The fitted law, of a form with a limit.
        means: What it was fitted to.
        sizes: Sizes of the points, shape ``(1, num_points)``.
        confidence: Nominal coverage.
    """
    first = float(np.exp(fits.log_first[0]))
    share = float(fits.parameters[0, -1])
    direction = np.zeros(fits.parameters.shape[1] + 1)
    direction[[0, -1]] = share, 1.0  # of C / S, by log S and g
    ratio, spread = _inflation(fits, means, sizes, direction)
    limit = _student(means, confidence)
    values = _candidates(first * share, first * limit * spread, 0.0, float(np.exp(means.values.max())))
    values = values[values > 1e-12 * first]
    # at an infinite source E = C, so that a point there holds C at a value
    held = fit_rows(
        fits.form, sizes, _repeat(means, len(values)), means.weights, anchor=(np.array([np.inf]), np.log(values))
    )
    cost = _cost(held, fits, means, sizes)
    missed = np.abs(held.predict_log(np.array([[np.inf]]))[:, 0] - np.log(values)) > 1e-3
    cost[missed] = np.inf  # no law of this form has such a limit
    none = fit_rows(fits.form, sizes, _repeat(means, 1), means.weights, num_starts=2, hold=(-1, np.zeros(1)))
    cost = np.append(_cost(none, fits, means, sizes), cost)
    return _ends(np.append(0.0, values), first * share, cost / ratio, limit)


def _repeat(means: Means, count: int) -> Floats:
    return np.repeat(means.values[None], count, axis=0)


def _student(means: Means, confidence: float) -> float:
    from scipy.special import stdtrit  # here, so that the law can be imported in a moment

    return float(stdtrit(means.freedom, 0.5 + confidence / 2))


def _cost(held: Fits, fits: Fits, means: Means, sizes: Floats) -> Floats:
    """By how much a held parameter raises the weighted sum of squares."""
    residual = means.values - held.predict_log(sizes)
    return np.asarray(residual**2 @ means.weights - fits.loss[0] * means.weights.sum())


def _inflation(fits: Fits, means: Means, sizes: Floats, direction: Floats) -> tuple[float, float]:
    """Variance of a quantity under the covariance of the means over that under independence; and its square root."""
    _, slopes = fits.form.slopes(log_position(sizes, fits.smallest), fits.parameters)
    design = np.concatenate([np.ones((1, sizes.shape[1])), slopes[0]])  # by log S and the searched parameters
    bread = np.linalg.pinv((design * means.weights) @ design.T, rcond=1e-12, hermitian=True)
    effect = (bread @ direction) @ (design * means.weights)  # of each mean on the quantity
    robust = max(float(effect @ means.covariance() @ effect), 1e-30)
    return robust / max(float(direction @ bread @ direction), 1e-300), float(np.sqrt(robust))


def _candidates(center: float, half: float, low: float, high: float) -> Floats:
    """Values at which a parameter is held: nearby in steps of the expected half width, and over the whole range."""
    near = center + half * np.linspace(-_REACH, _REACH, 13)
    return np.unique(np.clip(np.concatenate([near, np.linspace(low, high, 9)]), low, high))


def _ends(values: Floats, center: float, cost: Floats, limit: float) -> tuple[float, float]:
    """Where the root of the cost first exceeds the limit, outward from the center; the end of the range if never."""
    ends = []
    for side in (values[values < center][::-1], values[values > center]):
        roots = np.sqrt(np.maximum(cost[np.searchsorted(values, side)], 0.0))
        steps, roots = np.append(center, side), np.append(0.0, roots)
        beyond = np.flatnonzero(roots > limit)
        if not beyond.size:
            ends.append(float(steps[-1]))
            continue
        outer = beyond[0]
        share = (limit - roots[outer - 1]) / (roots[outer] - roots[outer - 1]) if np.isfinite(roots[outer]) else 0.0
        ends.append(float(steps[outer - 1] + share * (steps[outer] - steps[outer - 1])))
    return ends[0], ends[1]
