import math

import numpy as np
import pytest
from scipy.stats import binom

from gnn_sim2real.ensemble.intervals import (
    WIDEST_ROWS,
    TrainingRange,
    conformal_quantile,
    fit_intervals,
    interval_scores,
    make_scale,
    quantiles_of_others,
)


def test_the_quantile_is_that_of_one_more_row():
    scores = np.arange(1.0, 20.0)[::-1]  # 19 of them
    assert conformal_quantile(scores, 0.9) == 18
    assert conformal_quantile(scores, 0.95) == 19
    assert conformal_quantile(scores, 0.96) == math.inf
    assert conformal_quantile(np.arange(1.0, 10.0), 0.9) == 9
    assert conformal_quantile(np.arange(1.0, 9.0), 0.9) == math.inf


def test_no_row_widens_its_own_interval():
    scores = np.arange(1.0, 31.0)
    found = quantiles_of_others(scores, 0.9)
    assert found[0] == conformal_quantile(scores[1:], 0.9) == 28
    assert found[-1] == conformal_quantile(scores[:-1], 0.9) == 27
    outlier = np.append(scores, 1e6)
    assert quantiles_of_others(outlier, 0.9)[-1] == conformal_quantile(scores, 0.9)
    assert not (quantiles_of_others(scores, 0.9) == scores).any()
    assert (quantiles_of_others(np.arange(9.0), 0.9) == 8).all()  # with 8 of them there would be none
    assert (quantiles_of_others(np.empty(0), 0.9) == []).all()


def test_rows_of_one_material_are_no_others_to_each_other():
    scores = np.append(np.arange(30.0), [1e6, 1e6])
    groups = np.append(np.arange(30), [30, 30])
    found = quantiles_of_others(scores, 0.9, groups)
    assert found[-1] == found[-2] == conformal_quantile(scores[:-2], 0.9)
    assert found[0] == conformal_quantile(scores[1:], 0.9) == 29
    assert quantiles_of_others(scores, 0.9, np.arange(32))[-1] == conformal_quantile(scores[:-1], 0.9)


@pytest.mark.parametrize("num_rows", [20, 50, 100])
@pytest.mark.parametrize("informed", [False, True])
def test_exchangeable_rows_are_inside_as_often_as_they_should(num_rows, informed):
    """Errors of heavy tails, and scales that are worth something or nothing."""
    random, num_trials = np.random.default_rng(num_rows), 4000
    inside = 0
    for _ in range(num_trials):
        true, other, another = random.gamma(2, size=(3, num_rows + 1))
        errors = true * random.standard_t(3, num_rows + 1)
        scale = make_scale(num_rows, true if informed else another, other)
        intervals = fit_intervals(errors[:-1], scale[:-1])
        inside += abs(errors[-1]) <= intervals.half_widths(scale)[-1]
    # The nominal coverage is exceeded by up to 1 / (n + 1), and where the widest third has its own factor by more.
    most = 0.9 + 1 / (num_rows + 1) + (0.02 if num_rows >= 3 * WIDEST_ROWS else 0)
    low, high = binom.ppf([0.001, 0.999], num_trials, [0.9, most])
    assert low <= inside <= high


@pytest.mark.parametrize(("num_rows", "low", "high"), [(60, 0.76, 0.85), (120, 0.89, 0.93), (400, 0.89, 0.93)])
def test_the_widest_third_holds_as_well_where_errors_grow_faster_than_their_scale(num_rows, low, high):
    random, held = np.random.default_rng(num_rows), []
    for _ in range(300):
        scale, new = random.uniform(0.5, 2, size=(2, num_rows))
        errors, others = (each**2.5 * random.standard_normal(num_rows) for each in (scale, new))
        half = fit_intervals(errors, scale).half_widths(new)
        held.append((np.abs(others) <= half)[new > np.quantile(new, 2 / 3)].mean())
    assert low < np.mean(held) < high


def test_a_constant_scale_has_no_widest_third():
    errors = np.random.default_rng(0).standard_normal(300)
    intervals = fit_intervals(errors, np.full(300, 2.0))
    assert (intervals.widest_times, len(set(intervals.half_widths(np.full(9, 2.0))))) == (1.0, 1)


def test_a_scale_that_knows_something_makes_intervals_narrower_and_better():
    random = np.random.default_rng(0)
    spread, nothing = random.gamma(1, size=(2, 400))
    errors = spread * random.standard_normal(400)
    widths, scores = [], []
    for scale in (np.ones(400), make_scale(400, spread), make_scale(400, spread, spread), make_scale(400, nothing)):
        half = fit_intervals(errors, scale).half_widths(scale)
        widths.append(np.median(half))
        scores.append(interval_scores(errors, half).mean())
    assert widths[0] > 1.1 * widths[1] > 1.2 * widths[2]
    assert scores[3] > scores[0] > scores[1] > scores[2]


