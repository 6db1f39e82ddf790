"""Finding data sets: the library imports no data module itself, it looks up which ones are installed."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from gnn_sim2real.data.sheet import DataSheet as DataSheet  # noqa: PLC0414 (also found here)
from gnn_sim2real.plugins import import_installed
from gnn_sim2real.renamed import current_property

if TYPE_CHECKING:
    from gnn_sim2real.data.module import PropertyDataModule

logger = logging.getLogger(__name__)

Known = TypeVar("Known")

GROUP = "gnn_sim2real.datasets"
"""Entry-point group: a distribution with data sets names its module here."""


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
            if not issubclass(each, PropertyDataModule) or inspect.isabstract(each):
                continue
            if found.setdefault(name, each) is not each:
                logger.warning("%s has another data module %s, which is left out", module.__name__, name)
    return dict(sorted(found.items()))


def find_sheets() -> "dict[str, tuple[DataSheet, type[PropertyDataModule]]]":
    """Data sheets of all installed data modules, by name, with the data module that each belongs to."""
    own = [each for each in find_datasets().values() if "sheets" in vars(each)]
    sheets = [(sheet, each) for each in own for sheet in each.sheets()]
    return {sheet.name: (sheet, each) for sheet, each in sorted(sheets, key=lambda pair: pair[0].name)}


def find_table_reader(
    name: Literal["Table", "PairTable", "BlendTable"] = "Table",
) -> "Callable[..., PropertyDataModule]":
    """What makes a data module of a user's own file: the `Table` of an installed module.

    Args:
        name: Its name; others for a table of pairs, or of blends and copolymers.

    Raises:
        ValueError: If no installed module has one.
    """
    for module in import_installed(GROUP):
        if reader := getattr(module, name, None):
            return reader  # type: ignore[no-any-return]
    raise ValueError("no installed module reads tables; install gnn-sim2real again")


def choose_properties(reader: str, names: Sequence[str], known: Mapping[str, Known]) -> list[Known]:
    """The properties that a data module is asked for.

    Args:
        reader: Name of the data module, for the message.
        names: Names of the properties.
        known: Those that it has, by name.

    Raises:
        ValueError: If it does not have one of them, or there is none.
    """
    found = {name: known.get(name, known.get(current_property(name))) for name in names}
    unknown = [name for name, each in found.items() if each is None]
    if unknown or not names:
        raise ValueError(f"the properties of {reader} are {', '.join(known)}, got {unknown or 'none'}")
    return [each for name in names if (each := found[name]) is not None]
