"""The targets of a study of shotgun transfer as jobs, computed by any launcher.

A target is one job, since all its draws share the features of each model. Every draw has its record, so that a job
which is started again, after a stop or on another machine, goes on after the last one.
"""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from gnn_sim2real.launchers.base import Outcome, Place, Work
from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.launchers.drive import compute
from gnn_sim2real.launchers.queue import JobQueue
from gnn_sim2real.shotgun.settings import ShotgunStudyConfig
from gnn_sim2real.shotgun.study import read_shotgun_study, run_target

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TargetJob:
    """One target.

    Attributes:
        name: Its name in the YAML.
    """

    name: str

    @property
    def key(self) -> str:
        """Name of its claim."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]


class TargetRunner:
    """Computes targets in one process.

    Args:
        config: The study.
    """

    def __init__(self, config: ShotgunStudyConfig) -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        self._claims = Claims(Path(config.output) / "claims")

    def read_data(self) -> None:
        """A worker reads the data of the targets that it is given, and of no others."""

    def run(self, job: TargetJob) -> Outcome:
        """See `launchers.base.Runner`.

        Args:
            job: The target.
        """
        with self._claims.hold(job.key) as held:
            if not held:
                return "elsewhere"
            return "done" if run_target(self.config, job.name) else "cached"


def make_runner(argv: Sequence[str], folder: str) -> TargetRunner:
    """What computes targets in a worker, which reads the study for itself.

    Args:
        argv: Arguments after `gnn-sim2real shotgun study`.
        folder: Folder in which they were typed, under the same path on every machine.
    """
    os.chdir(folder)
    return TargetRunner(read_shotgun_study(argv))


def compute_targets(config: ShotgunStudyConfig, argv: Sequence[str], names: Sequence[str]) -> Counter[str]:
    """Compute targets on the launcher of the study; those whose draws all have records cost nothing.

    Args:
        config: The study.
        argv: The arguments that it was read from, which workers read again.
        names: Names of the targets.

    Returns:
        Number of targets by outcome.
    """
    work = Work(Place.of(config), partial(make_runner, tuple(argv), str(Path.cwd())))
    queue = JobQueue([TargetJob(name) for name in names])

    def tell(job: TargetJob) -> None:
        logger.info("%s: %d of %d targets done", job.name, queue.outcomes.total(), len(names))

    runner = TargetRunner(config) if config.launcher == "serial" else None
    compute(queue, work, lambda job: job.name, _say_lost, tell, runner)
    return queue.outcomes


def _say_lost(job: TargetJob, reason: str) -> None:
    logger.error("%s: %s; the same command goes on after its last draw", job.name, reason)
