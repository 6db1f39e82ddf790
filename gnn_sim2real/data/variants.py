"""What the variants of a data module share, and how a new one is made."""

import inspect
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_type_hints

import numpy as np
from beartype import BeartypeConf
from beartype.door import is_bearable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NUMBERS = BeartypeConf(is_pep484_tower=True)
Made = TypeVar("Made")


class Shared:
    """Objects made once for all variants of a data module, or jobs of a study; looked up by all that they depend on."""

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


_declared_types = cache(get_type_hints)  # every variant asks


def check_types(settings: "DataclassInstance", other_types: Mapping[str, Any]) -> None:
    """Reject values that are not of the type that a dataclass declares; an integer is a float as well.

    Args:
        settings: The dataclass; numbers of numpy in it are replaced by those of Python.
        other_types: Types that take the place of those declared, by name of the field.

    Raises:
        ValueError: If a value is of another type.
    """
    declared = {**_declared_types(type(settings)), **other_types}
    for each in fields(settings):
        value = getattr(settings, each.name)
        if isinstance(value, np.generic):
            value = value.item()
            object.__setattr__(settings, each.name, value)
        if not is_bearable(value, declared[each.name], conf=_NUMBERS):
            wanted = re.sub(r"\b(?:\w+\.)+", "", str(declared[each.name])).removeprefix("<class '").removesuffix("'>")
            raise ValueError(f"`{each.name}` must be {wanted}, got {value!r}")
