"""Measured properties of organic molecules."""

import pandas as pd
import pytest

from datamodules import MeasuredMolecules


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "measured.csv"
    rows = {"smiles": ["CCO", "CCCl", "CC(F)(F)F", "c1ccsc1", "C"], "hf_gas_kJ_mol": [-235, -112, None, 115, -74.5]}
    pd.DataFrame(rows | {"dipole_D": 1.0, "hvap298_kJ_mol": 30.0}).to_csv(path, index=False)
    return str(path)


def test_molecules_that_have_the_property(table):
    read = MeasuredMolecules("gas_formation_enthalpy", path=table).table
    assert dict(zip(read.materials, read.values[:, 0], strict=True)) == {
        "CCO": -235,
        "CCCl": -112,
        "c1ccsc1": 115,
        "C": -74.5,
    }


def test_other_elements_are_excluded_with_the_reason(table):
    read = MeasuredMolecules("gas_formation_enthalpy", ["H", "C", "N", "O", "F"], table).table
    assert sorted(read.materials) == ["C", "CCO"]
    reasons = dict(zip(read.quarantine["row"], read.quarantine["reason"], strict=True))
    excluded = {row: reason for row, reason in reasons.items() if "elements" in reason}
    assert excluded.keys() == {3, 5}  # the heading is row 1
    assert "Cl" in excluded[3]
    assert "S" in excluded[5]


def test_an_element_that_does_not_exist(table):
    with pytest.raises(ValueError, match="'cl'"):
        _ = MeasuredMolecules("gas_formation_enthalpy", ["C", "cl"], table).table
