import re
import sys
from subprocess import run

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.units import check_unit, convert, format_unit

USED = [
    *("g/cm3", "g/cm^3", "g/cm**3", "g cm-3", "g/cm³", "kg/m3", "W/m/K", "W/(m K)", "W m-1 K-1", "J/(kg K)"),
    *(
        "eV/atom",
        "meV/atom",
        "kJ/mol",
        "kcal/mol",
        "K",
        "degC",
        "1/K",
        "ppm/K",
        "Pa",
        "GPa",
        "m2/s",
        "angstrom^3",
    ),
]
PAIRS = [
    ("g/cm3", "kg/m3", 1.0, 1000.0),
    ("degC", "K", 25.0, 298.15),
    ("K", "degC", 0.0, -273.15),
    ("kcal/mol", "kJ/mol", 1.0, 4.184),
    ("eV/atom", "meV/atom", 1.0, 1000.0),
    ("eV/atom", "kJ/mol_atom", 1.0, 96.48533212),  # Faraday constant, CODATA 2018
    ("W/m/K", "W/(cm K)", 1.0, 0.01),
    ("J/(kg K)", "cal/(g K)", 4184.0, 1.0),
    ("1/K", "ppm/K", 2e-4, 200.0),
    ("GPa", "Pa", 1.0, 1e9),
    ("Angstrom^3", "nm3", 1000.0, 1.0),
    ("percent", "", 50.0, 0.5),
]


@pytest.mark.parametrize("unit", USED)
def test_units_people_write_are_known_and_kept(unit):
    assert check_unit(f" {unit} ") == unit


@pytest.mark.parametrize("unit", ["", " ", "1", "dimensionless"])
def test_a_number_without_dimension_has_one_name(unit):
    assert check_unit(unit) == "dimensionless"


@pytest.mark.parametrize("unit", ["foo", "gcm3/", "(", "5 K", "10^-6/K", "K**K", "eV2.5"])
def test_an_unknown_unit_is_named_with_examples(unit):
    with pytest.raises(ValueError, match=rf'"{re.escape(unit)}" .*"g/cm\^3"'):
        check_unit(unit)


@pytest.mark.parametrize(("from_unit", "to_unit", "value", "expected"), PAIRS)
def test_convert(from_unit, to_unit, value, expected):
    assert convert(np.array([value]), from_unit, to_unit) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "accepted"),
    [
        ("degC", "g/cm3", r"density .*g/cm\^3"),
        ("eV", "eV/atom", "energy per atom .*eV/atom"),
        ("kJ/mol", "eV/atom", "energy per atom .*eV/atom or kJ/mol_atom"),
        ("W/mK", "W/(m K)", "thermal conductivity"),
        ("K", "1", "ratio .*dimensionless"),
        ("K", "V/m", '"V/m"$'),
    ],
)
def test_other_quantities_are_refused_and_the_accepted_ones_named(from_unit, to_unit, accepted):
    with pytest.raises(ValueError, match=rf'"{re.escape(from_unit)}" .*"{re.escape(to_unit)}": .*{accepted}'):
        convert(np.ones(1), from_unit, to_unit)


@given(
    values=st.lists(st.floats(-1e6, 1e6), max_size=5),
    pair=st.sampled_from([(source, target) for source, target, *_ in PAIRS]),
)
def test_there_and_back_gives_the_same_values(values, pair):
    original = np.array(values, dtype=np.float64)
    again = convert(convert(original, *pair), *reversed(pair))
    np.testing.assert_allclose(again, original, rtol=1e-12, atol=1e-9)


def test_convert_keeps_shape_and_nan_and_leaves_its_input_alone():
    values = np.array([[0.0, np.nan]])
    converted = convert(values, "degC", "K")
    np.testing.assert_array_equal(converted, [[273.15, np.nan]])
    np.testing.assert_array_equal(values, [[0.0, np.nan]])
    same = convert(values, "g/cm3", "g/cm^3")
    same[0, 0] = 5
    assert values[0, 0] == 0


def test_the_same_unit_converts_without_rounding():
    values = np.random.default_rng(0).random(100)
    np.testing.assert_array_equal(convert(values, "W/m/K", "W/(m K)"), values)


@pytest.mark.parametrize(
    ("unit", "spelled"),
    [
        ("g/cm3", "g/cm³"),
        ("W m-1 K-1", "W m⁻¹ K⁻¹"),
        ("degC", "°C"),
        ("", ""),
        ("angstrom**3", "Å³"),
        ("eV/atom",) * 2,
    ],
)
def test_format_unit(unit, spelled):
    assert format_unit(unit) == spelled


def test_pint_is_imported_only_when_used():
    code = "import sys, gnn_sim2real.units; sys.exit('pint' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
