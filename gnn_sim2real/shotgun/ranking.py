"""Ranking a model library for a target: successive halving by cross-validation on frozen features.

All models are scored roughly on the first rung, the best third of them more precisely on the next, and so on (K.
Jamieson, A. Talwalkar, AISTATS 2016, arXiv 1502.07943). One model is in memory at a time. Several problems, i.e. sets
of training rows of one target, are ranked in one pass, since they share the features of a frozen model: this makes the
outer folds of a nested cross-validation affordable.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np

from gnn_sim2real.console import track
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.features import Features, Skipped, features_of
from gnn_sim2real.shotgun.folds import repeated_folds
from gnn_sim2real.shotgun.probe import PREDICTION
from gnn_sim2real.shotgun.ridge import forest_out_of_fold, line_out_of_fold, ridge_out_of_fold
from gnn_sim2real.shotgun.scores import Score, ScoreCache
from gnn_sim2real.shotgun.settings import RankingSettings
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.folds import Fold
from gnn_sim2real.splits.parts import Rows

RANKING_VERSION = 1
"""Raised by hand whenever the same model and target would give another score."""


class Models(Protocol):
    """Source of models by key, such as a `ModelLibrary`."""

    def load(self, key: str) -> TrainedModel:
        """Load a model."""
        ...


@dataclass(frozen=True)
class Entry:
    """A model to rank, with the parts of its card that ranking needs.

    Attributes:
        key: Key of the model.
        architecture: Name of the encoder.
        featurizer: Description of its graphs.
    """

    key: str
    architecture: str
    featurizer: Mapping[str, object]


@dataclass(frozen=True)
class Rung:
    """One pass of successive halving over the remaining models.

    Attributes:
        repeats: Repeats of the cross-validation.
        last_only: Whether only the last layer is read.
        keep: How many models go on.
        with_errors: Whether the error of each material is stored.
    """

    repeats: int
    last_only: bool
    keep: int
    with_errors: bool = False


def plan_rungs(num_models: int, settings: RankingSettings) -> list[Rung]:
    """Plan rungs until only the finalists are left, which get all repeats and all layers.

    Args:
        num_models: Number of models.
        settings: See `RankingSettings`.
    """
    rungs: list[Rung] = []
    left, repeats = num_models, 1
    while left > settings.finalists:
        kept = max(settings.finalists, round(settings.keep * left))
        rungs.append(Rung(min(repeats, settings.repeats), last_only=not rungs, keep=kept))
        left, repeats = kept, 2 * repeats
    return [*rungs, Rung(settings.repeats, last_only=False, keep=left, with_errors=True)]


def rank_models(
    models: Models,
    entries: Sequence[Entry],
    target: Target,
    problems: Sequence[Rows],
    settings: RankingSettings,
    cache: ScoreCache,
    skipped: Skipped,
    quick: Container[int] = (),
) -> list[list[Score]]:
    """Rank models for several sets of training rows of one target.

    Args:
        models: The library.
        entries: Models to rank.
        target: The target.
        problems: Training rows of each problem; no other values of the target are used.
        settings: See `RankingSettings`.
        cache: Scores of earlier runs.
        skipped: Counts the models that cannot be ranked.
        quick: Numbers of the problems that get one repeat on every rung.

    Returns:
        For each problem, the scores of all models that can be ranked, best first; models that reached a later rung come
        before those that did not.
    """
    found: list[dict[str, Score]] = [{} for _ in problems]
    left = [[entry.key for entry in entries] for _ in problems]
    by_key = {entry.key: entry for entry in entries}
    unreadable: set[str] = set()
    for number, rung in enumerate(plan_rungs(len(entries), settings)):
        rungs = [replace(rung, repeats=1) if place in quick else rung for place in range(len(problems))]
        each = list(zip(problems, rungs, strict=True))
        folds = [folds_of(target, rows, settings, own.repeats) for rows, own in each]
        names = [cache_name(target, rows, settings, own) for rows, own in each]
        wanted = [set(keys) for keys in left]
        try:
            for key in track(
                [key for key in by_key if any(key in keys for keys in wanted)], f"Ranking, rung {number + 1}"
            ):
                places = [place for place, keys in enumerate(wanted) if key in keys]
                scores = {place: score for place in places if (score := cache.get(names[place], key)) is not None}
                missing = [place for place in places if place not in scores]
                features = _read(models, by_key[key], target, skipped) if missing else None
                if missing and features is None:
                    unreadable.add(key)
                    continue
                for place in missing:
                    scores[place] = score_model(
                        key, features, target, problems[place], folds[place], settings, rungs[place]
                    )
                    cache.put(names[place], scores[place])
                for place, score in scores.items():
                    found[place][key] = replace(score, rung=number)
        finally:  # what a stop finds is not looked for again
            cache.write()
        by_key = {key: entry for key, entry in by_key.items() if key not in unreadable}
        cache.forget()
        left = [_best(found[place], keys, rung.keep) for place, keys in enumerate(left)]
    return [sorted(scores.values(), key=lambda score: (-score.rung, score.error, score.key)) for scores in found]


def _best(found: Mapping[str, Score], keys: Iterable[str], keep: int) -> list[str]:
    ranked = sorted((key for key in keys if key in found), key=lambda key: (found[key].error, key))
    return ranked[:keep]


def _read(models: Models, entry: Entry, target: Target, skipped: Skipped) -> Features | None:
    """Features of a model; None, with a reason added to `skipped`, if it has none."""
    if reason := skipped.known(entry.architecture, entry.featurizer):
        skipped.add(reason)
        return None
    try:
        model = models.load(entry.key)
    except ValueError as error:
        skipped.add(f"cannot be loaded: {error}")
        return None
    try:
        return features_of(model, target)
    except FloatingPointError as error:
        skipped.add(str(error))
    except ValueError as error:
        skipped.add(str(error), model)
    return None


def score_model(
    key: str,
    features: Features | None,
    target: Target,
    rows: Rows,
    folds: Sequence[Sequence[Fold]],
    settings: RankingSettings,
    rung: Rung,
) -> Score:
    """Score one model by the best of its probes.

    Args:
        key: Key of the model.
        features: Its features of the target's materials.
        target: The target.
        rows: Training rows.
        folds: Folds of each repeat, as positions in `rows`.
        settings: See `RankingSettings`.
        rung: Rung of the halving.

    Raises:
        ValueError: If there are no features.
    """
    if features is None:
        raise ValueError("a model without features has no score")
    values, errors = target.values[rows], {}
    for probe, table in features.tables(rung.last_only).items():
        errors[probe] = errors_out_of_fold(table[rows], values, folds, settings, is_answer=probe == PREDICTION)
    means = {probe: float(np.nanmean(each)) for probe, each in errors.items()}
    best = min(means, key=lambda probe: (means[probe], str(probe)))
    kept = tuple(errors[best].tolist()) if rung.with_errors else ()
    return Score(key, best, means[best], means.get(PREDICTION), kept)


def errors_out_of_fold(
    table: Floats, values: Floats, folds: Sequence[Sequence[Fold]], settings: RankingSettings, is_answer: bool = False
) -> Floats:
    """Absolute error of each material when it is left out, averaged over the repeats; NaN if it never is.

    Args:
        table: (num_materials, num_features).
        values: (num_materials,).
        folds: Folds of each repeat.
        settings: See `RankingSettings`.
        is_answer: Whether the table is the source model's own prediction, for a straight line.
    """
    flat = [fold for repeat in folds for fold in repeat]
    if is_answer:
        predictions = line_out_of_fold(table[:, 0], values, flat)
    elif settings.method == "forest":
        predictions = forest_out_of_fold(table, values, flat, settings.seed)
    else:
        predictions = ridge_out_of_fold(table, values, flat)
    total, count = np.zeros(len(values)), np.zeros(len(values))
    for fold, prediction in zip(flat, predictions, strict=True):
        total[fold.test] += np.abs(prediction - values[fold.test])
        count[fold.test] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def folds_of(target: Target, rows: Rows, settings: RankingSettings, repeats: int) -> list[list[Fold]]:
    """Folds of each repeat, as positions in the rows.

    Args:
        target: The target.
        rows: Training rows.
        settings: See `RankingSettings`.
        repeats: Number of repeats.
    """
    by_family = settings.purpose == "extrapolation" and target.families is not None
    names = target.families if by_family and target.families is not None else target.groups
    return repeated_folds(
        [names[row] for row in rows.tolist()],
        target.values[rows],
        purpose="interpolation" if by_family else settings.purpose,  # whole families lie beyond the training part
        tail=target.tail,
        num_folds=settings.folds,
        repeats=repeats,
        seed=settings.seed,
    )


def cache_name(target: Target, rows: Rows, settings: RankingSettings, rung: Rung) -> str:
    """Name of the cache file: a hash of what a score depends on apart from the model.

    Args:
        target: The target.
        rows: Training rows.
        settings: See `RankingSettings`.
        rung: Rung of the halving.
    """
    counted = {
        name: value for name, value in asdict(settings).items() if name in ("method", "purpose", "folds", "seed")
    }
    content = {
        "version": RANKING_VERSION,
        "target": target.fingerprint_of(rows),
        "log": target.log,
        "graphs": target.own.describe(),
        "tail": target.tail,
        "families": None if target.families is None else [target.families[row] for row in rows.tolist()],
        "repeats": rung.repeats,
        "last_only": rung.last_only,
        "with_errors": rung.with_errors,
    }
    return ScoreCache.name_of(content | counted)
