"""The interface of launchers, and the settings of worker processes."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from gnn_sim2real.study.cells import Outcome
from gnn_sim2real.study.jobs import Job


class JobLostError(Exception):
    """A process or a machine was lost while it computed a job, which may succeed when it is started again."""


class Launcher(Protocol):
    """Computes jobs, several at a time."""

    def has_room(self) -> bool:
        """Whether another job can be started now."""

    def submit(self, job: Job) -> None:
        """Start a job."""

    def finished(self, timeout: float) -> list[tuple[Job, Outcome | BaseException]]:
        """Jobs that ended since the last call; waits for one, but no longer than the timeout [s].

        An exception means that the worker itself stopped; `JobLostError` if the job may be started again.
        """

    def close(self) -> None:
        """Stop all workers at once; their trainings can resume from the last checkpoint."""


def worker_environment(threads: int) -> dict[str, str]:
    """Environment variables that make worker processes faster; those set by the user stay.

    Each worker has one thread library and no more threads than it was given; waiting threads sleep, since spinning ones
    are several times slower if another process needs the core; large blocks of memory are reused instead of returned to
    the system and requested again in each step (glibc).

    Args:
        threads: Threads per worker.
    """
    wanted = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    if threads > 1:
        wanted["OMP_WAIT_POLICY"] = "PASSIVE"
    if platform.libc_ver()[0] == "glibc":
        wanted |= {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started inside the block.

    Args:
        values: The variables.
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def available_cores() -> int:
    """Number of cores that this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
