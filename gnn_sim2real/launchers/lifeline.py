"""Ends a worker process when the study that started it has ended, however it did.

This module imports nothing of the package, since a worker begins with it.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class Lifeline:
    """The end of a pipe that nobody writes to: it closes when the study stops or is killed.

    A worker watches it from the moment that it unpickles it; as the first argument of all, this is before the many
    seconds of its imports.

    Args:
        pipe: The end from which workers read.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def __reduce__(self) -> tuple[Any, ...]:
        return _watch, (self._pipe,)


def _watch(pipe: Connection) -> Lifeline:
    threading.Thread(target=_end_with_study, args=(pipe,), daemon=True).start()
    return Lifeline(pipe)


def _end_with_study(pipe: Connection) -> None:
    """End this process when the study ends, since nothing would collect its results."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os._exit(1)


def begin(lifeline: Lifeline, set_up: Callable[..., None], *arguments: Any) -> None:
    """Set up a worker, whose function is imported after the lifeline is watched.

    Args:
        lifeline: The lifeline.
        set_up: Function of the worker.
        arguments: Its arguments.
    """
    set_up(*arguments)
