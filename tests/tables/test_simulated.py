"""Simulated values beside the measured ones: their unit, refused cells, several rows of one material."""

import re

import numpy as np
import pandas as pd
import pytest

from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.report import compare_simulated
from gnn_sim2real.tables.simulated import keep_simulated, read_simulated_column
from gnn_sim2real.tables.table import Property

DENSITY = Property("density", "g/cm3", column="density")
MATERIALS = ["a", "b", "b", "c", "d"]
MEASURED = [1.0, 1.2, 1.4, 0.9, 1.1]


def table_of(simulated, prop=DENSITY, **more):
    frame = pd.DataFrame({"m": MATERIALS, prop.column: MEASURED} | simulated | more)
    return clean_table(frame, material_column="m", properties=[prop], identity=str, source="mine.csv")


@pytest.mark.parametrize(
    ("heading", "unit", "factor"),
    [("md [kg/m3]", None, 1000), ("md", "kg/m3", 1000), ("md", None, 1), ("md [g/cm3]", None, 1)],
)
def test_the_unit_is_that_of_the_heading_or_the_option(heading, unit, factor):
    table = table_of(
        {heading: [factor * each for each in (1.1, 1.3, 1.7, 0.8, "")]}
        if factor == 1
        else {heading: [1100, 1300, 1700, 800, None]}
    )
    found = read_simulated_column(table, heading, unit)
    np.testing.assert_allclose(found.simulated[:, 0], [1.1, 1.5, 0.8, np.nan])
    assert found.simulated_origin == f"the column {heading!r}"
    assert found.quarantine.empty


def test_a_column_of_its_own_units_is_read_and_that_of_the_measured_values_is_not():
    values = {"md": [1100, 1.3, 1.7, 800, 1.0], "md_unit": ["kg/m3", "g/cm3", "g/cm3", "kg/m3", "g/cm3"]}
    table = table_of(values, unit="g/cm3")
    np.testing.assert_allclose(read_simulated_column(table, "md", None).simulated[:, 0], [1.1, 1.5, 0.8, 1.0])


@pytest.mark.parametrize(
    ("prop", "more"),
    [
        (Property("density", "kg/m3", column="density [g/cm3]"), {}),
        (Property("density", "kg/m3", column="density", file_unit="g/cm3"), {}),
        (Property("density", "kg/m3", column="density", unit_column="unit"), {"unit": "g/cm3"}),
    ],
)
def test_without_a_unit_beside_measured_values_in_another_one_it_is_refused(prop, more):
    table = table_of({"md": [1.1, 1.3, 1.7, 0.8, 1.0]}, prop, **more)
    with pytest.raises(ValueError, match=r"'md'.*mine\.csv.*`simulated_unit`.*'md \[kg/m3\]'"):
        read_simulated_column(table, "md", None)
    assert read_simulated_column(table, "md", "g/cm3").simulated[0, 0] == pytest.approx(1100)


def test_refused_cells_leave_the_measured_value():
    found = read_simulated_column(table_of({"md": [1.1, "high", 1.7, 900.0, 1.0]}), "md", None)
    np.testing.assert_allclose(found.simulated[:, 0], [1.1, 1.7, np.nan, 1.0])
    np.testing.assert_allclose(found.values[:, 0], [1.0, 1.3, 0.9, 1.1])
    lines = [(row.row, row.material, row.property) for row in found.quarantine.itertuples()]
    assert lines == [(3, "b", "simulated density"), (5, "c", "simulated density")]
    assert "'high'" in found.quarantine["reason"].iloc[0]
    assert re.search(r"\b0\.05 to 25 g/cm3\b.* 900\b", found.quarantine["reason"].iloc[1])


def test_bounds_of_the_measured_values_are_not_those_of_the_simulated_ones():
    table = table_of({"md": [0.9, 1.3, 1.7, 0.7, 1.0]}, Property("density", "g/cm3", column="density", lower=0.8))
    assert np.isfinite(read_simulated_column(table, "md", None).simulated).all()


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("md", {}, r"'md'.*\bdensity"),
        ("density", {}, r"'density'.*mine\.csv.*\bmeasured"),
        ("md", {"md": ["", "", "", "", ""]}, r"\bmaterial\b.*'md'"),
        ("md", {"md": MEASURED}, r"\b4 simulated values.*'md'.*\bmeasured"),
        ("md", {"md": [1100, 1300, 1700, 800, 1000]}, r"`simulated_unit: kg/m\^3`"),
        ("md [eV]", {"md [eV]": [1, 2, 3, 4, 5]}, r"eV.*g/cm3"),
    ],
)
def test_what_cannot_be_simulated_values_is_refused(column, values, said):
    with pytest.raises(ValueError, match=said):
        read_simulated_column(table_of(values), column, None)


def test_materials_without_one_can_be_excluded():
    table = read_simulated_column(table_of({"md": [1.1, "", "", 0.8, ""]}), "md", None)
    kept = keep_simulated(table)
    assert kept.identities == kept.materials == ["a", "c"]
    assert kept.texts["density"] == ["1.0", "0.9"]
    assert kept.simulated[:, 0].tolist() == [1.1, 0.8]
    assert [(row.row, row.material) for row in kept.quarantine.itertuples()] == [(3, "b"), (4, "b"), (6, "d")]
    with pytest.raises(ValueError, match=r"`require_simulated`.*`simulated_column`"):
        keep_simulated(table_of({}))


def test_compared_with_the_measured_values():
    table = read_simulated_column(table_of({"md": [1.1, 1.5, 1.5, 0.8, ""]}), "md", None)
    found = compare_simulated(table)
    assert (found.count, found.num_materials) == (3, 4)
    assert found.bias == pytest.approx((0.1 + 0.2 - 0.1) / 3)
    assert found.mae == pytest.approx((0.1 + 0.2 + 0.1) / 3)
    assert found.correlation == pytest.approx(np.corrcoef([1.0, 1.3, 0.9], [1.1, 1.5, 0.8])[0, 1])
    assert found.worst[0] == ("b", pytest.approx(1.3), pytest.approx(1.5))
    assert compare_simulated(table_of({})) is None
