"""Jobs in this process, one after the other."""

from collections import deque

from gnn_sim2real.study.cells import CellRunner, Outcome
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.jobs import Job, JobResolver


class Serial:
    """Computes one job after the other in this process.

    Args:
        study: The study.
        resolver: Resolver of the study.
    """

    def __init__(self, study: JobsConfig, resolver: JobResolver) -> None:
        self._runner = CellRunner(study, resolver)
        self._jobs: deque[Job] = deque()

    def has_room(self) -> bool:
        """Whether no job is waiting."""
        return not self._jobs

    def submit(self, job: Job) -> None:
        """Store a job until `finished` is called."""
        self._jobs.append(job)

    def finished(self, timeout: float) -> list[tuple[Job, Outcome | BaseException]]:
        """Compute the waiting job."""
        if not self._jobs:
            return []
        job = self._jobs.popleft()
        return [(job, self._runner.run(job))]

    def close(self) -> None:
        """Nothing to stop."""
