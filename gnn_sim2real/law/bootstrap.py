"""Robust means over repeats, and draws of their errors that move whole repeats.

Everything works on one table, ``log_errors`` of shape ``(num_curves, num_points)``, with NaN where a curve has no
model at a point: a source size, or a pair of source and target size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.law.forms.form import Floats, Form
from gnn_sim2real.law.least_squares import Fits, fit_rows
from gnn_sim2real.law.log_errors import ErrorTable
from gnn_sim2real.law.streams import even_chances, even_normal, moves_by_name, stream

_PRIOR_FREEDOM = 10.0  # the pooled spread counts as much as eleven repeats of a size
_HUBER = 2.5  # in standard deviations; closer to the law, a model keeps its full weight
_NUM_REWEIGHTINGS = 10
_KNOWN = 1000.0  # degrees of freedom of a spread that was given
_LEAST_SHARE = 0.1  # of the median spread; a smaller one is that of a rounded number
_REACH = 2.0  # in log size: how far errors of neighbors are alike
_ALIKE = 0.5  # share of the variance that neighbors have in common
_LARGEST_MOVE = 20.0  # of a log error in a draw; keeps the far tail of Student's t with 1 degree of freedom finite


class Means(NamedTuple):
    """Means of a table of log errors at each point, with their spread.

    Attributes:
        values: Robust mean log error, shape ``(num_points,)``.
        weights: Weight of each mean in the fit, shape ``(num_points,)``.
        moves: By how much each curve pulls each mean, scaled so that a sum with standard normal factors has the
            covariance of the means, shape ``(num_curves, num_points)``; zero where a point has a single model.
        lone_spread: Standard deviation of a mean of a single model, else zero, shape ``(num_points,)``.
        material_moves: The same as `moves` for the choice of test materials, shape ``(num_materials, num_points)``.
        freedom: Degrees of freedom of `moves` and `lone_spread`.
        repeated: Whether any point has more than one model, so that the spread is that of repeats, or it was given.
    """

    values: Floats
    weights: Floats
    moves: Floats
    lone_spread: Floats
    material_moves: Floats
    freedom: float
    repeated: bool

    def covariance(self) -> Floats:
        """Return the covariance of the means, shape ``(num_points, num_points)``."""
        shared = self.moves.T @ self.moves + self.material_moves.T @ self.material_moves
        return np.asarray(shared + np.diag(self.lone_spread**2))

    def at(self, points: NDArray[np.bool_]) -> Means:
        """Return the means of some points alone, which are true in a mask of shape ``(num_points,)``."""
        return self._replace(
            values=self.values[points],
            weights=self.weights[points],
            moves=self.moves[:, points],
            lone_spread=self.lone_spread[points],
            material_moves=self.material_moves[:, points],
        )


def _spread_of_repeats(table: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return the standard deviation of the models at each point, drawn toward the pooled one, shape ``(num_points,)``.

    A few repeats tell little about the spread of one size, and weights that follow every chance agreement make the
    intervals too narrow. Outliers are pulled in first, so that one failed run does not remove the weight of its size.
    """
    middle = np.nanmedian(table, axis=0)
    distance = np.abs(table - middle)[:, counts > 1]
    distance = distance[distance > 0]  # the median itself and missing entries
    if distance.size == 0:
        return np.zeros(len(counts))
    reach = 3.0 * 1.4826 * np.median(distance)
    pulled = np.clip(table, middle - reach, middle + reach)
    squares = np.nansum((pulled - np.nanmean(pulled, axis=0)) ** 2, axis=0)
    pooled = squares.sum() / (counts - 1).sum()
    return np.asarray(np.sqrt((squares + _PRIOR_FREEDOM * pooled) / (counts - 1 + _PRIOR_FREEDOM)))


def robust_means(
    form: Form, sizes: Floats, table: Floats, given: Floats | None = None, spreads: Floats | None = None
) -> tuple[Means, Fits]:
    """Average the curves at each point; models far from the law count less (Huber).

    Args:
        form: The form of the law to which the distance of a model is measured.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        table: Log errors, NaN where a curve has no model at a point, shape ``(num_curves, num_points)``.
        given: Weight of each model, of the same shape; equal ones if None.
        spreads: Standard deviation of each log error where it is known, of the same shape; it is used where no point
            has several models, whose spread would be the better one.

    Returns:
        The means with their weights in the fit and how the curves move them, and the law of these means.
    """
    present = np.isfinite(table)
    counts = present.sum(axis=0)
    repeated = bool((counts > 1).any())
    trust = present.astype(float) if given is None else np.where(present, given / given[present].mean(), 0.0)
    is_given = spreads is not None and not repeated and bool((np.nan_to_num(spreads) > 0).any())
    spread = _given_spread(spreads) if spreads is not None and is_given else _spread_of_repeats(table, counts)
    if spread.max() < 1e-12:  # no repeats, or exact ones
        spread = np.ones(table.shape[1])

    keep, freedom = trust, present.sum() - form.num_parameters
    fits = fit_rows(form, sizes, np.nanmedian(table, axis=0)[None], trust.sum(axis=0) / spread**2, num_starts=8)
    residual = table - fits.predict_log(sizes)
    scale = 1.4826 * np.nanmedian(np.abs(residual)) * np.sqrt(present.sum() / max(freedom, 1))
    scale = np.maximum(scale, spread if repeated or is_given else 0.0)
    for _ in range(_NUM_REWEIGHTINGS):
        share = keep / keep.sum(axis=0)
        values = np.nansum(share * table, axis=0)
        weights = keep.sum(axis=0) / spread**2
        fits = fit_rows(form, sizes, values[None], weights, start=fits.parameters[0])
        residual = table - fits.predict_log(sizes)
        excess = np.abs(residual) / np.maximum(_HUBER * scale, 1e-12)
        previous, keep = keep, trust / np.maximum(np.nan_to_num(excess), 1.0)
        if np.abs(keep - previous).max() < 1e-6:
            break

    correction = np.sqrt(counts / np.maximum(counts - 1, 1))
    moves = np.where(present & (counts > 1), share * (table - values) * correction, 0.0)
    if is_given:
        lone_spread, freedom = spread, _KNOWN
    elif repeated:
        lone_spread, freedom = np.where(counts == 1, spread, 0.0), float(np.median(counts[counts > 1]) - 1)
    else:
        freedom = float(max(table.shape[1] - form.num_parameters, 1))
        lone_spread = np.full(table.shape[1], np.sqrt(np.nansum(share * residual**2) / freedom))
    none = np.zeros((0, table.shape[1]))
    return Means(values, weights, moves, lone_spread, none, freedom, repeated or is_given), fits


