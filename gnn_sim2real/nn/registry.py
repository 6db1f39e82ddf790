"""Finding encoders: those in the files of this folder, and those of installed packages."""

import inspect
from importlib.metadata import entry_points

from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.plugins import import_files, import_installed

GROUP = "gnn_sim2real.encoders"
"""Entry-point group: a distribution with encoders names its module here."""

_PACKAGE = __name__.rpartition(".")[0]


def own_encoders() -> dict[str, type[Encoder]]:
    """Import the files of this folder.

    Returns:
        Its encoders by class name, sorted.
    """
    import_files(_PACKAGE)
    found: dict[str, type[Encoder]] = {}
    waiting = Encoder.__subclasses__()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith(f"{_PACKAGE}.") and not inspect.isabstract(kind):
            found[kind.__name__] = kind
    return dict(sorted(found.items()))


def import_plugins() -> None:
    """Import the modules of installed packages that bring encoders: a YAML may then name these by their class alone.

    A module that cannot be imported is skipped with a warning.
    """
    for _ in import_installed(GROUP):
        pass


def plugin_modules() -> list[str]:
    """Names of those modules, none of them imported."""
    return [each.module for each in entry_points(group=GROUP)]
