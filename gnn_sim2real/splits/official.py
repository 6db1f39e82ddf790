"""The split that a data set comes with: a column says which materials are the test part."""

from collections.abc import Sequence

import numpy as np

from gnn_sim2real.splits.parts import Parts, check_numbers, draw, every_kth_group, number_groups
from gnn_sim2real.splits.split import Drawing, Materials, Split

_PARTS = ("train", "test")


class OfficialSplit(Split):
    """The test part is that of a column, whose cells are `train` or `test`.

    A material for training whose group is tested as well is left out, as in every split: the formula of two crystals
    is one group.
    """

    name, needs_column = "official", True

    def families(self, materials: Materials, column: str | None) -> list[str]:
        """Part of each row, as the column has it.

        Raises:
            ValueError: If the table has no such column, or another word stands in it.
        """
        texts = materials.table.texts
        if column is None or column not in texts:
            raise ValueError(
                f"{materials.name} cannot split by column {column!r}; it has "
                f"{', '.join(texts) or 'no columns to split by'}"
            )
        parts = [each.strip().lower() for each in texts[column]]
        if wrong := sorted({*parts} - {*_PARTS}):
            raise ValueError(
                f"{materials.name} has {wrong[0]!r} in the column {column!r}; for `split_by: official` each row needs "
                "train or test"
            )
        return parts

    def make(self, materials: Materials, families: Sequence[str] | None, drawing: Drawing) -> Parts:
        """Split the table; the shares of `test_fraction` and `development_fraction` do not count.

        Raises:
            ValueError: If another test part than the only one is asked for, it is empty, or `size` is too large.
        """
        check_numbers(drawing.seed, drawing.split, drawing.validation_fraction)
        if drawing.split:
            raise ValueError(f"`split_by: official` has one test part, so `split` must be 0, got {drawing.split}")
        _, group = number_groups(materials.table.groups)
        test = np.flatnonzero(np.array(families or []) == "test")
        if not len(test):
            raise ValueError(f"{materials.name} has no row for the test part in its column of parts")
        available = np.arange(len(group)) if drawing.available is None else drawing.available
        pool = available[~np.isin(group[available], group[test])]
        used = draw(pool, drawing.size, len(group), [drawing.split, drawing.seed])
        validates = every_kth_group(group[used], drawing.validation_fraction)
        return Parts(used[~validates], used[validates], test)
