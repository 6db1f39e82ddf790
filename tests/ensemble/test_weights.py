import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from gnn_sim2real.ensemble.weights import CAUTION, RIDGE, RULES, combine, learn_weights, share_weights, spread

NAMES = sorted(RULES)
BAGGED = "bagged least absolute"


def make_predictions(num_rows=40, num_members=5, seed=0):
    """Members whose noise grows with their number, with some of it in common."""
    random = np.random.default_rng(seed)
    values = random.normal(300, 20, num_rows)
    noise = random.standard_normal((num_rows, num_members)) + random.standard_normal((num_rows, 1))
    return values[:, None] + noise * np.arange(2, num_members + 2), values


@pytest.mark.parametrize("rule", NAMES)
@given(st.integers(0, 60), st.integers(1, 8), st.integers(0, 1000))
def test_weights_are_shares_that_belong_to_the_members(rule, num_more, num_members, seed):
    # With fewer rows than members, more than one weight vector has no absolute deviation at all.
    predictions, values = make_predictions(num_members + num_more, num_members, seed)
    weights = learn_weights(predictions, values, rule)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    if rule == BAGGED and num_more < 5 * num_members:  # a resample has even fewer rows
        return
    order = np.r_[0, 1 + np.random.default_rng(seed).permutation(num_members - 1)]  # the first is the plainest
    np.testing.assert_allclose(learn_weights(predictions[:, order], values, rule), weights[order], atol=1e-6)


@pytest.mark.parametrize("rule", NAMES)
def test_units_and_offsets_do_not_matter(rule):
    predictions, values = make_predictions()
    weights = learn_weights(predictions, values, rule)
    np.testing.assert_allclose(learn_weights(-0.01 * predictions + 5, -0.01 * values + 5, rule), weights, atol=1e-6)


@pytest.mark.parametrize("rule", [name for name in NAMES if name != "equal"])
@pytest.mark.parametrize("num_rows", [20, 500])
def test_a_perfect_member_gets_the_weight(rule, num_rows):
    predictions, values = make_predictions(num_rows)
    predictions[:, 3] = values
    weights = learn_weights(predictions, values, rule)
    assert weights[3] == weights.max()
    assert weights[3] >= 0.333 if rule == "best three" else 0.999


def test_ridge_is_the_least_squares_with_its_penalty():
    predictions, values = make_predictions(60)
    residuals = predictions - values[:, None]
    penalty = RIDGE * 60 * np.square(residuals).mean(axis=0).min()

    def loss(weights):
        return np.square(residuals @ weights).sum() + penalty * np.square(weights - 0.2).sum()

    total = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    found = minimize(loss, np.full(5, 0.2), bounds=[(0, 1)] * 5, constraints=total, method="SLSQP", tol=1e-12)
    np.testing.assert_allclose(learn_weights(predictions, values, "ridge"), found.x, atol=1e-4)


def test_least_absolute_errors_are_least():
    residuals = np.random.default_rng(1).standard_normal((60, 5))
    predictions, values = residuals, np.zeros(60)
    weights = learn_weights(predictions, values, "least absolute")
    share = CAUTION / (CAUTION + 60)
    fitted = (weights - share * learn_weights(predictions, values, "one standard error")) / (1 - share)
    assert fitted.min() > -1e-9
    drawn = np.vstack([np.random.default_rng(0).dirichlet(np.full(5, 0.5), 20_000), np.eye(5)])
    assert np.abs(residuals @ fitted).sum() <= np.abs(residuals @ drawn.T).sum(axis=0).min() + 1e-6


def error_on_new_rows(make_errors, rule, num_rows):
    """Mean over draws of the error of an ensemble, relative to that of its best member."""
    found = []
    for seed in range(12):
        errors = make_errors(np.random.default_rng(seed), num_rows + 1000)
        weights = learn_weights(errors[:num_rows], np.zeros(num_rows), rule)
        new = errors[num_rows:]
        found.append(np.log(np.abs(new @ weights).mean() / np.abs(new).mean(axis=0).min()))
    return float(np.exp(np.mean(found)))


def pure_noise(random, number):
    """The first member is the mean, all others have learned something that is not there."""
    return random.standard_normal((number, 1)) + np.r_[0, np.full(11, 0.45)] * random.standard_normal((number, 12))


