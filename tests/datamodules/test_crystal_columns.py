"""Tables with a crystal in each row, and what `data check` and predictions say of folders."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from crystals import CESIUM_CHLORIDE, ROCK_SALT, SILICON, crystal
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from datamodules import Table
from datamodules.files.crystal_folder import CrystalFolder
from datamodules.files.table import MaterialTable
from gnn_sim2real.shotgun.table_argument import read_table_argument
from gnn_sim2real.tables.crystal_columns import holds_crystals, read_crystals_of
from gnn_sim2real.tables.preview import describe_columns

MADE = {"a": ROCK_SALT, "b": SILICON, "c": CESIUM_CHLORIDE}
EMPTY_SPACE = crystal(np.eye(3), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 4000)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))


def structure(made):
    return Structure(made.lattice, made.atomic_number.tolist(), made.fractional)


def frame(column, spell):
    rows = [
        {"material_id": name, "formula": "x", "gap": number + 0.5, column: spell(structure(made))}
        for number, (name, made) in enumerate(MADE.items())
    ]
    return pd.DataFrame(rows)


def as_cif(made):
    return str(CifWriter(made))


def as_json(made):
    return json.dumps(made.as_dict())


def plain(made):
    return made.as_dict()


def write(path, table):
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in table.to_dict("records")))
    elif path.suffix == ".json":
        table.to_json(path, orient="split")
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("name", "column", "spell"),
    [
        ("t.csv", "cif", as_cif),
        ("t.csv.gz", "cif", as_cif),
        ("t.csv", "structure", as_json),
        ("t.csv", "structure", lambda made: str(made.as_dict())),  # as pandas writes a dictionary
        ("t.jsonl", "structure", plain),
        ("t.json", "structure", plain),
        ("t.parquet", "cif", as_cif),
    ],
)
def test_a_table_with_a_crystal_in_each_row(tmp_path, name, column, spell):
    path = write(tmp_path / name, frame(column, spell))
    data = Table(str(path), "band_gap", "eV", "gap", validation_fraction=0)
    assert isinstance(data, CrystalFolder)
    assert data.table.identities == ["a", "b", "c"]
    assert data.table.groups == ["NaCl", "Si", "CsCl"]
    assert data.table.values[:, 0].tolist() == [0.5, 1.5, 2.5]
    assert [entry.name.rpartition("#")[2] for entry in read_crystals_of(path)] == ["a", "b", "c"]
    if name != "t.parquet":
        assert re.search(rf"\b{name}\b.*\b3 crystals\b.*\b0\b", describe_columns(str(path))[0])


def test_a_bad_crystal_of_a_table_is_one_refused_row(tmp_path):
    """Also one that would take more memory than there is."""
    table = frame("cif", as_cif)
    table.loc[1, "cif"] = "data_x"
    table.loc[2, "cif"] = as_cif(structure(EMPTY_SPACE))
    table.loc[3] = ["d", "x", 3.5, None]
    data = Table(str(write(tmp_path / "t.csv", table)), "band_gap", "eV", "gap", validation_fraction=0)
    assert data.table.identities == ["a"]
    refused = data.table.quarantine.set_index("row")["reason"].to_dict()
    assert {row: reason.partition(": ")[0] for row, reason in refused.items()} == dict.fromkeys(
        [3, 4, 5], "unreadable crystal"
    )
    for row, value in {3: "_atom_site_fract_x", 4: "4000 x 4000 x 4000", 5: "no crystal"}.items():
        assert value in refused[row]


def test_names_that_repeat_give_way_to_the_numbers_of_the_rows(tmp_path):
    table = frame("cif", as_cif).assign(material_id="same")
    assert [entry.name for entry in read_crystals_of(write(tmp_path / "t.csv", table))] == ["2", "3", "4"]


def test_tables_without_crystals_stay_tables(tmp_path):
    names = pd.DataFrame({"cif": ["a.cif", "b.cif"], "smiles": ["*CC*", "*CO*"], "gap": [1.0, 2.0]})
    path = write(tmp_path / "t.csv", names)
    assert not holds_crystals(path)
    assert isinstance(Table(str(path), "band_gap", "eV", "gap"), MaterialTable)
    (tmp_path / "polymers.json").write_text(json.dumps([{"smiles": "*CC*", "band_gap": 8.0}]))
    assert not holds_crystals(tmp_path / "polymers.json")
    crystals = write(tmp_path / "u.csv", frame("cif", as_cif))
    assert isinstance(Table(str(crystals), "band_gap", "eV", "gap", material="composition"), MaterialTable)


def test_a_table_with_paths_of_files(tmp_path):
    """Relative to the table; what is not there, or holds several crystals, is one refused row."""
    (tmp_path / "cifs").mkdir()
    for name, made in (("a", ROCK_SALT), ("b", SILICON)):
        (tmp_path / f"cifs/{name}.cif").write_text(as_cif(structure(made)))
    (tmp_path / "cifs/two.cif").write_text("".join(as_cif(structure(made)) for made in (ROCK_SALT, SILICON)))
    files = ["cifs/a.cif", "cifs/b.cif", "cifs/lost.cif", "cifs/two.cif"]
    rows = pd.DataFrame({"file": files, "band gap [eV]": [8.0, 1.0, 2.0, 3.0], "who": ["x", "y", "z", "x"]})
    path = write(tmp_path / "t.csv", rows)
    assert holds_crystals(path)
    data = Table(str(path), "band_gap", "eV", validation_fraction=0)
    assert data.table.identities == files[:2]
    refused = data.table.quarantine.set_index("row")["reason"].to_dict()
    assert "no file cifs/lost.cif" in refused[4]
    assert "2 crystals" in refused[5]
    understood = read_table_argument([str(path)])
    assert (understood.settings["property"], understood.settings["unit"]) == ("band_gap", "eV")
    assert "'file'" in understood.text
    assert not holds_crystals(write(tmp_path / "cifs/t.csv", rows))  # where the paths lead nowhere


def test_disordered_crystals_of_files_are_refused_or_read_as_asked(tmp_path):
    half = structure(ROCK_SALT)
    half.replace(0, {"Na": 0.5})
    (tmp_path / "half.cif").write_text(as_cif(half))
    path = write(tmp_path / "t.csv", pd.DataFrame({"file": ["half.cif"], "band gap [eV]": [8.0]}))
    (refused,), (read,) = read_crystals_of(path), read_crystals_of(path, disordered=True)
    assert refused.crystal is None
    assert not read.crystal.is_ordered
    first, disordered, *_ = describe_columns(str(path))
    assert re.search(r"\b1 crystals\b.*\b0\b", first)
    assert re.search(r"\b1 \(.*half.cif\).*average.*order", disordered)
    understood = read_table_argument([str(path), "--disorder", "average", "--censored=tobit", "--minutes", "2"])
    assert (understood.settings["disorder"], understood.settings["censored"]) == ("average", "tobit")
    assert understood.others == ["--minutes", "2"]


def test_a_folder_says_what_of_it_is_not_read(tmp_path, caplog):
    folder = tmp_path / "cifs"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.cif").write_text(as_cif(structure(ROCK_SALT)))
    (folder / "a.res").write_text("TITL")
    (folder / "id_prop.csv").write_text("a,5.0\n")
    (folder / "atom_init.json").write_text("{}")
    assert re.search(r"\bcifs\b.*\b1 crystals\b.*\b0\b", describe_columns(str(folder))[0])
    assert "2 files" in caplog.text
    assert "a.res, deeper/" in caplog.text
    data = Table(str(folder), "band_gap", "eV", validation_fraction=0)
    assert data.table.values[:, 0].tolist() == [5.0]
