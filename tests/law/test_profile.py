import numpy as np
import pytest
from scipy.stats import t

from gnn_sim2real.law import fit_scaling_law
from gnn_sim2real.law.bootstrap import robust_means
from gnn_sim2real.law.forms.power import POWER
from gnn_sim2real.law.identify import doubts_of_gap
from gnn_sim2real.law.profile import profile_rate
from gnn_sim2real.law.scaling_law import Interval

SIZES = np.geomspace(100, 10_000, 8)


def simulate(num_curves, seed, noise=0.03, gap=0.05):
    random = np.random.default_rng(seed)
    factor = random.standard_normal((num_curves, 8)) + random.standard_normal((num_curves, 1))
    return (0.8 * SIZES**-0.35 + gap) * np.exp(noise * factor / np.sqrt(2))


def fit(errors, **options):
    labels = np.repeat(np.arange(len(errors)), 8)
    return fit_scaling_law(np.tile(SIZES, len(errors)), errors.ravel(), curves=labels, form="power_limit", **options)


def test_of_a_straight_line_it_is_students_interval_over_the_curves():
    """The slope is linear in the log errors, so that the profile is the textbook's interval of a mean of slopes."""
    table = np.log(simulate(5, seed=1, gap=0.0))
    means, line = robust_means(POWER, SIZES[None], table)
    center = np.log(SIZES) - np.average(np.log(SIZES), weights=means.weights)
    effect = -means.weights * center / (means.weights @ center**2)
    slopes = table @ effect
    half = t.ppf(0.95, 4) * slopes.std(ddof=1) / np.sqrt(5)
    expected = slopes.mean() - half, slopes.mean() + half
    np.testing.assert_allclose(profile_rate(line, means, SIZES[None], 0.90), expected, rtol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_profile_and_draws_agree_where_the_data_say_much(seed):
    law = fit(simulate(10, seed, noise=0.01))
    for name in ("decay_rate", "transfer_gap"):
        profile, interval = getattr(law, f"{name}_profile"), getattr(law, f"{name}_interval")
        width = interval.high - interval.low
        np.testing.assert_allclose(profile, interval, atol=0.12 * width)


@pytest.mark.slow
def test_a_gap_of_zero_is_the_end_of_its_profile():
    laws = [fit(simulate(5, seed, gap=0.0), num_resamples=200) for seed in range(10)]
    ends = [law.transfer_gap_profile for law in laws]
    assert sum(low == 0.0 for low, _ in ends) >= 8  # the others are the tenth that 90 % intervals may miss
    assert all(high > 0.0 for _, high in ends)
    assert not any(law.transfer_gap_identified for law, (low, _) in zip(laws, ends, strict=True) if low == 0.0)


def test_exact_errors_leave_no_width():
    law = fit(np.tile(0.8 * SIZES**-0.35 + 0.05, (3, 1)))
    assert law.decay_rate_profile == pytest.approx((0.35, 0.35), rel=1e-4)
    assert law.transfer_gap_profile == pytest.approx((0.05, 0.05), rel=1e-4)


@pytest.mark.parametrize(
    ("drawn", "which"), [(0.0, "its interval reaches 0"), (0.02, "its interval by profile likelihood")]
)
def test_a_doubt_says_which_interval_it_is_about(drawn, which):
    law = fit_scaling_law([50, 100, 200, 400, 800, 1600], [0.31, 0.26, 0.22, 0.19, 0.17, 0.155])
    intervals = (Interval(drawn, 0.1), Interval(0.0, 0.11))
    (doubt,) = doubts_of_gap(np.array([[50.0, 1600.0]]), law.fit, 0.3, intervals)
    assert which in doubt
