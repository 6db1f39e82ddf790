"""A super learner: an ensemble whose weights are learned on folds, and whose error is known from further ones.

M. van der Laan, E. Polley, A. Hubbard, Super Learner, Statistical Applications in Genetics and Molecular Biology 6, 25
(2007), doi 10.2202/1544-6115.1309. An outer fold is left out of everything, of the trainings, of the choice of members
and of their weights, and then predicted: S. Varma, R. Simon, BMC Bioinformatics 7, 91 (2006), doi
10.1186/1471-2105-7-91. The inner folds of an outer fold are the other outer folds, so that a training without folds 2
and 5 serves both, and K folds need K(K - 1)/2 + K + 1 trainings of a member, half of what separate ones would.
"""

import itertools
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.ensemble.weights import DEFAULT, RULES, combine, learn_weights, spread
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.splits.folds import random_folds
from gnn_sim2real.splits.parts import Rows

Floats = NDArray[np.float64]
Clock = Callable[[], float]

COSTLY = 2.0
"""Seconds of a training from which on a member has to show, on half of the inner folds, that it can still help."""

MIXED = 0.2
"""Share of a costly member that, mixed into the ensemble of the cheaper ones, has to lower the error."""

logger = logging.getLogger(__name__)


class Member(Protocol):
    """What learns from some rows and predicts others.

    Attributes:
        name: Name in tables.
        cost: Seconds of one training, roughly. Cheap members come first.
    """

    name: str
    cost: float

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """Learn from measured rows, and predict others, (num_test,); NaN where it cannot.

        Args:
            train: Rows to learn from, (num_train,).
            test: Rows to predict, (num_test,); their values are not to be used.
        """
        ...


@dataclass(frozen=True, eq=False)
class Problem:
    """What is measured, and what is asked.

    Attributes:
        values: Measured value of each row, (num_rows,); not read where there is none.
        groups: Group of each row, (num_rows,); rows of one group, such as replicates, stay in one fold.
        train: Measured rows, (num_train,).
        asked: Rows to predict, (num_asked,).
    """

    values: Floats
    groups: Sequence[str]
    train: Rows
    asked: Rows


@dataclass(frozen=True)
class StackSettings:
    """How an ensemble is made.

    Attributes:
        rule: Name of one of `weights.RULES`.
        num_folds: Number of folds, at least 3; None for 8 up to 100 rows and 5 beyond.
        minutes: Time for all trainings; members that do not fit in are left out. None for no limit; the same input then
            gives the same answer.
        seed: Seed of the folds.

    Raises:
        ValueError: If a setting is none of these.
    """

    rule: str = DEFAULT
    num_folds: int | None = None
    minutes: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"{self.rule!r} is not a rule of weights; choose one of {', '.join(RULES)}")
        if self.num_folds is not None and self.num_folds < 3:
            raise ValueError(f"an ensemble needs at least 3 folds, got {self.num_folds}")
        if self.minutes is not None and self.minutes <= 0:
            raise ValueError(f"`minutes` must be more than 0, got {self.minutes}")


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a member contributes, and why.

    Attributes:
        name: Its name.
        error: Mean absolute error on rows that it was not trained on; None if it was left out.
        weight: Its weight.
        outer_weights: Its weight without each outer fold: how sure the weight is.
        num_trainings: Number of its trainings.
        why: Reason of the weight in words.
        left_out: Its prediction of each training row without the fold of the row, (num_train,); NaN where it has none.
        predictions: (num_asked,); NaN where it has none.
    """

    name: str
    error: float | None
    weight: float
    outer_weights: tuple[float, ...]
    num_trainings: int
    why: str
    left_out: Floats
    predictions: Floats


@dataclass(frozen=True, eq=False)
class Stack:
    """The answer of an ensemble.

    Attributes:
        rule: Name of the rule of the weights.
        members: The contribution of each member, the cheapest first.
        predictions: (num_asked,).
        spread: Weighted standard deviation of the members, (num_asked,).
        honest_predictions: Of each training row, by an ensemble that has not seen its fold, (num_train,).
        honest_spread: The spread of those, (num_train,).
        error: Mean absolute error of the honest predictions with its 90 % interval: the error of the whole procedure,
            however many members compete.
    """

    rule: str
    members: tuple[Contribution, ...]
    predictions: Floats
    spread: Floats
    honest_predictions: Floats
    honest_spread: Floats
    error: tuple[float, float, float]


def fit_stack(
    members: Sequence[Member], problem: Problem, settings: StackSettings, *, clock: Clock = time.monotonic
) -> Stack:
    """Learn the weights of the members, predict what is asked, and find the error of the whole procedure.

    Args:
        members: At least one; the cheapest is never left out, and is the plainest one for the rule of the weights.
        problem: What is measured and what is asked.
        settings: See `StackSettings`.
        clock: Tells the seconds, for `minutes`.

    Raises:
        ValueError: If there are fewer than three groups, no member predicts a row, or predictions have a wrong shape or
            are infinite.
    """
    values = problem.values[problem.train]
    folds = make_folds(problem, settings)
    whole = _Selection(None, values, folds, settings.rule)
    outer = [_Selection(fold, values, folds, settings.rule) for fold in range(len(folds))]
    limit = math.inf if settings.minutes is None else clock() + 60 * settings.minutes
    tried: list[_Trainings] = []
    for member in sorted(members, key=lambda each: each.cost):
        trainings = _Trainings(member, problem, folds, limit if tried else math.inf, clock)
        found: list[_Predicted | None]
        try:
            found = [selection.try_member(trainings) for selection in (whole, *outer)]
        except _OutOfTimeError:
            logger.info("%s is left out of the ensemble, since its trainings take too long", member.name)
            found = [None] * (1 + len(outer))
        for selection, predicted in zip((whole, *outer), found, strict=True):
            selection.members.append(predicted)
        tried.append(trainings)
    answer, outer_answers = whole.answer(), [selection.answer() for selection in outer]
    honest, honest_spread = np.empty(len(values)), np.empty(len(values))
    for fold, each in zip(folds, outer_answers, strict=True):
        honest[fold], honest_spread[fold] = each.predictions, each.spread
    contributions = []
    for number, (trainings, predicted) in enumerate(zip(tried, whole.members, strict=True)):
        weight = float(answer.weights[number])
        contributions.append(
            Contribution(
                name=trainings.member.name,
                error=None if predicted is None else float(np.nanmean(np.abs(predicted.inner - values))),
                weight=weight,
                outer_weights=tuple(float(each.weights[number]) for each in outer_answers),
                num_trainings=len(trainings.seconds),
                why=_reason(trainings, predicted, weight, settings.rule),
                left_out=np.full(len(values), np.nan) if predicted is None else predicted.inner,
                predictions=np.full(len(problem.asked), np.nan) if predicted is None else predicted.tested,
            )
        )
    return Stack(
        rule=settings.rule,
        members=tuple(contributions),
        predictions=answer.predictions,
        spread=answer.spread,
        honest_predictions=honest,
        honest_spread=honest_spread,
        error=interval_of_mean(np.abs(honest - values)),
    )


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Predictions of a member: of the inner folds, (num_train,) with NaN elsewhere, and of the rows that are tested."""

    inner: Floats
    tested: Floats


