import json
import math

import numpy as np
import pytest

from gnn_sim2real.law import Models
from gnn_sim2real.law.design import next_size, parse_cost, parse_wanted
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.frame import Draws

SIZES = 100.0 * 2.0 ** np.arange(6)


def models(seed=0, noise=0.03, common=0.0, repeats=4):
    random = np.random.default_rng(seed)
    factor = noise * random.standard_normal((repeats, 6)) + common * random.standard_normal((repeats, 1))
    errors = (2 * SIZES**-0.5 + 0.05) * np.exp(factor)
    return Models(np.tile(SIZES, repeats), errors.ravel(), np.repeat(range(repeats), 6).tolist())


def fit(given, form="power_limit", draws=200):
    return fit_law(given, form, Draws(num_resamples=draws))


def find(given, wanted="forecast@12800", **options):
    return next_size(fit(given), given, wanted=wanted, **options)


def test_more_models_narrow_more_and_none_widens():
    found = find(models())
    today = found.today.interval.high - found.today.interval.low
    assert found.best.expected_width < today
    assert all(0 < step.share_of_width <= 1 for step in found.steps)
    assert all(step.expected_width == pytest.approx(step.share_of_width * today) for step in found.steps)


@pytest.mark.slow
def test_what_is_expected_is_what_happens():
    """Models of the proposed kind, trained: the median width over several studies is about the expected one."""
    expected, reached = [], []
    for seed in range(8):
        given = models(seed)
        found = find(given, wanted="C", cost_exponent=0.0)
        best = found.best
        random = np.random.default_rng(100 + seed)
        sizes = SIZES if best.source_size is None else np.array([best.source_size])
        sizes = np.repeat(sizes, best.num_models)
        errors = (2 * sizes**-0.5 + 0.05) * np.exp(0.03 * random.standard_normal(len(sizes)))
        labels = [f"new {number}" for number in range(len(sizes))]
        more = Models(np.append(given.source_sizes, sizes), np.append(given.errors, errors), [*given.curves, *labels])
        low, high = fit(more).transfer_gap_interval
        expected.append(best.share_of_width)
        reached.append((high - low) / (found.today.interval.high - found.today.interval.low))
    assert np.median(reached) == pytest.approx(np.median(expected), rel=0.35)
    assert np.median(reached) < 0.85


def test_where_all_cost_the_same_the_limit_is_learned_from_large_sizes():
    found = find(models(), wanted="C", cost_exponent=0.0)
    assert found.best.source_size is not None
    assert found.best.source_size > SIZES[-1]


def test_costs_decide_between_small_and_large():
    cheap, dear = (find(models(), cost_exponent=exponent).best for exponent in (0.0, 2.0))
    assert (dear.source_size or 0.0) < cheap.source_size


def test_no_step_costs_more_than_all_models_so_far():
    """A model of 8,400 would narrow most per cost, and cost 1.3 times as much as all 24 models so far."""
    found = find(models(), wanted="forecast@300000", cost_exponent=2.0, largest=200_000)
    assert found.best.cost <= 4 * (SIZES**2).sum() < max(step.cost for step in found.steps)


def test_sizes_stay_below_those_that_can_be_had_and_below_the_forecast():
    sizes = [step.source_size for step in find(models(), largest=5000).steps if step.source_size]
    assert max(sizes) <= 5000
    assert max(step.source_size or 0 for step in find(models(), wanted="forecast@4000").steps) < 4000


def test_what_all_sizes_share_is_not_narrowed_by_one_size():
    alone = find(models(common=0.0), wanted="forecast@3300", largest=3200).steps
    shared = find(models(common=0.3), wanted="forecast@3300", largest=3200).steps
    largest, whole = -2, -1
    assert shared[largest].share_of_width > 0.95 > alone[largest].share_of_width
    assert shared[whole].source_size is None
    assert shared[whole].share_of_width < 0.9


@pytest.mark.parametrize("form", ["average", "auto", "power", "power_limit", "saturating"])
def test_any_law_of_any_unit_has_a_next_size(form):
    given = models()
    one = next_size(fit(given, form), given, wanted="forecast@20000")
    scaled = given._replace(errors=1000 * np.asarray(given.errors))
    other = next_size(fit(scaled, form), scaled, wanted="forecast@20000")
    assert (one.best.source_size, one.best.num_models) == (other.best.source_size, other.best.num_models)
    assert other.best.expected_width == pytest.approx(1000 * one.best.expected_width, rel=1e-6)
    assert json.loads(json.dumps(one.to_dict(), allow_nan=False)) == one.to_dict()


def test_single_models_and_exact_ones():
    single = models(repeats=1)
    assert find(single).best is not None
    exact = models(noise=0.0)
    found = find(exact)
    assert all(math.isfinite(step.expected_width) for step in found.steps)


@pytest.mark.parametrize(
    ("text", "value"), [("n^1", 1.0), ("n", 1.0), ("1", 0.0), ("n^0.5", 0.5), ("n ** 2", 2.0), ("n^.5", 0.5)]
)
def test_costs(text, value):
    assert parse_cost(text) == value


@pytest.mark.parametrize("text", ["m", "n^-1", "n^x", "2n", ""])
def test_costs_that_are_none(text):
    with pytest.raises(ValueError, match=r"n\^1"):
        parse_cost(text)


def test_what_can_be_wanted():
    assert parse_wanted("forecast@1e5") == ("forecast", 1e5)
    assert parse_wanted("forecast@12,800") == ("forecast", 12800.0)
    for wrong in ("forecast", "forecast@0", "forecast@-1", "c", "beta", "forecast@1e999", "forecast@1e-300"):
        with pytest.raises(ValueError, match=r"forecast@N"):
            parse_wanted(wrong)
