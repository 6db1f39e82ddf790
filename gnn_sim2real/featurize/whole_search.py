"""Searches of RDKit that a Ctrl-C cannot cut short unseen."""

from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def whole(search: Callable[[], Found]) -> Found:
    """What a search finds, all of it.

    From its release 2026.3.4 on, RDKit takes a Ctrl-C for itself while it looks for a pattern: the search ends, returns
    what it has found so far as if that were all, and nothing but a line of its log tells. Numbers made from it would be
    wrong, and the program would go on. Each search is therefore done twice, which takes less than a millisecond: one
    Ctrl-C can only cut one of them short.

    Args:
        search: Looks for a pattern; it must find the same whenever it is called.

    Raises:
        KeyboardInterrupt: If the two searches differ, since then one of them was cut short by Ctrl-C.

    References:
        https://github.com/rdkit/rdkit/pull/9349
    """
    found = search()
    if search() != found:
        raise KeyboardInterrupt
    return found
