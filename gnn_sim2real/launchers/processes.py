"""Jobs in processes of this machine, one thread each: the default launcher."""

import contextlib
import logging
import multiprocessing
import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Any

from gnn_sim2real.console import quiet_lightning, set_up_logging
from gnn_sim2real.launchers.base import (
    JobLostError,
    Outcome,
    Runner,
    Work,
    available_cores,
    environment,
    worker_environment,
)
from gnn_sim2real.launchers.lifeline import Lifeline, begin

logger = logging.getLogger(__name__)


class Processes:
    """Computes jobs in processes of this machine.

    Each process is a separate pool, so that a killed process stops no other.

    Args:
        work: What is computed; `workers` is the number of processes.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._environment = worker_environment(work.place.threads)
        count = work.place.workers or max(1, available_cores() // work.place.threads)
        logger.info(
            "%d worker processes with %s",
            count,
            " ".join(f"{name}={value}" for name, value in self._environment.items()),
        )
        self._context = multiprocessing.get_context("spawn")
        pipe, self._held_end = self._context.Pipe(duplex=False)
        self._lifeline = Lifeline(pipe)
        self._idle = [self._start(is_first=not number) for number in range(count)]
        self._running: dict[Future[Outcome], tuple[Any, ProcessPoolExecutor]] = {}

    def has_room(self) -> bool:
        """Whether a process is idle."""
        return bool(self._idle)

    def submit(self, job: Any) -> None:
        """Give a job to an idle process."""
        pool = self._idle.pop()
        self._running[pool.submit(_run, job)] = (job, pool)

    def finished(self, timeout: float) -> list[tuple[Any, Outcome | BaseException]]:
        """Wait for a process to finish its job."""
        if not self._running:
            time.sleep(timeout)
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        ended: list[tuple[Any, Outcome | BaseException]] = []
        for future in done:
            job, pool = self._running.pop(future)
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                pool.shutdown(wait=False)
                pool = self._start()
                error = JobLostError("its process was killed, perhaps because memory ran out")
            self._idle.append(pool)
            ended.append((job, error or future.result()))
        return ended

    def close(self) -> None:
        """Kill the processes, which is safe since all files are written atomically."""
        self._held_end.close()
        for pool in [*self._idle, *(pool for _, pool in self._running.values())]:
            pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, is_first: bool = False) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, self._context, begin, (self._lifeline, _set_up_worker, self._work, is_first))
        with environment(self._environment):  # a process starts with its first task
            pool.submit(_read_data)
        return pool


_WORK: Work | None = None
"""The work of a worker process."""


def _set_up_worker(work: Work, is_first: bool) -> None:
    global _WORK  # noqa: PLW0603 (what a pool's initializer is for)
    _WORK = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the study itself ends its workers
    set_up_logging()
    quiet_lightning()
    if not is_first:  # all workers read the same graphs
        logging.getLogger("gnn_sim2real.store.isolated").setLevel(logging.ERROR)


@cache
def _runner() -> Runner:
    if _WORK is None:
        raise RuntimeError("this worker process was not started by a study")
    return _WORK.make_runner()


def _read_data() -> None:
    # The study itself reads the data for its plan and reports their errors.
    with contextlib.suppress(Exception):
        _runner().read_data()


def _run(job: Any) -> Outcome:
    return _runner().run(job)
