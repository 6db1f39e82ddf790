"""What a split of a table is. Each is a class in a file of this folder, found by its name.

A new one takes one new file, see `docs/contributing/split.md`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Protocol

from gnn_sim2real.plugins import import_files, import_installed
from gnn_sim2real.splits.parts import Parts, Rows

if TYPE_CHECKING:
    from gnn_sim2real.tables.table import CleanTable


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
    """

    size: int | None
    seed: int
    split: int = 0
    test_fraction: float = 0.0
    development_fraction: float = 0.0
    validation_fraction: float = 0.0
    available: Rows | None = None


GROUP = "gnn_sim2real.splits"
"""Entry-point group: a distribution that brings splits names their modules here."""

_FOUND: "dict[str, type[Split]]" = {}


class Split(ABC):
    """A way to split a table; one with a `name` can be chosen by `split_by`.

    Attributes:
        name: Value of `split_by`.
        needs_column: Whether it uses the column of `split_column`.
    """

    name: ClassVar[str] = ""
    needs_column: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            _FOUND[cls.name] = cls

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


@cache
def _import_all() -> None:
    import_files("gnn_sim2real.splits")
    for _ in import_installed(GROUP):
        pass


def split_names() -> list[str]:
    """Names of all ways to split, the random one first."""
    _import_all()
    return sorted(_FOUND, key=lambda name: (name != "random", name))


def find_split(name: str) -> Split:
    """The split of a name.

    Raises:
        ValueError: If there is no such split.
    """
    names = split_names()
    if name not in names:
        raise ValueError(f"`split_by` must be one of {', '.join(names)}, got {name!r}")
    return _FOUND[name]()
