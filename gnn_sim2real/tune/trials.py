"""The trials of a tuning: kept by Optuna in a file of SQLite, shared by processes, gone on with after a stop."""

import json
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

try:
    import optuna
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("`tune` needs Optuna: pip install 'gnn-sim2real[tune]'") from error
from optuna.exceptions import ExperimentalWarning
from optuna.storages._rdb.models import BaseModel
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.records.keys import flatten
from gnn_sim2real.tune.space import Space

DATABASE = "study.db"
"""File in the folder of a tuning with all its trials."""

_NAME = "tuning"
_CONTENT = "content"
_WAIT = 120.0
"""How long a process waits for another one that writes [s]."""
_STARTUP, _WARM_UP = 5, 3
"""Trials before the first one is pruned; tenth of a training from which on one is."""
_ABOUT = "about"


@dataclass(frozen=True)
class About:
    """What is kept of a trial beside its values and its error.

    Attributes:
        epochs: Epochs that it trained, also parts of one.
        seconds: Time that it took [s].
        threads: Threads that it computed with.
        reason: Why it failed; empty otherwise.
        errors: Error of each of its trainings, whose mean is that of the trial.
    """

    epochs: float = 0.0
    seconds: float = 0.0
    threads: int = 0
    reason: str = ""
    errors: Sequence[float] = ()


@dataclass(frozen=True)
class Job:
    """A trial that is to be computed.

    Attributes:
        number: Its number, from 0.
        trial: Its number in the database.
        values: Values by the name of the setting.
    """

    number: int
    trial: int
    values: dict[str, Any]

    @property
    def key(self) -> str:
        """Name of the job."""
        return str(self.number)


def require_own(folder: Path) -> None:
    """Refuse a folder whose file of trials is of something else; nothing is written.

    Args:
        folder: Folder of a tuning, which need not exist.

    Raises:
        ValueError: If it is another database, has a study of somebody else, or is damaged.
    """
    file = folder / DATABASE
    if not file.exists():
        return
    known = {*BaseModel.metadata.tables, "alembic_version"}  # Optuna has no public list of its tables
    try:
        # For writing, since SQLite undoes what a killed process left half written before it reads.
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", timeout=_WAIT, uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            is_optuna = "studies" in tables and tables <= known
            studies = {name for (name,) in database.execute("SELECT study_name FROM studies")} if is_optuna else set()
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{file} is damaged, or no file of a tuning; give another `--output`") from error
    if foreign := sorted(tables - known):
        raise ValueError(
            f"{file} is no file of a tuning: it has a table `{foreign[0]}` of something else; give another `--output`"
        )
    if others := sorted(studies - {_NAME}):
        raise ValueError(
            f"{file} has the Optuna study {others[0]!r}, which is not of this command; give another `--output`"
        )


