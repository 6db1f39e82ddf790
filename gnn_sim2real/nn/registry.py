"""Finding encoders: those in the files of this folder, and those of installed packages."""

import difflib
import inspect

from gnn_sim2real.errors import CheckpointError
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


def encoder_called(name: str) -> type[Encoder]:
    """Find an encoder of this package, of an installed plug-in, or of a module that is imported, by its class name.

    Args:
        name: The name.

    Raises:
        CheckpointError: If no encoder, or several, have it.
    """
    own = own_encoders()
    import_plugins()
    found: dict[str, set[type[Encoder]]] = {}
    waiting = Encoder.__subclasses__()
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        if not inspect.isabstract(each):
            found.setdefault(each.__name__, set()).add(each)
    kinds = found.get(name, set())
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds:
        paths = " and ".join(sorted(f"{each.__module__}.{each.__qualname__}" for each in kinds))
        raise CheckpointError(f"several encoders are called {name!r}: {paths}; give the class path of one")
    alike = difflib.get_close_matches(name, found, 1)
    raise CheckpointError(
        f"no encoder is called {name!r}{f' (did you mean {alike[0]}?)' if alike else ''}; give the name of one of this "
        f"package ({', '.join(own)}) or of an installed plug-in, or the class path of another"
    )
