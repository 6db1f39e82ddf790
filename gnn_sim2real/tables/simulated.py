"""The simulated value of each measured material, as a column of its table.

It is read like the measured one: unit, range and refused cells are those of any column. A row whose simulated value is
refused or missing keeps its measured value.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.cleaning import ColumnValues, read_column, row_numbers
from gnn_sim2real.tables.columns import plain_heading, with_unit
from gnn_sim2real.tables.table import CleanTable, Property, count_reasons
from gnn_sim2real.tables.texts import ColumnTexts
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

SETTING = "simulated_unit"
"""Setting by which a user says the unit of the simulated values in the file."""

_FEWEST = 3
"""That all values of fewer materials equal the measured ones may be chance."""


def read_simulated_column(table: CleanTable, column: str, unit: str | None) -> CleanTable:
    """Add the simulated values in a column of the file that a table was read from.

    Several rows of one material become their median.

    Args:
        table: The clean table, of one property.
        column: The column.
        unit: Its unit in the file; that in the heading, else that of the measured values, unless given.

    Raises:
        ValueError: If there is no such column, it is the measured one, its unit is not known, or no material has a
            value.
    """
    texts = table.texts
    if not isinstance(texts, ColumnTexts) or len(table.properties) > 1:
        raise ValueError("`simulated_column` is for one property of one table; leave it out here")
    prop, source = table.properties[0], texts.source
    if column == (prop.column or prop.name):
        raise ValueError(
            f"`simulated_column` is {column!r}, which {source} has the measured values in; give another column"
        )
    frame = _frame(texts, column)
    wanted = with_its_unit(as_simulated(prop, column, unit), frame, source)
    _require_known_unit(wanted, prop, source)
    found = read_column(frame, wanted, f"{source} (`simulated_column`)", SETTING)
    used = [(row, name) for row, name in enumerate(texts.rows_of) if name is not None]
    rows = np.array([row for row, _ in used], np.int64)
    values = _medians([name for _, name in used], found.values[rows], table.identities)
    refused = _quarantine(table, frame, used, found)
    if not np.isfinite(values).any():
        why = count_reasons(refused) or "it is empty"
        raise ValueError(f"no material of {source} has a simulated value in the column {column!r}: {why}")
    if len(refused):
        logger.warning("%s: refused simulated values: %s", source, count_reasons(refused))
    return with_simulated(table, values, f"the column {column!r}", refused)


def with_simulated(
    table: CleanTable, values: NDArray[np.float64], origin: str, refused: "pandas.DataFrame | None" = None
) -> CleanTable:
    """A table with simulated values of its first property.

    Args:
        table: The clean table.
        values: (num_materials,), in the unit of the property; NaN where there is none.
        origin: Where they come from.
        refused: Lines for the quarantine.

    Raises:
        ValueError: If they are the measured values.
    """
    import pandas

    measured = table.values[:, 0]
    both = np.isfinite(values) & np.isfinite(measured)
    same = np.isclose(values[both], measured[both], rtol=1e-9, atol=0)
    if both.sum() >= _FEWEST and same.all() and np.ptp(measured[both]) > 0:
        raise ValueError(
            f"all {int(both.sum()):,} simulated values, from {origin}, equal the measured ones, so that a model would "
            "be told what it shall predict; give the simulated values"
        )
    whole = np.full(table.values.shape, np.nan)
    whole[:, 0] = values
    quarantine = table.quarantine
    if refused is not None and len(refused):
        quarantine = pandas.concat([quarantine, refused], ignore_index=True) if len(quarantine) else refused
    return replace(table, simulated=whole, simulated_origin=origin, quarantine=quarantine)


def as_simulated(prop: Property, column: str, unit: str | None) -> Property:
    """The property that a column of simulated values is read as.

    Bounds that a user has set are those of the measured values; but then the usual range of the property, which they
    replace, is not asked of the simulated ones either.

    Args:
        prop: The measured property.
        column: The column of the simulated values.
        unit: Its unit in the file, if the user says it.
    """
    lower, upper = (None if prop.lower is None else -np.inf), (None if prop.upper is None else np.inf)
    return replace(prop, column=column, file_unit=unit, unit_column=None, replicates=None, lower=lower, upper=upper)


def with_its_unit(wanted: Property, frame: "pandas.DataFrame", source: str) -> Property:
    """A property from `as_simulated` with the unit that its heading, or a column of its own units, says.

    Args:
        wanted: The property.
        frame: The table; a column `unit` is taken for that of the measured values.
        source: Name of the file, for messages.

    Raises:
        ValueError: If the unit is not understood.
    """
    own = plain_heading(str(wanted.column))
    columns = [each for each in frame if plain_heading(str(each)).startswith(own)]
    return with_unit(wanted, frame[columns], source, SETTING)


def keep_simulated(table: CleanTable) -> CleanTable:
    """The materials that have a simulated value; the others go to the quarantine.

    Args:
        table: The clean table.

    Raises:
        ValueError: If none has one.
    """
    prop = table.properties[0]
    known = np.zeros(len(table.identities), bool) if table.simulated is None else ~np.isnan(table.simulated[:, 0])
    if known.all():
        return table
    if not known.any():
        raise ValueError(
            f"`require_simulated` needs the simulated {prop.name} of each material, but none has one; give it by "
            "`simulated_column` or `simulated_from`"
        )
    return keep_rows(table, known, dict.fromkeys(np.flatnonzero(~known).tolist(), f"no simulated {prop.name}"))


def keep_rows(table: CleanTable, kept: NDArray[np.bool_], reasons: Mapping[int, str]) -> CleanTable:
    """Some rows of a table; a line in the quarantine for each row of the file that is behind one of the others.

    Args:
        table: The clean table.
        kept: (num_materials,); whether a row stays.
        reasons: Why a row does not, or why it lost a value.
    """
    import pandas

    reason_of, lines = {table.identities[row]: reason for row, reason in reasons.items()}, []
    if isinstance(table.texts, ColumnTexts):
        numbers = row_numbers(next(iter(table.texts.columns.values())))
        spelled = _spellings(table)
        lines = [
            (numbers[row], spelled[name], "", reason_of[name])
            for row, name in enumerate(table.texts.rows_of)
            if name in reason_of
        ]
    refused = pandas.DataFrame(lines, columns=["row", "material", "property", "reason"])
    quarantine = pandas.concat([table.quarantine, refused], ignore_index=True) if len(table.quarantine) else refused
    return replace(take_rows(table, np.flatnonzero(kept)), quarantine=quarantine)


def take_rows(table: CleanTable, rows: NDArray[np.int64]) -> CleanTable:
    """Some rows of a table.

    Args:
        table: The clean table.
        rows: Rows in the wanted order.
    """
    some = rows.tolist()
    take: Any = getattr(table.materials, "take", None)
    materials = [table.materials[row] for row in some] if take is None else take(rows)
    without_unused: Any = getattr(materials, "without_unused", lambda: materials)
    texts = table.texts
    if isinstance(texts, ColumnTexts):
        texts = texts.of([table.identities[row] for row in some])
    return replace(
        table,
        materials=without_unused(),
        identities=[table.identities[row] for row in some],
        values=table.values[rows],
        spread=table.spread[rows],
        num_merged=table.num_merged[rows],
        censored=None if table.censored is None else table.censored[rows],
        num_values=table.num_values[rows],
        uncertainty=None if table.uncertainty is None else table.uncertainty[rows],
        own_groups=None if table.own_groups is None else [table.own_groups[row] for row in some],
        simulated=None if table.simulated is None else table.simulated[rows],
        texts=texts,
    )


def _frame(texts: ColumnTexts, column: str) -> "pandas.DataFrame":
    """A column of the file, with those that may tell its unit.

    Raises:
        ValueError: If the column is not there.
    """
    import pandas

    if column not in texts:
        raise ValueError(
            f"{texts.source} has no column {column!r} of simulated values: set `simulated_column` to one of "
            f"{', '.join(texts)}"
        )
    own = plain_heading(column)
    return pandas.DataFrame({name: each for name, each in texts.columns.items() if plain_heading(name).startswith(own)})


def _require_known_unit(wanted: Property, measured: Property, source: str) -> None:
    """Refuse simulated values without a unit beside measured ones that are in another unit than the model."""
    if wanted.file_unit is not None or wanted.unit_column is not None:
        return
    one, in_file = np.ones(1), measured.file_unit or measured.unit
    known = measured.unit_column is None
    if known and np.allclose(convert(one, in_file, measured.unit), one, rtol=1e-12):
        return
    told = f"are in {in_file}" if known else f"have their unit in {measured.unit_column!r}"
    raise ValueError(
        f"the unit of the simulated values in {wanted.column!r} of {source} is not known: the measured ones {told}; "
        f"set `{SETTING}`, or write the unit into the heading, as in '{wanted.column} [{measured.unit}]'"
    )


def _medians(names: list[str], values: NDArray[np.float64], wanted: list[str]) -> NDArray[np.float64]:
    """Median of each material, NaN where it has no value."""
    import pandas

    return np.asarray(pandas.Series(values).groupby(names).median().reindex(wanted), np.float64)


def _spellings(table: CleanTable) -> dict[str, str]:
    """Text of each material by identity; of a crystal or mixture the identity itself."""
    return {
        name: material if isinstance(material, str) else name
        for name, material in zip(table.identities, table.materials, strict=True)
    }


def _quarantine(
    table: CleanTable, frame: "pandas.DataFrame", used: list[tuple[int, str]], found: ColumnValues
) -> "pandas.DataFrame":
    """A line for each refused value of a row that is used."""
    import pandas

    numbers, spelled = row_numbers(frame), _spellings(table)
    name = f"simulated {table.properties[0].name}"
    lines = [
        (numbers[row], spelled[identity], name, found.refused[row]) for row, identity in used if row in found.refused
    ]
    return pandas.DataFrame(lines, columns=["row", "material", "property", "reason"])
