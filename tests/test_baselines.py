import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from gnn_sim2real.baselines import calibrate, extra_trees, ridge, shift
from gnn_sim2real.featurize.descriptors import molecule_descriptors, repeat_unit_descriptors

NAN = float("nan")


@pytest.fixture(scope="module")
def polymers():
    """120 repeat units and a property that follows from what they are made of."""
    rng = np.random.default_rng(0)
    parts = ["C", "O", "C(C)", "C(=O)", "N", "C(F)(F)", "C(c1ccccc1)", "c1ccc(cc1)", "S", "C(CCCC)"]
    contribution = np.array([0.0, 1.0, -0.5, 1.5, 0.8, 2.0, 0.6, 1.2, 1.6, -1.5])
    chosen = [rng.integers(len(parts), size=rng.integers(2, 6)) for _ in range(120)]
    features = repeat_unit_descriptors([f"*{''.join(parts[i] for i in unit)}*" for unit in chosen])
    return features, np.array([contribution[unit].mean() for unit in chosen])


def test_ridge_finds_a_linear_property_among_noise():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(120, 40)) * np.logspace(-3, 3, 40)
    values = features / np.logspace(-3, 3, 40) @ np.r_[1.0, -2.0, np.zeros(38)] + 5
    found = ridge(features[:60], values[:60], features[60:])
    assert np.abs(found - values[60:]).mean() < 0.05
    noise = rng.normal(size=120)
    assert ridge(features[:60], noise[:60], features[60:]) == pytest.approx(noise[:60].mean(), abs=0.6)


def test_shift_removes_the_mean_difference_alone():
    simulated, measured = np.array([1.0, 2.0, 3.0]), np.array([3.0, 3.0, 6.0])
    assert shift(simulated, measured, [10.0, 20.0]).tolist() == [12.0, 22.0]
    assert shift(simulated, measured, simulated).mean() == measured.mean()


def test_trees_beat_the_mean_on_polymers(polymers):
    features, values = polymers
    predictions = extra_trees(features[:60], values[:60], features[60:], seed=0)
    assert predictions.shape == (60,)
    assert predictions.dtype == np.float64
    assert 0.6 < r2_score(values[60:], predictions) < 1


