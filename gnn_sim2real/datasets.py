"""Finding data sets: the library imports no data module, it asks which ones are installed."""

import inspect
import logging
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gnn_sim2real.datamodule import PropertyDataModule

logger = logging.getLogger(__name__)

GROUP = "gnn_sim2real.datasets"
"""Entry-point group: a distribution that brings data sets names its module here."""


def find_datasets() -> "dict[str, type[PropertyDataModule]]":
    """Import all installed modules of data sets.

    Afterwards a YAML may say `class_path: RadonPy` in place of the dotted path.

    Returns:
        The data modules by class name, sorted. A module that cannot be imported is left out with a warning.
    """
    from gnn_sim2real.datamodule import PropertyDataModule

    found: dict[str, type[PropertyDataModule]] = {}
    for entry_point in entry_points(group=GROUP):
        try:
            module = entry_point.load()
        except ImportError as error:
            logger.warning("the data sets of %s cannot be imported: %s", entry_point.value, error)
            continue
        for name, each in inspect.getmembers(module, inspect.isclass):
            if issubclass(each, PropertyDataModule) and not inspect.isabstract(each):
                found[name] = each
    return dict(sorted(found.items()))
