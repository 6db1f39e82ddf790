import numpy as np
import pytest

from gnn_sim2real.law import ScalingSurface, fit_scaling_surface

SOURCES, TARGETS = np.geomspace(100, 20_000, 6), np.array([20.0, 60.0, 200.0, 600.0])
N, M = (axis.ravel() for axis in np.meshgrid(SOURCES, TARGETS))
TRUTH = {"decay_rate": 0.4, "target_rate": 0.25, "transfer_gap": 0.3, "prefactor": 5.0}


def true_error(n, m, limit=0.0):
    fall = TRUTH["prefactor"] * n ** -TRUTH["decay_rate"] + TRUTH["transfer_gap"]
    return fall * m ** -TRUTH["target_rate"] + limit


def fit(num_curves=4, noise=0.02, seed=0, limit=0.0, **options) -> ScalingSurface:
    random = np.random.default_rng(seed)
    factor = random.standard_normal((num_curves, len(N))) + random.standard_normal((num_curves, 1))
    errors = true_error(N, M, limit) * np.exp(noise * factor / np.sqrt(2))
    labels = np.repeat(np.arange(num_curves), len(N))
    pair = np.tile(N, num_curves), np.tile(M, num_curves)
    return fit_scaling_surface(*pair, errors.ravel(), curves=labels, num_resamples=200, **options)


@pytest.mark.parametrize(("form", "limit"), [("product", 0.0), ("product_limit", 0.05)])
def test_exact_errors_give_the_law_back(form, limit):
    law = fit(noise=0.0, limit=limit, form=form)
    for name, value in {**TRUTH, "limit": limit}.items():
        assert getattr(law, name) == pytest.approx(value, rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(law.predict(N, M), true_error(N, M, limit), rtol=1e-8)


def test_noisy_errors_lie_within_their_own_interval():
    law = fit(num_curves=6, seed=1)
    assert law.form == "average"
    assert max(law.trials, key=lambda trial: trial.weight).form == "product"
    for name, value in TRUTH.items():
        low, high = getattr(law, f"{name}_interval")
        assert low < value < high
    low, high = law.predict_interval(1e5, 1000)
    assert low < true_error(1e5, 1000) < high
    assert law.decay_rate_identified
    assert "alpha = 0." in law.describe("eV")


def test_the_limit_is_found_where_there_is_one():
    assert fit(limit=0.2, noise=0.005, form="auto").form == "product_limit"


def test_a_slice_is_the_law_at_one_target_size():
    law = fit(form="product_limit", limit=0.03)
    line, draws = law.at_target_size(150.0)
    sizes = np.geomspace(50, 1e6, 7)
    np.testing.assert_allclose(line.predict(sizes[None])[0], law.predict(sizes, 150.0), rtol=1e-10)
    pairs = np.stack([sizes, np.full(7, 150.0)])
    np.testing.assert_allclose(draws[0].predict(sizes[None]), law.draws[0].predict(pairs), rtol=1e-8)


def test_order_does_not_matter():
    errors = true_error(N, M) * np.exp(0.02 * np.random.default_rng(5).standard_normal((3, len(N))))
    pair, labels = (np.tile(N, 3), np.tile(M, 3)), np.repeat(["a", "b", "c"], len(N))
    order = np.random.default_rng(6).permutation(3 * len(N))
    one = fit_scaling_surface(*pair, errors.ravel(), curves=labels, num_resamples=100)
    other = fit_scaling_surface(
        pair[0][order], pair[1][order], errors.ravel()[order], curves=labels[order], num_resamples=100
    )
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize(
    ("source", "target", "values"),
    [
        ([10, 20, 30, 40], [5, 5, 5, 5], r"\b4 source and 3 target sizes.* 4 and 1$"),
        ([10, 20, 30, 40], [5, 6, 7], r"\(4,\) and \(3,\)$"),
        ([10, 20, 30, 40], [5, 6, 7, 0], "target sizes.* positive, got 0$"),
        ([0, 20, 30, 40], [5, 6, 7, 8], "source size 0"),
        ([10, 20, 30, 40], [5, 6, 7, 8], r"\b6 pairs of sizes.* 4$"),
    ],
)
def test_refusals(source, target, values):
    with pytest.raises(ValueError, match=values):
        fit_scaling_surface(source, target, [1.0] * 4)


def shares(law):
    return [drawn.natural() for drawn in law.draws]


def test_without_a_gap_some_draws_have_none_and_the_intervals_hold_it():
    """Draws with G held at 0 or above alone lie on one side of the truth: they forecast too high an error."""
    pair = np.tile(N, 3), np.tile(M, 3)
    factor = np.random.default_rng(3).standard_normal((3, len(N)))
    errors = 5.0 * pair[0] ** -0.4 * pair[1] ** -0.25 * np.exp(0.1 * factor.ravel())
    law = fit_scaling_surface(*pair, errors, form="product", num_resamples=200)
    first, *others = shares(law)
    assert np.quantile(first["transfer_gap"], 0.05) == 0
    assert [set(each["transfer_gap"]) for each in others] == [{0.0}]
    assert law.transfer_gap_interval.low == 0
    assert not law.transfer_gap_identified
    alone = np.quantile(law.draws[0].predict(np.array([[2e5], [600.0]])), 0.05)
    assert law.predict_interval(2e5, 600.0)[0] < alone
    assert law.decay_rate_interval.low < np.quantile(first["decay_rate"], 0.05)


def test_without_a_limit_the_form_with_one_has_draws_without_it():
    law = fit(noise=0.05, form="product_limit", seed=1)
    first, *others = shares(law)
    assert np.quantile(first["limit"], 0.05) == 0
    assert any((each["limit"] == 0).all() and (each["transfer_gap"] > 0).any() for each in others)
    assert law.limit_interval.low == 0
    low, high = law.target_rate_interval
    assert low < TRUTH["target_rate"] < high


def test_where_gap_and_limit_are_known_there_are_no_further_draws():
    assert len(fit(limit=0.3, noise=0.001, form="product_limit").draws) == 1
    assert len(fit(noise=0.001, form="product").draws) == 1


def test_parameters_span_both_forms_where_both_forecast_alike():
    law = fit(num_curves=3, noise=0.1, form="auto")
    assert {trial.form for trial in law.trials if trial.is_rival} >= {"product", "product_limit"}
    assert law.form == "product"
    assert law.limit_interval.high > law.limit == 0
