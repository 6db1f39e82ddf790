"""The forecasts that `law_forecast.py` sets beside those of the law: what others fit to a learning curve.

All take sizes, mean errors and a size, and return the error there. M4 and BNSL are fitted as their papers say, by least
squares on the logarithms of the errors from many starts.

References:
    M4: I. Alabdulmohsin, B. Neyshabur, X. Zhai (2022), https://arxiv.org/abs/2209.06640;
    BNSL with one break: E. Caballero et al. (2023), https://arxiv.org/abs/2210.14891.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import curve_fit, least_squares
from scipy.special import expit

_NUM_STARTS, _NUM_POLISHED, _STEP = 1000, 4, 1e-6
Model = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From log sizes and rows of parameters to log errors, shape (num_rows, num_sizes)."""


def curve_fit_of_power_limit(sizes: np.ndarray, means: np.ndarray, at: float) -> float:
    """scipy's `curve_fit`, with bounds and a start from the data."""
    start = [max(means[0] - means[-1] / 2, means[0] / 10) * sizes[0] ** 0.5, 0.5, means[-1] / 2]
    bounds = ([0.0, 0.0, 0.0], [np.inf, 3.0, np.inf])
    found, _ = curve_fit(_power_with_limit, sizes, means, p0=start, bounds=bounds, max_nfev=20_000)
    return float(_power_with_limit(at, *found))


def _power_with_limit(sizes: Any, prefactor: float, rate: float, limit: float) -> Any:
    return prefactor * sizes**-rate + limit


def line(sizes: np.ndarray, means: np.ndarray, at: float) -> float:
    """The straight line on log-log."""
    return float(np.exp(np.polyval(np.polyfit(np.log(sizes), np.log(means), 1), np.log(at))))


def m4(sizes: np.ndarray, means: np.ndarray, at: float) -> float:
    """(E - C) / (E0 - E)^a = b n^-c."""
    level = np.log(means)
    random = np.random.default_rng(0)
    starts = np.stack(
        [
            np.where(random.random(_NUM_STARTS) < 0.2, -20.0, level.min() + np.log(random.random(_NUM_STARTS))),  # C
            np.log(random.exponential(0.7, _NUM_STARTS) + 0.02),  # (E0 - E) / E at the smallest size
            random.uniform(-1.0, 1.0, _NUM_STARTS),  # log a
            level[0] + random.normal(0.0, 0.02, _NUM_STARTS),
            np.log(random.uniform(0.05, 1.5, _NUM_STARTS)),  # log c
        ],
        axis=1,
    )
    bounds = [-25.0, -6.0, -1.5, level.min() - 3, -7.0], [level.min(), 6.0, 1.5, level.max() + 3, np.log(3.0)]
    return _forecast(_m4, starts, bounds, np.log(sizes / sizes[0]), level, np.log(at / sizes[0]))


def _m4(position: np.ndarray, rows: np.ndarray) -> np.ndarray:
    log_limit, log_room, log_a, first, log_rate = (column[:, None] for column in rows.T)
    limit, a = np.minimum(np.exp(log_limit), 0.999 * np.exp(first)), np.exp(log_a)
    whole = np.exp(first) * (1 + np.exp(log_room)) - limit  # E0 - C
    share = (np.exp(first) - limit) / whole  # (E - C) / (E0 - C) at the smallest size
    wanted = np.log(share) - a * np.log1p(-share) - np.exp(log_rate) * position
    x = np.where(wanted > 0, wanted / a, wanted)  # logit of that share, found by Newton's method
    for _ in range(30):
        excess = -np.logaddexp(0.0, -x) + a * np.logaddexp(0.0, x) - wanted
        x = x - excess / (expit(-x) + a * expit(x))
        if np.abs(excess).max() < 1e-10:
            break
    return np.asarray(np.log(limit + whole * expit(x)))


def bnsl(sizes: np.ndarray, means: np.ndarray, at: float) -> float:
    """E = C + b n^-c0 (1 + (n / d)^(1/f))^(-c1 f)."""
    level, span = np.log(means), np.log(sizes[-1] / sizes[0])
    random = np.random.default_rng(0)
    starts = np.stack(
        [
            np.where(random.random(_NUM_STARTS) < 0.2, -20.0, level.min() + np.log(random.random(_NUM_STARTS))),  # C
            level[0] + random.normal(0.0, 0.02, _NUM_STARTS),
            random.uniform(0.0, 1.0, _NUM_STARTS),  # c0
            random.uniform(-0.5, 1.0, _NUM_STARTS),  # c1
            random.uniform(0.0, span, _NUM_STARTS),  # log d
            random.uniform(-3.0, 1.0, _NUM_STARTS),  # log f
        ],
        axis=1,
    )
    bounds = [-25.0, level.min() - 3, 0.0, -3.0, -1.0, -4.0], [level.min(), level.max() + 3, 3.0, 3.0, span + 2, 2.0]
    return _forecast(_bnsl, starts, bounds, np.log(sizes / sizes[0]), level, np.log(at / sizes[0]))


def _bnsl(position: np.ndarray, rows: np.ndarray) -> np.ndarray:
    log_limit, first, early, more, turn, log_width = (column[:, None] for column in rows.T)
    width = np.exp(log_width)
    bend = np.logaddexp(0.0, (position - turn) / width) - np.logaddexp(0.0, -turn / width)
    limit = np.minimum(np.exp(log_limit), 0.999 * np.exp(first))
    return np.asarray(
        np.log(limit + (np.exp(first) - limit) * np.exp(-early * position - more * width * bend) + 1e-300)
    )


def _forecast(
    model: Model, starts: np.ndarray, bounds: Any, position: np.ndarray, level: np.ndarray, at: float
) -> float:
    """The forecast of the best of several fits, polished from the best of the random starts."""
    starts = np.clip(starts, np.array(bounds[0]) + 1e-6, np.array(bounds[1]) - 1e-6)
    loss = ((model(position, starts) - level) ** 2).sum(axis=1)
    steps = _STEP * np.eye(starts.shape[1])

    def slopes(found: np.ndarray) -> np.ndarray:
        rows = model(position, np.concatenate([found + steps, found - steps]))
        return np.asarray((rows[: len(steps)] - rows[len(steps) :]).T / (2 * _STEP))

    fits = [
        least_squares(
            lambda found: model(position, found[None])[0] - level, starts[each], slopes, bounds=bounds, max_nfev=50
        )
        for each in np.argsort(loss)[:_NUM_POLISHED]
    ]
    best = min(fits, key=lambda found: found.cost)
    return float(np.exp(model(np.array([at]), best.x[None])[0, 0]))


RIVALS = {"curve_fit": curve_fit_of_power_limit, "line": line, "m4": m4, "bnsl": bnsl}
"""By name."""
