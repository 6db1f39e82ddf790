"""An unbiased error although thousands of models were tried: the whole selection is repeated inside outer folds.

The error of the winner in the ranking is too small, since it is the smallest of many: the winner's curse. Every outer
fold is excluded from ranking, choice of layer, choice of finish and fine-tuning, and their result is tested on it.
S. Varma, R. Simon, BMC Bioinformatics 7, 91 (2006), doi 10.1186/1471-2105-7-91; G. C. Cawley, N. L. C. Talbot,
J. Mach. Learn. Res. 11, 2079 (2010).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnn_sim2real.linear import Floats
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.finetune import TuningSettings, predict
from gnn_sim2real.shotgun.members import SCRATCH, Member, choose_members, folds_within, make_candidates, references
from gnn_sim2real.shotgun.ranking import Models, RankingSettings
from gnn_sim2real.shotgun.scores import Score
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Rows

ENSEMBLE, BEST, FROZEN = "shotgun ensemble", "best single source", "first of the ranking, frozen"
ORACLE, WORST, MEDIAN = "oracle, frozen", "worst, frozen", "median model, frozen"


@dataclass(frozen=True, eq=False)
class Selection:
    """Result of shotgun transfer on some training rows.

    Attributes:
        members: Members of the ensemble, best first.
        candidates: Models that the members were chosen from, the one from scratch last.
        ranked: Scores, best first.
        predictions: (num_tested,) predictions for the tested rows by method, on the scale of the errors.
    """

    members: list[Member]
    candidates: list[Member]
    ranked: Sequence[Score]
    predictions: Mapping[str, Floats]

    @property
    def winner_error(self) -> float:
        """Error of the winner in the ranking."""
        return self.ranked[0].error

    def errors(self, target: Target, tested: Rows) -> dict[str, Floats]:
        """Absolute errors of the tested rows by method."""
        return {name: np.abs(each - target.values[tested]) for name, each in self.predictions.items()}


def select(
    models: Models,
    ranked: Sequence[Score],
    target: Target,
    rows: Rows,
    tested: Rows,
    ranking: RankingSettings,
    tuning: TuningSettings,
) -> Selection:
    """Fine-tune the best ranked models, choose the ensemble, and compute the references.

    Args:
        models: The library.
        ranked: Scores of a ranking on these rows, best first.
        target: The target.
        rows: Rows to train on.
        tested: Rows to predict.
        ranking: See `RankingSettings`.
        tuning: See `TuningSettings`.

    Raises:
        ValueError: If fewer than two models can be used.
    """
    sources, scratch = make_candidates(models, ranked, target, rows, ranking, tuning)
    members = choose_members([*sources, scratch]) if tuning.inner_folds else sources
    each = np.stack([predict(member.model, target, tested) for member in members])
    winner = ranked[0]
    frozen = make_start(models.load(winner.key), target, rows, winner.probe)
    predictions = {
        # The mean of the ensemble is taken in physical units.
        ENSEMBLE: target.scale((10**each if target.log else each).mean(axis=0)),
        BEST: predict(sources[0].model, target, tested),
        FROZEN: predict(frozen, target, tested),
        SCRATCH: predict(scratch.model, target, tested),
    }
    predictions |= references(models, ranked, target, rows, tested, tuning.seed)
    return Selection(members, [*sources, scratch], ranked, predictions)


def outer_problems(target: Target, ranking: RankingSettings, num_folds: int) -> list[tuple[Rows, Rows]]:
    """Training and test rows of each outer fold, all from the training rows of the target.

    Args:
        target: The target.
        ranking: Settings with the purpose, which inner and outer folds share.
        num_folds: Number of folds.
    """
    rows = target.train
    folds = folds_within(target, rows, ranking, num_folds, "outer")
    return [(rows[fold.train], rows[fold.test]) for fold in folds]


@dataclass(frozen=True, eq=False)
class NestedResult:
    """Errors on materials that were excluded from every step of the selection.

    Attributes:
        errors: (num_tested,) absolute error of each tested material by method.
        curse: For each outer fold, the error of the winner on it minus its error in the ranking.
        promised: For each outer fold, the error of the winner in the ranking.
    """

    errors: Mapping[str, Floats]
    curse: Floats
    promised: Floats


def gather(selections: Sequence[Selection], problems: Sequence[tuple[Rows, Rows]], target: Target) -> NestedResult:
    """Combine the outer folds.

    Args:
        selections: Selection of each outer fold.
        problems: Training and test rows of each outer fold.
        target: The target.
    """
    found = [each.errors(target, test) for each, (_, test) in zip(selections, problems, strict=True)]
    errors = {name: [each[name] for each in found] for name in found[0] if all(name in each for each in found)}
    promised = np.array([each.winner_error for each in selections])
    kept = np.array([float(each.mean()) for each in errors[FROZEN]])
    return NestedResult({name: np.concatenate(each) for name, each in errors.items()}, kept - promised, promised)


def verdict(result: NestedResult, method: str = ENSEMBLE, against: str = SCRATCH) -> tuple[float, float, float]:
    """Mean difference of the errors of two methods on the same materials, with its 90 % interval.

    Args:
        result: Errors on the outer folds.
        method: First method; a difference below zero means that it is better.
        against: Second method.
    """
    return interval_of_mean(result.errors[method] - result.errors[against])
