"""Plug-ins: the files of a folder, and the modules that installed distributions name under an entry-point group."""

import importlib
import logging
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

logger = logging.getLogger(__name__)


def import_files(package: str) -> list[ModuleType]:
    """Import every file of a folder, so that a new file needs no line anywhere else.

    Args:
        package: Dotted name of the folder.
    """
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    names = sorted(module.name for module in pkgutil.iter_modules(places) if not module.ispkg)
    return [importlib.import_module(f"{package}.{name}") for name in names]


def import_installed(group: str) -> Iterator[ModuleType]:
    """Import the modules that installed distributions name; one that cannot be imported is left out with a warning.

    Args:
        group: Entry-point group.
    """
    from importlib.metadata import entry_points  # here, since it costs more than this module

    for entry_point in entry_points(group=group):
        try:
            yield entry_point.load()
        except ImportError as error:
            logger.warning("the plug-in %s of %s cannot be imported: %s", entry_point.value, group, error)
