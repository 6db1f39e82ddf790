"""Whether the intervals of a saved ensemble hold."""

from dataclasses import dataclass

import numpy as np

from gnn_sim2real.ensemble.intervals import interval_scores, quantiles_of_others
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.saved import SavedEnsemble
from gnn_sim2real.shotgun.target import Target


@dataclass(frozen=True)
class Check:
    """Whether intervals hold.

    Attributes:
        where: The materials, in words.
        num: Number of materials.
        coverage: Nominal coverage.
        held: Share of the measured values in their interval.
        held_interval: Its 90 % interval (Wilson's) for this number of materials.
        widest: The same share of the third of the materials with the widest intervals.
        median_width: In the unit of the errors.
        score: Mean interval score, in the unit of the errors; less is better.
    """

    where: str
    num: int
    coverage: float
    held: float
    held_interval: tuple[float, float]
    widest: float
    median_width: float
    score: float

    @property
    def verdict(self) -> str:
        """In words."""
        low, high = self.held_interval
        if low <= self.coverage <= high:
            return "the intervals hold what they say, as far as so many materials can tell"
        if high < self.coverage:
            return "THE INTERVALS ARE TOO NARROW: these materials are unlike the measured ones, or too few to judge"
        return "the intervals are wider than they have to be"


def check_intervals(ensemble: SavedEnsemble, target: Target) -> Check:
    """Compare intervals with measured values: of the test part, or without one of the folds of the training part.

    Args:
        ensemble: The ensemble.
        target: The measurements that it was made from.

    Raises:
        ValueError: If there were too few measurements for intervals.
        CheckpointError: If the measurements are others.
    """
    if not np.isfinite(ensemble.intervals.factor):
        raise ValueError(
            f"{len(ensemble.values)} measurements are too few for intervals of "
            f"{100 * ensemble.intervals.coverage:.0f} %; there is nothing to check"
        )
    if not np.array_equal(target.values[target.train], ensemble.values):
        raise CheckpointError(
            f"the training part of these data is not that of the ensemble in {ensemble.folder}; use the settings of "
            "its data"
        )
    return _check_test(ensemble, target) if len(target.test) else _check_folds(ensemble)


def _check_test(ensemble: SavedEnsemble, target: Target) -> Check:
    """On materials that nothing was learned from."""
    simulated = None if target.simulated is None else target.unscale(target.simulated[target.test])
    found = ensemble.predict([target.table.materials[row] for row in target.test.tolist()], simulated)
    values, lower, upper = (target.scale(each) for each in (found.values, found.lower, found.upper))
    errors, half = target.values[target.test] - values, (upper - lower) / 2
    return _make_check("test materials", ensemble.intervals.coverage, errors, half)


def _check_folds(ensemble: SavedEnsemble) -> Check:
    """On the measured materials, each by an ensemble without its fold, with the quantile of all others."""
    scale = np.maximum(ensemble.left_out_scale, ensemble.intervals.least)
    errors = ensemble.values - ensemble.left_out
    coverage = ensemble.intervals.coverage
    half = quantiles_of_others(np.abs(errors) / scale, coverage) * scale
    return _make_check("measured materials, left out in folds", coverage, errors, half)


def _make_check(where: str, coverage: float, errors: Floats, half: Floats) -> Check:
    from scipy.stats import binomtest

    held = np.abs(errors) <= half
    interval = binomtest(int(held.sum()), len(held)).proportion_ci(0.9, "wilson")
    widest = np.argsort(half, kind="stable")[-max(1, len(half) // 3) :]
    return Check(
        where=where,
        num=len(held),
        coverage=coverage,
        held=float(held.mean()),
        held_interval=(float(interval.low), float(interval.high)),
        widest=float(held[widest].mean()),
        median_width=2 * float(np.median(half)),
        score=float(interval_scores(errors, half, coverage).mean()),
    )
