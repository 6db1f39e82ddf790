"""Folds of cross-validation: random ones, and ones that test beyond the range of the training values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.shotgun.settings import Purpose
from gnn_sim2real.splits.folds import Fold, random_folds
from gnn_sim2real.splits.split import Tail
from gnn_sim2real.splits.tails import split_tail

TAIL_SHARE = 0.2
"""Share of the values that an extrapolation fold tests."""

_KEPT_SHARE = 0.85
"""Share of the rest that it trains on, so that the repeats differ."""


def tail_folds(groups: Sequence[str], values: NDArray[np.float64], tail: Tail, seed: int) -> list[Fold]:
    """Folds whose test values lie beyond the training values: above, below, or one fold each.

    Args:
        groups: Group of each material.
        values: (num_materials,).
        tail: Side of the test values.
        seed: Seed of the drawn training part.

    Raises:
        ValueError: If there are too few distinct values.
    """
    sides: tuple[Tail, ...] = ("above", "below") if tail == "both" else (tail,)
    folds = []
    for side in sides:
        parts = split_tail(groups, values, tail=side, size=None, seed=seed, test_fraction=TAIL_SHARE)
        train = parts.train[: max(3, round(_KEPT_SHARE * len(parts.train)))]
        folds.append(Fold(np.sort(train), parts.test))
    return folds


def repeated_folds(
    groups: Sequence[str],
    values: NDArray[np.float64],
    *,
    purpose: Purpose,
    tail: Tail = "both",
    num_folds: int,
    repeats: int,
    seed: int,
) -> list[list[Fold]]:
    """Folds of each repeat of a cross-validation; more repeats only add to those of fewer.

    Args:
        groups: Groups that no fold splits: groups of the table or families.
        values: (num_materials,).
        purpose: Random folds for `interpolation`, tails of the values for `extrapolation`.
        tail: Side of extrapolation.
        num_folds: Folds of a repeat of interpolation.
        repeats: Number of repeats.
        seed: Seed of the folds.
    """
    if purpose == "extrapolation":
        return [tail_folds(groups, values, tail, 1000 * seed + repeat) for repeat in range(repeats)]
    return [random_folds(groups, num_folds, [seed, repeat]) for repeat in range(repeats)]
