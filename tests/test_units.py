import re
import sys
from subprocess import run

import numpy as np
import pytest
import units_page
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_sim2real.tables.properties import PROPERTIES, plausible_values
from gnn_sim2real.units import QUANTITIES, check_unit, convert, format_unit, is_unit, quantity_of, same_quantity

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


@pytest.mark.parametrize("unit", ["foo", "gcm3/", "(", "5 K", "100 GPa", "a.u.", "K**K", "eV2.5", "g/cm3,%"])
def test_an_unknown_unit_is_named_with_examples(unit):
    with pytest.raises(ValueError, match=rf'"{re.escape(unit)}" .*"g/cm\^3"'):
        check_unit(unit)


@pytest.mark.parametrize(
    ("unit", "advice"),
    [
        *((each, "t or kg") for each in ("ton/m3", "tons/m3", "kton", "Ton")),
        *((each, "L or mL") for each in ("lb/gal", "pt", "qt")),
        ("ppt", "trillion"),
        ("phr", "hundred"),
    ],
)
def test_a_unit_with_several_meanings_is_refused(unit, advice):
    with pytest.raises(ValueError, match=rf'"{unit}".*{advice}'):
        check_unit(unit)


SPELLINGS = {
    "K": [
        "C",
        "oC",
        "ºC",
        "°C",
        "℃",
        "Celsius",
        "degC",
        "degree C",
        "degrees Celsius",
        "deg. C",
        "° C",
        "$^\\circ$C",
        "˚C",
        r"\si{\celsius}",
        r"\unit{\degreeCelsius}",
    ],
    "g/cm3": [
        *("gcm-3", "g/cc", "gm/cc", "g/ml", "g.cm-3", "g·cm⁻³", "g cm^{-3}", "g cm−3", "gr/cm3", "gr/cc", "kgr/L"),
        *(r"\si{\gram\per\cubic\centi\metre}", r"\si{g/cm^3}", r"$\unit{\gram\centi\meter\tothe{-3}}$"),
        *(r"\si{\gram\per\centi\metre\cubed}", r"\si{g.cm^{-3}}", r"\unit{\kg\per\L}"),
    ],
    "kg/m3": ["Kg/m3", "Kg m-3"],
    "1/K": ["1/°C", "1/C", "K-1", "°C-1"],
    "ppm/K": ["10^-6/K", "×10⁻⁶/K", "1e-6/K", "10-6/K", "10^-6 K-1", "x 10^-6 K^-1", "10**-6 / oC", "ppm/C", "um/m/K"],
    "W/(m K)": [
        "W/mK",
        "W/m·K",
        "Wm-1K-1",
        "W.m-1.K-1",
        "W/(m·°C)",
        "W/(m C)",
        "W / m K",
        r"\si{\watt\per\metre\per\kelvin}",
    ],
    "J/(g K)": ["J/gK", "J/g·K", "Jg-1K-1", "J/(g °C)", "J/(g C)", "J/g/C", "J g-1 C-1"],
    "Pa s": ["Pas", "Pa·s"],
    "kJ/mol": ["KJ/mol", "kJmol-1"],
    "MPa^0.5": ["MPa^1/2", "MPa½", "MPa1/2"],
    "wt%": ["wt.%", "% w/w", "weight percent", "mass %"],
    "mol%": ["mol.%", "mole percent"],
    "Hartree": ["hartree", "Ha"],
    "angstrom": ["Å", "\N{ANGSTROM SIGN}", "Angstrom"],
    "S/cm": ["Scm-1", "S·cm-1"],
}


@pytest.mark.parametrize(("unit", "spelled"), [(unit, each) for unit, texts in SPELLINGS.items() for each in texts])
def test_spellings_of_the_field(unit, spelled):
    expected = 278.15 if unit == "K" else 5.0
    assert convert(np.array([5.0]), spelled, unit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "expected"),
    [
        ("barrer", "mol m/(m2 s Pa)", 3.3464e-16),  # 1e-10 cm3(STP) cm/(cm2 s cmHg) of an ideal gas
        ("barrer", "cm3(STP) cm/(cm2 s cmHg)", 1e-10),
        ("GPU", "mol/(m2 s Pa)", 3.3464e-10),
        ("Hartree", "eV", 27.211386),
        ("bohr", "angstrom", 0.529177),
        ("cP", "Pa s", 1e-3),
        ("dyn/cm", "mN/m", 1),
        ("wt%", "mass_fraction", 0.01),
        ("(cal/cm3)^0.5", "MPa^0.5", 2.0455),
        ("coulomb/m2", "C/m2", 1),
    ],
)
def test_units_of_the_field(from_unit, to_unit, expected):
    assert convert(np.ones(1), from_unit, to_unit) == pytest.approx(expected, rel=2e-5)


ALIKE = [("wt%", "mol%"), ("wt%", "percent"), ("cm3/C", "cm3/K"), ("C", "coulomb")]


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_what_looks_alike_but_is_not(first, second):
    assert not same_quantity(first, second)


def test_the_tables_of_units_hold_together():
    for quantity, units in QUANTITIES.items():
        assert quantity_of(units[0]) == quantity
        assert all(same_quantity(each, units[0]) for each in units)
        assert len({check_unit(each) for each in units}) == len(units)
    for name, accepted in PROPERTIES.items():
        for each in accepted:
            assert quantity_of(each.unit)
            assert plausible_values(name, each.unit).low < each.high
    assert units_page.page() == units_page.PAGE.read_text(), "run python docs/units_page.py"


@pytest.mark.parametrize(("from_unit", "to_unit", "value", "expected"), PAIRS)
def test_convert(from_unit, to_unit, value, expected):
    assert convert(np.array([value]), from_unit, to_unit) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "accepted"),
    [
        ("degC", "g/cm3", r"density .*g/cm\^3"),
        ("eV", "eV/atom", "energy per atom .*eV/atom"),
        ("kJ/mol", "eV/atom", "energy per atom .*eV/atom.*kJ/mol_atom"),
        ("W/K", "W/(m K)", "thermal conductivity"),
        ("K", "1", "ratio .*dimensionless"),
        ("K", "V/m3", '"V/m3"$'),
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


@pytest.mark.parametrize(
    "text",
    [
        "m**9**9**9**9",
        "m^9^9^9",
        "m^(9^9^9)",
        "m⁹⁹⁹⁹⁹⁹⁹",
        "((9)^99)^99 m",
        "2**99999999 m",
        "m^1e300",
        "10^99999 m",
        "m" * 100_000,
        "(" * 5000,
        "kg m-1 s-2 " * 500,
    ],
)
def test_a_text_that_would_be_computed_without_end_is_no_unit(text):
    program = f"from gnn_sim2real.units import is_unit\nassert not is_unit({text!r})"
    run([sys.executable, "-c", program], check=True, timeout=20)
    with pytest.raises(ValueError, match="known") as caught:
        check_unit(text)
    assert len(str(caught.value)) < 400


@given(st.text("m9^*()/-+. 10kgKeE²", max_size=40))
@settings(max_examples=100, deadline=2000)
def test_any_text_is_a_unit_or_none(text):
    is_unit(text)


def test_pint_is_imported_only_when_used():
    code = "import sys, gnn_sim2real.units; sys.exit('pint' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "spelled", [r"\si{\kilo}", r"\si{\per}", r"\si{\gram\per}", r"\si{\gram\tothe{x}}", r"\si{\foo}"]
)
def test_siunitx_that_is_not_understood_is_refused(spelled):
    with pytest.raises(ValueError, match="known"):
        check_unit(spelled)
