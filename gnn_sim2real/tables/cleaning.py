"""The way from a file of labels to clean labels, the same for every data set.

parse -> validate -> unit -> canonical identity -> merge duplicates by median -> quarantine with reasons.
Nothing is dropped without a line in the quarantine that gives its row and the reason.
"""

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.renamed import current_property
from gnn_sim2real.scales import from_scale, to_scale
from gnn_sim2real.tables.censored import read_limit, side_of_groups
from gnn_sim2real.tables.columns import with_unit
from gnn_sim2real.tables.conditions import At, refuse_other_conditions, require_one_condition
from gnn_sim2real.tables.duplicates import find_duplicates
from gnn_sim2real.tables.plausible import Column, find_implausible
from gnn_sim2real.tables.properties import check_property_unit, plausible_values
from gnn_sim2real.tables.replicates import Ranges, merge_ranges, read_ranges
from gnn_sim2real.tables.table import CleanTable, Property, count_reasons
from gnn_sim2real.tables.texts import ColumnTexts, to_texts
from gnn_sim2real.tables.uncertainties import merge_uncertainties
from gnn_sim2real.units import check_unit, convert, same_quantity

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

_LISTED = 3
"""Duplicates named in a warning; a report lists more."""

NO_LOGARITHM = "not above 0, so that it has no logarithm"
"""Why a value of a property that is learned as its logarithm is refused."""

_MISSING = frozenset({"", "nan", "na", "n/a", "none", "null"})


def clean_table(
    frame: "pandas.DataFrame",
    *,
    material_column: str,
    properties: Sequence[Property],
    identity: Callable[[str], str],
    source: str,
    max_spread: float | None = None,
    refused_before: Mapping[int, str] | None = None,
    at: At | None = None,
) -> CleanTable:
    """Clean a table of labels.

    Args:
        frame: The table, preferably from `read_table`, with the row numbers of the file as index.
        material_column: Column of the material's text.
        properties: Properties to read; all in the same unit if `max_spread` is given. A unit in the heading, or in a
            column of units beside the values, is read.
        identity: Canonical identity of a material's text; raises ValueError for text that is not a material.
        source: Name of the file, for messages.
        max_spread: Duplicates with a larger half range are refused; in the unit of the properties.
        refused_before: Reason by position of rows that the data set itself refuses.
        at: Which rows are used, by the column of a condition such as the temperature; see `tables.conditions`.

    Raises:
        ValueError: If a column is missing, a unit does not fit, no material is left, or rows of one material differ in
            a condition of which `at` says nothing.
    """
    import pandas

    properties = tuple(properties)
    _check_request(frame, material_column, properties, source, max_spread)
    properties = tuple(with_unit(prop, frame, source) for prop in properties)
    columns = [read_column(frame, prop, source) for prop in properties]
    values = np.stack([column.values for column in columns], axis=1)
    labeled = np.stack([column.labeled for column in columns]).any(axis=0)
    materials = to_texts(frame[material_column])
    elsewhere = refuse_other_conditions(frame, at or {}, source)
    refused_before = (
        dict.fromkeys(np.flatnonzero(~labeled).tolist(), "no value") | elsewhere | dict(refused_before or {})
    )
    codes, identities, refused = _identify(materials, refused_before, identity)

    reasons = [(row, "", reason) for row, reason in refused.items()]
    for prop, column in zip(properties, columns, strict=True):
        reasons += [(row, prop.name, reason) for row, reason in column.refused.items() if row not in refused]
    values[codes < 0] = np.nan
    sides = []
    for number, (prop, column) in enumerate(zip(properties, columns, strict=True)):
        side, beside = side_of_groups(codes, values[:, number], column.sides, len(identities))
        sides.append(side)
        reasons += [(row, prop.name, reason) for row, reason in beside.items()]
    used = np.where(np.isfinite(values).any(axis=1), codes, -1)
    own = [material_column, *(prop.column or prop.name for prop in properties)]
    own += [prop.uncertainty_column for prop in properties if prop.uncertainty_column]
    require_one_condition(frame, used, materials, at or {}, own, source)
    if max_spread is not None:
        reasons += _refuse_disagreeing(codes, values, properties, max_spread)

    numbers = row_numbers(frame)
    entries = [(numbers[row], materials[row], prop, reason) for row, prop, reason in sorted(reasons)]
    quarantine = pandas.DataFrame(entries, columns=["row", "material", "property", "reason"])
    table = _merge(codes, values, columns, materials, identities, properties, quarantine, np.stack(sides, axis=1))
    table = replace(table, duplicates=find_duplicates(table, codes, values, numbers, identities))
    table = replace(table, uncertainty=merge_uncertainties(frame, codes, values, properties, len(identities)))
    _report(table, source)
    kept = np.where(np.isfinite(values).any(axis=1), codes, -1)
    names = [(identities[code] if code >= 0 else None) for code in kept.tolist()]
    return replace(table, texts=ColumnTexts(frame, names, table.identities, source))


