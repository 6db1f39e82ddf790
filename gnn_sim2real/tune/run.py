"""`tune`: many trainings of one YAML with other values, and the best of them."""

import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from gnn_sim2real.config.shipped import replace_addresses, require_configs
from gnn_sim2real.files import require_replaceable, require_writable
from gnn_sim2real.launchers.base import Outcome, Place, Work, available_cores
from gnn_sim2real.launchers.drive import compute
from gnn_sim2real.records.keys import record_key
from gnn_sim2real.records.training_keys import training_content
from gnn_sim2real.study.status import format_time
from gnn_sim2real.study.tracking import Run, close_loggers, open_loggers, require_loggers, wandb_settings
from gnn_sim2real.study.wandb_runs import how_to_sync, wandb_service
from gnn_sim2real.tune.result import (
    BEST_FILE,
    COMPARISON_FILE,
    TABLE_FILE,
    Comparison,
    Trial,
    Tuning,
    write_best,
    write_pictures,
    write_table,
)
from gnn_sim2real.tune.settings import TuneSettings
from gnn_sim2real.tune.space import Space, read_files, value_at
from gnn_sim2real.tune.training import Training, Watch
from gnn_sim2real.tune.trials import DATABASE, About, Job, Trials, require_own

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Gets a line for the user."""


@dataclass(frozen=True)
class Plan:
    """All that a process needs to compute trials.

    Attributes:
        files: YAMLs of the training.
        options: Settings that replace theirs, as arguments of the command line.
        space: What is tried.
        metric: Name of the error.
        folder: Folder of the tuning.
        content: All that must stay the same in a tuning, in plain types.
        seed: Seed of the values.
        prunes: Whether a trial may be ended before its training is.
        threads: Threads of a process; None in this one.
        seeds: Seeds that each trial trains with.
        splits: Validation parts that each trial is judged by.
    """

    files: tuple[str, ...]
    options: tuple[str, ...]
    space: Space
    metric: str
    folder: Path
    content: Mapping[str, Any]
    seed: int
    prunes: bool
    threads: int | None
    seeds: int = 1
    splits: int = 1

    def open(self) -> Trials:
        """The trials of the folder."""
        return Trials(self.folder, self.space, self.content, self.seed, self.prunes)


class Runner:
    """Computes trials in one process.

    Args:
        plan: The plan.
        training: The training; read again unless given.
        trials: The trials; opened again unless given.

    Raises:
        ValueError: If a YAML has changed since the plan was made.
    """

    def __init__(self, plan: Plan, training: Training | None = None, trials: Trials | None = None) -> None:
        if plan.threads is not None:
            torch.set_num_threads(plan.threads)
        self.plan = plan
        self._training = training or Training(plan.files, plan.options, plan.metric)
        if any(self._training.config[name] != plan.content[name] for name in ("model", "data", "seed_everything")):
            raise ValueError("the YAMLs have changed since this tuning began; run the same command again")
        self._trials = trials or plan.open()

    def read_data(self) -> None:
        """Read table and graphs."""
        _ = self._training.data.store

    def run(self, job: Job) -> Outcome:
        """Compute a trial.

        Args:
            job: The trial.
        """
        began, loggers = time.monotonic(), []
        failed = True
        try:
            loggers = self._open_loggers(job)
            errors, epochs = self._train(job, loggers)
            failed = False
        except (ValueError, RuntimeError, ArithmeticError, MemoryError, MisconfigurationException) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            self._trials.fail(job.number, About(seconds=time.monotonic() - began, reason=reason))
            return "failed"
        finally:
            close_loggers(loggers, self.plan.folder, failed)
        about = About(epochs, time.monotonic() - began, torch.get_num_threads(), errors=errors)
        self._trials.end(job, sum(errors) / len(errors) if errors else None, about)
        return "done"

    def _train(self, job: Job, loggers: list[Any]) -> tuple[list[float], float]:
        """Errors of all trainings of a trial, none if the first was pruned, and their epochs together.

        The first training, which loggers see, is compared with the first ones of other trials on its way.
        """
        errors, epochs = list[float](), 0.0
        for seed, split in itertools.product(range(self.plan.seeds), range(self.plan.splits)):
            is_first = not errors
            judge = (partial(self._trials.judge, job),) if is_first else ()
            found = self._training.run(
                job.values,
                Watch(self.plan.metric, *judge),
                self.plan.folder,
                loggers if is_first else (),
                seed,
                split,
            )
            epochs += found.epochs
            if found.error is None:
                return [], epochs
            if not math.isfinite(found.error):
                raise ValueError(f"the validation error is {found.error}")
            errors.append(found.error)
        return errors, epochs

    def _open_loggers(self, job: Job) -> list[Any]:
        """A run in each logger of the YAML; the runs of a tuning share a group."""
        settings = self._training.loggers
        if not settings:
            return []
        config = self._training.resolved(job.values)
        return open_loggers(settings, _run_of(self.plan, job.number, job.values | config), self.plan.folder)


def _run_of(plan: Plan, number: int, config: Mapping[str, Any]) -> Run:
    key = record_key({"tuning": plan.content, "folder": plan.folder.name, "trial": number})
    return Run(key, f"trial {number}", "tune", {"trial": number, **config})


class Queue:
    """Trials that are still to begin, see `drive.Queue`.

    Args:
        trials: The trials.
        settings: How much is tried.
        start: Values of the first trial; drawn like the others unless given.
        clock: Tells the seconds.
    """

    def __init__(
        self,
        trials: Trials,
        settings: TuneSettings,
        start: Mapping[str, Any] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials, self._settings, self._start = trials, settings, start
        self._clock, self._began = clock, clock()
        self._lost: list[Job] = []
        self._running, self._is_empty = 0, False

    @property
    def is_finished(self) -> bool:
        """Whether nothing runs here, and nothing is left to begin."""
        return self._is_empty and not self._running and not self._lost

    def next(self) -> Job | None:
        """The next trial."""
        if self._lost:
            job: Job | None = self._lost.pop()
        elif self._is_over():
            job = None
        else:
            job = self._trials.begin(self._settings.trials, self._start, not self._is_spent())
        self._running += job is not None
        self._is_empty = job is None
        return job

    def give_back(self, job: Job) -> None:
        """Return a trial whose process was killed."""
        self._lost.append(job)
        self._running -= 1

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Give up a trial that has ended."""
        self._trials.release(job.number)
        self._running -= 1

    def _is_over(self) -> bool:
        minutes = self._settings.minutes
        return minutes is not None and self._clock() - self._began >= 60 * minutes

    def _is_spent(self) -> bool:
        most = self._settings.epochs
        return most is not None and sum(self._trials.about(each).epochs for each in self._trials.all()) >= most