def _given_spread(spreads: Floats) -> Floats:
    """Standard deviation at each point as it was given; none is so small that its point alone decides."""
    spread = np.nanmax(spreads, axis=0)
    return np.asarray(np.maximum(spread, _LEAST_SHARE * np.median(spread[spread > 0])))


def alike(sizes: Floats) -> Floats:
    """Return how much errors of points are alike: the correlation of each two, shape ``(num_points, num_points)``.

    What a form misses, it misses at neighboring sizes alike, and so do runs that share most of their materials.

    Args:
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
    """
    place = np.log(sizes)
    distance = np.sqrt(((place[:, :, None] - place[:, None, :]) ** 2).sum(axis=0))
    return np.asarray((1.0 - _ALIKE) * np.eye(sizes.shape[1]) + _ALIKE * np.exp(-distance / _REACH))


def _root_of_scatter(sizes: Floats, means: Means) -> Floats:
    """What makes independent numbers the scatter of single models about the law, shape ``(num_points, num_points)``.

    Of repeats and of given spreads it is independent. Otherwise it was seen in what the law leaves, from which a shift
    that points have in common is gone: neighbors are alike, and the scatter is as much larger.
    """
    count = sizes.shape[1]
    if means.repeated or count < 2:
        return np.eye(count)
    found = alike(sizes)
    in_common = (found.sum() - count) / (count * (count - 1.0))
    return np.asarray(np.linalg.cholesky(found / (1.0 - in_common)).T)


def draw_moves(
    means: Means, table: ErrorTable, num_draws: int, seed: int, shape_freedom: float | None = None
) -> Floats:
    """Draw errors of the mean log errors.

    Each draw gives every curve a normal factor (a wild bootstrap over whole curves), so that errors along a curve
    stay correlated in whatever way they are, and divides by the root of a chi-square over its degrees of freedom.
    For any linear function of the log errors, the percentiles are then Student's interval over the curves, which
    holds for three curves as well as for a hundred. Resampling the curves themselves is too narrow for few: of k
    curves it shows the fraction (k - 1) / k of the variance, and takes that for known. Test materials, of which there
    are many, get a normal factor each.

    The factors of curves and test materials follow from their labels, so that what two laws share moves both in the
    same draw. The scatter of single models belongs to one table alone.

    Args:
        means: The means and how the curves move them.
        table: What they are means of.
        num_draws: Number of draws.
        seed: Seed of the draws.
        shape_freedom: Degrees of freedom of what moves the points beside their weighted mean; None for those of the
            means.

    Returns:
        The moves, shape ``(num_draws, num_points)``.

    References:
        C. F. J. Wu, Ann. Stat. 14, 1261 (1986), https://doi.org/10.1214/aos/1176350142;
        A. C. Cameron, J. B. Gelbach, D. L. Miller, Rev. Econ. Stat. 90, 414 (2008),
        https://doi.org/10.1162/rest.90.3.414.
    """
    from scipy.special import chdtri  # here, so that the law can be imported in a moment

    moves = moves_by_name(means.moves, table.labels, "curve", num_draws, seed)
    if means.lone_spread.any():
        random = stream(seed, "scatter", table.fingerprint)
        scatter = np.stack([even_normal(random, num_draws) for _ in means.values], axis=1)
        moves += scatter @ _root_of_scatter(table.sizes, means) * means.lone_spread
    chances = even_chances(stream(seed, "spread"), num_draws)[:, None]
    shared = np.zeros((num_draws, 1))
    if shape_freedom is not None:
        shared = (moves @ (means.weights / means.weights.sum()))[:, None]
    of_level, of_shape = (
        np.sqrt(freedom / chdtri(freedom, chances)) for freedom in (means.freedom, shape_freedom or means.freedom)
    )
    moves = of_level * shared + of_shape * (moves - shared)
    moves += moves_by_name(means.material_moves, table.materials, "material", num_draws, seed)
    return np.asarray(np.clip(moves, -_LARGEST_MOVE, _LARGEST_MOVE))
