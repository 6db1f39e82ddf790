"""Several baselines together, by weights that are learned on folds of the measurements."""

from dataclasses import dataclass

import numpy as np

from gnn_sim2real.baselines.absolute_error_line import ABSOLUTE_ERROR_LINE
from gnn_sim2real.baselines.baseline import Baseline
from gnn_sim2real.baselines.extra_trees import (
    EXTRA_TREES,
    MEDIAN_TREES_DELTA,
    MEDIAN_TREES_WITH_SOURCE,
    TREES_DELTA,
    TREES_WITH_SOURCE,
    TREES_WITH_VALUE,
)
from gnn_sim2real.baselines.gaussian_process import (
    GAUSSIAN_PROCESS,
    GAUSSIAN_PROCESS_DELTA,
    GAUSSIAN_PROCESS_WITH_SOURCE,
    GAUSSIAN_PROCESS_WITH_VALUE,
)
from gnn_sim2real.baselines.inputs import Floats, Inputs
from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.baselines.two_step_trees import (
    TWO_STEP_TREES,
    TWO_STEP_TREES_WITH_SOURCE,
    TWO_STEP_TREES_WITH_VALUE,
)

FEWEST = 10
"""Number of measurements below which all members have equal weights."""


@dataclass(frozen=True)
class Ensemble(Baseline):
    """The weighted mean of some baselines.

    The weights are learned on predictions for measured materials that a member was not trained on: in 8 folds up to 100
    measurements, in 5 beyond. All members are then trained with all measurements.

    M. van der Laan, E. Polley, A. Hubbard, Stat. Appl. Genet. Mol. Biol. 6, 25 (2007), doi 10.2202/1544-6115.1309

    Attributes:
        members: The baselines.
    """

    members: tuple[Baseline, ...] = ()

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        from gnn_sim2real.ensemble.weights import combine, learn_weights
        from gnn_sim2real.splits.folds import random_folds

        asked = self._predict_each(train, values, test, seed)
        if len(values) < FEWEST:
            return np.asarray(asked.mean(axis=1))
        left_out = np.empty((len(values), len(self.members)))
        for fold in random_folds([str(row) for row in range(len(values))], 8 if len(values) <= 100 else 5, [seed]):
            known, tested = train.take(fold.train), train.take(fold.test)
            left_out[fold.test] = self._predict_each(known, values[fold.train], tested, seed)
        return combine(asked, learn_weights(left_out, values, "least absolute"))

    def _predict_each(self, train: Inputs, values: Floats, test: Inputs, seed: int) -> Floats:
        """Predictions of each member, (num_test, num_members)."""
        return np.column_stack([each.predict(train, values, test, seed=seed) for each in self.members])


ENSEMBLE = Ensemble(
    "ensemble",
    "ensemble",
    ("descriptors", "physical_descriptors"),
    rival="an ensemble without a source",
    members=(EXTRA_TREES, TWO_STEP_TREES, GAUSSIAN_PROCESS),
)
ENSEMBLE_WITH_SOURCE = Ensemble(
    "ensemble_with_source",
    "ensemble with source",
    ("descriptors", "physical_descriptors", "source"),
    members=(
        CALIBRATED_SOURCE,
        EXTRA_TREES,
        TREES_WITH_SOURCE,
        MEDIAN_TREES_WITH_SOURCE,
        TWO_STEP_TREES_WITH_SOURCE,
        GAUSSIAN_PROCESS,
        GAUSSIAN_PROCESS_WITH_SOURCE,
    ),
)
ENSEMBLE_WITH_VALUE = Ensemble(
    "ensemble_with_simulated_value",
    "ensemble with simulated value",
    ("descriptors", "physical_descriptors", "simulated"),
    rival="an ensemble with the simulated value",
    fallback=ENSEMBLE,
    version=2,
    members=(
        ABSOLUTE_ERROR_LINE,
        TREES_WITH_VALUE,
        TREES_DELTA,
        MEDIAN_TREES_DELTA,
        TWO_STEP_TREES_WITH_VALUE,
        GAUSSIAN_PROCESS_WITH_VALUE,
        GAUSSIAN_PROCESS_DELTA,
    ),
)
