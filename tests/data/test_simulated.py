"""Simulated values that are looked up in another data set: by identity, formula, structure and conditions."""

import logging
import re

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.io import write

from datamodules import BlendTable, CrystalFolder, MaterialsProjectTables, RadonPy, Table
from gnn_sim2real.tables.report import compare_simulated

SALT, DENSE_SALT = bulk("NaCl", "rocksalt", a=5.64), bulk("NaCl", "cesiumchloride", a=3.4)
OXIDE, FLUORIDE = bulk("MgO", "rocksalt", a=4.21), bulk("LiF", "rocksalt", a=4.03)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))


def polymers(name, rows, unit="g/cm3", **settings):
    pd.DataFrame(rows, columns=["smiles", f"density [{unit}]"]).to_csv(name, index=False)
    return Table(name, "density", "g/cm3", **settings)


def crystals(name, rows, columns, **settings):
    """Crystals with values in an extxyz file."""
    frames = []
    for crystal, *values in rows:
        frames.append(crystal.copy())
        frames[-1].info |= {column: float(value) for column, value in zip(columns, values, strict=True)}
    write(name, frames)
    return CrystalFolder(name, "band_gap", "gap", "eV", **settings)


def simulated_of(data):
    return dict(zip(data.data_set.spellings, data.table.simulated[:, 0].tolist(), strict=True))


def test_by_identity_in_the_unit_of_the_target(caplog):
    caplog.set_level(logging.INFO)
    source = polymers("md.csv", [("*COC*", 1100), ("*CCC(*)C", 800), ("*CC(F)(F)*", 1700)], "kg/m3")
    data = polymers("mine.csv", [("*CCO*", 1.12), ("*CC*", 0.95), ("*C(F)(F)C*", 1.78)], simulated_from=source)
    assert simulated_of(data) == pytest.approx({"*CCO*": 1.1, "*CC*": np.nan, "*C(F)(F)C*": 1.7}, nan_ok=True)
    assert re.search(r"\bmine\.csv\b.*\b2\b.*\b3 materials\b.*\bdensity\b.*\bmd\.csv\b.*\bidentity", caplog.text)


def test_all_rows_are_read_also_those_that_a_training_may_not_use():
    rows = [(f"*{'C' * number}O*", 1.0 + number / 10) for number in range(1, 7)]
    target = polymers(
        "mine.csv", [(text, value + 0.1) for text, value in rows], test_fraction=0.5, validation_fraction=0
    )
    source = polymers("md.csv", rows, exclude=target, validation_fraction=0)
    assert len(source.parts.train) < len(rows)
    found = target.variant(simulated_from=source)
    assert np.isfinite(found.part("test").present_simulated.numpy()).all()
    assert found.parts.test.tolist() == target.parts.test.tolist()


def test_formulas_take_the_polymorph_of_lowest_energy():
    pd.DataFrame({"formula": ["ClNa", "MgO", "KCl"], "gap": [8.5, 7.8, 8.4]}).to_csv("gaps.csv", index=False)

    def looked_up(rows, columns):
        source = crystals("dft.extxyz", rows, columns, representation="composition")
        data = Table("gaps.csv", "band_gap", "eV", column="gap", simulated_from=source)
        return simulated_of(data), data.table.simulated_origin

    rows = [(DENSE_SALT, 3.0, 0.2), (SALT, 5.0, 0.0), (OXIDE, 4.5, 0.0)]
    found, origin = looked_up(rows, ["gap", "energy_above_hull"])
    assert found == pytest.approx({"ClNa": 5.0, "MgO": 4.5, "KCl": np.nan}, nan_ok=True)
    assert re.search(r"\bdft\.extxyz\b.*\bformula\b.*\blowest polymorph", origin)
    found, origin = looked_up([row[:2] for row in rows], ["gap"])
    assert found == pytest.approx({"ClNa": np.nan, "MgO": 4.5, "KCl": np.nan}, nan_ok=True)
    assert re.search(r"\bdft\.extxyz\b.*\bformula\b.*\bonly polymorph", origin)


def test_crystals_are_found_by_their_structure():
    source = crystals("dft.extxyz", [(DENSE_SALT, 3.0), (SALT, 5.0), (OXIDE, 4.5)], ["gap"])
    stretched = SALT.copy()
    stretched.set_cell(1.01 * SALT.cell, scale_atoms=True)
    rows = [(stretched.repeat((2, 1, 1)), 8.5), (DENSE_SALT, 6.0), (FLUORIDE, 12.0)]
    data = crystals("mine.extxyz", rows, ["gap"], simulated_from=source)
    by_gap = dict(zip(data.table.values[:, 0].tolist(), data.table.simulated[:, 0].tolist(), strict=True))
    assert by_gap == pytest.approx({8.5: 5.0, 6.0: 3.0, 12.0: np.nan}, nan_ok=True)
    assert re.search(r"\bdft\.extxyz\b.*\bstructure", data.table.simulated_origin)


