"""Computes one job of a study: a pretraining, a fine-tuning or a baseline."""

import errno
import logging
import time
from functools import lru_cache
from pathlib import Path

import torch
from lightning.pytorch.loggers import Logger

from gnn_sim2real.config.lightning_cli import plain
from gnn_sim2real.console import quiet_tasks
from gnn_sim2real.files import is_disk_full
from gnn_sim2real.launchers.base import Outcome
from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.records.callback import ScalingLawCallback
from gnn_sim2real.records.record import provenance, write_record
from gnn_sim2real.study.baseline_cell import run_baseline
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.kinds import make_resolver
from gnn_sim2real.study.memory import ReleaseMemory
from gnn_sim2real.study.resume import EpochCheckpoint
from gnn_sim2real.study.tracking import Run, close_loggers, describe_run, log_model, log_result, open_loggers
from gnn_sim2real.tasks.interrupt import interruptible
from gnn_sim2real.tasks.policies import is_fine_tuning

logger = logging.getLogger(__name__)


class CellRunner:
    """Computes jobs of a study in one process; data and graphs are read once.

    Args:
        study: The study.
        resolver: Resolver of the study; a new one unless given.
    """

    def __init__(self, study: JobsConfig, resolver: JobResolver | None = None) -> None:
        torch.set_num_threads(study.threads)
        self.study = study
        self.resolver = resolver or make_resolver(study)
        self.claims, self.model_claims = Claims(study.claims), Claims(study.model_claims)
        self.failures = Failures(study.failures)
        self._loggers: list[Logger] = []

    def read_data(self) -> None:
        """Read tables and graphs now instead of in the first job."""
        with quiet_tasks():
            self.resolver.read_data()

    def run(self, job: Job) -> Outcome:
        """Compute a job, unless it is done or another process computes it.

        If it fails, traceback and configuration are saved.

        Args:
            job: Job from a resolver of the same study.

        Raises:
            OSError: If the disk is full, since then every other job would fail too.
        """
        if self.resolver.is_done(job):
            return "cached"
        claims = self.model_claims if job.is_pretraining else self.claims
        with claims.hold(job.key) as held:
            if not held:
                return "elsewhere"
            if self.resolver.is_done(job):  # the other process finished just before the claim
                return "cached"
            started, done = time.monotonic(), False
            try:
                with quiet_tasks():
                    self._compute(job)
                done = True
            except Exception as error:
                if is_disk_full(error):
                    raise OSError(errno.ENOSPC, f"the disk of {self.study.folder} is full") from error
                self.fail(job, error, time.monotonic() - started)
                return "failed"
            finally:
                close_loggers(self._loggers, self.study.folder, failed=not done)
                self._loggers = []
            self.failures.forget(job.key)
            return "done"

    def fail(self, job: Job, error: Exception, seconds: float) -> None:
        """Save and log a failure.

        Args:
            job: Job that failed.
            error: Cause of the failure.
            seconds: Time until the failure [s].
        """
        try:
            config = plain(self.resolver.config(job))
        except Exception:  # the configuration itself may have failed
            config = None
        path = self.failures.save(job.key, describe(job), error, config, seconds)
        logger.error("%s failed: %s; see %s", describe(job), error, path)

    def _compute(self, job: Job) -> None:
        own = self.resolver.pretraining(job.point) if job.is_pretraining else self.resolver.job(job.point)
        if own.key != job.key:
            raise ValueError(
                "data, configuration or package version differ between this process and the one that planned the "
                "study; make them the same on every machine and run the study again"
            )
        if job.is_pretraining:
            self._pretrain(job)
        elif is_fine_tuning(job.point.policy):
            self._fine_tune(job)
        else:
            self._run_baseline(job)

    def _run_baseline(self, job: Job) -> None:
        source, target = self.resolver.data(self.resolver.pretraining(job.point)), self.resolver.data(job)
        run = self._open_loggers(job)
        model = _source_model(str(self.resolver.model_folder(job.model))) if job.model else None
        given = self.resolver.foundation, self.resolver.library
        record, *numbers = run_baseline(job.key, job.point, source, target, model, *given)
        write_record(self.study.records, record, *numbers)
        if run is not None:
            log_result(self._loggers, run, {f"test/{name}": value for name, value in record.metrics.items()})

    def _pretrain(self, job: Job) -> None:
        source, stage = self.resolver.data(job), self.resolver.stage(job)
        checkpoint = self._checkpoint(job)
        run = self._open_loggers(job)
        trainer, module = stage.make(self.resolver.config(job), [checkpoint, ReleaseMemory()], self._loggers)
        started, core_started = time.monotonic(), time.process_time()
        checkpoint.fit(trainer, module, source)
        model = TrainedModel(module.network, source.featurizer, module.card() | {"key": job.key})
        core_seconds = {"core_seconds": round(time.process_time() - core_started, 3)}
        self.resolver.add_model(job, model, provenance(time.monotonic() - started) | core_seconds)
        if run is not None:
            log_result(self._loggers, run, {}, trainer.global_step)
            log_model(stage.loggers, self._loggers, self.resolver.model_folder(job.key))
        checkpoint.discard()

    def _fine_tune(self, job: Job) -> None:
        target, stage = self.resolver.data(job), self.resolver.stage(job)
        config = self.resolver.config(job)
        checkpoint = self._checkpoint(job)
        recorder = ScalingLawCallback(str(self.study.records), architecture=job.point.architecture_name)
        recorder.key, recorder.config, recorder.pretraining = job.key, plain(config), job.point.pretraining
        run = self._open_loggers(job)
        trainer, module = stage.make(config, [checkpoint, recorder, ReleaseMemory()], self._loggers)
        checkpoint.fit(trainer, module, target)
        with interruptible():
            trainer.test(module, datamodule=target, verbose=False)
        if run is not None:
            errors = {
                name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test/")
            }
            log_result(self._loggers, run, errors, trainer.global_step)
        checkpoint.discard()

    def _checkpoint(self, job: Job) -> EpochCheckpoint:
        # In the folder of the models, so that another study that shares them can resume from it.
        shared = Path(self.study.models) if self.study.models and job.is_pretraining else self.study.folder
        return EpochCheckpoint(shared / "unfinished" / f"{job.key}.ckpt", self.study.checkpoint_interval)

    def _open_loggers(self, job: Job) -> Run | None:
        """Start a run in each logger of a job's stage; None if it has no logger."""
        settings = self.resolver.stage(job).loggers
        if not settings:
            return None
        run = describe_run(job, self.resolver)
        self._loggers = open_loggers(settings, run, self.study.folder)
        return run


@lru_cache(maxsize=1)
def _source_model(folder: str) -> TrainedModel:
    """A pretrained model, cached for consecutive baselines."""
    return load_model(folder)


def describe(job: Job) -> str:
    """Describe a job for people.

    Args:
        job: The job.
    """
    point = job.point
    architecture = f"{point.architecture_name}, " if point.architecture and point.architecture_name else ""
    architecture = point.source_name + architecture
    architecture += f"growth by {point.growth}, " if point.growth != "random" else ""
    architecture += f"{point.pretraining}, " if point.pretraining else ""
    if job.is_pretraining:
        return f"pretraining ({architecture}source size {point.source_size}, seed {point.seed}, split {point.split})"
    return (
        f"cell ({architecture}{point.policy}, source size {point.source_size}, target size {point.target_size}, "
        f"seed {point.seed}, split {point.split})"
    )
