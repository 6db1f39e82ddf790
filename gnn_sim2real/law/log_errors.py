"""From a list of trained models to a table of log errors: one row per curve, one column per point."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_sim2real.law.forms import Floats

_MOST_POINTS = 1000
_SIZE_RANGE = (1e-15, 1e15)
"""Sizes, which may be shares of all materials, of the models that a law is fitted to."""
_ERROR_RANGE = (1e-50, 1e50)
"""Errors and weights: in any unit of a material they are within it, and beyond it forecasts leave the numbers of a
computer."""
_LARGEST_SPREAD = 20.0
"""Standard deviation of a log error, of which 1 already means that nothing is known."""
_ROUNDING = 1e-6  # relative; a mean over materials that agrees so well with an error is that error
_DIGITS = 6  # of a log error; what differs by less is rounding


class Bounds(NamedTuple):
    """What is known of the error beside the errors of models, in their unit.

    Attributes:
        least: What it cannot be below, however large the source, such as the noise of the measurements; 0 if not known.
        most: What it cannot exceed, however small the source, such as the error of a constant; infinite if not known.
    """

    least: float = 0.0
    most: float = math.inf

    def check(self) -> None:
        """Reject bounds that no error lies between.

        Raises:
            ValueError: If they are no such bounds.
        """
        if not (math.isfinite(self.least) and self.least >= 0):
            raise ValueError(f"least_limit must be finite and at least 0, got {self.least}")
        if not self.most > self.least:
            raise ValueError(f"most_error must be above least_limit, got {self.most} and {self.least}")


NO_BOUNDS = Bounds()


class ErrorTable(NamedTuple):
    """Errors of models by curve and point.

    Attributes:
        sizes: Sizes of the points, ascending, shape ``(num_variables, num_points)``.
        log_errors: Natural logarithms, NaN where a curve has no model, shape ``(num_curves, num_points)``.
        weights: Weight of each model, of the same shape; None if all are equal.
        labels: Label of each curve.
        material_pulls: From `pull_of_materials`, shape ``(num_materials, num_points)``; no row if the error of each
            test material is not known.
        materials: Label of each test material.
        spreads: Standard deviation of each log error as it was given, shape ``(num_curves, num_points)``, NaN where
            there is no model; None if it was not.
        bounds: What is known of the error beside them.
    """

    sizes: Floats
    log_errors: Floats
    weights: Floats | None
    labels: tuple[Hashable, ...]
    material_pulls: Floats
    materials: tuple[Hashable, ...]
    spreads: Floats | None = None
    bounds: Bounds = NO_BOUNDS

    @property
    def fingerprint(self) -> str:
        """A name that follows from the errors, and neither from their unit nor from any label."""
        return _fingerprint(self.log_errors)

    @property
    def content(self) -> str:
        """A name that follows from everything in the table, to the last bit."""
        digest = blake2b(repr((self.labels, self.materials, self.bounds)).encode(), digest_size=16)
        for array in (self.sizes, self.log_errors, self.weights, self.material_pulls, self.spreads):
            digest.update(b"none" if array is None else repr(array.shape).encode() + array.tobytes())
        return digest.hexdigest()


def _fingerprint(log_errors: Floats) -> str:
    shape = np.round(log_errors - np.nanmean(log_errors), _DIGITS) + 0.0  # no -0
    return blake2b(np.nan_to_num(shape, nan=np.inf).tobytes(), digest_size=8).hexdigest()


def check_sizes(sizes: ArrayLike, which: str = "source") -> Floats:
    """Return sizes as floats.

    Args:
        sizes: Numbers of materials, or shares of them, of any shape.
        which: What they are sizes of: "source" or "target".

    Returns:
        The same, of the same shape.

    Raises:
        ValueError: If a size is not positive or not finite.
    """
    checked = np.asarray(sizes, dtype=float)
    if which == "source" and (checked == 0).any():
        raise ValueError(
            "source size 0 (from scratch) is a reference line, not a point of the scaling law; leave it out"
        )
    wrong = checked[~(np.isfinite(checked) & (checked > 0))]
    if wrong.size:
        raise ValueError(f"{which} sizes must be finite and positive, got {wrong[0]:g}")
    return checked


def tabulate(
    sizes: Floats,
    errors: ArrayLike,
    curves: Iterable[Hashable] | None,
    weights: ArrayLike | None = None,
    material_errors: ArrayLike | None = None,
    materials: Sequence[Hashable] | None = None,
    material_pulls: ArrayLike | None = None,
    spreads: ArrayLike | None = None,
) -> ErrorTable:
    """Sort the errors of models into a table of curves and points.

    Args:
        sizes: Source size of each model, and below it the target size if it is a variable, shape
            ``(num_variables, num_models)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its curve, shape ``(num_models,)``; without labels, the k-th model of a point is on curve k.
        weights: Weight of each model, shape ``(num_models,)``; None for equal weights.
        material_errors: Absolute error of each model on each test material, shape ``(num_models, num_materials)``.
        materials: Label of each test material, shape ``(num_materials,)``; without labels, no other table has them.
        material_pulls: Instead of `material_errors`, by how much each test material pulls the log error of each model,
            of the same shape.
        spreads: Standard deviation of the log error of each model, shape ``(num_models,)``; None if not known.

    Returns:
        The table. Neither labels nor the order of the input change its numbers.

    Raises:
        ValueError: If lengths differ, a size, an error or a weight is not positive and finite, or beyond all that is
            measured, a label cannot be hashed, two test materials have one label, there is no model, there are too many
            different points, or the errors are not those of the test materials.
    """
    values = np.asarray(errors, dtype=float)
    if values.ndim != 1 or any(of_variable.shape != values.shape for of_variable in sizes):
        raise ValueError(
            f"sizes and errors must be 1-d and of the same length, got shapes {sizes[0].shape} and {values.shape}"
        )
    if not values.size:
        raise ValueError("there are no trained models: source_sizes and errors are empty")
    for which, of_variable in zip(("source", "target"), sizes, strict=False):
        _check_range(f"{which} sizes", check_sizes(of_variable, which), _SIZE_RANGE, "give them in another unit")
    _check_positive("errors", values, sizes[0], "leave failed runs out, and use an error measure that cannot be 0")
    _check_range("errors", values, _ERROR_RANGE, "give them in another unit, and leave failed runs out")
    points, column = np.unique(sizes, axis=1, return_inverse=True)
    column = column.ravel()
    if points.shape[1] > _MOST_POINTS:
        raise ValueError(
            f"there must be at most {_MOST_POINTS:,} different sizes, got {points.shape[1]:,}; round them, or average "
            "over neighboring sizes"
        )
    row, labels = _rows_of_curves(column, curves)
    shares = np.ones_like(values) if weights is None else np.asarray(weights, dtype=float)
    if shares.shape != values.shape:
        raise ValueError(f"weights must have one entry per model, got shape {shares.shape}")
    _check_positive("weights", shares, sizes[0], "leave out models that must not count")
    _check_range("weights", shares, _ERROR_RANGE, "only their ratios count")
    total, weight, count = np.zeros((3, len(labels), points.shape[1]))
    np.add.at(total, (row, column), shares * np.log(values))
    np.add.at(weight, (row, column), shares)
    np.add.at(count, (row, column), 1.0)
    table = np.where(count > 0, total / np.where(count > 0, weight, 1.0), np.nan)
    weight /= np.maximum(count, 1.0)
    # sorted by content, so that the fit does not depend on labels or order
    order = np.lexsort(np.concatenate([table, weight], axis=1).T[::-1])
    table = table[order]
    pulls = np.zeros((0, points.shape[1]))
    if material_errors is not None:
        pulls = pull_of_materials(column, values, material_errors)
    elif material_pulls is not None:
        pulls = _mean_of_points(column, np.asarray(material_pulls, dtype=float)).T
    if curves is None:  # no other table has the repeats of this one
        name = _fingerprint(table)
        labels = [(name, number) for number in labels]
    return ErrorTable(
        points,
        table,
        None if weights is None else weight[order],
        tuple(labels[index] for index in order),
        pulls,
        _labels_of_materials(materials, len(pulls), _fingerprint(table)),
        None if spreads is None else _mean_spread(row, column, count, np.asarray(spreads, dtype=float))[order],
    )


def _mean_spread(row: NDArray[np.intp], column: NDArray[np.intp], count: Floats, spreads: Floats) -> Floats:
    """Standard deviation of the mean of the models of each curve at each point."""
    if spreads.shape != row.shape:
        raise ValueError(f"spreads must have one entry per model, got shape {spreads.shape}")
    wrong = np.flatnonzero(~(np.isfinite(spreads) & (spreads >= 0)))
    if wrong.size:
        raise ValueError(f"spreads must be finite and not negative, got {spreads[wrong[0]]:g} in entry {wrong[0]}")
    _check_range("the standard deviations of log errors", spreads, (0.0, _LARGEST_SPREAD), "leave such models out")
    squares = np.zeros_like(count)
    np.add.at(squares, (row, column), spreads**2)
    return np.where(count > 0, np.sqrt(squares) / np.maximum(count, 1.0), np.nan)


def _labels_of_materials(materials: Sequence[Hashable] | None, count: int, name: str) -> tuple[Hashable, ...]:
    if materials is None:
        return tuple((name, number) for number in range(count))
    if len({*materials}) != count or len(materials) != count:
        raise ValueError(
            f"materials must have one label for each of the {count} columns of material_errors, all different, got "
            f"{len({*materials})} different ones"
        )
    return tuple(materials)


def _check_positive(name: str, values: Floats, sizes: Floats, advice: str) -> None:
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        raise ValueError(
            f"{name} must be positive and finite, got {values[wrong[0]]:g} in entry {wrong[0]} (source size "
            f"{sizes[wrong[0]]:g}); {advice}"
        )


def _check_range(name: str, values: Floats, ends: tuple[float, float], advice: str) -> None:
    wrong = values[(values < ends[0]) | (values > ends[1])]
    if wrong.size:
        raise ValueError(f"{name} must be between {ends[0]:g} and {ends[1]:g}, got {wrong[0]:g}; {advice}")


def _rows_of_curves(
    column: NDArray[np.intp], curves: Iterable[Hashable] | None
) -> tuple[NDArray[np.intp], list[Hashable]]:
    """Row of each model, and the label of each row."""
    if curves is None:
        order = np.argsort(column, kind="stable")
        first = np.searchsorted(column[order], column[order])
        row = np.empty_like(column)
        row[order] = np.arange(len(column)) - first
        return row, list(range(row.max() + 1))
    labels = list(curves)
    if len(labels) != len(column):
        raise ValueError(f"curves must have one label per model, got {len(labels)} labels for {len(column)} models")
    number: dict[Hashable, int] = {}
    wrong = next((label for label in labels if not isinstance(label, Hashable)), None)
    if wrong is not None:
        raise ValueError(f"labels in curves must be hashable, such as numbers, strings or tuples, got {wrong!r}")
    return np.array([number.setdefault(label, len(number)) for label in labels], dtype=np.intp), list(number)


def pull_of_materials(points: NDArray[np.intp], errors: Floats, material_errors: ArrayLike) -> Floats:
    """By how much each test material pulls the mean log error of each point.

    All models must have been tested on the same materials: what a hard material adds to the error of one size, it adds
    to all. The pull of each material is its part in the mean (MAE) or in the root mean square (RMSE), depending on
    which of the two the errors are; a normal factor on each is a wild bootstrap over materials.

    Args:
        points: Point of each model, shape ``(num_models,)``.
        errors: Test error of each model, shape ``(num_models,)``.
        material_errors: Absolute error of each model on each test material, shape ``(num_models, num_materials)``.

    Returns:
        Moves that are to be multiplied by standard normal factors, shape ``(num_materials, num_points)``.

    Raises:
        ValueError: If the shape is wrong, or the errors are neither mean nor root mean square of them.
    """
    each = np.asarray(material_errors, dtype=float)
    if each.ndim != 2 or len(each) != len(errors) or each.shape[1] < 2 or not np.isfinite(each).all():
        raise ValueError(
            "material_errors must be finite, with one row per model and one column for each of at least 2 test "
            f"materials, got shape {each.shape} for {len(errors)} models"
        )
    squares = each**2
    if np.allclose(each.mean(axis=1), errors, rtol=_ROUNDING):
        pulls = each / errors[:, None] - 1.0
    elif np.allclose(squares.mean(axis=1), errors**2, rtol=_ROUNDING):
        pulls = (squares / errors[:, None] ** 2 - 1.0) / 2.0
    else:
        raise ValueError("errors must be the mean (MAE) or the root mean square (RMSE) of each row of material_errors")
    num_materials = each.shape[1]
    return np.asarray(_mean_of_points(points, pulls).T / np.sqrt(num_materials * (num_materials - 1.0)))


def _mean_of_points(points: NDArray[np.intp], values: Floats) -> Floats:
    """Mean of the rows of each point, shape ``(num_points, num_columns)``."""
    mean = np.zeros((points.max() + 1, values.shape[1]))
    np.add.at(mean, points, values)
    mean /= np.bincount(points)[:, None]
    return mean


def mean_and_half_width(table: ErrorTable, confidence: float) -> tuple[Floats, Floats]:
    """Return the mean log error of each point, and half of Student's interval; zero for a single repeat.

    Args:
        table: From `tabulate`.
        confidence: Nominal coverage.
    """
    from scipy.special import stdtrit  # here, so that the law can be imported in a moment

    counts = np.isfinite(table.log_errors).sum(axis=0)
    mean = np.nanmean(table.log_errors, axis=0)
    freedom = np.maximum(counts - 1, 1)
    deviation = np.sqrt(np.nansum((table.log_errors - mean) ** 2, axis=0) / freedom)
    return mean, np.asarray(stdtrit(freedom, 0.5 + confidence / 2) * deviation / np.sqrt(counts))
