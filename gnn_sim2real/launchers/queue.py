"""Jobs that do not depend on each other, in a queue."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from gnn_sim2real.launchers.base import Job, Outcome

PAUSE = 5.0
"""Time after which a job that another run is at is looked at again [s]."""

Kind = TypeVar("Kind", bound=Job)


class JobQueue(Generic[Kind]):
    """Jobs that wait for nothing, in their order; see `drive.Queue`.

    Args:
        jobs: The jobs.
    """

    def __init__(self, jobs: Sequence[Kind]) -> None:
        self._ready = deque(jobs)
        self._elsewhere: deque[tuple[float, Kind]] = deque()
        self._open = len(jobs)
        self.outcomes: Counter[str] = Counter()

    @property
    def is_finished(self) -> bool:
        """Whether every job has an outcome."""
        return not self._open

    def next(self) -> Kind | None:
        """The next job; None if others are at all that are left."""
        while self._elsewhere and self._elsewhere[0][0] <= time.monotonic():
            self._ready.append(self._elsewhere.popleft()[1])
        return self._ready.popleft() if self._ready else None

    def give_back(self, job: Kind) -> None:
        """Return a job whose machine was lost.

        Args:
            job: The job.
        """
        self._ready.append(job)

    def settle(self, job: Kind, outcome: Outcome) -> None:
        """Record the outcome of a job.

        Args:
            job: The job.
            outcome: Its outcome.
        """
        if outcome == "elsewhere":
            self._elsewhere.append((time.monotonic() + PAUSE, job))
            return
        self._open -= 1
        self.outcomes[outcome] += 1
