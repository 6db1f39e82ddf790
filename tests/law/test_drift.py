import dataclasses
import re

import numpy as np
import pytest
from scipy.linalg import hadamard

from gnn_sim2real.law import fit_scaling_law, fit_scaling_surface, plan
from gnn_sim2real.law.bootstrap import draw_moves, robust_means
from gnn_sim2real.law.drift import fit_alone, forecast_drift
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS
from gnn_sim2real.law.log_errors import tabulate


def power_limit(n):
    return 2 * n**-0.5 + 0.1


def turning(n):
    return 0.05 + n**-0.1 * (1 + (n / 1500) ** (1 / 0.2)) ** (-0.7 * 0.2)


def drift_of(form, sizes, errors):
    """Drift along each variable; errors of shape (num_curves, num_points)."""
    labels = np.repeat(np.arange(len(errors)), errors.shape[1]).tolist()
    table = tabulate(np.tile(np.atleast_2d(sizes), len(errors)), errors.ravel(), labels)
    means, _ = robust_means(form, table.sizes, table.log_errors)
    rows = means.values + draw_moves(means, table, 400, seed=0)
    least = (4, 3 if form.has_limit else 2)
    return forecast_drift(fit_alone(form), form.num_parameters + 1, least, table.sizes, means, rows)


def scattered(errors, noise, seed, num_curves=4):
    return errors * np.exp(noise * np.random.default_rng(seed).standard_normal((num_curves, len(errors))))


def test_a_law_that_holds_does_not_drift():
    sizes = np.geomspace(50, 50_000, 9)
    assert drift_of(CURVE_FORMS["power_limit"], sizes, np.tile(power_limit(sizes), (4, 1)))[0] < 1e-6
    power = CURVE_FORMS["power"]
    by_chance = [drift_of(power, sizes, scattered(2 * sizes**-0.3, 0.03, seed))[0] for seed in range(9)]
    assert np.median(by_chance) < 0.02


def test_the_drift_is_what_the_forecasts_missed_over_the_way_to_them():
    """A straight line through four and through five sizes forecasts the fifth rightly, and misses the sixth by 20 %."""
    sizes = 100.0 * 2.0 ** np.arange(6)
    errors = sizes**-0.3 * np.array([1, 1, 1, 1, 1, 0.8])
    missed = np.abs(np.log(0.8)) / np.log(2)
    assert drift_of(CURVE_FORMS["power"], sizes, np.tile(errors, (3, 1)))[0] == pytest.approx(missed, rel=1e-6)
    # a drop before the last size, which the line through five sizes then forecasts rightly: the mean of both counts
    dropped = sizes**-0.3 * np.array([1, 1, 1, 1, 0.8, 1])
    dropped[5] = np.exp(np.polyval(np.polyfit(np.log(sizes[:5]), np.log(dropped[:5]), 1), np.log(sizes[5])))
    drift = drift_of(CURVE_FORMS["power"], sizes, np.tile(dropped, (3, 1)))[0]
    assert drift == pytest.approx(missed / np.sqrt(2), rel=1e-6)
    # eight seeds that scatter at each size independently of the others: means known to 23 %, no miss beyond chance
    scatter = 0.6 * hadamard(8)[:, 1:7]
    assert drift_of(CURVE_FORMS["power"], sizes, errors * np.exp(scatter))[0] == 0


def test_what_a_seed_does_to_all_sizes_excuses_no_miss():
    """Seeds that lie far apart, all with the same drop of 20 %, know the drop as well as seeds that agree."""
    sizes = 100.0 * 2.0 ** np.arange(6)
    errors = sizes**-0.3 * np.array([1, 1, 1, 1, 1, 0.8])
    apart = errors * np.exp([[-0.4], [0.0], [0.4]])
    together = drift_of(CURVE_FORMS["power"], sizes, np.tile(errors, (3, 1)))[0]
    assert drift_of(CURVE_FORMS["power"], sizes, apart)[0] == pytest.approx(together, rel=0.05)


def test_each_size_of_a_surface_drifts_by_itself():
    source, target = (axis.ravel() for axis in np.meshgrid(np.geomspace(100, 10_000, 6), [20.0, 60.0, 200.0, 600.0]))
    pair = np.stack([source, target])
    fall = (5 * source**-0.4 + 0.3) * target**-0.25
    assert drift_of(SURFACE_FORMS["product"], pair, np.tile(fall, (3, 1))).max() < 1e-6
    dropped = drift_of(SURFACE_FORMS["product"], pair, np.tile(np.where(target > 500, 0.8, 1.0) * fall, (3, 1)))
    assert dropped[1] > max(0.05, 2.0 * dropped[0])
    turned = drift_of(SURFACE_FORMS["product"], pair, np.tile(turning(source) * target**-0.25, (3, 1)))
    assert turned[0] > 0.01
    assert turned[1] < 0.5 * turned[0]


