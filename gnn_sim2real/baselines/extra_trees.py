"""Extremely randomized trees on descriptors, with or without a simulated value or a source model's prediction."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gnn_sim2real.baselines.baseline import Baseline, three_of
from gnn_sim2real.baselines.inputs import Floats, Inputs

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor

# All columns at each split, as in the paper; a share of them would often miss the source column. One job: the cells of
# a study already run side by side.
SETTINGS: dict[str, Any] = {"n_estimators": 300, "max_features": 1.0, "n_jobs": 1}
"""Settings of the trees, the same for classification and regression; grown until each leaf has one value."""


@dataclass(frozen=True)
class ExtraTrees(Baseline):
    """Trees on all inputs side by side.

    P. Geurts, D. Ernst, L. Wehenkel, Machine Learning 63, 3 (2006), doi 10.1007/s10994-006-6226-1

    Attributes:
        point: The answer of many trees. The median is the better guess where the score is the absolute error and many
            values are the same, such as the band gaps of metals: it can be exactly that value. A leaf of one value
            makes the median over the trees that over the training values in the leaves (N. Meinshausen, J. Mach.
            Learn. Res. 7, 983 (2006)).
        of_difference: Whether they learn the difference of the measured from the simulated value.
    """

    point: Literal["mean", "median"] = "mean"
    of_difference: bool = False

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        known = train.table("simulated")[:, 0] if self.of_difference else 0.0
        asked = test.table("simulated")[:, 0] if self.of_difference else 0.0
        mean, median = self.predict_points(train, values - known, test, seed)
        return np.asarray(asked + (mean if self.point == "mean" else median))

    def predict_points(self, train: Inputs, values: Floats, test: Inputs, seed: int) -> Floats:
        """Mean and median over the trees, (2, num_test).

        Args:
            train: As for `predict`.
            values: What the trees learn, (num_train,).
            test: As for `predict`.
            seed: As for `predict`.
        """
        trees = fit_trees(train.table(*self.needs), values, seed, train.weights)
        columns = test.table(*self.needs)
        mean = np.asarray(trees.predict(columns), dtype=np.float64)
        return np.stack([mean, np.median(predict_each(trees, columns), axis=0)])


def fit_trees(columns: Floats, values: Floats, seed: int, weights: Floats | None = None) -> "ExtraTreesRegressor":
    """Fit trees of fixed settings.

    Weights choose among the cuts, and average materials with the same columns; a leaf of one material is its value.

    Args:
        columns: (num_materials, num_columns).
        values: (num_materials,).
        seed: Seed of the trees.
        weights: Weight of each value, (num_materials,).
    """
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(**SETTINGS, random_state=seed).fit(columns, values, sample_weight=weights)


def predict_each(trees: "ExtraTreesRegressor", columns: Floats) -> Floats:
    """Answer of each tree, (num_trees, num_materials).

    Args:
        trees: Fitted trees.
        columns: (num_materials, num_columns).
    """
    single = columns.astype(np.float32)  # as the trees read them
    return np.stack([tree.predict(single) for tree in trees.estimators_])


EXTRA_TREES, TREES_WITH_SOURCE, TREES_WITH_VALUE = three_of(ExtraTrees, "extra_trees", "extra trees", "descriptors")
TREES_DELTA = replace(
    TREES_WITH_VALUE,
    name="extra_trees_delta",
    title="extra trees on the difference",
    of_difference=True,
    rival="extra trees on the difference to the simulated value",
)
MEDIAN_TREES, MEDIAN_TREES_WITH_SOURCE, MEDIAN_TREES_WITH_VALUE = three_of(
    ExtraTrees, "median_trees", "median trees", "descriptors", point="median"
)
MEDIAN_TREES_DELTA = replace(
    MEDIAN_TREES_WITH_VALUE,
    name="median_trees_delta",
    title="median trees on the difference",
    of_difference=True,
    rival="median trees on the difference to the simulated value",
)
TREES_WITH_LIBRARY, MEDIAN_TREES_WITH_LIBRARY = (
    replace(
        each,
        name=f"{each.name}_with_library",
        title=f"{each.title} with library predictions",
        needs=("descriptors", "library"),
        rival=f"{each.title} with predictions of the library",
    )
    for each in (EXTRA_TREES, MEDIAN_TREES)
)
FOUNDATION_TREES = ExtraTrees(
    "foundation_trees",
    "extra trees on foundation features",
    ("foundation",),
    rival="extra trees on features of a foundation encoder",
)
