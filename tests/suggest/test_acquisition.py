"""What a measurement is worth, against numerical integration; batches are unlike each other."""

import numpy as np
import pytest
from refused import refused

from gnn_sim2real.suggest.acquisition import Aim, choose_batch

DRAWS = np.random.default_rng(0).normal(size=400_000)


@pytest.mark.parametrize(("mean", "std"), [(1.0, 0.5), (2.5, 0.1), (3.0, 2.0)])
def test_scores_are_expectations_over_draws(mean, std):
    values = mean + std * DRAWS
    asked = np.array([mean]), np.array([std])
    for goal, expected in (
        ("maximize", np.maximum(values - 2.0, 0).mean()),
        ("minimize", np.maximum(2.0 - values, 0).mean()),
        ("uncertainty", values.std()),
    ):
        assert Aim(goal, best=2.0).scores(*asked)[0] == pytest.approx(expected, abs=0.01)
    inside = ((values > 1.2) & (values < 2.6)).mean()
    assert Aim("range", low=1.2, high=2.6).scores(*asked)[0] == pytest.approx(inside, abs=0.01)
    assert Aim("range", low=1.2).scores(*asked)[0] == pytest.approx((values > 1.2).mean(), abs=0.01)
    with refused("1.2"):
        Aim("range", low=1.2, high=1.2)


def test_a_batch_begins_with_the_best_and_avoids_what_is_alike():
    features = np.array([[0.0], [0.01], [5.0], [5.01], [9.0]])
    scores = np.array([1.0, 0.99, 0.5, 0.6, 0.1])
    assert choose_batch(scores, features, 3, 1.0) == [0, 3, 4]
    assert choose_batch(scores, features, 99, 1.0)[:1] == [0]
    assert sorted(choose_batch(scores, features, 99, 1.0)) == [0, 1, 2, 3, 4]
    # All alike: still as many as wanted, each once.
    assert sorted(choose_batch(np.zeros(4), np.zeros((4, 2)), 3, 1.0)) == [0, 1, 2]
