"""Units in headings, beside the values and in options are read, or refused; never taken for the unit wanted."""

import logging
import re

import numpy as np
import pandas as pd
import pytest

from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.columns import in_table, read_heading
from gnn_sim2real.tables.table import Property


def values(frame, prop):
    table = clean_table(frame, material_column="m", properties=[prop], identity=str, source="mine.csv")
    return dict(zip(table.identities, table.values[:, 0].tolist(), strict=True))


def column(heading, numbers, **more):
    return pd.DataFrame({"m": [f"m{row}" for row in range(len(numbers))], heading: numbers} | more)


@pytest.mark.parametrize(
    "heading",
    [
        *("Tg (oC)", "Tg (ºC)", "Tg [Celsius]", "Tg, °C", "Tg_C", "Tg (°C)", "Tg C", "Tg / degC", "Tg/°C", "Tg (C)"),
        *(
            "Tg in °C",
            "Tg (DSC) [degree C]",
            "Tg (℃)",
            "Tg_degC",
            "Tg (˚C)",
            "Tg ℃",
            "Tg_℃",
            "Tg（℃）",
            "Tg °C",
            "Tg_°C",
        ),
        *(
            "Tg: °C",
            "Tg - °C",
            "Tg {C}",
            "Tg <°C>",
            "Tg|C|",
            "Tg;C",
            "Tg[°C",
            'Tg"C',
            "melting_pointC",
            "Tm°C",
            "Td5%_℃",
        ),
        *("Tg (°C, onset)", "Tg (℃; 10 K/min)", "Tg【℃】", "Tg_degrees_C", "Tg_°C", "Td5%_℃"),
    ],
)
def test_degrees_in_every_spelling_of_a_heading(heading):
    found = values(column(heading, [-30, 100]), Property("tg", "K", column=heading))
    assert found == pytest.approx({"m0": 243.15, "m1": 373.15})


@pytest.mark.parametrize(
    ("heading", "wanted", "unit"),
    [
        ("CTE (10^-6/K)", "1/K", "10^-6/K"),
        ("density_g_cm3", "g/cm3", "g/cm3"),
        ("density_kgm-3", "g/cm3", "kgm-3"),
        ("Density/kg m-3", "g/cm3", "kg m-3"),
        ("kappa_W_mK", "W/(m K)", "W/mK"),
        ("k (W/(m K))", "W/(m K)", "W/(m K)"),
        ("cp_J_molK", "J/(mol K)", "J/molK"),
        ("expt_gap_eV_median", "eV", None),
        ("gap_at_300_K", "eV", None),
        ("n_589_nm", "", None),
        ("density_min", "g/cm3", None),
        ("c/a", "", None),
        ("molar_mass", "g/mol", None),
        ("density (g/mL, 25 °C)", "g/cm3", "g/mL"),
        ("density (g/cm3 at 25 °C)", "g/cm3", "g/cm3"),
        ("density（kg/m3）", "g/cm3", "kg/m3"),
        ("density ㎏/㎥", "g/cm3", "kg/m3"),
        ("density_g_cm3 (exp)", "g/cm3", "g/cm3"),
        ("density (Kg/m3)", "g/cm3", "Kg/m3"),
        ("kappa (W / m K)", "W/(m K)", "W / m K"),
        ("TmC", "eV", None),
    ],
)
def test_the_unit_of_a_heading(heading, wanted, unit):
    found = read_heading(heading, wanted)
    assert (found.unit, found.unclear) == (unit, None)


@pytest.mark.parametrize(
    ("heading", "unclear"),
    [
        ("density (old)", "old"),
        ("density [298 K]", "298 K"),
        ("density, old", "old"),
        ("density (ton/m3)", "ton"),
        ("density (g/cm3,%)", "%"),
        ("density (gram per ccm)", "gram per ccm"),
        ("density_eV", "eV"),
    ],
)
def test_what_is_no_unit_is_refused_unless_the_unit_is_said(heading, unclear):
    frame = column(heading, [0.95])
    with pytest.raises(ValueError, match=rf"mine\.csv.*{unclear}.*`file_unit`.*g/cm"):
        values(frame, Property("density", "g/cm3", column=heading))
    assert values(frame, Property("density", "g/cm3", column=heading, file_unit="g/cm3")) == {"m0": 0.95}


