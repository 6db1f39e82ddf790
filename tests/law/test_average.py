import json
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from gnn_sim2real.cli.main import main
from gnn_sim2real.law import Models, fit_scaling_law, fit_scaling_surface, plan
from gnn_sim2real.law.design import next_size
from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.scaling_law import ALL_EQUAL, Interval
from gnn_sim2real.law.text import print_law

SIZES = np.geomspace(50, 5000, 8)
LAWS = {
    "power": (lambda n: 2 * n**-0.4, 0.4, 0.0),
    "power_limit": (lambda n: 2 * n**-0.5 + 0.1, 0.5, 0.1),
    "saturating": (lambda n: 0.1 + 0.9 / (1 + (n / 1000) ** 0.9), 0.9, 0.1),
}


def fit(errors, sizes=SIZES, **options):
    """A law of errors of shape (num_sizes,) or (num_curves, num_sizes)."""
    count = len(np.atleast_2d(errors))
    return fit_scaling_law(np.tile(sizes, count), np.ravel(errors), **{"num_resamples": 100} | options)


def scattered(errors, noise, count=1, seed=0):
    return errors * np.exp(noise * np.random.default_rng(seed).standard_normal((count, len(errors))))


@pytest.mark.parametrize("name", LAWS)
def test_exact_errors_give_their_law_back(name):
    errors, rate, gap = LAWS[name]
    law = fit(errors(SIZES))
    assert law.form == "average"
    assert {trial.form: trial.weight for trial in law.trials}[name] == pytest.approx(1, abs=1e-6)
    assert (law.decay_rate, law.transfer_gap) == pytest.approx((rate, gap), rel=1e-8, abs=1e-9)
    assert float(law.predict(1e5)) == pytest.approx(errors(1e5), rel=1e-8)


def test_the_weights_of_all_forms_add_up_and_the_limit_is_the_mean_of_theirs():
    law = fit(scattered(LAWS["power_limit"][0](SIZES), 0.03, 3))
    assert sum(trial.weight for trial in law.trials) == pytest.approx(1)
    assert sum(trial.weight > 0.05 for trial in law.trials) > 1
    assert law.fit.predict(np.array([[np.inf]]))[0, 0] == pytest.approx(law.transfer_gap, rel=1e-9)


def test_a_row_of_the_draws_has_one_law():
    law = fit(scattered(LAWS["saturating"][0](SIZES), 0.05, 3))
    (draws,) = law.draws
    sizes = np.geomspace(60, 50_000, len(draws.loss))
    each = draws.predict_each(sizes[None])
    np.testing.assert_allclose(each, np.diag(draws.predict(sizes[None])), rtol=1e-9)
    assert len(draws.natural()["decay_rate"]) == len(each)


@pytest.mark.parametrize("seed", [1, 8, 11])
def test_the_unit_of_the_errors_does_not_matter(seed):
    """Not even which laws are drawn, which follow from every last bit of what they are drawn from."""
    errors = scattered(LAWS["power_limit"][0](SIZES), 0.03, 4, seed)
    one, other = fit(errors), fit(1000 * errors)
    np.testing.assert_allclose(other.predict_interval(20_000), np.multiply(1000, one.predict_interval(20_000)), 1e-9)


def test_what_all_sizes_share_is_no_noise_of_the_shape():
    """Repeats that differ by a factor alone; the rounding of that can have either sign."""
    errors = LAWS["power"][0](SIZES) * np.array([[1.0], [1.02], [1.04]])
    law = fit(errors)
    assert law.decay_rate == pytest.approx(0.4, rel=1e-6)
    low, high = law.predict_interval(SIZES[-1])
    assert 1.02 < high / low < 1.4


def test_with_nothing_known_of_the_noise_an_average_is_no_line_through_the_last_points():
    """Five sizes of a curve that bends to its limit: a straight line forecasts too little, the average is close."""
    sizes = np.geomspace(100, 1600, 5)
    errors = sizes**-0.6 + 0.05
    law = fit(scattered(errors, 0.01), sizes)
    assert abs(np.log(float(law.predict(6400)) / (6400**-0.6 + 0.05))) < 0.08
    assert abs(np.log(float(fit(scattered(errors, 0.01), sizes, form="power").predict(6400)) / 0.0552)) > 0.1


def test_two_close_sizes_do_not_open_the_interval():
    sizes = 100.0 * 2.0 ** np.arange(6)
    errors = scattered(2 * np.append(sizes, 3201.0) ** -0.3, 0.01)
    for form in ("average", "power_limit"):
        low, high = fit(errors, np.append(sizes, 3201.0), form=form).predict_interval(6400)
        assert high / low < 1.5


@pytest.mark.parametrize("form", ["average", "power"])
def test_drift_alone_never_makes_more_data_hurt(form):
    errors = 0.05 + SIZES**-0.1 * (1 + (SIZES / 1500) ** 5) ** -0.14
    law = fit(scattered(errors, 0.01, 3), form=form)
    assert law.forecast_drift > 0
    upper = law.predict_interval(np.geomspace(5000, 5e8, 40))[1]
    assert (np.diff(upper) <= 1e-9 * upper[0]).all()
    if form == "power":  # which misses the bend again and again
        assert any(note.startswith("Trust ends near n = ") for note in law.notes)


