"""Jobs on a Ray cluster: Ray starts them where there is room, and again if a machine was lost."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import Any

from gnn_sim2real.launchers.base import JobLostError, Outcome, Runner, Work, worker_environment

logger = logging.getLogger(__name__)

_FORWARDED = ("GNN_SIM2REAL_DATA", "GNN_SIM2REAL_CACHE", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_DIR")
_QUEUED = 2
"""Number of jobs queued at Ray in addition to the running ones, so that workers never wait for the study."""
_PATIENCE = 5
"""The head is gone if it does not answer this often, a second apart."""


class RayCluster:
    """Computes jobs as tasks of Ray.

    All machines need this package, and the output folder and the data under the same paths.

    Args:
        work: What is computed, with `address`, `threads` and `gpus`.

    Raises:
        ValueError: If Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, work: Work) -> None:
        try:
            import ray
        except ImportError as error:
            raise ValueError("`--launcher ray` needs Ray: pip install 'gnn-sim2real[ray]'") from error
        self._ray, self._work = ray, work
        _require_answer(work.place.address)
        own = {name: os.environ[name] for name in _FORWARDED if name in os.environ}
        try:
            ray.init(
                address=work.place.address,
                runtime_env={"env_vars": worker_environment(work.place.threads) | own},
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"Ray cannot be used at {work.place.address or 'this machine'} ({' '.join(str(error).split())}); start "
                "a cluster with `ray start --head`; where it has a token, set RAY_AUTH_MODE=token for every process"
            ) from error
        # Without max_calls Ray would stop a worker after each task on a GPU, and the next would read all data again.
        task = ray.remote(num_cpus=work.place.threads, num_gpus=work.place.gpus, max_retries=3, max_calls=0)(_run)
        self._start = task.remote
        self._handle = ray.put(work)
        self._running: dict[Any, Any] = {}
        self._head = (work.place.address or "").removeprefix("ray://")
        if not str(work.place.address).startswith("ray://"):
            self._head = ray.get_runtime_context().gcs_address
        self._is_gone = False
        logger.info("Ray cluster for %d cells at a time", self._slots())

    def has_room(self) -> bool:
        """Whether the cluster, at its current size, has room for another job.

        Raises:
            ValueError: If the head of the cluster is gone.
        """
        self._require_head()
        return len(self._running) < min(self._slots() + _QUEUED, self._work.place.workers or 10**9)

    def submit(self, job: Any) -> None:
        """Give a job to Ray."""
        self._running[self._ask(lambda: self._start(self._handle, job))] = job

    def finished(self, timeout: float) -> list[tuple[Any, Outcome | BaseException]]:
        """Wait for Ray to finish a job."""
        running = list(self._running)
        done = self._ask(lambda: self._ray.wait(running, num_returns=1, timeout=timeout)[0]) if running else []
        ended: list[tuple[Any, Outcome | BaseException]] = []
        for reference in done:
            job = self._running.pop(reference)
            try:
                ended.append((job, self._ask(partial(self._ray.get, reference))))
            except self._ray.exceptions.RayTaskError as error:
                ended.append((job, error.cause))
            except self._ray.exceptions.RayError as error:
                ended.append((job, JobLostError(f"Ray lost it ({type(error).__name__})")))
        return ended

    def close(self) -> None:
        """Cancel running jobs and disconnect from the cluster."""
        if not self._is_gone:
            with suppress(ValueError):  # gone by now; what it says is not what ended the study
                self._ask(self._cancel)
                self._ask(self._ray.shutdown)
                return
        self._leave()

    def _cancel(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """What a call of Ray returns, looking after the head while it waits: without one, no call would ever return."""
        answer: Future[Any] = Future()

        def run() -> None:
            try:
                answer.set_result(call())
            except BaseException as error:  # it is raised where the answer is awaited
                answer.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        while not wait([answer], timeout=1.0).done:
            self._require_head()
        return answer.result()

    def _require_head(self) -> None:
        """Stop with a sentence if the head is gone: Ray waits a minute, then ends this process with pages of C++."""
        for attempt in range(_PATIENCE):
            if attempt:
                time.sleep(1.0)
            if _reach(self._head) is None:
                return
        self._is_gone = True
        raise ValueError(
            f"the head of the Ray cluster at {self._head} is gone; what was computed is saved: start the cluster again "
            "with `ray start --head`, and the same command goes on"
        )

    def _leave(self) -> None:
        """Disconnect from a cluster without a head, for which Ray would wait."""
        leaving = threading.Thread(target=self._ray.shutdown, daemon=True)
        leaving.start()
        leaving.join(5.0)

    def _slots(self) -> int:
        there = self._ask(self._ray.cluster_resources)
        slots = there.get("CPU", 0) // self._work.place.threads
        return int(min(slots, there.get("GPU", 0) / self._work.place.gpus) if self._work.place.gpus else slots)


def _require_answer(address: str | None) -> None:
    """Fail fast if no cluster answers, for which Ray itself would wait minutes."""
    found = (address or "").removeprefix("ray://")
    if error := _reach(found):
        raise ValueError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`, which prints its "
            "address, or use `--address auto` on one of its machines"
        )


def _reach(address: str) -> str | None:
    """Why nobody answers at an address; None if somebody does, or if it is no address of a machine."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()):
        return None
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None


_RUNNERS: dict[str, Runner] = {}
"""The runner of a worker process, made with its first job."""


def _run(work: Work, job: Any) -> Outcome:
    from gnn_sim2real.console import quiet_lightning, set_up_logging

    name = repr(work)
    if name not in _RUNNERS:
        set_up_logging()
        quiet_lightning()
        _RUNNERS.clear()
        _RUNNERS[name] = work.make_runner()
    return _RUNNERS[name].run(job)
