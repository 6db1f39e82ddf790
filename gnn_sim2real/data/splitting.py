"""How a data module splits its materials: by chance, by family, by value, or as a file says."""

import hashlib
import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.data.acquisition import GrowMaterials
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.splits.file import read_split, write_split
from gnn_sim2real.splits.grouped import Tail, join_families, split_families, split_tail
from gnn_sim2real.splits.random import Parts, check_size, every_kth_group, number_groups, split_rows

logger = logging.getLogger(__name__)

SplitBy = Literal["random", "column", "polymer_class", "scaffold", "above_range", "below_range", "outside_range"]
_TAILS: dict[SplitBy, Tail] = {"above_range": "above", "below_range": "below", "outside_range": "both"}
_SETTINGS = ("split_by", "split_column", "seed", "split", "test_fraction", "development_fraction")
_MANY = 30  # families; more are counted rather than listed


class SplitMaterials(GrowMaterials):
    """What a data module does to split its materials."""

    size: int | Literal["all"]
    split: int
    test_fraction: float
    development_fraction: float
    validation_fraction: float
    split_by: SplitBy
    split_column: str | None
    split_file: str | None

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of the table's content."""

    @abstractmethod
    def removed_rows(self) -> NDArray[np.int64]:
        """Rows that may not be used."""

    @cached_property
    def _available(self) -> NDArray[np.int64]:
        """Rows that are not removed."""
        return np.setdiff1d(np.arange(len(self.table.identities)), self.removed_rows())

    @cached_property
    def parts(self) -> Parts:
        """Which rows of the table do what."""
        if self.split_file is not None:
            return self._parts_of_file(Path(self.split_file))
        return self.make_parts(None if self.size == "all" else self.size, self.validation_fraction)

    def make_parts(self, size: int | None, validation_fraction: float) -> Parts:
        """Split the table as the settings say.

        Args:
            size: Number of materials used for training and validation; None uses all.
            validation_fraction: Share of them that validates.
        """
        if self.grow_by != "random":
            return self._grown_parts(size, validation_fraction)
        return self._random_parts(size, validation_fraction)

    def _grown_parts(self, size: int | None, validation_fraction: float) -> Parts:
        """The test part as ever; what is left in the order in which the database grows."""
        whole = self._random_parts(None, 0.0)
        used = self.first_materials(np.sort(whole.train), check_size(size, len(whole.train), len(self.table.groups)))
        validates = every_kth_group(number_groups(self.table.groups)[1][used], validation_fraction)
        return Parts(used[~validates], used[validates], whole.test)

    def _random_parts(self, size: int | None, validation_fraction: float) -> Parts:
        settings: dict[str, Any] = {
            "size": size,
            "seed": self.seed,
            "test_fraction": self.test_fraction,
            "validation_fraction": validation_fraction,
            "available": self._available,
        }
        if self.split_by in _TAILS:
            self._require_one_tail()
            values = self.table.values[:, 0]
            return split_tail(self.table.groups, values, tail=_TAILS[self.split_by], **settings)
        settings |= {"split": self.split, "development_fraction": self.development_fraction}
        if self.families is not None:
            return split_families(self.families, **settings)
        return split_rows(self.table.groups, **settings)

    @cached_property
    def families(self) -> list[str] | None:
        """Family of each row, where the split goes by families; none is cut by a group of the table."""
        if self.split_by == "random" or self.split_by in _TAILS or self.split_file is not None:
            return None
        families = self._given_families() if self.split_by == "column" else self._computed_families()
        return join_families(self.table.groups, families)

    @property
    def label_columns(self) -> list[str]:
        """Columns of the file that the table has to keep for the split."""
        return [*([] if self.split_column is None else [self.split_column]), *self.cost_columns]

    @cached_property
    def test_groups(self) -> frozenset[str]:
        """Groups of the test materials."""
        return frozenset(self.table.groups[row] for row in self.parts.test)

    def seen_identities(self) -> frozenset[str]:
        """Hashed identities of the materials that train and validate; of crystals the formula, as everywhere."""
        used = np.concatenate([self.parts.train, self.parts.validation]).tolist()
        return frozenset(identity_hash(self.table.groups[row]) for row in used)

    def tested_identities(self) -> frozenset[str]:
        """Hashed identities of the test materials; a model that has seen one of them knows what it is asked."""
        return frozenset(map(identity_hash, self.test_groups))

    @property
    def parts_hash(self) -> str:
        """Hash of table and parts: the same materials with the same values train, validate and test, in one order."""
        digest = hashlib.sha256(self.fingerprint.encode())
        for rows in (self.parts.train, self.parts.validation, self.parts.test):
            digest.update(b"|" + np.ascontiguousarray(rows, "<i8").tobytes())
        return digest.hexdigest()[:32]

    def check_split(self) -> None:
        """Refuse settings of the split that do not go together.

        Raises:
            ValueError: If a column is given and not used, or used and not given.
        """
        if (self.split_by == "column") != (self.split_column is not None):
            raise ValueError(
                f"`split_by: column` and `split_column` (the column with the families) go together, got "
                f"{self.split_by!r} and {self.split_column!r}"
            )

    def say_split(self) -> None:
        """Log which families train and are tested, and warn where the test part is not as large as asked for."""
        families, parts = self.families, self.parts
        if families is None:
            return
        used = np.concatenate([parts.train, parts.validation])
        by = f"column {self.split_column}" if self.split_by == "column" else self.split_by.replace("_", " ")
        logger.info("split by %s: tested %s; trained %s", by, _count(families, parts.test), _count(families, used))
        share = len(parts.test) / len(families)
        if self.test_fraction and not 0.5 < share / self.test_fraction < 1.5:
            name, number = Counter(families).most_common(1)[0]
            _warn_once(
                f"test part {self.split} holds {len(parts.test)} of {len(families)} materials ({share:.0%}; "
                f"`test_fraction` is {self.test_fraction:.0%}), since families are not divided; the largest, {name}, "
                f"holds {number}"
            )

    def keep_split(self, path: Path) -> None:
        """Write the split, for `split_file`.

        Args:
            path: The JSON.
        """
        settings = {name: getattr(self, name) for name in _SETTINGS}
        settings |= {"validation_fraction": self.validation_fraction, "size": self.parts.size}
        write_split(path, self.table, self.parts, settings)

    def _given_families(self) -> list[str]:
        column = str(self.split_column)
        if column not in self.table.labels:
            raise ValueError(
                f"{type(self).__name__} cannot split by column {column!r}; it has "
                f"{', '.join(self.table.labels) or 'no columns to split by'}"
            )
        return [label or "(empty)" for label in self.table.labels[column]]

    def _computed_families(self) -> list[str]:
        from gnn_sim2real.featurize.families import FAMILIES

        find = FAMILIES.get((self.kind, self.split_by))
        if find is None:
            kinds = " and ".join(f"{kind}s".replace("_", " ") for kind, name in FAMILIES if name == self.split_by)
            raise ValueError(
                f"`split_by: {self.split_by}` is for {kinds}, but {type(self).__name__} holds materials of the kind "
                f"{self.kind!r}; use random, column or a range"
            )
        return [find(material) for material in track(self.table.materials, "Finding families")]

    def _require_one_tail(self) -> None:
        if self.split or self.development_fraction:
            raise ValueError(
                f"`split_by: {self.split_by}` has a single test part, the tail of the values: `split` and "
                f"`development_fraction` must be 0, got {self.split} and {self.development_fraction}"
            )

    def _parts_of_file(self, path: Path) -> Parts:
        parts, settings = read_split(path, self.table)
        if self.size not in ("all", parts.size) or self.split != settings["split"]:
            raise ValueError(
                f"{path} holds split {settings['split']} with {parts.size} materials for training and validation: "
                f"`split` must be {settings['split']} and `size` all or {parts.size}, got {self.split} and {self.size}"
            )
        removed = np.intersect1d(self.removed_rows(), np.concatenate([parts.train, parts.validation]))
        if len(removed):
            raise ValueError(
                f"{len(removed)} materials that {path} uses for training or validation are to be removed, since the "
                "target tests them; give the target the split it had, or make the file again"
            )
        return parts


@lru_cache
def _warn_once(message: str) -> None:
    """A study sets up the same split many times."""
    logger.warning(message)


def _count(families: Sequence[str], rows: NDArray[np.int64]) -> str:
    """Families of some rows with their numbers, largest first."""
    counts = Counter(families[row] for row in rows)
    if len(counts) > _MANY:
        return f"{len(rows)} materials of {len(counts)} families"
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "nothing"
