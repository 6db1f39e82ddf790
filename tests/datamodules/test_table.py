"""A user's own table, in every form in which people keep one."""

import json
import re

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write
from crystals import CESIUM_CHLORIDE, COPPER, ROCK_SALT, SILICON, cell_row
from pyarrow import parquet
from pymatgen.core.structure import Structure

from datamodules import CrystalFolder, PoLyInfo, PolymerTable, Table
from datamodules.files.table import MaterialTable
from gnn_sim2real.config.lightning_cli import Sim2RealCLI
from gnn_sim2real.tables.preview import describe_columns

ROWS = [
    {"PSMILES": "*CC(*)c1ccccc1", "Density [kg/m3]": 1050.0},
    {"PSMILES": "*CCO*", "Density [kg/m3]": 1120.0},
    {"PSMILES": "*COC*", "Density [kg/m3]": 1140.0},
    {"PSMILES": "*CC*", "Density [kg/m3]": 950.0},
    {"PSMILES": "nonsense", "Density [kg/m3]": 1.0},
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))


def save(path, rows=ROWS):
    frame = pd.DataFrame(rows)
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        case ".parquet":
            frame.to_parquet(path)
    return str(path)


def values_of(data):
    return dict(zip(data.table.materials, data.table.values[:, 0].tolist(), strict=True))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"])
def test_polymers_in_every_kind_of_table(tmp_path, suffix):
    data = Table(save(tmp_path / f"mine{suffix}"), "density", "g/cm3")
    assert isinstance(data, MaterialTable)
    assert data.kind == "repeat_unit"
    assert values_of(data) == pytest.approx({"*CC(*)c1ccccc1": 1.05, "*CCO*": 1.13, "*CC*": 0.95})
    row = data.table.materials.index("*CCO*")
    assert (data.table.num_merged[row], data.table.spread[row, 0]) == (2, pytest.approx(0.01))
    (refused,) = data.table.quarantine.itertuples()
    assert refused.row == (5 if suffix in (".jsonl", ".parquet") else 6)
    assert refused.reason.startswith("unreadable material")


def test_semicolons_of_spreadsheets(tmp_path):
    (tmp_path / "mine.csv").write_text("smiles;density\n*CC*;0.95\n*CCO*;1.12\n*CS*;1,2\n")
    table = Table(str(tmp_path / "mine.csv"), "density", "g/cm3").table
    assert table.values[:, 0].tolist() == pytest.approx([0.95, 1.12, 1.2])
    assert table.quarantine.empty


def test_polymers_in_json(tmp_path):
    rows = [{"smiles": "*CC*", "Density (kgm-3)": 950}, {"smiles": "*CC(*)C", "Density (kgm-3)": 900}]
    (tmp_path / "mine.json").write_text(json.dumps(rows))
    data = Table(str(tmp_path / "mine.json"), "density", "g/cm3")
    assert isinstance(data, MaterialTable)
    assert data.title == "mine.json"
    assert values_of(data) == pytest.approx({"*CC*": 0.95, "*CC(*)C": 0.9})
    assert re.search(r"\bmine\.json\b.*\b2 rows\b.*\b2 columns", describe_columns(str(tmp_path / "mine.json"))[0])


@pytest.mark.parametrize("file_unit", ["C", "oC", "Celsius", "degree C"])
def test_an_option_that_is_a_unit_in_another_spelling(tmp_path, file_unit):
    save(tmp_path / "mine.csv", [{"smiles": "*CC*", "tg": -60}])
    data = Table(str(tmp_path / "mine.csv"), "tg", "K", file_unit=file_unit)
    assert values_of(data) == pytest.approx({"*CC*": 213.15})


