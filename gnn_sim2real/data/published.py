"""Tables behind published results, known by hashes alone: does a user's own file equal one of them?

Some of these tables may not be passed on, so nothing is kept of a single material: a table is divided into parts of
some 24 materials by the hashes of their names, and of each part there is a hash of the names, and one of names and
values.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gnn_sim2real.data.registry import GROUP
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.plugins import import_installed
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.table import CleanTable
from gnn_sim2real.units import convert

FOLDER = "published_tables"
"""Folder of an installed module of data sets with such tables."""

MATERIALS_OF_A_PART = 24
"""On average."""

_SHORT = 12
"""Hex digits of the hash of a part."""

_DIGITS = 7
"""Significant digits of a value that count."""


@dataclass(frozen=True)
class PublishedTable:
    """A table behind published results.

    Attributes:
        name: Its name.
        results: Names of the results, as in `benchmarks/results`.
        property: Name of the property.
        unit: Its unit.
        num_materials: Number of its materials.
        parts: Of each part, a hash of the names and one of names and values.
    """

    name: str
    results: tuple[str, ...]
    property: str
    unit: str
    num_materials: int
    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of_table(cls, table: CleanTable, name: str, results: tuple[str, ...]) -> "PublishedTable":
        """Hash the first property of a table.

        Args:
            table: The table.
            name: Its name.
            results: Names of the results that were made with it.
        """
        prop = table.properties[0]
        texts = _spell_rows(table, prop.unit)
        number = max(1, len(texts) // MATERIALS_OF_A_PART)
        return cls(name, results, prop.name, prop.unit, len(texts), _hash_parts(texts, number))

    @classmethod
    def from_json(cls, path: Path) -> "PublishedTable":
        """Read the file of a table.

        Args:
            path: The file.
        """
        content = orjson.loads(path.read_bytes())
        parts = tuple((text[:_SHORT], text[_SHORT:]) for text in content.pop("parts").split())
        return cls(**content | {"results": tuple(content["results"]), "parts": parts})

    def to_json(self) -> dict[str, Any]:
        """The table in plain types."""
        own = {"name": self.name, "results": list(self.results), "property": self.property, "unit": self.unit}
        parts = " ".join(names + rows for names, rows in self.parts)
        return {**own, "num_materials": self.num_materials, "parts": parts}


@dataclass(frozen=True)
class Likeness:
    """How a table compares with a published one.

    Attributes:
        num_materials: Number of its materials.
        num_parts: Number of parts of the published table.
        same_materials: In how many parts the materials are the same.
        same_values: In how many parts the values are too.
    """

    num_materials: int
    num_parts: int
    same_materials: int
    same_values: int

    @property
    def is_same(self) -> bool:
        """Whether both are the same in all materials and values."""
        return self.same_values == self.num_parts


def find_published() -> dict[str, PublishedTable]:
    """All tables behind published results, by the names of these results and their own."""
    found: dict[str, PublishedTable] = {}
    for module in import_installed(GROUP):
        for place in getattr(module, "__path__", []):
            for path in sorted((Path(place) / FOLDER).glob("*.json")):
                table = PublishedTable.from_json(path)
                found |= dict.fromkeys((table.name, *table.results), table)
    return found


def compare_with_published(table: CleanTable, published: PublishedTable) -> Likeness:
    """Compare a table with a published one.

    Args:
        table: The table, whose first property is compared.
        published: The other one.

    Raises:
        ValueError: If it has another property, or a unit that does not convert.
    """
    prop = table.properties[0]
    if current_property(prop.name) != current_property(published.property):
        raise ValueError(f"{published.name} has {published.property}, not {prop.name}: give it as `--property`")
    texts = _spell_rows(table, published.unit)
    parts = _hash_parts(texts, len(published.parts))
    pairs = list(zip(parts, published.parts, strict=True))
    return Likeness(
        num_materials=len(texts),
        num_parts=len(parts),
        same_materials=sum(own[0] == other[0] for own, other in pairs),
        same_values=sum(own == other for own, other in pairs),
    )


def describe_likeness(found: Likeness, published: PublishedTable) -> list[str]:
    """Whether a table is the published one, and if not, how they differ, in lines.

    Args:
        found: From `compare_with_published`.
        published: The published table.
    """
    which = f"the table {published.name} of the published {', '.join(published.results)}"
    if found.is_same:
        return [f"\nTHE SAME as {which}: all {found.num_materials:,} materials with their values"]
    lines = [
        f"\nNOT THE SAME as {which}, which has {published.num_materials:,} materials; here are {found.num_materials:,}",
        f"in {found.same_materials:,} of {found.num_parts:,} parts, of some {MATERIALS_OF_A_PART} materials each, the "
        f"materials are the same, and in {found.same_values:,} their values too; each other part has a difference at "
        "least",
    ]
    if found.same_values < found.same_materials / 2:
        lines.append(f"most values differ: is {published.property} in another unit, or of another kind?")
    return lines


def _hash_parts(texts: Mapping[str, str], number: int) -> tuple[tuple[str, str], ...]:
    """Divide materials into parts by the hash of their names, and hash each: names alone, and with their values."""
    parts: list[list[str]] = [[] for _ in range(number)]
    for name in sorted(texts):
        parts[int(name, 16) % number].append(name)
    return tuple((_hash(names), _hash([texts[name] for name in names])) for names in parts)


def _hash(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:_SHORT]


def _spell_rows(table: CleanTable, unit: str) -> dict[str, str]:
    """Name and value of each material as one text, by the hash that names it; crystals go by their formula."""
    values = convert(table.values[:, 0], table.properties[0].unit, unit)
    names = table.identities if hasattr(table.materials, "condition_names") else table.groups
    rows = zip(names, values.tolist(), strict=True)
    texts = [(name, f"{name}\0{value + 0.0:.{_DIGITS}g}") for name, value in rows if np.isfinite(value)]
    return {identity_hash(name): text for name, text in texts}
