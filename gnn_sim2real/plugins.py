"""Plug-ins: the files of a folder, and the modules that installed distributions name under an entry-point group."""

import importlib
import inspect
import logging
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Generic, Protocol, TypeGuard, TypeVar

logger = logging.getLogger(__name__)


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """Its name."""


Kind = TypeVar("Kind")
Entry = TypeVar("Entry")
Instance = TypeVar("Instance", bound=Named)


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


class Plugins(Generic[Entry]):
    """What the files of a folder and the modules of installed distributions bring, by name.

    They are imported when something is first asked for.

    Args:
        package: Dotted name of the folder.
        group: Entry-point group under which distributions name their modules.
    """

    def __init__(self, package: str, group: str) -> None:
        self.package, self.group = package, group
        self._added: dict[str, Entry] = {}
        self._has_own = self._has_installed = False

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Forget afterwards what is added inside; the entry points are read once more inside."""
        self._import_all()
        before = dict(self._added)
        self._has_installed = False
        try:
            yield
        finally:
            self._added, self._has_installed = before, True

    def __contains__(self, name: object) -> bool:
        """Whether something has this name; it is asked for every record."""
        self._import_all()
        return name in self._added

    def _is_ours(self, cls: type) -> bool:
        return cls.__module__.startswith(f"{self.package}.")

    def _put(self, name: str, entry: Entry, cls: type, class_of: Callable[[Entry], type]) -> bool:
        """Add something if its name is free, or that of an earlier version of itself, as of a cell that runs again."""
        if not self._is_ours(cls):
            self._import_own()  # or what is the user's would take the name of one of ours
        if name in self._added and _path(class_of(self._added[name])) != _path(cls):
            return False
        self._added[name] = entry
        return True

    def _import_all(self) -> None:
        self._import_own()
        if not self._has_installed:
            self._has_installed = True
            for module in import_installed(self.group):
                self._take_installed(module)

    def _import_own(self) -> None:
        if self._has_own:
            return
        self._has_own = True
        try:
            for module in import_files(self.package):
                self._take(module)
        except BaseException:
            self._has_own = False
            raise

    def _take(self, module: ModuleType) -> None:
        """Add what a module has, unless importing it has done so."""

    def _take_installed(self, module: ModuleType) -> None:
        """Add what a module of a distribution has; what cannot be used is left out with a warning."""


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


class Registry(Plugins[type[Kind]]):
    """Classes of one kind that have a `name`.

    The base class of the kind calls `add` in its `__init_subclass__`.

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
        super().__init__(package, group)
        self.setting, self.first, self.reserved = setting, first, reserved

    def add(self, name: str, cls: type[Kind]) -> None:
        """Register a class; an earlier one of the same path, as of a notebook's cell that runs again, is replaced.

        Args:
            name: Its name.
            cls: The class.

        Raises:
            TypeError: If another class has this name, or it is none.
        """
        if not isinstance(name, str) or not name.isidentifier() or (not self._is_ours(cls) and name in self.reserved()):
            raise TypeError(f"{cls.__module__} cannot have {name!r} as a `{self.setting}`; choose another name")
        if not self._put(name, cls, cls, lambda other: other):
            other = self._added[name]
            raise TypeError(f"{other.__module__} and {cls.__module__} both have {name!r} as a `{self.setting}`")

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
            ValueError: If there is no such class, or it lacks a method.
        """
        found = self.classes()
        if name not in found:
            raise ValueError(f"`{self.setting}` must be one of {', '.join(self.names())}, got {name!r}")
        if lacking := getattr(found[name], "__abstractmethods__", None):
            methods = " and ".join(f"`{each}`" for each in sorted(lacking))
            raise ValueError(f"`{self.setting}: {name}` cannot be used: {_path(found[name])} lacks {methods}")
        return found[name]

    def _sorted(self) -> list[str]:
        return [self.first, *sorted(self._added.keys() - {self.first})]


class Instances(Plugins[Instance], Mapping[str, Instance]):
    """Instances of one kind by their `name`: those that stand in the modules, and those that are added.

    Args:
        package: Dotted name of the folder.
        group: Entry-point group under which distributions name their modules.
        word: What to call one of them in messages.
        is_one: Whether something is of the kind.
        check: Raises a `ValueError` for what cannot be used, with what is wrong.
        rank: What they are sorted by.
    """

    def __init__(
        self,
        package: str,
        *,
        group: str,
        word: str,
        is_one: Callable[[object], TypeGuard[Instance]],
        check: Callable[[object], None],
        rank: Callable[[Instance], Any],
    ) -> None:
        super().__init__(package, group)
        self.word, self.is_one, self.check, self.rank = word, is_one, check, rank

    def add(self, entry: Instance) -> None:
        """Register one; it replaces an earlier version of itself.

        Args:
            entry: The instance.

        Raises:
            ValueError: If it cannot be used, or its name is taken.
        """
        self.check(entry)
        if not self._put(entry.name, entry, type(entry), type):
            path = _path(type(entry))
            raise ValueError(f"the name {entry.name!r} of the {self.word} {path} is already used; choose another")

    def __getitem__(self, name: str) -> Instance:
        self._import_all()
        return self._added[name]

    def __iter__(self) -> Iterator[str]:
        self._import_all()
        return iter(sorted(self._added, key=lambda name: self.rank(self._added[name])))

    def __len__(self) -> int:
        self._import_all()
        return len(self._added)

    def _take(self, module: ModuleType) -> None:
        for value in vars(module).values():
            if self.is_one(value):
                self.add(value)

    def _take_installed(self, module: ModuleType) -> None:
        try:
            self._take(module)
        except ValueError as error:
            logger.warning("the %ss of %s cannot be used: %s", self.word, module.__name__, error)
