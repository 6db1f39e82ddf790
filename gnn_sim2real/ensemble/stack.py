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
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import at_times
from gnn_sim2real.ensemble.skills import expected_excess
from gnn_sim2real.ensemble.weights import DEFAULT, RULES, combine, learn_weights, spread
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.splits.folds import random_folds
from gnn_sim2real.splits.parts import Rows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
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
        kind: What `skills` calls it, e.g. `extra trees`; empty if nothing is known of it.
        cost: Seconds of one training, roughly. Cheap members come first.
    """

    name: str
    kind: str
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
        table: Table of the registry that the measurements are of, if they are: what the rule expects of members comes
            from other tables alone.
        honest: Whether the error of the whole is found as well. It takes most of the trainings, and nobody needs it
            where there is a test part; without it, errors and predictions of training rows are NaN.

    Raises:
        ValueError: If a setting is none of these.
    """

    rule: str = DEFAULT
    num_folds: int | None = None
    minutes: float | None = None
    seed: int = 0
    table: str = ""
    honest: bool = True

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"{self.rule!r} is not a rule of weights; choose one of {', '.join(RULES)}")
        if self.num_folds is not None and self.num_folds < 3:
            raise ValueError(f"an ensemble needs at least 3 folds, got {self.num_folds}")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"`minutes` must be more than 0, got {self.minutes}")


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a member contributes, and why.

    Attributes:
        name: Its name.
        error: Mean absolute error on rows that it was not trained on, each once; None if it was left out.
        weight: Its weight.
        outer_weights: Its weight without each outer fold: how sure the weight is.
        num_trainings: Number of its trainings.
        why: Reason of the weight in words.
        left_out: Its prediction of each training row without the fold of the row, (num_train,); NaN where it has none.
        predictions: (num_asked,); NaN where it has none.
        is_late: Whether it was left out since there was no time for it.
    """

    name: str
    error: float | None
    weight: float
    outer_weights: tuple[float, ...]
    num_trainings: int
    why: str
    left_out: Floats
    predictions: Floats
    is_late: bool = False


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
        lacking: Whether a member of weight has no prediction of a row asked, (num_asked,).
        honest_lacking: The same of each training row without its fold, (num_train,).
        fallback: The ensemble of members that predict every row, which answers for rows that lack something.
    """

    rule: str
    members: tuple[Contribution, ...]
    predictions: Floats
    spread: Floats
    honest_predictions: Floats
    honest_spread: Floats
    error: tuple[float, float, float]
    lacking: Bools
    honest_lacking: Bools
    fallback: "Stack | None" = None


def fit_stack(
    members: Sequence[Member],
    problem: Problem,
    settings: StackSettings,
    *,
    fallback: Collection[str] = (),
    clock: Clock = time.monotonic,
) -> Stack:
    """Learn the weights of the members, predict what is asked, and find the error of the whole procedure.

    Args:
        members: At least one; the cheapest is never left out, and is the plainest one for the rule of the weights.
        problem: What is measured and what is asked.
        settings: See `StackSettings`.
        fallback: Names of members that predict every row. With them, a row for which a member of weight has no
            prediction is answered by an ensemble of these alone, whose weights are learned on all rows; without, the
            other members share the weight.
        clock: Tells the seconds, for `minutes`.

    Raises:
        ValueError: If there are fewer than three groups, no member predicts a row, or predictions have a wrong shape or
            are infinite.
    """
    values = problem.values[problem.train]
    folds = make_folds(problem, settings)
    numbers = [None, *range(len(folds))] if settings.honest else [None]
    ordered = sorted(members, key=lambda each: each.cost)
    expected = expected_excess([each.kind for each in ordered], without=settings.table)
    selections = [_Selection(number, values, folds, settings.rule, expected) for number in numbers]
    limit = math.inf if settings.minutes is None else clock() + 60 * settings.minutes
    tried: list[_Trainings] = []
    tell = at_times()
    for member in ordered:
        trainings = _Trainings(member, problem, folds, limit if tried else math.inf, clock, tell, settings.honest)
        found: list[_Predicted | None]
        try:
            found = [selection.try_member(trainings) for selection in selections]
        except _OutOfTimeError:
            logger.info("%s is left out of the ensemble, since its trainings take too long", member.name)
            found = [None] * len(selections)
        for selection, predicted in zip(selections, found, strict=True):
            selection.members.append(predicted)
        tried.append(trainings)
    everyone, allowed = [True] * len(tried), [each.member.name in fallback for each in tried]
    if not any(each and predicted for each, predicted in zip(allowed, selections[0].members, strict=True)):
        answers = [selection.answer(everyone) for selection in selections]
        return _assemble(tried, selections, answers, problem, folds, settings)
    others = [selection.answer(allowed) for selection in selections]
    answers = [
        selection.answer(everyone, mends=True).mended_by(other)
        for selection, other in zip(selections, others, strict=True)
    ]
    simpler = _assemble(tried, selections, others, problem, folds, settings)
    return replace(_assemble(tried, selections, answers, problem, folds, settings), fallback=simpler)


