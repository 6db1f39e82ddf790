"""From a list of trained models to a table of log errors: one row a curve, one column a source size."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_sim2real.scaling.bootstrap import Floats


def check_sizes(source_sizes: ArrayLike) -> Floats:
    """Return source sizes as floats.

    Args:
        source_sizes: Source sizes n, of any shape.

    Returns:
        The same, of the same shape.

    Raises:
        ValueError: If a size is below 1 or not finite.
    """
    sizes = np.asarray(source_sizes, dtype=float)
    if (sizes == 0).any():
        raise ValueError(
            "source size 0 (from scratch) is a reference line, not a point of the scaling law: leave it out"
        )
    if not (np.isfinite(sizes) & (sizes >= 1)).all():
        wrong = sizes[~(np.isfinite(sizes) & (sizes >= 1))][0]
        raise ValueError(f"source sizes must be finite and at least 1, but one of them is {wrong:g}")
    return sizes


def tabulate(source_sizes: ArrayLike, errors: ArrayLike, curves: Iterable[Hashable] | None) -> tuple[Floats, Floats]:
    """Sort the errors of models into a table of curves and sizes.

    Args:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its curve, shape ``(num_models,)``; without labels, the k-th model of a size is on curve k.

    Returns:
        The different sizes, ascending, shape ``(num_sizes,)``, and the log errors, NaN where a curve has no model of
        that size, shape ``(num_curves, num_sizes)``. Neither labels nor the order of the input change the table.

    Raises:
        ValueError: If lengths differ, a size is below 1, an error is not positive and finite, a label cannot be
            hashed, or there is no model.
    """
    models, values = np.asarray(source_sizes, dtype=float), np.asarray(errors, dtype=float)
    if models.ndim != 1 or values.shape != models.shape:
        raise ValueError(
            f"source_sizes and errors must be 1-d and of one length, but have shapes {models.shape} and {values.shape}"
        )
    if not models.size:
        raise ValueError("there are no trained models: source_sizes and errors are empty")
    check_sizes(models)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        raise ValueError(
            f"errors must be positive and finite, but entry {wrong[0]} (source size {models[wrong[0]]:g}) is "
            f"{values[wrong[0]]:g}: leave failed runs out"
        )
    sizes, column = np.unique(models, return_inverse=True)
    row = _rows_of_curves(column, curves)
    total, count = np.zeros((2, row.max() + 1, len(sizes)))
    np.add.at(total, (row, column), np.log(values))
    np.add.at(count, (row, column), 1.0)
    table = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    # sorted by content, so that the draws do not depend on labels or order
    return sizes, table[np.lexsort(table.T[::-1])]


def _rows_of_curves(column: NDArray[np.intp], curves: Iterable[Hashable] | None) -> NDArray[np.intp]:
    if curves is None:
        order = np.argsort(column, kind="stable")
        first = np.searchsorted(column[order], column[order])
        row = np.empty_like(column)
        row[order] = np.arange(len(column)) - first
        return row
    labels = list(curves)
    if len(labels) != len(column):
        raise ValueError(f"curves must have one label a model, but there are {len(labels)} labels for {len(column)}")
    number: dict[Hashable, int] = {}
    wrong = next((label for label in labels if not isinstance(label, Hashable)), None)
    if wrong is not None:
        raise ValueError(f"curves must hold labels such as numbers, strings or tuples, but one of them is {wrong!r}")
    return np.array([number.setdefault(label, len(number)) for label in labels], dtype=np.intp)
