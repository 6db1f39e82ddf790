"""Ridge regression of a few dozen measurements on frozen features, many folds at a time and in closed form.

One eigendecomposition a fold gives the solutions for all penalties and their leave-one-out errors, of which the least
chooses the penalty; the material left out of the fold has no say in it.

A. E. Hoerl, R. W. Kennard, Technometrics 12, 55 (1970), doi 10.1080/00401706.1970.10488634; leave-one-out in closed
form: G. H. Golub, M. Heath, G. Wahba, Technometrics 21, 215 (1979), doi 10.1080/00401706.1979.10489751.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.shotgun.folds import Fold

Floats = NDArray[np.float64]

PENALTIES = np.logspace(-4, 4, 17)
"""Penalties that are tried, times the number of features, which are standardized."""


def ridge_out_of_fold(features: Floats, values: Floats, folds: Sequence[Fold]) -> list[Floats]:
    """Predict the test part of each fold from its training part.

    Args:
        features: (num_materials, num_features).
        values: (num_materials,).
        folds: Positions that train and that are tested.

    Returns:
        (num_test,) of each fold.
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
    """Fit several regressions of the same number of materials.

    Args:
        features: (num_fits, num_materials, num_features).
        values: (num_fits, num_materials).

    Returns:
        Weights (num_fits, num_features) and offsets (num_fits,) for features as they are given.
    """
    center, middle = features.mean(axis=1, keepdims=True), values.mean(axis=1, keepdims=True)
    spread = features.std(axis=1, keepdims=True)
    # A feature that single precision cannot tell from a constant says nothing.
    level = np.abs(features).max(axis=1, keepdims=True)
    spread = np.where(spread > np.finfo(np.float32).eps * np.maximum(level, 1e-12), spread, np.inf)
    standard, rest = (features - center) / spread, values - middle
    eigenvalues, vectors = _left_vectors(standard)
    along = np.einsum("fnr,fn->fr", vectors, rest)
    penalties = PENALTIES * features.shape[2]
    shrink = eigenvalues[:, None, :] / (eigenvalues[:, None, :] + penalties[None, :, None])
    fitted = np.einsum("fnr,fpr->fpn", vectors, shrink * along[:, None, :])
    # The offset is fitted as well, which adds 1/n to the leverage of each material.
    leverage = np.einsum("fnr,fpr->fpn", vectors**2, shrink) + 1 / features.shape[1]
    left_out = (rest[:, None, :] - fitted) / np.maximum(1 - leverage, 1e-6)
    best = np.square(left_out).sum(axis=2).argmin(axis=1)
    solved = along / (eigenvalues + penalties[best][:, None])
    weights = np.einsum("fnd,fn->fd", standard, np.einsum("fnr,fr->fn", vectors, solved)) / spread[:, 0]
    return weights, middle[:, 0] - np.einsum("fd,fd->f", weights, center[:, 0])


def _left_vectors(standard: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues and left singular vectors, by the smaller of the two products of features."""
    _, num_materials, num_features = standard.shape
    turned = np.swapaxes(standard, 1, 2)
    if num_materials <= num_features:
        eigenvalues, vectors = np.linalg.eigh(standard @ turned)
        return np.maximum(eigenvalues, 0), vectors
    eigenvalues, right = np.linalg.eigh(turned @ standard)
    eigenvalues = np.maximum(eigenvalues, 0)
    kept = eigenvalues > 1e-12 * np.maximum(eigenvalues.max(axis=1, keepdims=True), 1e-300)
    scale = np.where(kept, 1 / np.sqrt(np.where(kept, eigenvalues, 1)), 0)
    return eigenvalues * kept, (standard @ right) * scale[:, None, :]


def forest_out_of_fold(features: Floats, values: Floats, folds: Sequence[Fold], seed: int) -> list[Floats]:
    """The same by random forests, which take no straight line for granted; a hundred times slower.

    L. Breiman, Machine Learning 45, 5 (2001), doi 10.1023/A:1010933404324.

    Args:
        features: (num_materials, num_features).
        values: (num_materials,).
        folds: Positions that train and that are tested.
        seed: Of the trees.
    """
    from sklearn.ensemble import RandomForestRegressor

    found = []
    for fold in folds:
        forest = RandomForestRegressor(n_estimators=100, random_state=seed, n_jobs=1)
        forest.fit(features[fold.train], values[fold.train])
        found.append(np.asarray(forest.predict(features[fold.test]), np.float64))
    return found


def line_out_of_fold(source: Floats, values: Floats, folds: Sequence[Fold]) -> list[Floats]:
    """The same by a straight line through the source model's own prediction.

    Args:
        source: (num_materials,); what the source model answers.
        values: (num_materials,).
        folds: Positions that train and that are tested.
    """
    found = []
    for fold in folds:
        offset, slope = fit_line(source[fold.train], values[fold.train])
        found.append(offset + slope * source[fold.test])
    return found


def fit_line(source: Floats, values: Floats) -> tuple[float, float]:
    """Offset and slope of the least-squares line; the slope is 0 where the source model answers a constant.

    Args:
        source: (num_materials,).
        values: (num_materials,).
    """
    centered = source - source.mean()
    constant = np.ptp(source) <= np.finfo(np.float32).eps * np.abs(source).max()
    slope = 0.0 if constant else float(centered @ values / (centered @ centered))
    return float(values.mean() - slope * source.mean()), slope
