"""What all splits share: the parts of a table, and draws that are seeded and nested.

All functions work on row numbers of a table that has one row a material (see `cleaning.py`), sorted by identity, so
that a split depends on the materials and the seed, not on the order of a file. Each row belongs to a group (see
`CleanTable.groups`), most often one of its own; no group stands on two sides.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUMERICS_VERSION = 1
"""Raised by hand whenever the same seed would give another split."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Rows of each part of a table.

    Attributes:
        train: Rows that weights are fitted to.
        validation: Rows on which the epoch is chosen; counted in the size, since they are measured too.
        test: Rows that nothing is chosen on.
    """

    train: Rows
    validation: Rows
    test: Rows

    @property
    def size(self) -> int:
        """Number of materials used, validation included, the test part not."""
        return len(self.train) + len(self.validation)


def development_rows(groups: Sequence[str], fraction: float) -> Rows:
    """Materials that are never tested, on which settings may be chosen.

    Membership is decided by a hash of the group alone: it is the same in every split and every version of a table.

    Args:
        groups: Group of each material.
        fraction: Share of the groups, about.
    """
    limit = int(fraction * 2**32)
    digests = (hashlib.sha256(f"development {group}".encode()).digest() for group in groups)
    member = [int.from_bytes(digest[:4], "big") < limit for digest in digests]
    return np.flatnonzero(np.array(member, dtype=bool))


def check_numbers(seed: int, split: int, validation_fraction: float) -> None:
    """Refuse what cannot be split by.

    Raises:
        ValueError: If a number is out of its range.
    """
    for name, number in (("seed", seed), ("split", split)):
        if number < 0:
            raise ValueError(f"`{name}` must be 0 or more, got {number}")
    if not 0 <= validation_fraction <= 0.5:
        raise ValueError(f"`validation_fraction` must be at least 0 and at most 0.5, got {validation_fraction}")


def check_fractions(test_fraction: float, development_fraction: float) -> None:
    """Refuse shares that are none.

    Raises:
        ValueError: If one is out of its range.
    """
    for name, value in (("test_fraction", test_fraction), ("development_fraction", development_fraction)):
        if not 0 <= value < 1:
            raise ValueError(f"`{name}` must be at least 0 and below 1, got {value}")


def number_groups(groups: Sequence[str]) -> tuple[list[str], Rows]:
    """Names of the groups in the order in which they are met, and the number of each row's group."""
    names = list(dict.fromkeys(groups))
    code = {name: position for position, name in enumerate(names)}
    return names, np.array([code[group] for group in groups], np.int64)


def draw(pool: Rows, size: int | None, num_materials: int, seeds: Sequence[int]) -> Rows:
    """The first `size` rows of a pool in a random order, so that a larger subset holds every smaller one.

    Args:
        pool: Rows that may be used.
        size: How many; None for all.
        num_materials: Rows of the table, for the message.
        seeds: Of the order.

    Raises:
        ValueError: If `size` is more than there is, or below 2.
    """
    size = check_size(size, len(pool), num_materials)
    return np.random.default_rng(seeds).permutation(pool)[:size]


def check_size(size: int | None, num_available: int, num_materials: int) -> int:
    """Number of materials to use.

    Args:
        size: As asked for; None for all.
        num_available: How many may be used.
        num_materials: Rows of the table, for the message.

    Raises:
        ValueError: If it is more than there is, or below 2.
    """
    size = num_available if size is None else size
    if not 2 <= size <= num_available:
        raise ValueError(
            f"`size` must be from 2 to {num_available} (materials left for training and validation of "
            f"{num_materials}), got {size}"
        )
    return size


def every_kth_group(group_of_used: Rows, validation_fraction: float) -> NDArray[np.bool_]:
    """Which of the rows used validate: every k-th group of them, in the order in which they are met.

    Args:
        group_of_used: Number of the group of each row used.
        validation_fraction: Share of the groups.

    Raises:
        ValueError: If none does, although some should.
    """
    size = len(group_of_used)
    if validation_fraction == 0:
        return np.zeros(size, np.bool_)
    every = max(2, round(1 / validation_fraction))
    validates: NDArray[np.bool_] = _order_met(group_of_used) % every == every - 1
    if not validates.any():
        raise ValueError(
            f"with {size} materials and `validation_fraction` {validation_fraction} the validation part is empty; use "
            f"at least {every} materials, or 0 for no validation"
        )
    return validates


def _order_met(numbers: Rows) -> Rows:
    """Number of each group in the order in which they are met: 7, 3, 7, 5 becomes 0, 1, 0, 2."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
