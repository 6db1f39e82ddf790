"""Dry run: what a study would compute and how long it would take, from a few steps of each kind of training."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table

from gnn_sim2real.console import quiet_lightning, quiet_tasks
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.variants import Shared
from gnn_sim2real.launchers.base import available_cores
from gnn_sim2real.library import TrainedModel, load_model, save_model
from gnn_sim2real.records.published import read_published
from gnn_sim2real.study.baseline_cell import run_baseline
from gnn_sim2real.study.config import JobsConfig, RunOptions
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.jobs import Job
from gnn_sim2real.study.kinds import make_resolver
from gnn_sim2real.study.plan import JobPlan, find_finished, make_plan, select_shard
from gnn_sim2real.study.reuse import find_reusable
from gnn_sim2real.study.schedule import Schedule
from gnn_sim2real.study.stage import Stage
from gnn_sim2real.study.status import format_time
from gnn_sim2real.tasks.interrupt import interruptible
from gnn_sim2real.tasks.policies import is_fine_tuning

_STEPS, _SECONDS, _WARM_UP = 15, 5.0, 3
_ROWS = 40


def print_dry_run(study: JobsConfig, options: RunOptions, console: Console) -> None:
    """Print the cells, the pretrained models they share, and the time it would take; nothing is written.

    Args:
        study: The study.
        options: Shard, whether failed cells are computed again, and a published result whose cells count as done.
        console: Console to print on.
    """
    resolver = make_resolver(study)
    plan = make_plan(study, resolver)
    present, reasons = find_finished(study), list[str]()
    if options.reuse is not None:
        reuse = find_reusable(plan, resolver, read_published(options.reuse), present.records)
        present, reasons = replace(present, records=present.records | reuse.records.keys()), reuse.reasons
    if options.shard is not None:
        plan = select_shard(plan, options.shard)
    failed = () if options.retry_failed else Failures(study.failures).keys()
    schedule = Schedule(plan, present, failed)
    console.print(_table(plan, present.records, present.models))
    policies = Counter(job.point.policy for job in plan.cells)
    console.print(
        f"{len(plan.cells)} cells ({', '.join(f'{count} {policy}' for policy, count in policies.items())}) and "
        f"{len(plan.models)} pretrained models; {schedule.outcomes['cached']} cells are done, "
        f"{schedule.outcomes['failed']} failed before, {schedule.num_open} are left to compute"
    )
    for reason in reasons:
        console.print(f"  not reused: {reason}", markup=False, highlight=False, soft_wrap=True)
    if schedule.is_finished:
        return
    jobs = [job for job in plan.cells if job.key not in present.records]
    needed = {job.model for job in jobs if job.model is not None} - present.models
    seconds = Trials(study).estimate([*jobs, *(plan.models[key] for key in needed)])
    at_once = study.workers or max(1, available_cores() // study.threads)
    at_once = 1 if study.launcher == "serial" else at_once
    console.print(
        f"about {format_time(seconds / at_once)} with {at_once} at a time ({format_time(seconds)} of computing), from "
        "a few steps of each kind of training; training that stops early takes less"
    )


def _table(plan: JobPlan, records: frozenset[str], models: frozenset[str]) -> Table:
    """One row per pretrained model, with the cells that share it."""
    cells: dict[str | None, list[Job]] = {}
    for job in plan.cells:
        cells.setdefault(job.model, []).append(job)
    title = None if len(cells) <= _ROWS else f"the first {_ROWS} of {len(cells)} groups of cells"
    table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left")
    for heading in ("pretrained model", "architecture", "source n", "seed", "made", "cells", "done"):
        table.add_column(heading, justify="left" if heading in ("pretrained model", "architecture") else "right")
    for key, jobs in list(cells.items())[:_ROWS]:
        point = jobs[0].point
        made = "yes" if key in models else "no"
        model = ["none", "", "-", "-", "-"]
        if key is not None:
            model = [key[:8], point.architecture_name, str(point.source_size), str(point.seed), made]
        table.add_row(*model, str(len(jobs)), str(sum(job.key in records for job in jobs)))
    return table


class StepTimer(Callback):
    """Times a few steps of a training and stops it."""

    def __init__(self) -> None:
        self.total = 0
        self.marks: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Get the number of steps of the whole training."""
        self.total = int(trainer.estimated_stepping_batches)
        self.marks = [time.monotonic()]

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Stop after a few steps or seconds."""
        self.marks.append(time.monotonic())
        if len(self.marks) > _STEPS or self.marks[-1] - self.marks[0] > _SECONDS:
            trainer.should_stop = True

    @property
    def step(self) -> float:
        """Median time of a step [s], without the first few if there are more."""
        steps = [end - begin for begin, end in zip(self.marks, self.marks[1:], strict=False)]
        return median(steps[_WARM_UP:] or steps)


class Trials:
    """Times a few steps of each kind of training, in a temporary folder.

    Args:
        study: The study.
    """

    def __init__(self, study: JobsConfig) -> None:
        torch.set_num_threads(study.threads)
        quiet_lightning()
        self._folder = TemporaryDirectory(prefix="gnn_sim2real_trials_")
        self._resolver = make_resolver(replace(study, output=self._folder.name, models=""))
        self._seconds = Shared()
        self._models: dict[str, Path] = {}

    def estimate(self, jobs: list[Job]) -> float:
        """Computing time of all jobs [s], one after the other.

        Args:
            jobs: Jobs from a resolver of the same study.
        """
        with self._folder, quiet_tasks():
            # The largest of a kind first, since its batches are full.
            ordered = sorted(jobs, key=lambda job: (not job.is_pretraining, -self._data(job).parts.size))
            return sum(self._time(job) for job in ordered)

    def _data(self, job: Job) -> PropertyDataModule:
        return self._resolver.data(job)

    def _stage(self, job: Job) -> Stage:
        return self._resolver.stage(job)

    def _time(self, job: Job) -> float:
        architecture = str(job.point.architecture)
        if not job.is_pretraining and not is_fine_tuning(job.point.policy):
            return self._seconds.once((job.point.policy, architecture), lambda: self._baseline(job))[0]
        fixed, step = self._seconds.once((self._stage(job).name, architecture), lambda: self._training(job))
        return fixed + step * num_steps(self._stage(job), self._data(job))

    def _training(self, job: Job) -> tuple[float, float]:
        """Time of a training without its steps, and of one step [s]."""
        config, data = self._resolver.config(job), self._data(job)
        if job.model is not None:
            config.model.init_args.pretrained = str(self._model(job))
        timer, started = StepTimer(), time.monotonic()
        trainer, module = self._stage(job).make(config, [timer])
        with interruptible():
            trainer.fit(module, datamodule=data, weights_only=True)
        if job.is_pretraining:
            model = TrainedModel(module.network, data.featurizer, module.card())
            self._models[str(job.point.architecture)] = self._resolver.model_folder(job.key)
            save_model(model, self._resolver.model_folder(job.key))
        else:
            with interruptible():
                trainer.test(module, datamodule=data, verbose=False)
        return max(0.0, time.monotonic() - started - (timer.marks[-1] - timer.marks[0])), timer.step

    def _baseline(self, job: Job) -> tuple[float, float]:
        model = load_model(self._model(job)) if job.model is not None else None
        started = time.monotonic()
        source, target = self._data(self._resolver.pretraining(job.point)), self._data(job)
        given = self._resolver.foundation, self._resolver.library
        run_baseline(job.key, job.point, source, target, model, *given)
        return time.monotonic() - started, 0.0

    def _model(self, job: Job) -> Path:
        """A model of the job's architecture, trained for the few steps of a trial."""
        architecture = str(job.point.architecture)
        self._seconds.once(("pretrain", architecture), lambda: self._training(self._resolver.pretraining(job.point)))
        return self._models[architecture]


def num_steps(stage: Stage, data: PropertyDataModule) -> int:
    """Number of optimizer steps of a training that does not stop early.

    Args:
        stage: Stage of the training.
        data: Data of the training.
    """
    settings = stage.trainer_settings
    batches = -(-len(data.parts.train) // data.settings.batch_size)
    epochs, steps = settings.get("max_epochs"), settings.get("max_steps", -1)
    if epochs is None:
        epochs = 1000 if steps in (None, -1) else -1  # Lightning's default
    by_epochs = epochs * -(-batches // settings.get("accumulate_grad_batches", 1)) if epochs != -1 else None
    limits = [limit for limit in (by_epochs, steps if steps not in (None, -1) else None) if limit is not None]
    return min(limits) if limits else batches
