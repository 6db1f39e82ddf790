"""The simple predictors that are drawn beside every scaling curve.

A transferred model has to beat what the same m measurements give without it:

* ``extra_trees``: trees on fingerprint counts and a few descriptors, trained on the small data set alone;
* ``extra_trees_with_source``: the same trees with the source model's prediction as one more column;
* ``calibrated_source``: the source model's prediction, put on the measured scale by a straight line;
* ``frozen_ridge``: ridge regression on the features of each material from the encoder of the source model;
* ``simulated_value``: the simulated property itself. There is nothing to fit and hence no function: the
  prediction is the column of the simulation, scored on the test materials that have a value there;
* ``shifted_simulated_value`` and ``calibrated_simulated_value``: the simulated property plus the mean difference to the
  measurements, and on a straight line through them.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_sim2real.linear import fit_line, fit_ridge

BaselineName = Literal[
    "extra_trees",
    "extra_trees_with_source",
    "calibrated_source",
    "frozen_ridge",
    "simulated_value",
    "shifted_simulated_value",
    "calibrated_simulated_value",
]
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)

BASELINE_VERSION = 1  # raise it if a change here changes the numbers, so that old records are not mixed with new ones


def extra_trees(
    features_train: ArrayLike,
    values_train: ArrayLike,
    features_test: ArrayLike,
    *,
    seed: int,
    source_train: ArrayLike | None = None,
    source_test: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Predict with extremely randomized trees of fixed settings.

    The settings are never tuned: with a few dozen measurements a search would fit its own noise, and a
    baseline has to be the same one in every study.

    Args:
        features_train: Features of the measured materials, shape ``(m, num_features)``.
        values_train: Their measured values, shape ``(m,)``.
        features_test: Features of the test materials, shape ``(num_test, num_features)``.
        seed: Seed of the trees; the same seed gives the same predictions.
        source_train: A source model's prediction for the measured materials, shape ``(m,)``; it becomes one
            more column. A source model that was trained on these materials, but not on the test materials,
            looks better here than it is, and misleads the trees.
        source_test: The same for the test materials, shape ``(num_test,)``.

    Returns:
        The predictions, shape ``(num_test,)``, in the unit of ``values_train``.

    Raises:
        ValueError: If a value is missing or infinite, if lengths or widths differ, if there is no
            measurement, or if only one of the two source columns is given.

    References:
        P. Geurts, D. Ernst, L. Wehenkel, Machine Learning 63, 3 (2006), https://doi.org/10.1007/s10994-006-6226-1
    """
    from sklearn.ensemble import ExtraTreesRegressor

    train = _table("features_train", features_train)
    test = _table("features_test", features_test)
    values = _column("values_train", values_train, "features_train", len(train))
    _require_same_columns(train, test, "descriptors")
    _require_measurements(values)
    if (source_train is None) != (source_test is None):
        given, missing = ("source_train", "source_test")[:: 1 if source_test is None else -1]
        raise ValueError(f"{given} is given without {missing}; give both columns of the source model, or neither")
    if source_train is not None and source_test is not None:
        source = _column("source_train", source_train, "features_train", len(train))
        train = np.column_stack([train, source])
        test = np.column_stack([test, _column("source_test", source_test, "features_test", len(test))])
    if not len(test):
        return np.empty(0)
    # All columns at each split, as in the paper; a share of them would often miss the source column. One job:
    # the cells of a study already run side by side.
    trees: Any = ExtraTreesRegressor(n_estimators=300, max_features=1.0, random_state=seed, n_jobs=1)
    return np.asarray(trees.fit(train, values).predict(test), dtype=np.float64)