def test_mixtures_are_found_at_the_same_conditions():
    columns = ["a", "b", "share_a", "share_b", "T (K)", "density"]
    settings = {"weights": ["share_a", "share_b"], "temperature": "T (K)"}

    def blends(name, rows, **more):
        pd.DataFrame(rows, columns=columns).to_csv(name, index=False)
        return BlendTable(name, ["a", "b"], "density", "density", "g/cm3", **settings, **more)

    source = blends("md.csv", [("*CC*", "*CCO*", 1, 3, 300, 1.0), ("*CC*", "*CCO*", 1, 3, 400, 0.9)])
    rows = [("*COC*", "*CC*", 0.75, 0.25, 400, 0.95), ("*CC*", "*CCO*", 1, 1, 300, 1.05)]
    data = blends("mine.csv", rows, simulated_from=source)
    by_value = dict(zip(data.table.values[:, 0].tolist(), data.table.simulated[:, 0].tolist(), strict=True))
    assert by_value == pytest.approx({0.95: 0.9, 1.05: np.nan}, nan_ok=True)


def test_what_is_no_simulation_of_the_target_is_refused():
    measured = [("*CCO*", 1.12), ("*CC*", 0.95), ("*C(F)(F)C*", 1.78)]
    other = polymers("other.csv", [("*CN*", 1.2)])
    with pytest.raises(ValueError, match=r"\b3 materials\b.*mine\.csv.*other\.csv.*identity"):
        _ = polymers("mine.csv", measured, simulated_from=other).table
    with pytest.raises(ValueError, match=r"\b3 simulated values\b.*copy\.csv.*identity.*\bmeasured"):
        _ = polymers("mine.csv", measured, simulated_from=polymers("copy.csv", measured)).table
    pd.DataFrame({"smiles": ["*CC*"], "tg": [300.0]}).to_csv("tg.csv", index=False)
    with pytest.raises(ValueError, match=r"tg\.csv.*'density'.*glass_transition"):
        _ = polymers("mine.csv", measured, simulated_from=Table("tg.csv", "tg", "K")).table
    with pytest.raises(ValueError, match=r"`simulated_column`.*`simulated_from`"):
        polymers("mine.csv", measured, simulated_from=other, simulated_column="md")
    with pytest.raises(ValueError, match="`simulated_unit`"):
        polymers("mine.csv", measured, simulated_unit="kg/m3")


@pytest.mark.parametrize("given", ["column", "data set"])
def test_asked_materials_bring_their_own(given):
    """In the order of those that can be read."""
    pd.DataFrame({"smiles": ["*CCO*", "*C(", "*CCC*", "*CC*"], "md [kg/m3]": [1100, 900, None, 950]}).to_csv(
        "asked.csv", index=False
    )
    pd.DataFrame({"smiles": ["*CN*", "*CCN*"], "density": [1.2, 1.1], "md [kg/m3]": [1150, 1050]}).to_csv(
        "mine.csv", index=False
    )
    source = polymers("md.csv", [("*COC*", 1.1), ("*CC*", 0.95), ("*CN*", 1.15)])
    settings = {"simulated_column": "md [kg/m3]"} if given == "column" else {"simulated_from": source}
    predictor = Table("mine.csv", "density", "g/cm3", predict_path="asked.csv", **settings).predictor
    # *CCC* and *CC* are one polymer.
    wanted = [1.1, np.nan, 0.95] if given == "column" else [1.1, 0.95, 0.95]
    np.testing.assert_allclose(predictor.simulated, wanted)
    assert predictor.without_simulated.tolist() == np.isnan(wanted).tolist()
    assert Table("mine.csv", "density", "g/cm3", predict_path="asked.csv").predictor.simulated is None


def test_an_asked_table_without_the_column_has_none():
    pd.DataFrame({"smiles": ["*CN*"], "density": [1.2], "md": [1.15]}).to_csv("mine.csv", index=False)
    pd.DataFrame({"smiles": ["*CCO*"]}).to_csv("asked.csv", index=False)
    data = Table("mine.csv", "density", "g/cm3", simulated_column="md", predict_path="asked.csv")
    assert data.predictor.simulated is None


@pytest.mark.slow
@pytest.mark.realdata
def test_counts_and_agreement_of_real_tables(real_data, monkeypatch):
    """77 of 130 open polymer densities were simulated by RadonPy, and 79 % of Matbench's formulas by PBE."""
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(real_data))
    files = [real_data / "polymer/simpoly_measured/simpoly_measured.csv"]
    files.append(real_data / "crystal/matbench_expt_gap/expt_gap.csv")
    if not all(each.exists() for each in files):
        pytest.skip(f"{real_data} does not have these tables")
    source = RadonPy(["density"])
    found = compare_simulated(
        Table(str(files[0]), "density", "g/cm3", column="density_g_cm3", simulated_from=source).table
    )
    assert (found.count, found.num_materials) == (77, 130)
    assert (found.correlation, found.bias) == (pytest.approx(0.981, abs=5e-4), pytest.approx(-0.0562, abs=5e-5))
    source = MaterialsProjectTables(["band_gap"], representation="composition")
    found = compare_simulated(Table(str(files[1]), "band_gap", "eV", column="gap_eV", simulated_from=source).table)
    assert (found.count, found.num_materials) == (3623, 4601)
    assert found.mae == pytest.approx(0.350, abs=5e-4)
