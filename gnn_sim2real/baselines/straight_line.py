"""A simulated value or the prediction of a source model, put on the measured scale by a straight line."""

from dataclasses import dataclass

import numpy as np

from gnn_sim2real.baselines.baseline import Baseline
from gnn_sim2real.baselines.inputs import Floats, Inputs
from gnn_sim2real.linear import fit_calibration


@dataclass(frozen=True)
class StraightLine(Baseline):
    """value = a + b x, by least squares; x is the only input.

    The slope b is 1 where it would be noise, see `gnn_sim2real.linear.fit_calibration`; x should then be in the unit of
    the values.

    Attributes:
        shifts_only: Whether b is always 1.
    """

    shifts_only: bool = False

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        known, asked = train.table(*self.needs)[:, 0], test.table(*self.needs)[:, 0]
        weights = train.weights
        if self.shifts_only:
            return asked + float(np.average(values - known, weights=weights))
        _, slope = fit_calibration(known, values, weights)
        middle = float(np.average(values, weights=weights))
        return middle + slope * (asked - float(np.average(known, weights=weights)))


CALIBRATED_SOURCE = StraightLine("calibrated_source", "calibrated source", ("source",))
SHIFTED_VALUE = StraightLine("shifted_simulated_value", "shifted simulated value", ("simulated",), shifts_only=True)
CALIBRATED_VALUE = StraightLine(
    "calibrated_simulated_value",
    "calibrated simulated value",
    ("simulated",),
    rival="a straight line in the simulated value",
)