class ColumnValues(NamedTuple):
    """A column of a table as numbers.

    Attributes:
        values: (num_rows,); in the unit wanted, NaN where missing or refused.
        labeled: (num_rows,); whether something stood in the file.
        refused: Reason by position.
        ranges: What is known of the measurements behind each value.
        sides: (num_rows,); -1 where the value is a limit that the true one is below, 1 where above, 0 else.
    """

    values: NDArray[np.float64]
    labeled: NDArray[np.bool_]
    refused: dict[int, str]
    ranges: Ranges
    sides: NDArray[np.int8]


def read_column(frame: "pandas.DataFrame", prop: Property, source: str, setting: str = "file_unit") -> ColumnValues:
    """Parse, convert and validate the values of one property.

    Args:
        frame: The table.
        prop: The property, with its column and the unit in the file.
        source: Name of the file, for messages.
        setting: Setting by which a user says the unit, for messages.

    Raises:
        ValueError: If a unit does not fit, or most values are not plausible.
    """
    cells = frame[prop.column or prop.name]
    file_unit = prop.unit if prop.file_unit is None else prop.file_unit
    percent = None if prop.unit_column is not None else _of_percent(file_unit)
    plain = [read_limit(cell) for cell in cells.tolist()]
    sides = np.array([side for _, side in plain], np.int8)
    numbers = np.array([_to_number(cell, percent) for cell, _ in plain], dtype=np.float64)
    limits = np.flatnonzero((sides != 0) & np.isfinite(numbers) & (prop.censored == "drop")).tolist()
    labeled = np.array([text.lower() not in _MISSING for text in to_texts(cells)], dtype=bool)
    refused: dict[int, str] = {}
    try:
        if prop.unit_column is None:
            values = convert(numbers, file_unit, prop.unit)
        else:
            values, refused = convert_by_row(numbers, labeled, to_texts(frame[prop.unit_column]), prop.unit)
    except ValueError as error:
        raise ValueError(f'property "{prop.name}" of {source}: {error}') from error
    told = "set `censored: bound` or `tobit` to use it"
    refused |= {
        row: f"{'below' if sides[row] < 0 else 'above'} a limit of detection: {cells.iloc[row]!r}, {told}"
        for row in limits
    }
    lower = -np.inf if prop.lower is None else prop.lower
    upper = np.inf if prop.upper is None else prop.upper
    interval = f"({lower:g}, {upper:g}) {prop.unit}".strip()
    for position in np.flatnonzero(labeled & ~((values > lower) & (values < upper))).tolist():
        if position in refused:
            continue
        if np.isfinite(values[position]):
            refused[position] = f"outside {interval}: {values[position]:g}"
        else:
            refused[position] = f"not a finite number: {cells.iloc[position]!r}"
    values[list(refused)] = np.nan
    refused |= _refuse_implausible(numbers, values, prop, source, setting)
    if prop.transform is not None:
        refused |= {row: f"{NO_LOGARITHM}: {values[row]:g}" for row in np.flatnonzero(values <= 0).tolist()}
    values[list(refused)] = np.nan
    sides[~np.isfinite(values)] = 0
    return ColumnValues(values, labeled, refused, read_ranges(frame, prop, values), sides)


def _refuse_implausible(
    numbers: NDArray[np.float64], values: NDArray[np.float64], prop: Property, source: str, setting: str
) -> dict[int, str]:
    """Reason by position of values that a property of this name cannot have; own bounds stand in for the usual ones."""
    plausible = plausible_values(prop.name, prop.unit)
    if plausible is None or (prop.lower is not None and prop.upper is not None):
        return {}
    if prop.lower is not None:
        plausible = plausible._replace(low=-np.inf)
    if prop.upper is not None:
        plausible = plausible._replace(high=np.inf)
    file_unit = None if prop.unit_column else (prop.file_unit if prop.file_unit is not None else prop.unit)
    stated = prop.unit_column is not None or prop.file_unit is not None
    try:
        return find_implausible(Column(numbers, values, prop.unit, file_unit, stated), plausible, setting)
    except ValueError as error:
        raise ValueError(f'property "{prop.name}" of {source}: {error}') from error


