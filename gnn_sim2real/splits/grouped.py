"""Splits that ask more of a model than a random one: unseen families of materials, and values beyond the training's.

A family is a set of materials that a column of the table, the polymer class or the scaffold puts together. It stands on
one side of a split as a whole, and so does every group of the table (see `CleanTable.groups`).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnn_sim2real.splits.random import (
    Parts,
    Rows,
    check_fractions,
    check_numbers,
    development_rows,
    draw,
    every_kth_group,
    number_groups,
)

Tail = Literal["above", "below", "both"]


def join_families(groups: Sequence[str], families: Sequence[str]) -> list[str]:
    """Families that no group is cut by: those with a group in common become one, named after all of them.

    Args:
        groups: Group of each row.
        families: Family of each row.

    Returns:
        Family of each row.
    """
    group_names, group = number_groups(groups)
    names, family = number_groups(families)
    # Groups and families are the nodes of a graph, rows its edges.
    num_nodes = len(group_names) + len(names)
    rows = coo_array((np.ones(len(group)), (group, len(group_names) + family)), shape=(num_nodes, num_nodes))
    _, component = connected_components(rows, directed=False)
    members: dict[int, list[str]] = {}
    for name, number in zip(names, component[len(group_names) :].tolist(), strict=True):
        members.setdefault(number, []).append(name)
    joined = {name: " + ".join(sorted(together)) for together in members.values() for name in together}
    return [joined[name] for name in families]


def split_families(
    families: Sequence[str],
    *,
    size: int | None,
    seed: int,
    split: int = 0,
    test_fraction: float = 0.0,
    development_fraction: float = 0.0,
    validation_fraction: float = 0.0,
    available: Rows | None = None,
) -> Parts:
    """Split a table so that no family of the test part, nor of the validation part, is trained on.

    The folds are made about equally large by number of rows; families larger than a fold make one of their own. As in
    `splits.split_rows`, the test part depends on `split` only, and a larger subset holds every smaller one.

    Args:
        families: Family of each row, see `join_families`; rows in the order of the identities.
        size: Number of materials used for training and validation; None uses all.
        seed: Number of the subset.
        split: Number of the test part. When the folds are used up, those of another random order follow.
        test_fraction: Share of the rows in a test part, about.
        development_fraction: Share of the families, chosen by a hash of their name, that are in no test part.
        validation_fraction: Share of the rows left that validate, about: whole families.
        available: Rows that may be used for training and validation; all unless given.

    Raises:
        ValueError: If a part would be empty, a test part would be that of another number, `size` is more than there
            is, or a number is out of its range.
    """
    check_numbers(seed, split, validation_fraction)
    names, family = number_groups(families)
    tested = _test_families(names, np.bincount(family), split, test_fraction, development_fraction)
    test = np.flatnonzero(np.isin(family, tested))
    pool = np.setdiff1d(np.arange(len(families)) if available is None else available, test)
    used = draw(pool, size, len(families), [split, seed])
    validates = np.isin(family[used], _validation_families(family[pool], validation_fraction, [split, seed]))
    if validation_fraction and not 0 < validates.sum() < len(used):
        raise ValueError(
            f"with {len(used)} materials of {len(np.unique(family[used]))} families and `validation_fraction` "
            f"{validation_fraction} the {'training' if validates.any() else 'validation'} part is empty; use more "
            "materials, or 0 for no validation"
        )
    return Parts(used[~validates], used[validates], test)


def _test_families(
    names: Sequence[str], sizes: Rows, split: int, fraction: float, development_fraction: float
) -> list[int]:
    check_fractions(fraction, development_fraction)
    if fraction == 0:
        return []
    candidates = np.setdiff1d(np.arange(len(names)), development_rows(names, development_fraction))
    num_rows = int(sizes[candidates].sum())
    num_folds = min(int(num_rows / (fraction * sizes.sum()) + 1e-9), len(candidates))
    if len(names) < 2 or not num_folds:
        raise ValueError(
            f"no family can be left out for a test part of {fraction:.0%}: {len(candidates)} of {len(names)} families "
            f"with {num_rows} of {sizes.sum()} materials can be tested; change `test_fraction`, "
            "`development_fraction` or `split_by`"
        )
    repetition, fold = divmod(split, num_folds)
    folds = _folds(candidates, sizes, num_folds, repetition)
    earlier = [_folds(candidates, sizes, num_folds, number) for number in range(repetition)]
    for number, same in enumerate(each for repeated in earlier for each in repeated):
        if same == folds[fold]:
            raise ValueError(
                f"split {split} would test the same materials as split {number}: {len(candidates)} families give "
                f"{num_folds} different test parts of {fraction:.0%}; use the splits below {split}"
            )
    return folds[fold]


def _folds(candidates: Rows, sizes: Rows, num_folds: int, repetition: int) -> list[list[int]]:
    """Families of each fold: large ones first, the rest in random order, each into the fold that is smallest yet."""
    order = np.random.default_rng(repetition).permutation(candidates)
    large = sizes[order] > sizes[candidates].sum() / num_folds / 4
    order = order[np.argsort(-np.where(large, sizes[order], 0), kind="stable")]
    folds: list[list[int]] = [[] for _ in range(num_folds)]
    filled = np.zeros(num_folds, np.int64)
    for family in order.tolist():
        smallest = int(filled.argmin())
        folds[smallest].append(family)
        filled[smallest] += sizes[family]
    return [sorted(fold) for fold in folds]


def _validation_families(family_of_pool: Rows, fraction: float, seeds: Sequence[int]) -> list[int]:
    """Families that validate: random ones, up to about the share wanted of the rows; at least the smallest."""
    numbers, sizes = np.unique(family_of_pool, return_counts=True)
    if not fraction or not len(numbers):
        return []
    wanted, taken = fraction * len(family_of_pool), 0
    chosen: list[int] = []
    for position in np.random.default_rng([*seeds, 1]).permutation(len(numbers)).tolist():
        if taken < wanted and taken + sizes[position] <= 1.5 * wanted:
            chosen.append(int(numbers[position]))
            taken += int(sizes[position])
    return chosen or [int(numbers[sizes.argmin()])]


def split_tail(
    groups: Sequence[str],
    values: NDArray[np.float64],
    *,
    tail: Tail,
    size: int | None,
    seed: int,
    test_fraction: float = 0.0,
    validation_fraction: float = 0.0,
    available: Rows | None = None,
) -> Parts:
    """Split a table so that the values of the test part lie beyond all those of training and validation.

    Rows within the range whose group is tested are in no part. Rows without a value are never tested.

    Args:
        groups: Group of each row; rows in the order of the identities.
        values: (num_rows,); the property, NaN where missing.
        tail: Which values are tested: the highest, the lowest, or half of each.
        size: Number of materials used for training and validation; None uses all.
        seed: Number of the subset.
        test_fraction: Share of the rows with a value in the test part, at most.
        validation_fraction: Share of the groups used that validate.
        available: Rows that may be used for training and validation; all unless given.

    Raises:
        ValueError: If a part would be empty, `size` is more than there is, or a number is out of its range.
    """
    check_numbers(seed, 0, validation_fraction)
    check_fractions(test_fraction, 0.0)
    _, group_of_row = number_groups(groups)
    test = _tail_rows(values, tail, test_fraction)
    pool = np.arange(len(groups)) if available is None else available
    pool = pool[~np.isin(group_of_row[pool], group_of_row[test])]
    used = draw(pool, size, len(groups), [0, seed])
    validates = every_kth_group(group_of_row[used], validation_fraction)
    return Parts(used[~validates], used[validates], test)


def _tail_rows(values: NDArray[np.float64], tail: Tail, fraction: float) -> Rows:
    """Rows beyond the range that is left for training; equal values stand on one side."""
    present = np.sort(values[np.isfinite(values)])
    count = int(fraction * len(present) / (2 if tail == "both" else 1) + 1e-9)
    if fraction and not count:
        raise ValueError(
            f"a test part of {fraction:.0%} of {len(present)} values beyond the range of training is empty; use a "
            "larger `test_fraction` or more materials"
        )
    if not count:
        return np.empty(0, np.int64)
    low = present[count] if tail in ("below", "both") else -np.inf
    high = present[-count - 1] if tail in ("above", "both") else np.inf
    tested = np.flatnonzero((values < low) | (values > high))
    if not len(tested):
        raise ValueError(
            f"no value lies beyond the range of training with a test part of {fraction:.0%}: too many values are "
            f"equal to {low if tail == 'below' else high:g}; change `test_fraction`"
        )
    return tested