def test_the_scale_is_what_is_known_of_a_row():
    spread, deviation = np.array([0.0, 1.0, 4.0]), np.array([4.0, 4.0, 9.0])
    np.testing.assert_allclose(make_scale(50, spread, deviation), [0, 2, 6])
    np.testing.assert_allclose(make_scale(50, spread), [0, 1, 2])
    np.testing.assert_allclose(make_scale(49, spread, deviation), deviation)
    np.testing.assert_allclose(make_scale(49, spread), 1)
    np.testing.assert_allclose(make_scale(50, spread, deviation, is_telling=False), deviation)
    np.testing.assert_allclose(make_scale(50, spread, is_telling=False), 1)


def test_members_that_agree_by_chance_are_not_certain():
    errors, scale = np.array([1.0, -2.0] * 20), np.ones(40)
    intervals = fit_intervals(errors, scale)
    np.testing.assert_allclose(intervals.half_widths(np.array([0.0, 0.2, 1.0, 3.0])), [0.6, 0.6, 2.0, 6.0])
    # All agree on all rows: what is left is a constant.
    np.testing.assert_allclose(fit_intervals(errors, np.zeros(40)).half_widths(np.zeros(2)), [2.0, 2.0])


def test_the_interval_score_is_the_width_and_ten_or_twenty_times_what_is_outside():
    scores = interval_scores(np.array([0.5, -3.0]), np.array([1.0, 1.0]), 0.9)
    np.testing.assert_allclose(scores, [2.0, 2.0 + 20 * 2.0])


def test_rows_beyond_the_training_range_are_told():
    random = np.random.default_rng(0)
    train, like, beyond = (
        random.standard_normal((number, 4)) + shift for number, shift in ((300, 0), (300, 0), (50, 6))
    )
    known = TrainingRange(train * [1, 100, 0.01, 1])
    assert (known.distances(train * [1, 100, 0.01, 1]) == 0).all()
    assert 0.01 < (known.distances(like * [1, 100, 0.01, 1]) > 1).mean() < 0.12
    assert (known.distances(beyond * [1, 100, 0.01, 1]) > 2).all()


def test_widened_by_the_distance_intervals_hold_beyond_the_range():
    """A straight line is extrapolated by the nearest value, whose error grows with the distance."""
    random = np.random.default_rng(0)
    train, beyond = random.uniform(0, 1, (200, 1)), random.uniform(1, 3, (200, 1))
    errors = 0.02 * random.standard_normal(200)
    intervals, known = fit_intervals(errors, np.ones(200)), TrainingRange(train)
    wide = intervals.half_widths(np.ones(200))
    missed = beyond[:, 0] - train.max()
    assert (missed <= wide).mean() < 0.1
    assert (missed <= wide * np.maximum(known.distances(beyond), 1)).mean() > 0.9


@pytest.mark.parametrize(("alike", "low", "high"), [(True, 0.88, 0.94), (False, 0.95, 1.0)])
def test_rows_outside_of_the_range_count_once(alike, low, high):
    """Widened like new rows, those that were left out make intervals that hold as they should; else far too wide."""
    random, held = np.random.default_rng(0), []
    for _ in range(40):
        rows = random.standard_t(2, (250, 3))
        errors, train, folds = random.standard_normal(250), np.arange(50), np.arange(50) % 10
        wider = np.ones(50)
        for fold in range(10) if alike else ():
            own = folds == fold
            wider[own] = 1.5 * np.maximum(TrainingRange(rows[train[~own]]).distances(rows[train[own]]), 1)
        new = np.maximum(TrainingRange(rows[train]).distances(rows[50:]), 1) * 1.5
        half = fit_intervals(errors[:50] / wider, np.ones(50)).half_widths(np.ones(200)) * new
        held.append((np.abs(errors[50:]) <= half).mean())
    assert low < np.mean(held) <= high


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]]])
def test_a_range_needs_rows_that_differ(rows):
    with pytest.raises(ValueError, match="differ"):
        TrainingRange(rows)


def test_rows_of_one_group_are_no_neighbors():
    """Three materials a unit apart, each at two temperatures a hundredth apart."""
    rows = np.array([[place, place + step] for place in (0.0, 1.0, 2.0) for step in (0.0, 0.01)])
    groups = np.repeat(np.arange(3), 2)
    asked = np.array([[3.0, 3.0]])
    assert TrainingRange(rows).distances(asked)[0] > 50
    assert TrainingRange(rows, groups).distances(asked)[0] < 1.1
    with pytest.raises(ValueError, match="two groups"):
        TrainingRange(rows, np.zeros(6, np.int64))