def _assemble(
    tried: Sequence["_Trainings"],
    selections: Sequence["_Selection"],
    answers: Sequence["_Answer"],
    problem: Problem,
    folds: Sequence[Rows],
    settings: StackSettings,
) -> Stack:
    """The ensemble from the answers of all selections, the whole one first."""
    values, (answer, *outer) = problem.values[problem.train], answers
    once = np.sort(np.unique(problem.train, return_index=True)[1])  # a row that counts more is one measurement
    honest, honest_spread = np.full((2, len(values)), np.nan)
    honest_lacking = np.zeros(len(values), np.bool_)
    for fold, each in zip(folds, outer, strict=False):
        honest[fold], honest_spread[fold], honest_lacking[fold] = each.predictions, each.spread, each.lacking
    contributions = []
    for number, (trainings, predicted) in enumerate(zip(tried, selections[0].members, strict=True)):
        weight = float(answer.weights[number])
        contributions.append(
            Contribution(
                name=trainings.member.name,
                error=None if predicted is None else float(np.nanmean(np.abs(predicted.inner - values)[once])),
                weight=weight,
                outer_weights=tuple(float(each.weights[number]) for each in outer),
                num_trainings=len(trainings.seconds),
                why=_reason(trainings, predicted, weight, settings.rule, is_first=number == 0),
                left_out=np.full(len(values), np.nan) if predicted is None else predicted.inner,
                predictions=np.full(len(problem.asked), np.nan) if predicted is None else predicted.tested,
                is_late=trainings.too_long,
            )
        )
    return Stack(
        rule=settings.rule,
        members=tuple(contributions),
        predictions=answer.predictions,
        spread=answer.spread,
        honest_predictions=honest,
        honest_spread=honest_spread,
        error=interval_of_mean(np.abs(honest - values)[once]) if settings.honest else (math.nan, math.nan, math.nan),
        lacking=answer.lacking,
        honest_lacking=honest_lacking,
    )


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Predictions of a member: of the inner folds, (num_train,) with NaN elsewhere, and of the rows that are tested."""

    inner: Floats
    tested: Floats


@dataclass(frozen=True, eq=False)
class _Answer:
    """Weights of all members, zero for those left out, what a selection predicts, and which rows lack something."""

    weights: Floats
    predictions: Floats
    spread: Floats
    lacking: Bools

    def mended_by(self, other: "_Answer") -> "_Answer":
        """With the predictions of another for the rows that lack something."""
        predictions, spread = (
            np.where(self.lacking, of_other, own)
            for own, of_other in ((self.predictions, other.predictions), (self.spread, other.spread))
        )
        return _Answer(self.weights, predictions, spread, self.lacking)


class _OutOfTimeError(Exception):
    """The trainings of a member do not fit into the time that is left."""


class _Trainings:
    """The trainings of one member, each made once, and only when it is needed."""

    def __init__(
        self,
        member: Member,
        problem: Problem,
        folds: Sequence[Rows],
        limit: float,
        clock: Clock,
        tell: Callable[[str, str], None],
        honest: bool = True,
    ) -> None:
        self.member, self._problem, self._folds, self._limit, self._clock = member, problem, folds, limit, clock
        self._tell = tell
        self.num_needed = (math.comb(len(folds), 2) if honest else 0) + len(folds) + 1
        self.seconds: list[float] = []
        self.too_long = False
        self._made: dict[frozenset[int], Floats] = {}

    def without(self, left_out: frozenset[int]) -> Floats:
        """Predictions of the folds left out, (num_train,) with NaN elsewhere; with none left out, of the rows asked."""
        if left_out not in self._made:
            each = self._seconds_each()
            started = self._clock()
            self._tell(self.member.name, f"{len(self.seconds)} of {self.num_needed} trainings")
            if started + each * (self.num_needed - len(self.seconds)) > self._limit:
                self.too_long = True
                raise _OutOfTimeError
            self._made[left_out] = self._train(left_out)
            self.seconds.append(self._clock() - started)
        return self._made[left_out]

    def _seconds_each(self) -> float:
        """Seconds that a training is expected to take: the first one may also load what all the others share."""
        if len(self.seconds) > 1:
            return float(np.mean(self.seconds[1:]))
        return min(self.member.cost, *self.seconds) if self.seconds else self.member.cost

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

    def __init__(self, outer: int | None, values: Floats, folds: Sequence[Rows], rule: str, expected: Floats) -> None:
        self._left_out = frozenset[int]() if outer is None else frozenset([outer])
        self._tested = slice(None) if outer is None else folds[outer]
        self._inner = [fold for fold in range(len(folds)) if fold != outer]
        self._values, self._folds, self._rule, self._expected = values, folds, rule, expected
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
        used = [each is not None for each in self.members]
        rows = np.flatnonzero(~np.isnan(inner))
        if not any(used) or not len(rows):
            return not any(used)
        others, values = self._inner_of(used)[rows], self._values[rows]
        ensemble = combine(others, self._learn(used, rows))
        mixed = (1 - MIXED) * ensemble + MIXED * inner[rows]
        return bool(np.abs(mixed - values).mean() < np.abs(ensemble - values).mean())

    def answer(self, allowed: Sequence[bool], *, mends: bool = False) -> _Answer:
        """Learn the weights of the members that are allowed, and predict.

        Args:
            allowed: Whether each member is.
            mends: Whether others answer for rows that lack something: the weights are then those of the other rows, if
                these are at least half.
        """
        rows = np.concatenate([self._folds[fold] for fold in self._inner])
        used = [allow and each is not None for allow, each in zip(allowed, self.members, strict=True)]
        if mends and (whole := ~np.isnan(self._inner_of(used)[rows]).any(axis=1)).mean() >= 0.5:
            rows = rows[whole]
        learned = self._learn(used, rows)
        weights = np.zeros(len(self.members))
        weights[used] = learned
        tested = np.column_stack([each.tested for each in self._used(used)])
        lacking = np.asarray(np.isnan(tested[:, learned > 0]).any(axis=1))
        return _Answer(weights, combine(tested, learned), spread(tested, learned), lacking)

    def _learn(self, used: Sequence[bool], rows: Rows) -> Floats:
        """Weights of the members that are used, from some rows."""
        expected = self._expected[: len(used)][used]
        return learn_weights(self._inner_of(used)[rows], self._values[rows], self._rule, expected)

    def _inner_of(self, used: Sequence[bool]) -> Floats:
        return np.column_stack([each.inner for each in self._used(used)])

    def _used(self, used: Sequence[bool]) -> list[_Predicted]:
        return [each for use, each in zip(used, self.members, strict=True) if use and each is not None]


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
    trainings = _Trainings(member, problem, folds, math.inf, time.monotonic, at_times())
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


def _reason(trainings: _Trainings, predicted: _Predicted | None, weight: float, rule: str, *, is_first: bool) -> str:
    if trainings.too_long:
        return f"left out: no time for {trainings.num_needed} trainings"
    if predicted is None:
        return f"left out after half of the folds: {100 * MIXED:.0f} % of it did not lower the error"
    if weight == 0:
        return RULES[rule].other
    return (is_first and RULES[rule].plainest) or RULES[rule].chosen
