"""What a measurement of a candidate is worth, from its predicted mean and standard deviation; and diverse batches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from gnn_sim2real.suggest.settings import Goal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Aim:
    """What is sought.

    Attributes:
        goal: See `Goal`.
        best: Best value measured so far, for `maximize` and `minimize`.
        low: Lower end of the range, minus infinity for none.
        high: Upper end.

    Raises:
        ValueError: If the range is empty.
    """

    goal: Goal
    best: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        if self.goal == "range" and not self.low < self.high:
            raise ValueError(f"the range must have its lower end first, got {self.low:g} and {self.high:g}")

    @property
    def meaning(self) -> str:
        """What the score of a candidate is."""
        return {
            "maximize": "expected improvement over the best measured value",
            "minimize": "expected improvement over the best measured value",
            "range": "probability of a value in the range",
            "uncertainty": "standard deviation of the prediction",
        }[self.goal]

    def log_scores(self, mean: Floats, std: Floats) -> Floats:
        """Logarithm of what a measurement of each candidate is worth, (num_candidates,); more is better.

        Where all candidates are far below the best measured value, the numbers themselves are too small for a computer
        and equal, so that the order would be that of the rows: S. Ament et al., Unexpected improvements to expected
        improvement for Bayesian optimization, NeurIPS 2023, arXiv 2310.20708. Expected improvement: J. Mockus, On
        Bayesian methods for seeking the extremum, Optimization Techniques (1975).

        Args:
            mean: Prediction of each.
            std: Standard deviation of each, above 0.
        """
        if self.goal == "uncertainty":
            return np.asarray(np.log(std))
        if self.goal == "range":
            return _log_probability((self.low - mean) / std, (self.high - mean) / std)
        return np.asarray(np.log(std) + _log_improvement(self._standard_gain(mean, std)))

    def chances(self, mean: Floats, std: Floats) -> Floats:
        """Probability that a measurement of each beats the best value, or is in the range, (num_candidates,).

        Args:
            mean: Prediction of each.
            std: Standard deviation of each, above 0.
        """
        if self.goal == "uncertainty":
            return np.ones(len(mean))
        if self.goal == "range":
            return np.asarray(np.exp(self.log_scores(mean, std)))
        return np.asarray(ndtr(self._standard_gain(mean, std)))

    def _standard_gain(self, mean: Floats, std: Floats) -> Floats:
        return np.asarray((mean - self.best) * (1 if self.goal == "maximize" else -1) / std)


def _log_probability(low: Floats, high: Floats) -> Floats:
    """Logarithm of the probability of a standard normal number between two, each (num_candidates,)."""
    is_above = low > 0  # there the mirrored tail has the digits
    low, high = np.where(is_above, -high, low), np.where(is_above, -low, high)
    whole = log_ndtr(high)
    return np.asarray(whole + np.log1p(-np.exp(log_ndtr(low) - whole)))


_FAR = -1e4
"""Standard gain below which the first term of the series is exact."""


def _log_improvement(gain: Floats) -> Floats:
    """Logarithm of the expected improvement in standard deviations, by the gain in standard deviations."""
    log_density = -np.square(gain) / 2 - np.log(2 * np.pi) / 2
    near, tail, far = np.maximum(gain, -1.0), np.clip(gain, _FAR, -1.0), np.minimum(gain, _FAR)
    found = np.log(near * ndtr(near) + np.exp(-np.square(near) / 2) / np.sqrt(2 * np.pi))
    found = np.where(gain < -1, log_density + np.log1p(tail * np.sqrt(np.pi / 2) * erfcx(-tail / np.sqrt(2))), found)
    return np.asarray(np.where(gain < _FAR, log_density - 2 * np.log(-far), found))


def choose_batch(log_scores: Floats, features: Floats, number: int, radius: float) -> list[int]:
    """Choose candidates of high scores that are unlike each other, the first one the best.

    Each that is chosen lowers the scores of those near it, which would teach the same: after J. Gonzalez, Z. Dai, P.
    Hennig, N. Lawrence, Batch Bayesian optimization via local penalization, AISTATS 2016, arXiv 1505.08052.

    Args:
        log_scores: Logarithm of what each candidate is worth, (num_candidates,).
        features: Standardized features, (num_candidates, num_features).
        number: How many.
        radius: Distance at which a candidate is worth 63 % of what it would be alone.
    """
    worth, left = log_scores.astype(np.float64), np.arange(len(log_scores))
    chosen: list[int] = []
    for _ in range(min(number, len(worth))):
        best = int(left[np.argmax(worth[left])])
        chosen.append(best)
        left = left[left != best]
        distance = np.sqrt(np.square(features - features[best]).sum(axis=1))
        with np.errstate(divide="ignore"):  # what is the same is worth nothing more
            worth = worth + np.log(-np.expm1(-np.square(distance / radius)))
    return chosen
