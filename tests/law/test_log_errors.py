import time

import numpy as np
import pytest

from gnn_sim2real.law import Models, fit_scaling_law
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.frame import Draws
from gnn_sim2real.law.log_errors import tabulate

SIZES = np.geomspace(100, 10_000, 6)
DRAWS_OF_FIT = Draws(num_resamples=100)


def test_a_weight_counts_as_often_as_it_says():
    """Two models of one point on one curve, the second with thrice the weight."""
    table = tabulate(np.array([[10.0, 10.0]]), [1.0, np.e], ["a", "a"], [1.0, 3.0])
    assert table.log_errors[0, 0] == pytest.approx(0.75)
    assert table.weights[0, 0] == pytest.approx(2.0)


def test_where_a_curve_has_no_model_there_is_no_error():
    table = tabulate(np.array([[10.0, 20.0, 10.0]]), [1.0, np.e, np.e], ["a", "a", "b"])
    np.testing.assert_array_equal(table.log_errors, [[0.0, 1.0], [1.0, np.nan]])


def test_a_thousand_sizes_are_fitted_and_not_one_more():
    sizes = np.arange(1.0, 1002.0)
    assert tabulate(sizes[None, :1000], np.ones(1000), None).sizes.shape == (1, 1000)
    with pytest.raises(ValueError, match="1,001"):
        tabulate(sizes[None], np.ones(1001), None)


def test_a_heavy_curve_pulls_the_law_and_equal_weights_change_nothing():
    random = np.random.default_rng(0)
    errors = (SIZES**-0.4 + 0.05) * np.exp(0.05 * random.standard_normal((3, 6)))
    errors[0] *= 1.1
    sizes, labels = np.tile(SIZES, 3), np.repeat(range(3), 6)

    def fit(weights):
        return fit_scaling_law(sizes, errors.ravel(), curves=labels, weights=weights, num_resamples=100)

    plain, equal, heavy = fit(None), fit(np.full(18, 7.0)), fit(np.repeat([10.0, 1.0, 1.0], 6))
    np.testing.assert_allclose(equal.predict(SIZES), plain.predict(SIZES), rtol=1e-6)
    assert (heavy.predict(SIZES) > 1.03 * plain.predict(SIZES)).all()


@pytest.mark.parametrize("power", [1, 2])
def test_test_materials_move_the_means_by_their_standard_error(power):
    """Of one point, the textbook's standard error of a mean, on the logarithm."""
    each = np.exp(np.random.default_rng(1).standard_normal((1, 400)))
    error = (each**power).mean() ** (1 / power)
    pulls = tabulate(np.array([[50.0]]), [error], None, material_errors=each).material_pulls
    mean = (each**power).mean()
    expected = (each**power).std(ddof=1) / np.sqrt(400) / mean / power
    assert np.sqrt((pulls**2).sum()) == pytest.approx(expected, rel=1e-9)


def test_the_choice_of_test_materials_widens_the_level_and_not_the_rate():
    """Hard materials are hard at all sizes: a common factor, which alpha does not see."""
    random = np.random.default_rng(2)
    hard = np.exp(0.8 * random.standard_normal(60))
    runs = np.exp(0.02 * random.standard_normal((12, 6, 60)))
    each = ((SIZES**-0.4 + 0.05)[:, None] * hard * runs).reshape(72, 60)
    sizes, labels, errors = np.tile(SIZES, 12), np.repeat(range(12), 6), each.mean(axis=1)
    alone = fit_scaling_law(sizes, errors, curves=labels)
    whole = fit_scaling_law(sizes, errors, curves=labels, material_errors=each)
    assert "test materials" in whole.interval_method

    def width(law, name):
        low, high = getattr(law, f"{name}_interval")
        return high - low

    assert width(whole, "prefactor") > 3 * width(alone, "prefactor")
    assert width(whole, "decay_rate") < 2 * width(alone, "decay_rate")


def test_material_errors_must_be_those_of_the_errors():
    with pytest.raises(ValueError, match=r"MAE.*RMSE.*material_errors"):
        fit_scaling_law(SIZES, np.ones(6), material_errors=np.full((6, 3), 2.0))
    with pytest.raises(ValueError, match=r"material_errors.*\(5, 3\) for 6 models"):
        fit_scaling_law(SIZES, np.ones(6), material_errors=np.ones((5, 3)))


