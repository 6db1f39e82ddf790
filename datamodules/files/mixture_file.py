"""What tables of blends and of pairs have in common: a temperature, and how their file is read."""

from typing import Any

from datamodules.registry import find_table
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.featurize.conditions import TEMPERATURE
from gnn_sim2real.tables.condition_columns import Conditions, ConditionSettings, read_settings
from gnn_sim2real.tables.conditions import ConditionsVaryError, join_at
from gnn_sim2real.tables.table import CleanTable, Property, read_table


def conditions_of(temperature: str | None, unit: str | None, conditions: ConditionSettings | None) -> Conditions:
    """The conditions that a user names, the temperature also by a setting of its own.

    Args:
        temperature: Column with the temperature; None if there is none, or it is among the conditions.
        unit: Its unit in the file; None for that in its heading.
        conditions: All others, or all, see `read_settings`.

    Raises:
        ValueError: If a temperature is given twice, or a setting is another one.
    """
    if temperature is None:
        return read_settings(conditions)
    if TEMPERATURE in (conditions or {}):
        raise ValueError("give the temperature by `temperature` or among `conditions`, not both")
    said = {"column": temperature} | ({} if unit is None else {"unit": unit})
    return read_settings({TEMPERATURE: said, **(conditions or {})})


def read_mixture_file(
    data: MixtureDataModule, path: str, prop: Property, at: dict[str, Any] | None, where: str | None = None
) -> CleanTable:
    """Read and clean a file of mixtures.

    Args:
        data: Knows the columns of the mixtures.
        path: The file; absolute, or relative to the working folder or GNN_SIM2REAL_DATA.
        prop: The property.
        at: Which rows are used, by the column of a condition.
        where: The same in words.

    Raises:
        ConditionsVaryError: If a condition varies that neither `at` nor the data module names.
    """
    file = find_table(path)
    try:
        frame = read_table(file)
        chosen = join_at(at, where, [str(each) for each in frame], file.name)
        return data.clean_mixtures(frame, data.input_columns, [data.settings.on_scale(prop)], file.name, at=chosen)
    except ConditionsVaryError as error:
        if data.condition_units:
            raise
        more = f"or set `temperature: {error.columns[0]}`, if it is one, to make it an input of the model"
        raise ConditionsVaryError(error.found, f"{error.advice}; {more}", error.columns) from error
