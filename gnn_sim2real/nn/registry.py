"""Finding encoders: those in the files of this folder, and those of installed packages."""

import importlib
import inspect
import logging
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from gnn_sim2real.nn.encoder import Encoder

logger = logging.getLogger(__name__)

GROUP = "gnn_sim2real.encoders"
"""Entry-point group: a distribution that brings encoders names its module here."""

_PACKAGE = __name__.rpartition(".")[0]


def own_encoders() -> dict[str, type[Encoder]]:
    """Import the files of this folder.

    Returns:
        The encoders of this package by class name, sorted.
    """
    for file in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{_PACKAGE}.{file.name}")
    return {each.__name__: each for each in _concrete(Encoder) if each.__module__.startswith(f"{_PACKAGE}.")}


def find_encoders() -> dict[str, type[Encoder]]:
    """Import the modules of installed packages that bring encoders.

    Afterwards a YAML may say `class_path: GINE` in place of the dotted path. A module that cannot be imported is left
    out with a warning.

    Returns:
        All encoders by class name, sorted.
    """
    for entry_point in entry_points(group=GROUP):
        try:
            entry_point.load()
        except ImportError as error:
            logger.warning("the encoders of %s cannot be imported: %s", entry_point.value, error)
    return {each.__name__: each for each in _concrete(Encoder)}


def plugin_modules() -> list[str]:
    """Names of the modules of installed packages that bring encoders, none of them imported."""
    return [each.module for each in entry_points(group=GROUP)]


def _concrete(base: type[Encoder]) -> Iterator[type[Encoder]]:
    """Encoders that can be made, by name."""
    below: set[type[Encoder]] = set()
    waiting = [base]
    while waiting:
        waiting = [each for kind in waiting for each in kind.__subclasses__()]
        below.update(waiting)
    return iter(sorted((each for each in below if not inspect.isabstract(each)), key=lambda each: each.__name__))
