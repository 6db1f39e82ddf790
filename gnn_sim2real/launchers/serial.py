"""Jobs in this process, one after the other."""

from collections import deque
from typing import Any

from gnn_sim2real.launchers.base import Outcome, Runner


class Serial:
    """Computes one job after the other in this process.

    Args:
        runner: What computes them.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._jobs: deque[Any] = deque()

    def has_room(self) -> bool:
        """Whether no job is waiting."""
        return not self._jobs

    def submit(self, job: Any) -> None:
        """Store a job until `finished` is called."""
        self._jobs.append(job)

    def finished(self, timeout: float) -> list[tuple[Any, Outcome | BaseException]]:
        """Compute the waiting job."""
        if not self._jobs:
            return []
        job = self._jobs.popleft()
        return [(job, self._runner.run(job))]

    def close(self) -> None:
        """Nothing to stop."""
