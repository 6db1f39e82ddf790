"""Jobs on a Ray cluster: Ray starts them where there is room, and again where a machine was lost."""

import logging
import os
import socket
from typing import Any

from gnn_sim2real.study.cells import CellRunner, Outcome
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.jobs import Job
from gnn_sim2real.study.launchers.base import JobLostError, worker_environment

logger = logging.getLogger(__name__)

_FORWARDED = ("GNN_SIM2REAL_DATA", "GNN_SIM2REAL_CACHE", "WANDB_MODE")
_QUEUED = 2
"""Jobs that wait at Ray beyond those that run, so that a worker never waits for the study."""


class RayCluster:
    """Computes jobs as tasks of Ray.

    All machines see the study's folder and the data under the same path, and have this package installed.

    Args:
        study: The study; `address`, `threads` and `gpus` say where and with what.
    """

    def __init__(self, study: JobsConfig) -> None:
        try:
            import ray
        except ImportError as error:
            raise ValueError("`--launcher ray` needs Ray: pip install 'gnn-sim2real[ray]'") from error
        self._ray, self._study = ray, study
        _require_answer(study.address)
        own = {name: os.environ[name] for name in _FORWARDED if name in os.environ}
        try:
            ray.init(
                address=study.address,
                runtime_env={"env_vars": worker_environment(study.threads) | own},
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"Ray cannot be used at {study.address or 'this machine'} ({' '.join(str(error).split())}); start a "
                "cluster with `ray start --head`; where it has a token, set RAY_AUTH_MODE=token for every process"
            ) from error
        # Without max_calls Ray would end a worker after each task on a GPU, and the next would read all data again.
        task = ray.remote(num_cpus=study.threads, num_gpus=study.gpus, max_retries=3, max_calls=0)(_run)
        self._start = task.remote
        self._handle = ray.put(study)
        self._running: dict[Any, Job] = {}
        logger.info("Ray cluster with room for %d cells at a time", self._slots())

    def has_room(self) -> bool:
        """Whether the cluster, as large as it is now, can take another job."""
        return len(self._running) < min(self._slots() + _QUEUED, self._study.workers or 10**9)

    def submit(self, job: Job) -> None:
        """Hand a job to Ray."""
        self._running[self._start(self._handle, job)] = job

    def finished(self, timeout: float) -> list[tuple[Job, Outcome | BaseException]]:
        """Wait for Ray to end a job."""
        running = list(self._running)
        done, _ = self._ray.wait(running, num_returns=1, timeout=timeout) if running else ([], [])
        ended: list[tuple[Job, Outcome | BaseException]] = []
        for reference in done:
            job = self._running.pop(reference)
            try:
                ended.append((job, self._ray.get(reference)))
            except self._ray.exceptions.RayTaskError as error:
                ended.append((job, error.cause))
            except self._ray.exceptions.RayError as error:
                ended.append((job, JobLostError(f"Ray lost it ({type(error).__name__})")))
        return ended

    def close(self) -> None:
        """Cancel what runs and leave the cluster."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()

    def _slots(self) -> int:
        there = self._ray.cluster_resources()
        slots = there.get("CPU", 0) // self._study.threads
        return int(min(slots, there.get("GPU", 0) / self._study.gpus) if self._study.gpus else slots)


def _require_answer(address: str | None) -> None:
    """Ray itself would wait for minutes at an address where nobody is."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise ValueError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start one with `ray start --head`, "
            "which prints its address, or take `--address auto` on a machine of it"
        ) from error


_RUNNERS: dict[str, CellRunner] = {}
"""The runner of a worker process, made with its first job."""


def _run(study: JobsConfig, job: Job) -> Outcome:
    from gnn_sim2real.console import quiet_lightning, set_up_logging

    name = repr(study)
    if name not in _RUNNERS:
        set_up_logging()
        quiet_lightning()
        _RUNNERS.clear()
        _RUNNERS[name] = CellRunner(study)
    return _RUNNERS[name].run(job)
