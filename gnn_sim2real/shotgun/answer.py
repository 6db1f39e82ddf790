"""The answer for a target: the ranking of a library, members of many kinds, and the ensemble of them.

The error of the winner in a ranking is too small, since it is the smallest of many: the winner's curse. So the whole
procedure is repeated without each outer fold, the ranking of the library and the choice of layers included, and then
tested on it. S. Varma, R. Simon, BMC Bioinformatics 7, 91 (2006), doi 10.1186/1471-2105-7-91; G. C. Cawley, N. L. C.
Talbot, J. Mach. Learn. Res. 11, 2079 (2010).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.baselines.member import MEAN
from gnn_sim2real.ensemble.intervals import Intervals, TrainingRange, conformal_quantile, fit_intervals, make_scale
from gnn_sim2real.ensemble.stack import (
    Member,
    Problem,
    Stack,
    StackSettings,
    cross_predict,
    fit_stack,
    make_folds,
    training_parts,
)
from gnn_sim2real.library import Card
from gnn_sim2real.linear import Floats
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.library_predictions import Column, choose_columns, predict_columns
from gnn_sim2real.shotgun.members import (
    PHYSICAL,
    SIMULATED,
    Block,
    Deviation,
    Tables,
    fill_gaps,
    make_tables,
    table_members,
)
from gnn_sim2real.shotgun.models import entries_of
from gnn_sim2real.shotgun.networks import SCRATCH, Network, Networks, frozen_name
from gnn_sim2real.shotgun.ranking import Entry, Models, rank_models
from gnn_sim2real.shotgun.scores import Score, ScoreCache
from gnn_sim2real.shotgun.settings import RankingSettings, TuningSettings
from gnn_sim2real.shotgun.target import Target, first_places
from gnn_sim2real.splits.parts import Rows
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.store.vocabulary import Vocabulary, find_unseen, find_vocabulary

COVERAGE = 0.9
"""Nominal coverage of the intervals."""

ANSWER_VERSION = 7
"""Raised by hand whenever the same library and target would give another answer."""

ENSEMBLE = "shotgun ensemble"

FEW = 30
"""Up to so many rows there are eight folds, beyond five."""

UNSEEN_WIDENING = 1.4
"""How many times as wide an interval is where an element was never measured. On the thermal conductivity of crystals,
where this is half of the new materials at 20 measurements, twice as wide was too much
(`benchmarks/ensemble_targets.py`)."""

VALUE_RANGES = 6
"""Folds of extrapolation without families: ranges of the values."""


@dataclass(frozen=True)
class AnswerSettings:
    """How an answer is found.

    Attributes:
        ranking: How models are ranked.
        tuning: How the best models are fine-tuned.
        stack: How the ensemble is made; `minutes` hold for all of it.
        cache: Folder of scores and predictions of the library that later runs reuse; None for none.
        transfer_only: Whether all members but the mean of the measurements start from models of the library, or from
            simulated values where the target has them.
    """

    ranking: RankingSettings
    tuning: TuningSettings
    stack: StackSettings
    cache: Path | None = None
    transfer_only: bool = False


@dataclass(frozen=True, eq=False)
class Outside:
    """How far rows are from measured ones.

    Attributes:
        distances: Distance of each row, see `find_distances`, (num_rows,); above 1 is outside of the range.
        unseen: Whether a row has an element that was never measured, (num_rows,).
        disordered: Whether a row is disordered, of known elements, and no measured one is disordered, (num_rows,).
    """

    distances: Floats
    unseen: NDArray[np.bool_]
    disordered: NDArray[np.bool_]

    @property
    def wider(self) -> Floats:
        """How many times as wide the interval of each row is as within the range, (num_rows,)."""
        return widening(self.distances, self.unseen | self.disordered)


@dataclass(frozen=True, eq=False)
class Answer:
    """The ensemble for a target, with all that it was made from.

    Attributes:
        target: The target.
        ranked: Scores of the library on all training rows, best first.
        columns: Columns of the library's predictions.
        blocks: Further descriptors that are among the tables.
        tables: Tables of all rows.
        seed: Seed of the members.
        members: The members, by name.
        stack: Weights, predictions of the tested rows, and the honest error.
        intervals: How wide intervals are.
        fallback_intervals: The same of the ensemble for materials without a simulated value; None if there is none.
        half_widths: Half the width of the interval of each tested row, (num_tested,), wider outside of the range.
        outside: How far each tested row is from the training rows.
        left_out_outside: How far each training row is from those of the other folds.
        left_out_scale: What the factor of the intervals multiplies for each training row without its fold,
            (num_train,), larger outside of the range of the others.
        promised: For each outer fold, the error of the winner in the ranking without it.
        found: For each outer fold, the error of that winner on it.
    """

    target: Target
    ranked: Sequence[Score]
    columns: Sequence[Column]
    blocks: Sequence[Block]
    tables: Tables
    seed: int
    members: dict[str, Member]
    stack: Stack
    intervals: Intervals
    fallback_intervals: Intervals | None
    half_widths: Floats
    outside: Outside
    left_out_outside: Outside
    left_out_scale: Floats
    promised: Floats
    found: Floats

    @property
    def curse(self) -> tuple[float, float, float]:
        """Error of the winner on rows that were left out minus its error in the ranking, with its 90 % interval."""
        return interval_of_mean(self.found - self.promised)

    def left_out_errors(self) -> dict[str, Floats]:
        """Absolute error of each training row without its fold, by method: the ensemble, then each member tried.

        A row is one, however much it counts.
        """
        first = first_places(self.target.train)
        values = self.target.values[self.target.train[first]]
        found = {ENSEMBLE: np.abs(self.stack.honest_predictions[first] - values)}
        tried = [each for each in self.stack.members if each.error is not None]
        return found | {each.name: np.abs(each.left_out[first] - values) for each in tried}

    def tested_errors(self) -> dict[str, Floats]:
        """Absolute error of each tested row by method; empty without a test part."""
        values = self.target.values[self.target.test]
        if not len(values):
            return {}
        tried = [each for each in self.stack.members if each.error is not None]
        return {ENSEMBLE: np.abs(self.stack.predictions - values)} | {
            each.name: np.abs(each.predictions - values) for each in tried
        }


def mean_error(errors: Floats) -> float | None:
    """Mean error on the materials that a method answers; None if it answers none.

    Args:
        errors: (num_materials,); NaN where it has no answer.
    """
    present = errors[~np.isnan(errors)]
    return float(present.mean()) if len(present) else None


def describe_fewer(errors: Mapping[str, Floats]) -> dict[str, dict[str, Any]]:
    """The methods that answer fewer materials than the ensemble, with its error on the same, in plain types.

    Args:
        errors: From `left_out_errors`, `tested_errors` or `study.method_errors`.
    """
    found = {}
    for name, each in errors.items():
        present = ~np.isnan(each)
        if not present.all():
            number, of = int(present.sum()), len(present)
            found[name] = {"number": number, "of": of, "ensemble": mean_error(errors[ENSEMBLE][present])}
    return found


def note_of_fewer(fewer: Mapping[str, Any]) -> str:
    """What a report says of a method that answers fewer materials.

    Args:
        fewer: An entry of `describe_fewer`.
    """
    note = f"on {fewer['number']:.4g} of {fewer['of']:.4g}"
    return note if fewer["ensemble"] is None else f"{note}, where the ensemble has {fewer['ensemble']:.4g}"


def find_answer(
    models: Models,
    cards: Sequence[Card | Entry],
    target: Target,
    settings: AnswerSettings,
    skipped: Skipped,
    blocks: Sequence[Block] = (),
) -> Answer:
    """Rank the library, train members, and make the ensemble; the test part of the target is predicted, not used.

    Args:
        models: The library.
        cards: Cards of its models that may be used; a model without one only takes part as a network.
        target: The target.
        settings: See `AnswerSettings`.
        skipped: Counts the models that cannot be ranked.
        blocks: Further descriptors of materials.

    Raises:
        ValueError: If no model can be used for the target, or there are too few measurements.
    """
    started = time.monotonic()
    problem = make_problem(target, settings.ranking)
    cache, stack_settings = ScoreCache(settings.cache), settings_for(settings.stack, target)
    parts = training_parts(problem, stack_settings)
    quick = quick_parts(problem, stack_settings)
    ranked = rank_models(models, entries_of(cards), target, parts, settings.ranking, cache, skipped, quick)
    if not ranked[0]:
        raise ValueError(f"no model of the library can be used for this target: {skipped.list_reasons()}")
    known = [] if settings.transfer_only else [each for each in cards if isinstance(each, Card)]
    columns, library = predict_columns(models, choose_columns(known), target, settings.cache)
    tables = fill_gaps(make_tables(target, library, blocks), target.train)
    rankings = {part.tobytes(): scores for part, scores in zip(parts, ranked, strict=True)}
    members: dict[str, Member] = dict(table_members(target.values, tables, target.train, settings.tuning.seed))
    networks = Networks(models, rankings, target, settings.tuning)
    members |= {each.name: each for each in networks.members()}
    if settings.transfer_only:
        members = {name: each for name, each in members.items() if _is_transfer(each)}
    valueless = [name for name, each in members.items() if not _takes_simulated(each)]
    fallback = valueless if SIMULATED in tables else ()
    limited = _within(stack_settings, started)
    stack = fit_stack(list(members.values()), problem, limited, fallback=fallback)
    left_out, asked = cross_predict(Deviation(target.values, tables[PHYSICAL]), problem, stack_settings)
    outside = find_outside(target, tables[PHYSICAL], target.train, target.test)
    left_out_outside = find_left_out_outside(target, tables[PHYSICAL], make_folds(problem, stack_settings))
    widenings = left_out_outside.wider, outside.wider
    bounds = find_bounds(stack, target.values[target.train], (left_out, asked), widenings, first_places(target.train))
    promised, found = _winners(stack, problem, stack_settings, rankings)
    return Answer(
        target=target,
        ranked=ranked[0],
        columns=columns,
        blocks=blocks,
        tables=tables,
        seed=settings.tuning.seed,
        members=members,
        stack=stack,
        intervals=bounds.intervals,
        fallback_intervals=bounds.fallback,
        half_widths=bounds.half_widths,
        outside=outside,
        left_out_outside=left_out_outside,
        left_out_scale=bounds.left_out_scale,
        promised=promised,
        found=found,
    )


def _is_transfer(member: Member) -> bool:
    """Whether a member starts from a model of the library or from simulated values, or is the mean of measurements."""
    starts_from_library = isinstance(member, Network) and member.name != SCRATCH
    return member.name == MEAN or starts_from_library or _takes_simulated(member)


def _takes_simulated(member: Member) -> bool:
    return SIMULATED in getattr(member, "tables", ())


@dataclass(frozen=True, eq=False)
class Bounds:
    """How wide the intervals of an ensemble are.

    Attributes:
        intervals: Those of materials that lack nothing.
        fallback: Those of the others; None without an ensemble for them.
        half_widths: See `Answer`.
        left_out_scale: See `Answer`.
    """

    intervals: Intervals
    fallback: Intervals | None
    half_widths: Floats
    left_out_scale: Floats


def find_bounds(
    stack: Stack,
    values: Floats,
    deviations: tuple[Floats, Floats],
    widenings: tuple[Floats, Floats],
    first: Rows | None = None,
) -> Bounds:
    """Learn how wide intervals are, of materials that lack a simulated value by the errors of the fallback alone.

    Args:
        stack: The ensemble.
        values: Measured values of the training rows, (num_train,).
        deviations: Of the training rows without their folds and of the rows asked, (num_train,) and (num_asked,).
        widenings: How many times as wide intervals of the same rows are, see `widening`.
        first: Places of the training rows that are not repetitions of others; all of them unless given.
    """
    (left_out, asked), (wider, asked_wider) = deviations, widenings
    counted = np.ones(len(values), np.bool_)
    if first is not None:
        counted = np.isin(np.arange(len(values)), first)
    number = int(counted.sum())
    is_telling = sum(each.weight > 0 and each.name != MEAN for each in stack.members) > 1
    scale = make_scale(number, stack.honest_spread, left_out, is_telling=is_telling)
    # Rows without their fold are widened like new ones. Otherwise those outside of the range would count twice: their
    # errors make all intervals wider, and then theirs are widened once more.
    errors = (values - stack.honest_predictions) / wider
    whole = counted & ~stack.honest_lacking
    if np.isinf(conformal_quantile(np.zeros(int(whole.sum())), COVERAGE)):  # too few materials that lack nothing
        whole = counted
    intervals = replace(fit_intervals(errors[whole], scale[whole], COVERAGE), is_spread_telling=is_telling)
    left_out_scale = intervals.used(scale) * wider
    half_widths = intervals.half_widths(make_scale(number, stack.spread, asked, is_telling=is_telling)) * asked_wider
    if stack.fallback is None:
        return Bounds(intervals, None, half_widths, left_out_scale)
    other = find_bounds(stack.fallback, values, deviations, widenings, first)
    half_widths = np.where(stack.lacking, other.half_widths, half_widths)
    if np.isfinite(intervals.factor) and np.isfinite(other.intervals.factor):
        in_units = other.left_out_scale * other.intervals.factor / intervals.factor
        left_out_scale = np.where(stack.honest_lacking, in_units, left_out_scale)
    return Bounds(intervals, other.intervals, half_widths, left_out_scale)


def settings_for(settings: StackSettings, target: Target) -> StackSettings:
    """The settings with the table of the target, and a number of folds: few rows need many, and networks cost.

    Args:
        settings: Settings, perhaps without a number.
        target: The target.
    """
    num_folds = settings.num_folds or (8 if len(target.train) <= FEW else 5)
    return replace(settings, num_folds=num_folds, table=target.measured_in)


def quick_parts(problem: Problem, settings: StackSettings) -> range:
    """Numbers of the training parts without two folds: their rankings matter for the weights of an outer fold alone.

    Args:
        problem: See `make_problem`.
        settings: With a number of folds.
    """
    num_folds = len(make_folds(problem, settings))
    return range(1 + num_folds, 1 + num_folds + num_folds * (num_folds - 1) // 2)


def make_problem(target: Target, ranking: RankingSettings) -> Problem:
    """What is measured and asked.

    Args:
        target: The target.
        ranking: Settings with the purpose, by which folds are made.
    """
    return Problem(target.values, fold_groups(target, ranking), target.train, target.test)


def fold_groups(target: Target, ranking: RankingSettings) -> list[str]:
    """Groups that no fold cuts, by the purpose: for extrapolation whole families, or else ranges of the values.

    Args:
        target: The target.
        ranking: Settings with the purpose.
    """
    if ranking.purpose == "interpolation":
        return target.groups
    if target.families is not None:
        return target.families
    ends = np.quantile(target.values[target.train], np.linspace(0, 1, VALUE_RANGES + 1)[1:-1])
    return [str(place) for place in np.searchsorted(ends, target.values).tolist()]


MEASURED = ("elements", "sites")
"""What of a vocabulary is compared with that of the measured rows."""


def find_measured(target: Target, train: Rows) -> dict[str, list[str]]:
    """The elements of measured rows, and whether sites of some are disordered.

    Args:
        target: The target.
        train: The measured rows.
    """
    return {name: seen for name, seen in find_vocabulary(target.own_store, train).items() if name in MEASURED}


def find_new(
    store: AnyStore, measured: Vocabulary, rows: Rows | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows with an element that was never measured, and others that are disordered where no measured one is.

    Args:
        store: The graphs.
        measured: From `find_measured`.
        rows: Rows of the store; all unless given.
    """
    any_new = find_unseen(store, measured, rows).rows
    elements = find_unseen(store, {**measured, "sites": ("disordered",)}, rows).rows
    return elements, any_new & ~elements


