import numpy as np
import pytest

from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS, log_position
from gnn_sim2real.law.least_squares import fit_rows

FORMS = {**CURVE_FORMS, **SURFACE_FORMS}
SIZES = np.geomspace(50.0, 5e4, 12)
PAIRS = np.stack([axis.ravel() for axis in np.meshgrid(np.geomspace(50.0, 5e4, 8), np.geomspace(20.0, 2000.0, 5))])


def points_of(form):
    return SIZES[None] if form.num_variables == 1 else PAIRS


def truth(name, random):
    """Searched parameters of a law that its points determine."""
    rate, share = np.log(random.uniform(0.2, 1.0)), random.uniform(0.05, 0.4)
    return {
        "power": [random.uniform(0.2, 1.0)],
        "power_limit": [rate, share],
        "saturating": [rate, random.uniform(1.0, 4.0), share],
        "broken": [
            np.log(random.uniform(0.4, 1.0)),
            np.log(random.uniform(0.05, 0.2)),
            random.uniform(2.0, 4.5),
            np.log(random.uniform(0.2, 0.6)),
            share,
        ],
        "product": [rate, np.log(random.uniform(0.1, 0.6)), share],
        "product_limit": [rate, np.log(random.uniform(0.1, 0.6)), share, random.uniform(0.05, 0.4)],
    }[name]


@pytest.mark.parametrize("name", FORMS)
def test_slopes_are_the_derivatives(name):
    form, random = FORMS[name], np.random.default_rng(0)
    position = log_position(points_of(form), points_of(form).min(axis=1))
    parameters = np.array([truth(name, random) for _ in range(5)])
    value, slopes = form.slopes(position, parameters)
    np.testing.assert_allclose(value, form.log_shape(position, parameters), atol=1e-12)
    for index, step in enumerate(1e-6 * np.eye(parameters.shape[1])):
        ends = (form.log_shape(position, parameters + sign * step) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, index], np.subtract(*ends) / 2e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("seed", range(6))
def test_exact_errors_give_all_parameters_back(name, seed):
    form = FORMS[name]
    points = points_of(form)
    parameters = np.array([truth(name, np.random.default_rng(seed))])
    log_errors = 1.3 + form.log_shape(log_position(points, points.min(axis=1)), parameters)
    found = fit_rows(form, points, log_errors, np.ones(points.shape[1]), num_starts=8).natural()
    for symbol, value in form.natural(parameters, np.exp([1.3]), points.min(axis=1)).items():
        np.testing.assert_allclose(found[symbol], value, rtol=1e-6, atol=1e-9, err_msg=symbol)


@pytest.mark.parametrize("name", CURVE_FORMS)
def test_alpha_c_and_d_describe_the_far_end_of_every_form(name):
    """Whatever the form, E - C is D n^-alpha where n is large."""
    form = FORMS[name]
    parameters = np.array([truth(name, np.random.default_rng(1))])
    smallest = SIZES[:1]
    far = np.array([[1e11, 1e12]])
    errors = np.exp(0.4 + form.log_shape(log_position(far, smallest), parameters))[0]
    law = {symbol: value[0] for symbol, value in form.natural(parameters, np.exp([0.4]), smallest).items()}
    expected = law["transfer_gap"] + law["prefactor"] * far[0] ** -law["decay_rate"]
    np.testing.assert_allclose(errors, expected, rtol=1e-3 if name == "saturating" else 1e-6)


def test_the_product_is_that_of_the_paper():
    form = FORMS["product_limit"]
    parameters = np.array([truth("product_limit", np.random.default_rng(2))])
    smallest = PAIRS.min(axis=1)
    errors = np.exp(0.4 + form.log_shape(log_position(PAIRS, smallest), parameters))[0]
    law = {symbol: value[0] for symbol, value in form.natural(parameters, np.exp([0.4]), smallest).items()}
    delta, gamma = law["prefactor"], law["transfer_gap"] / law["prefactor"]
    expected = delta * (gamma + PAIRS[0] ** -law["decay_rate"]) * PAIRS[1] ** -law["target_rate"] + law["limit"]
    np.testing.assert_allclose(errors, expected, rtol=1e-12)


def test_an_anchor_is_passed_through():
    log_errors = np.log(SIZES**-0.4 + 0.1)[None]
    at, value = np.array([np.inf]), np.log([0.05])
    held = fit_rows(FORMS["power_limit"], SIZES[None], log_errors, np.ones(12), anchor=(at, value))
    assert held.natural()["transfer_gap"][0] == pytest.approx(0.05, rel=1e-4)
