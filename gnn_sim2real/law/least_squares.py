"""Bounded least squares on log errors, for many rows of errors at once.

The scale of a law is solved in closed form (variable projection). Its other parameters are searched on a grid that
follows from the sizes, and polished from the best points of the grid by bounded Levenberg-Marquardt steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gnn_sim2real.law.forms.form import Floats, Form, log_position, log_position_beyond

_NUM_STEPS = 100
_INFINITE = 600.0  # a log error beyond this is that of a law without limit at an infinite size
_HEAVY = 1e6  # weight of an anchor, in units of all points together
_BEYOND = np.concatenate(
    [np.linspace(0.0, 4.0, 33), np.linspace(4.25, 36.0, 64)]
)  # where the turn of a row is looked for
_NUM_CUTS = 40  # of the range in which it lies, to two thirds each
_ROWS_AT_ONCE = 256  # bounds the memory of the grid search


@dataclass(frozen=True, eq=False)
class Fits:
    """Laws of one form, one per fitted row.

    Attributes:
        form: Their form.
        smallest: Smallest sizes, shape ``(num_variables,)``.
        parameters: What was searched, shape ``(num_rows, num_searched)``.
        log_first: Log error at the smallest sizes, shape ``(num_rows,)``.
        loss: Weighted mean of the squared residuals of the log errors, shape ``(num_rows,)``.
        largest: Largest sizes, shape ``(num_variables,)``.
        drift: By how much log E departs from the form beyond the largest sizes, per unit of log size, shape
            ``(num_rows, num_variables)``; zero as fitted, see `gnn_sim2real.law.drift`.
        given_turns: `turns` of the law that this one is a part of; None to find them.
    """

    form: Form
    smallest: Floats
    parameters: Floats
    log_first: Floats
    loss: Floats
    largest: Floats
    drift: Floats
    given_turns: Floats | None = None

    def predict_log(self, sizes: Floats) -> Floats:
        """Return log E of every row, shape ``(num_rows, num_points)``.

        Args:
            sizes: Source sizes, and target sizes below them where the form has two variables, shape
                ``(num_variables, num_points)``.
        """
        return self._drifted(sizes[:, None, :])

    def predict(self, sizes: Floats) -> Floats:
        """Return E of every row, shape ``(num_rows, num_points)``; see `predict_log`."""
        return _errors(self.predict_log(sizes))

    def predict_each(self, sizes: Floats) -> Floats:
        """Return E of every row at sizes of its own, shape ``(num_rows,)``.

        Args:
            sizes: Shape ``(num_variables, num_rows)``.
        """
        return _errors(self._drifted(sizes[:, :, None])[:, 0])

    def log_at(self, sizes: Floats) -> Floats:
        """Return log E of every row without drift, shape ``(num_rows, num_points)``.

        Args:
            sizes: The same for all rows or others for each, shape ``(num_variables, 1 or num_rows, num_points)``.
        """
        position = log_position(sizes, self.smallest)
        if position.shape[1] == 1:
            position = position[:, 0]
        return np.asarray(self.log_first[:, None] + self.form.log_shape(position, self.parameters))

    @cached_property
    def turns(self) -> Floats:
        """How far beyond the largest sizes drift would make rows rise, in log size, shape (num_rows, num_variables).

        From there on a row stays level: a larger source contains the smaller one, and can be left unused. Infinite for
        rows that never turn, and for those that rise without drift.
        """
        if self.given_turns is not None:
            return self.given_turns
        turns = np.full(self.drift.shape, np.inf)
        for variable in range(len(self.largest)):
            rising = self.drift[:, variable] > 0
            if not rising.any():
                continue
            unit = np.where(np.arange(len(self.largest)) == variable, 1.0, 0.0)[:, None, None]
            drift = self.drift[:, variable : variable + 1]

            def error(beyond: Floats, unit: Floats = unit, drift: Floats = drift) -> Floats:
                """Log error at a distance, of shape (1 or num_rows, num_points)."""
                return self.log_at(self.largest[:, None, None] * np.exp(unit * beyond)) + drift * beyond

            errors = error(_BEYOND[None])
            lowest = errors.argmin(axis=1)
            low = _BEYOND[np.maximum(lowest - 1, 0)][:, None]
            high = _BEYOND[np.minimum(lowest + 1, len(_BEYOND) - 1)][:, None]
            for _ in range(_NUM_CUTS):
                left, right = low + (high - low) / 3.0, high - (high - low) / 3.0
                falls = error(left) > error(right)
                low, high = np.where(falls, left, low), np.where(falls, high, right)
            by_itself = errors[:, 1] - drift[:, 0] * _BEYOND[1] > errors[:, 0]
            found = rising & (lowest < len(_BEYOND) - 1) & ~by_itself
            turns[found, variable] = low[found, 0]
        return turns

    def _drifted(self, sizes: Floats) -> Floats:
        """Log E at sizes of shape ``(num_variables, 1 or num_rows, num_points)``."""
        if not self.drift.any():
            return self.log_at(sizes)
        beyond = log_position_beyond(sizes, self.largest)
        turns = self.turns.T[:, :, None]
        ends = np.minimum(beyond, turns)
        reached = np.where(beyond > turns, self.largest[:, None, None] * np.exp(ends), sizes)
        return np.asarray(self.log_at(reached) + np.einsum("rv,vrp->rp", self.drift, ends))

    def without_drift(self) -> Fits:
        """Return the same laws without drift."""
        return replace(self, drift=np.zeros_like(self.drift))

    def natural(self) -> dict[str, Floats]:
        """Return the parameters of the papers by name, each of shape ``(num_rows,)``."""
        return self.form.natural(self.parameters, np.exp(self.log_first), self.smallest)


def _errors(log_errors: Floats) -> Floats:
    """Undo the logarithm; at an infinite size a vanishing error is zero, and a rising one infinite."""
    errors = np.exp(np.clip(log_errors, -_INFINITE, _INFINITE))
    return np.where(np.abs(log_errors) < _INFINITE, errors, np.where(log_errors < 0, 0.0, np.inf))


def fit_rows(
    form: Form,
    sizes: Floats,
    log_errors: Floats,
    weights: Floats,
    *,
    num_starts: int = 1,
    start: Floats | None = None,
    hold: tuple[int, Floats] | None = None,
    anchor: tuple[Floats, Floats] | None = None,
) -> Fits:
    """Fit a form to each row of log errors by weighted least squares.

    Args:
        form: The form.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        log_errors: Natural logarithms of the errors, shape ``(num_rows, num_points)``.
        weights: Weight of each point, shape ``(num_points,)``.
        num_starts: Best points of the grid from which each row is polished.
        start: Parameters to start from in place of the grid, shape ``(num_searched,)``.
        hold: Number of a parameter, and the value at which each row holds it, shape ``(num_rows,)``.
        anchor: Sizes at which each row has to take a value, shape ``(num_variables,)``, and the logarithms of these
            values, shape ``(num_rows,)``.

    Returns:
        The fitted laws. A parameter may be at its bound, which the caller has to check.
    """
    smallest, largest = sizes.min(axis=1), sizes.max(axis=1)
    position = log_position(sizes, smallest)
    axes = form.axes(position.max(axis=1))
    weights = weights / weights.sum()
    if anchor is not None:
        position = np.concatenate([position, log_position(anchor[0][:, None], smallest)], axis=1)
        log_errors = np.concatenate([log_errors, anchor[1][:, None]], axis=1)
        weights = np.append(weights, _HEAVY) / (1.0 + _HEAVY)
    center = log_errors @ weights
    centered = log_errors - center[:, None]
    bounds = np.array([[axis[0], axis[-1]] for axis in axes]).T
    if start is None:
        starts = _search(form, position, centered, weights, axes, num_starts)
    else:
        starts = np.tile(np.clip(start, *bounds), (len(centered), 1, 1))
    rows = np.repeat(np.arange(len(centered)), starts.shape[1])
    starts = starts.reshape(len(rows), -1)
    bounds = np.repeat(bounds[:, None], len(rows), axis=1)
    if hold is not None:
        starts[:, hold[0]] = bounds[..., hold[0]] = hold[1][rows]
    parameters, loss = polish(form, position, centered[rows], weights, starts, bounds)
    best = loss.reshape(len(centered), -1).argmin(axis=1) + np.arange(len(centered)) * (len(rows) // len(centered))
    parameters, loss = parameters[best], loss[best]
    log_first = center - form.log_shape(position, parameters) @ weights  # the shape is 1 at the smallest sizes
    return Fits(form, smallest, parameters, log_first, loss, largest, np.zeros((len(loss), len(sizes))))


def _search(
    form: Form, position: Floats, centered: Floats, weights: Floats, axes: list[Floats], num_starts: int
) -> Floats:
    """Return the best parameters of the grid for each row, shape ``(num_rows, num_starts, num_searched)``."""
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    shape = form.log_shape(position, grid)
    shape -= (shape @ weights)[:, None]
    own = (shape**2) @ weights
    best = np.empty((len(centered), num_starts), dtype=np.intp)
    for first in range(0, len(centered), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        # the squared residual without its part that depends on the row alone: a single matrix product
        loss = own - 2.0 * (centered[rows] * weights) @ shape.T
        best[rows] = (
            loss.argmin(axis=1)[:, None]
            if num_starts == 1
            else np.argpartition(loss, num_starts - 1, axis=1)[:, :num_starts]
        )
    return np.asarray(grid[best])


def polish(
    form: Form, position: Floats, centered: Floats, weights: Floats, start: Floats, bounds: Floats
) -> tuple[Floats, Floats]:
    """Run bounded Levenberg-Marquardt steps on all rows at once.

    Args:
        form: The form.
        position: Log ratios of the sizes to the smallest ones, shape ``(num_variables, num_points)``.
        centered: Log errors less their weighted mean, shape ``(num_rows, num_points)``.
        weights: Weight of each point, with a sum of 1, shape ``(num_points,)``.
        start: Parameters to start from, shape ``(num_rows, num_searched)``.
        bounds: Their bounds, shape ``(2, num_rows, num_searched)``.

    Returns:
        Parameters and losses, of one row each.
    """
    parameters = start.copy()
    losses = _squares(centered - form.log_shape(position, parameters), weights)
    damping = np.full(len(parameters), 1e-3)
    active = np.arange(len(parameters))
    for _ in range(_NUM_STEPS):
        current, low, high = parameters[active], bounds[0, active], bounds[1, active]
        shape, slopes = form.slopes(position, current)
        residual = centered[active] - shape
        residual -= (residual @ weights)[:, None]
        slopes = slopes - (slopes @ weights)[..., None]
        gradient = (slopes @ (weights * residual)[..., None])[..., 0]
        # a parameter at its bound that wants to leave it is held there for this step
        held = ((current <= low) & (gradient < 0)) | ((current >= high) & (gradient > 0))
        slopes = np.where(held[..., None], 0.0, slopes)
        curvature = (slopes * weights) @ slopes.transpose(0, 2, 1)
        diagonal = np.einsum("bii->bi", curvature)  # a view
        diagonal += damping[active, None] * diagonal + 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-200 + held
        step = np.linalg.solve(curvature, np.where(held, 0.0, gradient)[..., None])[..., 0]
        trial = np.clip(current + step, low, high)
        trial_loss = _squares(centered[active] - form.log_shape(position, trial), weights)
        better = trial_loss < losses[active]
        moved = np.abs(trial - current).max(axis=1)
        arrived = (moved < 1e-12) | (damping[active] > 1e10)
        arrived |= better & (losses[active] - trial_loss < 1e-9 * losses[active])
        parameters[active] = np.where(better[:, None], trial, current)
        losses[active] = np.where(better, trial_loss, losses[active])
        damping[active] = np.clip(np.where(better, damping[active] * 0.2, damping[active] * 5.0), 1e-12, 1e12)
        active = active[~arrived]
        if not active.size:
            break
    return parameters, losses


def _squares(residual: Floats, weights: Floats) -> Floats:
    """Return the weighted variance of each row of residuals."""
    residual = residual - (residual @ weights)[:, None]
    return np.asarray((residual**2) @ weights)