def test_molecules_and_formulas_are_told_by_column_and_spelling(tmp_path):
    save(tmp_path / "m.csv", [{"smiles": "CCO", "boiling_point": 351.0}, {"smiles": "OCC", "boiling_point": 352.0}])
    molecules = Table(str(tmp_path / "m.csv"), "boiling_point", "K")
    assert (molecules.kind, values_of(molecules)) == ("molecule", {"CCO": 351.5})
    save(
        tmp_path / "f.csv",
        [{"formula": "Al2O3", "gap": 8.8}, {"formula": "Al4O6", "gap": 8.6}, {"formula": "Xx", "gap": 1}],
    )
    formulas = Table(str(tmp_path / "f.csv"), "band_gap", "eV", column="gap")
    assert formulas.kind == "composition"
    assert values_of(formulas) == pytest.approx({"Al2O3": 8.7})
    assert len(formulas.store) == 1


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"unit": "eV"}, '"density".*"eV".* g/cm'),
        ({"unit": "gcc"}, '"gcc"'),
        ({"property": "band_gap", "unit": "eV/atom"}, '"band_gap".*"eV/atom"'),
        (
            {"property": "formation_energy", "unit": "eV"},
            '"formation_energy".*"eV".*energy per atom.*amount of substance',
        ),
        ({"property": "bulk_modulus", "unit": "g/cm3"}, '"bulk_modulus".*"g/cm3".*pressure'),
    ],
)
def test_a_unit_that_a_known_property_cannot_have(tmp_path, settings, values):
    with pytest.raises(ValueError, match=values):
        Table(**{"path": save(tmp_path / "mine.csv"), "property": "density", "unit": "g/cm3"} | settings)


def test_headings_that_contradict(tmp_path):
    path = save(tmp_path / "mine.csv")
    with pytest.raises(ValueError, match=r"kg/m3.*`file_unit`.*g/cm3"):
        _ = Table(path, "density", "g/cm3", file_unit="g/cm3").table
    save(tmp_path / "eV.csv", [{"smiles": "*CC*", "density (eV)": 1.0}])
    with pytest.raises(ValueError, match=r"'density .eV.'.*eV\.csv.*\"eV\""):
        _ = Table(str(tmp_path / "eV.csv"), "density", "g/cm3").table
    with pytest.raises(ValueError, match=r"'tg'.*`column`.*PSMILES, Density"):
        _ = Table(path, "tg", "K").table
    save(tmp_path / "two.csv", [{"smiles": "*CC*", "density [g/cm3]": 1.0, "density (kg/m3)": 1000}])
    with pytest.raises(ValueError, match=r"'density'.*`column`"):
        _ = Table(str(tmp_path / "two.csv"), "density", "g/cm3").table
    save(tmp_path / "none.csv", [{"polymer": "*CC*", "density [g/cm3]": 1.0}])
    with pytest.raises(ValueError, match=r"`material_column`.*polymer, density"):
        _ = Table(str(tmp_path / "none.csv"), "density", "g/cm3").table


def test_each_row_has_a_unit_of_its_own(tmp_path):
    rows = [
        ("*CC*", 0.95, "g/cm3"),
        ("*CCO*", 1120, "kg/m^3"),
        ("*CS*", 1.2, "eV"),
        ("*CN*", 1.1, ""),
        ("*CCS*", 1, "x"),
    ]
    save(tmp_path / "mine.csv", [dict(zip(("smiles", "density", "unit"), row, strict=True)) for row in rows])
    table = Table(str(tmp_path / "mine.csv"), "density", "g/cm3", unit_column="unit").table
    assert table.values[:, 0].tolist() == pytest.approx([0.95, 1.12])
    reasons = dict(zip(table.quarantine["material"], table.quarantine["reason"], strict=True))
    assert reasons["*CS*"].startswith('unusable unit: "eV" does not convert to "g/cm3"')
    assert re.search(r"\bunit\b.* g/cm3", reasons["*CN*"])
    assert reasons["*CCS*"].startswith('unusable unit: unit "x" is not known')


CRYSTALS = {"NaCl": (ROCK_SALT, 8.5), "CsCl": (CESIUM_CHLORIDE, 8.3), "Si": (SILICON, 1.1), "Cu": (COPPER, 0.0)}


def atoms_of(made):
    return Atoms(numbers=made.atomic_number, cell=made.lattice, scaled_positions=made.fractional, pbc=True)


def structure_of(made):
    return Structure(made.lattice, made.atomic_number.tolist(), made.fractional)


def crystal_values(data):
    assert isinstance(data, CrystalFolder)
    groups = data.table.groups
    return dict(zip(groups, data.table.values[:, 0].tolist(), strict=True))


