"""Ctrl-C during a training by Lightning."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C in a trainer's `fit` or `test` reach the caller, which releases claims and tells how to continue.

    Lightning ends the whole process instead.

    Raises:
        KeyboardInterrupt: If the user pressed Ctrl-C.
    """
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt(*stop.__context__.args) from stop  # the number of the signal, if there is one
        raise
