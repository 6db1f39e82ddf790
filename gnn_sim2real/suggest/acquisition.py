"""What a measurement of a candidate is worth, from its predicted mean and standard deviation; and diverse batches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

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

    def scores(self, mean: Floats, std: Floats) -> Floats:
        """What a measurement of each candidate is worth, (num_candidates,); more is better.

        Expected improvement: J. Mockus, On Bayesian methods for seeking the extremum, Optimization Techniques (1975).

        Args:
            mean: Prediction of each.
            std: Standard deviation of each, above 0.
        """
        if self.goal == "uncertainty":
            return std
        if self.goal == "range":
            return np.asarray(norm.cdf((self.high - mean) / std) - norm.cdf((self.low - mean) / std))
        gain = (mean - self.best) * (1 if self.goal == "maximize" else -1)
        standard = gain / std
        return np.asarray(gain * norm.cdf(standard) + std * norm.pdf(standard))


def choose_batch(scores: Floats, features: Floats, number: int, radius: float) -> list[int]:
    """Choose candidates of high scores that are unlike each other, the first one the best.

    Each that is chosen lowers the scores of those near it, which would teach the same: after J. Gonzalez, Z. Dai, P.
    Hennig, N. Lawrence, Batch Bayesian optimization via local penalization, AISTATS 2016, arXiv 1505.08052.

    Args:
        scores: What each candidate is worth, (num_candidates,), not negative.
        features: Standardized features, (num_candidates, num_features).
        number: How many.
        radius: Distance at which a candidate is worth 63 % of what it would be alone.
    """
    worth, is_left = scores.astype(np.float64), np.ones(len(scores), np.bool_)
    chosen: list[int] = []
    for _ in range(min(number, len(worth))):
        best = int(np.argmax(np.where(is_left, worth, -np.inf)))
        chosen.append(best)
        is_left[best] = False
        distance = np.sqrt(np.square(features - features[best]).sum(axis=1))
        worth = worth * -np.expm1(-np.square(distance / radius))
    return chosen
