"""What the columns of a file look like, before a property is chosen."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.crystal import HOW_TO_READ
from gnn_sim2real.featurize.crystal_files import is_crystal_path
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS
from gnn_sim2real.files import expand
from gnn_sim2real.tables.censored import read_limit
from gnn_sim2real.tables.columns import MATERIAL_HEADINGS, Heading, read_heading
from gnn_sim2real.tables.crystal_columns import (
    NAME_HEADINGS,
    holds_crystals,
    read_crystals_of,
    unique_spellings,
    without_row,
)
from gnn_sim2real.tables.plausible import Column, find_implausible
from gnn_sim2real.tables.properties import plausible_values
from gnn_sim2real.tables.table import TABLE_SUFFIXES, read_table, read_without_header
from gnn_sim2real.tables.texts import to_numbers
from gnn_sim2real.units import quantity_of

if TYPE_CHECKING:
    import pandas


def describe_columns(name: str) -> list[str]:
    """Describe the content of a file.

    Args:
        name: Path of the file.

    Returns:
        Lines of text.
    """
    path = expand(name)
    if path.suffix.lower() != ".parquet" and holds_crystals(path):
        return _describe_crystals(path)
    frame = read_table(path)
    if path.suffix.lower() == ".parquet" and set(CELL_COLUMNS) <= set(frame):
        frame = frame.drop(columns=list(CELL_COLUMNS))
    return [f"{path.name}: {len(frame):,} rows, {len(frame.columns)} columns", *_describe(frame)]


def _describe_crystals(path: Path) -> list[str]:
    import pandas

    entries = read_crystals_of(path, disordered=True)
    unread = [entry for entry in entries if entry.crystal is None]
    lines = [f"{path.name}: {len(entries):,} crystals, {len(unread):,} of them unreadable"]
    lines += [f"  {entry.reason}" for entry in unread[:5]]
    partial = [entry.name for entry in entries if entry.crystal is not None and not entry.crystal.is_ordered]
    if partial:
        listed = ", ".join(partial[:5]) + (" ..." if len(partial) > 5 else "")
        lines.append(f"  disordered, and refused unless asked for: {len(partial):,} ({listed}); {HOW_TO_READ}")
    values = pandas.DataFrame([dict(entry.values) for entry in entries])
    if path.is_dir():
        names = [entry.name for entry in entries]
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in TABLE_SUFFIXES and not is_crystal_path(file):
                lines += _describe_beside(file, names)
    return lines + (_describe(values) if len(values.columns) else [])


def _describe_beside(file: Path, names: list[str]) -> list[str]:
    """The table of values in a folder of crystals, and which crystals and rows have no partner."""
    headless = file.name == "id_prop.csv"
    try:
        frame = read_without_header(file, ["name", "value"]) if headless else read_table(file, texts=NAME_HEADINGS)
    except ValueError as error:
        return [f"  {error}"]
    lines = [f"  with the table {file.name}: {len(frame):,} rows, {len(frame.columns)} columns"]
    lines += [f"  {line}" for line in _describe(frame)]
    headings = {read_heading(str(column)).name: str(column) for column in reversed(frame.columns)}
    column = next((headings[name] for name in NAME_HEADINGS if name in headings), None)
    if column is None:
        return [*lines, f"    no column names the crystals: call it {NAME_HEADINGS[0]} or {NAME_HEADINGS[1]}"]
    cells, known = [str(cell) for cell in frame[column]], unique_spellings(names)
    strange = [f"row {row} ({cell})" for row, cell in zip(frame.index, cells, strict=True) if cell not in known]
    for what, found in (("crystals without a row", without_row(names, cells)), ("rows without a crystal", strange)):
        lines += [f"    {len(found):,} {what}: {', '.join(found[:5])}{', ...' * (len(found) > 5)}"] if found else []
    return lines


def _describe(frame: "pandas.DataFrame") -> list[str]:

    kinds = {name: kind for kind, names in reversed(MATERIAL_HEADINGS.items()) for name in reversed(names)}
    lines = []
    for column in frame:
        heading, cells = read_heading(str(column)), frame[column].dropna()
        numbers = to_numbers(cells)
        finite = numbers[np.isfinite(numbers)]
        if heading.name in kinds:
            try:
                distinct = f"{cells.astype(str).nunique():,} spellings"
            except TypeError:
                distinct = "not text"
            lines.append(f"  {column}: materials ({distinct})")
        elif len(finite) and len(finite) >= len(cells) / 2:
            low, middle, high = np.quantile(finite, [0, 0.5, 1])
            unit = "no unit in the heading" if heading.unit is None else heading.unit or "dimensionless"
            limits = sum(read_limit(cell)[1] != 0 for cell in cells)
            others = {"limits of detection such as <1": limits, "not numbers": len(cells) - len(finite) - limits}
            other = "".join(f", {count:,} {what}" for what, count in others.items() if count)
            lines.append(
                f"  {column}: {len(finite):,} numbers from {low:.6g} to {high:.6g}, median {middle:.6g}, {unit}{other}"
            )
            lines += [f"    {doubt}" for doubt in _doubts(heading, numbers)]
        else:
            lines.append(f"  {column}: {len(cells):,} texts")
    return lines


def _doubts(heading: Heading, numbers: NDArray[np.float64]) -> list[str]:
    """What cannot be right in a column, where its heading says what it is: a temperature below zero kelvin, say."""
    unit = heading.unit
    if unit is None:
        return []
    try:
        plausible = plausible_values(heading.name, unit)
        if plausible is None and quantity_of(unit) == "temperature":
            plausible = plausible_values("temperature", unit)
        if plausible is None:
            return []
        found = find_implausible(Column(numbers, numbers, unit, unit, stated=True), plausible, "--file-unit")
    except ValueError as error:  # most values are wrong; or the unit is none
        return [str(error)]
    more = f", and {len(found) - 1:,} more" if len(found) > 1 else ""
    return [f"row {row + 1}: {reason}{more}" for row, reason in list(found.items())[:1]]