def convert_by_row(
    numbers: NDArray[np.float64], labeled: NDArray[np.bool_], units: list[str], wanted: str
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Convert values that each have their own unit; values without a unit or of another quantity are refused.

    Args:
        numbers: (num_rows,).
        labeled: (num_rows,); whether there is a value.
        units: Unit of each row.
        wanted: Unit of the result.

    Returns:
        The values, NaN where refused; and the reason by position.
    """
    values = np.full(len(numbers), np.nan)
    refused: dict[int, str] = {}
    for unit in sorted(set(units)):
        rows = np.array([each == unit for each in units], dtype=bool)
        try:
            if not unit and not same_quantity("", wanted):
                raise ValueError(f"no unit: accepted are those of {wanted}")
            values[rows] = convert(numbers[rows], unit, wanted)
        except ValueError as error:
            refused |= dict.fromkeys(np.flatnonzero(rows & labeled).tolist(), f"unusable unit: {error}")
    return values, refused


def _to_number(cell: object, percent: float | None = None) -> float:
    """The number in a cell; of a cell such as `50 %` the number times that of one percent, if there is one."""
    text = str(cell).replace("−", "-")  # the minus sign of typesetters
    if percent is not None and text.rstrip().endswith("%"):
        return percent * _to_number(text.rstrip()[:-1])
    try:
        return float("nan" if "_" in text else text)  # Python would read 1_000
    except ValueError:
        return float("nan")


def _of_percent(unit: str) -> float | None:
    """What one percent, written after a value, is in the unit of its column; None if it is of another quantity."""
    for percent in ("percent", *(f"{of}_percent" for of in ("weight", "mole", "volume", "atomic"))):
        if same_quantity(percent, unit):
            return float(convert(np.ones(1), percent, unit)[0])
    return None


def _identify(
    materials: list[str], refused: dict[int, str], identity: Callable[[str], str]
) -> tuple[NDArray[np.int64], list[str], dict[int, str]]:
    """Number the rows by material: codes (-1 when refused), sorted identities, reasons of refused rows."""
    found: dict[str, str] = {}
    unreadable: dict[str, str] = {"": "no material"}
    wanted = dict.fromkeys(material for row, material in enumerate(materials) if row not in refused)
    for material in track([material for material in wanted if material], "identifying materials"):
        try:
            found[material] = identity(material)
        except ValueError as error:
            unreadable[material] = f"unreadable material: {' '.join(str(error).split())}"
    for row, text in enumerate(materials):
        if text in unreadable:
            refused.setdefault(row, unreadable[text])
    identities = sorted(set(found.values()))
    number = {name: code for code, name in enumerate(identities)}
    codes = [-1 if row in refused else number[found[material]] for row, material in enumerate(materials)]
    return np.array(codes, dtype=np.int64), identities, refused


def _refuse_disagreeing(
    codes: NDArray[np.int64], values: NDArray[np.float64], properties: tuple[Property, ...], max_spread: float
) -> list[tuple[int, str, str]]:
    """Set duplicates that differ too much to NaN, in place."""
    refused = []
    for column, prop in enumerate(properties):
        found = values[:, column]
        spread, _ = merge_ranges(codes, found, Ranges.of_single(found), int(codes.max(initial=-1)) + 1)
        for row in np.flatnonzero(np.isfinite(values[:, column])).tolist():
            if spread[codes[row]] > max_spread:
                half_range = f"{spread[codes[row]]:g} {prop.unit}".strip()
                reason = f"duplicates disagree: {values[row, column]:g} in a half range of {half_range}"
                refused.append((row, prop.name, reason))
                values[row, column] = np.nan
    return refused


def _median(codes: NDArray[np.int64], values: NDArray[np.float64], num_groups: int) -> NDArray[np.float64]:
    """Median by group; NaN without a value."""
    import pandas

    median = pandas.Series(values).groupby(codes).median().reindex(range(num_groups))
    return np.asarray(median, np.float64)


def _median_on_scale(
    codes: NDArray[np.int64], values: NDArray[np.float64], num_groups: int, prop: Property
) -> NDArray[np.float64]:
    """Median by group; of an even number of values that are learned as logarithms, the middle is that of these."""
    median = _median(codes, values, num_groups)
    if prop.transform is None:
        return median
    found = from_scale(_median(codes, to_scale(values, prop.transform), num_groups), prop.transform)
    return np.where(np.isclose(found, median, rtol=1e-12, atol=0), median, found)  # without the rounding of a logarithm


def _on_scale(ranges: Ranges, prop: Property) -> Ranges:
    return Ranges(to_scale(ranges.lowest, prop.transform), to_scale(ranges.highest, prop.transform), ranges.number)


def _merge(
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    columns: list[ColumnValues],
    materials: list[str],
    identities: list[str],
    properties: tuple[Property, ...],
    quarantine: "pandas.DataFrame",
    sides: NDArray[np.int8],
) -> CleanTable:
    """Merge the rows of each material; materials without a value are left out."""
    rows = np.flatnonzero(np.isfinite(values).any(axis=1))
    medians = [
        _median_on_scale(codes, column, len(identities), prop)
        for column, prop in zip(values.T, properties, strict=True)
    ]
    merged = [
        merge_ranges(codes, to_scale(column, prop.transform), _on_scale(each.ranges, prop), len(identities))
        for column, each, prop in zip(values.T, columns, properties, strict=True)
    ]
    num_merged = np.bincount(codes[rows], minlength=len(identities))
    kept = np.flatnonzero(num_merged)
    spelling: dict[int, str] = {}
    for row in rows.tolist():
        spelling.setdefault(int(codes[row]), materials[row])
    return CleanTable(
        materials=[spelling[code] for code in kept.tolist()],
        identities=[identities[code] for code in kept.tolist()],
        values=np.stack(medians, axis=1)[kept],
        spread=np.stack([half_range for half_range, _ in merged], axis=1)[kept],
        num_merged=num_merged[kept],
        num_values=np.stack([number for _, number in merged], axis=1)[kept],
        properties=properties,
        quarantine=quarantine,
        num_rows_read=len(codes),
        censored=sides[kept] if sides[kept].any() else None,
    )


def _check_request(
    frame: "pandas.DataFrame",
    material_column: str,
    properties: tuple[Property, ...],
    source: str,
    max_spread: float | None,
) -> None:
    names = [current_property(prop.name) for prop in properties]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"choose at least one property of {source}, and each only once, got {names}")
    columns = [str(column) for column in frame.columns]
    given = [prop.column or prop.name for prop in properties] + [
        each.unit_column for each in properties if each.unit_column
    ]
    given += [column for prop in properties for column in prop.replicates or ()]
    given += [each.uncertainty_column for each in properties if each.uncertainty_column]
    for wanted in [material_column, *given]:
        if wanted not in columns:
            nearest = difflib.get_close_matches(wanted, columns, n=20, cutoff=0)
            more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
            raise ValueError(f'{source} has no column "{wanted}": its columns are {", ".join(nearest)}{more}')
    units = sorted({check_unit(prop.unit) for prop in properties})
    for prop in properties:
        check_property_unit(prop.name, prop.unit)
    if max_spread is not None and len(units) > 1:
        raise ValueError(
            f"max_spread {max_spread:g} needs properties in the same unit, but those of {source} are in "
            f"{', '.join(units)}; clean them one at a time or leave max_spread out"
        )


def row_numbers(frame: "pandas.DataFrame | pandas.Series[Any]") -> list[int]:
    """Row numbers of the file: the index named "row", otherwise counted below a header.

    Args:
        frame: The table, or a column of it.
    """
    if frame.index.name == "row":
        return [int(row) for row in frame.index.tolist()]
    return list(range(2, len(frame) + 2))


def _report(table: CleanTable, source: str) -> None:
    """Warn of what was refused; refuse a table without any material."""
    refused, reasons = table.quarantine, count_reasons(table.quarantine)
    if not table.identities:
        examples = [f"; e.g. row {row.row} ({row.material}), {row.reason}" for row in refused[:1].itertuples()]
        raise ValueError(
            f"no material of {source} can be used: {table.num_rows_read:,} rows read, "
            f"refused: {reasons or 'nothing'}{''.join(examples)}"
        )
    if reasons:
        rows = [str(row) for row in dict.fromkeys(refused["row"])]
        listed = f"row{'s' * (len(rows) > 1)} {', '.join(rows[:_LISTED])}{', ...' * (len(rows) > _LISTED)}"
        logger.warning("%s: %s refused values: %s; %s", source, f"{len(refused):,}", reasons, listed)
    if beyond := [each for each in table.duplicates if each.is_beyond]:
        listed = "; ".join(each.describe() for each in beyond[:_LISTED]) + ("; ..." if len(beyond) > _LISTED else "")
        logger.warning(
            "%s: rows of %s materials differ by more than the spread of the table (merged by median): %s",
            source,
            f"{len(beyond):,}",
            listed,
        )
