import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from gnn_sim2real.metrics import METRICS, correct_by_holm, log_ratio, whole_set_metrics

values = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=40)


@given(pairs=values)
def test_agrees_with_scikit_learn(pairs):
    prediction, truth = np.array(pairs).T
    assume(truth.std() > 1e-3)
    metrics = whole_set_metrics(prediction, truth)
    assert metrics["mae"] == pytest.approx(mean_absolute_error(truth, prediction))
    assert metrics["rmse"] == pytest.approx(root_mean_squared_error(truth, prediction))
    assert metrics["r2"] == pytest.approx(r2_score(truth, prediction))
    assert metrics["num_test"] == len(pairs)
    assert set(metrics) - {"mae_nonzero"} == {*METRICS, "num_test"} - {"mae_nonzero"}


@given(pairs=values, missing=st.integers(1, 5), seed=st.integers(0, 99))
def test_missing_values_and_the_order_do_not_count(pairs, missing, seed):
    prediction, truth = np.array(pairs).T
    order = np.random.default_rng(seed).permutation(len(pairs) + missing)
    more = np.append(prediction, np.full(missing, np.nan))[order], np.append(truth, np.full(missing, np.nan))[order]
    assert whole_set_metrics(*more) == pytest.approx(whole_set_metrics(prediction, truth))


def test_a_last_batch_of_one_weighs_as_one():
    """Nine errors of 1 and one of 11: a mean of batch means, nine and one, would say 6."""
    truth = np.arange(10.0)
    prediction = truth + np.array([1.0] * 9 + [11.0])
    assert whole_set_metrics(prediction, truth)["mae"] == pytest.approx(2.0)
    assert whole_set_metrics(prediction, truth)["rmse"] == pytest.approx(np.sqrt(13.0))


def test_single_precision_does_not_lose_digits():
    truth = np.full(100_000, 1000.0, np.float32)
    truth[::2] += 1
    assert whole_set_metrics(truth + np.float32(0.5), truth)["rmse"] == pytest.approx(0.5, rel=1e-12)


def test_values_that_do_not_vary_have_no_r2():
    assert set(whole_set_metrics(np.array([1.0, 2.0]), np.array([3.0, 3.0]))) == {"mae", "rmse", "num_test"}


def test_zeros_are_left_out_of_one_of_the_errors():
    prediction, truth = np.array([0.5, 0.0, 3.0, 1.0]), np.array([0.0, 0.0, 1.0, 2.0])
    assert whole_set_metrics(prediction, truth)["mae"] == pytest.approx(3.5 / 4)
    assert whole_set_metrics(prediction, truth)["mae_nonzero"] == pytest.approx(1.5)
    for every in (np.zeros(4), truth + 1):
        assert "mae_nonzero" not in whole_set_metrics(prediction, every)


def test_nothing_to_compare_with():
    with pytest.raises(ValueError, match=r"\bvalues\b"):
        whole_set_metrics(np.array([1.0]), np.array([np.nan]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_predictions_that_diverged(bad):
    with pytest.raises(ValueError, match=r"\b2\b.*\b3\b.*`trainer\.gradient_clip_val`"):
        whole_set_metrics(np.array([bad, 1.0, bad]), np.array([1.0, 2.0, 3.0]))


def test_p_values_are_corrected_step_by_step():
    np.testing.assert_allclose(correct_by_holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(correct_by_holm(np.array([0.9, 0.8])), [1, 1])


def test_errors_of_the_same_draws_are_compared_in_pairs():
    others = np.random.default_rng(0).uniform(1, 10, 8)  # they differ more from draw to draw than methods do
    mean, p_value = log_ratio(others * np.linspace(0.88, 0.92, 8), others)
    assert mean == pytest.approx(np.log(0.9), abs=0.001)
    assert p_value < 1e-6
    assert log_ratio(others, others) == (0, 1)
    assert log_ratio(np.array([2.0]), np.array([1.0])) == (pytest.approx(np.log(2)), 1)
    assert log_ratio(others, np.roll(others, 1))[1] > 0.5
