"""Wide statistics of the elements of a composition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.featurize.composition import describe_formulas
from gnn_sim2real.featurize.composition_statistics import (
    PROPERTIES,
    STATISTICS,
    composition_statistics,
    property_table,
)
from gnn_sim2real.graph import NUM_ELEMENTS

NUM_PROPERTIES = len(PROPERTIES)


def of(formula):
    """Statistics of one formula by name, and what is said of its shares."""
    (row,) = describe_formulas([formula], composition_statistics)
    table, rest = row[: len(STATISTICS) * NUM_PROPERTIES].reshape(len(STATISTICS), -1), row[-(NUM_ELEMENTS + 3) :]
    return {
        name: dict(zip(PROPERTIES, values, strict=True)) for name, values in zip(STATISTICS, table, strict=True)
    }, rest


def test_every_element_has_every_property():
    table = property_table()
    assert table.shape == (NUM_ELEMENTS, NUM_PROPERTIES)
    assert np.isfinite(table).all()
    column = dict(zip(PROPERTIES, table.T, strict=True))
    assert column["X"][9] == pytest.approx(3.98)  # fluorine by Pauling
    assert column["second_ionization_energy"][3] == pytest.approx(75.64, abs=0.01)  # lithium [eV]
    assert column["bulk_modulus"][74] == pytest.approx(310, abs=5)  # tungsten [GPa]
    assert [column[f"{shell} holes"][26] for shell in "spdf"] == [0, 0, 4, 0]  # iron: 3d6 4s2
    assert [column[name][[26, 14, 8]].tolist() for name in ("is_metal", "is_transition_metal", "is_metalloid")] == [
        [1, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
    ]


def test_statistics_by_hand():
    found, rest = of("Al2O3")
    aluminum, oxygen = 26.9815, 15.9994
    mean = 0.4 * aluminum + 0.6 * oxygen
    deviation = 0.4 * (aluminum - mean) + 0.6 * (mean - oxygen)
    wanted = [mean, deviation, oxygen, aluminum, aluminum - oxygen, oxygen]
    assert [found[name]["atomic_mass"] for name in STATISTICS] == pytest.approx(wanted, abs=2e-3)
    assert rest[0] == 2
    assert rest[1] == pytest.approx(-0.4 * np.log(0.4) - 0.6 * np.log(0.6))
    assert rest[2:4] == pytest.approx([(0.16 + 0.36) ** 0.5, (0.064 + 0.216) ** (1 / 3)])
    shares = rest[4:]
    assert np.flatnonzero(shares).tolist() == [7, 12]  # by atomic number from 1
    assert shares[[7, 12]] == pytest.approx([0.6, 0.4])


def test_the_most_frequent_elements_share():
    found, _ = of("NaCl")
    assert found["most frequent element"]["Z"] == 14.0
    found, _ = of("Na3Cl")
    assert found["most frequent element"]["Z"] == 11.0


def test_an_element_has_no_spread():
    found, rest = of("Fe")
    assert not any(found["mean deviation"].values())
    assert not any(found["range"].values())
    assert rest[:4] == pytest.approx([1, 0, 1, 1])


@given(factor=st.sampled_from([0.25, 2.0, 64.0]), seed=st.integers(0, 999))
def test_statistics_know_shares_only(factor, seed):
    random = np.random.default_rng(seed)
    amounts = random.random((5, NUM_ELEMENTS)) * (random.random((5, NUM_ELEMENTS)) < 0.05)
    amounts[:, 0], amounts[:, 8] = 0, amounts[:, 8] + 0.1
    found = composition_statistics(amounts)
    np.testing.assert_allclose(composition_statistics(factor * amounts), found, rtol=1e-9, atol=1e-9)
    one_by_one = np.concatenate([composition_statistics(row[None]) for row in amounts])
    np.testing.assert_allclose(one_by_one, found, rtol=1e-9, atol=1e-9)


def test_what_cannot_be_described():
    with pytest.raises(ValueError, match="formulas"):
        describe_formulas([], composition_statistics)
    with pytest.raises(ValueError, match="Xx"):
        describe_formulas(["SiO2", "Xx"], composition_statistics)
