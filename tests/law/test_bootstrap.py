import numpy as np
import pytest
from scipy.optimize import least_squares

from gnn_sim2real.law.average import shape_freedom
from gnn_sim2real.law.bootstrap import draw_moves, robust_means
from gnn_sim2real.law.forms.power import POWER
from gnn_sim2real.law.forms.power_limit import POWER_LIMIT
from gnn_sim2real.law.least_squares import fit_rows
from gnn_sim2real.law.log_errors import tabulate

SIZES = np.array([50.0, 91.0, 166.0, 302.0, 549.0, 1000.0])


def test_rows_are_fitted_as_well_as_by_a_general_optimizer():
    noise = 0.07 * np.random.default_rng(2).standard_normal((12, 6))
    log_errors = np.log(0.8 * SIZES**-0.35 + 0.05) + noise
    ours = fit_rows(POWER_LIMIT, SIZES[None], log_errors, np.ones(6)).predict_log(SIZES[None])

    def residual(parameters, row):
        log_prefactor, alpha, gap = parameters
        return np.log(np.exp(log_prefactor) * SIZES**-alpha + gap) - row

    for row, fitted in zip(log_errors, ours, strict=True):
        bounds = ([-20, 1e-3, 0], [20, 3, 1])
        starts = [(np.log(prefactor), alpha, 0.05) for prefactor in (0.5, 2) for alpha in (0.1, 0.4, 1.5)]
        theirs = min(2 * least_squares(residual, start, args=(row,), bounds=bounds).cost for start in starts)
        assert ((fitted - row) ** 2).sum() <= theirs * (1 + 1e-6)


def test_draws_have_students_spread_and_the_curves_own_correlation():
    random = np.random.default_rng(0)
    table = -0.3 * np.log(SIZES) + 0.1 * random.standard_normal((4, 1)) + 0.02 * random.standard_normal((4, 6))
    means, _ = robust_means(POWER_LIMIT, SIZES[None], table)
    labels = np.repeat(range(4), 6).tolist()
    moves = draw_moves(means, tabulate(np.tile(SIZES, 4)[None], np.exp(table).ravel(), labels), 40_000, seed=0)
    for weights in np.eye(6)[0], np.eye(6)[5] - np.eye(6)[0]:
        half = 2.353363 * np.std(table @ weights, ddof=1) / 2  # Student's t of 3 degrees of freedom, 4 curves
        np.testing.assert_allclose(np.quantile(moves @ weights, [0.05, 0.95]), [-half, half], rtol=0.05)


def test_in_an_average_the_shape_is_known_better_than_from_the_curves_alone():
    """Its level has Student's spread of the curves; half of the variance of its shape is known from all points."""
    random = np.random.default_rng(0)
    table = -0.3 * np.log(SIZES) + 0.1 * random.standard_normal((3, 1)) + 0.02 * random.standard_normal((3, 6))
    means, _ = robust_means(POWER_LIMIT, SIZES[None], table)
    labels = np.repeat(range(3), 6).tolist()
    given = tabulate(np.tile(SIZES, 3)[None], np.exp(table).ravel(), labels)
    assert shape_freedom(means) == pytest.approx(20 / 3)  # 1 / (1/4 / 2 + 1/4 / 10)
    plain, steady = draw_moves(means, given, 40_000, 0), draw_moves(means, given, 40_000, 0, shape_freedom(means))
    level = means.weights / means.weights.sum()
    np.testing.assert_allclose(steady @ level, plain @ level)
    shapes = [np.quantile(moves[:, 5] - moves[:, 0], 0.95) for moves in (plain, steady)]
    assert shapes[1] / shapes[0] == pytest.approx(1.9085 / 2.9200, rel=0.05)  # quantiles of Student's t
    assert shape_freedom(means._replace(moves=np.zeros((3, 6)), freedom=4.0)) == 4.0


def test_a_size_far_from_the_law_of_a_single_curve_counts_less():
    sizes = np.geomspace(50, 50_000, 12)
    log_errors = np.log(2 * sizes**-0.4) + 0.02 * np.random.default_rng(0).standard_normal(12)
    log_errors[5] += 1.0
    means, fits = robust_means(POWER, sizes[None], log_errors[None])
    others = np.delete(means.weights, 5)
    np.testing.assert_allclose(others, others[0])
    assert means.weights[5] < 0.5 * others[0]
    np.testing.assert_allclose(fits.natural()["prefactor"], 2, rtol=0.1)


def test_the_scatter_of_single_runs_without_what_they_have_in_common_is_that_seen():
    """Neighbors are alike, and what a law leaves lacks the shift that all sizes share: the draws make up for it."""
    sizes = np.geomspace(100, 1600, 5)[None]
    log_errors = 0.1 * np.random.default_rng(0).standard_normal((1, 5)) - 0.3 * np.log(sizes)
    means, _ = robust_means(POWER, sizes, log_errors)
    table = tabulate(sizes, np.exp(log_errors).ravel(), [0] * 5)
    moves = draw_moves(means._replace(freedom=1e6), table, 40_000, 0) / means.lone_spread
    covariance = np.cov(moves.T)
    others = covariance[~np.eye(5, dtype=bool)]
    assert np.diag(covariance).mean() - others.mean() == pytest.approx(1.0, abs=0.02)
    assert covariance[0, 1] > covariance[0, 4] > 0.1