@pytest.mark.parametrize("heading", ["Tm in degrees", "melting_point_cels", "Tm, deg", "Tm ° 5"])
def test_degrees_that_are_not_understood_are_refused(heading):
    with pytest.raises(ValueError, match=r"mine\.csv.*\bK\b.*\bdegC\b"):
        values(column(heading, [200]), Property("melting_point", "K", column=heading))


@pytest.mark.parametrize(
    ("heading", "sign"),
    [
        *(("Δdensity (g/cm3)", "δ"), ("σ density", "σ"), ("delta_density", "delta"), ("density ± (g/cm3)", "±")),
        *(("log10 density [g/cm3]", "log10"), ("ln(density) (g/cm3)", "ln"), ("density_log", "log"), ("√density", "√")),
        *(("logdensity", "log"), ("log(density/g cm-3)", "log"), ("density error (g/cm3)", "error")),
        *(
            ("1/density", "1/"),
            ("density (g/cm3)^-1", "^"),
            ("density (g/cm3)2", "2"),
            ("1000 density (g/cm3)", "1000"),
        ),
        *(("density x 1000 (g/cm3)", "x 10"), ("density x10", "x10"), ("density_x10", "x10"), ("density*1000", "*10")),
        *(("density (g/cm3) e-3", "e-3"), ("density (g/cm3)/10", "/10"), ("density ×10³ (g/cm3)", "×10")),
        *(("10**3*density (g/cm3)", "10*"), ("density x10^3 (kg/m3)", "x10"), ("density (g/cm3, log)", "log")),
    ],
)
def test_what_is_not_the_value_itself_is_refused_unless_the_unit_is_said(heading, sign):
    frame = column(heading, [0.95])
    with pytest.raises(ValueError, match=rf"mine\.csv.*'.*{re.escape(sign)}.*`file_unit`"):
        values(frame, Property("density", "g/cm3", column=heading))
    unit = "kg/m3" if "kg/m3" in heading else "g/cm3"
    told = Property("density", "g/cm3", column=heading, file_unit=unit, lower=0, upper=9)
    assert values(frame, told) == pytest.approx({"m0": 0.95 if unit == "g/cm3" else 0.95e-3})


@pytest.mark.parametrize(
    "heading",
    [
        *(
            "ΔTg (K)",
            "σ Tg (K)",
            "δT_g",
            "∂Tg",
            "sigma Tg",
            "delta_Tg (K)",
            "lnTg",
            "log10 Tg",
            "-Tg (K)",
            "−Tg",
            "~Tg",
        ),
        *("|Tg| (K)", "Tg^2", "Tg² (K)", "Tg⁻¹", "Tg (K)^2", "Tg squared", "Tg_norm", "Tg z-score", "relative Tg"),
        *("Tg difference", "Tg shift (K)", "Tg-C", "Tg.C"),
    ],
)
def test_a_short_name_with_something_about_it_is_not_the_value(heading):
    """`glass_transition` is also called Tg; what is said of either is read."""
    frame = column(heading, [206.0])
    with pytest.raises(ValueError, match=r"mine\.csv"):
        values(frame, Property("glass_transition", "K", column=heading))
    with pytest.raises(ValueError, match=r"mine\.csv"):
        values(frame, in_table(Property("glass_transition", "K"), ["m", heading], "mine.csv"))
    assert values(frame, Property("glass_transition", "K", column=heading, file_unit="K")) == {"m0": 206.0}


