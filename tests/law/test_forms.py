import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
from fences import read_fences

from gnn_sim2real.law import fit_scaling_law, fit_scaling_surface
from gnn_sim2real.law.forms import CURVE_FORMS, FORMS, SURFACE_FORMS, Form, find_form, register
from gnn_sim2real.law.forms.additive import ADDITIVE
from gnn_sim2real.law.forms.broken import BROKEN
from gnn_sim2real.law.forms.form import log_position
from gnn_sim2real.law.forms.power_limit import POWER_LIMIT
from gnn_sim2real.law.inversion import invert
from gnn_sim2real.law.least_squares import Fits, fit_rows

SIZES = np.geomspace(50.0, 5e4, 12)
PAIRS = np.stack([axis.ravel() for axis in np.meshgrid(np.geomspace(50.0, 5e4, 8), np.geomspace(20.0, 2000.0, 5))])
PAGE = Path(__file__).parents[2] / "docs/contributing/form.md"
(_EXAMPLE,) = [each.text for each in read_fences(PAGE.read_text()) if each.marks.get("title") == "shifted.py"]


def form_of_the_page():
    """The form that the documentation shows has to be one as well."""
    names = {"__name__": "shifted"}
    exec(compile(_EXAMPLE, "shifted.py", "exec"), names)  # noqa: S102 (our own page)
    return names["SHIFTED"]


CURVES, SURFACES = [*CURVE_FORMS.values(), form_of_the_page()], [*SURFACE_FORMS.values()]
name_of = attrgetter("name")


@pytest.fixture(params=[*CURVES, *SURFACES], ids=name_of)
def form(request) -> Form:
    return request.param


def points_of(form):
    return SIZES[None] if form.num_variables == 1 else PAIRS


def position_of(form):
    return log_position(points_of(form), points_of(form).min(axis=1))


def axes_of(form):
    return form.axes(position_of(form).max(axis=1))


def some(form, count, seed=0):
    """Laws whose error falls and which lie well within the bounds, shape (count, num_searched)."""
    random = np.random.default_rng(seed)
    drawn = []
    for name, axis in zip(form.searched, axes_of(form), strict=True):
        low, high = axis[0] + 0.1 * np.ptp(axis), axis[-1] - 0.3 * np.ptp(axis)
        if name.endswith("rate"):
            low, high = (np.log(0.15), np.log(1.2)) if name.startswith("log_") else (0.15, 1.2)
        drawn.append(random.uniform(low, high, count))
    return np.stack(drawn, axis=1)


def determined(form, seed):
    """One law of `some` whose parameters the points determine."""
    points = points_of(form)
    for parameters in some(form, 100, seed):
        slopes = form.slopes(position_of(form), parameters[None])[1][0]
        design = np.concatenate([np.ones((1, points.shape[1])), slopes])
        if np.linalg.cond(design) < 1000:
            return parameters[None]
    raise AssertionError(f"the points determine no law of the form {form.name}")


def law_of(form, parameters, first=1.0):
    """Natural parameters of one law by name."""
    smallest = points_of(form).min(axis=1)
    return {name: value[0] for name, value in form.natural(parameters[:1], np.array([first]), smallest).items()}


def fits_of(form, parameters):
    count, smallest, largest = len(parameters), points_of(form).min(axis=1), points_of(form).max(axis=1)
    return Fits(form, smallest, parameters, np.zeros(count), np.zeros(count), largest, np.zeros((count, len(smallest))))


