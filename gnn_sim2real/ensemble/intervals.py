"""Intervals that hold their coverage, from the errors of rows that were predicted without having been trained on.

An interval is the prediction plus and minus a number times a scale, which differs from row to row; the number is the
conformal quantile of the errors, each divided by the scale of its row. If rows are exchangeable, a new value is inside
with at least the nominal probability, however the errors are distributed and however bad the scale is: V. Vovk, A.
Gammerman, G. Shafer, Algorithmic Learning in a Random World, Springer (2005); with a scale, J. Lei et al., J. Am. Stat.
Assoc. 113, 1094 (2018), doi 10.1080/01621459.2017.1307116, section 5.2.

Here the errors come from folds, each predicted by a model without it, and the prediction from all rows. The guarantee
is then that of cross-conformal prediction and the jackknife+, as far as the prediction does not hinge on single folds:
V. Vovk, Ann. Math. Artif. Intell. 74, 9 (2015), doi 10.1007/s10472-013-9368-4; R. F. Barber, E. J. Candes, A. Ramdas,
R. J. Tibshirani, Ann. Stat. 49, 486 (2021), doi 10.1214/20-AOS1965. It holds for the mean over materials like the
measured ones; `TrainingRange` tells others. MAPIE trains the models itself, and of crepes this needs a single line.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_sim2real.gaussian_process import StandardColumns

Floats = NDArray[np.float64]

FLOOR = 0.3
"""Least scale in units of its root mean square over the training rows, since a few members can agree by chance."""

SPREAD_ROWS = 50
"""Least number of training rows at which the spread of members is worth something as a scale."""

WIDEST_ROWS = 30
"""Least number of training rows beyond two thirds of the scales, from which on these have a factor of their own."""

STANDARD = 0.6827
"""Coverage of plus and minus one standard deviation of a normal distribution."""

INSIDE = 0.95
"""Share of the training rows that `TrainingRange` takes for inside of its range, each compared with the others."""


@dataclass(frozen=True)
class Intervals:
    """How wide the interval of a row is.

    Attributes:
        coverage: Nominal coverage.
        factor: Half the width in units of the scale; infinite if there are too few rows for the coverage.
        least: Least scale.
        num_rows: Number of rows that this was learned from.
        widest_from: Scale beyond which an interval is one of the widest third; None for no such third.
        widest_times: How many times as large the factor is there, at least 1.
        is_spread_telling: Whether the scale has the spread of the members in it, see `make_scale`.
    """

    coverage: float
    factor: float
    least: float
    num_rows: int
    widest_from: float | None = None
    widest_times: float = 1.0
    is_spread_telling: bool = True

    def used(self, scale: Floats) -> Floats:
        """The scale that the factor multiplies, (num_rows,): not below the least, and larger in the widest third.

        Args:
            scale: (num_rows,).
        """
        beyond = np.zeros(len(scale), np.bool_) if self.widest_from is None else scale > self.widest_from
        return np.asarray(np.maximum(scale, self.least) * np.where(beyond, self.widest_times, 1.0))

    def half_widths(self, scale: Floats) -> Floats:
        """Half the width of the interval of each row, (num_rows,).

        Args:
            scale: (num_rows,).
        """
        return self.factor * self.used(scale)


def fit_intervals(errors: Floats, scale: Floats, coverage: float = 0.9) -> Intervals:
    """Learn how wide intervals have to be.

    Coverage is promised for the mean over rows. Where it is most needed, in the widest third, it would be least: large
    errors grow faster than any scale. From 90 rows on that third has a quantile of its own where it is the larger one:
    V. Vovk, Mach. Learn. 92, 349 (2013), doi 10.1007/s10994-013-5355-6.

    Args:
        errors: Measured value minus prediction of rows that were not trained on, (num_rows,).
        scale: Scale of the same rows, (num_rows,), not negative; what makes it must not have seen the row.
        coverage: Nominal coverage.
    """
    least = _least(scale)
    scores = np.abs(errors) / np.maximum(scale, least)
    factor = conformal_quantile(scores, coverage)
    border = float(np.quantile(scale, 2 / 3)) if len(scale) else 0.0
    widest = scores[scale > border]
    if len(widest) < WIDEST_ROWS or not factor:
        return Intervals(coverage, factor, least, len(errors))
    times = max(1.0, conformal_quantile(widest, coverage) / factor)
    return Intervals(coverage, factor, least, len(errors), border, times)


def conformal_quantile(scores: Floats, coverage: float) -> float:
    """What a further score does not exceed with at least the nominal probability; infinite if there are too few scores.

    Args:
        scores: Of exchangeable rows, (num_rows,).
        coverage: Nominal coverage.
    """
    rank = _rank(len(scores), coverage)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def quantiles_of_others(scores: Floats, coverage: float, groups: NDArray[np.int64] | None = None) -> Floats:
    """The conformal quantile for each row by all others, (num_rows,), so that no row widens its own interval.

    With one row less the quantile may be infinite, although with all of them it is not; then it is that of all.

    Args:
        scores: Of exchangeable rows, (num_rows,).
        coverage: Nominal coverage.
        groups: (num_rows,); numbers, from 0, of groups of rows that are no others to each other, such as one material
            at several temperatures. Each row is one unless given.
    """
    groups = np.arange(len(scores)) if groups is None else groups
    each = [conformal_quantile(scores[groups != group], coverage) for group in range(groups.max(initial=-1) + 1)]
    found = np.array(each)[groups]
    return np.where(np.isfinite(found), found, conformal_quantile(scores, coverage))


def make_scale(num_train: int, spread: Floats, deviation: Floats | None = None, *, is_telling: bool = True) -> Floats:
    """Scale of each row, (num_rows,), of training rows and new ones alike.

    It is the square root of the spread of the members times the standard deviation by a Gaussian process, each of which
    alone is wrong in its own way. On fifteen real targets it gave the least interval score of 500 rows and nearly the
    least of 50 and 100, and covered the widest third of the intervals as well as the others. To choose a scale by the
    errors was no better and cost coverage.

    Args:
        num_train: Number of training rows; with fewer than `SPREAD_ROWS` the spread is not used.
        spread: Spread of the members of an ensemble, (num_rows,).
        deviation: Standard deviation by a Gaussian process, (num_rows,); without one, a constant takes its place.
        is_telling: Whether the spread says something of a row. That between one member and a constant does not: it is
            least where the prediction is near the constant, and as large as the weight of the constant, which is
            another one without a fold.
    """
    known = np.ones(len(spread)) if deviation is None else deviation
    return known if num_train < SPREAD_ROWS or not is_telling else np.sqrt(spread * known)


def interval_scores(errors: Floats, half_widths: Floats, coverage: float = 0.9) -> Floats:
    """Interval score of each row, (num_rows,): its width, and a penalty outside of it; less is better.

    T. Gneiting, A. E. Raftery, J. Am. Stat. Assoc. 102, 359 (2007), doi 10.1198/016214506000001437, equation 43.

    Args:
        errors: Measured value minus prediction, (num_rows,).
        half_widths: (num_rows,).
        coverage: Nominal coverage.
    """
    return 2 * half_widths + 2 / (1 - coverage) * np.maximum(np.abs(errors) - half_widths, 0)


class TrainingRange:
    """Tells which rows lie farther from the training rows than these from each other.

    The distance is that to the nearest training row, with columns as for a Gaussian process. Its unit is the distance
    to the nearest other row that `INSIDE` of the training rows do not exceed. Intervals of rows beyond 1 have no
    guarantee: mark them, or widen them by the distance.

    Args:
        descriptors: (num_rows, num_columns) of the training rows.
        groups: (num_rows,); numbers of groups of rows such as one material at several temperatures. The nearest other
            row is then one of another group, as it is for a material that was never measured.

    Attributes:
        unit: That unit, a distance of standardized columns.

    Raises:
        ValueError: If all rows are the same, or of one group.
    """

    def __init__(self, descriptors: ArrayLike, groups: NDArray[np.int64] | None = None) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._columns = StandardColumns(descriptors)
        standard = self._columns.apply(descriptors)
        if len(standard) < 2 or not standard.shape[1]:
            raise ValueError("a range needs two training rows that differ; without descriptors nothing is outside")
        self._nearest = NearestNeighbors(n_neighbors=1).fit(standard)
        if groups is None:
            to_others = self._nearest.kneighbors()[0]
        else:
            largest = int(np.bincount(groups).max())
            if largest == len(groups):
                raise ValueError("a range needs two groups of training rows")
            distances, rows = self._nearest.kneighbors(n_neighbors=largest)
            to_others = np.where(groups[rows] != groups[:, None], distances, np.inf).min(axis=1)
        self.unit = float(np.quantile(to_others, INSIDE)) or 1.0

    def distances(self, descriptors: ArrayLike) -> Floats:
        """Distance from the training rows, (num_rows,); beyond 1 a row is outside of their range.

        Args:
            descriptors: (num_rows, num_columns), of the columns of the training rows.

        Raises:
            ValueError: If the number of columns is another.
        """
        nearest, _ = self._nearest.kneighbors(self._columns.apply(descriptors))
        return np.asarray(nearest[:, 0] / self.unit, np.float64)


def _rank(num_rows: int, coverage: float) -> int:
    """Rank, from 1, of the conformal quantile."""
    return math.ceil(round((num_rows + 1) * coverage, 9))  # 0.9 times 20 is a little more than 18


def _least(scale: Floats) -> float:
    return FLOOR * float(np.square(scale).mean()) ** 0.5 or 1.0