class Trials:
    """The trials of a folder.

    Args:
        folder: Folder of the tuning.
        space: What is tried.
        content: All that must stay the same in a tuning, in plain types.
        seed: Seed of the values.
        prunes: Whether a trial may be ended before its training is.

    Raises:
        ValueError: If the folder has another tuning, or its file is damaged.
    """

    def __init__(self, folder: Path, space: Space, content: Mapping[str, Any], seed: int, prunes: bool) -> None:
        self.folder, self.space, self._seed = folder, space, seed
        self._distributions = {key: each.distribution() for key, each in space.items()}
        self._claims, self._held = Claims(folder / "claims"), dict[int, ExitStack]()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        require_own(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            try:
                self._storage = optuna.storages.RDBStorage(
                    f"sqlite:///{folder / DATABASE}", engine_kwargs={"connect_args": {"timeout": _WAIT}}
                )
                self.study = optuna.create_study(
                    study_name=_NAME, storage=self._storage, pruner=_pruner(prunes), load_if_exists=True
                )
            except DatabaseError as error:
                raise ValueError(
                    f"{folder / DATABASE} is damaged, or no file of a tuning; give another `--output`"
                ) from error
            self._require_same(json.loads(json.dumps(content)))
        self._claims.sweep()

    def close(self) -> None:
        """Release what this process holds."""
        for each in self._held.values():
            each.close()
        self._held.clear()
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _require_same(self, content: dict[str, Any]) -> None:
        there = self.study.user_attrs.get(_CONTENT)
        if there is None:
            if self.study.get_trials(deepcopy=False):
                raise ValueError(f"{self.folder / DATABASE} is not of this command; give another `--output`")
            self.study.set_user_attr(_CONTENT, content)
            return
        before, after = flatten(there), flatten(content)
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if changed:
            name = changed[0]
            raise ValueError(
                f"{self.folder} has a tuning with another `{name}` ({_short(before.get(name))}, now "
                f"{_short(after.get(name))}), whose trials cannot be compared; give another `--output`, or the same "
                "settings"
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from beginning a trial."""
        with FileLock(self.folder / ".lock", timeout=_WAIT):
            yield

    def all(self) -> list[FrozenTrial]:
        """All trials that have begun, in their order."""
        return [each for each in self.study.get_trials(deepcopy=False) if each.state != TrialState.WAITING]

    def values_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """The values of a trial, as a YAML has them.

        Args:
            trial: The trial.
        """
        return {key: self.space[key].decode(value) for key, value in trial.params.items()}

    def about(self, trial: FrozenTrial) -> About:
        """What is known of a trial.

        Args:
            trial: The trial.
        """
        return About(**trial.user_attrs.get(_ABOUT, {}))

    def begin(self, most: int, start: Mapping[str, Any] | None, may_add: bool) -> Job | None:
        """Begin a trial, first of all one whose process was stopped.

        Args:
            most: Largest number of trials.
            start: Values of the first trial; drawn like the others unless given.
            may_add: Whether a new one may begin.

        Returns:
            The trial, which no other process has; None if there is none left to begin.
        """
        with self._alone():
            found = self.all()
            for each in found:
                if each.state == TrialState.RUNNING and each.number not in self._held and self._hold(each.number):
                    if each.params.keys() == self.space.keys():
                        return self._job(each)
                    self.fail(each.number, About(reason="it was stopped before it began"))
            if len(found) >= most or not may_add:
                return None
            number = len(found)
            # What it tries depends on its number and the trials before it, not on how often the tuning was stopped.
            self.study.sampler = _sampler(int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0]))
            if start is not None and not found:
                self.study.enqueue_trial({key: self.space[key].encode(value) for key, value in start.items()})
            trial = self.study.ask(self._distributions)
            self._hold(trial.number)
            return self._job(self.study.get_trials(deepcopy=False)[trial.number])

    def _job(self, trial: FrozenTrial) -> Job:
        return Job(trial.number, trial._trial_id, self.values_of(trial))

    def _hold(self, number: int) -> bool:
        stack = ExitStack()
        if not stack.enter_context(self._claims.hold(str(number))):
            stack.close()
            return False
        self._held[number] = stack
        return True

    def release(self, number: int) -> None:
        """Give up a trial that has ended.

        Args:
            number: Its number.
        """
        if number in self._held:
            self._held.pop(number).close()

    def judge(self, job: Job, lowest: float, tenth: int) -> bool:
        """Report how far a trial is; whether it is worse than the median of the others at that point.

        Args:
            job: The trial.
            lowest: Lowest validation error so far.
            tenth: Number of tenths of its training that are done.
        """
        trial = optuna.trial.Trial(self.study, job.trial)
        if tenth in self._storage.get_trial(job.trial).intermediate_values:  # of a training that was stopped
            return False
        trial.report(lowest, tenth)
        return bool(trial.should_prune())

    def end(self, job: Job, error: float | None, about: About = About()) -> None:  # noqa: B008 (frozen)
        """Keep what a trial gave.

        Args:
            job: The trial.
            error: Its error; None if it was pruned.
            about: What else is known of it.
        """
        if self._storage.get_trial(job.trial).state.is_finished():  # by another process, since this one slept too long
            return
        self._storage.set_trial_user_attr(job.trial, _ABOUT, asdict(about))
        if error is None:
            self.study.tell(job.number, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            self.study.tell(job.number, error, skip_if_finished=True)

    def fail(self, number: int, about: About) -> None:
        """Keep why a trial has no error.

        Args:
            number: Its number.
            about: With the reason.
        """
        trial = self.study.get_trials(deepcopy=False)[number]
        if trial.state.is_finished():
            return
        self._storage.set_trial_user_attr(trial._trial_id, _ABOUT, asdict(about))
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        self.release(number)


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    """Tree-structured Parzen estimator of all settings together, apart from the trials that others are at.

    J. Bergstra et al., NeurIPS 24 (2011); S. Falkner, A. Klein, F. Hutter, ICML (2018), arXiv 1807.01774.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _pruner(prunes: bool) -> optuna.pruners.BasePruner:
    return optuna.pruners.MedianPruner(_STARTUP, _WARM_UP) if prunes else optuna.pruners.NopPruner()


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 40 else f"{text[:37]}..."
