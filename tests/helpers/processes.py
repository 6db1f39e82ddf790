"""Processes that cost no import each, and that end with the test."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

PATIENCE = 900.0
"""Time after which something is taken to hang [s]: far more than a busy machine needs."""

# Each process is forked from one that has imported everything and runs nothing: a tenth of a second instead of six.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "gnn_sim2real.config.lightning_cli",
        "gnn_sim2real.cli.study",
        "gnn_sim2real.nn",
        "gnn_sim2real.tasks",
        "datamodules",
    ]
)


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Look again and again until it is so; after `patience` [s] the test fails with `what`."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(what)
        time.sleep(0.02)


class Started:
    """A call of `function` in a process, and a process group, of its own; what it returns is its exit code.

    What it prints goes to files in `folder`, so that it never waits for a reader.
    """

    def __init__(self, folder: Path, function: Callable[..., int | None], *arguments: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "printed.txt", folder / "said.txt"
        given = (dict(os.environ), self._out, self._err, function, arguments)
        self._process = _CONTEXT.Process(target=_run, args=given)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    @property
    def printed(self) -> str:
        """What it wrote to stdout until now."""
        return self._out.read_text() if self._out.exists() else ""

    @property
    def said(self) -> str:
        """What it wrote to stderr until now."""
        return self._err.read_text() if self._err.exists() else ""

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code; the negative number of the signal that ended it."""
        self._process.join(patience)
        if self._process.is_alive():
            self.kill()
            pytest.fail(f"it did not end within {patience:.0f} s\n{self.said}")
        assert self._process.exitcode is not None
        return self._process.exitcode

    def ends_within(self, seconds: float) -> bool:
        self._process.join(seconds)
        return not self._process.is_alive()

    def send_signal(self, number: int) -> None:
        if self._process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As a power cut does: it and all its workers at once, with no word."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it is over, or has no group of its own yet
            self._process.kill()
        self._process.join()


@contextmanager
def running(folder: Path, function: Callable[..., int | None], *arguments: object) -> Iterator[Started]:
    """Start a function of a module that can be imported; whatever is left of it when the block ends is killed."""
    started = Started(folder, function, *arguments)
    try:
        yield started
    finally:
        started.kill()


@contextmanager
def running_command(folder: Path, *words: object) -> Iterator[Started]:
    """`gnn-sim2real` with these words; Ctrl-C stops it even where it stops no test."""
    with running(folder, _command, [str(word) for word in words]) as started:
        yield started


def _run(
    environment: dict[str, str], out: Path, err: Path, function: Callable[..., int | None], arguments: tuple[object]
) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        with path.open("w") as file:
            os.dup2(file.fileno(), stream.fileno())
    torch.set_num_threads(1)  # as in the tests' own process: another number gives other digits
    code = function(*arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    raise SystemExit(code)


def _command(words: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from gnn_sim2real.cli.main import main

    return main(words)
