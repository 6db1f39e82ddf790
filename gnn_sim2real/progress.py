"""What is shown on the terminal: tables, and progress bars on long work."""

import os
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")
_WIDTH_OF_A_FILE = 120


def open_console() -> "Console":
    """The console on stdout: as wide as the terminal, and wide enough for tables where the output goes to a file."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_WIDTH_OF_A_FILE)


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate with a progress bar that appears where a person watches and vanishes when done.

    Args:
        items: What to iterate over.
        description: Said beside the bar.
        total: How many there are, where `items` does not know.
    """
    from rich.console import Console
    from rich.progress import track as rich_track

    console = Console(stderr=True)
    if not console.is_terminal:  # rich would count each item all the same, and there may be millions
        return iter(items)
    count = len(items) if total is None and isinstance(items, Sized) else total
    return iter(rich_track(items, description, count, console=console, transient=True))
