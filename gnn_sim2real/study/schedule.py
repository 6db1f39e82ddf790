"""The order of jobs: pretrainings before the cells that need them, all cells of one model before the next."""

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Iterable

from gnn_sim2real.launchers.base import Outcome
from gnn_sim2real.study.jobs import Job
from gnn_sim2real.study.plan import JobPlan, Present

PAUSE = 5.0
"""Time after which a job claimed by another run is checked again [s]."""


class Schedule:
    """The open jobs of a plan.

    Args:
        plan: All jobs.
        present: Finished jobs.
        failed: Keys of jobs that failed before and are not computed again.
    """

    def __init__(self, plan: JobPlan, present: Present, failed: Iterable[str] = ()) -> None:
        failures = set(failed)
        self.plan = plan
        self.outcomes: Counter[str] = Counter()
        self._rank = {job.key: rank for rank, job in enumerate(plan.cells)}
        self._ready: list[tuple[int, Job]] = []
        self._waiting: dict[str, list[Job]] = defaultdict(list)
        self._elsewhere: list[tuple[float, Job]] = []
        for job in plan.cells:
            if job.key in present.records:
                self.outcomes["cached"] += 1
            elif job.key in failures or job.model in failures:
                self.outcomes["failed"] += 1
            elif job.model is None or job.model in present.models:
                self._push(job)
            else:
                self._waiting[job.model].append(job)
        for model in self._waiting:
            self._push(plan.models[model])

    @property
    def num_open(self) -> int:
        """Number of cells without an outcome."""
        return len(self.plan.cells) - self.outcomes.total()

    @property
    def num_models_missing(self) -> int:
        """Number of pretrained models that cells wait for."""
        return len(self._waiting)

    @property
    def is_finished(self) -> bool:
        """Whether every cell has an outcome."""
        return self.num_open == 0

    def next(self) -> Job | None:
        """The next job to start; None if all remaining jobs wait for others."""
        now = time.monotonic()
        while self._elsewhere and self._elsewhere[0][0] <= now:
            self._push(self._elsewhere.pop(0)[1])
        if not self._ready:
            return None
        return heapq.heappop(self._ready)[1]

    def give_back(self, job: Job) -> None:
        """Return a job that was not computed, since its process or machine was lost, to start it again.

        Args:
            job: Job from `next`.
        """
        self._push(job)

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Record the outcome of a job.

        Args:
            job: Job from `next`.
            outcome: Outcome of the job.
        """
        if outcome == "elsewhere":
            self._elsewhere.append((time.monotonic() + PAUSE, job))
        elif job.key not in self._waiting:
            self.outcomes[outcome] += 1
        else:
            waiting = self._waiting.pop(job.key)
            if outcome == "failed":
                self.outcomes["failed"] += len(waiting)
            else:
                for cell in waiting:
                    self._push(cell)

    def _push(self, job: Job) -> None:
        # A pretraining has the rank of the first cell that waits for it, so models are used in their order.
        first = self._waiting[job.key][0] if job.key in self._waiting else job
        heapq.heappush(self._ready, (self._rank[first.key], job))
