import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from gnn_sim2real.baselines import BASELINES, Baseline, Inputs, predict_test, register
from gnn_sim2real.baselines.absolute_error_line import predict_line
from gnn_sim2real.baselines.extra_trees import EXTRA_TREES, MEDIAN_TREES, MEDIAN_TREES_DELTA, fit_trees, predict_each
from gnn_sim2real.baselines.two_step_trees import TWO_STEP_TREES, predict_probability, quantile_of_each
from gnn_sim2real.featurize.descriptors import molecule_descriptors, repeat_unit_descriptors

NAN = float("nan")


def answers(name, train, values, test, *, seed=0, **inputs):
    """Predictions of a baseline from inputs of the measured and of the test materials."""
    both = {key: np.concatenate([train[key], test[key]]) for key in train}
    rows = np.arange(len(values)), np.arange(len(values), len(next(iter(both.values()))))
    measured = np.concatenate([values, np.full(len(rows[1]), NAN)])
    return predict_test(BASELINES[name], Inputs(**both), measured, *rows, seed=seed)


def column(name, key, known, values, asked):
    """The same for a baseline with one column as input."""
    return answers(name, {key: np.asarray(known, float)}, np.asarray(values, float), {key: np.asarray(asked, float)})


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
    train, test = np.arange(60), np.arange(60, 120)
    inputs = Inputs(encoded=features)
    found = predict_test(BASELINES["frozen_ridge"], inputs, values, train, test)
    assert np.abs(found - values[60:]).mean() < 0.05
    noise = rng.normal(size=120)
    found = predict_test(BASELINES["frozen_ridge"], inputs, noise, train, test)
    assert found == pytest.approx(noise[:60].mean(), abs=0.6)


def test_shift_removes_the_mean_difference_alone():
    simulated, measured = [1.0, 2.0, 3.0], [3.0, 3.0, 6.0]
    assert column("shifted_simulated_value", "simulated", simulated, measured, [10.0, 20.0]).tolist() == [12.0, 22.0]


class FirstColumn(Baseline):
    """Answers its only input as it is."""

    def predict(self, train, values, test, *, seed):
        column = getattr(test, self.needs[0])
        return column if column.ndim == 1 else column[:, 0]


@pytest.mark.parametrize("has_fallback", [True, False])
def test_the_fallback_answers_for_materials_without_an_input_and_for_no_others(has_fallback):
    fallback = FirstColumn("descriptor", "descriptor", ("descriptors",)) if has_fallback else None
    baseline = FirstColumn("simulated", "simulated", ("simulated",), fallback=fallback)
    inputs = Inputs(descriptors=np.arange(6.0)[:, None], simulated=np.array([7.0, 7, 7, NAN, 50, NAN]))
    found = predict_test(baseline, inputs, np.zeros(6), np.arange(3), np.arange(3, 6))
    np.testing.assert_array_equal(found, [3, 50, 5] if has_fallback else [NAN, 50, NAN])


def test_trees_beat_the_mean_on_polymers(polymers):
    features, values = polymers
    found = predict_test(EXTRA_TREES, Inputs(descriptors=features), values, np.arange(60), np.arange(60, 120))
    assert 0.6 < r2_score(values[60:], found) < 1


PINNED_ALONE = [
    0.42020294061417834,
    0.6786138325264417,
    -2.521624935074986,
    0.054380916138262736,
    1.2314437299050378,
]
PINNED_WITH_SOURCE = [
    0.4052739867139396,
    0.13688149727481153,
    -2.207097633343371,
    -0.3091497701005031,
    1.4254956614736325,
]


def test_the_trees_are_those_of_published_studies():
    """Digits of the version that had one module of baselines; they depend on scikit-learn alone."""
    rng = np.random.default_rng(0)
    features, source = rng.normal(size=(30, 4)), rng.normal(size=30)
    values = features[:, 0] + 0.5 * source
    inputs, train, test = Inputs(descriptors=features, source=source), np.arange(25), np.arange(25, 30)
    alone = predict_test(EXTRA_TREES, inputs, values, train, test, seed=7)
    both = predict_test(BASELINES["extra_trees_with_source"], inputs, values, train, test, seed=7)
    np.testing.assert_allclose(alone, PINNED_ALONE, rtol=1e-9)
    np.testing.assert_allclose(both, PINNED_WITH_SOURCE, rtol=1e-9)


def test_trees_follow_the_seed(polymers):
    features, values = polymers
    inputs = Inputs(descriptors=features)
    first, other = (
        predict_test(EXTRA_TREES, inputs, values, np.arange(40), np.arange(40, 120), seed=s) for s in (1, 2)
    )
    assert not np.array_equal(first, other)