@dataclass(frozen=True, eq=False)
class _Answer:
    """Weights of all members, zero for those left out, and what a selection predicts."""

    weights: Floats
    predictions: Floats
    spread: Floats


class _OutOfTimeError(Exception):
    """The trainings of a member do not fit into the time that is left."""


class _Trainings:
    """The trainings of one member, each made once, and only when it is needed."""

    def __init__(self, member: Member, problem: Problem, folds: Sequence[Rows], limit: float, clock: Clock) -> None:
        self.member, self._problem, self._folds, self._limit, self._clock = member, problem, folds, limit, clock
        self.num_needed = math.comb(len(folds), 2) + len(folds) + 1
        self.seconds: list[float] = []
        self.too_long = False
        self._made: dict[frozenset[int], Floats] = {}

    def without(self, left_out: frozenset[int]) -> Floats:
        """Predictions of the folds left out, (num_train,) with NaN elsewhere; with none left out, of the rows asked."""
        if left_out not in self._made:
            each = float(np.mean(self.seconds)) if self.seconds else self.member.cost
            started = self._clock()
            if started + each * (self.num_needed - len(self.seconds)) > self._limit:
                self.too_long = True
                raise _OutOfTimeError
            self._made[left_out] = self._train(left_out)
            self.seconds.append(self._clock() - started)
        return self._made[left_out]

    def _train(self, left_out: frozenset[int]) -> Floats:
        train = self._problem.train
        if not left_out:
            return self._fit_predict(train, self._problem.asked)
        tested = np.concatenate([self._folds[fold] for fold in sorted(left_out)])
        predictions = np.full(len(train), np.nan)
        predictions[tested] = self._fit_predict(np.delete(train, tested), train[tested])
        return predictions

    def _fit_predict(self, train: Rows, test: Rows) -> Floats:
        predictions = np.asarray(self.member.fit_predict(train, test), np.float64)
        if predictions.shape != test.shape or np.isinf(predictions).any():
            raise ValueError(
                f"the member {self.member.name!r} gave predictions of the shape {predictions.shape} for {len(test)} "
                f"rows, {int(np.isinf(predictions).sum())} of them infinite; give one finite number a row, or NaN"
            )
        return predictions


