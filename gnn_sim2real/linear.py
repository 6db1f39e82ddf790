"""Straight lines and ridge regressions in closed form: what baselines and rankings fit to a few dozen measurements.

One eigendecomposition a ridge regression gives the solutions for all penalties and their leave-one-out errors, of which
the least chooses the penalty.

A. E. Hoerl, R. W. Kennard, Technometrics 12, 55 (1970), doi 10.1080/00401706.1970.10488634; leave-one-out in closed
form: G. H. Golub, M. Heath, G. Wahba, Technometrics 21, 215 (1979), doi 10.1080/00401706.1979.10489751.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit_ridge(
    features: Floats, values: Floats, penalties: Floats, of_values: Floats | None = None
) -> tuple[Floats, Floats]:
    """Fit several ridge regressions of the same number of materials, the penalty of each by its leave-one-out errors.

    Args:
        features: (num_fits, num_materials, num_features); they are standardized.
        values: (num_fits, num_materials).
        penalties: Those that are tried, (num_penalties,).
        of_values: Weight of each value, above 0, (num_fits, num_materials); all count alike unless given. Squared
            errors, those left out as well, are multiplied by it.

    Returns:
        Weights (num_fits, num_features) and offsets (num_fits,) for features as they are given.
    """
    if of_values is None:
        center, middle = features.mean(axis=1, keepdims=True), values.mean(axis=1, keepdims=True)
        spread = features.std(axis=1, keepdims=True)
    else:
        share = of_values / of_values.sum(axis=1, keepdims=True)
        center, middle = np.einsum("fn,fnd->fd", share, features)[:, None], (share * values).sum(axis=1, keepdims=True)
        spread = np.sqrt(np.einsum("fn,fnd->fd", share, np.square(features - center)))[:, None]
    # A feature that single precision cannot tell from a constant says nothing.
    level = np.abs(features).max(axis=1, keepdims=True)
    spread = np.where(spread > np.finfo(np.float32).eps * np.maximum(level, 1e-12), spread, np.inf)
    standard, rest = (features - center) / spread, values - middle
    if of_values is not None:  # weighted least squares are those of rows times the root of the weight
        root = np.sqrt(share * values.shape[1])
        standard, rest = standard * root[:, :, None], rest * root
    eigenvalues, vectors = _left_vectors(standard)
    along = np.einsum("fnr,fn->fr", vectors, rest)
    shrink = eigenvalues[:, None, :] / (eigenvalues[:, None, :] + penalties[None, :, None])
    fitted = np.einsum("fnr,fpr->fpn", vectors, shrink * along[:, None, :])
    # The offset is fitted as well, which adds 1/n to the leverage of each material, its share of all weights.
    of_offset = 1 / features.shape[1] if of_values is None else share[:, None, :]
    leverage = np.einsum("fnr,fpr->fpn", vectors**2, shrink) + of_offset
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


def fit_line(source: Floats, values: Floats) -> tuple[float, float]:
    """Offset and slope of the least-squares line; of a constant source, which says nothing, the slope is 0.

    Constant is what is the same for all materials within float32, the precision of a model.

    Args:
        source: (num_materials,).
        values: (num_materials,).
    """
    return _line(source, values, 0.0 if _is_constant(source) else None)


def fit_calibration(source: Floats, values: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """Offset and slope of the line from an estimate of the same quantity, such as a simulation, to the measured values.

    Where a slope would be noise, it is 1 and only the mean difference is removed: with fewer than three materials, of
    which two always lie on a line, and for a constant source (see `fit_line`).

    Args:
        source: (num_materials,), in the unit of the values.
        values: (num_materials,).
        weights: Weight of each value, (num_materials,); all count alike unless given.
    """
    return _line(source, values, 1.0 if len(source) < 3 or _is_constant(source) else None, weights)


def _is_constant(source: Floats) -> bool:
    return bool(np.ptp(source) <= np.finfo(np.float32).eps * np.abs(source).max())


def _line(source: Floats, values: Floats, slope: float | None, weights: Floats | None = None) -> tuple[float, float]:
    """The least-squares line, of a given slope if any."""
    middle, level = np.average(source, weights=weights), np.average(values, weights=weights)
    if slope is None:
        centered = source - middle
        weighted = centered if weights is None else weights * centered
        slope = float(weighted @ (values - level) / (weighted @ centered))
    return float(level - slope * middle), slope