@pytest.mark.parametrize(
    ("name", "unit", "heading"),
    [
        *(("critical_temperature", "K", "T-c"), ("critical_temperature", "K", "T.c"), ("tg", "K", "Tg*")),
        *(("dielectric_constant", "", "relative permittivity"), ("chemical_shift", "ppm", "chemical shift")),
    ],
)
def test_names_that_hold_such_a_word_are_values(name, unit, heading):
    prop = Property(name, unit, column=heading, lower=0, upper=999)
    assert values(column(heading, [60.0]), prop) == {"m0": 60.0}


@pytest.mark.parametrize(
    ("name", "unit", "heading"),
    [
        *(("log_permeability", "", "log_permeability"), ("logP", "1", "log P"), ("x10", "eV", "x10")),
        *(("conductivity", "S/cm", "conductivity σ (S/cm)"), ("solubility_parameter", "MPa^0.5", "δ (MPa^0.5)")),
        *(
            ("thermal_expansion", "1/K", "CTE (×10^-6/K)"),
            ("logistic_gap", "eV", "logistic_gap"),
            ("e8", "eV", "frac_e8"),
        ),
    ],
)
def test_signs_that_belong_to_the_property_are_none(name, unit, heading):
    assert values(column(heading, [2.0]), Property(name, unit, column=heading, lower=-9, upper=99))


@pytest.mark.parametrize("first", ["degC", "°C", "[℃]", "K", "(K)"])
def test_units_in_a_second_line_of_headings_are_refused(first):
    with pytest.raises(ValueError, match=r"\bfirst row\b.*mine\.csv"):
        values(column("tg", [first, "300", "310"]), Property("tg", "K"))
    assert values(column("tg", ["na", "300", "310"]), Property("tg", "K")) == {"m1": 300, "m2": 310}


@pytest.mark.parametrize("heading", ["glass_transition_K", "Glass Transition Temperature (K)", "T_g (K)", "tg (exp)"])
def test_a_property_is_found_by_its_other_spellings(heading):
    prop = in_table(Property("Tg", "K"), ["m", heading, "Tm"], "mine.csv")
    assert prop.column == heading
    assert in_table(Property("Tg", "K"), ["m", heading, "Tg_K"], "mine.csv").column == "Tg_K"


@pytest.mark.parametrize("heading", ["density_exp", "density (exp)", "density, measured"])
def test_a_word_behind_the_name_is_said(heading, caplog):
    with caplog.at_level(logging.WARNING):
        values(column(heading, [0.95]), Property("density", "g/cm3", column=heading))
    assert f"{heading!r}" in caplog.text
    assert "g/cm3" in caplog.text


def test_a_column_of_units_beside_the_values_is_used():
    frame = column("density", [0.95, 1120, 1.2, 1.1], unit=["g/cm3", "kg/m3", "eV", None])
    assert values(frame, Property("density", "g/cm3")) == pytest.approx({"m0": 0.95, "m1": 1.12})
    for heading in ("tg_unit", "tg_uom", "Einheit", "UoM", "unit_of_measure", "Units"):
        frame = column("tg", [-30, 300], **{heading: ["C", "K"]})
        assert values(frame, Property("tg", "K")) == pytest.approx({"m0": 243.15, "m1": 300})
    frame = column("tg", [-30, 300], tg_unit=["C", "K"], unit=["x", "y"])
    assert values(frame, Property("tg", "K")) == pytest.approx({"m0": 243.15, "m1": 300})


@pytest.mark.parametrize("heading", ["scale", "Tg_scale", "Temperature scale", "temp scale"])
def test_a_column_of_temperature_scales_is_one_of_units(heading):
    frame = column("Tg", [20.0, 300.0, 68.0], **{heading: ["C", "K", "°F"]})
    assert values(frame, Property("Tg", "K")) == pytest.approx({"m0": 293.15, "m1": 300, "m2": 293.15})


def test_a_scale_of_something_else_says_nothing_of_a_density():
    frame = column("density", [1.0, 1.1], scale=["pilot", "bench"])
    assert values(frame, Property("density", "g/cm3")) == {"m0": 1.0, "m1": 1.1}


