import numpy as np
import pytest

from gnn_sim2real.law import fit_scaling_law
from gnn_sim2real.law.log_errors import tabulate
from gnn_sim2real.law.selection import choose_form

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
    assert form == name
    chosen = next(trial for trial in trials if trial.form == name)
    assert chosen.is_rival
    assert "chosen" in chosen.reason


def test_a_tie_goes_to_the_simpler_form():
    """A pure power law is a case of all others, which follow it as closely."""
    assert choose_form(table_of(LAWS["power"], 12, noise=0.0))[0] == "power"
    found = [choose_form(table_of(LAWS["power"], 9, noise=0.03, seed=seed))[0] for seed in range(12)]
    assert found.count("power") > 6


@pytest.mark.parametrize(
    ("num_sizes", "candidates"),
    [(5, set()), (6, {"power", "power_limit"}), (7, {"power", "power_limit", "saturating"}), (9, set(LAWS))],
)
def test_the_sizes_fitted_outnumber_the_parameters_of_a_candidate_by_two(num_sizes, candidates):
    form, trials = choose_form(table_of(LAWS["power_limit"], num_sizes))
    assert {trial.form for trial in trials if trial.extrapolation_error is not None} == candidates
    if not candidates:
        assert form == "power_limit"
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
    assert high - low > 1.02 * (own_high - own_low)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match=r"cubic.*average, auto, power, power_limit"):
        fit_scaling_law([1, 2, 3, 4], [4.0, 3, 2, 1], form="cubic")
    with pytest.raises(ValueError, match=r"\b7 different source sizes.*'broken'.* 6$"):
        fit_scaling_law(np.geomspace(10, 1000, 6), np.geomspace(1, 0.3, 6), form="broken")


def test_parameters_span_the_rival_forms_as_well():
    """A tie goes to the straight line, but the limit of the form that forecasts as well is not thereby ruled out."""
    sizes, random = np.geomspace(100, 10_000, 8), np.random.default_rng(13)
    noise = 0.04 * (random.standard_normal((3, 8)) + random.standard_normal((3, 1)))
    errors = ((0.8 * sizes**-0.35 + 0.05) * np.exp(noise)).ravel()
    law = fit_scaling_law(np.tile(sizes, 3), errors, form="auto")
    line, limit = (fit_scaling_law(np.tile(sizes, 3), errors, form=form) for form in ("power", "power_limit"))
    assert [trial.form for trial in law.trials if trial.is_rival] == ["power", "power_limit"]
    assert (law.form, law.decay_rate, law.transfer_gap) == ("power", line.decay_rate, 0.0)
    for name in ("decay_rate", "transfer_gap"):
        found, *ends = (getattr(each, f"{name}_interval") for each in (law, line, limit))
        assert found == (min(end.low for end in ends), max(end.high for end in ends))
    assert law.transfer_gap_interval.high > 0.05 > line.transfer_gap_interval.high
    assert not law.transfer_gap_identified
