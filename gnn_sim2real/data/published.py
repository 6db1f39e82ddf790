"""Tables behind published results, known by hashes alone: does a user's own file equal one of them?

Some of these tables may not be passed on. Of each material there is half of a hash that names it, and four bits of a
hash of its value, from which no value can be told; and one hash of the whole table.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gnn_sim2real.data.registry import GROUP
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.plugins import import_installed
from gnn_sim2real.tables.table import CleanTable
from gnn_sim2real.units import convert

FOLDER = "published_tables"
"""Folder of an installed module of data sets with such tables."""

CHANCE = 16
"""One in so many other values has the same four bits."""

_NAME = 12
"""Hex digits of the hash that names a material."""

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
        sha256: Hash of all names and values.
        rows: Four bits of the hash of the value of each material, by the hash that names it.
    """

    name: str
    results: tuple[str, ...]
    property: str
    unit: str
    sha256: str
    rows: Mapping[str, str]

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
        whole = hashlib.sha256("\n".join(sorted(texts.values())).encode()).hexdigest()
        return cls(name, results, prop.name, prop.unit, whole, {each: _bits(text) for each, text in texts.items()})

    @classmethod
    def from_json(cls, path: Path) -> "PublishedTable":
        """Read the file of a table.

        Args:
            path: The file.
        """
        content = orjson.loads(path.read_bytes())
        rows = {text[:_NAME]: text[_NAME:] for text in content.pop("rows").split()}
        return cls(**content | {"results": tuple(content["results"]), "rows": rows})

    def to_json(self) -> dict[str, Any]:
        """The table in plain types."""
        rows = " ".join(name + bits for name, bits in sorted(self.rows.items()))
        own = {"name": self.name, "results": list(self.results), "property": self.property, "unit": self.unit}
        return {**own, "sha256": self.sha256, "rows": rows}


@dataclass(frozen=True)
class Likeness:
    """How a table compares with a published one.

    Attributes:
        equal: Materials with the same value in both; of the others one in `CHANCE` is counted here as well.
        different: Materials with another value.
        missing: Materials of the published table that are not here.
        more: Materials that are not in the published table.
        is_same: Whether both are the same in all materials and values.
    """

    equal: int
    different: int
    missing: int
    more: int
    is_same: bool


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
    if prop.name != published.property:
        raise ValueError(f"{published.name} has {published.property}, not {prop.name}: give it as `--property`")
    texts = _spell_rows(table, published.unit)
    shared = texts.keys() & published.rows.keys()
    equal = sum(_bits(texts[each]) == published.rows[each] for each in shared)
    whole = hashlib.sha256("\n".join(sorted(texts.values())).encode()).hexdigest()
    return Likeness(
        equal=equal,
        different=len(shared) - equal,
        missing=len(published.rows.keys() - texts.keys()),
        more=len(texts.keys() - published.rows.keys()),
        is_same=whole == published.sha256,
    )


def describe_likeness(found: Likeness, published: PublishedTable) -> list[str]:
    """Whether a table is the published one, and if not, how they differ, in lines.

    Args:
        found: From `compare_with_published`.
        published: The published table.
    """
    which = f"the table {published.name} of the published {', '.join(published.results)}"
    if found.is_same:
        return [f"\nTHE SAME as {which}: all {found.equal:,} materials with their values"]
    there = found.equal + found.different
    lines = [
        f"\nNOT THE SAME as {which}, which has {len(published.rows):,} materials: {there:,} are here as well, "
        f"{found.missing:,} are missing, {found.more:,} are here alone",
        f"of those in both, {found.equal:,} have an equal value and {found.different:,} another one",
    ]
    if found.different:
        lines.append(f"(by four bits of a hash: one in {CHANCE} other values counts as equal)")
    if found.different > found.equal:
        lines.append(f"most values differ: is {published.property} in another unit, or of another kind?")
    return lines


def _spell_rows(table: CleanTable, unit: str) -> dict[str, str]:
    """Name and value of each material as one text, by the hash that names it; crystals go by their formula."""
    values = convert(table.values[:, 0], table.properties[0].unit, unit)
    names = table.identities if hasattr(table.materials, "condition_names") else table.groups
    rows = zip(names, values.tolist(), strict=True)
    texts = [(name, f"{name}\0{value + 0.0:.{_DIGITS}g}") for name, value in rows if np.isfinite(value)]
    return {identity_hash(name)[:_NAME]: text for name, text in texts}


def _bits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[0]
