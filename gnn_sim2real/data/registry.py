"""Finding data sets: the library imports no data module itself, it looks up which ones are installed."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gnn_sim2real.plugins import import_installed

if TYPE_CHECKING:
    from gnn_sim2real.data.module import PropertyDataModule

GROUP = "gnn_sim2real.datasets"
"""Entry-point group: a distribution with data sets names its module here."""


@dataclass(frozen=True)
class DataSheet:
    """What `gnn-sim2real data list` shows of a data set; a data module has its sheets in the attribute `sheets`.

    Attributes:
        name: Name for `data get` and `data check`.
        kind: Kind of the materials.
        num_rows: Number of rows, exact or estimated; 0 if unknown.
        units: Unit of each property.
        license: License of the data.
        citation: What to cite.
        origin: Where it comes from.
        settings: Settings of the data module that read it.
    """

    name: str
    kind: str
    num_rows: int
    units: Mapping[str, str]
    license: str
    citation: str
    origin: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def find_datasets() -> "dict[str, type[PropertyDataModule]]":
    """Import all installed modules of data sets.

    Afterwards a YAML may have `class_path: RadonPy` in place of the dotted path.

    Returns:
        The data modules by class name, sorted. A module that cannot be imported is skipped with a warning.
    """
    from gnn_sim2real.data.module import PropertyDataModule

    found: dict[str, type[PropertyDataModule]] = {}
    for module in import_installed(GROUP):
        for name, each in inspect.getmembers(module, inspect.isclass):
            if issubclass(each, PropertyDataModule) and not inspect.isabstract(each):
                found[name] = each
    return dict(sorted(found.items()))


def find_sheets() -> "dict[str, tuple[DataSheet, type[PropertyDataModule]]]":
    """Data sheets of all installed data modules, by name, with the data module that each belongs to."""
    sheets = [(sheet, each) for each in find_datasets().values() for sheet in vars(each).get("sheets", ())]
    return {sheet.name: (sheet, each) for sheet, each in sorted(sheets, key=lambda pair: pair[0].name)}


def find_table_reader() -> "Callable[..., PropertyDataModule]":
    """The function that makes a data module of a user's own file: the `Table` of an installed module.

    Raises:
        ValueError: If no installed module has one.
    """
    for module in import_installed(GROUP):
        if reader := getattr(module, "Table", None):
            return reader  # type: ignore[no-any-return]
    raise ValueError("no installed module reads tables; install gnn-sim2real again")
