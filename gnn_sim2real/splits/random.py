"""Random splits: seeded, nested, and no material in two parts."""

from collections.abc import Sequence

import numpy as np

from gnn_sim2real.splits.parts import (
    Parts,
    Rows,
    check_fractions,
    check_numbers,
    development_rows,
    draw,
    every_kth_group,
    fold_length,
    number_groups,
)
from gnn_sim2real.splits.split import Drawing, Materials, Split


class RandomSplit(Split):
    """The test part is drawn at random."""

    name = "random"

    def make(self, materials: Materials, families: Sequence[str] | None, drawing: Drawing) -> Parts:
        """Split the table, see `split_rows`."""
        return split_rows(materials.table.groups, drawing)

    def key_version(self, materials: Materials, drawing: Drawing) -> int:
        """Version 2 where it tests other materials than version 1."""
        if drawing.test_fraction == 0:
            return 1
        names, _ = number_groups(materials.table.groups)
        candidates, num_folds = _folds(names, drawing.test_fraction, drawing.development_fraction)
        whole = fold_length(len(candidates), drawing.test_fraction * len(names), num_folds, drawing.version) is None
        return 1 if whole else 2


def split_rows(groups: Sequence[str], drawing: Drawing) -> Parts:
    """Split a table.

    The test part depends on `drawing.split` only. The remaining materials are put in an order that depends on `split`
    and `seed`, and the first `size` are used, so that a larger subset contains every smaller one; every k-th group of
    them validates. Shares are of groups, to within one. Consecutive splits are the folds of a cross-validation, which
    do not overlap; when the folds are used up, those of another random order follow.

    Args:
        groups: Group of each material; most often its identity. In the order of the identities.
        drawing: Which split to make.

    Raises:
        ValueError: If a part would be empty, `size` is more than there are materials, or a number is out of range.
    """
    check_numbers(drawing.seed, drawing.split, drawing.validation_fraction)
    names, group_of_row = number_groups(groups)
    test = np.flatnonzero(np.isin(group_of_row, _test_groups(names, drawing)))
    pool = np.setdiff1d(np.arange(len(groups)) if drawing.available is None else drawing.available, test)
    used = draw(pool, drawing.size, len(groups), [drawing.split, drawing.seed])
    validates = every_kth_group(group_of_row[used], drawing.validation_fraction)
    return Parts(used[~validates], used[validates], test)


def _test_groups(names: Sequence[str], drawing: Drawing) -> Rows:
    fraction = drawing.test_fraction
    check_fractions(fraction, drawing.development_fraction)
    if fraction == 0:
        return np.empty(0, np.int64)
    candidates, num_folds = _folds(names, fraction, drawing.development_fraction)
    repetition, fold = divmod(drawing.split, num_folds)
    order = np.random.default_rng(repetition).permutation(candidates)
    length = fold_length(len(candidates), fraction * len(names), num_folds, drawing.version)
    if length is None:
        return np.sort(np.array_split(order, num_folds)[fold])
    return np.sort(order[fold * length : (fold + 1) * length])


def _folds(names: Sequence[str], fraction: float, development_fraction: float) -> tuple[Rows, int]:
    """The groups that can be tested, and how many test parts without a group in common they give."""
    candidates = np.setdiff1d(np.arange(len(names)), development_rows(names, development_fraction))
    # A sum of floats may fall short of a whole number of folds by a rounding error.
    num_folds = int(len(candidates) / (fraction * len(names)) + 1e-9)
    if not 1 <= num_folds <= len(candidates):
        raise ValueError(
            f"a test part of {100 * fraction:.0f} % is {fraction * len(names):.1f} materials, but {len(candidates)} of "
            f"{len(names)} can be tested; change `test_fraction` or `development_fraction`"
        )
    return candidates, num_folds
