"""The arithmetic below the scaling law: least squares on log errors, and draws that move whole curves.

Everything works on one table, ``log_errors`` of shape ``(num_curves, num_sizes)``, with NaN where a curve has no
model of that size. The law is written as

    E(n) = S [(1 - g) (n / n_min)^-alpha + g],    S = E(n_min),    g = C / E(n_min),

so that log S is solved in closed form and only (alpha, g) are searched: on a grid, then by damped Gauss-Newton
steps. All draws are fitted at once, as rows of one array.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DECAY_RATE_BOUNDS = (1e-3, 3.0)
_GAP_SHARE_BOUNDS = (0.0, 1.0 - 1e-9)  # D > 0
_NUM_STEPS = 60
_PRIOR_FREEDOM = 10.0  # the pooled spread counts as much as eleven repeats of a size
_HUBER = 2.5  # in standard deviations; closer to the law, a model keeps its full weight
_NUM_REWEIGHTINGS = 10
_LARGEST_MOVE = 20.0  # of a log error in a draw; keeps the far tail of Student's t with 1 degree of freedom finite


class Fits(NamedTuple):
    """Fitted laws, one entry per row that was fitted.

    Attributes:
        decay_rate: alpha, shape ``(num_rows,)``.
        transfer_gap: C, shape ``(num_rows,)``.
        prefactor: D, shape ``(num_rows,)``.
    """

    decay_rate: Floats
    transfer_gap: Floats
    prefactor: Floats

    def predict(self, sizes: Floats) -> Floats:
        """Return E(n) of every row, shape ``(num_rows, num_sizes)``."""
        decay = self.decay_rate[:, None]
        return self.prefactor[:, None] * sizes**-decay + self.transfer_gap[:, None]


class Means(NamedTuple):
    """What a table of log errors says at each size.

    Attributes:
        values: Robust mean log error, shape ``(num_sizes,)``.
        weights: Weight of each mean in the fit, shape ``(num_sizes,)``.
        moves: By how much each curve pulls each mean, scaled so that a sum with standard normal factors has the
            covariance of the means, shape ``(num_curves, num_sizes)``; zero where a size has a single model.
        lone_spread: Standard deviation of a mean that rests on a single model, else zero, shape ``(num_sizes,)``.
        freedom: Degrees of freedom of these spreads.
        repeated: Whether any size has more than one model, so that the spread is that of repeats.
    """

    values: Floats
    weights: Floats
    moves: Floats
    lone_spread: Floats
    freedom: float
    repeated: bool


def fit_rows(sizes: Floats, log_errors: Floats, weights: Floats) -> Fits:
    """Fit the law to each row of log errors by weighted least squares.

    Args:
        sizes: Source sizes n, ascending, shape ``(num_sizes,)``.
        log_errors: Natural logarithms of the errors, shape ``(num_rows, num_sizes)``.
        weights: Weight of each size, shape ``(num_sizes,)``.

    Returns:
        The fitted laws. A parameter may lie at its bound: the caller has to look.
    """
    log_ratio = np.log(sizes / sizes[0])
    weights = weights / weights.sum()
    center = log_errors @ weights
    centered = log_errors - center[:, None]

    start = _search(log_ratio, centered, weights)
    decay, share = _polish(log_ratio, centered, weights, start)
    shape = _log_shape(log_ratio, decay[:, None], share[:, None])
    first_error = np.exp(center - shape @ weights)  # S, because the shape is 1 at n_min
    return Fits(decay, first_error * share, first_error * (1.0 - share) * sizes[0] ** decay)


def fit_pure_rows(sizes: Floats, log_errors: Floats, weights: Floats) -> Fits:
    """Fit the pure power law, C = 0, to each row: a straight line, whose alpha has no bounds.

    Args:
        sizes: As in `fit_rows`.
        log_errors: As in `fit_rows`.
        weights: As in `fit_rows`.

    Returns:
        The fitted laws.
    """
    weights = weights / weights.sum()
    middle = np.log(sizes) @ weights
    position = np.log(sizes) - middle
    decay = -(log_errors @ (weights * position)) / (weights @ position**2)
    return Fits(decay, np.zeros(len(decay)), np.exp(log_errors @ weights + decay * middle))


def _log_shape(log_ratio: Floats, decay: Floats, share: Floats) -> Floats:
    return np.log((1.0 - share) * np.exp(-decay * log_ratio) + share)


def _search(log_ratio: Floats, centered: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the best (alpha, g) of a grid for each row."""
    decay = np.geomspace(*DECAY_RATE_BOUNDS, 64)
    share = np.concatenate([[0.0], np.geomspace(1e-3, 0.1, 8), np.linspace(0.15, 0.95, 17), [0.98, 0.99, 0.999]])
    decay, share = (axis.ravel() for axis in np.meshgrid(decay, share))
    shape = _log_shape(log_ratio, decay[:, None], share[:, None])
    shape -= (shape @ weights)[:, None]
    # the squared residual without its part that depends on the row alone: a single matrix product for all rows
    loss = (shape**2) @ weights - 2.0 * (centered * weights) @ shape.T
    best = loss.argmin(axis=1)
    return decay[best], share[best]


