"""What the variants of a data module share, and how a new one is made."""

import inspect
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Self, TypeVar

Made = TypeVar("Made")


class Shared:
    """Objects made once for all variants of a data module, looked up by all that they depend on."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Make something, unless it exists.

        Args:
            key: What it is, with all settings that it depends on.
            make: Makes it.
        """
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made


class Remembered:
    """An object that remembers its arguments, so that one with other settings can be made.

    It is a class of its own since jsonargparse would read the settings of a class from a `__new__` of that class.

    Attributes:
        given: Arguments of the constructor by name, without those left at their default.
    """

    given: dict[str, Any]

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        """Remember the arguments."""
        made = super().__new__(cls)
        if not arguments and not settings:  # also of a copy, which gets its `given` afterwards
            made.given = {}
            return made
        signature = inspect.signature(cls.__init__)
        given = dict(signature.bind_partial(made, *arguments, **settings).arguments)
        given.pop(next(iter(signature.parameters)))  # the object itself
        others = (each.name for each in signature.parameters.values() if each.kind is each.VAR_KEYWORD)
        made.given = given | given.pop(next(others, ""), {})
        return made


@cache
def settings_of(made: type) -> frozenset[str]:
    """Names of the settings that the constructors of a class and its bases accept.

    Args:
        made: The class.
    """
    return frozenset(
        each.name
        for base in made.__mro__
        if "__init__" in vars(base)
        for each in list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    )
