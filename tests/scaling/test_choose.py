import numpy as np
import pytest

from gnn_sim2real.scaling import fit_scaling_law
from gnn_sim2real.scaling.choose import choose_form
from gnn_sim2real.scaling.drift import forecast_drift
from gnn_sim2real.scaling.forms import CURVE_FORMS
from gnn_sim2real.scaling.law import span
from gnn_sim2real.scaling.table import tabulate

LAWS = {
    "power": lambda n: 2 * n**-0.3,
    "power_limit": lambda n: 2 * n**-0.5 + 0.1,
    "saturating": lambda n: 0.1 + 0.9 / (1 + (n / 1000) ** 0.9),
    "broken": lambda n: 0.05 + n**-0.1 * (1 + (n / 1500) ** (1 / 0.2)) ** (-0.7 * 0.2),
}


def table_of(law, num_sizes, num_curves=4, noise=0.003, seed=0):
    sizes = np.geomspace(50, 50_000, num_sizes)
    random = np.random.default_rng(seed)
    errors = law(sizes) * np.exp(noise * random.standard_normal((num_curves, num_sizes)))
    labels = np.repeat(np.arange(num_curves), num_sizes)
    return tabulate(np.tile(sizes, num_curves)[None], errors.ravel(), labels.tolist())


@pytest.mark.parametrize("name", LAWS)
def test_each_form_is_found_in_its_own_curves(name):
    form, trials = choose_form(table_of(LAWS[name], 14))
    assert form.name == name
    chosen = next(trial for trial in trials if trial.form == name)
    assert chosen.is_rival
    assert "chosen" in chosen.reason


def test_a_tie_goes_to_the_simpler_form():
    """A pure power law is a case of all others, which follow it as closely."""
    assert choose_form(table_of(LAWS["power"], 12, noise=0.0))[0].name == "power"
    found = [choose_form(table_of(LAWS["power"], 9, noise=0.03, seed=seed))[0].name for seed in range(12)]
    assert found.count("power") > 6


@pytest.mark.parametrize(
    ("num_sizes", "candidates"),
    [(5, set()), (6, {"power", "power_limit"}), (7, {"power", "power_limit", "saturating"}), (9, set(LAWS))],
)
def test_the_sizes_fitted_outnumber_the_parameters_of_a_candidate_by_two(num_sizes, candidates):
    form, trials = choose_form(table_of(LAWS["power_limit"], num_sizes))
    assert {trial.form for trial in trials if trial.extrapolation_error is not None} == candidates
    if not candidates:
        assert form.name == "power_limit"
        assert any("too few sizes to compare" in trial.reason for trial in trials)


def test_the_held_out_sizes_decide_and_not_the_fit():
    """A drop at the largest size alone: the broken form fits best with it, and nothing forecasts it from the others."""
    sizes = np.geomspace(50, 50_000, 9)
    errors = 2 * sizes**-0.5 + 0.1
    errors[-1] *= 0.7
    law = fit_scaling_law(np.tile(sizes, 3), np.tile(errors, 3), form="auto", num_resamples=100)
    trials = {trial.form: trial.extrapolation_error for trial in law.trials}
    assert min(trials.values()) > 0.2 or law.form != "broken"
    assert law.form == min(trials, key=lambda name: (round(trials[name], 3), name != law.form))


def test_forecasts_span_the_rival_forms():
    sizes = np.geomspace(50, 5000, 8)
    errors = (2 * sizes**-0.3 + 0.05) * np.exp(0.08 * np.random.default_rng(0).standard_normal((4, 8)))
    law = fit_scaling_law(np.tile(sizes, 4), errors.ravel(), form="auto", num_resamples=300)
    rivals = [trial.form for trial in law.trials if trial.is_rival]
    assert len(rivals) > 1
    alone = fit_scaling_law(np.tile(sizes, 4), errors.ravel(), form=law.form, num_resamples=300)
    (low, high), (own_low, own_high) = law.predict_interval(1e5), alone.predict_interval(1e5)
    assert low <= own_low
    assert high >= own_high
    assert high - low > 1.05 * (own_high - own_low)


def test_a_law_that_holds_does_not_drift():
    assert forecast_drift(CURVE_FORMS["power_limit"], table_of(LAWS["power_limit"], 9, noise=0.0)) < 1e-6
    by_chance = [forecast_drift(CURVE_FORMS["power"], table_of(LAWS["power"], 9, noise=0.03, seed=k)) for k in range(9)]
    assert np.median(by_chance) < 0.02


def test_the_drift_is_what_the_forecasts_missed_over_the_way_to_them():
    """A straight line through four and through five sizes forecasts the fifth rightly, and misses the sixth by 20 %."""
    sizes = 100.0 * 2.0 ** np.arange(6)
    errors = sizes**-0.3 * np.array([1, 1, 1, 1, 1, 0.8])
    table = tabulate(np.tile(sizes, 3)[None], np.tile(errors, 3), np.repeat(range(3), 6).tolist())
    expected = np.abs(np.log(0.8)) / np.log(2) / np.sqrt(2)
    assert forecast_drift(CURVE_FORMS["power"], table) == pytest.approx(expected, rel=1e-6)
    scattered = errors * np.exp(np.array([[-0.4], [0.0], [0.4]]))  # the means are known to 23 %: no miss beyond chance
    table = tabulate(np.tile(sizes, 3)[None], scattered.ravel(), np.repeat(range(3), 6).tolist())
    assert forecast_drift(CURVE_FORMS["power"], table) == 0


def test_an_interval_contains_the_drift_beyond_the_largest_size_alone():
    sizes = np.geomspace(50, 5000, 8)
    law = fit_scaling_law(np.tile(sizes, 3), np.tile(LAWS["broken"](sizes), 3), form="auto", num_resamples=100)
    given = fit_scaling_law(np.tile(sizes, 3), np.tile(LAWS["broken"](sizes), 3), form=law.form, num_resamples=100)
    assert law.forecast_drift > 0.01
    assert given.forecast_drift == 0
    assert any("Forecasts of a size from the smaller ones missed by" in note for note in law.notes)
    rivals = span(law.fit, law.draws, np.array([[2e4]]), 0.9)
    low, high = law.predict_interval(2e4)
    center, missed = law.predict(2e4), law.forecast_drift * np.log(2e4 / 5000)
    assert np.log(center / low) == pytest.approx(np.hypot(np.log(center / rivals[0][0]), missed))
    assert np.log(high / center) == pytest.approx(np.hypot(np.log(rivals[1][0] / center), missed))
    np.testing.assert_allclose(np.ravel(law.predict_interval(5000.0)), np.ravel(given.predict_interval(5000.0)), 0.05)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="there is no form 'cubic'; there are auto, power, power_limit"):
        fit_scaling_law([1, 2, 3, 4], [4.0, 3, 2, 1], form="cubic")
    with pytest.raises(ValueError, match="at least 7 different source sizes in the form 'broken', found 6"):
        fit_scaling_law(np.geomspace(10, 1000, 6), np.geomspace(1, 0.3, 6), form="broken")