def _residual(log_ratio: Floats, centered: Floats, weights: Floats, parameters: Floats) -> Floats:
    residual = centered - _log_shape(log_ratio, np.exp(parameters[:, :1]), parameters[:, 1:])
    return residual - (residual @ weights)[:, None]


def _jacobian(log_ratio: Floats, weights: Floats, parameters: Floats) -> Floats:
    """Return the derivatives of the log shape by (log alpha, g), shape ``(num_rows, 2, num_sizes)``."""
    decay, share = np.exp(parameters[:, :1]), parameters[:, 1:]
    power = np.exp(-decay * log_ratio)
    value = (1.0 - share) * power + share
    slopes = np.stack([-(1.0 - share) * power * decay * log_ratio / value, (1.0 - power) / value], axis=1)
    return slopes - (slopes @ weights)[..., None]


def _polish(
    log_ratio: Floats, centered: Floats, weights: Floats, start: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Run bounded Levenberg-Marquardt steps on (log alpha, g) for all rows at once."""
    low = np.array([np.log(DECAY_RATE_BOUNDS[0]), _GAP_SHARE_BOUNDS[0]])
    high = np.array([np.log(DECAY_RATE_BOUNDS[1]), _GAP_SHARE_BOUNDS[1]])
    parameters = np.stack([np.log(start[0]), start[1]], axis=1)
    residual = _residual(log_ratio, centered, weights, parameters)
    loss = residual**2 @ weights
    damping = np.full(len(parameters), 1e-3)
    for _ in range(_NUM_STEPS):
        slopes = _jacobian(log_ratio, weights, parameters)
        gradient = (slopes * (weights * residual)[:, None]).sum(-1)
        # a parameter at its bound that wants to leave it is held there for this step
        held = ((parameters <= low) & (gradient < 0)) | ((parameters >= high) & (gradient > 0))
        slopes = np.where(held[..., None], 0.0, slopes)
        gradient = np.where(held, 0.0, gradient)
        curvature = (slopes * weights) @ slopes.transpose(0, 2, 1)
        diagonal = np.einsum("bii->bi", curvature)  # a view
        diagonal += damping[:, None] * diagonal + 1e-30 + held
        a, b, d = curvature[:, 0, 0], curvature[:, 0, 1], curvature[:, 1, 1]
        step = np.stack([d * gradient[:, 0] - b * gradient[:, 1], a * gradient[:, 1] - b * gradient[:, 0]], axis=1)
        step /= np.maximum(a * d - b * b, 1e-300)[:, None]
        trial = np.clip(parameters + step, low, high)
        trial_residual = _residual(log_ratio, centered, weights, trial)
        trial_loss = trial_residual**2 @ weights
        moved = np.abs(trial - parameters).max()
        better = trial_loss < loss
        parameters = np.where(better[:, None], trial, parameters)
        residual = np.where(better[:, None], trial_residual, residual)
        loss = np.where(better, trial_loss, loss)
        if moved < 1e-12:
            break
        damping = np.clip(np.where(better, damping * 0.2, damping * 5.0), 1e-12, 1e12)
    return np.exp(parameters[:, 0]), parameters[:, 1]


def _spread_of_repeats(table: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return the standard deviation of the models at each size, drawn toward the pooled one, shape ``(num_sizes,)``.

    A few repeats say little about the spread of one size, and weights that follow every chance agreement make the
    intervals too narrow. Far-out models are pulled in first, so that one failed run does not silence its size.
    """
    distance = np.abs(table - np.nanmedian(table, axis=0))[:, counts > 1]
    distance = distance[distance > 0]  # the median itself and missing entries
    if distance.size == 0:
        return np.zeros(len(counts))
    reach = 3.0 * 1.4826 * np.median(distance)
    middle = np.nanmedian(table, axis=0)
    pulled = np.clip(table, middle - reach, middle + reach)
    squares = np.nansum((pulled - np.nanmean(pulled, axis=0)) ** 2, axis=0)
    pooled = squares.sum() / (counts - 1).sum()
    return np.asarray(np.sqrt((squares + _PRIOR_FREEDOM * pooled) / (counts - 1 + _PRIOR_FREEDOM)))


def robust_means(sizes: Floats, table: Floats) -> Means:
    """Average the curves at each size; models far from the law count less (Huber).

    Args:
        sizes: Source sizes n, ascending, shape ``(num_sizes,)``.
        table: Log errors, NaN where a curve has no model of that size, shape ``(num_curves, num_sizes)``.

    Returns:
        The means with their weights in the fit, and how the curves move them.
    """
    present = np.isfinite(table)
    counts = present.sum(axis=0)
    repeated = bool((counts > 1).any())
    spread = _spread_of_repeats(table, counts)
    if spread.max() < 1e-12:  # no repeats, or exact ones
        spread = np.ones(len(sizes))

    keep = present.astype(float)
    first = fit_rows(sizes, np.nanmedian(table, axis=0)[None], counts / spread**2)
    residual = table - np.log(first.predict(sizes))
    scale = 1.4826 * np.nanmedian(np.abs(residual)) * np.sqrt(present.sum() / (present.sum() - 3))
    scale = np.maximum(scale, spread if repeated else 0.0)
    for _ in range(_NUM_REWEIGHTINGS):
        share = keep / keep.sum(axis=0)
        values = np.nansum(share * table, axis=0)
        weights = keep.sum(axis=0) / spread**2
        residual = table - np.log(fit_rows(sizes, values[None], weights).predict(sizes))
        excess = np.abs(residual) / np.maximum(_HUBER * scale, 1e-12)
        previous, keep = keep, np.where(present, 1.0 / np.maximum(np.nan_to_num(excess), 1.0), 0.0)
        if np.abs(keep - previous).max() < 1e-9:
            break

    correction = np.sqrt(counts / np.maximum(counts - 1, 1))
    moves = np.where(present & (counts > 1), share * (table - values) * correction, 0.0)
    if repeated:
        lone_spread, freedom = np.where(counts == 1, spread, 0.0), float(np.median(counts[counts > 1]) - 1)
    else:
        freedom = float(len(sizes) - 3)
        lone_spread = np.full(len(sizes), np.sqrt(np.nansum(share * residual**2) / freedom))
    return Means(values, weights, moves, lone_spread, freedom, repeated)


def draw_moves(means: Means, num_draws: int, seed: int) -> Floats:
    """Draw by how much the mean log errors could be off.

    Each draw gives every curve a normal factor (a wild bootstrap over whole curves), so that errors along a curve
    stay correlated in whatever way they are, and divides by the root of a chi-square over its degrees of freedom.
    For any linear function of the log errors, the percentiles are then Student's interval over the curves, which
    holds for three curves as well as for a hundred. Resampling the curves themselves is too narrow for few: of k
    curves it shows the fraction (k - 1) / k of the variance, and takes that for known.

    Args:
        means: The means and how the curves move them.
        num_draws: Number of draws.
        seed: Seed of the draws.

    Returns:
        The moves, shape ``(num_draws, num_sizes)``.

    References:
        C. F. J. Wu, Ann. Stat. 14, 1261 (1986), https://doi.org/10.1214/aos/1176350142;
        A. C. Cameron, J. B. Gelbach, D. L. Miller, Rev. Econ. Stat. 90, 414 (2008),
        https://doi.org/10.1162/rest.90.3.414.
    """
    random = np.random.default_rng(seed)
    moves = random.standard_normal((num_draws, len(means.moves))) @ means.moves
    moves += random.standard_normal((num_draws, len(means.values))) * means.lone_spread
    moves *= np.sqrt(means.freedom / random.chisquare(means.freedom, (num_draws, 1)))
    return np.clip(moves, -_LARGEST_MOVE, _LARGEST_MOVE)