def test_a_given_spread_is_that_of_the_intervals():
    """Single models with the standard deviation of each, against repeats that scatter as much."""
    spread, errors = np.array([0.01, 0.01, 0.01, 0.02, 0.02, 0.02]), SIZES**-0.4 + 0.05

    def width(factor):
        models = Models(SIZES, errors, None, spreads=factor * spread)
        law = fit_law(models, "power_limit", Draws(num_resamples=300))
        assert "standard deviations" in law.interval_method
        return np.ptp(law.decay_rate_interval)

    assert width(2.0) == pytest.approx(2 * width(1.0), rel=0.1)
    random = np.random.default_rng(4)
    means = np.log(errors) + spread * random.standard_normal((400, 6))
    rates = [
        fit_law(Models(SIZES, np.exp(row), None, spreads=spread), "power_limit", DRAWS_OF_FIT) for row in means[:30]
    ]
    scatter = np.std([law.decay_rate for law in rates])
    assert width(1.0) == pytest.approx(2 * 1.645 * scatter, rel=0.35)


def test_spreads_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"spreads .* -1 in entry 0"):
        Models(SIZES, np.ones(6), None, spreads=[-1.0] * 6).table()
    with pytest.raises(ValueError, match=r"spreads .*\(1,\)"):
        Models(SIZES, np.ones(6), None, spreads=[1.0]).table()


def test_unlabelled_repeats_are_those_of_no_other_table():
    sizes, random = np.tile(SIZES, 3), np.random.default_rng(5)
    one, other = (Models(sizes, np.exp(random.standard_normal(18)), None).table() for _ in range(2))
    assert len({*one.labels}) == 3
    assert not {*one.labels} & {*other.labels}


@pytest.mark.parametrize(
    ("weights", "values"),
    [([1, 1, 1, 1, 1, 0], r"weights.* 0 .*\b5 \(source size 10000\)"), ([1.0], r"weights.* \(1,\)$")],
)
def test_weights_that_count_nothing_are_refused(weights, values):
    with pytest.raises(ValueError, match=values):
        fit_scaling_law(SIZES, np.ones(6), weights=weights)


@pytest.mark.slow
def test_a_hundred_thousand_models_are_no_burden():
    random = np.random.default_rng(3)
    errors = (SIZES**-0.4 + 0.05) * np.exp(0.1 * random.standard_normal((20_000, 6)))
    start = time.process_time()
    law = fit_scaling_law(np.tile(SIZES, 20_000), errors.ravel())
    assert time.process_time() - start < 10
    assert law.num_curves == 20_000
    assert law.decay_rate == pytest.approx(0.4, abs=0.01)


def test_a_thousand_sizes_are_the_most():
    with pytest.raises(ValueError, match=r"1,000 .*1,500"):
        fit_scaling_law(np.arange(1, 1501), np.linspace(2, 1, 1500))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizes": [[1e-16, 2.0]]},
        {"sizes": [[1.0, 1e16]]},
        {"sizes": [[1.0, 2.0], [1e-300, 1.0]]},
        {"errors": [1.0, 1e-60]},
        {"errors": [1.0, 1e60]},
        {"weights": [1.0, 1e60]},
        {"spreads": [0.1, 21.0]},
    ],
    ids=repr,
)
def test_numbers_beyond_all_that_is_measured_are_refused(wrong):
    given = {"sizes": [[1.0, 2.0]], "errors": [1.0, 2.0], "curves": None} | wrong
    with pytest.raises(ValueError):  # noqa: PT011
        tabulate(np.array(given.pop("sizes")), **given)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sizes", [[1e-15, 1e-10, 1e-3, 1.0, 1e10, 1e15], [100, 100.1, 100.2, 100.3, 100.4, 100.5]])
@pytest.mark.parametrize("errors", [[1e50, 1e30, 1e10, 1, 1e-20, 1e-50], [1.0] * 5 + [1e-50], [1e-50] + [1.0] * 5])
def test_the_ends_of_what_is_accepted_are_fitted_without_a_warning(sizes, errors):
    law = fit_scaling_law(sizes, errors, num_resamples=100)
    assert np.isfinite([law.decay_rate, law.transfer_gap, law.prefactor]).all()
