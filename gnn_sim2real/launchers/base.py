"""What a launcher computes, its interface, and the settings of worker processes."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol

Outcome = Literal["done", "cached", "failed", "elsewhere"]
"""Computed now; done before; failed; being computed by another run."""


class Job(Protocol):
    """A piece of work that is sent to a worker."""

    @property
    def key(self) -> str:
        """Name of the job."""


class Runner(Protocol):
    """Computes jobs in one process; what several need is read once."""

    def read_data(self) -> None:
        """Read what jobs need now instead of in the first one."""

    def run(self, job: Any) -> Outcome:
        """Compute a job, unless it is done or another process computes it.

        Args:
            job: The job.
        """


@dataclass(frozen=True)
class Place:
    """Where jobs are computed.

    Args:
        launcher: `serial`, `processes` or `ray`.
        workers: Largest number of jobs at a time; the number of cores unless given.
        address: Address of the Ray cluster; a new one is started unless given.
        gpus: GPUs per job on Ray.
        threads: Threads per job.

    Raises:
        ValueError: If a number is out of range, or the launcher does not have a setting.
    """

    launcher: Literal["serial", "processes", "ray"] = "processes"
    workers: int | None = None
    address: str | None = None
    gpus: float = 0.0
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("workers", "threads"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"`{name}` must be at least 1, got {number}")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise ValueError(f"`gpus` must be a fraction below 1 or a whole number, got {self.gpus}")
        if self.launcher != "ray" and (self.address or self.gpus):
            raise ValueError("`address` and `gpus` need a Ray cluster; add `--launcher ray`")

    @classmethod
    def of(cls, settings: Any) -> "Place":
        """That of settings which hold more.

        Args:
            settings: Has attributes of these names.
        """
        return cls(**{each.name: getattr(settings, each.name) for each in fields(cls)})


@dataclass(frozen=True)
class Work:
    """What is sent to each worker once: where jobs are computed, and what computes them.

    Attributes:
        place: Where.
        make_runner: Makes what computes them, in the worker.
    """

    place: Place
    make_runner: Callable[[], Runner]


class JobLostError(Exception):
    """A process or a machine was lost while it computed a job, which may succeed when it is started again."""


class Launcher(Protocol):
    """Computes jobs, several at a time."""

    def has_room(self) -> bool:
        """Whether another job can be started now."""

    def submit(self, job: Any) -> None:
        """Start a job."""

    def finished(self, timeout: float) -> list[tuple[Any, Outcome | BaseException]]:
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