def tune(*files: str | Path, options: Sequence[str] = (), tell: Tell = lambda _: None, **settings: Any) -> Tuning:
    """Try values of the settings of a training, and find those of the lowest validation error.

    Each trial is a training as by `gnn-sim2real fit`, whose data have no test part. With the same folder it goes on.

    Args:
        files: YAMLs of a training, and at least one with the section `tune`, which says what is tried.
        options: Settings that replace those of the YAMLs, as `["--model.encoder.hidden_dim=64"]`.
        tell: Gets a line after each trial.
        settings: How much is tried, and where it is written, see `TuneSettings`: `trials=20, output="runs/mine"`.

    Returns:
        All trials, and the best of them; files in the folder say the same.

    Raises:
        ValueError: If a setting or a value does not fit, there is no validation part, or the folder has another tuning.
    """
    made = TuneSettings(**settings)
    made.check()
    stages, space = read_files(_find(files))
    return _Tuner(stages, options, space, made).run(tell)


def compare(
    *files: str | Path, options: Sequence[str] = (), tell: Tell = lambda _: None, **settings: Any
) -> Comparison:
    """Tune several trainings with the same trials and epochs each, such as those of several encoders.

    Args:
        files: See `tune`.
        options: See `tune`.
        tell: Gets a line after each trial.
        settings: See `tune`; `compare` has a YAML for each of them.

    Returns:
        The tunings by the name of their YAML.

    Raises:
        ValueError: See `tune`; nothing is trained unless all of them fit.
    """
    made = TuneSettings(**settings)
    made.check()
    stages, space = read_files(_find(files))
    compared = _find(made.compare)
    names = [Path(each).stem for each in compared]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two YAMLs of `compare` are called {repeated[0]}; give each its own name")
    folder = Path(made.output)
    require_replaceable(
        folder / COMPARISON_FILE,
        is_ours=lambda _: all((folder / name / DATABASE).exists() for name in names),
        advice="give another folder by `--output`",
    )
    tuners = {
        name: _Tuner([*stages, file], options, space, replace(made, output=str(folder / name)))
        for name, file in zip(names, compared, strict=True)
    }
    found = {}
    for name, each in tuners.items():
        tell(f"{name}:")
        found[name] = each.run(tell)
        write_table(Comparison(found), folder / COMPARISON_FILE)
    return Comparison(found)


def _find(files: Sequence[str | Path]) -> list[str]:
    """The paths of files, some of which may be addresses of shipped ones."""
    found = replace_addresses([str(each) for each in files])
    require_configs([word for each in found for word in ("-c", each)])
    return found


