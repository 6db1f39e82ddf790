"""A straight line in the simulated value by least absolute error."""

from dataclasses import dataclass

import numpy as np

from gnn_sim2real.baselines.baseline import Baseline
from gnn_sim2real.baselines.inputs import Floats, Inputs

ZERO_SHARE = 0.1
"""Share of the simulated values that have to be exactly zero so that these materials get an answer of their own."""


@dataclass(frozen=True)
class AbsoluteErrorLine(Baseline):
    """The line of the least mean absolute error, which a few wrong values do not turn.

    Where many simulated values are exactly zero, such as the band gaps of metals, zero says only that the simulation
    found none: these materials get the median of their measured values, and the line is that of the others.

    R. Koenker, G. Bassett, Econometrica 46, 33 (1978), doi 10.2307/1913643
    """

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        known, asked, weights = train.table("simulated")[:, 0], test.table("simulated")[:, 0], train.weights
        zero = known == 0
        if zero.mean() < ZERO_SHARE or zero.all():
            return predict_line(known, values, asked, weights)
        rest = predict_line(known[~zero], values[~zero], asked, None if weights is None else weights[~zero])
        return np.where(asked == 0, median(values[zero], None if weights is None else weights[zero]), rest)


def median(values: Floats, weights: Floats | None = None) -> float:
    """The median; with weights the value at which half of their sum is reached, between two the middle of them.

    Args:
        values: (num_values,).
        weights: (num_values,).
    """
    if weights is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    low, high = (values[order[np.searchsorted(reached, reached[-1] / 2, side)]] for side in ("left", "right"))
    return float((low + high) / 2)


def predict_line(known: Floats, values: Floats, asked: Floats, weights: Floats | None = None) -> Floats:
    """Answers of the line of the least absolute error.

    Where a slope would be noise, as in `gnn_sim2real.linear.fit_calibration`, only the median difference is removed.

    Args:
        known: (num_train,); simulated values of the measured materials.
        values: (num_train,); measured values.
        asked: (num_test,); simulated values.
        weights: (num_train,); weight of each measured value.
    """
    from sklearn.linear_model import QuantileRegressor

    if len(known) < 3 or np.ptp(known) <= np.finfo(np.float32).eps * np.abs(known).max():
        return asked + median(values - known, weights)
    line = QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs").fit(known[:, None], values, sample_weight=weights)
    return np.asarray(line.predict(asked[:, None]), dtype=np.float64)


ABSOLUTE_ERROR_LINE = AbsoluteErrorLine(
    "absolute_error_line",
    "line of least absolute error",
    ("simulated",),
    rival="a line of least absolute error in the simulated value",
)
