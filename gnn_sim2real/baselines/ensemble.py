"""Several baselines together, by weights that are learned on folds of the measurements."""

from dataclasses import dataclass

import numpy as np

from gnn_sim2real.baselines.absolute_error_line import ABSOLUTE_ERROR_LINE
from gnn_sim2real.baselines.baseline import Baseline
from gnn_sim2real.baselines.extra_trees import (
    EXTRA_TREES,
    MEDIAN_TREES_DELTA,
    MEDIAN_TREES_WITH_LIBRARY,
    MEDIAN_TREES_WITH_SOURCE,
    TREES_DELTA,
    TREES_WITH_LIBRARY,
    TREES_WITH_SOURCE,
    TREES_WITH_VALUE,
)
from gnn_sim2real.baselines.gaussian_process import (
    GAUSSIAN_PROCESS,
    GAUSSIAN_PROCESS_DELTA,
    GAUSSIAN_PROCESS_WITH_LIBRARY,
    GAUSSIAN_PROCESS_WITH_SOURCE,
    GAUSSIAN_PROCESS_WITH_VALUE,
)
from gnn_sim2real.baselines.inputs import Floats, Inputs
from gnn_sim2real.baselines.member import BaselineMember, Mean
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
    """The weighted mean of some baselines and of the mean of the measurements.

    It is the ensemble of shotgun, `ensemble.stack.fit_stack`, with its rule for the weights, of simple members: these
    weights are learned on predictions for measured materials that a member was not trained on, in 8 folds up to 100
    measurements, in 5 beyond. All members are then trained with all measurements. Each weighs the measurements as it
    does alone; the errors on the folds count all alike.

    Attributes:
        members: The baselines.
    """

    members: tuple[Baseline, ...] = ()

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        from gnn_sim2real.ensemble.stack import Problem, StackSettings, fit_stack

        if len(values) < FEWEST:
            return np.asarray(np.mean([each.predict(train, values, test, seed=seed) for each in self.members], axis=0))
        inputs = train.followed_by(test)
        known = np.r_[values, np.full(len(inputs.table(*self.needs)) - len(values), np.nan)]
        members = [BaselineMember(each.name, each, inputs, known, seed, kind=_kind(each)) for each in self.members]
        rows = np.arange(len(known))
        problem = Problem(known, [str(row) for row in rows], *np.split(rows, [len(values)]))
        # A study has a test part for the error of the whole.
        settings = StackSettings(seed=seed, table=train.measured_in, honest=False)
        return fit_stack([Mean(known, weights=inputs.weights), *members], problem, settings).predictions


def _kind(baseline: Baseline) -> str:
    """Kind of member; the prediction of one source model stands where other ensembles have those of a library."""
    return baseline.title.replace("with source", "with library predictions")


ENSEMBLE = Ensemble(
    "ensemble",
    "ensemble",
    ("descriptors", "physical_descriptors"),
    rival="an ensemble without a source",
    version=4,
    members=(EXTRA_TREES, TWO_STEP_TREES, GAUSSIAN_PROCESS),
)
ENSEMBLE_WITH_SOURCE = Ensemble(
    "ensemble_with_source",
    "ensemble with source",
    ("descriptors", "physical_descriptors", "source"),
    version=4,
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
    version=5,
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
ENSEMBLE_WITH_LIBRARY = Ensemble(
    "ensemble_with_library",
    "ensemble with library predictions",
    ("descriptors", "physical_descriptors", "library"),
    rival="an ensemble with predictions of the library",
    members=(
        EXTRA_TREES,
        TREES_WITH_LIBRARY,
        MEDIAN_TREES_WITH_LIBRARY,
        TWO_STEP_TREES,
        GAUSSIAN_PROCESS,
        GAUSSIAN_PROCESS_WITH_LIBRARY,
    ),
)