def one_good_among_many_alike(random, number):
    alike, own = 0.65 * random.standard_t(4, (number, 1)), random.standard_t(4, (number, 12))
    return np.column_stack([1.5 * own[:, :1], alike + 0.25 * own[:, 1:-1], 0.35 * own[:, -1:]])


@pytest.mark.parametrize(("num_rows", "most"), [(20, 1.025), (50, 1.01)])
def test_the_mean_has_its_due_on_pure_noise(num_rows, most):
    assert error_on_new_rows(pure_noise, BAGGED, num_rows) < most < error_on_new_rows(pure_noise, "best", num_rows)


def test_members_that_are_alike_have_no_vote_each():
    bagged, one = (error_on_new_rows(one_good_among_many_alike, rule, 20) for rule in (BAGGED, "one standard error"))
    assert bagged < 1 < one


def test_what_is_expected_decides_where_rows_cannot():
    random = np.random.default_rng(0)
    errors = random.standard_t(4, (2000, 1)) + 0.3 * random.standard_normal((2000, 5))  # alike, but for the first
    errors[:, 0] += random.standard_normal(2000)
    excess = np.array([0.5, 0.5, 0.5, 0.0, 0.5])
    few, many = (
        [learn_weights(errors[:number], np.zeros(number), BAGGED, each)[3] for each in (None, excess)]
        for number in (20, 2000)
    )
    assert few[1] > few[0] + 0.2
    assert many[1] == pytest.approx(many[0], abs=0.05)


def test_to_expect_the_same_of_all_changes_nothing():
    predictions, values = make_predictions(30)
    same = learn_weights(predictions, values, BAGGED, np.full(5, 0.7))
    np.testing.assert_allclose(same, learn_weights(predictions, values, BAGGED), atol=1e-6)


def test_one_row_more_than_resamples_need_has_weights():
    assert learn_weights(np.array([[1.0, 2.0], [2.0, 2.5]]), np.array([1.0, 2.0]), BAGGED).sum() == pytest.approx(1)


def test_the_best_are_chosen_by_absolute_errors():
    values = np.zeros(4)
    errors = np.array([[1, 1, 1, 1], [1.1, 1.1, 1, 1], [0, 0, 0, 3.9], [1.5, 1.5, 1.5, 1.5], [2.5, 2.5, 2.5, 2.5]])
    learned = {name: np.flatnonzero(learn_weights(errors.T, values, name)).tolist() for name in NAMES}
    assert learned["best"] == [2]
    assert learned["best three"] == [0, 1, 2]
    assert learned["one standard error"] == [0, 1, 2, 3]  # the best has 0.975, and a standard error of 0.975
    assert learned["equal"] == [0, 1, 2, 3, 4]


def test_weights_of_missing_members_go_to_those_present():
    weights = np.array([0.5, 0.3, 0.2, 0.0])
    predictions = np.array([[1.0, 2.0, 3.0, 4.0], [np.nan, 2.0, 3.0, 4.0], [np.nan, np.nan, np.nan, 4.0]])
    expected = [[0.5, 0.3, 0.2, 0], [0, 0.6, 0.4, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(share_weights(predictions, weights), expected)
    np.testing.assert_allclose(combine(predictions, weights), [1.7, 2.4, 4.0])
    np.testing.assert_allclose(spread(predictions, weights), [0.61**0.5, 0.24**0.5, 0.0])


@pytest.mark.parametrize("rule", NAMES)
def test_weights_are_learned_although_predictions_are_missing(rule):
    predictions, values = make_predictions(200)
    values = predictions[:, 1] + 0.5 * np.random.default_rng(1).standard_normal(200)
    predictions[::4, 1] = np.nan
    weights = learn_weights(predictions, values, rule)
    assert weights[1] == weights.max()
    errors = np.abs(combine(predictions, weights) - values)
    assert errors[1::4].mean() < errors[::4].mean() or rule == "equal"


def test_a_row_without_any_prediction_is_refused():
    predictions, values = make_predictions()
    predictions[7] = np.nan
    with pytest.raises(ValueError, match="row 7"):
        learn_weights(predictions, values, "equal")
    with pytest.raises(ValueError, match="row 7"):
        spread(predictions, np.full(5, 0.2))
