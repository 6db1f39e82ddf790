"""Intervals hold what they promise although the weights without a fold are others."""

from dataclasses import dataclass

import numpy as np
import pytest

from gnn_sim2real.baselines.member import MEAN, Mean
from gnn_sim2real.ensemble.stack import Problem, StackSettings, fit_stack
from gnn_sim2real.shotgun.answer import find_bounds

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal(1060)
VALUES = X + 0.8 * RANDOM.standard_normal(len(X))


@dataclass
class Line:
    """A straight line in a power of x."""

    power: int
    kind: str = ""
    cost: float = 0.1

    @property
    def name(self):
        return f"line in x^{self.power}"

    def fit_predict(self, train, test):
        return np.polyval(np.polyfit(X[train] ** self.power, VALUES[train], 1), X[test] ** self.power)


def bounds_of(members):
    train, asked = np.arange(60), np.arange(60, len(X))
    groups = [str(row) for row in range(len(X))]
    stack = fit_stack([Mean(VALUES), *members], Problem(VALUES, groups, train, asked), StackSettings(num_folds=3))
    constant = np.ones(60), np.ones(len(asked))
    return stack, find_bounds(stack, VALUES[train], constant, constant)


def test_the_distance_of_one_member_from_the_mean_makes_no_interval_narrower():
    stack, bounds = bounds_of([Line(1)])
    weights = {each.name: each.weight for each in stack.members}
    assert 0 < weights[MEAN] < weights["line in x^1"]
    assert not bounds.intervals.is_spread_telling
    assert np.ptp(bounds.half_widths) == 0
    held = np.abs(VALUES[60:] - stack.predictions) <= bounds.half_widths
    assert held.mean() == pytest.approx(0.9, abs=0.05)
    assert held[np.abs(X[60:]) < 0.3].mean() > 0.8  # where line and mean are near each other


def test_the_spread_of_two_members_does():
    _, bounds = bounds_of([Line(1), Line(3)])
    assert bounds.intervals.is_spread_telling
    assert np.ptp(bounds.half_widths) > 0
