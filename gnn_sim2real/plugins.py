"""Plug-ins: the files of a folder, and the modules that installed distributions name under an entry-point group."""

import importlib
import inspect
import logging
import pkgutil
from collections.abc import Callable, Collection, Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Kind = TypeVar("Kind")


def import_files(package: str) -> list[ModuleType]:
    """Import every file of a folder, so that a new file needs no line anywhere else.

    Args:
        package: Dotted name of the folder.
    """
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    names = sorted(module.name for module in pkgutil.iter_modules(places) if not module.ispkg)
    return [importlib.import_module(f"{package}.{name}") for name in names]


def find_subclasses(base: type[Kind], *packages: str) -> dict[str, type[Kind]]:
    """Import every file of some folders.

    Args:
        base: A class.
        packages: Dotted names of the folders.

    Returns:
        What is derived from it there and not abstract, by class name, sorted.
    """
    files = {module.__name__ for package in packages for module in import_files(package)}
    found: dict[str, type[Kind]] = {}
    waiting = base.__subclasses__()
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        if each.__module__ in files and not inspect.isabstract(each):
            found[each.__name__] = each
    return dict(sorted(found.items()))


def import_installed(group: str) -> Iterator[ModuleType]:
    """Import the modules that installed distributions name; one that fails is left out with a warning.

    Args:
        group: Entry-point group.
    """
    from importlib.metadata import entry_points  # here, since it costs more than this module

    for entry_point in entry_points(group=group):
        try:
            yield entry_point.load()
        except (Exception, SystemExit) as error:  # whatever is wrong with it, the rest stays usable
            whose = f" of {entry_point.dist.name}" if entry_point.dist else ""
            reason = f"{type(error).__name__}: {error}"
            logger.warning("the %s plug-in %s%s is left out: %s", group, entry_point.value, whose, reason)


def installed_modules(group: str) -> list[str]:
    """Names of the modules that installed distributions name, none of them imported.

    Args:
        group: Entry-point group.
    """
    from importlib.metadata import entry_points

    return [each.module for each in entry_points(group=group)]


class Registry(Generic[Kind]):
    """Classes of one kind that have a `name`, in the files of a folder and in installed distributions.

    The base class of the kind calls `add` in its `__init_subclass__`; the files are imported when a class is first
    asked for.

    Args:
        package: Dotted name of the folder.
        group: Entry-point group under which distributions name their modules.
        setting: The setting that names a class.
        first: The usual value of the setting.
        reserved: Finds values of the setting that mean something else.
    """

    def __init__(
        self,
        package: str,
        *,
        group: str,
        setting: str,
        first: str,
        reserved: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self.package, self.group, self.setting = package, group, setting
        self.first, self.reserved = first, reserved
        self._added: dict[str, type[Kind]] = {}
        self._has_own = self._has_installed = False

    def add(self, name: str, cls: type[Kind]) -> None:
        """Register a class; an earlier one of the same path, as of a notebook's cell that runs again, is replaced.

        Args:
            name: Its name.
            cls: The class.

        Raises:
            TypeError: If another class has this name, or it is none.
        """
        is_ours = cls.__module__.startswith(f"{self.package}.")
        if not isinstance(name, str) or not name.isidentifier() or (not is_ours and name in self.reserved()):
            raise TypeError(f"{cls.__module__} cannot have {name!r} as a `{self.setting}`; choose another name")
        if not is_ours:
            self._import_own()  # or a class of the user's would take the name of one of ours
        other = self._added.get(name, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{other.__module__} and {cls.__module__} both have {name!r} as a `{self.setting}`")
        self._added[name] = cls

    def classes(self) -> dict[str, type[Kind]]:
        """All of them by name, in the order of `names`."""
        self._import_all()
        return {name: self._added[name] for name in self._sorted() if name in self._added}

    def names(self) -> list[str]:
        """Values of the setting: the usual one, then the others sorted."""
        self._import_all()
        return self._sorted()

    def find(self, name: str) -> type[Kind]:
        """The class of a name.

        Args:
            name: Value of the setting.

        Raises:
            ValueError: If there is no such class.
        """
        found = self.classes()
        if name not in found:
            raise ValueError(f"`{self.setting}` must be one of {', '.join(self.names())}, got {name!r}")
        return found[name]

    def __contains__(self, name: str) -> bool:
        """Whether a class has this name; it is asked for every record."""
        self._import_all()
        return name in self._added

    def _import_all(self) -> None:
        self._import_own()
        if not self._has_installed:
            self._has_installed = True
            for _ in import_installed(self.group):
                pass

    def _import_own(self) -> None:
        if not self._has_own:
            self._has_own = True
            import_files(self.package)

    def _sorted(self) -> list[str]:
        return [self.first, *sorted(self._added.keys() - {self.first})]
