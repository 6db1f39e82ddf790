"""An honest error although thousands were tried: the whole selection repeated inside of outer folds.

The error of the winner in the ranking is too small, since it is the least of many: the winner's curse. Every outer
fold is kept out of ranking, choice of layer, choice of finish and fine-tuning, and what these together make is tested
on it. S. Varma, R. Simon, BMC Bioinformatics 7, 91 (2006), doi 10.1186/1471-2105-7-91; G. C. Cawley, N. L. C. Talbot,
J. Mach. Learn. Res. 11, 2079 (2010).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.finetune import TuningSettings, predict
from gnn_sim2real.shotgun.members import SCRATCH, Member, choose_members, folds_within, make_candidates, references
from gnn_sim2real.shotgun.ranking import Models, RankingSettings
from gnn_sim2real.shotgun.scores import Score
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Floats, Rows, Target

ENSEMBLE, BEST, FROZEN = "shotgun ensemble", "best single source", "first of the ranking, frozen"
ORACLE, WORST, MEDIAN = "oracle, frozen", "worst, frozen", "median model, frozen"


@dataclass(frozen=True, eq=False)
class Selection:
    """What shotgun transfer makes of some training rows.

    Attributes:
        members: Of the ensemble, best first.
        candidates: What the members were chosen from, the one from scratch last.
        ranked: Scores, best first.
        predictions: (num_tested,) of the tested rows by method, on the scale of the errors.
    """

    members: list[Member]
    candidates: list[Member]
    ranked: Sequence[Score]
    predictions: Mapping[str, Floats]

    @property
    def winner_error(self) -> float:
        """Error of the winner in the ranking that it won."""
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
    """Fine-tune the best ranked models, choose the ensemble, and compute what stands beside it.

    Args:
        models: The library.
        ranked: Scores of a ranking on these rows, best first.
        target: The target.
        rows: Rows that may be learned from.
        tested: Rows that are predicted.
        ranking: See `RankingSettings`.
        tuning: See `TuningSettings`.

    Raises:
        ValueError: If fewer than two models can be asked.
    """
    sources, scratch = make_candidates(models, ranked, target, rows, ranking, tuning)
    members = choose_members([*sources, scratch]) if tuning.inner_folds else sources
    each = np.stack([predict(member.model, target, tested) for member in members])
    winner = ranked[0]
    frozen = make_start(models.load(winner.key), target, rows, winner.probe)
    predictions = {
        # The ensemble answers in physical units; so does its mean.
        ENSEMBLE: target.scale((10**each if target.log else each).mean(axis=0)),
        BEST: predict(sources[0].model, target, tested),
        FROZEN: predict(frozen, target, tested),
        SCRATCH: predict(scratch.model, target, tested),
    }
    predictions |= references(models, ranked, target, rows, tested, tuning.seed)
    return Selection(members, [*sources, scratch], ranked, predictions)


def outer_problems(target: Target, ranking: RankingSettings, num_folds: int) -> list[tuple[Rows, Rows]]:
    """Training and test rows of each outer fold, all of them rows that the target may learn from.

    Args:
        target: The target.
        ranking: Its purpose: outer folds ask what inner ones do.
        num_folds: Number of folds.
    """
    rows = target.train
    folds = folds_within(target, rows, ranking, num_folds, "outer")
    return [(rows[fold.train], rows[fold.test]) for fold in folds]


@dataclass(frozen=True, eq=False)
class NestedResult:
    """Errors on materials that no step of the selection has seen.

    Attributes:
        errors: (num_tested,) absolute error of each tested material by method.
        curse: Of each outer fold: error on it of what won, less what the ranking had promised.
        promised: Of each outer fold: error of the winner in the ranking that it won.
    """

    errors: Mapping[str, Floats]
    curse: Floats
    promised: Floats


def gather(selections: Sequence[Selection], problems: Sequence[tuple[Rows, Rows]], target: Target) -> NestedResult:
    """Put the outer folds together.

    Args:
        selections: Of each outer fold.
        problems: Training and test rows of each.
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
        result: Of the outer folds.
        method: Below zero means that this one is better.
        against: The other.
    """
    return interval_of_mean(result.errors[method] - result.errors[against])
