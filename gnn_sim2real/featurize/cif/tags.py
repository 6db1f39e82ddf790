"""Values of the tags of a CIF."""

import math
import re
from typing import Any

NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\))?")
"""A number, and its uncertainty in parentheses."""


def unquoted(value: str) -> str:
    """A value without its quotes.

    Args:
        value: As gemmi has it.
    """
    return value.strip("'\"; \r\n")


def text_of(block: Any, tag: str) -> str:
    """Value of a tag without its quotes; empty if it is missing or unknown."""
    value = block.find_value(tag)
    return "" if value in (None, "?", ".") else unquoted(value)


def positive(block: Any, tag: str) -> float:
    """The number of a tag; 0 if there is none above it."""
    found = NUMBER.fullmatch(text_of(block, tag))
    return max(0.0, float(found[1])) if found and math.isfinite(float(found[1])) else 0.0
