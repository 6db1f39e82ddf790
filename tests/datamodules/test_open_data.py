"""The tables of the package: as they are described, read without a network, equal to what they come from."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from open_data import NOTICE, PAGE, format_notice, format_page, make_table

from datamodules import CosmoChi, Matbench, MaterialsProjectFormulas, MeasuredChi, PolymerTable, RadonPy
from datamodules.open_data import OPEN_TABLES
from gnn_sim2real.units import convert

MAX_BYTES = 6e6
"""What all of them may add to the wheel."""


@pytest.mark.parametrize("table", OPEN_TABLES.values(), ids=lambda table: table.name)
def test_a_table_is_as_described(table):
    frame = pd.read_parquet(table.file)
    assert len(frame) == table.num_rows
    assert list(frame) == list(table.columns)
    for name, unit in table.columns.items():
        assert pd.api.types.is_numeric_dtype(frame[name]) == (unit is not None)
        if unit:
            convert(np.ones(1), unit, unit)  # it is known
    assert hashlib.sha256(table.file.read_bytes()).hexdigest() == table.sha256
    assert all([table.license, table.holder, table.citation, table.origin, table.description])


def test_they_are_small_and_none_lies_there_undescribed():
    folder = next(iter(OPEN_TABLES.values())).file.parent
    files = set(folder.glob("*.parquet"))
    assert files == {table.file for table in OPEN_TABLES.values()}
    assert sum(file.stat().st_size for file in files) < MAX_BYTES


def test_notice_and_page_show_what_is_there():
    assert NOTICE.read_text(encoding="utf-8") == format_notice(), "run python docs/open_data.py --page"
    assert PAGE.read_text(encoding="utf-8") == format_page(), "run python docs/open_data.py --page"
    for table in OPEN_TABLES.values():
        assert f"## {table.name}" in NOTICE.read_text(encoding="utf-8")


@pytest.fixture
def nowhere(monkeypatch):
    """No data folder, and no network to ask."""
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)

    def refuse(*_args, **_kwargs):
        raise AssertionError("asked the network")

    monkeypatch.setattr("pooch.retrieve", refuse)


@pytest.mark.parametrize(
    ("read", "count", "name", "median"),
    [
        (lambda: RadonPy(properties=["density", "Cp"]), 1067, "density", 1.127921),
        (lambda: PolymerTable("density", "density_g_cm3", "kg/m3", name="simpoly"), 130, "density", 1087.5),
        (lambda: PolymerTable("tg", "tg_K", "K", name="simpoly"), 86, "tg", 305),
        (
            lambda: PolymerTable("refractive_index", "refractive_index", "", name="refractive_index_open"),
            *(35, "refractive_index", 1.61),
        ),
        (lambda: PolymerTable("tg", "tg_md_K", "K", name="homopolymer_md_tg"), 279, "tg", 393.2121),
        (CosmoChi, 1206, "chi", 0.373296),
        (MeasuredChi, 1190, "chi", 0.483),
    ],
    ids=["radonpy", "density", "tg", "refractive_index", "md_tg", "cosmo", "chi"],
)
def test_they_are_read_offline(nowhere, read, count, name, median):
    table = read().table
    assert len(table.identities) == count
    assert table.properties[0].name == name
    assert np.nanmedian(table.values[:, 0]) == pytest.approx(median, rel=1e-5)


def test_measured_gaps_have_the_simulated_one_beside_them(nowhere):
    table = Matbench(simulated_column="mp_gap_eV", simulated_unit="eV").table
    assert table.simulated is not None
    known = np.isfinite(table.simulated[:, 0])
    assert known.sum() == 3599
    error = np.abs(table.simulated[known, 0] - table.values[known, 0]).mean()
    assert error == pytest.approx(0.347, abs=1e-3)  # the PBE gap itself, in eV


@pytest.mark.slow
def test_formulas_of_the_materials_project(nowhere):
    table = MaterialsProjectFormulas(properties=["band_gap", "formation_energy"]).table
    assert np.isfinite(table.values).sum(axis=0).tolist() == [85309, 85348]


@pytest.mark.realdata
@pytest.mark.parametrize("table", OPEN_TABLES.values(), ids=lambda table: table.name)
def test_a_table_equals_what_it_is_made_of(table, real_data, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(real_data))
    pd.testing.assert_frame_equal(pd.read_parquet(table.file), make_table(table), check_dtype=False)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("read", [lambda: RadonPy(properties=["density", "Cp"]), CosmoChi, MeasuredChi])
def test_records_have_one_key_whichever_file_is_read(read, real_data, monkeypatch):
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    shipped = read().data_set.fingerprint
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(real_data))
    assert read().data_set.fingerprint == shipped
