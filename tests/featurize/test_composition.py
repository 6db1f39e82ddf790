"""Formulas, their graphs and the statistics of their elements."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from gnn_sim2real.featurize.composition import (
    ELEMENT_PROPERTIES,
    composition_graph,
    describe_formulas,
    element_statistics,
    element_table,
    formula_of_amounts,
    formula_of_counts,
    read_formula,
    reduced_formula,
)

FORMULAS = ["Al2O3", "Ca(OH)2", "NaN", "Ag0.5Ba1Si1.5", "C1", "H2", "LiFePO4", "Ag(AuS)2", "Og", "HeNe"]


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("NaN", {7: 1, 11: 1}),
        ("Ca(OH)2", {1: 2, 8: 2, 20: 1}),
        ("Ag0.5Ba1Si1.5", {14: 1.5, 47: 0.5, 56: 1}),
        ("D2O", {1: 2, 8: 1}),
    ],
)
def test_formulas(formula, wanted):
    assert read_formula(formula) == wanted
    assert list(read_formula(formula)) == sorted(wanted)


@pytest.mark.parametrize("formula", ["", "  ", "Xx", "SiO2 quartz", "2H2O", "Fe3+", "Al-1O2", "*CC*", "H0", "NaCl@C"])
def test_what_is_not_a_formula(formula):
    for read in (
        read_formula,
        reduced_formula,
        composition_graph,
        lambda each: describe_formulas(["SiO2", each], element_statistics),
    ):
        with pytest.raises(ValueError, match=re.escape(repr(formula))):
            read(formula)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [("O4Si2", "SiO2"), ("Ag11Hg9", "Ag11Hg9"), ("Ag0.55Hg0.45", "Hg9Ag11"), ("C1", "C"), ("C60", "C")],
)
def test_reduced_formulas(formula, wanted):
    assert read_formula(reduced_formula(formula)) == read_formula(wanted)
    assert reduced_formula(reduced_formula(formula)) == reduced_formula(formula)


@pytest.mark.parametrize("formula", ["SiO2", "NaN", "Li2O2", "O2", "Ag(AuS)2", "Ca(HO)2"])
def test_reduced_formulas_are_spelled_as_by_pymatgen(formula):
    amounts = {number: 4 * int(amount) for number, amount in read_formula(formula).items()}
    assert formula_of_counts(amounts) == Composition(formula).reduced_formula == formula


def test_a_graph_of_elements():
    graph = composition_graph("Al2O3")
    assert graph.atomic_number.tolist() == [8, 13]
    np.testing.assert_allclose(graph.node_weight, [0.6, 0.4], rtol=1e-6)
    assert graph.edge_index.shape == (2, 0)
    assert graph.edge_vector is graph.atom_codes is None
    for same in ("O3Al2", "Al4O6", "Al0.4O0.6", "(Al2O3)7"):
        other = composition_graph(same)
        assert other.atomic_number.tolist() == [8, 13]
        np.testing.assert_allclose(other.node_weight, graph.node_weight, rtol=1e-6)


def test_all_elements_have_all_properties():
    table = element_table()
    assert table.shape == (119, len(ELEMENT_PROPERTIES) + 4)
    assert np.isfinite(table).all()
    column = dict(zip(ELEMENT_PROPERTIES, table.T[: len(ELEMENT_PROPERTIES)], strict=True))
    assert column["X"][9] == pytest.approx(3.98)  # fluorine by Pauling
    assert column["atomic_mass"][92] == pytest.approx(238.03, abs=0.01)
    assert column["melting_point"][74] == pytest.approx(3695, abs=30)  # tungsten
    assert table[[6, 29, 57, 92], -4:].tolist() == [[2, 2, 0, 0], [1, 0, 10, 0], [2, 0, 1, 0], [2, 0, 1, 3]]


def test_statistics_by_hand():
    mass = ELEMENT_PROPERTIES.index("atomic_mass")
    (row,) = describe_formulas(["Al2O3"], element_statistics)
    mean, spread, least, greatest, extent = row[:-2].reshape(5, -1)[:, mass]
    aluminum, oxygen = 26.9815, 15.9994
    assert mean == pytest.approx(0.4 * aluminum + 0.6 * oxygen, abs=1e-3)
    assert spread == pytest.approx((0.24**0.5) * (aluminum - oxygen), abs=1e-3)
    assert (least, greatest, extent) == pytest.approx((oxygen, aluminum, aluminum - oxygen), abs=1e-3)
    assert row[-2:] == pytest.approx([2, (0.4**2 + 0.6**2) ** 0.5])


def test_no_gaps_in_the_descriptors():
    assert np.isfinite(describe_formulas(FORMULAS, element_statistics)).all()
    (row,) = describe_formulas(["Fe"], element_statistics)
    assert not row[:-2].reshape(5, -1)[[1, 4]].any()  # an element has no spread
    with pytest.raises(ValueError, match="formulas"):
        describe_formulas([], element_statistics)


@given(factor=st.floats(0.01, 100), seed=st.integers(0, 999))
def test_statistics_know_shares_only(factor, seed):
    amounts = np.random.default_rng(seed).random((5, 119)) * (np.random.default_rng(seed + 1).random((5, 119)) < 0.05)
    amounts[:, 8] += 0.1
    np.testing.assert_allclose(element_statistics(factor * amounts), element_statistics(amounts), rtol=1e-9, atol=1e-9)


@pytest.mark.realdata
def test_formulas_of_the_materials_project(real_data):
    import pandas as pd

    path = real_data / "crystal/mp_structures/mp_structures.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    for formula in pd.read_parquet(path, columns=["reduced_formula"])["reduced_formula"].unique()[::50]:
        assert reduced_formula(formula) == formula


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        ("CuSO4.5H2O", "CuSO4(H2O)5"),
        ("CuSO4\u00b75H2O", "CuSO4(H2O)5"),
        ("CuSO4*5H2O", "CuSO4(H2O)5"),
        ("CuSO4 . 5 H2O", "CuSO4(H2O)5"),
        ("Na2CO3.10H2O", "Na2CO3(H2O)10"),
        ("CaSO4.0.5H2O", "(CaSO4)2H2O"),
        ("2CaSO4.H2O", "(CaSO4)2H2O"),
        ("Na0.35CoO2.1.3H2O", "Na0.35CoO2(H2O)1.3"),
        ("NiCl2.6NH3", "NiCl2(NH3)6"),
        ("CaCl2.2H2O.3NH3", "CaCl2(H2O)2(NH3)3"),
        ("3CaO.Al2O3", "Ca3Al2O6"),
    ],
)
def test_parts_of_a_formula_after_a_dot(formula, same):
    assert reduced_formula(formula) == reduced_formula(same)
    assert composition_graph(formula).node_weight.tolist() == pytest.approx(
        composition_graph(same).node_weight.tolist()
    )


@pytest.mark.parametrize(
    "formula", ["Al2O3.2SiO2", "Al2O3.2SiO2.2H2O", "Ca0.5H2O", "CuSO4.xH2O", "C\u043e2", "SiO\u0662"]
)
def test_a_dot_that_can_mean_two_things_is_refused(formula):
    with pytest.raises(ValueError, match="formula"):
        reduced_formula(formula)


@pytest.mark.parametrize("formula", ["Ag0.5Ba1Si1.5", "La0.7Sr0.3MnO3", "Bi1.2S1.2Ti2S4", "YBa2Cu3O6.9"])
def test_decimal_points_stay(formula):
    amounts = read_formula(formula)
    assert any(amount % 1 for amount in amounts.values())


@pytest.mark.parametrize("formula", ["0.5NaCl-0.5KCl", "0.7BiFeO3-0.3BaTiO3", "Al2O3-SiO2", "NaCl-1", "NaCl-0"])
def test_a_minus_is_never_dropped(formula):
    with pytest.raises(ValueError, match="brackets"):
        read_formula(formula)


def test_a_trace_is_in_a_formula_from_a_thousandth_on():
    assert "Na" in formula_of_amounts({3: 1.0, 11: 0.0015})
    assert formula_of_amounts({3: 1.0, 11: 0.0004}) == "Li"
    assert formula_of_amounts({3: 0.999, 11: 2.001}) == "Na2Li" == formula_of_amounts({3: 1, 11: 2})
