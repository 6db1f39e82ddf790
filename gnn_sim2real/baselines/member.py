"""Baselines as members of an ensemble, see `gnn_sim2real.ensemble.stack.Member`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.baselines.baseline import Baseline, predict_test
from gnn_sim2real.baselines.inputs import Floats, Inputs

MEAN = "mean of the measurements"


@dataclass(eq=False)
class Mean:
    """The mean of the measurements, the plainest member that an ensemble can have.

    Attributes:
        values: (num_materials,); not read where there is none.
        name: Name in tables.
        kind: See `ensemble.stack.Member`.
        cost: It costs nothing.
        tables: Tables that it needs.
        weights: (num_materials,); weight of each value.
    """

    values: Floats
    name: str = MEAN
    kind: str = MEAN
    cost: float = 0.0
    tables: tuple[str, ...] = ()
    weights: Floats | None = None

    def fit_predict(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> Floats:
        """See `ensemble.stack.Member`."""
        if self.weights is None:
            return np.full(len(test), self.values[train].mean())
        return np.full(len(test), np.average(self.values[train], weights=self.weights[train]))


@dataclass(eq=False)
class BaselineMember:
    """A baseline as a member; NaN for rows that lack an input, and for all if no training row has it.

    Attributes:
        name: Name in tables.
        baseline: The baseline.
        inputs: Inputs of all rows.
        values: (num_materials,); not read where there is none.
        seed: Seed of the baseline.
        tables: Names of the tables that the inputs are.
        cost: Seconds of one training, roughly.
        kind: See `ensemble.stack.Member`.
    """

    name: str
    baseline: Baseline
    inputs: Inputs
    values: Floats
    seed: int
    tables: tuple[str, ...] = ()
    cost: float = 1.0
    kind: str = ""

    def fit_predict(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> Floats:
        """See `ensemble.stack.Member`."""
        if not self.inputs.complete(self.baseline.needs)[train].any():
            return np.full(len(test), np.nan)
        return predict_test(self.baseline, self.inputs, self.values, train, test, seed=self.seed)
