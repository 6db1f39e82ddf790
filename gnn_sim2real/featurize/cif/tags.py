"""The tags of a CIF, and their values."""

import math
import re
from functools import lru_cache
from typing import Any

NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\))?")
"""A number, and its uncertainty in parentheses."""


class Tags:
    """The tags of a block.

    Files that one program has written have the same ones. They share one object, so that what follows from the tags
    alone is found once: functions of it are cached.

    Attributes:
        ordered: In lower case, in their order.
        all: The same as a set.
    """

    def __init__(self, written: tuple[str, ...]) -> None:
        self.ordered = tuple(map(str.lower, written))
        self.all = frozenset(self.ordered)


def tags_of(block: Any) -> Tags:
    """The tags of a block.

    Args:
        block: Block of gemmi.
    """
    written: list[str] = []
    for item in block:
        if pair := item.pair:
            written.append(pair[0])
        elif loop := item.loop:
            written += loop.tags
    return _shared(tuple(written))


_shared = lru_cache(maxsize=2**10)(Tags)


def unquoted(value: str) -> str:
    """A value without its quotes.

    Args:
        value: As gemmi has it.
    """
    return value.strip("'\"; \r\n")


def text_of(block: Any, tag: str) -> str:
    """Value of a tag without its quotes; empty if it is missing or unknown.

    Args:
        block: Block of gemmi.
        tag: The tag.
    """
    value = block.find_value(tag)
    return "" if value in (None, "?", ".") else unquoted(value)


def positive(block: Any, tag: str) -> float:
    """The number of a tag; 0 if there is none above it.

    Args:
        block: Block of gemmi.
        tag: The tag.
    """
    found = NUMBER.fullmatch(text_of(block, tag))
    number = float(found[1]) if found else 0.0
    return number if 0 < number < math.inf else 0.0