def test_trees_follow_the_seed(polymers):
    features, values = polymers
    first, again, other = (extra_trees(features[:40], values[:40], features[40:], seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_source_column_helps_as_much_as_it_knows(polymers):
    features, values = polymers

    def error(source):
        columns = {} if source is None else {"source_train": source[:30], "source_test": source[30:]}
        predictions = extra_trees(features[:30], values[:30], features[30:], seed=0, **columns)
        return np.abs(predictions - values[30:]).mean()

    alone = error(None)
    assert error(values) < 0.6 * alone
    assert error(np.random.default_rng(1).normal(size=120)) == pytest.approx(alone, rel=0.25)


def test_trees_with_one_measurement_and_without_test_materials():
    np.testing.assert_array_equal(extra_trees([[1.0]], [3.0], [[0.0], [2.0]], seed=0), [3.0, 3.0])
    assert extra_trees([[1.0]], [3.0], np.empty((0, 1)), seed=0).shape == (0,)


finite = st.floats(-100, 100)


@given(
    source=st.lists(st.integers(-50, 50), min_size=3, max_size=20).filter(lambda x: len(set(x)) > 1),
    intercept=finite,
    slope=finite,
)
def test_calibration_is_exact_on_a_line(source, intercept, slope):
    source = np.array(source, dtype=float)
    test = np.array([-80.0, 0.0, 33.0])
    predictions = calibrate(source, intercept + slope * source, test)
    np.testing.assert_allclose(predictions, intercept + slope * test, rtol=1e-9, atol=1e-6)


def test_calibration_is_the_least_squares_line():
    rng = np.random.default_rng(0)
    source, values, test = rng.normal(300, 20, size=(3, 40))
    slope, intercept = np.polyfit(source, values, 1)
    np.testing.assert_allclose(calibrate(source, values, test), intercept + slope * test, rtol=1e-9)


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ([1.0], [3.0], [12.0]),
        ([1.0, 2.0], [3.0, 8.0], [14.0]),  # two points always lie on a line
        ([2.0, 2.0, 2.0], [3.0, 4.0, 8.0], [13.0]),
        ([2.0, 2.0 + 1e-8, 2.0 - 1e-8], [3.0, 4.0, 8.0], [13.0]),
    ],
)
def test_calibration_only_shifts_where_a_slope_would_be_noise(source, values, expected):
    np.testing.assert_allclose(calibrate(source, values, [10.0]), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (([[1.0], [NAN]], [1.0, 2.0], [[1.0]]), "features_train .*row 1 "),
        (([[1.0], [2.0]], [1.0, NAN], [[1.0]]), "values_train .*row 1 "),
        (([[1.0], [2.0]], [1.0, 2.0], [[np.inf]]), "features_test .*row 0 "),
        (([[1.0], [2.0]], [1.0], [[1.0]]), "values_train .* 1 .*features_train .* 2"),
        (([[1.0], [2.0]], [1.0, 2.0], [[1.0, 2.0]]), "features_train .* 1 .*features_test .* 2"),
        (([1.0, 2.0], [1.0, 2.0], [[1.0]]), r"features_train .*\(2,\)"),
        (([[1.0], [2.0]], [[1.0], [2.0]], [[1.0]]), r"values_train .*\(2, 1\)"),
        ((np.empty((0, 1)), [], [[1.0]]), "values_train"),
    ],
)
def test_trees_refuse(arguments, values):
    with pytest.raises(ValueError, match=values):
        extra_trees(*arguments, seed=0)


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ({"source_train": [1.0, 2.0]}, "source_train .*without source_test"),
        ({"source_test": [1.0]}, "source_test .*without source_train"),
        ({"source_train": [1.0], "source_test": [1.0]}, "source_train .* 1 .*features_train .* 2"),
        ({"source_train": [1.0, 2.0], "source_test": [NAN]}, "source_test .*row 0 "),
    ],
)
def test_trees_refuse_half_a_source(source, values):
    with pytest.raises(ValueError, match=values):
        extra_trees([[1.0], [2.0]], [1.0, 2.0], [[1.0]], seed=0, **source)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (([1.0, 2.0], [1.0], [1.0]), "values_train .* 1 .*source_train .* 2"),
        (([1.0, NAN], [1.0, 2.0], [1.0]), "source_train .*row 1 "),
        (([1.0], [1.0], [1.0, NAN]), "source_test .*row 1 "),
        (([], [], [1.0]), "values_train"),
    ],
)
def test_calibration_refuses(arguments, values):
    with pytest.raises(ValueError, match=values):
        calibrate(*arguments)


def _table(path):
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _mean_score(features, values, *, num_train, num_splits=3):
    scores = []
    for seed in range(num_splits):
        order = np.random.default_rng(seed).permutation(len(values))
        train, test = order[:num_train], order[num_train:]
        predictions = extra_trees(features[train], values[train], features[test], seed=seed)
        scores.append(r2_score(values[test], predictions))
    return np.mean(scores)


@pytest.mark.slow
@pytest.mark.realdata
def test_polymer_density_from_100_measurements(real_data):
    table = _table(real_data / "polymer/measured/density.csv").sample(300, random_state=0)
    features = repeat_unit_descriptors(list(table["smiles"]))
    score = _mean_score(features, table["density_g_cm3"].to_numpy(), num_train=100)
    assert 0.5 < score < 0.8


@pytest.mark.slow
@pytest.mark.realdata
def test_boiling_point_from_100_measurements(real_data):
    table = _table(real_data / "molecule/liquids/measured_boiling_point.csv")
    features = molecule_descriptors(list(table["smiles"]))
    assert 0.75 < _mean_score(features, table["tb_K"].to_numpy(), num_train=100) < 0.95
