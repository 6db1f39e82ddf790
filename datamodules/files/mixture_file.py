"""What tables of blends and of pairs have in common: a temperature, and how their file is read."""

from collections.abc import Mapping
from typing import Any

from datamodules.registry import find_table
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.featurize.conditions import TEMPERATURE
from gnn_sim2real.tables.conditions import ConditionsVaryError
from gnn_sim2real.tables.table import CleanTable, Property, read_table

Conditions = Mapping[str, tuple[str, str | None]]
"""Column of each condition and its unit in the file, by the name of the condition."""


def at_temperature(column: str | None, unit: str | None) -> tuple[Conditions | None, dict[str, str]]:
    """The temperature as the only condition.

    Args:
        column: Column with the temperature; None if there is none.
        unit: Its unit in the file; None for that in its heading.

    Returns:
        Column of each condition, and the unit wanted of each.
    """
    return (None, {}) if column is None else ({TEMPERATURE: (column, unit)}, {TEMPERATURE: "K"})


def read_mixture_file(data: MixtureDataModule, path: str, prop: Property, at: dict[str, Any] | None) -> CleanTable:
    """Read and clean a file of mixtures.

    Args:
        data: Knows the columns of the mixtures.
        path: The file; absolute, or relative to the working folder or GNN_SIM2REAL_DATA.
        prop: The property.
        at: Which rows are used, by the column of a condition.

    Raises:
        ConditionsVaryError: If a condition varies that neither `at` nor the data module names.
    """
    file = find_table(path)
    try:
        return data.clean_mixtures(read_table(file), data.input_columns, [prop], file.name, at=at)
    except ConditionsVaryError as error:
        if data.condition_units:
            raise
        more = f"or set `temperature: {error.columns[0]}`, if it is one, to make it an input of the model"
        raise ConditionsVaryError(error.found, f"{error.advice}; {more}", error.columns) from error