class TestEveryForm:
    """What the law takes for granted of a form; a new one is found by itself."""

    def test_it_says_what_it_is(self, form):
        assert form.name.isidentifier()
        assert form.use
        assert len({*form.searched}) == len(form.searched) == len(axes_of(form)) == form.num_parameters - 1
        natural = law_of(form, some(form, 1))
        documented = {parameter.name: parameter for parameter in (*form.standard, *form.further)}
        assert natural.keys() == documented.keys()
        assert {parameter.name for parameter in form.parameters} <= natural.keys()
        assert all(parameter.meaning for parameter in documented.values())
        assert all(parameter.symbol in form.formula for parameter in form.further)

    def test_starts_ascend_and_may_be_bounds(self, form):
        for axis in axes_of(form):
            assert np.isfinite(axis).all()
            assert (np.diff(axis) > 0).all()

    def test_slopes_are_the_derivatives(self, form):
        position, parameters = position_of(form), some(form, 8)
        value, slopes = form.slopes(position, parameters)
        np.testing.assert_allclose(value, form.log_shape(position, parameters), atol=1e-12)
        assert slopes.shape == (8, len(form.searched), position.shape[1])
        for column, step in enumerate(1e-6 * np.eye(parameters.shape[1])):
            ends = (form.log_shape(position, parameters + sign * step) for sign in (1, -1))
            np.testing.assert_allclose(slopes[:, column], np.subtract(*ends) / 2e-6, rtol=1e-5, atol=1e-7)

    def test_it_begins_at_zero(self, form):
        start = np.zeros((form.num_variables, 1))
        np.testing.assert_allclose(form.log_shape(start, some(form, 8)), 0.0, atol=1e-12)

    def test_the_error_falls_with_each_size(self, form):
        parameters = some(form, 8)
        for variable in range(form.num_variables):
            position = np.zeros((form.num_variables, 40))
            position[variable] = np.linspace(0.0, 20.0, 40)
            assert (np.diff(form.log_shape(position, parameters), axis=1) < 0).all()

    def test_an_infinite_source_leaves_the_limit(self, form):
        parameters = some(form, 1)
        law, at = law_of(form, parameters, 2.0), np.full((form.num_variables, 1), np.inf)
        left = 2.0 * np.exp(form.log_shape(log_position(at, points_of(form).min(axis=1)), parameters))[0, 0]
        assert left == pytest.approx(law["limit" if form.num_variables == 2 else "transfer_gap"], rel=1e-12, abs=1e-200)
        if form.num_variables == 2:
            at[1] = 1e9
            left = 2.0 * np.exp(form.log_shape(log_position(at, points_of(form).min(axis=1)), parameters))[0, 0]
            assert left == pytest.approx(law["transfer_gap"] * 1e9 ** -law["target_rate"] + law["limit"], rel=1e-9)

    def test_its_formula_gives_the_errors(self, form):
        """With the natural parameters in place of the symbols."""
        parameters = some(form, 1)
        law = law_of(form, parameters, 2.0)
        values = {parameter.symbol: law[parameter.name] for parameter in (*form.standard, *form.further)}
        values |= dict(zip("nm", points_of(form), strict=False))
        if form is BROKEN:
            values["B"] = values["D"] * values["n0"] ** (values["a"] - values["alpha"])
        product = re.sub(r"(?<=[\w)])\s+(?=[\w(])", "*", form.formula.replace("^", "**"))
        expected = 2.0 * np.exp(form.log_shape(position_of(form), parameters))[0]
        np.testing.assert_allclose(eval(product, {}, values), expected, rtol=1e-9)  # noqa: S307 (our own formula)

    @pytest.mark.parametrize("seed", range(4))
    def test_beyond_the_limit_the_error_falls_as_d_n_to_the_minus_alpha(self, form, seed):
        """(E - C) / (D n^-alpha) goes to 1; E - C from Q, so that nothing cancels where it is small."""
        parameters, distance = some(form, 1, seed), 3000.0
        law, smallest = law_of(form, parameters, 2.0), points_of(form).min(axis=1)
        if form.num_variables == 1:
            fall = form.fall(np.array([[distance]]), parameters)[0][0, 0]
            log_left = np.log(2.0 - law["transfer_gap"]) - fall
            log_size, log_target = np.log(smallest[0]) + distance, 0.0
        else:
            log_target = np.log(1e4)
            falling, gap = form.at_target_size(parameters, np.array([2.0]), smallest, 1e4)
            log_left, log_size = np.log(falling[0]), np.log(smallest[0])
            assert gap[0] == pytest.approx(law["transfer_gap"] * 1e4 ** -law["target_rate"] + law["limit"], rel=1e-9)
        expected = np.log(law["prefactor"]) - law["decay_rate"] * log_size
        if form is not ADDITIVE:  # whose part of the source no target size lowers
            expected -= law.get("target_rate", 0.0) * log_target
        assert log_left == pytest.approx(expected, abs=1e-9 * distance)

    @pytest.mark.parametrize("form", SURFACES, ids=name_of)
    def test_a_slice_is_a_power_law_with_limit(self, form):
        parameters, smallest, target = some(form, 1), points_of(form).min(axis=1), 150.0
        falling, gap = form.at_target_size(parameters, np.array([1.0]), smallest, target)
        rate = law_of(form, parameters)["decay_rate"]
        position = np.stack([np.log(SIZES / smallest[0]), np.full(12, np.log(target / smallest[1]))])
        expected = falling * (SIZES / smallest[0]) ** -rate + gap
        np.testing.assert_allclose(np.exp(form.log_shape(position, parameters))[0], expected, rtol=1e-10)

    @pytest.mark.parametrize("form", CURVES, ids=name_of)
    def test_inversion_gives_the_size_back(self, form):
        law = fits_of(form, some(form, 8))
        for size in (60.0, 700.0, 3e5):
            np.testing.assert_allclose(invert(law, law.predict(np.array([[size]]))[:, 0]), size, rtol=1e-6)
        assert (invert(law, 0.999 * law.natural()["transfer_gap"]) == np.inf).all()

    @pytest.mark.parametrize("seed", range(4))
    def test_exact_errors_give_all_parameters_back(self, form, seed):
        points, parameters = points_of(form), determined(form, seed)
        log_errors = 1.3 + form.log_shape(position_of(form), parameters)
        # more starts than a fit takes: from 8 of them the search finds any law but some of those with a break
        starts = min(128, int(np.prod([len(axis) for axis in axes_of(form)])))
        found = fit_rows(form, points, log_errors, np.ones(points.shape[1]), num_starts=starts)
        assert found.loss[0] < 1e-14
        for name, value in law_of(form, parameters, np.exp(1.3)).items():
            np.testing.assert_allclose(found.natural()[name][0], value, rtol=1e-5, atol=1e-9, err_msg=name)

    def test_neither_unit_nor_scale_matters(self, form):
        points, parameters = points_of(form), determined(form, 0)
        noise = 0.01 * np.random.default_rng(1).standard_normal(points.shape[1])
        log_errors = form.log_shape(position_of(form), parameters) + noise
        unit, scale = 1e3, 7.0
        scales = np.array([scale, 1.0])[: form.num_variables, None]
        one = fit_rows(form, points, log_errors, np.ones(points.shape[1]))
        other = fit_rows(form, scales * points, log_errors + np.log(unit), np.ones(points.shape[1]))
        np.testing.assert_allclose(other.parameters, one.parameters, rtol=1e-4, atol=1e-6)
        alpha = one.natural()["decay_rate"]
        factors = {"rate": 1.0, "number": 1.0, "size": scale, "error": unit, "prefactor": unit * scale**alpha}
        for parameter in form.parameters:
            expected = one.natural()[parameter.name] * factors[parameter.kind]
            np.testing.assert_allclose(
                other.natural()[parameter.name], expected, rtol=1e-3, atol=1e-6 * unit, err_msg=parameter.name
            )

    def test_what_is_found_lies_within_the_bounds(self, form):
        points, random = points_of(form), np.random.default_rng(2)
        rows = 0.5 * random.standard_normal((20, points.shape[1]))
        found = fit_rows(form, points, rows, np.ones(points.shape[1]))
        for axis, values in zip(axes_of(form), found.parameters.T, strict=True):
            assert ((axis[0] <= values) & (values <= axis[-1])).all()
        assert np.isfinite(found.predict(points)).all()


