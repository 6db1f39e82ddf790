"""Parts of a table whose size is counted in groups, each with all its rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnn_sim2real.splits.parts import Parts, every_kth_group


@dataclass(frozen=True)
class GroupParts(Parts):
    """Parts whose size is counted in groups.

    Attributes:
        num_groups: Number of groups used, validation included.
    """

    num_groups: int

    @property
    def size(self) -> int:
        """Number of groups used."""
        return self.num_groups


def take_groups(whole: Parts, groups: Sequence[str], size: int | None, validation_fraction: float) -> Parts:
    """Use the first groups of a split; a larger number of them contains every smaller one.

    Args:
        whole: A split that uses all rows for training, in their order.
        groups: Group of each row of the table.
        size: Number of groups used for training and validation; None uses all.
        validation_fraction: Share of the groups used that validate.

    Raises:
        ValueError: If there are fewer groups, or the validation part would be empty.
    """
    met = [groups[row] for row in whole.train.tolist()]
    number = {name: place for place, name in enumerate(dict.fromkeys(met))}
    if len(number) < 2:
        raise ValueError(
            f"{len(number)} groups are left for training and validation, where at least 2 are needed; use a smaller "
            "`test_fraction`, or more groups"
        )
    size = len(number) if size is None else size
    if not 2 <= size <= len(number):
        raise ValueError(
            f"`size` must be from 2 to {len(number)} (groups left for training and validation), got {size}"
        )
    place = np.array([number[group] for group in met], np.int64)
    used, place = whole.train[place < size], place[place < size]
    validates = every_kth_group(place, validation_fraction, counted="groups")
    return GroupParts(used[~validates], used[validates], whole.test, size)
