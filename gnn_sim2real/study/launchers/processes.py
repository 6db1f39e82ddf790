"""Jobs in processes of this machine, one thread each: the default launcher."""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing.connection import Connection

from gnn_sim2real.console import quiet_lightning, set_up_logging
from gnn_sim2real.study.cells import CellRunner, Outcome
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.jobs import Job
from gnn_sim2real.study.launchers.base import JobLostError, available_cores, environment, worker_environment

logger = logging.getLogger(__name__)


class Processes:
    """Computes jobs in processes of this machine.

    Each process is a separate pool, so that a killed process stops no other.

    Args:
        study: The study; `workers` is the number of processes.
    """

    def __init__(self, study: JobsConfig) -> None:
        self._study = study
        self._environment = worker_environment(study.threads)
        count = study.workers or max(1, available_cores() // study.threads)
        logger.info(
            "%d worker processes with %s",
            count,
            " ".join(f"{name}={value}" for name, value in self._environment.items()),
        )
        self._context = multiprocessing.get_context("spawn")
        # Workers read from a pipe that nobody writes to: it closes when the study stops or is killed.
        self._pipe, self._lifeline = self._context.Pipe(duplex=False)
        self._idle = [self._start() for _ in range(count)]
        self._running: dict[Future[Outcome], tuple[Job, ProcessPoolExecutor]] = {}

    def has_room(self) -> bool:
        """Whether a process is idle."""
        return bool(self._idle)

    def submit(self, job: Job) -> None:
        """Give a job to an idle process."""
        pool = self._idle.pop()
        self._running[pool.submit(_run, job)] = (job, pool)

    def finished(self, timeout: float) -> list[tuple[Job, Outcome | BaseException]]:
        """Wait for a process to finish its job."""
        if not self._running:
            time.sleep(timeout)
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        ended: list[tuple[Job, Outcome | BaseException]] = []
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
        self._lifeline.close()
        for pool in [*self._idle, *(pool for _, pool in self._running.values())]:
            pool.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, self._context, _set_up_worker, (self._study, self._pipe))
        with environment(self._environment):  # a process starts with its first task
            pool.submit(_read_data)
        return pool


_STUDY: JobsConfig | None = None
"""The study of a worker process."""


def _set_up_worker(study: JobsConfig, pipe: Connection) -> None:
    global _STUDY  # noqa: PLW0603 (what a pool's initializer is for)
    _STUDY = study
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the study itself ends its workers
    threading.Thread(target=_end_with_study, args=(pipe,), daemon=True).start()
    set_up_logging()
    quiet_lightning()


def _end_with_study(pipe: Connection) -> None:
    """End this process when the study ends, since nothing would collect its results."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os._exit(1)


@cache
def _runner() -> CellRunner:
    if _STUDY is None:
        raise RuntimeError("this worker process was not started by a study")
    return CellRunner(_STUDY)


def _read_data() -> None:
    # The study itself reads the data for its plan and reports their errors.
    with contextlib.suppress(Exception):
        _runner().read_data()


def _run(job: Job) -> Outcome:
    return _runner().run(job)