def test_forms_go_from_few_parameters_to_many():
    assert [(form.name, form.num_parameters) for form in CURVE_FORMS.values()] == [
        ("power", 2),
        ("power_limit", 3),
        ("saturating", 4),
        ("broken", 6),
    ]
    assert [(form.name, form.num_parameters) for form in SURFACE_FORMS.values()] == [
        ("product", 4),
        ("additive", 5),
        ("product_limit", 5),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_a_break_to_a_faster_fall_is_found_from_the_starts_of_a_fit(seed):
    random = np.random.default_rng(seed)
    late, early, width = random.uniform(0.4, 1.0), random.uniform(0.05, 0.2), random.uniform(0.2, 0.6)
    parameters = [np.log(late), np.log(early), random.uniform(2.0, 4.5), np.log(width), random.uniform(0.05, 0.4)]
    log_errors = BROKEN.log_shape(position_of(BROKEN), np.array([parameters]))
    found = fit_rows(BROKEN, SIZES[None], log_errors, np.ones(12), num_starts=8)
    np.testing.assert_allclose(found.parameters[0], parameters, rtol=1e-5)


def test_an_anchor_is_passed_through():
    log_errors = np.log(SIZES**-0.4 + 0.1)[None]
    at, value = np.array([np.inf]), np.log([0.05])
    held = fit_rows(POWER_LIMIT, SIZES[None], log_errors, np.ones(12), anchor=(at, value))
    assert held.natural()["transfer_gap"][0] == pytest.approx(0.05, rel=1e-4)


def test_a_name_is_given_once():
    other = form_of_the_page()
    for name in ("power_limit", "auto"):
        other.name = name
        with pytest.raises(ValueError, match=name):
            register(other)
    other.name, other.searched = "shifted", ("log_speed", "log_offset", "limit_share")
    with pytest.raises(ValueError, match="log_speed"):
        register(other)
    assert "shifted" not in CURVE_FORMS
    with pytest.raises(ValueError, match="power_limit"):
        find_form("shifted", CURVE_FORMS)


def test_a_later_version_of_a_form_takes_its_place():
    with FORMS.isolated():
        for _ in range(2):
            form = form_of_the_page()
            register(form)
            assert CURVE_FORMS["shifted"] is form
        # by the number of its parameters, and by its name where that is equal
        assert [*CURVE_FORMS] == ["power", "power_limit", "saturating", "shifted", "broken"]


_FIT = """
import sys
import numpy as np
from gnn_sim2real.cli.main import main
sizes = np.geomspace(50, 50_000, 9).round()
errors = 4 * (sizes + 800) ** -0.5 + 0.1
open("curve.csv", "w").write("\\n".join(["source_size,error", *(f"{n},{e}" for n, e in zip(sizes, errors))]))
main(["law", "--help"])
sys.exit(main(["law", "fit", "curve.csv", "--form", "shifted", "--draws", "100"]))
"""


def run_with(program, folder):
    run = [sys.executable, "-c", program]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True, timeout=300)


