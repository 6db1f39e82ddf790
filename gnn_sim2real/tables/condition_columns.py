"""The conditions of each row, such as its temperature, as numbers in the columns of a table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.conditions import TEMPERATURE
from gnn_sim2real.tables.cleaning import convert_by_row
from gnn_sim2real.tables.columns import read_heading, with_unit
from gnn_sim2real.tables.plausible import Column, find_implausible
from gnn_sim2real.tables.properties import ABOVE_ZERO, COLD, Plausible
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tables.texts import to_numbers, to_texts
from gnn_sim2real.units import check_unit, convert, same_quantity

if TYPE_CHECKING:
    import pandas

ConditionColumns = Mapping[str, tuple[str, str | None]]
"""Column of each condition by its name, and its unit in the file: None for that in the heading, or else for the unit
wanted."""

ConditionSettings = dict[str, str | dict[str, str]]
"""Conditions as a user writes them: the column of each by its name, or `{column: T, unit: K}`."""


class Conditions(NamedTuple):
    """Where the conditions are, and in which units a model sees them.

    Attributes:
        columns: Column of each condition, and its unit in the file.
        units: Unit of each condition in the model, by its name; empty without conditions.
    """

    columns: ConditionColumns
    units: dict[str, str]


def read_settings(given: ConditionSettings | None) -> Conditions:
    """Read the conditions that a user names.

    Args:
        given: See `ConditionSettings`. A temperature is in K in the model, any other condition in its `unit`, or that
            of its heading.

    Raises:
        ValueError: If a setting is another one, or a unit does not fit.
    """
    columns: dict[str, tuple[str, str | None]] = {}
    units: dict[str, str] = {}
    for name, where in (given or {}).items():
        said: dict[str, Any] = {"column": where} if isinstance(where, str) else dict(where or {})
        if not name or set(said) - {"column", "unit"} or not isinstance(said.get("column"), str):
            raise ValueError(
                f"the condition {name!r} needs its column, and its unit where the heading does not say it, as in "
                f"`conditions: {{{name}: {{column: {name}, unit: K}}}}`, got {where}"
            )
        unit = said.get("unit")
        if unit is not None:
            check_unit(unit)
        if name == TEMPERATURE and unit is not None and not same_quantity(unit, "K"):
            raise ValueError(f"the condition {TEMPERATURE!r} cannot be in {unit!r}; accepted are K, degC and degF")
        columns[name] = (said["column"], unit)
        units[name] = "K" if name == TEMPERATURE else (unit or read_heading(said["column"]).unit or "")
    return Conditions(columns, units)


def read_conditions(
    frame: "pandas.DataFrame",
    columns: ConditionColumns,
    units: Mapping[str, str],
    source: str,
    of_temperature: str = f"conditions.{TEMPERATURE}.unit",
) -> dict[str, NDArray[np.float64]]:
    """Values (num_rows,) of each condition in the unit wanted, NaN where there is none, by its name.

    Args:
        frame: The table.
        columns: Column of each condition.
        units: Unit wanted of each.
        source: Name of the file, for messages.
        of_temperature: Setting by which a user says the unit of the temperature, for messages.

    Raises:
        ValueError: If a column is missing, or its unit is not understood.
    """
    for column, _ in columns.values():
        if column not in frame:
            raise ValueError(f"{source} has no column {column!r}: its columns are {', '.join(map(str, frame))}")
    return {
        name: _read(
            frame,
            Property(name, units[name], column=column, file_unit=unit),
            source,
            of_temperature if name == TEMPERATURE else f"conditions.{name}.unit",
        )
        for name, (column, unit) in columns.items()
    }


def _read(frame: "pandas.DataFrame", given: Property, source: str, setting: str) -> NDArray[np.float64]:
    """Values of a condition in the unit wanted; the heading says that of the file, if the user does not."""
    prop = with_unit(given, frame, source, setting)
    values = to_numbers(frame[str(prop.column)])
    if prop.unit_column is not None:
        return convert_by_row(values, np.isfinite(values), to_texts(frame[prop.unit_column]), prop.unit)[0]
    file_unit = prop.unit if prop.file_unit is None else prop.file_unit
    converted = convert(values, file_unit, prop.unit)
    if prop.name == TEMPERATURE and prop.file_unit is None and len(frame):
        usual = Plausible("K", ABOVE_ZERO, np.inf, COLD)
        try:
            find_implausible(Column(values, converted, prop.unit, file_unit, stated=False), usual, setting)
        except ValueError as error:
            raise ValueError(f"the temperatures in column {prop.column!r} of {source}: {error}") from error
    return converted
