"""Regressions on frozen features of a few dozen measurements: ridge, many folds at a time, forests and lines.

Materials that are left out of a fold have no influence on its penalty.
"""

from collections.abc import Sequence

import numpy as np

from gnn_sim2real import linear
from gnn_sim2real.linear import Floats, fit_line
from gnn_sim2real.splits.folds import Fold

PENALTIES = np.logspace(-4, 4, 17)
"""Penalties to try, multiplied by the number of features, in which models differ; features are standardized."""


def ridge_out_of_fold(features: Floats, values: Floats, folds: Sequence[Fold]) -> list[Floats]:
    """Predict the test part of each fold from its training part.

    Args:
        features: (num_materials, num_features).
        values: (num_materials,).
        folds: Positions for training and for testing.

    Returns:
        (num_test,) predictions of each fold.
    """
    predictions: list[Floats] = [np.empty(0)] * len(folds)
    shapes = [(len(fold.train), len(fold.test)) for fold in folds]
    for shape in dict.fromkeys(shapes):  # folds of one shape are solved together
        numbers = [number for number, each in enumerate(shapes) if each == shape]
        train = np.stack([folds[number].train for number in numbers])
        test = np.stack([folds[number].test for number in numbers])
        weights, offset = fit_ridge(features[train], values[train])
        found = np.einsum("ftd,fd->ft", features[test], weights) + offset[:, None]
        for number, each in zip(numbers, found, strict=True):
            predictions[number] = each
    return predictions


def fit_ridge(features: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Fit several regressions with the same number of materials.

    Args:
        features: (num_fits, num_materials, num_features).
        values: (num_fits, num_materials).

    Returns:
        Weights (num_fits, num_features) and offsets (num_fits,) for features as they are given.
    """
    return linear.fit_ridge(features, values, PENALTIES * features.shape[2])


def forest_out_of_fold(features: Floats, values: Floats, folds: Sequence[Fold], seed: int) -> list[Floats]:
    """Like `ridge_out_of_fold`, with random forests, which are not linear, and a hundred times slower.

    L. Breiman, Machine Learning 45, 5 (2001), doi 10.1023/A:1010933404324.

    Args:
        features: (num_materials, num_features).
        values: (num_materials,).
        folds: Positions for training and for testing.
        seed: Seed of the trees.
    """
    from sklearn.ensemble import RandomForestRegressor

    found = []
    for fold in folds:
        forest = RandomForestRegressor(n_estimators=100, random_state=seed, n_jobs=1)
        forest.fit(features[fold.train], values[fold.train])
        found.append(np.asarray(forest.predict(features[fold.test]), np.float64))
    return found


def line_out_of_fold(source: Floats, values: Floats, folds: Sequence[Fold]) -> list[Floats]:
    """Like `ridge_out_of_fold`, with a straight line in the source model's own prediction.

    Args:
        source: (num_materials,); predictions of the source model.
        values: (num_materials,).
        folds: Positions for training and for testing.
    """
    found = []
    for fold in folds:
        offset, slope = fit_line(source[fold.train], values[fold.train])
        found.append(offset + slope * source[fold.test])
    return found
