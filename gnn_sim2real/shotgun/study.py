"""Shotgun transfer on several targets, with several numbers of measurements and many draws of each.

Every draw takes its measurements from the pool of a target; the test part is fixed, and no model has seen it. All
choices are made on the drawn measurements. Every member of the ensemble is a rival of it, also one that it left out
itself. For comparison there are two frozen models chosen in hindsight, the best and the worst of the library by test
error, and the ensemble of earlier versions: equal weights of the networks within one standard error of the best.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.console import track
from gnn_sim2real.ensemble.intervals import interval_scores
from gnn_sim2real.ensemble.stack import StackSettings, training_parts
from gnn_sim2real.ensemble.weights import combine, learn_weights
from gnn_sim2real.files import write_sealed
from gnn_sim2real.launchers.base import Place
from gnn_sim2real.library import Card, ModelLibrary
from gnn_sim2real.linear import Floats, fit_line
from gnn_sim2real.records.record import provenance
from gnn_sim2real.shotgun.answer import (
    ANSWER_VERSION,
    ENSEMBLE,
    Answer,
    AnswerSettings,
    describe_fewer,
    find_answer,
    make_problem,
    quick_parts,
    settings_for,
)
from gnn_sim2real.shotgun.features import Skipped, features_of
from gnn_sim2real.shotgun.foundation import FoundationBlock, find_blocks
from gnn_sim2real.shotgun.libraries import find_cards, open_library
from gnn_sim2real.shotgun.models import QuickLoader, entries_of, without_seen
from gnn_sim2real.shotgun.networks import Network
from gnn_sim2real.shotgun.probe import PREDICTION, Probe
from gnn_sim2real.shotgun.ranking import RANKING_VERSION, rank_models
from gnn_sim2real.shotgun.ridge import fit_ridge
from gnn_sim2real.shotgun.run import describe_member
from gnn_sim2real.shotgun.scores import Score, ScoreCache
from gnn_sim2real.shotgun.settings import ShotgunStudyConfig, TargetConfig
from gnn_sim2real.shotgun.study_report import EARLIER, MEDIAN, ORACLE, WORST
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.shotgun.targets import open_target, read_many_targets
from gnn_sim2real.splits.parts import Rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draw:
    """One cell of the study.

    Attributes:
        size: Number of measurements.
        number: Number of the draw.
        rows: Rows of the drawn measurements in the target.
    """

    size: int
    number: int
    rows: Rows


def read_shotgun_study(argv: Sequence[str]) -> ShotgunStudyConfig:
    """Read a study.

    Args:
        argv: Arguments after `gnn-sim2real shotgun study`.

    Raises:
        ValueError: If a number is out of range.
    """
    config: ShotgunStudyConfig = read_many_targets(ShotgunStudyConfig, argv, "gnn-sim2real shotgun study")
    Place.of(config)  # checks the numbers
    return config


def choose_targets(config: ShotgunStudyConfig, only: Sequence[str] | None) -> list[str]:
    """Names of the targets that are computed.

    Args:
        config: See `ShotgunStudyConfig`.
        only: Names of the targets; all unless given.

    Raises:
        ValueError: If there is no target with one of the names.
    """
    names = [each.name for each in config.targets]
    if unknown := sorted(set(only or ()) - set(names)):
        raise ValueError(f"the study has no target {unknown[0]!r}; its targets are {', '.join(names)}")
    return [name for name in names if only is None or name in only]


def run_target(config: ShotgunStudyConfig, name: str) -> bool:
    """Compute the cells of a target that have no record.

    Args:
        config: See `ShotgunStudyConfig`.
        name: Name of the target.

    Returns:
        Whether there were any.
    """
    own = next(each for each in config.targets if each.name == name)
    library = open_library(config.library)
    return _run_target(config, own, library, find_cards(library, config.filters))


def _run_target(config: ShotgunStudyConfig, own: TargetConfig, library: ModelLibrary, cards: Sequence[Card]) -> bool:
    target = open_target(own, own.max_pool, config.max_test)
    usable, _ = without_seen(library, cards, target, config.seen, Skipped())
    blocks = find_blocks(config.foundation, target.own.name)
    drawn_paths = [(draw, _path(config, own, target, draw, usable, blocks)) for draw in make_draws(target, config)]
    missing = [(draw, path) for draw, path in drawn_paths if not path.exists()]
    if not missing:
        return False
    draws = [draw for draw, _ in missing]
    models, cache = QuickLoader(library), Path(config.output) / "scores"
    stack = StackSettings(num_folds=config.folds, seed=config.ranking.seed)
    targets = [target.with_train(draw.rows).weighted() for draw in draws]
    # All draws are ranked in one pass, since they share the features of a model; each then finds its scores.
    parts, quick, firsts = list[Rows](), set[int](), list[int]()
    for each in targets:
        problem, own_stack = make_problem(each, config.ranking), settings_for(stack, each)
        firsts.append(len(parts))  # the first part of each draw is the whole of it
        quick |= {len(parts) + number for number in quick_parts(problem, own_stack)}
        parts += training_parts(problem, own_stack)
    scores, skipped = ScoreCache(cache), Skipped()
    ranked = rank_models(models, entries_of(usable), target, parts, config.ranking, scores, skipped, quick)
    frozen = frozen_errors(models, [ranked[first] for first in firsts], target, [draw.rows for draw in draws])
    tuning = replace(config.tuning, scratch=own.scratch)
    for (draw, path), drawn, errors in track(list(zip(missing, targets, frozen, strict=True)), f"Draws of {own.name}"):
        settings = AnswerSettings(config.ranking, replace(tuning, seed=draw.number), stack, cache)
        answer = find_answer(models, usable, drawn, settings, Skipped(), blocks)
        by_method = {name: each for name, each in method_errors(answer).items() if not np.isnan(each).all()}
        found = {name: float(np.nanmean(each)) for name, each in by_method.items()}
        found |= {ORACLE: float(errors.min()), WORST: float(errors.max()), MEDIAN: float(np.median(errors))}
        record = {
            "target": own.name,
            "unit": target.unit,
            "size": draw.size,
            "draw": draw.number,
            "num_test": len(target.test),
            "num_models": len(answer.ranked),
            "skipped": dict(skipped.reasons),
            "errors": found,
            "fewer": describe_fewer(by_method),
            "left_out": float(answer.stack.error[0]),
            "promised": answer.ranked[0].error,
            "members": [describe_member(each) for each in answer.stack.members],
            "intervals": describe_intervals(answer),
            "foundation": [each.about for each in blocks],
            "settings": {"ranking": asdict(config.ranking), "tuning": asdict(tuning), "folds": config.folds},
            "provenance": provenance(0.0),
        }
        write_sealed(path, record)
    return True


def method_errors(answer: Answer) -> dict[str, Floats]:
    """Absolute error of each tested row by method; NaN where a method cannot predict it.

    Args:
        answer: The answer of a draw.
    """
    target = answer.target
    values = target.values[target.test]
    predictions = {each.name: each.predictions for each in answer.stack.members if each.error is not None}
    for name in answer.members.keys() - predictions.keys():  # left out of the ensemble, but a rival all the same
        predictions[name] = answer.members[name].fit_predict(target.train, target.test)
    predictions[ENSEMBLE] = answer.stack.predictions
    tried = [
        each
        for each in answer.stack.members
        if each.error is not None and isinstance(answer.members[each.name], Network)
    ]
    if tried:
        left_out, tested = (
            np.column_stack([getattr(each, name) for each in tried]) for name in ("left_out", "predictions")
        )
        weights = learn_weights(left_out, target.values[target.train], "one standard error")
        predictions[EARLIER] = combine(tested, weights)
    return {name: np.abs(each - values) for name, each in predictions.items()}


def describe_intervals(answer: Answer) -> dict[str, float | None]:
    """How the intervals of the tested rows do, in plain types.

    Args:
        answer: The answer of a draw.
    """
    if not np.isfinite(answer.half_widths).all():
        return {"held": None, "widest": None, "width": None, "score": None}
    errors = answer.target.values[answer.target.test] - answer.stack.predictions
    held = np.abs(errors) <= answer.half_widths
    widest = np.argsort(answer.half_widths, kind="stable")[-max(1, len(held) // 3) :]
    return {
        "held": float(held.mean()),
        "widest": float(held[widest].mean()),
        "width": 2 * float(np.median(answer.half_widths)),
        "score": float(interval_scores(errors, answer.half_widths, answer.intervals.coverage).mean()),
    }


def make_draws(target: Target, config: ShotgunStudyConfig) -> list[Draw]:
    """The draws of a target; draws with the same number are nested.

    Args:
        target: The target.
        config: See `ShotgunStudyConfig`.
    """
    draws = []
    for number in range(config.draws):
        order = np.random.default_rng([number, 4711]).permutation(target.train)
        draws += [Draw(size, number, order[:size]) for size in config.sizes if size <= len(order)]
    return sorted(draws, key=lambda draw: (draw.number, draw.size))


def frozen_errors(
    models: QuickLoader, ranked: Sequence[Sequence[Score]], target: Target, problems: Sequence[Rows]
) -> list[Floats]:
    """Test error of every ranked model, frozen, with the best probe of its ranking.

    Args:
        models: The library.
        ranked: Scores for each problem.
        target: The target.
        problems: Training rows of each problem.

    Returns:
        (num_models,) errors for each problem.
    """
    probes = [{score.key: score.probe for score in scores} for scores in ranked]
    found: list[list[float]] = [[] for _ in problems]
    for key in track(sorted({key for each in probes for key in each}), "Testing frozen models"):
        tables = features_of(models.load(key), target).tables(last_only=False)
        for place, rows in enumerate(problems):
            if (probe := probes[place].get(key)) is not None:
                found[place].append(_test_error(tables[probe], target, rows, probe))
    return [np.array(each) for each in found]


def _test_error(table: Floats, target: Target, rows: Rows, probe: Probe) -> float:
    values, tested = target.values[rows], table[target.test]
    if probe == PREDICTION:
        offset, slope = fit_line(table[rows, 0], values)
        prediction = offset + slope * tested[:, 0]
    else:
        weights, offsets = fit_ridge(table[rows][None], values[None])
        prediction = tested @ weights[0] + offsets[0]
    return float(np.abs(prediction - target.values[target.test]).mean())


def _path(
    config: ShotgunStudyConfig,
    own: TargetConfig,
    target: Target,
    draw: Draw,
    cards: Sequence[Card],
    blocks: Sequence[FoundationBlock],
) -> Path:
    """File of a record, named by a hash of all that its numbers depend on."""
    content: dict[str, Any] = {
        "version": [RANKING_VERSION, ANSWER_VERSION],
        "train": target.fingerprint_of(draw.rows),
        "test": target.fingerprint_of(target.test),
        "models": hashlib.sha256("".join(sorted(card.key for card in cards)).encode()).hexdigest(),
        "log": target.log,
        "ranking": asdict(config.ranking),
        "tuning": asdict(replace(config.tuning, scratch=own.scratch)),
        "folds": config.folds,
    }
    content |= {"foundation": [each.setting for each in blocks]} if blocks else {}
    if target.weights is not None:
        content["weights"] = target.weights[draw.rows].tolist()
    name = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return config.records / f"{own.name.replace(' ', '_')}_{draw.size}_{draw.number}_{name}.json"