def test_source_column_helps_as_much_as_it_knows(polymers):
    features, values = polymers

    def error(name, **source):
        found = predict_test(
            BASELINES[name], Inputs(descriptors=features, **source), values, np.arange(30), np.arange(30, 120), seed=0
        )
        return np.abs(found - values[30:]).mean()

    alone = error("extra_trees")
    assert error("extra_trees_with_source", source=values) < 0.6 * alone
    noise = np.random.default_rng(1).normal(size=120)
    assert error("extra_trees_with_source", source=noise) == pytest.approx(alone, rel=0.25)
    assert error("extra_trees_delta", simulated=values) < 1e-9
    assert error("extra_trees_with_simulated_value", simulated=values) == error(
        "extra_trees_with_source", source=values
    )


def test_the_median_of_many_zeros_is_zero():
    """Values that are zero or large for no reason: the mean is between them, the median is the more frequent one."""
    rng = np.random.default_rng(0)
    features, values = rng.normal(size=(300, 3)), np.where(rng.random(300) < 0.3, 4.0, 0.0)
    rows = np.arange(200), np.arange(200, 300)
    mean, median = (
        predict_test(BASELINES[name], Inputs(descriptors=features), values, *rows)
        for name in ("extra_trees", "median_trees")
    )
    assert np.mean(median == 0) > 0.75
    assert np.mean(mean == 0) < 0.3
    assert np.abs(median - values[200:]).mean() < np.abs(mean - values[200:]).mean()


def test_trees_of_one_value_a_leaf_have_the_median_over_all_leaves(polymers):
    features, values = polymers
    inputs = Inputs(descriptors=features)
    found = predict_test(MEDIAN_TREES, inputs, values, np.arange(60), np.arange(60, 120))
    assert set(found.round(12)) <= {
        round((a + b) / 2, 12) for a in values[:60] for b in values[:60]
    }  # 300 trees: the middle two values
    shifted = Inputs(descriptors=features, simulated=np.full(120, 5.0))
    found = predict_test(MEDIAN_TREES_DELTA, shifted, values + 5, np.arange(60), np.arange(60, 120))
    assert np.isfinite(found).all()


finite = st.floats(-100, 100)


@given(
    source=st.lists(st.integers(-50, 50), min_size=3, max_size=20).filter(lambda x: len(set(x)) > 1),
    intercept=finite,
    slope=finite,
)
def test_calibration_is_exact_on_a_line(source, intercept, slope):
    source, test = np.array(source, dtype=float), np.array([-80.0, 0.0, 33.0])
    found = column("calibrated_source", "source", source, intercept + slope * source, test)
    np.testing.assert_allclose(found, intercept + slope * test, rtol=1e-9, atol=1e-6)


def test_calibration_is_the_least_squares_line():
    rng = np.random.default_rng(0)
    source, values, test = rng.normal(300, 20, size=(3, 40))
    slope, intercept = np.polyfit(source, values, 1)
    for name, key in (("calibrated_source", "source"), ("calibrated_simulated_value", "simulated")):
        np.testing.assert_allclose(column(name, key, source, values, test), intercept + slope * test, rtol=1e-9)


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
    np.testing.assert_allclose(column("calibrated_source", "source", source, values, [10.0]), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("known", "values", "expected"),
    [([1.0], [3.0], 12.0), ([1.0, 2.0], [3.0, 8.0], 14.0), ([2.0, 2.0, 2.0], [3.0, 4.0, 8.0], 12.0)],
)
def test_the_line_of_least_absolute_error_shifts_by_the_median_where_a_slope_would_be_noise(known, values, expected):
    assert column("absolute_error_line", "simulated", known, values, [10.0]) == pytest.approx([expected])


def test_the_line_of_least_absolute_error_ignores_a_wrong_value():
    known = np.linspace(1, 5, 21)
    values = 0.5 + 1.2 * known
    values[3] = 1e3
    found = column("absolute_error_line", "simulated", known, values, [10.0])
    assert found == pytest.approx([12.5], rel=1e-6)
    assert column("calibrated_simulated_value", "simulated", known, values, [10.0])[0] < 0


def test_no_line_has_a_lower_absolute_error():
    rng = np.random.default_rng(0)
    known = rng.normal(size=60)
    values = known + rng.standard_cauchy(size=60)
    least = np.abs(predict_line(known, values, known) - values).mean()
    lines = [offset + slope * known for offset in np.linspace(-2, 2, 41) for slope in np.linspace(-2, 4, 61)]
    assert least <= min(np.abs(line - values).mean() for line in lines)


def test_simulated_zeros_have_an_answer_of_their_own():
    known = np.r_[np.zeros(5), np.linspace(1, 3, 9)]
    values = np.r_[0.0, 0.0, 0.7, 1.5, 2.0, 1 + 2 * np.linspace(1, 3, 9)]
    found = column("absolute_error_line", "simulated", known, values, [0.0, 2.0])
    assert found == pytest.approx([0.7, 5.0])
    known[1:5] = [1.1, 1.2, 1.3, 1.4]  # one zero of fourteen is no reason
    values[1:5] = 1 + 2 * known[1:5]
    assert column("absolute_error_line", "simulated", known, values, [0.0])[0] == pytest.approx(1.0)