WANTED = {name: gap for name, (_, gap) in CRYSTALS.items()}


def test_extxyz_with_values_inside(tmp_path):
    frames = []
    for made, gap in CRYSTALS.values():
        atoms = atoms_of(made)
        atoms.info["band_gap"] = gap
        atoms.calc = SinglePointCalculator(atoms, energy=-gap)
        frames.append(atoms)
    slab = atoms_of(COPPER)
    slab.pbc, slab.info["band_gap"] = (True, True, False), 1.0
    write(tmp_path / "all.extxyz", [*frames, slab])
    data = Table(str(tmp_path / "all.extxyz"), "band_gap", "eV", validation_fraction=0)
    assert crystal_values(data) == WANTED
    (refused,) = data.table.quarantine.itertuples()
    assert (refused.row, "periodic" in refused.reason) == (5, True)
    energies = Table(str(tmp_path / "all.extxyz"), "energy", "eV")
    assert crystal_values(energies) == {name: -gap for name, gap in WANTED.items()}
    assert len(data.store) == 4


def test_ase_database_with_values_inside(tmp_path):
    with connect(tmp_path / "all.db") as database:
        for made, gap in CRYSTALS.values():
            database.write(atoms_of(made), band_gap=gap, data={"gap_meV": 1000 * gap})
    assert crystal_values(Table(str(tmp_path / "all.db"), "band_gap", "eV")) == WANTED
    data = Table(str(tmp_path / "all.db"), "band_gap", "eV", column="gap_meV", file_unit="meV")
    assert crystal_values(data) == pytest.approx(WANTED)


def test_json_and_parquet_with_values_inside(tmp_path):
    records = [
        {"material_id": name, "structure": structure_of(made).as_dict(), "band_gap": gap}
        for name, (made, gap) in CRYSTALS.items()
    ]
    (tmp_path / "all.json").write_text(json.dumps(records))
    assert crystal_values(Table(str(tmp_path / "all.json"), "band_gap", "eV")) == WANTED
    rows = [cell_row(made, name) | {"band_gap": gap} for name, (made, gap) in CRYSTALS.items()]
    pd.DataFrame(rows).to_parquet(tmp_path / "all.parquet")
    assert crystal_values(Table(str(tmp_path / "all.parquet"), "band_gap", "eV")) == WANTED


@pytest.mark.parametrize("table", ["id_prop.csv", "gaps.xlsx", "gaps.csv"])
def test_a_folder_of_cifs_with_a_table(tmp_path, table):
    for name, (made, _) in CRYSTALS.items():
        structure_of(made).to(str(tmp_path / f"{name}.cif"))
    (tmp_path / "broken.cif").write_text("data_broken\n")
    rows = [*WANTED.items(), ("broken", 1.0), ("absent", 2.0)]
    if table == "id_prop.csv":
        (tmp_path / table).write_text("".join(f"{name},{gap}\n" for name, gap in rows))
    else:
        save(tmp_path / table, [{"file": f"{name}.cif", "Band gap (eV)": gap} for name, gap in rows])
    data = Table(str(tmp_path), "band_gap", "eV", max_sites=10)
    assert crystal_values(data) == WANTED
    reasons = {row.material.split(".")[0]: row.reason for row in data.table.quarantine.itertuples()}
    assert reasons["broken"].startswith("unreadable crystal: ")
    assert reasons["absent"] == "no structure"


@pytest.mark.parametrize("rows", ["001,5.0\n002,1.1\n", "001;5,0\n002;1,1\n"])
def test_names_with_leading_zeros_in_a_folder_without_headings(tmp_path, rows):
    """As CGCNN has them; 001 is not 1."""
    for name, made in (("001", ROCK_SALT), ("002", SILICON)):
        structure_of(made).to(str(tmp_path / f"{name}.cif"))
    (tmp_path / "id_prop.csv").write_text(rows)
    assert Table(str(tmp_path), "band_gap", "eV").table.values[:, 0].tolist() == [5.0, 1.1]
    assert not [line for line in describe_columns(str(tmp_path)) if "without" in line]