def find_left_out_outside(target: Target, table: Floats, folds: Sequence[Rows]) -> Outside:
    """How far each training row is from those of the other folds.

    Args:
        target: The target.
        table: Descriptors, (num_materials, num_columns).
        folds: Positions in the training rows of each fold.
    """
    number = len(target.train)
    distances, unseen, disordered = np.empty(number), np.empty(number, np.bool_), np.empty(number, np.bool_)
    for fold in folds:
        found = find_outside(target, table, np.delete(target.train, fold), target.train[fold])
        distances[fold], unseen[fold], disordered[fold] = found.distances, found.unseen, found.disordered
    return Outside(distances, unseen, disordered)


def find_outside(target: Target, table: Floats, train: Rows, asked: Rows) -> Outside:
    """How far each row asked is from measured rows.

    Args:
        target: The target.
        table: Descriptors, (num_materials, num_columns).
        train: The measured rows.
        asked: Rows asked.
    """
    new = find_new(target.own_store, find_measured(target, train), asked)
    return Outside(find_distances(table, train, asked, target.num_own_conditions), *new)


def widening(distances: Floats, unseen: NDArray[np.bool_]) -> Floats:
    """How many times as wide an interval is as within the range of the training rows, (num_asked,).

    It is the square root of the distance: with the distance itself, rows outside are inside of their intervals hardly
    more often, and interval scores are worse (`benchmarks/ensemble_targets.py`).

    Args:
        distances: From `find_distances`.
        unseen: Whether a row has an element that was never measured, (num_asked,).
    """
    return np.maximum(np.sqrt(distances), np.where(unseen, UNSEEN_WIDENING, 1.0))