@pytest.mark.parametrize(
    ("cells", "is_said"), [(["kg/m3", "g/cm3"], True), (["g/cm3", "g/cm3"], False), (["a", "kg/m3"], False)]
)
def test_units_under_another_heading_are_said(cells, is_said, caplog):
    values(column("density", [1.0, 1.1], how=cells), Property("density", "g/cm3"))
    assert bool(re.search(r"'how'.*mine\.csv", caplog.text)) == is_said


@pytest.mark.parametrize(
    "heading",
    [
        *(r"density (\si{\kilo\gram\per\cubic\metre})", r"density \si{\kilogram\per\metre\cubed}"),
        *(r"density / \unit{kg.m^{-3}}", r"density [$\si{kg/m^3}$]"),
    ],
)
def test_a_heading_set_by_siunitx(heading):
    assert values(column(heading, [900.0]), in_table(Property("density", "g/cm3"), ["m", heading], "mine.csv")) == {
        "m0": pytest.approx(0.9)
    }


def test_a_column_of_units_that_contradicts_or_is_not_understood_is_refused():
    frame = column("density [kg/m3]", [950, 1120], unit=["g/cm3", "g/cm3"])
    with pytest.raises(ValueError, match=r"'unit'.*mine\.csv.*g/cm3.*kg/m3.*`unit_column: unit`"):
        values(frame, Property("density", "g/cm3", column="density [kg/m3]"))
    frame = column("density", [0.95, 1.12], units=["gramm", "gramm"])
    with pytest.raises(ValueError, match=r"'units'.*mine\.csv.*'gramm'.*`file_unit`"):
        values(frame, Property("density", "g/cm3"))
    assert values(frame, Property("density", "g/cm3", file_unit="kg/L")) == pytest.approx({"m0": 0.95, "m1": 1.12})
    for names in ("*CC*", "012"):  # of repeat units
        named = column("density", [0.95], unit=[names])
        assert values(named, Property("density", "g/cm3")) == {"m0": 0.95}


@pytest.mark.parametrize(
    ("name", "unit", "numbers", "guess"),
    [
        ("density", "g/cm3", [950, 1030, 1100], "kg/m^3"),
        ("tg", "K", [-30, -10, 100, -65], "degC"),
        ("tg", "K", [60, 100, 140, 90], "degC"),
        ("thermal_expansion", "1/K", [70, 110, 200], "ppm/K"),
        ("surface_tension", "N/m", [31, 40, 20], "mN/m"),
        ("youngs_modulus", "GPa", [3e3, 2.1e3, 4e3], "MPa"),
        ("crystallinity", "", [45, 60, 20], "percent"),
        ("ionic_conductivity", "S/cm", [-4.1, -3.2], "logarithms"),
    ],
)
def test_values_that_cannot_be_stop_the_table_with_the_likely_cause(name, unit, numbers, guess):
    with pytest.raises(ValueError, match=rf'"{name}".*mine\.csv.*{re.escape(guess)}'):
        values(column(name, numbers), Property(name, unit))


def test_single_values_that_cannot_be_are_refused_rows():
    frame = column("density", [0.95, 1030, *[1.0] * 30])
    table = clean_table(
        frame, material_column="m", properties=[Property("density", "g/cm3")], identity=str, source="mine.csv"
    )
    ((row, reason),) = zip(table.quarantine["row"], table.quarantine["reason"], strict=True)
    assert row == 3
    assert reason.startswith("outside the plausible 0.05 to 25 g/cm3: 1030 (is this kg/m^3?)")
    cold = values(column("tg", [-5, *[300] * 30]), Property("tg", "K", file_unit="K"))
    assert "m0" not in cold
    assert len(cold) == 30


def test_own_bounds_stand_in_for_the_usual_ones():
    foam = Property("density", "g/cm3", lower=0, upper=2000)
    assert values(column("density", [0.01, 1030]), foam) == {"m0": 0.01, "m1": 1030}
    np.testing.assert_allclose(
        list(values(column("tg", [60, 100]), Property("tg", "K", file_unit="K")).values()), [60, 100]
    )
