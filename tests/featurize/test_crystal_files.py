"""Common formats become the crystal that they mean, or one sentence that tells why not."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.db import connect
from ase.io import write as write_ase
from crystals import PEROVSKITE, ROCK_SALT, SILICON, assert_same_surroundings, cell_row, random_crystal
from pymatgen.core.periodic_table import DummySpecies
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp.inputs import Poscar

from gnn_sim2real.featurize.crystal import crystal_graph
from gnn_sim2real.featurize.crystal_files import as_crystal, crystal_formula, is_crystal_path, read_cif, read_crystals
from gnn_sim2real.featurize.featurizer import get_featurizer, load_featurizer

CRYSTALS = [ROCK_SALT, SILICON, PEROVSKITE, random_crystal(0, 5)]


def structure(made):
    return Structure(made.lattice, made.atomic_number.tolist(), made.fractional)


def atoms(made):
    return Atoms(made.atomic_number, cell=made.lattice, scaled_positions=made.fractional, pbc=True)


def cif(made, **options):
    return str(CifWriter(structure(made), significant_figures=10, **options))


def assert_equivalent(found, made):
    assert sorted(found.atomic_number) == sorted(made.atomic_number)
    if (found.atomic_number == made.atomic_number).all():
        assert_same_surroundings(crystal_graph(made), crystal_graph(found), range(made.num_sites))
    assert found.volume == pytest.approx(made.volume, rel=1e-6)


@pytest.mark.parametrize("made", CRYSTALS)
def test_objects(made):
    given = [made, structure(made), structure(made).as_dict(), atoms(made), cif(made)]
    for each in given:
        assert_equivalent(as_crystal(each), made)
    assert {crystal_formula(each) for each in given} == {structure(made).composition.reduced_formula}


def test_oxidation_states_do_not_matter():
    charged = structure(ROCK_SALT).add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    for each in (charged, charged.as_dict(), str(CifWriter(charged))):
        assert sorted(as_crystal(each).atomic_number) == [11, 17]


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # of spglib, which writes the symmetry
@pytest.mark.parametrize("name", ["SiO2_quartz", "CaF2", "Fe2O3", "TiO2_rutile", "ZnS"])
def test_the_symmetry_of_a_cif_is_expanded(name):
    """Against pymatgen, from a handful of asymmetric units in different space groups."""
    space_group, parameters, species, coordinates = {
        "SiO2_quartz": (
            "P3_221",
            (4.913, 4.913, 5.405, 90, 90, 120),
            ["Si", "O"],
            [[0.47, 0, 2 / 3], [0.413, 0.267, 0.786]],
        ),
        "CaF2": ("Fm-3m", (5.463, 5.463, 5.463, 90, 90, 90), ["Ca", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
        "Fe2O3": ("R-3c", (5.035, 5.035, 13.747, 90, 90, 120), ["Fe", "O"], [[0, 0, 0.355], [0.306, 0, 0.25]]),
        "TiO2_rutile": ("P4_2/mnm", (4.594, 4.594, 2.959, 90, 90, 90), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),
        "ZnS": ("F-43m", (5.409, 5.409, 5.409, 90, 90, 90), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
    }[name]
    from pymatgen.core.lattice import Lattice

    whole = Structure.from_spacegroup(space_group, Lattice.from_parameters(*parameters), species, coordinates)
    found = as_crystal(str(CifWriter(whole, symprec=1e-3, significant_figures=8)))
    graph, wanted = crystal_graph(found), crystal_graph(as_crystal(whole))
    assert graph.num_nodes == wanted.num_nodes
    lengths = [np.sort(np.linalg.norm(each.edge_vector, axis=1)) for each in (graph, wanted)]
    np.testing.assert_allclose(*lengths, atol=1e-3)


def test_a_cif_that_names_its_space_group_only(tmp_path):
    lines = cif(ROCK_SALT).splitlines()
    cell = ["_cell_length_a 5.64", "_cell_length_b 5.64", "_cell_length_c 5.64"]
    cell += ["_cell_angle_alpha 90", "_cell_angle_beta 90", "_cell_angle_gamma 90"]
    sites = ["loop_", "_atom_site_label", "_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"]
    sites += ["Na1 0 0 0", "Cl1 0.5 0.5 0.5"]
    assert lines[0].startswith("#")
    for named in ("_symmetry_space_group_name_H-M 'F m -3 m'", "_symmetry_Int_Tables_number 225"):
        assert as_crystal("\n".join(["data_x", *cell, named, *sites])).num_sites == 8
    assert as_crystal("\n".join(["data_x", *cell, *sites])).num_sites == 2
    with pytest.raises(ValueError, match="'nonsense'"):
        as_crystal("\n".join(["data_x", *cell, "_symmetry_space_group_name_H-M nonsense", *sites]))
    with pytest.raises(ValueError, match="unit cell"):
        as_crystal("\n".join(["data_x", *sites]))


def write_all(folder):
    """Each kind of file, with rock salt first in all of them."""
    two = [structure(ROCK_SALT), structure(SILICON)]
    (folder / "a.cif").write_text(cif(ROCK_SALT))
    Poscar(two[0]).write_file(folder / "POSCAR")
    Poscar(two[0]).write_file(folder / "b.vasp")
    (folder / "one.json").write_text(json.dumps(two[0].as_dict()))
    (folder / "list.json").write_text(json.dumps([each.as_dict() for each in two]))
    (folder / "named.json").write_text(json.dumps({name: each.as_dict() for name, each in zip("xy", two, strict=True)}))
    rows = [
        {"material_id": "mp-1", "structure": two[0].as_dict()},
        {"material_id": "mp-2", "structure": two[1].as_dict()},
    ]
    (folder / "rows.json").write_text(json.dumps(rows))
    write_ase(folder / "two.extxyz", [atoms(ROCK_SALT), atoms(SILICON)], format="extxyz")
    with connect(folder / "two.db") as database:
        database.write(atoms(ROCK_SALT))
        database.write(atoms(SILICON))
    pd.DataFrame([cell_row(ROCK_SALT, "mp-1"), cell_row(SILICON, "mp-2")]).to_parquet(folder / "cells.parquet")


NAMES = {
    "POSCAR": ["POSCAR"],
    "a.cif": ["a.cif"],
    "b.vasp": ["b.vasp"],
    "cells.parquet": ["cells.parquet#mp-1", "cells.parquet#mp-2"],
    "list.json": ["list.json#1", "list.json#2"],
    "named.json": ["named.json#x", "named.json#y"],
    "one.json": ["one.json"],
    "rows.json": ["rows.json#mp-1", "rows.json#mp-2"],
    "two.db": ["two.db#1", "two.db#2"],
    "two.extxyz": ["two.extxyz#1", "two.extxyz#2"],
}


def test_every_kind_of_file_and_a_folder_of_them(tmp_path):
    write_all(tmp_path)
    (tmp_path / "notes.txt").write_text("no crystal")
    for name, wanted in NAMES.items():
        entries = read_crystals(tmp_path / name)
        assert [entry.name for entry in entries] == wanted
        assert_equivalent(entries[0].crystal, ROCK_SALT)
        assert entries[0].reason is None
        if len(entries) > 1:
            assert_equivalent(entries[1].crystal, SILICON)
    whole = read_crystals(tmp_path)
    assert [entry.name for entry in whole] == [each for name in sorted(NAMES) for each in NAMES[name]]


DISORDERED = cif(ROCK_SALT).replace("0.0000000000  1\n", "0.0000000000  0.5\n")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", "empty"),
        ("data_x\n", "_atom_site_fract_x"),
        ("what is this", "CIF"),
        (cif(ROCK_SALT)[:400], ""),
        (DISORDERED, r"disordered: .*\bNa0\b.* 0\.5\b"),
        (re.sub("(angle_beta +).*", r"\g<1>0", cif(ROCK_SALT)), r"unit cell .*\(Impossible"),
        (cif(ROCK_SALT).replace("Na", "Qq"), r"\bQq0\b.*\(Qq\)"),
        (cif(ROCK_SALT).replace("0.50000", "?", 1), ""),
    ],
)
def test_a_cif_that_cannot_be_used_tells_why(tmp_path, text, values):
    (tmp_path / "x.cif").write_text(text)
    (entry,) = read_crystals(tmp_path / "x.cif")
    assert entry.crystal is None
    assert re.match(rf"x\.cif: .*{values}", entry.reason)
    assert "\n" not in entry.reason


def test_several_blocks_in_one_cif(tmp_path):
    text = cif(ROCK_SALT) + "\ndata_bad\n" + DISORDERED.partition("\n")[2].partition("\n")[2] + "\ndata_empty\n_x 1\n"
    (tmp_path / "x.cif").write_text(text)
    first, second = read_crystals(tmp_path / "x.cif")
    assert (first.name, second.name) == ("x.cif#NaCl", "x.cif#bad")
    assert_equivalent(first.crystal, ROCK_SALT)
    assert re.match(r"x\.cif#bad: .*disordered", second.reason)
    with pytest.raises(ValueError, match=r"crystal.*\b2\b"):
        as_crystal(text)


def test_dummy_species_are_refused():
    dummy = Structure(np.eye(3) * 4, ["Na", DummySpecies("X")], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for each in (dummy, dummy.as_dict()):
        with pytest.raises(ValueError, match=r"symbol.*site 2 has 0\b"):
            as_crystal(each)


def test_disordered_and_unbounded_objects_are_refused():
    mixed = Structure(np.eye(3) * 4, [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for each in (mixed, mixed.as_dict()):
        with pytest.raises(ValueError, match=r"disordered: .*Na"):
            as_crystal(each)
    slab = atoms(ROCK_SALT)
    slab.pbc = [True, True, False]
    with pytest.raises(ValueError, match=r"\b2\b.*\b3\b"):
        as_crystal(slab)
    with pytest.raises(ValueError, match="unit cell"):
        as_crystal(Atoms("H", pbc=True))
    mixed = atoms(ROCK_SALT)
    mixed.info["occupancy"] = {"0": {"Na": 0.5, "K": 0.5}}
    with pytest.raises(ValueError, match=r"disordered: .*`occupancy`"):
        as_crystal(mixed)


@pytest.mark.parametrize(("given", "values"), [(3, r"\bint\b"), ({"a": 1}, "'lattice'")])
def test_what_is_not_a_crystal_at_all(given, values):
    with pytest.raises(ValueError, match=values):
        as_crystal(given)


@pytest.mark.parametrize("name", ["x.json", "x.extxyz", "x.db", "x.parquet", "POSCAR", "x.cif"])
def test_a_broken_file_is_one_entry_with_a_reason(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\x01broken")
    (entry,) = read_crystals(tmp_path)
    assert entry.crystal is None
    assert entry.reason.startswith(f"{name}: ")


def test_paths_without_crystals(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        read_crystals(tmp_path / "none")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path)) + ".* a CIF, a POSCAR"):
        read_crystals(tmp_path)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(ValueError, match=r"x\.txt .* a CIF, a POSCAR"):
        read_crystals(tmp_path / "x.txt")
    assert is_crystal_path(tmp_path)
    assert is_crystal_path(tmp_path / "POSCAR_2")
    assert not is_crystal_path(tmp_path / "x.csv")


def test_the_featurizer_of_crystals_knows_its_settings():
    wide, default = get_featurizer("crystal", cutoff=8, max_neighbors=None), get_featurizer("crystal")
    assert wide.describe() == {"name": "crystal", "version": 1, "settings": {"cutoff": 8.0, "max_neighbors": None}}
    assert default.describe() != wide.describe()
    again = load_featurizer(json.loads(json.dumps(wide.describe())))
    assert again.describe() == wide.describe()
    for given in (ROCK_SALT, structure(ROCK_SALT), cif(ROCK_SALT)):
        assert again.featurize(given).num_edges == crystal_graph(ROCK_SALT, 8.0, None).num_edges
    assert again.featurize(ROCK_SALT).num_edges > default.featurize(ROCK_SALT).num_edges
    assert default.identity(PEROVSKITE) == "SrTiO3"


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"cutoff": 0}, "`cutoff` .* 0 .* 20 angstrom.* 0$"),
        ({"cutoff": 21}, "`cutoff` .* 0 .* 20 angstrom.* 21$"),
        ({"max_neighbors": 0}, "`max_neighbors` .* 1.* 0$"),
        ({"radius": 3}, "'crystal' .*radius"),
    ],
)
def test_settings_that_make_no_sense(settings, values):
    with pytest.raises(ValueError, match=values):
        get_featurizer("crystal", **settings)


@pytest.mark.parametrize("kind", ["repeat_unit", "molecule", "composition"])
def test_kinds_without_settings(kind):
    assert get_featurizer(kind).describe() == {"name": kind, "version": 1}
    with pytest.raises(ValueError, match=f"'{kind}' .*cutoff"):
        get_featurizer(kind, cutoff=3)


@pytest.mark.realdata
def test_cells_of_the_table_are_those_of_pymatgen(real_data):
    from gnn_sim2real.featurize.crystal_table import CrystalFile

    path = real_data / "crystal/mp_structures/mp_structures.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    for made in CrystalFile(path).take(np.arange(0, 100_000, 7_001)):
        (entry,) = read_cif(cif(made))
        lengths = []
        for each in (made, entry.crystal):
            neighbors = structure(each).get_all_neighbors(4.0)
            lengths.append(np.sort([other.nn_distance for around in neighbors for other in around]))
            graph = crystal_graph(each, 4.0, None)
            np.testing.assert_allclose(np.sort(np.linalg.norm(graph.edge_vector, axis=1)), lengths[-1], atol=1e-5)
        np.testing.assert_allclose(*lengths, atol=1e-4)


@pytest.mark.parametrize("again", ['Lattice="4 0 0 0 4 0 0 0 4"', "band_gap=3.0", 'note="a=1" band_gap =3'])
def test_a_name_twice_in_an_extxyz_is_refused(tmp_path, again):
    line = 'Lattice="5.64 0 0 0 5.64 0 0 0 5.64" Properties=species:S:1:pos:R:3 note2="x=1 x=2" band_gap=5.0'
    atoms = "Na 0 0 0\nCl 2.82 2.82 2.82\n"
    (tmp_path / "a.extxyz").write_text(f"2\n{line}\n{atoms}2\n{line} {again}\n{atoms}")
    first, second = read_crystals(tmp_path / "a.extxyz")
    assert first.reason is None
    assert "twice" in second.reason


def test_one_changed_position_of_a_structure_is_seen():
    content = structure(ROCK_SALT).as_dict()
    for site in content["sites"][1:]:
        del site["xyz"]
    assert as_crystal(content).num_sites == len(content["sites"])
    content["sites"][0]["xyz"] = [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="site 1"):
        as_crystal(content)