_ROUNDING = 1e-6


def find_distances(table: Floats, train: Rows, asked: Rows, num_conditions: int = 0) -> Floats:
    """Distance of each row asked from the training rows, (num_asked,), see `TrainingRange`; 0 if these are all alike.

    Args:
        table: Descriptors, (num_materials, num_columns).
        train: Training rows.
        asked: Rows asked.
        num_conditions: Number of columns at the end that are conditions; rows that differ in nothing else are one
            material, and no neighbors of each other. A condition beyond the measured ones is outside, however like the
            material is.
    """
    if not len(asked):
        return np.empty(0)
    known, groups = table[train[first_places(train)]], None
    beyond = np.zeros(len(asked))
    if num_conditions:
        groups = np.unique(known[:, :-num_conditions], axis=0, return_inverse=True)[1].reshape(-1)
        beyond = _beyond(known[:, -num_conditions:], table[asked, -num_conditions:])
    try:
        found = TrainingRange(known, groups).distances(table[asked])
    except ValueError:
        found = np.zeros(len(asked))
    return np.where(beyond > 0, np.maximum(found, 1 + beyond), found)


def _beyond(known: Floats, asked: Floats) -> Floats:
    """How far conditions lie beyond the measured ones, in widths of their range, (num_asked,); 0 inside."""
    low, high = known.min(axis=0), known.max(axis=0)
    width = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
    excess = np.maximum(np.maximum(low - asked, asked - high), 0) / width
    return np.asarray(np.where(excess > _ROUNDING, excess, 0).max(axis=1))


def _within(settings: StackSettings, started: float) -> StackSettings:
    """The settings with the time that is left for the trainings, at least a quarter: a ranking alone is no answer."""
    if settings.minutes is None:
        return settings
    left = settings.minutes - (time.monotonic() - started) / 60
    return replace(settings, minutes=max(left, settings.minutes / 4))


def _winners(
    stack: Stack, problem: Problem, settings: StackSettings, rankings: Mapping[bytes, Sequence[Score]]
) -> tuple[Floats, Floats]:
    """Error of the winner in the ranking without each outer fold, and on the fold."""
    winner = next((each for each in stack.members if each.name == frozen_name(0) and each.error is not None), None)
    if winner is None:
        return np.empty(0), np.empty(0)
    errors = np.abs(winner.left_out - problem.values[problem.train])
    parts = training_parts(problem, settings)
    promised, found = [], []
    for fold, part in zip(make_folds(problem, settings), parts[1:], strict=False):
        if scores := rankings[part.tobytes()]:
            promised.append(scores[0].error)
            found.append(float(errors[fold].mean()))
    return np.array(promised), np.array(found)
