"""Folds of cross-validation that split no group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnn_sim2real.splits.parts import Rows, number_groups


@dataclass(frozen=True)
class Fold:
    """Positions for training and for testing.

    Attributes:
        train: (num_train,).
        test: (num_test,).
    """

    train: Rows
    test: Rows


def random_folds(groups: Sequence[str], num_folds: int, seed: Sequence[int]) -> list[Fold]:
    """K-fold cross-validation that splits no group.

    Args:
        groups: Group of each material.
        num_folds: Number of folds; at most the number of groups.
        seed: Seed of the order of the groups.

    Raises:
        ValueError: If there are fewer than two groups.
    """
    names, group = number_groups(groups)
    if len(names) < 2:
        raise ValueError(f"cross-validation needs at least two groups of materials, got {len(names)}")
    # Not scikit-learn's GroupKFold: it draws from NumPy's older generator, and published rankings used these folds.
    order = np.random.default_rng(list(seed)).permutation(len(names))
    folds = []
    for tested in np.array_split(order, min(num_folds, len(names))):
        there = np.isin(group, tested)
        folds.append(Fold(np.flatnonzero(~there), np.flatnonzero(there)))
    return folds
