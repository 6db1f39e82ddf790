import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from gnn_sim2real.ensemble.weights import (
    CAUTION,
    RIDGE,
    RULES,
    combine,
    complete_residuals,
    learn_weights,
    share_weights,
    spread,
)

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


LEARNED = [name for name in NAMES if name != "equal"]


def draw_members(seed, num_rows):
    """Residuals of a plain, a fair and a good member, and which of the rows are easy for all."""
    random = np.random.default_rng(seed)
    is_easy = np.arange(num_rows) % 2 == 0
    scale = np.where(is_easy, 0.2, 1.0)[:, None] * [2.0, 1.2, 1.0]
    return scale * random.standard_t(5, (num_rows, 3)), is_easy, random


def mean_weight_of_last(make, rule, num_rows=40):
    """Mean over draws of the weight of the last member, and how often it has the largest one."""
    found = [learn_weights(make(seed, num_rows), np.zeros(num_rows), rule) for seed in range(10)]
    return float(np.mean([each[-1] for each in found])), float(np.mean([each.argmax() == 3 for each in found]))


@pytest.mark.parametrize("rule", LEARNED)
def test_who_answers_easy_rows_alone_is_not_preferred(rule):
    """Its mean error is the least of all, although on the same rows it is 1.5 times that of the good one."""

    def make(seed, num_rows):
        residuals, is_easy, random = draw_members(seed, num_rows)
        return np.column_stack([residuals, np.where(is_easy, 0.3 * random.standard_t(5, num_rows), np.nan)])

    errors = np.mean([np.nanmean(np.abs(make(seed, 40)), axis=0) for seed in range(10)], axis=0)
    assert errors[3] < 0.8 * errors[2]
    weight, preferred = mean_weight_of_last(make, rule)
    assert weight < (0.28 if rule == "best three" else 0.05)
    assert preferred == 0


@pytest.mark.parametrize("rule", [name for name in LEARNED if name != "best three"])
@pytest.mark.parametrize("answered", [1, 2])
def test_luck_on_a_few_rows_is_not_preferred(rule, answered):
    def make(seed, num_rows):
        residuals, _, random = draw_members(seed, num_rows)
        own = np.full(num_rows, np.nan)
        rows = random.permutation(num_rows)[:answered]
        own[rows] = 0.1 * residuals[rows, 2]  # by chance, ten times as good as the good one
        return np.column_stack([residuals, own])

    weight, preferred = mean_weight_of_last(make, rule)
    assert weight <= 0.05
    assert preferred <= 0.05


@pytest.mark.parametrize("rule", LEARNED)
def test_who_is_better_on_half_of_the_rows_has_its_weight_there(rule):
    def make(seed, num_rows):
        residuals, is_easy, random = draw_members(seed, num_rows)
        return np.column_stack([residuals, np.where(is_easy, np.nan, 0.2 * random.standard_t(5, num_rows))])

    weight, preferred = mean_weight_of_last(make, rule, 60)
    assert weight > (0.33 if rule == "best three" else 0.5)
    assert preferred == 1 or rule == "best three"


@given(st.integers(3, 40), st.integers(1, 5), st.integers(0, 1000))
def test_no_gap_is_better_than_the_rows_that_are_answered(num_rows, num_members, seed):
    random = np.random.default_rng(seed)
    residuals = random.standard_normal((num_rows, num_members + 1))
    residuals[:, 1:][random.random((num_rows, num_members)) < 0.5] = np.nan
    residuals[0], residuals[1, 1:] = 1.0, np.nan  # the first member alone answers all
    reference, others, filled = residuals[:, 0], residuals[:, 1:], complete_residuals(residuals)[:, 1:]
    known = ~np.isnan(others)
    np.testing.assert_array_equal(filled[known], others[known])
    for member in range(num_members):
        answered = known[:, member]
        ratio = np.abs(others[answered, member]).mean() / np.abs(reference[answered]).mean()
        assert (np.abs(filled[~answered, member]) >= max(ratio, 1) * np.abs(reference[~answered])).all()
        assert (filled[~answered, member] * reference[~answered] >= 0).all()


def test_where_all_answer_the_residuals_are_as_they_are():
    residuals = np.random.default_rng(0).standard_normal((30, 4))
    assert complete_residuals(residuals) is residuals


@pytest.mark.parametrize("rule", NAMES)
def test_who_answers_nothing_has_no_weight(rule):
    predictions, values = make_predictions()
    lacking = np.insert(predictions, 2, np.nan, axis=1)
    weights = learn_weights(lacking, values, rule, np.arange(6.0))
    assert weights[2] == 0
    rest = learn_weights(predictions, values, rule, np.array([0.0, 1, 3, 4, 5]))
    np.testing.assert_array_equal(np.delete(weights, 2), rest)


@pytest.mark.parametrize("rule", NAMES)
def test_members_that_answer_each_half_of_the_rows(rule):
    residuals = np.random.default_rng(0).standard_normal((40, 2))
    residuals[::2, 0] = residuals[1::2, 1] = np.nan
    weights = learn_weights(residuals, np.zeros(40), rule)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


def test_a_row_without_any_prediction_is_refused():
    predictions, values = make_predictions()
    predictions[7] = np.nan
    with pytest.raises(ValueError, match="row 7"):
        learn_weights(predictions, values, "equal")
    with pytest.raises(ValueError, match="row 7"):
        spread(predictions, np.full(5, 0.2))
