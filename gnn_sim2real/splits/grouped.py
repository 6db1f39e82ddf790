"""Splits by families: the test part has families of materials that no model was trained on.

A family is a set of materials with the same entry in a column of the table, polymer class or scaffold. All of it is on
one side of a split, and so is every group of the table (see `CleanTable.groups`).
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnn_sim2real.console import track
from gnn_sim2real.featurize.conditions import pure_materials
from gnn_sim2real.splits.parts import (
    Parts,
    Rows,
    check_fractions,
    check_numbers,
    development_rows,
    draw,
    fold_length,
    number_groups,
)
from gnn_sim2real.splits.split import OTHER_VALIDATION, Drawing, Materials, Split

_DRAWS = 1000
"""Draws of families after which no further validation part is looked for."""

FamilyOf = Callable[[str], str]
"""Family of a material's spelling."""


class FamilySplit(Split):
    """The test part has families that only it has. A subclass finds them in `families_of`."""

    @abstractmethod
    def families_of(self, materials: Materials, column: str | None) -> list[str]:
        """Family of each row.

        Args:
            materials: What is split.
            column: Column of `split_column`.

        Raises:
            ValueError: If these materials have no such families.
        """

    def families(self, materials: Materials, column: str | None) -> list[str]:
        """Family of each row; families with a group of the table in common are joined."""
        return join_families(materials.table.groups, self.families_of(materials, column))

    def make(self, materials: Materials, families: Sequence[str] | None, drawing: Drawing) -> Parts:
        """Split the table, see `split_families`."""
        return split_families(families or [], drawing)

    def wholes(self, materials: Materials, column: str | None) -> Sequence[str]:
        """Family of each row."""
        return self.families(materials, column)

    def other_validation(
        self, materials: Materials, column: str | None, parts: Parts, share: float, number: int
    ) -> Rows:
        """Draw other families.

        Raises:
            ValueError: If they give fewer different parts.
        """
        used = np.sort(np.concatenate([parts.train, parts.validation]))
        _, family = number_groups(self.families(materials, column))
        found = [frozenset(parts.validation.tolist())]
        for number_drawn in range(_DRAWS):
            rows = used[
                np.isin(family[used], _validation_families(family[used], share, [OTHER_VALIDATION, number_drawn]))
            ]
            if 0 < len(rows) < len(used) and (part := frozenset(rows.tolist())) not in found:
                found.append(part)
            if len(found) > number:
                return rows
        raise ValueError(
            f"{len(np.unique(family[used]))} families of training and validation give {len(found)} different "
            f"validation parts of about {100 * share:.0f} %, with that of the settings; use at most so many"
        )


class ChemicalFamilySplit(FamilySplit):
    """The families are computed from the spellings of the materials."""

    @abstractmethod
    def finders(self) -> dict[str, FamilyOf]:
        """Function from a spelling to its family, by kind of material."""

    def families_of(self, materials: Materials, column: str | None) -> list[str]:
        """Compute the family of each row.

        Raises:
            ValueError: If there are no such families of this kind of material.
        """
        finders = self.finders()
        if materials.kind not in finders:
            kinds = " and ".join(f"{kind}s".replace("_", " ") for kind in finders)
            raise ValueError(
                f"`split_by: {self.name}` is for {kinds}, but {materials.name} has materials of the kind "
                f"{materials.kind!r}; use random, column or a range"
            )
        spelled = pure_materials(materials.table.materials)
        return [finders[materials.kind](each) for each in track(spelled, "Finding families")]