def test_crystals_without_values(tmp_path):
    structure_of(SILICON).to(str(tmp_path / "Si.cif"))
    with pytest.raises(ValueError, match=r"`data\.init_args\.table`"):
        _ = Table(str(tmp_path), "band_gap", "eV").table


@pytest.mark.parametrize("crystals", [False, True])
def test_the_command_line_takes_settings_of_both(tmp_path, crystals):
    path = save(tmp_path / "mine.csv")
    if crystals:
        write(tmp_path / "one.extxyz", atoms_of(SILICON))
        path = str(tmp_path / "one.extxyz")
    own = ["--data.cutoff", "5"] if crystals else ["--data.material", "repeat_unit"]
    words = ["--data", "datamodules.Table", "--data.path", path, "--data.property", "density", "--data.unit", "g/cm3"]
    encoder = ["--model", "gnn_sim2real.tasks.SourcePretraining", "--model.encoder", "gnn_sim2real.nn.GINE"]
    cli = Sim2RealCLI([*words, *own, *encoder], run=False)
    made = cli.parser.instantiate(cli.config).data
    assert isinstance(made, CrystalFolder if crystals else MaterialTable)


LONG = [
    ("P010", "*CC*", "Density", "0.95", "g/cm3"),
    ("P010", "*C*", "Density", "920", "kg/m3"),
    ("P010", "*CCCC*", "Density", "0.93", "g/cm3"),
    ("P010", "*CC*", "Glass transition temp.", "-110", "°C"),
    ("P020", "*CC(*)c1ccccc1", "Density", "1.05", "g/cm3"),
    ("P020", "*CC(*)c1ccccc1", "Glass transition temp.", "373", "K"),
    ("P020", "*CC(*)c1ccccc1", "Density", "1.05-1.07", "g/cm3"),
    ("P030", "*CC(*)C", "Density", "0.9", "S/cm"),
]


def test_polyinfo_one_row_a_measurement(tmp_path):
    names = ("PID", "SMILES", "Property", "Value", "Unit")
    path = save(tmp_path / "export.csv", [dict(zip(names, row, strict=True)) for row in LONG])
    table = PoLyInfo(path, "density", "g/cm3").table
    values = dict(zip(table.materials, table.values[:, 0], strict=True))
    assert values == pytest.approx({"*CC*": 0.93, "*CC(*)c1ccccc1": 1.05})
    row = table.materials.index("*CC*")
    assert (table.num_merged[row], table.spread[row, 0]) == (3, pytest.approx(0.015))
    reasons = {row.row: row.reason for row in table.quarantine.itertuples()}
    assert reasons[8] == "not a finite number: '1.05-1.07'"
    assert reasons[9].startswith('unusable unit: "S/cm" does not convert')
    assert table.num_rows_read == 6
    tg = PoLyInfo(path, "tg", "K").table
    assert dict(zip(tg.materials, tg.values[:, 0], strict=True)) == pytest.approx(
        {"*CC*": 163.15, "*CC(*)c1ccccc1": 373}
    )
    far = PoLyInfo(path, "density", "g/cm3", max_spread=0.01).table
    assert far.materials == ["*CC(*)c1ccccc1"]
    with pytest.raises(ValueError, match=r"viscosity.*'Property'.*Density, Glass transition"):
        _ = PoLyInfo(path, "viscosity", "Pa s").table


def test_polyinfo_one_column_a_property(tmp_path):
    rows = [{"SMILES": "*CC*", "Glass transition temp. (°C)": -110, "Density": 0.95}]
    path = save(tmp_path / "export.csv", rows)
    assert PoLyInfo(path, "tg", "K").table.values[0, 0] == pytest.approx(163.15)
    with pytest.raises(ValueError, match=r"'Density'.*`file_unit`.*`unit_column`"):
        _ = PoLyInfo(path, "density", "g/cm3").table
    assert PoLyInfo(path, "density", "g/cm3", file_unit="g/cm3").table.values[0, 0] == 0.95


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_polyinfo_as_table_and_as_polymer_table(real_data, tmp_path, monkeypatch, every):
    given = real_data / "polymer/measured/density.csv"
    if not given.exists():
        pytest.skip(f"{given} is not there")
    file = tmp_path / "polymer/measured/density.csv"
    file.parent.mkdir(parents=True)
    heading, *rows = given.read_text().splitlines(keepends=True)
    file.write_text("".join([heading, *rows[::every]]))
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    given = PolymerTable("density", "density_g_cm3", "g/cm3", name="measured_density").table
    found = Table(str(file), "density", "g/cm3", column="density_g_cm3").table
    export = PoLyInfo(str(file), "density", "g/cm3", value="density_g_cm3", file_unit="g/cm3").table
    assert given.fingerprint() == found.fingerprint() == export.fingerprint()
    assert np.isfinite(given.values).all()


