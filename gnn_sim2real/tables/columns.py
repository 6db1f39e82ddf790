"""Headings of a table: which column has the materials, which the values, and in what unit."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gnn_sim2real.tables.table import Property
from gnn_sim2real.units import convert, is_unit

MATERIAL_HEADINGS = {
    "repeat_unit": (
        "smiles",
        "psmiles",
        "p_smiles",
        "repeat_unit",
        "polymer_smiles",
        "smiles_string",
        "canonical_smiles",
    ),
    "molecule": ("smiles", "canonical_smiles", "molecule", "smiles_string", "mol_smiles"),
    "composition": ("formula", "composition", "reduced_formula", "formula_pretty", "chemical_formula", "compound"),
}
"""Headings of the materials of each kind, in order of preference, as `plain_heading` gives them."""


class Heading(NamedTuple):
    """A heading, split into name and unit.

    Attributes:
        column: The heading as written.
        name: The quantity, as in `plain_heading`.
        unit: The unit in brackets, if there is one.
    """

    column: str
    name: str
    unit: str | None


def read_heading(column: str) -> Heading:
    """Split a heading such as `Density [g/cm3]`, `Tg (K)` or `Tg / degC` into name and unit.

    Args:
        column: The heading.
    """
    found = re.fullmatch(r"(.*?)\s*(?:\[([^\]]*)\]|\(([^()]*(?:\([^()]*\))?[^()]*)\)|\s/\s(.+))\s*", column, re.DOTALL)
    if found is None:
        return Heading(column, plain_heading(column), None)
    unit = next(each for each in found.groups()[1:] if each is not None).strip()
    unit = {"-": "", "°C": "degC", "℃": "degC", "C": "degC"}.get(unit, unit)
    if not is_unit(unit):
        return Heading(column, plain_heading(column), None)
    return Heading(column, plain_heading(found[1]), unit)


def plain_heading(text: str) -> str:
    """A heading in lower case, with one underscore between words.

    Args:
        text: The heading.
    """
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")


def find_column(columns: Sequence[str], names: Iterable[str], what: str, source: str, setting: str) -> Heading:
    """Find a column by its heading.

    Args:
        columns: The headings.
        names: Names to look for, the best first.
        what: What is looked for, for messages.
        source: Name of the file, for messages.
        setting: Setting by which a user chooses the column, for messages.

    Raises:
        ValueError: If no column fits, or several do.
    """
    headings = [read_heading(str(column)) for column in columns]
    names = list(names)
    for name in names:
        found = [heading for heading in headings if heading.name == plain_heading(name)]
        if len(found) > 1:
            several = ", ".join(repr(each.column) for each in found)
            raise ValueError(f"{source} has several columns for {what}: {several}; choose one by `{setting}`")
        if found:
            return found[0]
    listed = ", ".join(map(str, columns[:30])) + (" ..." if len(columns) > 30 else "")
    raise ValueError(
        f"{source} has no column for {what} ({' or '.join(names[:4])}): set `{setting}` to one of {listed}"
    )


def in_table(prop: Property, columns: list[str], source: str) -> Property:
    """A property with its column and the unit in the heading.

    Args:
        prop: Property as the user gives it.
        columns: Headings of the table.
        source: Name of the file, for messages.

    Raises:
        ValueError: If no column is found, or the unit in its heading is of another quantity or not the one given.
    """
    if prop.column is not None:
        heading = read_heading(prop.column)
    else:
        heading = find_column(columns, [prop.name], f"the property {prop.name!r}", source, "column")
    if prop.unit_column is not None or heading.unit is None:
        return replace(prop, column=heading.column)
    one = np.ones(1)
    try:
        told = convert(one, heading.unit, prop.unit)
        differs = prop.file_unit is not None and told != convert(one, prop.file_unit, prop.unit)
    except ValueError as error:
        raise ValueError(f"column {heading.column!r} of {source}: {error}") from error
    if differs:
        raise ValueError(
            f"the heading {heading.column!r} of {source} says {heading.unit}, `file_unit` is {prop.file_unit}: leave "
            "`file_unit` out, or correct one of them"
        )
    return replace(prop, column=heading.column, file_unit=heading.unit)
