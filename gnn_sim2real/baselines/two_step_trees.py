"""Trees in two steps for properties of which many values are the lowest: is it the lowest, and how large otherwise?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.baselines.baseline import Baseline, three_of
from gnn_sim2real.baselines.extra_trees import SETTINGS, fit_trees, predict_each
from gnn_sim2real.baselines.inputs import Floats, Inputs

LOWEST_SHARE = 0.2
"""Share of the training values that have to equal the lowest; else there is one step."""


@dataclass(frozen=True)
class TwoStepTrees(Baseline):
    """The median of a mixture: with probability p the lowest value, else one of the distribution of the others.

    The first trees give p, the second ones, fitted to the other materials alone, that distribution. Where p is a half
    or more the answer is the lowest value, else the quantile (1/2 - p) / (1 - p) over the second trees. Where fewer
    than `LOWEST_SHARE` of the training values equal the lowest, p is 0, and these are the trees of `median_trees`.

    After the two-part model of N. Duan et al., J. Bus. Econ. Stat. 1, 115 (1983), doi 10.1080/07350015.1983.10509330
    """

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        known, asked = train.table(*self.needs), test.table(*self.needs)
        is_lowest = values == values.min()
        if is_lowest.mean() < LOWEST_SHARE:
            is_lowest = np.zeros(len(values), dtype=np.bool_)
        probability = predict_probability(known, is_lowest, asked, seed, train.weights)
        answers, larger = np.full(len(asked), values.min()), probability < 0.5
        if larger.any():
            weights = None if train.weights is None else train.weights[~is_lowest]
            each = predict_each(fit_trees(known[~is_lowest], values[~is_lowest], seed, weights), asked[larger])
            answers[larger] = quantile_of_each(each, (0.5 - probability[larger]) / (1 - probability[larger]))
        return answers


def predict_probability(
    known: Floats, is_lowest: NDArray[np.bool_], asked: Floats, seed: int, weights: Floats | None = None
) -> Floats:
    """Probability that the value of a material is the lowest, (num_test,).

    Args:
        known: (num_train, num_columns).
        is_lowest: (num_train,); whether the measured value is the lowest.
        asked: (num_test, num_columns).
        seed: Seed of the trees.
        weights: Weight of each measured value, (num_train,).
    """
    from sklearn.ensemble import ExtraTreesClassifier

    if is_lowest.all() or not is_lowest.any():
        return np.full(len(asked), float(is_lowest[0]))
    trees = ExtraTreesClassifier(**SETTINGS, random_state=seed).fit(known, is_lowest, sample_weight=weights)
    return np.asarray(trees.predict_proba(asked)[:, 1], dtype=np.float64)


def quantile_of_each(values: Floats, quantiles: Floats) -> Floats:
    """Another quantile of each column, between neighbours in proportion, (num_columns,).

    Args:
        values: (num_rows, num_columns).
        quantiles: (num_columns,), from 0 to 1.
    """
    ordered, place = np.sort(values, axis=0), quantiles * (len(values) - 1)
    below, columns = np.floor(place).astype(np.int64), np.arange(values.shape[1])
    above = np.minimum(below + 1, len(values) - 1)
    low, high = ordered[below, columns], ordered[above, columns]
    return low + (place - below) * (high - low)


TWO_STEP_TREES, TWO_STEP_TREES_WITH_SOURCE, TWO_STEP_TREES_WITH_VALUE = three_of(
    TwoStepTrees, "two_step_trees", "two-step trees", "descriptors"
)