def calibrate(source_train: ArrayLike, values_train: ArrayLike, source_test: ArrayLike) -> NDArray[np.float64]:
    """Put a source model's predictions on the measured scale: ``value = a + b * source``.

    ``a`` and ``b`` are the least-squares line through the m measurements. With fewer than three measurements,
    or where the source model predicts the same for all of them (within float32, the precision of a model's
    output), a slope would be noise: then ``b = 1``, and only the mean difference is removed.

    Args:
        source_train: The source model's prediction for the measured materials, shape ``(m,)``, in any unit;
            without a slope it is taken to be in the unit of ``values_train``.
        values_train: Their measured values, shape ``(m,)``.
        source_test: The source model's prediction for the test materials, shape ``(num_test,)``.

    Returns:
        The predictions, shape ``(num_test,)``, in the unit of ``values_train``.

    Raises:
        ValueError: If a value is missing or infinite, if the lengths differ, or if there is no measurement.
    """
    source = _column("source_train", source_train)
    values = _column("values_train", values_train, "source_train", len(source))
    test = _column("source_test", source_test)
    _require_measurements(values)
    slope = fit_line(source, values, slope_of_constant=1.0)[1] if len(source) >= 3 else 1.0
    return np.asarray(values.mean() + slope * (test - source.mean()), dtype=np.float64)


def shift(source_train: ArrayLike, values_train: ArrayLike, source_test: ArrayLike) -> NDArray[np.float64]:
    """Add the mean difference to the measurements: ``value = a + source``.

    Args:
        source_train: A simulated value for the measured materials, shape ``(m,)``, in the unit of ``values_train``.
        values_train: Their measured values, shape ``(m,)``.
        source_test: The simulated value of the test materials, shape ``(num_test,)``.

    Returns:
        The predictions, shape ``(num_test,)``.

    Raises:
        ValueError: If a value is missing or infinite, if the lengths differ, or if there is no measurement.
    """
    source = _column("source_train", source_train)
    values = _column("values_train", values_train, "source_train", len(source))
    _require_measurements(values)
    return np.asarray(_column("source_test", source_test) + (values - source).mean(), dtype=np.float64)


def ridge(features_train: ArrayLike, values_train: ArrayLike, features_test: ArrayLike) -> NDArray[np.float64]:
    """Predict by ridge regression on standardized features, its strength chosen by leave-one-out on the measurements.

    Args:
        features_train: Features of the measured materials, shape ``(m, num_features)``.
        values_train: Their measured values, shape ``(m,)``.
        features_test: Features of the test materials, shape ``(num_test, num_features)``.

    Returns:
        The predictions, shape ``(num_test,)``, in the unit of ``values_train``.

    Raises:
        ValueError: If a value is missing or infinite, if lengths or widths differ, or if there is no measurement.

    References:
        A. E. Hoerl, R. W. Kennard, Technometrics 12, 55 (1970), https://doi.org/10.1080/00401706.1970.10488634
    """
    train, test = _table("features_train", features_train), _table("features_test", features_test)
    values = _column("values_train", values_train, "features_train", len(train))
    _require_same_columns(train, test, "encoder")
    _require_measurements(values)
    weights, offsets = fit_ridge(train[None], values[None], np.logspace(-3, 5, 17))
    return np.asarray(test @ weights[0] + offsets[0], dtype=np.float64)


def _table(name: str, values: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"{name} must have the shape (materials, features), got {table.shape}")
    _require_finite(name, table)
    return table


def _column(name: str, values: ArrayLike, partner: str | None = None, length: int | None = None) -> NDArray[np.float64]:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise ValueError(f"{name} must have one number per material, got shape {column.shape}")
    if length is not None and len(column) != length:
        raise ValueError(
            f"{name} has {len(column)} rows and {partner} has {length}; each material needs one row in both"
        )
    _require_finite(name, column)
    return column


def _require_finite(name: str, values: NDArray[np.float64]) -> None:
    rows = np.unique(np.argwhere(~np.isfinite(values))[:, 0])
    if len(rows):
        raise ValueError(
            f"{name} has a missing or infinite number in row {rows[0]} (rows of this kind: {len(rows)}); "
            "drop these materials or fill in their values first"
        )


def _require_same_columns(train: NDArray[np.float64], test: NDArray[np.float64], origin: str) -> None:
    if train.shape[1] != test.shape[1]:
        raise ValueError(
            f"features_train has {train.shape[1]} columns and features_test has {test.shape[1]}; "
            f"both must come from the same {origin}"
        )


def _require_measurements(values: NDArray[np.float64]) -> None:
    if not len(values):
        raise ValueError("values_train is empty; a baseline needs at least one measurement")
