"""Runs a study: computes the missing jobs in the right order, with a launcher."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gnn_sim2real.files import require_replaceable, require_writable
from gnn_sim2real.launchers import Launcher, make_launcher
from gnn_sim2real.launchers.base import Place, Work
from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.launchers.drive import drive, stop_on_signals
from gnn_sim2real.records.published import Published, read_published
from gnn_sim2real.records.record import rename_architectures
from gnn_sim2real.study.bench_fixed import find_differences
from gnn_sim2real.study.bench_task import find_task
from gnn_sim2real.study.cells import CellRunner, describe
from gnn_sim2real.study.config import STUDY_FILE, JobsConfig, RunOptions, is_saved, save_config
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.kinds import make_resolver
from gnn_sim2real.study.plan import (
    PLAN_FILE,
    JobPlan,
    find_finished,
    load_plan,
    load_valid_plan,
    make_plan,
    save_plan,
    select_shard,
    set_aside_damaged,
)
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.reuse import find_reusable, write_reused
from gnn_sim2real.study.schedule import Schedule
from gnn_sim2real.study.status import format_time
from gnn_sim2real.study.tracking import tracked

logger = logging.getLogger(__name__)

LOG_INTERVAL = 60.0
"""A study whose output goes to a file says this often [s] how far it is."""

_OLD = 86400.0
"""A file that is still being written is younger than this [s]."""


def run_study(study: JobsConfig, options: RunOptions = RunOptions()) -> Counter[str]:  # noqa: B008 (frozen)
    """Compute all cells that have no record yet.

    Args:
        study: The study.
        options: Options of the run; all cells that did not fail before unless given.

    Returns:
        Numbers of cells that are `done`, `cached` (done before) and `failed`.

    Raises:
        ValueError: If the file to reuse is not a published result, or the folder has a STUDY.yaml of the user.
    """
    require_writable(study.folder)
    if not (study.folder / PLAN_FILE).exists():  # else the folder is that of a study, whose settings may be damaged
        require_replaceable(
            study.folder / STUDY_FILE, is_ours=partial(is_saved, study), advice="give another folder by `--output`"
        )
    with stop_on_signals() as stopped:
        published = None if options.reuse is None else read_published(options.reuse)
        _sweep(study)
        resolver = make_resolver(study)
        with tracked(study, resolver.stages):
            return _run(study, options, resolver, published, stopped)


def _run(
    study: JobsConfig, options: RunOptions, resolver: JobResolver, published: Published | None, stopped: list[int]
) -> Counter[str]:
    finished = _looks_finished(study)
    if not finished:
        if not (study.folder / STUDY_FILE).exists():  # `status` finds the folder while the data are read
            save_config(study)
        logger.info("reading the data, planning %d cells", len(resolver.points()))
    # Workers take as long to read the data as planning does: they start at once, unless the last plan is finished.
    launcher = None if finished else _launch(study, resolver)
    try:
        plan = plan_study(study, resolver)
        if isinstance(resolver, Resolver) and resolver.study.bench:
            _compare_with_task(resolver)
        if published is not None:
            _reuse(study, plan, resolver, published, str(options.reuse))
        if options.shard is not None:
            plan = select_shard(plan, options.shard)
        set_aside_damaged(study, plan)
        failures = Failures(study.failures)
        if options.retry_failed:
            for job in (*plan.models.values(), *plan.cells):
                failures.forget(job.key)
        schedule = Schedule(plan, find_finished(study), failures.keys())
        if not schedule.is_finished:
            launcher = launcher or _launch(study, resolver)
            _work_off(schedule, launcher, failures, stopped)
    finally:
        if launcher is not None:
            launcher.close()
            _sweep(study)  # the claims of workers that were stopped: another machine would wait for them
    return schedule.outcomes


def _compare_with_task(resolver: Resolver) -> None:
    """Say in what a study is no entry of the benchmark, before hours go into it."""
    for line in find_differences(resolver, find_task(resolver.study.bench)):
        logger.warning("no entry of the benchmark %s, since it fixes %s", resolver.study.bench, line)


def _launch(study: JobsConfig, resolver: JobResolver) -> Launcher:
    work = Work(Place.of(study), partial(CellRunner, study))
    return make_launcher(work, CellRunner(study, resolver) if study.launcher == "serial" else None)


def _reuse(study: JobsConfig, plan: JobPlan, resolver: JobResolver, published: Published, name: str) -> None:
    """Take over the cells of a published result, and say what that means."""
    reuse = find_reusable(plan, resolver, published, find_finished(study).records)
    write_reused(reuse, study.records)
    logger.info("%d records reused from %s", len(reuse.records), name)
    if reuse.records:
        logger.info(
            "they have no errors of single test materials: where all models share one test part, intervals of laws "
            "over them do not contain the choice of its materials, and are narrower"
        )
    for reason in reuse.reasons:
        logger.info("not reused: %s", reason)


def _sweep(study: JobsConfig) -> None:
    """Remove what stopped and killed processes left behind."""
    with suppress(OSError):  # a folder that cannot be written is told where something is to be written
        for folder in {study.claims, study.model_claims}:
            if folder.exists():
                Claims(folder).sweep()
        shared = Path(study.models) if study.models else study.folder
        for folder in {study.folder, study.records, study.folder / "unfinished", shared / "unfinished"}:
            for path in folder.glob("*.part"):
                if time.time() - path.stat().st_mtime > _OLD:
                    path.unlink(missing_ok=True)


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
    if saved is None:
        done = find_finished(study).records
        names = {job.key: job.point.architecture_name for job in plan.cells if job.key in done}
        if not study.pretrains_only:
            rename_architectures(study.records, names)
        save_plan(plan, study)  # last, since `status` looks for it
    return plan


def _looks_finished(study: JobsConfig) -> bool:
    """Whether every cell of the saved plan has a record."""
    try:
        return bool(load_plan(study.folder)["key"].isin(find_finished(study).records).all())
    except ValueError:  # no plan, or a damaged one
        return False


def _work_off(schedule: Schedule, launcher: Launcher, failures: Failures, stopped: list[int]) -> None:
    """Compute the open jobs, with progress bars, or a line each minute where the output goes to a file."""
    total, console = schedule.num_open + schedule.outcomes.total(), Console(stderr=True)
    with Progress(*_COLUMNS, console=console) as progress, _lines(schedule, total, not console.is_terminal):
        models = schedule.num_models_missing
        model_bar = progress.add_task("Pretrained models", total=models, visible=models > 0)
        cell_bar = progress.add_task("Cells", total=total, completed=schedule.outcomes.total())
        for _ in drive(schedule, launcher, stopped, describe, partial(_save_loss, failures)):
            progress.update(model_bar, completed=models - schedule.num_models_missing)
            progress.update(cell_bar, completed=schedule.outcomes.total())


@contextmanager
def _lines(schedule: Schedule, total: int, is_wanted: bool) -> Iterator[None]:
    """Say each minute how far a study is, also while a single job takes longer than that."""
    if not is_wanted:
        yield
        return
    ended, start, before = threading.Event(), time.monotonic(), schedule.outcomes.total()

    def say() -> None:
        while not ended.wait(LOG_INTERVAL):
            done, models = schedule.outcomes.total(), schedule.num_models_missing
            line = f"{done:,} of {total:,} cells done"
            line += f", {models:,} models left to pretrain" if models else ""
            if done > before:
                left = (time.monotonic() - start) / (done - before) * (total - done)
                line += f", about {format_time(left)} left"
            logger.info("%s", line)

    speaker = threading.Thread(target=say, name="progress", daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()


_COLUMNS = (
    TextColumn("{task.description:<17}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)


def _save_loss(failures: Failures, job: Job, reason: str) -> None:
    failures.save(job.key, describe(job), reason, None, 0.0)
