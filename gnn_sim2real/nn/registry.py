"""Finding encoders: those in the files of this folder, and those of installed packages."""

from gnn_sim2real.nn.encoder import GROUP, Encoder
from gnn_sim2real.plugins import find_subclasses, import_installed

_PACKAGE = __name__.rpartition(".")[0]


def own_encoders() -> dict[str, type[Encoder]]:
    """Import the files of this folder.

    Returns:
        Its encoders by class name, sorted.
    """
    return find_subclasses(Encoder, _PACKAGE)  # type: ignore[type-abstract]


def import_plugins() -> None:
    """Import the modules of installed packages that bring encoders: a YAML may then name these by their class alone.

    A module that cannot be imported is skipped with a warning.
    """
    for _ in import_installed(GROUP):
        pass