class _Selection:
    """The ensemble without an outer fold, which it predicts; with all folds (None) it predicts the rows asked.

    Attributes:
        members: Predictions of each member so far; None where it was left out.
    """

    def __init__(self, outer: int | None, values: Floats, folds: Sequence[Rows], rule: str) -> None:
        self._left_out = frozenset[int]() if outer is None else frozenset([outer])
        self._tested = slice(None) if outer is None else folds[outer]
        self._inner = [fold for fold in range(len(folds)) if fold != outer]
        self._values, self._folds, self._rule = values, folds, rule
        self.members: list[_Predicted | None] = []

    def try_member(self, trainings: _Trainings) -> _Predicted | None:
        """Train a member without each inner fold; None if half of them show that a costly one cannot help."""
        inner = np.full(len(self._values), np.nan)
        for number, fold in enumerate(self._inner):
            if number == len(self._inner) // 2 and trainings.member.cost >= COSTLY and not self._can_help(inner):
                return None
            rows = self._folds[fold]
            inner[rows] = trainings.without(self._left_out | {fold})[rows]
        return _Predicted(inner, trainings.without(self._left_out)[self._tested])

    def _can_help(self, inner: Floats) -> bool:
        """Whether some of a member, mixed into the ensemble so far, lowers the error where it has predictions."""
        present = [each.inner for each in self.members if each is not None]
        rows = np.flatnonzero(~np.isnan(inner))
        if not present or not len(rows):
            return not present
        others, values = np.column_stack(present)[rows], self._values[rows]
        ensemble = combine(others, learn_weights(others, values, self._rule))
        mixed = (1 - MIXED) * ensemble + MIXED * inner[rows]
        return bool(np.abs(mixed - values).mean() < np.abs(ensemble - values).mean())

    def answer(self) -> _Answer:
        """Learn the weights, and predict."""
        rows = np.concatenate([self._folds[fold] for fold in self._inner])
        present = [each for each in self.members if each is not None]
        inner = np.column_stack([each.inner for each in present])[rows]
        learned = learn_weights(inner, self._values[rows], self._rule)
        weights = np.zeros(len(self.members))
        weights[[each is not None for each in self.members]] = learned
        tested = np.column_stack([each.tested for each in present])
        return _Answer(weights, combine(tested, learned), spread(tested, learned))


def cross_predict(member: Member, problem: Problem, settings: StackSettings) -> tuple[Floats, Floats]:
    """What a member alone gives on the outer folds of `fit_stack` and for the rows asked, such as a scale of intervals.

    Args:
        member: The member.
        problem: As for `fit_stack`.
        settings: As for `fit_stack`; there is no limit of time.

    Returns:
        (num_train,), each row by a training without its fold, and (num_asked,).

    Raises:
        ValueError: As for `fit_stack`.
    """
    folds = make_folds(problem, settings)
    trainings = _Trainings(member, problem, folds, math.inf, time.monotonic)
    found = np.empty(len(problem.train))
    for number, rows in enumerate(folds):
        found[rows] = trainings.without(frozenset([number]))[rows]
    return found, trainings.without(frozenset())


def training_parts(problem: Problem, settings: StackSettings) -> list[Rows]:
    """The rows that `fit_stack` trains members on: all of them, then those without a fold, then those without two.

    What members share, such as a ranking, can be made for all of them at once.

    Args:
        problem: As for `fit_stack`.
        settings: As for `fit_stack`.

    Raises:
        ValueError: If there are fewer than three groups.
    """
    folds = make_folds(problem, settings)
    left_out = [each for number in range(3) for each in itertools.combinations(folds, number)]
    return [np.delete(problem.train, np.concatenate([np.empty(0, np.int64), *each])) for each in left_out]


def make_folds(problem: Problem, settings: StackSettings) -> list[Rows]:
    """Positions in the training rows of each fold.

    Args:
        problem: As for `fit_stack`.
        settings: As for `fit_stack`.

    Raises:
        ValueError: If there are fewer than three groups.
    """
    num_folds = settings.num_folds or (8 if len(problem.train) <= 100 else 5)
    groups = [problem.groups[row] for row in problem.train.tolist()]
    if len(set(groups)) < 3:
        raise ValueError(f"an ensemble needs measurements in at least three groups, got {len(set(groups))}")
    return [fold.test for fold in random_folds(groups, num_folds, [settings.seed])]


def _reason(trainings: _Trainings, predicted: _Predicted | None, weight: float, rule: str) -> str:
    if trainings.too_long:
        return f"left out: no time for {trainings.num_needed} trainings"
    if predicted is None:
        return f"left out after half of the folds: {100 * MIXED:.0f} % of it did not lower the error"
    return RULES[rule].chosen if weight > 0 else RULES[rule].other
