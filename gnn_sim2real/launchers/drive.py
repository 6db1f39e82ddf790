"""The loop that gives jobs to a launcher until each has an outcome."""

import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol, TypeVar

from gnn_sim2real.launchers import make_launcher
from gnn_sim2real.launchers.base import Job, JobLostError, Launcher, Outcome, Runner, Work

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
"""A job whose process is killed this often counts as the cause."""

Kind = TypeVar("Kind", bound=Job)


class Queue(Protocol[Kind]):
    """The open jobs."""

    @property
    def is_finished(self) -> bool:
        """Whether every job has an outcome."""

    def next(self) -> Kind | None:
        """The next job to start; None if all remaining jobs wait for others."""

    def give_back(self, job: Kind) -> None:
        """Return a job that was not computed, since its process or machine was lost, to start it again."""

    def settle(self, job: Kind, outcome: Outcome) -> None:
        """Record the outcome of a job."""


def drive(
    queue: Queue[Kind],
    launcher: Launcher,
    stopped: list[int],
    describe: Callable[[Kind], str],
    lost: Callable[[Kind, str], None],
) -> Iterator[Kind]:
    """Give jobs to the launcher until every one has an outcome; yields each finished job.

    Args:
        queue: The jobs.
        launcher: Where they are computed.
        stopped: Signals of `stop_on_signals`.
        describe: Names a job in messages.
        lost: Gets a job that was lost too often, with the reason.

    Raises:
        KeyboardInterrupt: If a signal has come.
    """
    attempts: Counter[str] = Counter()
    while not queue.is_finished:
        if stopped:
            raise KeyboardInterrupt
        while launcher.has_room() and (job := queue.next()) is not None:
            launcher.submit(job)
        for job, outcome in launcher.finished(timeout=1.0):
            if isinstance(outcome, JobLostError):
                attempts[job.key] += 1
                if attempts[job.key] < MAX_ATTEMPTS:
                    logger.warning("restarting %s: %s", describe(job), outcome)
                    queue.give_back(job)
                    continue
                logger.error("%s failed: %s, %d times", describe(job), outcome, MAX_ATTEMPTS)
                lost(job, f"{outcome}, {MAX_ATTEMPTS} times")
                queue.settle(job, "failed")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                queue.settle(job, outcome)
            yield job


def compute(
    queue: Queue[Kind],
    work: Work,
    describe: Callable[[Kind], str],
    lost: Callable[[Kind, str], None],
    done: Callable[[Kind], None],
    runner: Runner | None = None,
) -> None:
    """Compute jobs that are all known beforehand, on a launcher of their own.

    Args:
        queue: The jobs.
        work: What is computed, and where.
        describe: Names a job in messages.
        lost: Gets a job that was lost too often, with the reason.
        done: Gets each finished job.
        runner: Runner for a launcher that computes in this process; a new one unless given.

    Raises:
        KeyboardInterrupt: If a signal has come.
    """
    if queue.is_finished:
        return
    with stop_on_signals() as stopped:
        launcher = make_launcher(work, runner)
        try:
            for job in drive(queue, launcher, stopped, describe, lost):
                done(job)
        finally:
            launcher.close()


@contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """Treat the signal by which a cluster ends a job like Ctrl-C: stop workers and release claims.

    Yields:
        The received signals, since Python drops an exception raised by a signal during a `__del__`.
    """
    stopped: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.append(signum)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        yield stopped
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background, where SIGINT is ignored
        before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
