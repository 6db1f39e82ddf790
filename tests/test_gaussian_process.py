import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.stats import norm

from gnn_sim2real import gaussian_process
from gnn_sim2real.gaussian_process import (
    CLIP,
    GaussianProcess,
    Parameters,
    StandardColumns,
    learn_parameters,
    negative_log_posterior,
)


def make_rows(num_rows, num_columns=6, seed=0):
    """Descriptors, and values that are a smooth function of the first two of them."""
    rows = np.random.default_rng(seed).standard_normal((num_rows, num_columns))
    return rows, np.sin(rows[:, 0]) + 0.5 * rows[:, 1]


@pytest.mark.parametrize("num_slopes", [0, 1])
@pytest.mark.parametrize("num_blocks", [0, 1, 3])
def test_the_gradient_is_that_of_finite_differences(num_blocks, num_slopes):
    random = np.random.default_rng(0)
    tables = random.standard_normal((num_blocks, 12, 4))
    distances = [np.linalg.norm(each[:, None] - each, axis=2) / 2 for each in tables]
    products = [each @ each.T for each in random.standard_normal((num_slopes, 12, 2))]
    logs, values = 0.5 * random.standard_normal(2 * num_blocks + num_slopes + 1), random.standard_normal(12)

    def value(logs):
        return negative_log_posterior(logs, distances, products, values)[0]

    _, gradient = negative_log_posterior(logs, distances, products, values)
    np.testing.assert_allclose(gradient, approx_fprime(logs, value, 1e-7), rtol=1e-4, atol=1e-5)


def test_with_the_same_parameters_it_predicts_as_scikit_learn(monkeypatch):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import DotProduct, Matern, WhiteKernel

    given = Parameters(np.array([0.7]), np.array([1.3]), np.array([0.4]), 0.05)
    monkeypatch.setattr(gaussian_process, "learn_parameters", lambda *_: given)
    rows, values = make_rows(40)
    new, _ = make_rows(5, seed=1)
    mean, std = GaussianProcess().fit([rows], values, rows).predict([new], new)

    columns = StandardColumns(rows)
    matern = 0.7 * Matern(1.3 * 6**0.5, length_scale_bounds="fixed", nu=1.5)
    linear = 0.4 / 6 * DotProduct(0.0, sigma_0_bounds="fixed")
    theirs = GaussianProcessRegressor(matern + linear + WhiteKernel(0.05), optimizer=None, normalize_y=True, alpha=0.0)
    expected, deviation = theirs.fit(columns.apply(rows), values).predict(columns.apply(new), return_std=True)
    np.testing.assert_allclose(mean, expected, rtol=1e-8)
    np.testing.assert_allclose(std, deviation, rtol=1e-8)


@settings(max_examples=20)
@given(st.integers(0, 20), st.sampled_from([-2.5, 0.004, 300.0]), st.sampled_from([0.0, -7.0, 2e3]))
def test_units_and_offsets_do_not_matter(seed, factor, offset):
    rows, values = make_rows(25, seed=seed)
    mean, std = GaussianProcess().fit([rows], values, rows[:, :1]).predict([rows[:5]], rows[:5, :1])
    moved = rows * factor + offset
    process = GaussianProcess().fit([moved], values * factor + offset, moved[:, :1])
    new_mean, new_std = process.predict([moved[:5]], moved[:5, :1])
    np.testing.assert_allclose(new_mean, mean * factor + offset, rtol=1e-3, atol=1e-3 * abs(factor))
    np.testing.assert_allclose(new_std, std * abs(factor), rtol=1e-2)


def test_a_smooth_function_is_learned_and_its_noise_is_found():
    rows, truth = make_rows(200)
    noisy = truth + 0.2 * np.random.default_rng(1).standard_normal(200)
    process = GaussianProcess().fit([rows[:, :2], rows[:, 2:]], noisy)
    new, new_truth = make_rows(300, seed=2)
    mean, std = process.predict([new[:, :2], new[:, 2:]])
    assert np.abs(mean - new_truth).mean() < 0.12
    assert std.mean() == pytest.approx(0.22, rel=0.2)
    # The block that says nothing has nearly no part in the covariance.
    assert process.parameters.variances[1] < 0.2 * process.parameters.variances[0]


