"""Splits by value: the test part is above, below or outside the range of training."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.splits.parts import Parts, Rows, check_fractions, check_numbers, draw, every_kth_group, number_groups
from gnn_sim2real.splits.split import Drawing, Materials, Split, Tail


class TailSplit(Split):
    """The test part has the values of the first property beyond those of training; there is only one."""

    extrapolates: ClassVar[Tail]

    def make(self, materials: Materials, families: Sequence[str] | None, drawing: Drawing) -> Parts:
        """Split the table, see `split_tail`.

        Raises:
            ValueError: If another test part than the only one is requested.
        """
        settings = dict(vars(drawing))
        split, development_fraction = settings.pop("split"), settings.pop("development_fraction")
        settings.pop("version")  # both rules give the same tail
        if split or development_fraction:
            raise ValueError(
                f"`split_by: {self.name}` has a single test part, the tail of the values: `split` and "
                f"`development_fraction` must be 0, got {split} and {development_fraction}"
            )
        return split_tail(materials.table.groups, materials.table.values[:, 0], tail=self.extrapolates, **settings)


class AboveRange(TailSplit):
    """The highest values are tested."""

    name, extrapolates = "above_range", "above"


class BelowRange(TailSplit):
    """The lowest values are tested."""

    name, extrapolates = "below_range", "below"


class OutsideRange(TailSplit):
    """The highest and the lowest values are tested."""

    name, extrapolates = "outside_range", "both"


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
    """Split a table so that the values of the test part are beyond all those of training and validation.

    Rows within the range whose group is tested are in no part. Rows without a value are never tested.

    Args:
        groups: Group of each row; rows in the order of the identities.
        values: (num_rows,); the property, NaN where missing.
        tail: Which values are tested: the highest, the lowest, or half of each.
        size: Number of materials used for training and validation; None uses all.
        seed: Number of the subset.
        test_fraction: Largest share of the rows with a value in the test part.
        validation_fraction: Share of the used groups that validate.
        available: Rows that may be used for training and validation; None for all.

    Raises:
        ValueError: If a part would be empty, `size` is more than there are materials, or a number is out of range.
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
    """Rows beyond the range left for training; equal values are on one side."""
    present = np.sort(values[np.isfinite(values)])
    count = int(fraction * len(present) / (2 if tail == "both" else 1) + 1e-9)
    if fraction and not count:
        raise ValueError(
            f"a test part of {100 * fraction:.0f} % of {len(present)} values beyond the range of training is empty; "
            "use a larger `test_fraction` or more materials"
        )
    if not count:
        return np.empty(0, np.int64)
    low = present[count] if tail in ("below", "both") else -np.inf
    high = present[-count - 1] if tail in ("above", "both") else np.inf
    tested = np.flatnonzero((values < low) | (values > high))
    if not len(tested):
        raise ValueError(
            f"no value is beyond the range of training with a test part of {100 * fraction:.0f} %: too many values are "
            f"equal to {low if tail == 'below' else high:g}; change `test_fraction`"
        )
    return tested