def join_families(groups: Sequence[str], families: Sequence[str]) -> list[str]:
    """Join families with a group in common, so that no group is in two; the joined one is named after all of them.

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


def split_families(families: Sequence[str], drawing: Drawing) -> Parts:
    """Split a table so that no family of the test or validation part is trained on.

    The folds have about the same number of rows; a family larger than a fold is a fold of its own. As in
    `splits.random.split_rows`, the test part depends on `drawing.split` only, and a larger subset contains every
    smaller one. `development_fraction` is a share of the families, the other shares are of rows and approximate.

    Args:
        families: Family of each row, see `join_families`; rows in the order of the identities.
        drawing: Which split to make.

    Raises:
        ValueError: If a part would be empty, a test part would be that of another number, `size` is more than there
            are materials, or a number is out of its range.
    """
    share, seeds = drawing.validation_fraction, [drawing.split, drawing.seed]
    check_numbers(drawing.seed, drawing.split, share)
    names, family = number_groups(families)
    test = np.flatnonzero(np.isin(family, _test_families(names, np.bincount(family), drawing)))
    pool = np.setdiff1d(np.arange(len(families)) if drawing.available is None else drawing.available, test)
    used = draw(pool, drawing.size, len(families), seeds)
    validates = np.isin(family[used], _validation_families(family[pool], share, seeds))
    if share and not 0 < validates.sum() < len(used):
        raise ValueError(
            f"with {len(used)} materials of {len(np.unique(family[used]))} families and `validation_fraction` "
            f"{share} the {'training' if validates.any() else 'validation'} part is empty; use more "
            "materials, or 0 for no validation"
        )
    return Parts(used[~validates], used[validates], test)


def _test_families(names: Sequence[str], sizes: Rows, drawing: Drawing) -> list[int]:
    split, fraction = drawing.split, drawing.test_fraction
    check_fractions(fraction, drawing.development_fraction)
    if fraction == 0:
        return []
    candidates = np.setdiff1d(np.arange(len(names)), development_rows(names, drawing.development_fraction))
    num_rows = int(sizes[candidates].sum())
    num_folds = min(int(num_rows / (fraction * sizes.sum()) + 1e-9), len(candidates))
    if len(names) < 2 or not num_folds:
        raise ValueError(
            f"no family can be left out for a test part of {100 * fraction:.0f} %: "
            f"{len(candidates)} of {len(names)} families "
            f"with {num_rows} of {sizes.sum()} materials can be tested; change `test_fraction`, "
            "`development_fraction` or `split_by`"
        )
    length = fold_length(num_rows, fraction * float(sizes.sum()), num_folds, drawing.version)
    if length is None or num_folds == len(candidates):
        rooms = [num_rows / num_folds] * num_folds
    else:  # after the folds what none of them tests; less than a fold, so that the first families go to the folds
        rooms = [float(length)] * num_folds + [float(min(num_rows - length * num_folds, length - 1))]
    repetition, fold = divmod(split, num_folds)
    folds = _folds(candidates, sizes, rooms, repetition)
    earlier = [_folds(candidates, sizes, rooms, number)[:num_folds] for number in range(repetition)]
    for number, same in enumerate(each for repeated in earlier for each in repeated):
        if same == folds[fold]:
            raise ValueError(
                f"split {split} would test the same materials as split {number}: {len(candidates)} families give "
                f"{num_folds} different test parts of {100 * fraction:.0f} %; use the splits below {split}"
            )
    return folds[fold]


def _folds(candidates: Rows, sizes: Rows, rooms: Sequence[float], repetition: int) -> list[list[int]]:
    """Families of each fold: large ones first, the rest in random order, each into the fold with most room left.

    Args:
        candidates: Families that may be tested.
        sizes: Number of rows of each family.
        rooms: Number of rows that each fold should have.
        repetition: Seed of the order.
    """
    order = np.random.default_rng(repetition).permutation(candidates)
    large = sizes[order] > rooms[0] / 4
    order = order[np.argsort(-np.where(large, sizes[order], 0), kind="stable")]
    folds: list[list[int]] = [[] for _ in rooms]
    left = np.array(rooms)
    for family in order.tolist():
        widest = int(left.argmax())
        folds[widest].append(family)
        left[widest] -= sizes[family]
    return [sorted(fold) for fold in folds]


def _validation_families(family_of_pool: Rows, fraction: float, seeds: Sequence[int]) -> list[int]:
    """Families that validate: random ones, up to about the requested share of the rows; at least the smallest."""
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
