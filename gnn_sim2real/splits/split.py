"""What a split of a table is. Each is a class in a file of this folder, found by its name.

A new one takes one new file, see `docs/contributing/split.md`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np

from gnn_sim2real.plugins import Registry
from gnn_sim2real.splits.folds import random_folds
from gnn_sim2real.splits.parts import Parts, Rows

if TYPE_CHECKING:
    from gnn_sim2real.tables.table import CleanTable

Tail = Literal["above", "below", "both"]
"""A side of a range of values."""


class Materials(Protocol):
    """What a split may use."""

    @property
    def name(self) -> str:
        """Name of the data set, for messages."""

    @property
    def kind(self) -> str:
        """Kind of the materials, such as `repeat_unit`."""

    @property
    def table(self) -> "CleanTable":
        """One row per material."""


@dataclass(frozen=True)
class Drawing:
    """Which of the many splits of one kind to make.

    Attributes:
        size: Number of materials used for training and validation; None uses all.
        seed: Number of the subset.
        split: Number of the test part.
        test_fraction: Share of the materials in the test part.
        development_fraction: Share of the materials that are in no test part.
        validation_fraction: Share of the used materials that validate.
        available: Rows that may be used for training and validation; None for all.
        version: Rule by which the share becomes a test part, see `SplitSettings.split_version`.
    """

    size: int | None
    seed: int
    split: int = 0
    test_fraction: float = 0.0
    development_fraction: float = 0.0
    validation_fraction: float = 0.0
    available: Rows | None = None
    version: int = 2


OTHER_VALIDATION = 20_260
"""Seed of validation parts beside that of the settings."""

SPLITS: "Registry[Split]" = Registry(
    "gnn_sim2real.splits", group="gnn_sim2real.splits", setting="split_by", first="random"
)
"""All ways to split; a distribution that brings some names their modules under this entry-point group."""


class Split(ABC):
    """A way to split a table; one with a `name` can be chosen by `split_by`.

    Attributes:
        name: Value of `split_by`.
        needs_column: Whether it uses the column of `split_column`.
        extrapolates: Side of the values, beyond those of training, that is tested; None if values do not matter.
    """

    name: ClassVar[str] = ""
    needs_column: ClassVar[bool] = False
    extrapolates: ClassVar[Tail | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            SPLITS.add(cls.name, cls)

    def families(self, materials: Materials, column: str | None) -> list[str] | None:
        """Family of each row, all of which is on one side; None if there are no families.

        Args:
            materials: What is split.
            column: Column of `split_column`.
        """
        return None

    @abstractmethod
    def make(self, materials: Materials, families: Sequence[str] | None, drawing: Drawing) -> Parts:
        """Split the table.

        Args:
            materials: What is split.
            families: Result of `families`.
            drawing: Which split to make.

        Raises:
            ValueError: If there is no such split.
        """

    def wholes(self, materials: Materials, column: str | None) -> Sequence[str]:
        """What each row belongs to that is never on two sides: its group, or its family where there are families.

        Args:
            materials: What is split.
            column: Column of `split_column`.
        """
        return materials.table.groups

    def other_validation(
        self, materials: Materials, column: str | None, parts: Parts, share: float, number: int
    ) -> Rows:
        """Draw another validation part of the same kind, out of the rows that train or validate.

        Args:
            materials: What is split.
            column: Column of `split_column`.
            parts: The parts, with a validation part.
            share: Share of the used materials that validate.
            number: Which of them, from 1.

        Returns:
            Its rows.

        Raises:
            ValueError: If there are not so many.
        """
        used = np.sort(np.concatenate([parts.train, parts.validation]))
        groups = [materials.table.groups[row] for row in used.tolist()]
        num_folds = min(max(2, round(len(used) / len(parts.validation))), len(set(groups)))
        draw, fold = divmod(number - 1, num_folds)
        return used[random_folds(groups, num_folds, [OTHER_VALIDATION, draw])[fold].test]

    def key_version(self, materials: Materials, drawing: Drawing) -> int:
        """Version of the rule that enters keys: the first one that gives the same parts.

        Args:
            materials: What is split.
            drawing: Which split to make.
        """
        return 1
