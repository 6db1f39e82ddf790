"""Text of a help: filled to the width of the terminal, and lists in two columns."""

import shutil
import textwrap
from collections.abc import Mapping

_WIDEST = 100
"""Longer lines are hard to read [characters]."""


def help_width() -> int:
    """Width of the help: that of the terminal, as long as lines can be read [characters]."""
    return min(shutil.get_terminal_size().columns, _WIDEST)


def fill(text: str, by: int = 0) -> str:
    """Fill a text to the width of the help.

    Args:
        text: The text.
        by: Number of blanks before each line.
    """
    blank = " " * by
    return textwrap.fill(
        text,
        help_width(),
        initial_indent=blank,
        subsequent_indent=blank,
        break_long_words=False,
        break_on_hyphens=False,
    )


def fill_command(line: str) -> str:
    """A command line, with backslashes where it goes on in the next line.

    Args:
        line: The command.
    """
    lines = textwrap.wrap(line, help_width() - 10, break_long_words=False, break_on_hyphens=False)
    return " \\\n".join(f"{'    ' if number == 0 else '      '}{each}" for number, each in enumerate(lines))


def format_list(abouts: Mapping[str, str]) -> str:
    """Names with what they are, in two columns.

    Args:
        abouts: A line or a few on each name.
    """
    width = max(map(len, abouts)) + 4
    return "\n".join("  " + name.ljust(width - 2) + fill(about, width).lstrip() for name, about in abouts.items())


def last_word(name: str) -> str:
    """What stands for the value of an option, by its name."""
    name = name.rpartition(".")[2]
    return (name if len(name) <= 8 else name.rpartition("_")[2]).upper().replace("_", "-")
