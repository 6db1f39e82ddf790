"""Which column of a user's table holds the measured property, and in what unit, where the user does not say it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.columns import (
    PURE_HEADINGS,
    Heading,
    as_written,
    find_column,
    plain_heading,
    read_heading,
    says_another_value,
)
from gnn_sim2real.tables.conditions import is_condition
from gnn_sim2real.tables.material_column import find_blend
from gnn_sim2real.tables.properties import plain_units, spellings_of
from gnn_sim2real.tables.table import read_table

_NOT_MEASURED = ("id", "index", "no", "number", "unnamed_0", "cas", "year", "ref", "reference", "mw")


class MeasuredColumn(NamedTuple):
    """A column with measured values.

    Attributes:
        column: Its heading.
        property: Name of the property, as models have it.
        unit: Its unit; empty if it has none.
    """

    column: str
    property: str
    unit: str


def find_measured_column(
    path: Path, name: str | None = None, column: str | None = None, unit: str | None = None
) -> MeasuredColumn:
    """Find the measured property of a table, as far as the user has not named it.

    Args:
        path: The table.
        name: Name of the property.
        column: Its column.
        unit: Its unit.

    Raises:
        ValueError: If there is no such column, or more than one, or its unit is not known.
    """
    import pandas

    frame = read_table(path)
    columns = [str(each) for each in frame]
    if column is not None:
        heading = as_written(column, columns)
        if heading is None:
            raise ValueError(f"{path.name} has no column {column!r}: its columns are {', '.join(columns)}")
        found = read_heading(heading, unit)
    elif name is not None:
        found = _find_named(columns, name, unit, path.name)
    else:
        share = {
            each: pandas.to_numeric(frame[each], errors="coerce").notna().sum() / max(1, frame[each].notna().sum())
            for each in columns
        }
        found = _only_one([each for each in columns if share[each] >= 0.5], columns, path.name)
    if not (name or found.name):
        raise ValueError(
            f"the heading {found.column!r} of {path.name} has no name in plain letters; add --property to say it"
        )
    named = current_property(name or found.name)
    return MeasuredColumn(found.column, named, _unit_of(named, found, unit, path.name))


def _find_named(columns: Sequence[str], name: str, unit: str | None, source: str) -> Heading:
    """The column of a property; its heading may end with a unit, as `tg_K` does."""
    spellings = spellings_of(name)
    if unit is None and (units := plain_units(current_property(name))):
        unit = units[0].replace("dimensionless", "")  # of the quantity that a unit in the heading must have
    if unit is None:  # of a property that is not known any unit will do
        headings = [each for each in map(read_heading, columns) if each.name in map(plain_heading, spellings)]
        if len(headings) == 1:
            return headings[0]
    return find_column(columns, spellings, f"the property {name!r}", source, "--column", unit)


def _only_one(columns: Sequence[str], every: Sequence[str], source: str) -> Heading:
    """The only column of numbers that can be what was measured; one with the name of a property before others."""
    blend = find_blend(every)
    shares = blend.columns if blend is not None else ()
    headings = [read_heading(each) for each in columns if not is_condition(each) and each not in shares]
    headings = [each for each in headings if each.name not in PURE_HEADINGS and each.name not in _NOT_MEASURED]
    values = [each for each in headings if not says_another_value(each.column)] or headings
    found = [each for each in values if plain_units(each.name)] or values
    if len(found) == 1:
        return found[0]
    listed = ", ".join(repr(each.column) for each in found[:10])
    which = f"could be any of {listed}" if found else "is in no column of numbers"
    raise ValueError(f"what was measured in {source} {which}; name its column with --column and its unit with --unit")


def _unit_of(name: str, heading: Heading, unit: str | None, source: str) -> str:
    if unit is not None:
        return unit
    if heading.unit is not None:
        return heading.unit
    units = plain_units(name)
    if units == ("dimensionless",):
        return ""
    accepted = f", e.g. {' or '.join(units)}" if units else ", or '' if it has none"
    raise ValueError(
        f"the heading {heading.column!r} of {source} does not say a unit; add --unit to say that of {name!r}{accepted}"
    )
