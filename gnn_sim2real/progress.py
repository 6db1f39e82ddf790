"""Progress bars on long work."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Sequence[Item], description: str) -> Iterator[Item]:
    """Iterate with a progress bar that appears where a person watches and vanishes when done.

    Args:
        items: What to iterate over.
        description: Said beside the bar.
    """
    from rich.console import Console
    from rich.progress import track as rich_track

    console = Console(stderr=True)
    return iter(rich_track(items, description, console=console, transient=True, disable=not console.is_terminal))
