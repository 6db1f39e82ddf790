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
        assert np.exp(Aim(goal, best=2.0).log_scores(*asked)[0]) == pytest.approx(expected, abs=0.01)
    inside = ((values > 1.2) & (values < 2.6)).mean()
    assert np.exp(Aim("range", low=1.2, high=2.6).log_scores(*asked)[0]) == pytest.approx(inside, abs=0.01)
    assert np.exp(Aim("range", low=1.2).log_scores(*asked)[0]) == pytest.approx((values > 1.2).mean(), abs=0.01)
    with refused("1.2"):
        Aim("range", low=1.2, high=1.2)


def test_a_batch_begins_with_the_best_and_avoids_what_is_alike():
    features = np.array([[0.0], [0.01], [5.0], [5.01], [9.0]])
    scores = np.log([1.0, 0.99, 0.5, 0.6, 0.1])
    assert choose_batch(scores, features, 3, 1.0) == [0, 3, 4]
    assert choose_batch(scores, features, 99, 1.0)[:1] == [0]
    assert sorted(choose_batch(scores, features, 99, 1.0)) == [0, 1, 2, 3, 4]
    # All alike: still as many as wanted, each once.
    assert sorted(choose_batch(np.full(4, -np.inf), np.zeros((4, 2)), 3, 1.0)) == [0, 1, 2]


def test_candidates_far_from_what_is_sought_keep_their_order():
    mean, std = np.array([0.9, 1.0, 1.1, -900.0]), np.full(4, 0.02)
    for aim in (Aim("maximize", best=2.2), Aim("range", low=2.2), Aim("range", low=2.2, high=2.3)):
        worth = aim.log_scores(mean, std)
        assert np.isfinite(worth).all()
        assert worth.argsort().tolist() == [3, 0, 1, 2]
        assert aim.chances(mean, std).max() < 1e-100
    assert Aim("minimize", best=0.1).log_scores(mean[:3], std[:3]).argsort().tolist() == [2, 1, 0]
    assert choose_batch(Aim("maximize", best=2.2).log_scores(mean, std), mean[:, None], 3, 1e-3) == [2, 1, 0]


def test_the_tail_of_the_expected_improvement_joins_its_middle():
    gain = np.array([-1e4, -1.0])
    below, above = (Aim("maximize").log_scores(gain * (1 + step), np.ones(2)) for step in (1e-9, -1e-9))
    np.testing.assert_allclose(below, above, rtol=1e-7)
    # log of pdf(5) - 5 (1 - cdf(5)), with fifty digits
    assert Aim("maximize").log_scores(np.array([-5.0]), np.ones(1))[0] == pytest.approx(-16.7443011627)
