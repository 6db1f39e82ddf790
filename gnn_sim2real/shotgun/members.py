"""Candidates for the ensemble, the choice among them, and the references they are compared with.

A network trained from scratch is one of the candidates: where no source helps, it is the ensemble.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from gnn_sim2real.baselines import Inputs, predict_test
from gnn_sim2real.baselines.extra_trees import EXTRA_TREES
from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.finetune import TuningSettings, fine_tune, predict, train_from_scratch
from gnn_sim2real.shotgun.folds import tail_folds
from gnn_sim2real.shotgun.probe import PREDICTION
from gnn_sim2real.shotgun.ranking import Models, RankingSettings
from gnn_sim2real.shotgun.scores import Score
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.folds import Fold, random_folds
from gnn_sim2real.splits.parts import Rows

Finish = Literal["frozen", "fine-tuned", "from scratch"]
"""The start is used as it is, or fine-tuned; or there is no source model."""

SCRATCH: Finish = "from scratch"

_SALTS = {"inner": 999, "outer": 777}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Member:
    """A model of the target.

    Attributes:
        source: Score of the source model in the ranking; None for the one from scratch.
        finish: How it was made.
        inner_errors: (num_tested,) absolute errors of the chosen finish in the inner folds; empty without inner folds.
        model: The model.
    """

    source: Score | None
    finish: Finish
    inner_errors: Floats
    model: TrainedModel

    @property
    def inner_error(self) -> float:
        """Mean absolute error in the inner folds; without them that of the source in the ranking, or else NaN."""
        if len(self.inner_errors):
            return float(self.inner_errors.mean())
        return float("nan") if self.source is None else self.source.error

    def describe(self) -> dict[str, Any]:
        """Description in plain types."""
        error = None if np.isnan(self.inner_error) else self.inner_error
        described = {"finish": self.finish, "inner_error": error}
        return (
            described if self.source is None else {"key": self.source.key, "probe": str(self.source.probe), **described}
        )


def make_candidates(
    models: Models,
    ranked: Sequence[Score],
    target: Target,
    rows: Rows,
    ranking: RankingSettings,
    tuning: TuningSettings,
) -> tuple[list[Member], Member]:
    """Make models of the target from the best ranked models, and one from the measurements only.

    Args:
        models: The library.
        ranked: Scores, best first.
        target: The target.
        rows: Rows to train on.
        ranking: See `RankingSettings`; its purpose holds for the inner folds too.
        tuning: See `TuningSettings`.

    Returns:
        Those from the library by inner error, best first, then the one from scratch. All read the graphs of the best
        ranked model.

    Raises:
        ValueError: If fewer than two models can be used for the target.
    """
    num_folds = tuning.inner_folds
    folds = folds_within(target, rows, ranking, num_folds, "inner") if num_folds else []
    made: list[Member] = []
    featurizer: dict[str, Any] | None = None
    for score in ranked:
        source = models.load(score.key)
        described = target.view(source.featurizer).featurizer.describe()
        if featurizer is not None and described != featurizer:
            logger.info("%s reads other graphs than the best model, so they cannot share an ensemble", score.key[:8])
            continue
        featurizer = described
        made.append(_of_source(source, score, target, rows, folds, tuning))
        if len(made) == tuning.best:
            break
    if len(made) < 2:
        raise ValueError(
            f"only {len(made)} models of the library can be used for this target; shotgun transfer needs two"
        )
    made.sort(key=_order)
    return made, _without_source(made[0].model, target, rows, folds, tuning)


def choose_members(candidates: Sequence[Member]) -> list[Member]:
    """The candidates within one standard error of the best one, best first.

    The one-standard-error rule: L. Breiman, J. Friedman, R. Olshen, C. Stone, Classification and Regression Trees,
    Wadsworth (1984), section 3.4.3. Much worse candidates would spoil the mean; those about as good as the best improve
    it.

    Args:
        candidates: Candidates with errors in the same inner folds.
    """
    ordered = sorted(candidates, key=_order)
    best = ordered[0].inner_errors
    limit = float(best.mean() + best.std(ddof=1) / len(best) ** 0.5)
    return [member for member in ordered if member.inner_error <= limit]


def folds_within(
    target: Target, rows: Rows, ranking: RankingSettings, num_folds: int, which: Literal["inner", "outer"]
) -> list[Fold]:
    """Folds of some rows, as positions in them, for the purpose of the ranking: interpolation or extrapolation.

    Args:
        target: The target.
        rows: Rows of the target.
        ranking: Settings with the purpose and the seed.
        num_folds: Number of folds; for extrapolation one per side.
        which: Inner or outer folds, which differ.
    """
    extrapolates = ranking.purpose == "extrapolation"
    names = target.families if extrapolates and target.families is not None else target.groups
    some = [names[row] for row in rows.tolist()]
    if extrapolates and target.families is None:
        return tail_folds(some, target.values[rows], target.tail, ranking.seed)
    return random_folds(some, num_folds, [ranking.seed, _SALTS[which]])


def _of_source(
    source: TrainedModel, score: Score, target: Target, rows: Rows, folds: Sequence[Fold], tuning: TuningSettings
) -> Member:
    def start(trained: Rows) -> TrainedModel:
        return make_start(source, target, trained, score.probe, tuning.seed)

    def tuned(trained: Rows) -> TrainedModel:
        return fine_tune(start(trained), target, trained, tuning)

    finishes: dict[Finish, Callable[[Rows], TrainedModel]] = {"frozen": start, "fine-tuned": tuned}
    errors = {finish: _inner_errors(make, target, rows, folds) for finish, make in finishes.items()}
    finish: Finish = min(errors, key=lambda name: float(errors[name].mean())) if folds else "fine-tuned"
    card = {"source": {"key": score.key}, "probe": str(score.probe)}
    return Member(score, finish, errors[finish], _with_card(finishes[finish](rows), target, rows, finish, card))


def _without_source(
    like: TrainedModel, target: Target, rows: Rows, folds: Sequence[Fold], tuning: TuningSettings
) -> Member:
    encoder = tuning.scratch or _whole(like.network.encoder.describe())

    def learn(trained: Rows) -> TrainedModel:
        return train_from_scratch(encoder, like, target, trained, tuning)

    errors = _inner_errors(learn, target, rows, folds)
    return Member(None, SCRATCH, errors, _with_card(learn(rows), target, rows, SCRATCH, {}))


def _inner_errors(make: Callable[[Rows], TrainedModel], target: Target, rows: Rows, folds: Sequence[Fold]) -> Floats:
    """Absolute error of each tested material, fold by fold."""
    found = [np.empty(0)]
    for fold in folds:
        tested = rows[fold.test]
        found.append(np.abs(predict(make(rows[fold.train]), target, tested) - target.values[tested]))
    return np.concatenate(found)


def _with_card(made: TrainedModel, target: Target, rows: Rows, finish: Finish, card: dict[str, Any]) -> TrainedModel:
    card = {**card, "finish": finish, "target_size": len(rows)}
    card |= {"architecture": type(made.network.encoder).__name__, "property": target.spec.name}
    return replace(made, card=card)


def _order(member: Member) -> tuple[float, str]:
    return member.inner_error, "" if member.source is None else member.source.key


def _whole(described: dict[str, Any]) -> dict[str, Any]:
    """The description of the whole encoder of a truncated one."""
    inner = described["init_args"].get("encoder")
    return inner if described["class_path"].endswith(".TruncatedEncoder") and inner else described


def references(
    models: Models, ranked: Sequence[Score], target: Target, rows: Rows, tested: Rows, seed: int
) -> dict[str, Floats]:
    """Predictions of the references, which need no training of a network.

    Args:
        models: The library.
        ranked: Scores, best first.
        target: The target.
        rows: Rows to train on.
        tested: Rows to predict.
        seed: Seed of the trees.

    Returns:
        Predictions of `extra trees` and, if a model predicts the same property, of the best `calibrated source`.
    """
    if not len(tested):
        return {}
    inputs = Inputs(descriptors=target.descriptors)
    found = {EXTRA_TREES.title: predict_test(EXTRA_TREES, inputs, target.values, rows, tested, seed=seed)}
    same = [score for score in ranked if score.prediction_error is not None]
    if same:
        calibrated = min(same, key=lambda score: (score.prediction_error, score.key))
        start = make_start(models.load(calibrated.key), target, rows, PREDICTION)
        found[CALIBRATED_SOURCE.title] = predict(start, target, tested)
    return found
