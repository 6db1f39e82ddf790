"""Gaussian process regression on blocks of descriptors, for ten to a few thousand measurements.

The covariance of two materials is a sum over blocks of columns, such as composition statistics or the predictions of a
library of models, of a variance times a Matern kernel of smoothness 3/2 with one length scale; of a linear kernel, for
columns that are nearly the answer, such as a simulated value; and of white noise. A length scale for every column would
be more than a few dozen measurements can tell. The parameters maximize the marginal likelihood times a weak prior
(MAP), which holds them where twenty rows say little.

C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press (2006), chapters 2, 4 and 5. Not
scikit-learn's `GaussianProcessRegressor`: it takes no prior, and its kernels know no blocks of columns and compute all
distances anew in every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]

CLIP = 3.0
"""Largest value of a standardized column, in standard deviations of the training rows."""

LINEAR_CLIP = 6.0
"""The same for the columns of the linear kernel, which is there to reach beyond the training rows."""

MAX_LEARNING_ROWS = 1000
"""The parameters are learned from at most so many rows, the predictions from all: time grows with the cube of them."""

_CHUNK = 2000  # rows predicted at once, which bounds the memory

# Priors of the logarithms of the parameters: their medians and standard deviations. Values have variance 1, of which
# the parts of the covariance share `_SIGNAL`; distances over independent columns are about 1.4.
_SIGNAL, _SIGNAL_WIDTH = 2.0, 1.5
_LENGTH, _LENGTH_WIDTH = 3.0, 1.0
_NOISE, _NOISE_WIDTH = 0.1, 1.5
_BOUND = 5.0  # widths from the median; the least noise, 6e-5, keeps the covariance matrix invertible


class StandardColumns:
    """Columns made comparable by what the training rows show, so that a distance can add them up.

    A missing cell gets the median of its column. Columns that are empty or constant are dropped. The others are
    standardized and clipped: a new row far outside says "large", not how large.

    Args:
        rows: Training rows, (num_rows, num_columns); NaN or infinite where missing.
        clip: Largest value.

    Raises:
        ValueError: If the rows are not a table.
    """

    def __init__(self, rows: ArrayLike, clip: float = CLIP) -> None:
        self._clip = clip
        table = _table(rows)
        self._num_given = table.shape[1]
        present = np.flatnonzero(np.isfinite(table).any(axis=0))
        table = np.where(np.isfinite(table), table, np.nan)[:, present]
        median = np.nanmedian(table, axis=0) if table.size else np.empty(0)
        filled = np.where(np.isnan(table), median, table)
        center, spread = filled.mean(axis=0), filled.std(axis=0)
        varies = spread > 1e-10 * np.abs(filled).max(axis=0, initial=0)  # more than rounding would
        self._kept = present[varies]
        self._median, self._center, self._spread = median[varies], center[varies], spread[varies]

    def apply(self, rows: ArrayLike) -> Floats:
        """Standardized columns, (num_rows, num_kept).

        Args:
            rows: (num_rows, num_columns), of the columns of the training rows; NaN or infinite where missing.

        Raises:
            ValueError: If the number of columns is another.
        """
        table = _table(rows)
        if table.shape[1] != self._num_given:
            raise ValueError(
                f"the training rows have {self._num_given} columns, these have {table.shape[1]}; give the same columns"
            )
        table = table[:, self._kept]
        filled = np.where(np.isfinite(table), table, self._median)
        return np.asarray(np.clip((filled - self._center) / self._spread, -self._clip, self._clip))


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of the covariance, for values of variance 1.

    Attributes:
        variances: Variance of each block, (num_blocks,).
        lengths: Length scale of each block, (num_blocks,).
        slopes: Variance of the linear kernel, (1,), or (0,) without one.
        noise: Variance of the noise.
    """

    variances: Floats
    lengths: Floats
    slopes: Floats
    noise: float

    @classmethod
    def from_logs(cls, logs: Floats, num_blocks: int) -> Parameters:
        """Take them from a vector of logarithms, in the order of the attributes.

        Args:
            logs: (2 num_blocks + num_slopes + 1,).
            num_blocks: Number of blocks.
        """
        variances, lengths, slopes, noise = np.split(np.exp(logs), [num_blocks, 2 * num_blocks, len(logs) - 1])
        return cls(variances, lengths, slopes, float(noise[0]))


