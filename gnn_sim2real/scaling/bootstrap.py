"""The arithmetic below the scaling law: least squares on log errors, and draws that move whole curves.

Everything works on one table, ``log_errors`` of shape ``(num_curves, num_sizes)``, with NaN where a curve has no
model of that size. The law is written as

    E(n) = S [(1 - g) (n / n_max)^-alpha + g],    S = E(n_max),    g = C / E(n_max),

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
_PRIOR_FREEDOM = 4.0  # the pooled spread counts as much as five repeats of a size
_HUBER = 2.5  # in standard deviations; below it a run keeps its full weight
_NUM_STEPS = 60


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


class Summary(NamedTuple):
    """What a table of log errors says at each size.

    Attributes:
        means: Robust mean log error, shape ``(num_sizes,)``.
        weights: Weight of each mean in the fit, shape ``(num_sizes,)``.
        deviations: By how much each curve moves each mean, zero where it has no model, shape
            ``(num_curves, num_sizes)``.
        lone_spread: Standard deviation of the means that rest on a single model, else zero, shape
            ``(num_sizes,)``.
    """

    means: Floats
    weights: Floats
    deviations: Floats
    lone_spread: Floats


def fit_rows(sizes: Floats, log_errors: Floats, weights: Floats) -> Fits:
    """Fit the law to each row of log errors by weighted least squares.

    Args:
        sizes: Source sizes n, ascending, shape ``(num_sizes,)``.
        log_errors: Natural logarithms of the errors, shape ``(num_rows, num_sizes)``.
        weights: Weight of each size, shape ``(num_sizes,)``.

    Returns:
        The fitted laws. A parameter may lie at its bound: the caller has to look.
    """
    log_ratio = np.log(sizes / sizes[-1])
    weights = weights / weights.sum()
    center = log_errors @ weights
    centered = log_errors - center[:, None]

    start = _search(log_ratio, centered, weights)
    decay, share = _polish(log_ratio, centered, weights, start)
    shape = _log_shape(log_ratio, decay[:, None], share[:, None])
    error_at_end = np.exp(center - shape @ weights)  # S, because the shape is 1 at n_max
    return Fits(decay, error_at_end * share, error_at_end * (1.0 - share) * sizes[-1] ** decay)


def _log_shape(log_ratio: Floats, decay: Floats, share: Floats) -> Floats:
    return np.log((1.0 - share) * np.exp(-decay * log_ratio) + share)


def _search(log_ratio: Floats, centered: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the best (alpha, g) of a grid for each row."""
    decay = np.geomspace(*DECAY_RATE_BOUNDS, 64)
    share = np.concatenate([np.linspace(0.0, 0.9, 19), 1.0 - np.geomspace(0.09, 1e-3, 8)])
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
        better = trial_loss < loss
        parameters = np.where(better[:, None], trial, parameters)
        residual = np.where(better[:, None], trial_residual, residual)
        loss = np.where(better, trial_loss, loss)
        damping = np.clip(np.where(better, damping * 0.2, damping * 5.0), 1e-12, 1e12)
    return np.exp(parameters[:, 0]), parameters[:, 1]
