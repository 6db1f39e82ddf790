"""What `shotgun TABLE` understands of a table before anything heavy is loaded: materials, property, unit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from gnn_sim2real.config.options import take_option
from gnn_sim2real.featurize.conditions import TEMPERATURE
from gnn_sim2real.files import data_folders, expand
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.crystal_columns import crystal_column, holds_crystals, is_table
from gnn_sim2real.tables.material_column import (
    find_blends_alone,
    find_kind,
    find_material_column,
    find_pair,
    find_temperature,
)
from gnn_sim2real.tables.measured_column import find_measured_column
from gnn_sim2real.tables.table import read_table
from gnn_sim2real.units import check_unit

if TYPE_CHECKING:
    import pandas

_SHORT = {
    "--material-column": "material_column",  # as `data check` and `suggest` spell it
    "--smiles": "material_column",
    "--column": "column",
    "--target": "column",
    "--property": "property",
    "--unit": "unit",
    "--file-unit": "file_unit",
    "--file_unit": "file_unit",
    "--simulated-column": "simulated_column",
    "--transform": "transform",
    "--where": "where",
    "--at": "at",
    "--disorder": "disorder",
    "--censored": "censored",
}

_KINDS = {"repeat_unit": "repeat units of polymers", "molecule": "molecules", "composition": "formulas"}


def option_of(setting: str) -> str | None:
    """The option of a setting of the data module, as it is typed beside a table; None if there is none.

    Args:
        setting: Its name, e.g. `file_unit`.
    """
    return next((option for option, name in _SHORT.items() if name == setting), None)


Setting = str | dict[str, str] | list[str]
"""A setting of a data module: a text, columns by name, or columns."""


class TableArgument(NamedTuple):
    """A table in place of a YAML.

    Attributes:
        settings: Settings of the data module that reads it.
        others: The other words of the command line.
        text: What was understood, in one line.
    """

    settings: dict[str, Setting]
    others: list[str]
    text: str

    @property
    def reader(self) -> Literal["Table", "PairTable", "BlendTable"]:
        """Name of that data module: of pairs, of blends and copolymers, or of other materials."""
        components = self.settings.get("components")
        if components is None:
            return "Table"
        return "PairTable" if isinstance(components, dict) else "BlendTable"


def read_table_argument(argv: Sequence[str]) -> TableArgument:
    """Read a table, and what is said of its columns; the headings say the rest.

    Args:
        argv: The table, then options.

    Raises:
        ValueError: If it is not clear what was measured, or of what.
    """
    path, *others = argv
    given = {"path": path}
    for name, setting in _SHORT.items():
        value, others = take_option(others, name)
        if value is not None:
            given[setting] = value
    file = expand(path)
    if not file.exists() and not any((each / path).exists() for each in data_folders()):
        raise ValueError(f"there is no file {path}; give a table of measured materials")
    is_crystals = file.exists() and holds_crystals(file)
    if is_crystals and is_table(file) and (column := crystal_column(read_table(file), file.parent)) is not None:
        found = find_measured_column(file, given.get("property"), given.get("column"), given.get("unit"))
        check_unit(found.unit)
        measured = f"{found.property.replace('_', ' ')} in {found.unit or 'no unit'} in {found.column!r}"
        frame = read_table(file)
        conditions, at = _find_conditions(frame, column, found.column)
        text = f"{file.name}: {len(frame):,} rows; crystals in the column {column!r}{at}; {measured}"
        return TableArgument({**given, **found._asdict(), **conditions}, others, text)
    if not file.exists() or is_crystals:  # a path below the data folder, or values beside crystals
        lacking = [f"--{name}" for name in ("property", "unit") if name not in given]
        if lacking:
            raise ValueError(f"add {' and '.join(lacking)} to say what was measured in {path}, e.g. band_gap in eV")
        check_unit(given["unit"])
        given["property"] = current_property(given["property"])
        return TableArgument({**given}, others, f"{path}: {given['property']} in {given['unit'] or 'no unit'}")
    return _of_text(file, given, others)


def _find_conditions(frame: "pandas.DataFrame", material: str, measured: str) -> tuple[dict[str, dict[str, str]], str]:
    """The setting for a temperature in which rows of one material differ, and how it is said; nothing without one."""
    temperature = find_temperature([each for each in map(str, frame) if each not in (material, measured)])
    if temperature is None or not frame.groupby(frame[material].astype(str))[temperature].nunique().gt(1).any():
        return {}, ""
    return {"conditions": {TEMPERATURE: temperature}}, f", at the temperature in {temperature!r}"


def _of_text(file: Path, given: Mapping[str, str], others: list[str]) -> TableArgument:
    """A table whose materials are spelled in columns of text."""
    found = find_measured_column(file, given.get("property"), given.get("column"), given.get("unit"))
    check_unit(found.unit)
    frame = read_table(file)
    headings = list(map(str, frame))
    settings: dict[str, Setting] = {**given, **found._asdict()}
    if "material_column" not in given and (mixtures := find_mixtures(headings)) is not None:
        settings |= mixtures.settings
        at = ""
        if (temperature := find_temperature([each for each in headings if each != found.column])) is not None:
            settings["temperature"] = temperature
            at = f", at the temperature in {temperature!r}"
        materials = mixtures.text + at
    else:
        column = find_material_column(frame, file.name, given.get("material_column"))
        settings |= {"material_column": column} if "material_column" in given else {}
        conditions, at = _find_conditions(frame, column, found.column)
        settings |= conditions
        materials = f"{_KINDS[find_kind(frame, column)]} in the column {column!r}{at}"
    name, unit = found.property.replace("_", " "), found.unit or "no unit"
    text = f"{file.name}: {len(frame):,} rows; {materials}; {name} in {unit} in {found.column!r}"
    return TableArgument(settings, others, text)


class MixturesFound(NamedTuple):
    """Mixtures in the columns of a table.

    Attributes:
        settings: Settings of the data module that reads them.
        text: What was understood.
    """

    settings: dict[str, Setting]
    text: str


def find_mixtures(headings: Sequence[str]) -> MixturesFound | None:
    """The columns of pairs, blends or copolymers of a table; None where it is one of pure materials.

    Args:
        headings: Headings of the table.
    """
    if pair := find_pair(headings):
        text = " and ".join(f"{role} in {column!r}" for role, column in pair.items())
        return MixturesFound({"components": pair}, text)
    blend = find_blends_alone(headings)
    if blend is None:
        return None
    return MixturesFound({**blend.settings}, f"blends or copolymers, {blend.describe()}")
