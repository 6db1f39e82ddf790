"""Which materials of a data module train, validate and test."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.data.acquisition import Acquisition
from gnn_sim2real.data.data_set import DataSet
from gnn_sim2real.splits.by_group import take_groups
from gnn_sim2real.splits.file import FileSplit, write_split
from gnn_sim2real.splits.parts import Parts, Rows, check_size, every_kth_group, number_groups
from gnn_sim2real.splits.split import SPLITS, Drawing, Split

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    SplitBy = str
else:
    SplitBy = Literal[*SPLITS.names()]

_FRACTIONS = ("test_fraction", "development_fraction", "validation_fraction")
_IN_FILE = ("split_by", "split_column", "split_version", "seed", "split", *_FRACTIONS)
_MANY = 30  # families; more are counted rather than listed


@dataclass(frozen=True)
class SplitSettings:
    """How a table is split.

    Args:
        size: Number of materials for training and validation together (source_size n of a source, target_size m of a
            target); "all" uses all that are not in the test part.
        seed: Number of the subset, and with `seed_everything` of the order of batches; subsets of one seed are nested.
        split: Number of the test part; it does not depend on the seed or size.
        test_fraction: Share of the materials in the test part.
        development_fraction: Share of the materials, chosen by a hash of their group, that are in no test part, so that
            settings can be chosen on them.
        validation_fraction: Share of the used materials on which the best epoch is chosen; 0 for none.
        split_version: How `test_fraction` becomes a test part: 2 gives that share. 1 is the rule of results of version
            0.1, by which all that can be tested is tested, in as many parts as have at least that share: 0.4 gives
            50 %, or with a `development_fraction` of 0.4 all other 60 %.
        split_by: How the test part differs from the training part: not at all (`random`), by families that only it has,
            from a `column` of the table, the `polymer_class` or the Murcko `scaffold`, or by values of the first
            property above, below or outside the range of training (`above_range`, `below_range`, `outside_range`); or
            it is the `official` one, by a column with `train` or `test` in each row.
        split_column: Column with the families of `split_by: column`, or the parts of `split_by: official`.
        split_file: A split written by `fit` next to its configuration (`split.json`): exactly these materials train,
            validate and test again, whatever the settings above are; `size` and `split` must agree with it.
    """

    size: int | Literal["all"] = "all"
    seed: int = 0
    split: int = 0
    test_fraction: float = 0.0
    development_fraction: float = 0.0
    validation_fraction: float = 0.1
    split_version: Literal[1, 2] = 2
    split_by: SplitBy = "random"
    split_column: str | None = None
    split_file: str | None = None

    @property
    def counts_groups(self) -> bool:
        """Whether `size` is a number of groups with all their rows."""
        return False

    def check_split(self) -> None:
        """Reject settings of the split that do not go together.

        Raises:
            ValueError: If a column is given but not used, or needed but not given, or the split is unknown.
        """
        if SPLITS.find(self.split_by).needs_column != (self.split_column is not None):
            raise ValueError(
                f"`split_column` (the column with the families, or parts) goes with `split_by: column` or `official`, "
                f"got {self.split_by!r} and {self.split_column!r}"
            )


def nothing() -> Rows:
    """Return no rows."""
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Splitter:
    """The parts of a table.

    Attributes:
        data: The table.
        settings: How it is split.
        removed: Finds the rows that must not be used.
        of_removal: All that `removed` depends on.
        acquisition: The order in which the database grows; None if the split draws at random.
        given: Parts that replace those of the settings.
    """

    data: DataSet
    settings: SplitSettings
    removed: Callable[[], Rows] = nothing
    of_removal: Hashable = ()
    acquisition: Acquisition | None = None
    given: Parts | None = None

    @cached_property
    def kind(self) -> Split:
        """How the table is split."""
        settings = self.settings
        return SPLITS.find(settings.split_by)() if settings.split_file is None else FileSplit(Path(settings.split_file))

    @property
    def available(self) -> Rows:
        """Rows that are not removed, ascending."""

        def find() -> Rows:
            return np.setdiff1d(np.arange(len(self.data.table.identities)), self.removed())

        return self.data.once(("available", self.of_removal), find)

    @cached_property
    def parts(self) -> Parts:
        """Rows of the table that train, validate and test.

        Raises:
            ValueError: If there is no such split.
        """
        if self.given is not None:
            return self.given
        settings = self.settings
        size = None if settings.size == "all" else settings.size
        if not settings.counts_groups:
            return self._make(size, settings.validation_fraction)
        if settings.split_file is not None:
            raise ValueError("`split_file` has a size in rows; set `size_by: rows`, or leave `split_file` out")
        whole = self._make(None, 0.0)
        return take_groups(whole, self.data.table.groups, size, settings.validation_fraction)

    def _make(self, size: int | None, validation_fraction: float) -> Parts:
        if self.acquisition is None or self.settings.split_file is not None:
            return self._draw(size, validation_fraction)
        # The test part as always; what is left in the order in which the database grows.
        whole, groups = self._draw(None, 0.0), self.data.table.groups
        size = check_size(size, len(whole.train), len(groups))
        used = self.acquisition.first(np.sort(whole.train), size, self.settings.seed)
        validates = every_kth_group(number_groups(groups)[1][used], validation_fraction)
        return Parts(used[~validates], used[validates], whole.test)

    def _draw(self, size: int | None, validation_fraction: float) -> Parts:
        return self.kind.make(self.data, self.families, self._drawing(size, validation_fraction))

    def _drawing(self, size: int | None, validation_fraction: float) -> Drawing:
        own = self.settings
        return Drawing(
            size,
            own.seed,
            own.split,
            own.test_fraction,
            own.development_fraction,
            validation_fraction,
            self.available,
            own.split_version,
        )

    @property
    def key_version(self) -> int:
        """Version of the splits that enters keys."""
        own = self.settings
        asked = own.split_by, own.split_file, own.split_version, own.test_fraction, own.development_fraction
        return self.data.once(
            ("key version", *asked), lambda: self.kind.key_version(self.data, self._drawing(None, 0.0))
        )

    @property
    def families(self) -> list[str] | None:
        """Family of each row if the split is by families, else None; no group of the table is in two families."""
        key = ("families", self.settings.split_by, self.settings.split_column, self.settings.split_file)
        return self.data.once(key, lambda: self.kind.families(self.data, self.settings.split_column))

    @property
    def wholes(self) -> Sequence[str]:
        """What each row of the table belongs to that is never on two sides: its family where there are families."""
        return self.kind.wholes(self.data, self.settings.split_column)

    def other_validation(self, number: int) -> Rows:
        """Draw another validation part as the settings do, out of the rows that train or validate.

        Args:
            number: Which of them, from 1; 0 is that of the settings.

        Raises:
            ValueError: If there are not so many different ones.
        """
        if number == 0:
            return self.parts.validation
        own = self.settings
        return self.kind.other_validation(self.data, own.split_column, self.parts, own.validation_fraction, number)

    @cached_property
    def test_groups(self) -> frozenset[str]:
        """Groups of the test materials."""
        return frozenset(self.data.table.groups[row] for row in self.parts.test)

    @cached_property
    def parts_hash(self) -> str:
        """Hash of table and parts: the same if the same materials and values train, validate and test, in one order."""
        digest = hashlib.sha256(self.data.fingerprint.encode())
        for rows in (self.parts.train, self.parts.validation, self.parts.test):
            digest.update(b"|" + np.ascontiguousarray(rows, "<i8").tobytes())
        return digest.hexdigest()[:32]

    def log(self) -> None:
        """Log which families train and test, and warn if the test part is much smaller or larger than requested."""
        families, parts, settings = self.families, self.parts, self.settings
        if families is None:
            return
        used = np.concatenate([parts.train, parts.validation])
        by = f"column {settings.split_column}" if self.kind.needs_column else settings.split_by.replace("_", " ")
        logger.info("split by %s: test %s; train %s", by, _count(families, parts.test), _count(families, used))
        share = len(parts.test) / len(families)
        if settings.test_fraction and not 0.5 < share / settings.test_fraction < 1.5:
            name, number = Counter(families).most_common(1)[0]
            _warn_once(
                f"test part {settings.split} has {len(parts.test)} of {len(families)} materials ({100 * share:.0f} %, "
                f"where `test_fraction` is {100 * settings.test_fraction:.0f} %), because families are not divided; "
                f"the largest, {name}, has {number}"
            )

    def save(self, path: Path) -> None:
        """Write the split as a file for `split_file`.

        Args:
            path: The JSON file.
        """
        settings = {name: getattr(self.settings, name) for name in _IN_FILE} | {"size": self.parts.size}
        write_split(path, self.data.table, self.parts, settings)


@lru_cache
def _warn_once(message: str) -> None:
    """Warn once, since a study sets up the same split many times."""
    logger.warning(message)


def _count(families: Sequence[str], rows: NDArray[np.int64]) -> str:
    """Families of some rows with their number of materials, largest first."""
    counts = Counter(families[row] for row in rows)
    if len(counts) > _MANY:
        return f"{len(rows)} materials of {len(counts)} families"
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "nothing"