def fitted(noise=0.02, **options):
    sizes = np.geomspace(50, 5000, 8)
    errors = scattered(turning(sizes), noise, seed=0)
    return fit_scaling_law(np.tile(sizes, 4), errors.ravel(), form="power", num_resamples=500, **options)


def still(law):
    """The same law as if its form were beyond doubt."""
    draws = tuple(drawn.without_drift() for drawn in law.draws)
    return dataclasses.replace(law, draws=draws)


def width(interval):
    return interval[1] - interval[0]


def test_all_that_is_forecast_has_the_drift_in_its_interval():
    law = fitted()
    assert law.forecast_drift > 0.01
    assert any(re.search(r"Forecasts of a source size .*\d %", note) for note in law.notes)
    assert width(law.predict_interval(2e4)) > 1.5 * width(still(law).predict_interval(2e4))
    asked, unmoved = (plan(each, target_error=float(law.predict(1e4))) for each in (law, still(law)))
    assert width(asked.gain_of_doubling.interval) > 1.5 * width(unmoved.gain_of_doubling.interval)
    assert width(asked.wanted.source_size.interval) > 1.5 * width(unmoved.wanted.source_size.interval)
    assert asked.wanted.source_size.value == unmoved.wanted.source_size.value


def test_a_larger_source_can_be_left_unused():
    """A drift upward makes the gain from doubling nothing, not a loss; a law that rises by itself is one."""
    sizes = np.geomspace(50, 5000, 8)
    flat = fit_scaling_law(np.tile(sizes, 4), scattered(turning(sizes)[::-1] ** -0.2, 0.02, 0).ravel(), form="power")
    assert flat.forecast_drift > 0.005
    assert fitted().draws[0].drift.max() > 0.02
    assert plan(fitted(noise=0.05)).gain_of_doubling.interval.low >= 0
    rising = fit_scaling_law(np.tile(sizes, 4), scattered(sizes**0.2, 0.01, 0).ravel(), form="power")
    assert plan(rising).gain_of_doubling.interval.high < 0


def test_what_lies_within_the_sizes_has_nothing_of_it():
    law = fitted()
    sizes = [60.0, 900.0, 5000.0]
    np.testing.assert_array_equal(law.predict_interval(sizes), still(law).predict_interval(sizes))
    within, unmoved = (
        plan(
            each,
            at=(500,),
            target_error=float(law.predict(1000)),
        )
        for each in (law, still(law))
    )
    assert within.error == unmoved.error
    assert within.gain_of_doubling == unmoved.gain_of_doubling
    assert within.wanted.limit == unmoved.wanted.limit


def test_a_surface_drifts_beyond_its_largest_sizes_alone():
    source, target = (axis.ravel() for axis in np.meshgrid(np.geomspace(100, 10_000, 6), [20.0, 60.0, 200.0, 600.0]))
    errors = scattered(turning(source) * target**-0.25, 0.02, seed=3)
    law = fit_scaling_surface(np.tile(source, 4), np.tile(target, 4), errors.ravel(), form="product")
    assert law.forecast_drift[0] > 0.01
    np.testing.assert_array_equal(law.predict_interval(1e4, 600), still(law).predict_interval(1e4, 600))
    assert width(law.predict_interval(4e4, 600)) > 1.5 * width(still(law).predict_interval(4e4, 600))
    costs = {"source_cost": 1.0, "target_cost": 100.0, "budget": 3e4}
    split, unmoved = (plan(each, **costs).split for each in (law, still(law)))
    assert width(split.error_all_source.interval) > 1.5 * width(unmoved.error_all_source.interval)
    line, draws = law.at_target_size(1200.0)
    sizes = np.geomspace(50, 1e6, 7)
    pairs = np.stack([sizes, np.full(7, 1200.0)])
    np.testing.assert_allclose(draws[0].predict(sizes[None]), law.draws[0].predict(pairs), rtol=1e-8)
    np.testing.assert_allclose(line.predict(sizes[None])[0], law.predict(sizes, 1200.0), rtol=1e-10)


def test_where_no_forecast_can_be_tested_it_is_said():
    sizes = np.array([100.0, 200.0, 400.0, 800.0])
    law = fit_scaling_law(np.tile(sizes, 3), scattered(sizes**-0.3, 0.02, 0, 3).ravel(), num_resamples=100)
    assert law.forecast_drift == 0
    assert any("too few source sizes to forecast one from the smaller ones" in note for note in law.notes)
