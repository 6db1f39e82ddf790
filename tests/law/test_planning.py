import json
import re

import numpy as np
import pytest

from gnn_sim2real.law import fit_scaling_law, fit_scaling_surface, plan
from gnn_sim2real.law.effective_data import FromScratch
from gnn_sim2real.law.inversion import iso_error_line

ALPHA, BETA, GAP, PREFACTOR = 0.4, 0.25, 0.3, 5.0
SOURCES, TARGETS = np.geomspace(100, 20_000, 6), np.array([20.0, 60.0, 200.0, 600.0])
N, M = (axis.ravel() for axis in np.meshgrid(SOURCES, TARGETS))


def true_error(n, m):
    return (PREFACTOR * n**-ALPHA + GAP) * m**-BETA


def surface(noise=0.0):
    factor = np.exp(noise * np.random.default_rng(0).standard_normal((4, len(N))))
    errors = (true_error(N, M) * factor).ravel()
    labels = np.repeat(range(4), len(N))
    pair = np.tile(N, 4), np.tile(M, 4)
    return fit_scaling_surface(*pair, errors, curves=labels, form="product", num_resamples=200)


def curve(gap=0.1, noise=0.0, **options):
    sizes = np.geomspace(100, 10_000, 8)
    errors = (2 * sizes**-0.5 + gap) * np.exp(noise * np.random.default_rng(1).standard_normal((4, 8)))
    return fit_scaling_law(np.tile(sizes, 4), errors.ravel(), form="power_limit", num_resamples=1000, **options)


def test_the_size_for_an_error_is_that_of_the_formula():
    found = plan(curve(), target_error=0.11).wanted
    assert found.source_size.value == pytest.approx((0.01 / 2) ** -2, rel=1e-5)
    assert found.chance == 1.0
    noisy = plan(curve(noise=0.02), target_error=0.13).wanted.source_size
    assert noisy.interval.low < (0.03 / 2) ** -2 < noisy.interval.high


def test_an_error_below_the_limit_is_out_of_reach():
    found = plan(curve(noise=0.02), target_error=0.06).wanted
    assert found.source_size.value is None
    assert found.chance < 0.05
    assert found.limit.interval.low < 0.1 < found.limit.interval.high


def test_doubling_gains_the_difference():
    found = plan(curve(), at=(1000,))
    assert found.error.value == pytest.approx(2 * 1000**-0.5 + 0.1, rel=1e-6)
    assert found.gain_of_doubling.value == pytest.approx(2 * (1000**-0.5 - 2000**-0.5), rel=1e-5)


def test_one_more_measurement_is_worth_the_calculations_that_give_the_same_error():
    found = plan(surface(), at=(2000, 100))
    error = true_error(2000, 101)
    same = ((error * 100**BETA - GAP) / PREFACTOR) ** (-1 / ALPHA)
    assert found.worth_of_measurement.value == pytest.approx(same - 2000, rel=1e-4)


def test_lines_of_equal_error_have_one_error():
    law = surface()
    targets = np.array([50.0, 100.0, 300.0])
    sizes = iso_error_line(law, 0.15, targets)
    reachable = np.isfinite(sizes)
    assert reachable.sum() >= 2
    np.testing.assert_allclose(true_error(sizes, targets)[reachable], 0.15, rtol=1e-5)
    assert iso_error_line(law, 1e-3, [100.0])[0] == np.inf


@pytest.mark.parametrize("costs", [(1.0, 400.0), (1.0, 2.0), (50.0, 1.0)])
def test_no_other_split_of_the_budget_is_better(costs):
    budget = 1e5
    split = plan(surface(), at=(2000, 100), source_cost=costs[0], target_cost=costs[1], budget=budget).split
    assert split.num_source * costs[0] + split.num_target * costs[1] <= budget
    share = np.linspace(0, 1, 5001)
    others = true_error(2000 + share * budget / costs[0], 100 + (1 - share) * budget / costs[1])
    assert split.error.value <= others.min() * 1.002
    assert split.error.value <= min(split.error_all_source.value, split.error_all_target.value)


def test_effective_data_is_read_off_the_curve_from_scratch():
    targets = np.array([100.0, 300.0, 900.0, 2700.0])
    scratch_errors = 4 * targets**-0.5
    scratch = FromScratch(np.tile(targets, 3), np.tile(scratch_errors, 3), np.repeat(range(3), 4))
    law = surface()
    error = true_error(20_000, 100)
    found = plan(law, at=(20_000, 100), scratch=scratch)
    expected = (error / 4) ** -2 - 100
    assert 100 < expected + 100 < 2700
    assert found.effective_data.value == pytest.approx(expected, rel=1e-3)
    beyond = plan(law, at=(20_000, 5000), scratch=scratch).effective_data
    assert beyond.value is None
    assert beyond.interval.high == np.inf


def test_far_forecasts_are_called_so():
    assert plan(curve()).notes == ()
    assert re.search(r"n = 1,000,000 .*\b4 times", plan(curve(), at=(1e6,)).notes[0])


def test_sizes_that_are_shares_are_named_as_they_are():
    shares = np.array([0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0])
    law = fit_scaling_law(shares, 0.2 * shares**-0.3, num_resamples=100)
    (below,) = plan(law, at=(0.02,)).notes
    assert below.startswith("n = 0.02 ")
    assert "0.03125" in below
    (beyond,) = plan(law, at=(4.5,)).notes
    assert beyond.startswith("n = 4.5 ")
    assert plan(law, at=(0.5,)).notes == ()


def test_a_plan_is_json():
    content = plan(surface(0.03), target_error=0.01, source_cost=1, target_cost=10, budget=1000).to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["wanted"]["source_size"]["value"] is None


def test_a_budget_without_a_law_in_both_sizes_leaves_the_other_answers():
    found = plan(curve(), target_error=0.12, source_cost=1.0, target_cost=1.0, budget=10.0)
    assert found.split is None
    assert found.wanted == plan(curve(), target_error=0.12).wanted
    assert re.search("budget .*source and target size", " ".join(found.notes))


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"at": (100, 20)}, " n, got 2 numbers"),
        ({"at": (0,)}, "source size 0"),
        ({"target_error": -1.0}, "error.* -1$"),
        ({"budget": 10.0}, "source_cost, target_cost and budget"),
    ],
)
def test_refusals(options, values):
    with pytest.raises(ValueError, match=values):
        plan(curve(), **options)
