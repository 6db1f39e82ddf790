"""Ctrl-C in the midst of Lightning."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C within a trainer's `fit` or `test` reach the caller, who releases claims and says how to go on.

    Lightning ends the whole process instead.

    Raises:
        KeyboardInterrupt: If the user stopped what is done within.
    """
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