class _Tuner:
    """A tuning that fits, before its first trial."""

    def __init__(self, files: Sequence[str], options: Sequence[str], space: Space, settings: TuneSettings) -> None:
        if not files:
            raise ValueError("there is no YAML of a training: give one by `-c`, such as that of `gnn-sim2real fit`")
        folder = Path(settings.output).resolve()
        require_writable(folder)
        require_own(folder)
        require_replaceable(
            *(folder / name for name in (BEST_FILE, TABLE_FILE)),
            is_ours=lambda _: (folder / DATABASE).exists(),
            inputs=[Path(each) for each in files],
            advice="give another folder by `--output`",
        )
        self.settings = settings
        self._best: tuple[int, dict[str, Any]] | None = None
        """Number and configuration of the best trial so far."""
        self.training = training = Training(files, options, settings.metric)
        self.space = space = training.check(space)
        training.data.splitter.other_validation(settings.splits - 1)  # refused before the first trial, if too many
        require_loggers(training.loggers)
        given = {key: value_at(training.config, key) for key in space}
        self.outside = {key: value for key, value in given.items() if not space[key].contains(value)}
        """Values of the YAML that are not among those that are tried."""
        self.start = None if self.outside else given
        config = training.config
        threads = max(1, available_cores() // settings.workers) if settings.workers > 1 else None
        trainer = {name: value for name, value in config["trainer"].items() if name not in _NOT_OF_NUMBERS}
        content = {
            "trainer": trainer,
            "model": config["model"],
            "data": config["data"],
            "seed_everything": config["seed_everything"],
            "tune": {key: each.plain() for key, each in space.items()},
            "table": training.data.data_set.fingerprint,
            "numerics": training_content(config, threads=0)["numerics"],
            "metric": training.metric,
            "seed": settings.seed,
            "no_pruning": settings.no_pruning,
        }
        # Left out where each trial is one training, as in versions that had nothing else.
        content |= {name: number for name in ("seeds", "splits") if (number := getattr(settings, name)) > 1}
        self.plan = Plan(
            tuple(files),
            tuple(training.options),
            space,
            training.metric,
            folder,
            content,
            settings.seed,
            not settings.no_pruning,
            threads,
            settings.seeds,
            settings.splits,
        )

    def run(self, tell: Tell) -> Tuning:
        """Compute the trials that are left, and write what they gave."""
        trials = self.plan.open()
        if self.outside:
            key, value = next(iter(self.outside.items()))
            tell(
                f"no trial is the YAML as it is: its {key}, {json.dumps(value)}, is not among the values that are tried"
            )
        try:
            with self._tracked():
                self._compute(trials, tell)
            found = self._find(trials)
            self._write(found)
            write_pictures(trials.study, found)
        finally:
            trials.close()
        return found

    def _compute(self, trials: Trials, tell: Tell) -> None:
        settings, plan = self.settings, self.plan
        place = Place("processes" if settings.workers > 1 else "serial", settings.workers, threads=plan.threads or 1)
        began = time.monotonic()
        here: list[int] = []

        def done(job: Job) -> None:
            here.append(job.number)
            found = self._find(trials)
            if (ended := next((each for each in found.trials if each.number == job.number), None)) is not None:
                tell(self._line(found, ended, len(here), time.monotonic() - began))
                self._write(found)

        compute(
            Queue(trials, settings, self.start),
            Work(place, partial(Runner, plan)),
            describe=lambda job: f"trial {job.number}",
            lost=lambda job, reason: trials.fail(job.number, About(reason=reason)),
            done=done,
            runner=Runner(plan, self.training, trials) if settings.workers == 1 else None,
        )

    def _line(self, found: Tuning, ended: Trial, here: int, seconds: float) -> str:
        """What is said of a trial that has ended."""
        best = found.best
        if ended.error is not None:
            what = found.spell(ended.error)
        else:
            what = "pruned" if ended.state == "pruned" else f"failed: {ended.about.reason}"
        so_far = f", best {found.spell(best.error)} (trial {best.number})" if best and best.error is not None else ""
        left = self.settings.trials - len(found.trials)
        time_left = f", {format_time(left * seconds / here)} left" if left > 0 else ""
        count = f"{len(found.trials)} of {self.settings.trials}"
        return f"trial {ended.number} ({count}): {what}{so_far}, {format_time(ended.about.seconds)}{time_left}"

    def _find(self, trials: Trials) -> Tuning:
        """The trials that have ended, by this process and by others."""
        ended = [
            Trial(
                each.number,
                {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}[each.state.name],
                each.value if each.state.name == "COMPLETE" else None,
                trials.values_of(each),
                trials.about(each),
            )
            for each in trials.all()
            if each.state.is_finished()
        ]
        data = self.training.data
        num = len(data.parts.validation)
        start = None if self.start is None else 0
        return Tuning(self.plan.folder, self.plan.metric, self.training.unit, num, ended, start)

    def _write(self, found: Tuning) -> None:
        write_table(found, self.plan.folder / TABLE_FILE)
        if found.best is not None:
            if self._best is None or self._best[0] != found.best.number:
                self._best = found.best.number, self.training.resolved(found.best.values)
            write_best(found, self._best[1])

    @contextmanager
    def _tracked(self) -> Iterator[None]:
        """Have what W&B needs, if the YAML has it."""
        folder = self.plan.folder
        own = wandb_settings(self.training.loggers, _run_of(self.plan, 0, {}), folder)
        with wandb_service(own, folder):
            yield
        if own is not None and (advice := how_to_sync(own, folder)):
            logger.info(advice)


_NOT_OF_NUMBERS = ("logger", "default_root_dir", "enable_progress_bar", "enable_model_summary", "enable_checkpointing")
"""Settings of the trainer that change no number."""
