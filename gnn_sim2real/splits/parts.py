"""What all splits share: the parts of a table, and seeded, nested draws.

All functions work on row numbers of a table that has one row per material (see `gnn_sim2real.tables.cleaning`), sorted
by identity, so that a split depends on the materials and the seed, not on the order of a file. Each row belongs to a
group (see `CleanTable.groups`), most often one of its own; no group is on two sides.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Rows of each part of a table.

    Attributes:
        train: Rows to which the weights are fitted.
        validation: Rows on which the epoch is chosen; counted in the size, since they are measured too.
        test: Rows on which nothing is chosen.
    """

    train: Rows
    validation: Rows
    test: Rows

    @property
    def size(self) -> int:
        """Number of materials used, with the validation part, without the test part."""
        return len(self.train) + len(self.validation)


def development_rows(groups: Sequence[str], fraction: float) -> Rows:
    """Materials that are never tested, on which settings may be chosen.

    Membership is decided by a hash of the group alone: it is the same in every split and every version of a table.

    Args:
        groups: Group of each material.
        fraction: Approximate share of the groups.
    """
    limit = int(fraction * 2**32)
    digests = (hashlib.sha256(f"development {group}".encode()).digest() for group in groups)
    member = [int.from_bytes(digest[:4], "big") < limit for digest in digests]
    return np.flatnonzero(np.array(member, dtype=bool))


def check_numbers(seed: int, split: int, validation_fraction: float) -> None:
    """Reject numbers that are out of range.

    Raises:
        ValueError: If a number is out of its range.
    """
    for name, number in (("seed", seed), ("split", split)):
        if number < 0:
            raise ValueError(f"`{name}` must be 0 or more, got {number}")
    if not 0 <= validation_fraction <= 0.5:
        raise ValueError(f"`validation_fraction` must be at least 0 and at most 0.5, got {validation_fraction}")


def check_fractions(test_fraction: float, development_fraction: float) -> None:
    """Reject shares that are out of range.

    Raises:
        ValueError: If one is out of its range.
    """
    for name, value in (("test_fraction", test_fraction), ("development_fraction", development_fraction)):
        if not 0 <= value < 1:
            raise ValueError(f"`{name}` must be at least 0 and below 1, got {value}")


def fold_length(num_candidates: int, wanted: float, num_folds: int, version: int) -> int | None:
    """Number of materials in each test part; None if the candidates are cut into whole folds, all of which are tested.

    Whole folds are cut where each has the wanted number to within one. Version 1 always cuts them, however much larger
    they are: of a share of 40 % it made two folds of 50 %.

    Args:
        num_candidates: Number of materials that may be tested.
        wanted: Share of the test part times the number of all materials.
        num_folds: Number of test parts without a material in common.
        version: Rule of the split.
    """
    largest = -(-num_candidates // num_folds)
    return None if version == 1 or largest < wanted + 1 else round(wanted)


def number_groups(groups: Sequence[str]) -> tuple[list[str], Rows]:
    """Names of the groups in order of appearance, and the number of the group of each row."""
    names = list(dict.fromkeys(groups))
    code = {name: position for position, name in enumerate(names)}
    return names, np.array([code[group] for group in groups], np.int64)


def draw(pool: Rows, size: int | None, num_materials: int, seeds: Sequence[int]) -> Rows:
    """The first `size` rows of a pool in random order, so that a larger subset contains every smaller one.

    Args:
        pool: Rows that may be used.
        size: Number of rows; None for all.
        num_materials: Rows of the table, for the message.
        seeds: Seeds of the order.

    Raises:
        ValueError: If `size` is larger than the pool, or below 2.
    """
    size = check_size(size, len(pool), num_materials)
    return np.random.default_rng(seeds).permutation(pool)[:size]


def check_size(size: int | None, num_available: int, num_materials: int) -> int:
    """Number of materials to use.

    Args:
        size: Requested number; None for all.
        num_available: Number of materials that may be used.
        num_materials: Rows of the table, for the message.

    Raises:
        ValueError: If it is more than `num_available`, or below 2, or fewer than 2 are available.
    """
    if num_materials < 2:
        raise ValueError(f"there is {num_materials or 'no'} material, where at least 2 are needed to learn from")
    if num_available < 2:
        raise ValueError(
            f"of {num_materials} materials {num_available} are left for training and validation, where at least 2 are "
            "needed; use a smaller `test_fraction`, or more materials"
        )
    size = num_available if size is None else size
    if not 2 <= size <= num_available:
        raise ValueError(
            f"`size` must be from 2 to {num_available} (the materials left for training and validation, of "
            f"{num_materials}), got {size}"
        )
    return size


def every_kth_group(group_of_used: Rows, validation_fraction: float, counted: str = "materials") -> NDArray[np.bool_]:
    """Which of the used rows validate: every k-th group of them, in order of appearance.

    Args:
        group_of_used: Number of the group of each used row.
        validation_fraction: Share of the groups.
        counted: What a group is, for the message.

    Raises:
        ValueError: If the validation part would be empty.
    """
    if validation_fraction == 0:
        return np.zeros(len(group_of_used), np.bool_)
    every = max(2, round(1 / validation_fraction))
    place = _order_met(group_of_used)
    validates: NDArray[np.bool_] = place % every == every - 1
    if not validates.any():
        raise ValueError(
            f"with {place.max(initial=-1) + 1} {counted} and `validation_fraction` {validation_fraction} the "
            f"validation part is empty; use at least {every} {counted}, or 0 for no validation"
        )
    return validates


def _order_met(numbers: Rows) -> Rows:
    """Number each group in order of appearance: 7, 3, 7, 5 becomes 0, 1, 0, 2."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