SHAPES = {
    "falls": lambda place: np.exp(-0.3 * place) + 0.1,
    "steep": lambda place: np.exp(-np.minimum(5 * place, 60)),
    "rises": lambda place: np.exp(0.2 * place),
    "level": lambda place: np.full(len(place), 0.3),
    "jumps": lambda place: np.where(place > np.median(place), 1e-6, 1.0),
}


@settings(max_examples=6)
@given(
    st.integers(0, 10**6),
    st.sampled_from(sorted(SHAPES)),
    st.sampled_from([1e-12, 1.0, 1e9]),
    st.sampled_from([4, 5, 9, 40]),
    st.sampled_from([1e-3, 5.0, 30.0]),
    st.sampled_from([0.0, 0.01, 1.0]),
    st.booleans(),
)
@example(2, "rises", 1e9, 6, 12.0, 0.01, False)
def test_no_sizes_make_an_infinite_interval(seed, shape, scale, count, span, noise, close):
    _require_finite(seed, shape, scale, count, span, noise, close)


@pytest.mark.slow
def test_nor_do_hundreds_of_sizes():
    _require_finite(0, "falls", 1.0, 300, 12.0, 0.1, True)


def _require_finite(seed, shape, scale, count, span, noise, close):
    random = np.random.default_rng(seed)
    sizes = np.exp(random.uniform(0, span, count))
    if close:  # almost equal ones, and repeats
        sizes = np.concatenate([sizes, sizes[:1] * (1 + 1e-6), sizes[1:3]])
    errors = scale * SHAPES[shape](np.log(sizes / sizes.min())) * np.exp(noise * random.standard_normal(len(sizes)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law = fit(errors, sizes)
        at = sizes.max() * np.array([1.0, 2.0, 10.0])
        found = [law.predict(at), *law.predict_interval(at), *law.predict_interval(at, of="run")]
        json.dumps([law.to_dict(), plan(law, target_error=0.7 * errors.min()).to_dict()], allow_nan=False)
    assert np.isfinite(found).all()
    assert (np.array(found) >= 0).all()


def test_a_new_run_scatters_more_than_the_mean():
    law = fit(scattered(LAWS["power_limit"][0](SIZES), 0.05, 5))
    assert law.run_spread == pytest.approx(0.05, rel=0.3)
    (low, high), (run_low, run_high) = law.predict_interval(1e4), law.predict_interval(1e4, of="run")
    assert run_low < low
    assert run_high > high
    with pytest.raises(ValueError, match="'spread'"):
        law.predict_interval(1e4, of="spread")


def test_without_repeats_chance_is_not_judged_but_a_bend_that_is_missed_is_seen():
    sizes = np.geomspace(50, 5000, 12)
    bent = 0.05 + sizes**-0.1 * (1 + (sizes / 700) ** 5) ** -0.14
    law = fit(bent, sizes, form="power")
    assert law.chance_of_misfit is None
    assert law.chance_of_order < 0.05
    assert any("bends" in note for note in law.notes)
    random = fit(scattered(2 * sizes**-0.3, 0.02, seed=4), sizes, form="power")
    assert random.chance_of_order > 0.05
    assert law.to_dict()["chance_of_misfit"] is None


def test_equal_errors_get_one_sentence(capsys):
    law = fit(np.full((3, 8), 0.3))
    assert law.notes == (ALL_EQUAL,)
    assert law.describe() == ALL_EQUAL
    assert not law.decay_rate_identified
    print_law("level", law, "eV", Console(soft_wrap=True))
    assert capsys.readouterr().out.splitlines()[2:] == [ALL_EQUAL]


def test_where_all_errors_are_equal_no_source_helps():
    models = Models(np.tile(SIZES, 3), np.full(24, 0.3), np.repeat(range(3), 8).tolist())
    law = fit(np.full((3, 8), 0.3))
    for error, size in ((0.1, None), (0.31, SIZES[0])):
        found = plan(law, target_error=error)
        assert found.gain_of_doubling == Quantity(0.0, Interval(0.0, 0.0))
        assert (found.wanted.source_size.value, found.wanted.limit.value) == (size, None)
    asked = next_size(law, models, wanted="forecast@1e6")
    assert (asked.best, asked.steps) == (None, ())


@pytest.mark.parametrize("form", ["average", "power_limit"])
def test_a_bound_of_the_search_is_no_end_of_a_rate(form, capsys):
    law = fit(scattered(np.full(8, 0.3), 0.05, 3), form=form)
    print_law("noise", law, "", Console(soft_wrap=True))
    alpha = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("alpha"))
    assert "unbounded" in alpha
    assert "3.0" not in alpha


def grid(errors_of, noise=0.02, swap=False, few_first=False, **options):
    sources = np.geomspace(100, 20_000, 4 if few_first else 6)
    n, m = (axis.ravel() for axis in np.meshgrid(sources, np.geomspace(20, 900, 6)))
    errors = errors_of(n, m) * np.exp(noise * np.random.default_rng(2).standard_normal(len(n)))
    pair = (m, n) if swap else (n, m)
    return fit_scaling_surface(*pair, errors, num_resamples=100, **options)


def additive(n, m):
    return 3 * n**-0.4 + 2 * m**-0.6 + 0.05


def test_the_additive_form_does_not_ask_which_size_is_called_source():
    one, other = grid(additive, form="additive"), grid(additive, form="additive", swap=True)
    assert float(one.predict(8e4, 1800)) == pytest.approx(float(other.predict(1800, 8e4)), rel=1e-6)
    assert one.decay_rate == pytest.approx(other.target_rate, rel=1e-5)


def test_nor_do_the_intervals_of_the_additive_form():
    one, other = (grid(additive, swap=swap, form="additive", few_first=True) for swap in (False, True))
    ours, theirs = (law.draws[0].drift.std(axis=0) for law in (one, other))
    assert ours == pytest.approx(theirs[::-1], rel=0.3)
    assert (ours > 0.005).all()
    for n, m in ((8e4, 900), (2e4, 3600), (8e4, 3600)):
        np.testing.assert_allclose(one.predict_interval(n, m), other.predict_interval(m, n), rtol=0.02)


def test_an_average_of_surfaces_finds_the_additive_one():
    law = grid(additive)
    assert max(law.trials, key=lambda trial: trial.weight).form == "additive"
    assert float(law.predict(8e4, 1800)) == pytest.approx(additive(8e4, 1800), rel=0.05)


def test_a_budget_that_leads_far_says_so():
    law = grid(additive)
    notes = plan(law, source_cost=1, target_cost=1, budget=1e6).notes
    assert any("The budget leads to m" in note for note in notes)
    assert any(note.startswith("m = 9,000") for note in plan(law, at=(1e4, 9e3)).notes)
    assert not any("budget" in note for note in plan(law, source_cost=1, target_cost=1, budget=500).notes)


def test_a_form_in_two_sizes_is_refused_for_curves_in_one(tmp_path, capsys):
    rows = "\n".join(f"{n:.0f},{2 * n**-0.3}" for n in SIZES)
    (tmp_path / "curve.csv").write_text(f"source_size,error\n{rows}\n")
    assert main(["law", "fit", str(tmp_path / "curve.csv"), "--form", "product"]) != 0
    assert "product" in capsys.readouterr().err


def test_no_limit_below_the_noise_of_the_measurements():
    errors = scattered(2 * SIZES**-0.4, 0.02, 3)
    free, bound = fit(errors), fit(errors, least_limit=0.03)
    assert free.transfer_gap_interval.low < 0.03 <= bound.transfer_gap_interval.low * (1 + 1e-9)
    assert float(bound.predict(1e7)) > 0.03 > float(free.predict(1e7))
    assert not bound.transfer_gap_identified
    assert any("0.03" in note for note in bound.notes)
    with pytest.raises(ValueError, match="-1"):
        fit(errors, least_limit=-1.0)


def test_the_draws_have_each_form_as_often_as_it_weighs_in_the_average():
    sizes = np.array([250.0, 1000, 4000, 16_000, 71_889])
    errors = [0.788, 0.745, 0.591, 0.459, 0.412] * np.exp(0.04 * np.cos(7.0 * np.arange(15)).reshape(3, 5))
    law = fit_scaling_law(np.tile(sizes, 3), errors.ravel(), curves=np.repeat(range(3), 5).tolist())
    (drawn,) = law.draws
    counted = {}
    for part in drawn.parts:
        counted[part.form.name] = counted.get(part.form.name, 0) + len(part.loss) / len(drawn.loss)
    weights = {trial.form: trial.weight for trial in law.trials}
    assert max(weights.values()) < 0.9
    assert {name: counted.get(name, 0) for name in weights} == pytest.approx(weights, abs=0.005)
    for name in ("decay_rate", "transfer_gap"):
        low, high = getattr(law, f"{name}_interval")
        assert low < getattr(law, name) < high


def level_at_first(n):
    return 0.05 + 0.45 / (1 + (n / 1000) ** 0.8)


def test_no_law_starts_above_the_error_of_a_constant():
    errors = scattered(level_at_first(SIZES), 0.01, 3)
    free, bound = fit(errors), fit(errors, most_error=0.52)

    def starts(law):
        return np.concatenate(
            [part.natural()["error_without_source"] for part in law.fit.parts if part.form.name == "saturating"]
        )

    assert starts(bound).max() <= 0.52 * (1 + 1e-9) < starts(free).max()
    with pytest.raises(ValueError, match="most_error"):
        fit(errors, least_limit=0.2, most_error=0.1)


def test_where_the_additive_form_is_true_the_average_does_not_ask_either():
    one, other = grid(additive), grid(additive, swap=True)
    for n, m in ((8e4, 900), (2e4, 3600), (8e4, 3600)):
        assert float(one.predict(n, m)) == pytest.approx(float(other.predict(m, n)), rel=0.02)