@pytest.mark.parametrize("num_rows", [20, 100])
def test_of_noise_it_predicts_the_mean(num_rows):
    excess = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        rows, values, new = (random.standard_normal(shape) for shape in ((num_rows, 300), num_rows, (200, 300)))
        mean, std = GaussianProcess().fit([rows], values).predict([new])
        excess.append(np.square(mean - values.mean()).mean())
        assert std.mean() == pytest.approx(values.std(), rel=0.15)
    assert np.mean(excess) < 1.5 / num_rows


def test_intervals_of_its_own_process_hold():
    held = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        rows = random.standard_normal((80, 3))
        distance = np.linalg.norm(rows[:, None] - rows, axis=2)
        covariance = (1 + distance) * np.exp(-distance) + 0.05 * np.eye(80)
        values = np.linalg.cholesky(covariance) @ random.standard_normal(80)
        mean, std = GaussianProcess().fit([rows[:40]], values[:40]).predict([rows[40:]])
        held.append(np.abs(values[40:] - mean) < norm.ppf(0.95) * std)
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)


def test_the_linear_block_reaches_beyond_the_training_values():
    rows, _ = make_rows(60)
    simulated = np.linspace(-1, 1, 60)[:, None]
    process = GaussianProcess().fit([rows], 3 + 2 * simulated[:, 0], simulated)
    mean, _ = process.predict([rows[:1]], [[2.0]])
    assert mean == pytest.approx(7.0, abs=0.1)


def test_missing_cells_are_medians_and_constant_columns_are_nothing():
    rows, values = make_rows(30)
    holes, filled = rows.copy(), rows.copy()
    holes[::7, 2], filled[::7, 2] = np.nan, np.median(np.delete(rows[:, 2], np.s_[::7]))
    holes[3, 4], filled[3, 4] = np.inf, np.median(np.delete(rows[:, 4], 3))
    nothing = np.column_stack([np.full(30, 0.1), np.full(30, np.nan)])
    expected = GaussianProcess().fit([filled], values).predict([filled[:8]])
    found = GaussianProcess().fit([np.hstack([holes, nothing]), nothing], values)
    np.testing.assert_allclose(found.predict([np.hstack([holes, nothing])[:8], nothing[:8]]), expected)
    assert len(found.parameters.variances) == 1


def test_without_a_column_that_varies_it_predicts_the_mean():
    process = GaussianProcess().fit([np.ones((4, 2))], [1.0, 2.0, 3.0, 4.0])
    mean, std = process.predict([np.zeros((3, 2))])
    np.testing.assert_allclose(mean, 2.5)
    assert 0.5 < std[0] < 2


def test_columns_are_clipped():
    columns = StandardColumns(np.arange(10.0)[:, None])
    np.testing.assert_allclose(columns.apply([[1e9], [-1e9], [4.5], [np.nan]])[:, 0], [CLIP, -CLIP, 0, 0])


def test_many_rows_share_the_parameters_of_some(monkeypatch):
    rows, values = make_rows(150)
    monkeypatch.setattr(gaussian_process, "MAX_LEARNING_ROWS", 60)
    monkeypatch.setattr(gaussian_process, "_CHUNK", 40)
    learned_from = []
    monkeypatch.setattr(
        gaussian_process,
        "learn_parameters",
        lambda *given: learned_from.append(len(given[2])) or learn_parameters(*given),
    )
    some, again = (GaussianProcess().fit([rows], values) for _ in range(2))
    new, truth = make_rows(100, seed=1)
    np.testing.assert_array_equal(some.predict([new]), again.predict([new]))
    assert learned_from == [60, 60]
    monkeypatch.undo()
    few = GaussianProcess().fit([rows[:60]], values[:60])
    assert np.abs(some.predict([new])[0] - truth).mean() < np.abs(few.predict([new])[0] - truth).mean()
    assert [len(each) for each in some.predict([new[:0]])] == [0, 0]


def test_what_does_not_fit_is_refused():
    rows, values = make_rows(10)
    process = GaussianProcess().fit([rows], values)
    for blocks, of_rows in (([rows], values[:9]), ([], values), ([rows], [*values[:9], np.nan]), ([rows[:0]], [])):
        with pytest.raises(ValueError, match="value"):
            GaussianProcess().fit(blocks, of_rows)
    with pytest.raises(ValueError, match="6 columns"):
        process.predict([rows[:, :5]])
    with pytest.raises(ValueError, match="1 blocks"):
        process.predict([rows, rows])
    with pytest.raises(ValueError, match="blocks"):
        process.predict([rows], rows)
    with pytest.raises(ValueError, match="shape"):
        process.predict([rows[0]])