def with_types(frame, unit):
    """A parquet table whose field of the density has a unit, as pyarrow and xarray write it."""
    whole = pa.Table.from_pandas(frame, preserve_index=False)
    field = whole.schema.field("density")
    return whole.cast(whole.schema.set(whole.schema.get_field_index("density"), field.with_metadata({"unit": unit})))


@pytest.mark.parametrize("kind", ["parquet", "pandas", "json"])
def test_the_unit_that_the_types_of_a_file_say_is_read(tmp_path, kind):
    frame = pd.DataFrame({"smiles": ["*CC*", "*CCO*", "*CC(*)C"], "density": [60.0, 70.0, 65.0]})

    def write(unit):
        if kind == "parquet":
            parquet.write_table(with_types(frame, unit), tmp_path / "mine.parquet")
        elif kind == "pandas":
            frame.attrs = {"units": {"density": unit}}
            frame.to_parquet(tmp_path / "mine.parquet")
        else:
            content = json.loads(frame.to_json(orient="table", index=False))
            content["schema"]["fields"][1]["unit"] = unit
            (tmp_path / "mine.json").write_text(json.dumps(content))
        return str(tmp_path / ("mine.json" if kind == "json" else "mine.parquet"))

    found = values_of(Table(write("lb/ft^3"), "density", "g/cm3"))
    assert found == pytest.approx({"*CC*": 0.96111, "*CCO*": 1.12129, "*CC(*)C": 1.0412}, abs=1e-4)
    with pytest.raises(ValueError, match="eV"):
        Table(write("eV"), "density", "g/cm3").table  # noqa: B018
    with pytest.raises(ValueError, match="kg/m3"):
        Table(write("kg/m3"), "density", "g/cm3", file_unit="lb/ft^3").table  # noqa: B018


def test_what_the_cells_of_a_sheet_show_beside_their_numbers(tmp_path, caplog):
    book = openpyxl.Workbook()
    for row in [["smiles", "density"], ["*CCO*", 1.13], ["*CC*", 0.92], ["*CC(*)C", True], ["*CCS*", 0.9]]:
        book.active.append(row)
    book.active["B2"].number_format = '0.00 "lb/ft3"'
    book.active["B3"].number_format = "0.00\\ [Red]"
    book.save(tmp_path / "mine.xlsx")
    data = Table(str(tmp_path / "mine.xlsx"), "density", "g/cm3")
    assert values_of(data) == pytest.approx({"*CCO*": 1.13, "*CC*": 0.92, "*CCS*": 0.9})
    assert "'lb/ft3' (1 cells)" in caplog.text
    assert [each.row for each in data.table.quarantine.itertuples()] == [4]


def test_a_compression_that_is_not_read_is_refused(tmp_path):
    (tmp_path / "mine.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(ValueError, match=r"\.zst"):
        Table(str(tmp_path / "mine.csv.zst"), "density", "g/cm3").table  # noqa: B018


def test_what_cannot_be_right_is_told_before_a_property_is_chosen(tmp_path):
    (tmp_path / "t.csv").write_text(
        "smiles,debye temperature [K],tg [K],note [K]\nC,300,400,1\nCC,310,-20,-1\nCCC,3,450,2\n"
    )
    lines = describe_columns(str(tmp_path / "t.csv"))
    doubted = [lines[place - 1].split(":")[0].strip() for place, line in enumerate(lines) if line.startswith("    ")]
    assert doubted == ["tg [K]", "note [K]"]
