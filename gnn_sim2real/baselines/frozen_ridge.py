"""Ridge regression on the features of each material from the encoder of a source model."""

from dataclasses import dataclass

import numpy as np

from gnn_sim2real.baselines.baseline import Baseline
from gnn_sim2real.baselines.inputs import Floats, Inputs
from gnn_sim2real.linear import fit_ridge

PENALTIES = np.logspace(-3, 5, 17)
"""Penalties that are tried. Those of `gnn_sim2real.shotgun.ridge` grow with the number of features."""


@dataclass(frozen=True)
class Ridge(Baseline):
    """Ridge regression on standardized features, its penalty chosen by leave-one-out on the measurements.

    A. E. Hoerl, R. W. Kennard, Technometrics 12, 55 (1970), doi 10.1080/00401706.1970.10488634
    """

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        of_values = None if train.weights is None else train.weights[None]
        weights, offsets = fit_ridge(train.table(*self.needs)[None], values[None], PENALTIES, of_values)
        return np.asarray(test.table(*self.needs) @ weights[0] + offsets[0], dtype=np.float64)


FROZEN_RIDGE = Ridge("frozen_ridge", "frozen ridge", ("encoded",))