@pytest.mark.slow
def test_one_file_in_the_folder_is_all_it_takes(tmp_path):
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms/shifted.py").write_text(_EXAMPLE)
    beside = "import gnn_sim2real.law.forms as forms; forms.__path__.append('forms')"
    shown = run_with(beside + _FIT, tmp_path).stdout
    assert "shifted D (n + n0)^-alpha + C: falls as if some materials had been seen before" in " ".join(shown.split())
    assert re.search(r"n0, materials as if seen before +800 ", shown)


@pytest.mark.slow
def test_a_distribution_may_bring_forms_and_a_broken_one_is_passed_over(tmp_path):
    (tmp_path / "shifted.py").write_text(_EXAMPLE)
    (tmp_path / "shifted-1.0.dist-info").mkdir()
    (tmp_path / "shifted-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: shifted\nVersion: 1.0\n")
    entries = "[gnn_sim2real.forms]\nlost = nowhere_to_be_found\nshifted = shifted\n"
    (tmp_path / "shifted-1.0.dist-info/entry_points.txt").write_text(entries)
    done = run_with(_FIT, tmp_path)
    assert "form 'shifted'" in done.stdout
    assert "nowhere_to_be_found" in done.stderr


# decay rate, transfer gap, prefactor, and the interval of the decay rate
PINNED = {
    "power": (0.319322577, 0, 4.21882717, 0.319116121, 0.319508413),
    "power_limit": (0.319322577, 0, 4.21882717, 0.319116121, 0.319508413),
    "saturating": (0.862088077, 0.0951179524, 339.975279, 0.584893988, 1.11390147),
    "broken": (0.747953008, 0.0854264069, 121.315493, 0.409535337, 0.915298617),
}
PINNED_SURFACES = {
    "product": (0.398501895, 0.359279532, 3.58911669, 0.301768528, 0.483211878),
    "product_limit": (0.399691798, 0.30004083, 4.97401675, 0.306097619, 0.482181972),
}


@pytest.mark.parametrize("name", PINNED)
def test_numbers_do_not_change(name):
    sizes = np.geomspace(50, 20_000, 9)
    noise = np.cos(np.arange(27.0)).reshape(3, 9)
    errors = (0.1 + 0.9 / (1 + (sizes / 1000) ** 0.9)) * np.exp(0.03 * noise)
    labels = np.repeat(range(3), 9).tolist()  # whose draws follow from them; without labels, from the errors
    law = fit_scaling_law(np.tile(sizes, 3), errors.ravel(), curves=labels, form=name, num_resamples=100)
    found = (law.decay_rate, law.transfer_gap, law.prefactor, *law.decay_rate_interval)
    assert found == pytest.approx(PINNED[name], rel=1e-6)


@pytest.mark.parametrize("name", PINNED_SURFACES)
def test_numbers_of_surfaces_do_not_change(name):
    errors = ((5 * PAIRS[0] ** -0.4 + 0.3) * PAIRS[1] ** -0.25 + 0.05) * np.exp(
        0.03 * np.cos(np.arange(80.0)).reshape(2, 40)
    )
    labels = np.repeat(range(2), 40).tolist()
    law = fit_scaling_surface(*np.tile(PAIRS, 2), errors.ravel(), curves=labels, form=name, num_resamples=100)
    found = (law.decay_rate, law.transfer_gap, law.prefactor, *law.decay_rate_interval)
    assert found == pytest.approx(PINNED_SURFACES[name], rel=1e-6)