class GaussianProcess:
    """Regression with a standard deviation for each prediction; the same input gives the same numbers.

    Units and offsets of columns and values do not matter.

    Attributes:
        parameters: As learned by `fit`; a block without a column that varies has none.
    """

    parameters: Parameters

    def fit(
        self,
        blocks: Sequence[ArrayLike],
        values: ArrayLike,
        linear: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> Self:
        """Learn from measured rows.

        Args:
            blocks: Tables of descriptors, each (num_rows, num_columns of the block); NaN or infinite where missing.
            values: Measured values, (num_rows,).
            linear: Columns of the linear kernel, (num_rows, num_linear).
            weights: Weight of each value, above 0, (num_rows,): the variance of its noise is that of the others
                divided by it. All count alike unless given.

        Returns:
            Itself.

        Raises:
            ValueError: If there are no rows, lengths differ, a value is missing, or a weight is not above 0.
        """
        measured = np.asarray(values, np.float64)
        if not len(measured) or not np.isfinite(measured).all() or not [*blocks, *_listed(linear)]:
            raise ValueError(
                "a Gaussian process learns from one or more finite values and blocks; leave out rows without a value"
            )
        self._blocks = [StandardColumns(each) for each in blocks]
        self._linear = [StandardColumns(each, LINEAR_CLIP) for each in _listed(linear)]
        self._train = self._standard(blocks, linear)
        lengths = [len(each) for each in (*self._train.blocks, *self._train.linear)]
        if set(lengths) != {len(measured)}:
            raise ValueError(
                f"there are {len(measured)} values, but {lengths} rows in the blocks; each row has one value"
            )
        noises = None if weights is None else _noises(weights, len(measured))
        self._center, self._scale = float(measured.mean()), float(measured.std())
        standard = (measured - self._center) / (self._scale or 1.0)
        rows = np.arange(len(standard))
        if len(rows) > MAX_LEARNING_ROWS:
            rows = np.random.default_rng(0).permutation(rows)[:MAX_LEARNING_ROWS]
        some = self._train.take(rows)
        # On busy cores, threads that wait for each other take a hundred times as long for small matrices.
        with threadpool_limits(1, user_api="blas"):
            self.parameters = learn_parameters(
                some.distances(some), some.products(some), standard[rows], None if noises is None else noises[rows]
            )
        covariance = self._train.covariance(self._train, self.parameters)
        covariance[np.diag_indices_from(covariance)] += self.parameters.noise * (1.0 if noises is None else noises)
        self._lower = cholesky(covariance, lower=True)
        self._weights = cho_solve((self._lower, True), standard)
        return self

    def predict(self, blocks: Sequence[ArrayLike], linear: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Predict what would be measured.

        Args:
            blocks: As for `fit`, with the same columns.
            linear: As for `fit`.

        Returns:
            Mean and standard deviation, each (num_rows,), in the unit of the values. The standard deviation includes
            the noise of a single measurement, of the weight 1.

        Raises:
            ValueError: If the blocks or their columns are not those of the training rows.
        """
        if (len(blocks), len(_listed(linear))) != (len(self._blocks), len(self._linear)):
            raise ValueError(
                f"the training rows have {len(self._blocks)} blocks and {len(self._linear)} linear ones, these have "
                f"{len(blocks)} and {len(_listed(linear))}; give the same blocks"
            )
        asked = self._standard(blocks, linear)
        mean, variance = np.empty(len(asked)), np.empty(len(asked))
        for start in range(0, len(asked), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(asked)))
            some = asked.take(rows)
            covariance = some.covariance(self._train, self.parameters)
            mean[rows] = covariance @ self._weights
            explained = np.square(solve_triangular(self._lower, covariance.T, lower=True)).sum(axis=0)
            variance[rows] = some.variance(self.parameters) - explained
        std = np.sqrt(np.maximum(variance, 0) + self.parameters.noise)  # rounding may take a little more than there is
        return self._center + self._scale * mean, self._scale * std

    def _standard(self, blocks: Sequence[ArrayLike], linear: ArrayLike | None) -> _Rows:
        return _Rows(
            [columns.apply(each) for columns, each in zip(self._blocks, blocks, strict=True)],
            [columns.apply(each) for columns, each in zip(self._linear, _listed(linear), strict=True)],
        )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Standardized tables of some rows: of the blocks, and of the linear block if there is one."""

    blocks: Sequence[Floats]
    linear: Sequence[Floats]

    def __len__(self) -> int:
        return len([*self.blocks, *self.linear][0])

    def take(self, rows: NDArray[np.int64]) -> _Rows:
        return _Rows([each[rows] for each in self.blocks], [each[rows] for each in self.linear])

    def distances(self, others: _Rows) -> list[Floats]:
        """Root mean square difference over the columns of each block that has any, each (num_rows, num_others)."""
        from sklearn.metrics.pairwise import euclidean_distances

        pairs = zip(self.blocks, others.blocks, strict=True)
        return [euclidean_distances(own, other) / own.shape[1] ** 0.5 for own, other in pairs if own.shape[1]]

    def products(self, others: _Rows) -> list[Floats]:
        """Mean product over the columns of the linear block, (num_rows, num_others)."""
        pairs = zip(self.linear, others.linear, strict=True)
        return [own @ other.T / own.shape[1] for own, other in pairs if own.shape[1]]

    def covariance(self, others: _Rows, parameters: Parameters) -> Floats:
        """Covariance of the values without noise, (num_rows, num_others)."""
        covariance = np.zeros((len(self), len(others)))
        distances = self.distances(others)
        for distance, variance, length in zip(distances, parameters.variances, parameters.lengths, strict=True):
            scaled = 3**0.5 / length * distance
            covariance += variance * (1 + scaled) * np.exp(-scaled)
        for product, slope in zip(self.products(others), parameters.slopes, strict=True):
            covariance += slope * product
        return covariance

    def variance(self, parameters: Parameters) -> Floats:
        """Variance of the values without noise before anything is measured, (num_rows,)."""
        variance = np.full(len(self), parameters.variances.sum())
        linear = [np.square(each).mean(axis=1) for each in self.linear if each.shape[1]]
        for square, slope in zip(linear, parameters.slopes, strict=True):
            variance += slope * square
        return variance


def learn_parameters(
    distances: Sequence[Floats], products: Sequence[Floats], values: Floats, noises: Floats | None = None
) -> Parameters:
    """Parameters of the highest posterior probability, found by L-BFGS from the medians of the prior.

    Args:
        distances: Of each block, each (num_rows, num_rows).
        products: Of the linear block, (num_rows, num_rows); none or one.
        values: Of mean 0 and variance 1, (num_rows,).
        noises: By what the variance of the noise of each row is multiplied, (num_rows,); 1 unless given.
    """
    center, width = _prior(len(distances), len(products))
    found = minimize(
        negative_log_posterior,
        center,
        args=(distances, products, values, noises),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(center - _BOUND * width, center + _BOUND * width, strict=True)),
        options={"ftol": 1e-7, "maxiter": 100},
    )
    return Parameters.from_logs(found.x, len(distances))


def negative_log_posterior(
    logs: Floats,
    distances: Sequence[Floats],
    products: Sequence[Floats],
    values: Floats,
    noises: Floats | None = None,
) -> tuple[float, Floats]:
    """Negative logarithm of marginal likelihood times prior, up to a constant, and its gradient.

    Rasmussen and Williams, equations 5.8 and 5.9.

    Args:
        logs: Logarithms of the parameters, see `Parameters.from_logs`.
        distances: As for `learn_parameters`.
        products: As for `learn_parameters`.
        values: As for `learn_parameters`.
        noises: As for `learn_parameters`.
    """
    parameters = Parameters.from_logs(logs, len(distances))
    parts, by_length = [], []
    for distance, variance, length in zip(distances, parameters.variances, parameters.lengths, strict=True):
        scaled = 3**0.5 / length * distance
        decay = variance * np.exp(-scaled)
        parts.append(decay + scaled * decay)
        by_length.append(np.square(scaled) * decay)
    linear = [slope * product for slope, product in zip(parameters.slopes, products, strict=True)]
    noise = parameters.noise * (np.eye(len(values)) if noises is None else np.diag(noises))
    lower = cholesky(sum([*parts, *linear], start=noise), lower=True)
    weights = cho_solve((lower, True), values)
    # The lower triangle of the inverse: half of the trace with a symmetric matrix, once its diagonal is halved.
    triangle, _ = dpotri(lower, lower=True)
    triangle[np.diag_indices_from(triangle)] /= 2
    moved = (*parts, *by_length, *linear, noise)  # derivatives by the logarithms
    slopes = np.array([np.vdot(triangle.T, each) - weights @ each @ weights / 2 for each in moved])
    center, width = _prior(len(distances), len(products))
    away = (logs - center) / width
    value = values @ weights / 2 + np.log(np.diag(lower)).sum() + away @ away / 2
    return float(value), slopes + away / width


def _prior(num_blocks: int, num_slopes: int) -> tuple[Floats, Floats]:
    """Medians and standard deviations of the logarithms of the parameters."""
    signal = np.log(_SIGNAL / max(num_blocks + num_slopes, 1))
    numbers = [num_blocks, num_blocks, num_slopes, 1]
    return (
        np.repeat([signal, np.log(_LENGTH), signal, np.log(_NOISE)], numbers),
        np.repeat([_SIGNAL_WIDTH, _LENGTH_WIDTH, _SIGNAL_WIDTH, _NOISE_WIDTH], numbers),
    )


def _noises(weights: ArrayLike, number: int) -> Floats:
    given = np.asarray(weights, np.float64)
    if given.shape != (number,) or not (np.isfinite(given) & (given > 0)).all():
        raise ValueError(f"each of the {number} values needs a weight above 0, got the shape {given.shape}")
    return 1 / given


def _listed(linear: ArrayLike | None) -> list[ArrayLike]:
    return [] if linear is None else [linear]


def _table(rows: ArrayLike) -> Floats:
    table = np.asarray(rows, np.float64)
    if table.ndim != 2:
        raise ValueError(f"a block must have the shape (num_rows, num_columns), got {table.shape}")
    return table