def test_two_steps_tell_the_zeros_from_the_others():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 2))
    values = np.where(features[:, 0] < 0, 0.0, 3 + features[:, 1])
    rows = np.arange(300), np.arange(300, 400)
    found = predict_test(BASELINES["two_step_trees"], Inputs(descriptors=features), values, *rows)
    assert np.mean((found == 0) == (values[300:] == 0)) > 0.95
    assert np.abs(found - values[300:]).mean() < 0.25


def test_the_answer_of_two_steps_halves_the_mixture():
    """With p the lowest value, else one that a tree of the second step gives."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, 2))
    values = np.where(rng.random(200) < 0.3, 0.0, rng.lognormal(size=200))
    known, asked, is_lowest = features[:120], features[120:], values[:120] == 0
    found = predict_test(TWO_STEP_TREES, Inputs(descriptors=features), values, np.arange(120), np.arange(120, 200))
    probability = predict_probability(known, is_lowest, asked, 0)
    each = predict_each(fit_trees(known[~is_lowest], values[:120][~is_lowest], 0), asked)
    assert (found[probability >= 0.5] == 0).all()
    mixed = probability < 0.5
    assert (mixed & (probability > 0.1)).sum() > 20
    below, up_to = (
        probability + (1 - probability) * share.mean(axis=0) for share in (each < found - 1e-9, each <= found + 1e-9)
    )
    assert (below[mixed] < 0.51).all()
    assert (up_to[mixed] > 0.49).all()


def test_without_many_lowest_values_there_is_one_step(polymers):
    features, values = polymers
    rows = np.arange(60), np.arange(60, 120)
    one, two = (
        predict_test(BASELINES[name], Inputs(descriptors=features), values, *rows)
        for name in ("median_trees", "two_step_trees")
    )
    np.testing.assert_allclose(one, two)


def test_the_median_of_the_mixture():
    """With probability 0.2 zero, else one of 1 to 9: half of the mixture is below the quantile 0.375 of these."""
    values = np.arange(1.0, 10.0)[:, None].repeat(3, axis=1)
    found = quantile_of_each(values, np.array([0.0, 0.375, 1.0]))
    np.testing.assert_allclose(found, [1.0, 4.0, 9.0])
    np.testing.assert_allclose(quantile_of_each(values[:, :1], np.array([0.33])), np.quantile(values[:, 0], 0.33))


@pytest.mark.parametrize(
    ("inputs", "values"),
    [
        ({"descriptors": [[1.0], [NAN]]}, "descriptors .*row 1 "),
        ({"descriptors": [[1.0], [np.inf]]}, "descriptors .*row 1 "),
        ({"descriptors": [1.0, 2.0]}, r"descriptors .*\(2,\)"),
        ({"source": [[1.0], [2.0]]}, r"source .*\(2, 1\)"),
        ({"source": [1.0, NAN]}, "source .*row 1 "),
        ({"simulated": [np.inf, NAN]}, "simulated .*row 0 "),
        ({"descriptors": [[1.0], [2.0]], "source": [1.0]}, "descriptors 2, source 1"),
    ],
)
def test_inputs_refuse(inputs, values):
    with pytest.raises(ValueError, match=values):
        Inputs(**inputs)


def test_measurements_without_a_simulated_value_are_refused_by_name():
    inputs = Inputs(simulated=np.array([NAN, NAN, 1.0]))
    with pytest.raises(ValueError, match="`calibrated_simulated_value`"):
        predict_test(BASELINES["calibrated_simulated_value"], inputs, [1.0, 2.0, 3.0], np.arange(2), np.array([2]))


def test_a_name_is_given_once():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Mean(Baseline):
        def predict(self, train, values, test, *, seed):
            return np.full(len(test.descriptors), values.mean())

    with BASELINES.isolated():
        with pytest.raises(ValueError, match="extra_trees"):
            register(Mean("extra_trees", "mean", ("descriptors",)))
        with pytest.raises(ValueError, match="identifier"):
            register(Mean("the mean", "mean", ("descriptors",)))
        register(Mean("mean_value", "mean", ("descriptors",)))
        assert BASELINES["mean_value"].title == "mean"
    assert "mean_value" not in BASELINES


def _table(path):
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _mean_score(features, values, *, num_train, num_splits=3):
    scores = []
    for seed in range(num_splits):
        order = np.random.default_rng(seed).permutation(len(values))
        train, test = order[:num_train], order[num_train:]
        found = predict_test(EXTRA_TREES, Inputs(descriptors=features), values, train, test, seed=seed)
        scores.append(r2_score(values[test], found))
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
