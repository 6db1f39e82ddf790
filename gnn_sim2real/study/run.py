"""Runs a study: computes the missing jobs in the right order, with a launcher."""

import logging
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gnn_sim2real.records.published import read_published
from gnn_sim2real.study.cells import describe
from gnn_sim2real.study.config import JobsConfig, RunOptions, save_config
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.launchers import JobLostError, Launcher, make_launcher
from gnn_sim2real.study.plan import (
    PLAN_FILE,
    JobPlan,
    load_plan,
    load_valid_plan,
    look,
    make_plan,
    save_plan,
    select_shard,
)
from gnn_sim2real.study.pretrainings import make_resolver
from gnn_sim2real.study.published import reuse_records
from gnn_sim2real.study.schedule import Schedule

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
"""A job whose process is killed this often counts as the cause."""


def run_study(study: JobsConfig, options: RunOptions = RunOptions()) -> Counter[str]:  # noqa: B008 (frozen)
    """Compute all cells that have no record yet.

    Args:
        study: The study.
        options: Options of the run; all cells that did not fail before unless given.

    Returns:
        Numbers of cells that are `done`, `cached` (done before) and `failed`.

    Raises:
        ValueError: If the file to reuse is not a published result.
    """
    published = read_published(options.reuse) if options.reuse is not None else []
    resolver = make_resolver(study)
    # Workers take as long to read the data as planning does: they start at once, unless the last plan is finished.
    launcher = None if _looks_finished(study) else make_launcher(study, resolver)
    try:
        plan = plan_study(study, resolver)
        if published:
            reused = reuse_records(published, study.records, {job.key for job in plan.cells})
            logger.info("%d records reused from %s", reused, options.reuse)
        if options.shard is not None:
            plan = select_shard(plan, options.shard)
        failures = Failures(study.failures)
        if options.retry_failed:
            for job in (*plan.models.values(), *plan.cells):
                failures.forget(job.key)
        schedule = Schedule(plan, look(study), failures.keys())
        if not schedule.is_finished:
            launcher = launcher or make_launcher(study, resolver)
            _work_off(schedule, launcher, failures)
    finally:
        if launcher is not None:
            launcher.close()
    return schedule.outcomes


def plan_study(study: JobsConfig, resolver: JobResolver) -> JobPlan:
    """Plan a study, and write plan and configurations into its folder.

    Args:
        study: The study.
        resolver: Resolver of the study.
    """
    saved = load_valid_plan(study, resolver)
    plan = make_plan(study, resolver) if saved is None else saved
    save_config(study)
    for stage in resolver.stages:
        stage.save_config()
    if saved is None:  # last, since `status` looks for it
        save_plan(plan, study)
    return plan


def _looks_finished(study: JobsConfig) -> bool:
    """Whether every cell of the saved plan has a record."""
    if not (study.folder / PLAN_FILE).exists():
        return False
    return bool(load_plan(study.folder)["key"].isin(look(study).records).all())


def _work_off(schedule: Schedule, launcher: Launcher, failures: Failures) -> None:
    """Compute the open jobs, with progress bars."""
    total = schedule.num_open + schedule.outcomes.total()
    with _stop_on_signals() as stopped, Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
        models = schedule.num_models_missing
        model_bar = progress.add_task("Pretrained models", total=models, visible=models > 0)
        cell_bar = progress.add_task("Cells", total=total, completed=schedule.outcomes.total())
        for _ in _drive(schedule, launcher, failures, stopped):
            progress.update(model_bar, completed=models - schedule.num_models_missing)
            progress.update(cell_bar, completed=schedule.outcomes.total())


_COLUMNS = (
    TextColumn("{task.description:<17}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)


def _drive(schedule: Schedule, launcher: Launcher, failures: Failures, stopped: list[int]) -> Iterator[Job]:
    """Give jobs to the launcher until every cell has an outcome; yields each finished job."""
    attempts: Counter[str] = Counter()
    while not schedule.is_finished:
        if stopped:
            raise KeyboardInterrupt
        while launcher.has_room() and (job := schedule.next()) is not None:
            launcher.submit(job)
        for job, outcome in launcher.finished(timeout=1.0):
            if isinstance(outcome, JobLostError):
                attempts[job.key] += 1
                if attempts[job.key] < MAX_ATTEMPTS:
                    logger.warning("restarting %s: %s", describe(job), outcome)
                    schedule.give_back(job)
                    continue
                failures.save(job.key, describe(job), f"{outcome}, {MAX_ATTEMPTS} times", None, 0.0)
                logger.error("%s failed: %s, %d times", describe(job), outcome, MAX_ATTEMPTS)
                schedule.settle(job, "failed")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                schedule.settle(job, outcome)
            yield job


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """Treat the signal by which a cluster ends a job like Ctrl-C: stop workers and release claims.

    Yields:
        The received signals, since Python drops an exception raised by a signal during a `__del__`.
    """
    stopped: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.append(signum)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        yield stopped
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background, where SIGINT is ignored
        before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
