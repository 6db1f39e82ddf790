"""No file gives another crystal than the one it describes: it is read as it is meant, or refused with the reason."""

import gzip
import json
import os
import re

import numpy as np
import pytest
from ase import Atoms
from ase.io import write as write_ase
from crystals import ROCK_SALT, crystal
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from gnn_sim2real.featurize.cif.space_groups import number_of_name
from gnn_sim2real.featurize.crystal import crystal_graph, require_apart
from gnn_sim2real.featurize.crystal_files import (
    as_crystal,
    crystal_formula,
    featurize_crystal,
    read_cif,
    read_crystals,
    unread_files,
)
from gnn_sim2real.featurize.crystal_table import lattices_of_parameters

CUBIC = (5.64, 5.64, 5.64, 90, 90, 90)
SALT = [("Na1", "Na", "0 0 0"), ("Cl1", "Cl", "0.5 0.5 0.5")]
ROCK_SALT_GROUP = "_symmetry_space_group_name_H-M 'F m -3 m'"
DIAMOND_GROUP = "_symmetry_space_group_name_H-M 'F d -3 m'"
RUTILE = [
    *("x,y,z", "-x,-y,z", "1/2-y,1/2+x,1/2+z", "1/2+y,1/2-x,1/2+z"),
    *("1/2-x,1/2+y,1/2-z", "1/2+x,1/2-y,1/2-z", "y,x,-z", "-y,-x,-z"),
    *("-x,-y,-z", "x,y,-z", "1/2+y,1/2-x,1/2-z", "1/2-y,1/2+x,1/2-z"),
    *("1/2+x,1/2-y,1/2+z", "1/2-x,1/2+y,1/2+z", "-y,-x,z", "y,x,z"),
]
MIRROR_AND_THIRDS = ["x,y,z", "x,y,-z", "x+1/3,y,z", "x+2/3,y,z", "x+1/3,y,-z", "x+2/3,y,-z"]
"""A group that no table has."""

DISORDER = "_atom_site_disorder_group"


def cif(sites, cell=CUBIC, symmetry="", operations=(), formula=None, units=None, typed=True, extra=None):
    """A CIF; `extra` is another column of the sites with its values."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = ["data_x", *(f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True)), symmetry]
    lines += [f"_chemical_formula_sum '{formula}'"] * (formula is not None)
    lines += [f"_cell_formula_units_Z {units}"] * (units is not None)
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{each}'" for each in operations)]
    lines += ["loop_", "_atom_site_label", *["_atom_site_type_symbol"] * typed]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"] + ([extra[0]] if extra else [])
    more = extra[1] if extra else [""] * len(sites)
    lines += [
        f"{label} {symbol if typed else ''} {place} {last}"
        for (label, symbol, place), last in zip(sites, more, strict=True)
    ]
    return "\n".join(lines) + "\n"


def read(text):
    made = as_crystal(text)
    return crystal_formula(made), made.num_sites


BRUCITE = [("Mg1", "Mg", "0 0 0"), ("O1", "O", "0.3333 0.6667 0.22"), ("O2", "O", "0.6667 0.3333 0.78")]
HEXAGONAL = (3.15, 3.15, 4.77, 90, 90, 120)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (cif(BRUCITE, HEXAGONAL, formula="H2 Mg O2", units=1), r"Mg1 O2.*H2 Mg O2, Z = 1.*hydrogen"),
        (cif(BRUCITE, HEXAGONAL, formula="D2 Mg O2"), r"Mg1 O2.*D2 Mg O2.*hydrogen"),
        (cif(SALT, formula="Cl Na", units=4), r"Cl1 Na1.*Cl Na, Z = 4"),
        (
            cif([*SALT, ("Cl2", "Cl", ".6 .5 .5")], formula="Cl Na", units=1, extra=(DISORDER, ".12")),
            "Cl2 Na1.*Cl Na, Z = 1",
        ),
        (cif(SALT, extra=(DISORDER, ".1")), "disorder"),
        (cif(SALT, extra=(DISORDER, "12"), formula="Na Cl"), "disorder"),
        (cif(SALT, extra=("_atom_site_attached_hydrogens", "02")), "attached_hydrogens"),
        (cif(SALT, symmetry="_cell_modulation_dimension 1"), "modulated"),
        (cif(SALT, symmetry="_space_group_magn.number_BNS 225.116"), "magnetic"),
        (cif([("C1", "C", "0 0 0")], symmetry=DIAMOND_GROUP), r"\borigins\b"),
        (cif([("C1", "C", "0 0 0")], symmetry="_symmetry_Int_Tables_number 227"), r"\borigins\b"),
        (cif(SALT, symmetry=ROCK_SALT_GROUP, operations=["x,y,z"]), "lists 1 .*'F m -3 m'"),
        (cif(SALT, symmetry=ROCK_SALT_GROUP, operations=["x,y,z"], formula="Na Cl"), "lists 1 .*'F m -3 m'"),
        (cif(SALT, symmetry="_symmetry_Int_Tables_number 225", operations=["x,y,z", "-x,-y,-z"]), "lists 2 .*225"),
        (cif(SALT, operations=["x,y,z", "x+1/5,y,z"]), "Wrong denominator 5"),
        (cif(SALT, operations=RUTILE[:-1]), r"\b15\b.*\b16\b"),
        (cif(SALT, (4.6, 4.9, 2.96, 90, 90, 90), operations=RUTILE), "4.6, 4.9, 2.96"),
        (
            cif(SALT, (6.4, 6.4, 6.4, 46, 46, 50), symmetry="_symmetry_Int_Tables_number 167"),
            "6.4, 6.4, 6.4, 46, 46, 50",
        ),
        (cif([("CO1", "", "0 0 0")], typed=False), r"\bCO1\b.*\bCo\b.*\bC\b"),
        (cif([("Co1", "Wx", "0 0 0")]), r"Co1 .*\(Wx\)"),
        (cif([("WAT1", "", "0 0 0")], typed=False), "WAT1"),
        (cif(SALT, extra=("_atom_site_occupancy", [1, 0.99])), r"Cl1 holds Cl 0\.99"),
        (cif(SALT, extra=("_atom_site_occupancy", [2, 1])), "Na1 holds Na 2"),
    ],
)
def test_a_cif_that_does_not_agree_with_itself_is_refused(text, told):
    with pytest.raises(ValueError, match=told):
        as_crystal(text)


@pytest.mark.parametrize(
    ("text", "formula", "num_sites"),
    [
        (cif(SALT, symmetry=ROCK_SALT_GROUP, formula="Cl Na", units=4), "NaCl", 8),
        (cif(SALT, symmetry=ROCK_SALT_GROUP, formula="Na4 Cl4", units=4), "NaCl", 8),  # as pymatgen writes it
        (cif(SALT, symmetry=ROCK_SALT_GROUP, formula="Na4 Cl4"), "NaCl", 8),
        (cif(SALT, formula="Na Cl"), "NaCl", 2),
        (cif(SALT, symmetry=ROCK_SALT_GROUP, formula="what is this"), "NaCl", 8),
        (cif(SALT, extra=("_atom_site_occupancy", [0.999, "."])), "NaCl", 2),
        (cif(SALT, formula="Na0.999 Cl", units=1, extra=("_atom_site_occupancy", [0.999, 1])), "NaCl", 2),
        (cif(SALT, operations=["x,y,z"], symmetry=ROCK_SALT_GROUP, formula="Na Cl", units=1), "NaCl", 2),
        (cif([("C1", "C", "0 0 0")], symmetry=DIAMOND_GROUP, formula="C", units=8), "C", 8),
        (cif([("C1", "C", "0 0 0")], symmetry=DIAMOND_GROUP.replace("m'", "m:1'")), "C", 8),
        (cif([("C1", "C", "0 0 0")], symmetry=DIAMOND_GROUP.replace("m'", "m S'")), "C", 8),
        (cif([("C1", "C", "0 0 0")], symmetry=DIAMOND_GROUP.replace("m'", "m Z'")), "C", 16),
        (
            cif(
                [("C1", "C", ".125 .125 .125")],
                symmetry=f"{DIAMOND_GROUP}\n_space_group_IT_coordinate_system_code 2",
            ),
            "C",
            8,
        ),
        (cif([("C1", "C", "0 0 .2")], operations=MIRROR_AND_THIRDS), "C", 6),
        (cif([("Ca1", "Ca", "0 0 0"), ("C1", "C", ".25 .25 .25"), ("O1", "O", ".5078 -.0078 .25")],
             (6.375, 6.375, 6.375, 46.07, 46.07, 46.07), symmetry="_space_group_IT_number 167"), "CaCO3", 10),
        (cif([("CO1", "", "0 0 0"), ("OW1", "", ".5 .5 .5")], typed=False, formula="C O"), "CO", 2),
        (cif([("CO1", "", "0 0 0"), ("O1", "", ".5 .5 .5")], typed=False, formula="Co O"), "CoO", 2),
        (cif([("Na1", ".", "0 0 0"), ("Cl1", "?", ".5 .5 .5")]), "NaCl", 2),
        (cif([("D1", "D", "0 0 0"), ("Li1", "Li", ".5 .5 .5")], formula="H Li", units=1), "LiH", 2),
    ],
)  # fmt: skip
def test_a_cif_is_read_as_it_is_meant(text, formula, num_sites):
    assert read(text) == (formula, num_sites)


SALT_MASS = "_exptl_crystal_density_diffrn {} \n_chemical_formula_weight {}"
IN_CELL = "loop_\n_atom_type_symbol\n_atom_type_number_in_cell\nNa+ {0}\nCl- {0}"


@pytest.mark.parametrize(
    ("symmetry", "told"),
    [
        ("_exptl_crystal_density_diffrn 2.0", r"\b2\.164\b.*\b2\b"),
        ("_exptl_crystal_density_diffrn 0.541(2)", r"\b2\.164\b.*\b0\.541\b"),
        ("_chemical_formula_weight 62.1", r"\b233\.77\b.*\b62\.1\b"),
        ("_chemical_formula_weight 58.44\n_cell_formula_units_Z 8", r"\b233\.77\b.*\b8\b.*\b58\.44\b"),
        (IN_CELL.format(8), "_atom_type_number_in_cell"),
    ],
)
def test_density_and_mass_that_are_not_those_of_the_atoms_are_refused_or_told(symmetry, told):
    symmetry = f"{ROCK_SALT_GROUP}\n{symmetry}"
    with pytest.raises(ValueError, match=told):
        as_crystal(cif(SALT, symmetry=symmetry))
    if "_Z" not in symmetry:  # formula and Z confirm the atoms
        assert re.search(told, as_crystal(cif(SALT, symmetry=symmetry, formula="Na Cl", units=4)).note)


@pytest.mark.parametrize(
    "symmetry",
    [
        *(
            "_exptl_crystal_density_diffrn 2.16(3)",
            "_exptl_crystal_density_diffrn 2163",
            "_exptl_crystal_density_diffrn 0",
        ),
        *("_exptl_crystal_density_diffrn ?", "_exptl_crystal_density_meas 1.0", "_chemical_formula_weight 58.44"),
        *("_chemical_formula_weight 58.44\n_cell_formula_units_Z 4", "_chemical_formula_weight 116.9"),
        *(IN_CELL.format(4), IN_CELL.format("?")),
    ],
)
def test_density_and_mass_of_the_atoms_say_nothing(symmetry):
    made = as_crystal(cif(SALT, symmetry=f"{ROCK_SALT_GROUP}\n{symmetry}"))
    assert (made.num_sites, made.note) == (8, "")


def test_the_mass_of_deuterium_is_not_compared():
    sites = [("Li1", "Li", "0 0 0"), ("D1", "D", ".5 .5 .5")]
    cell = (4.07, 4.07, 4.07, 90, 90, 90)
    text = cif(sites, cell, symmetry=f"{ROCK_SALT_GROUP}\n_exptl_crystal_density_diffrn 0.885")
    assert as_crystal(text).note == ""
    with pytest.raises(ValueError, match="density"):
        as_crystal(text.replace("D1 D", "H1 H"))


def test_a_cif_that_says_nothing_of_its_symmetry_is_told(tmp_path, caplog):
    for name in ("one", "two"):
        (tmp_path / f"{name}.cif").write_text(cif(SALT))
    (tmp_path / "told.cif").write_text(cif(SALT, symmetry="_symmetry_space_group_name_H-M 'P 1'"))
    (tmp_path / "whole.cif").write_text(cif(SALT, formula="Na Cl", units=1))
    (tmp_path / "dense.cif").write_text(cif(SALT, symmetry="_exptl_crystal_density_diffrn 0.541"))
    assert all(entry.crystal.num_sites == 2 for entry in read_crystals(tmp_path))
    assert re.search(r"\b2 crystals \(one\.cif, two\.cif\).*\bsymmetry", caplog.text)
    assert len(caplog.records) == 1
    caplog.clear()
    featurize_crystal(cif(SALT), 6.0, 12)
    assert "NaCl" in caplog.text


@pytest.mark.parametrize("operations", [[*RUTILE, *RUTILE[:4]], RUTILE[1:], RUTILE])
def test_operations_twice_or_without_the_identity_are_the_same_group(operations):
    sites = [("Ti1", "Ti", "0 0 0"), ("O1", "O", "0.3053 0.3053 0")]
    assert read(cif(sites, (4.593, 4.593, 2.959, 90, 90, 90), operations=operations)) == ("TiO2", 6)


@given(st.sets(st.integers(0, 15), min_size=1, max_size=15))
def test_operations_that_are_left_out_never_give_another_crystal(left_out):
    """What is left forms no group, or is a smaller one, which is compared with the formula."""
    sites = [("Ti1", "Ti", "0 0 0"), ("O1", "O", "0.3053 0.3053 0")]
    operations = [each for number, each in enumerate(RUTILE) if number not in left_out]
    text = cif(sites, (4.593, 4.593, 2.959, 90, 90, 90), operations=operations or ["x,y,z"], formula="O2 Ti", units=2)
    (entry,) = read_cif(text)
    if entry.crystal is None:
        assert "no group" in entry.reason or "Z = 2" in entry.reason
    else:  # a subgroup may still reach all atoms
        assert (crystal_formula(entry.crystal), entry.crystal.num_sites) == ("TiO2", 6)


POSCAR = """{title}
1.0
5.64 0 0
0 5.64 0
0 0 5.64
{symbols}1 1
Direct
0 0 0 {first}
0.5 0.5 0.5 {second}
"""


def poscar(title="rock salt", symbols="", first="", second=""):
    return POSCAR.format(title=title, symbols=symbols, first=first, second=second)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (poscar(), "elements"),
        (poscar("Na"), "elements"),
        (poscar("Na2 Cl2"), "elements"),
        (poscar(first="Na"), "elements"),
        (poscar(symbols="Na Cl\n", second="K"), r"\b2\b.*\bCl\b.*\bK\b"),
        (poscar(symbols="Na1 Cl\n"), "'Na1'"),
        (poscar(symbols="Na\n"), "1 elements .* 2 numbers"),
        (poscar(symbols="Na Cl\n").replace("1 1\n", "1 2\n"), "2 of 3 atoms"),
        (poscar(symbols="Na Cl\n") + "0.25 0.25 0.25\n", r"\b3\b.*\b2 atoms"),
        (poscar(symbols="Na Cl\n").replace("1.0\n", "1 1 1\n"), "scale factors"),
        (poscar(symbols="Na Cl\n").replace("Direct\n", ""), "`Direct`"),
        ("NaCl\n1.0\n", "2 lines"),
    ],
)
def test_a_poscar_that_does_not_say_what_it_holds_is_refused(tmp_path, text, told):
    (tmp_path / "POSCAR").write_text(text)
    (entry,) = read_crystals(tmp_path / "POSCAR")
    assert entry.crystal is None
    with pytest.raises(ValueError, match=told):
        raise ValueError(entry.reason)


@pytest.mark.parametrize(
    "text",
    [
        poscar("Na Cl"),
        poscar("Na1 Cl1"),
        poscar(first="Na", second="Cl"),
        poscar(symbols="Na_pv/1f2 Cl\n"),
        poscar(symbols="Na Cl\n") + "\n0 0 0\n0 0 0\n",  # velocities
    ],
)
def test_a_poscar_that_names_its_elements_somewhere(tmp_path, text):
    (tmp_path / "CONTCAR").write_text(text)
    (entry,) = read_crystals(tmp_path)
    assert crystal_formula(entry.crystal) == "NaCl"


def salt(share):
    cell = np.eye(3) * 4
    return Structure(cell, [{"Cs": share}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def salt_atoms(**info):
    made = Atoms("CsCl", cell=np.eye(3) * 4, scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], pbc=True)
    made.info |= info
    return made


@given(st.floats(0.01, 1.0))
def test_occupancies_below_one_are_refused_however_they_arrive(share):
    """0.999 counts as full, in all of them alike."""
    column = salt_atoms()
    column.arrays["occupancy"] = np.array([share, 1.0])
    text = cif([("Cs", "Cs", "0 0 0"), ("Cl", "Cl", ".5 .5 .5")], extra=("_atom_site_occupancy", [repr(share), 1]))
    given = [
        salt(share),
        salt(share).as_dict(),
        json.dumps(salt(share).as_dict()),
        salt_atoms(occupancy={"0": {"Cs": share}, "1": {"Cl": 1.0}}),
        column,
        text,
    ]
    for each in given:
        if share >= 0.999:
            assert crystal_formula(each) == "CsCl"
        else:
            with pytest.raises(ValueError, match="disordered"):
                as_crystal(each)


@pytest.mark.parametrize("share", [1.6, 1.02, 2.0, -1.0, -1e-3, float("nan"), float("inf")])
def test_impossible_occupancies_are_refused_however_they_arrive(share):
    column, species = salt_atoms(), salt(1).as_dict()
    column.arrays["occupancy"] = np.array([share, 1.0])
    species["sites"][0]["species"] = [{"element": "Cs", "occu": share}]
    text = cif([("Cs", "Cs", "0 0 0"), ("Cl", "Cl", ".5 .5 .5")], extra=("_atom_site_occupancy", [repr(share), 1]))
    for each in (species, json.dumps(species), salt_atoms(occupancy={"0": {"Cs": share}}), column, text):
        with pytest.raises(ValueError, match=r"\b0\b.*\b1\b|number"):
            as_crystal(each)


def test_a_place_that_is_filled_twice_is_refused_however_it_arrives(tmp_path):
    """Models of compositions search for no neighbors: they would see CsKCl."""
    places = [[0, 0, 0], [1, 0, 0.01], [0.5, 0.5, 0.5]]
    atoms = Atoms(["Cs", "K", "Cl"], cell=np.eye(3) * 4, scaled_positions=places, pbc=True)
    structure = Structure(np.eye(3) * 4, ["Cs", "K", "Cl"], places)
    rows = [(each, each, " ".join(map(str, place))) for each, place in zip(["Cs", "K", "Cl"], places, strict=True)]
    write_ase(tmp_path / "a.extxyz", atoms, format="extxyz")
    write_ase(tmp_path / "POSCAR", atoms, format="vasp")
    (tmp_path / "a.cif").write_text(cif(rows))
    for each in (atoms, structure, structure.as_dict(), (tmp_path / "a.cif").read_text()):
        with pytest.raises(ValueError, match=r"\b0\.0(40|56) angstrom"):
            crystal_formula(each)
    assert [entry.crystal for entry in read_crystals(tmp_path)] == [None] * 3
    shared = salt(1).as_dict()
    shared["sites"][0]["species"] = [{"element": "Cs", "occu": 0.6}, {"element": "K", "occu": 0.6}]
    with pytest.raises(ValueError, match=r"Cs 0\.6, K 0\.6"):
        as_crystal(shared)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(-0.9, 0.9))
def test_two_places_are_told_apart_in_every_cell(first, second, third, skew):
    """As the search for neighbors does, in any image of the cell."""
    lattice = np.array([[4, 0, 0], [4 * skew, 5, 0], [skew, skew, 6]])
    places = np.array([[0, 0, 0], [first, second, third]])
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    nearest = np.linalg.norm((places[1] + images) @ lattice, axis=1).min()
    for each in (places, np.add(places, [[2, -1, 0], [0, 3, 1]])):
        if nearest < 0.49:
            with pytest.raises(ValueError, match="apart"):
                require_apart(lattice, each)
        elif nearest > 0.51:
            require_apart(lattice, each)


@given(st.floats(-30, 30), st.floats(-2, 2), st.integers(0, 2), st.booleans())
def test_two_places_are_told_apart_in_flat_cells_and_among_many_sites(skew, shift, direction, near):
    """Sites 0.3 angstrom apart across any face of any cell of a lattice, with coordinates outside of it."""
    lattice = np.diag([9.0, 10.0, 11.0])
    flat = lattice + np.array([[0, 0, 0], [9.0 * round(skew), 0, 0], [0, 10.0 * round(-skew), 0]])
    grid = np.array(np.meshgrid(*[[0.0, 0.25, 0.5, 0.75]] * 3)).reshape(3, -1).T
    close = np.eye(3)[direction] * (0.3 if near else 0.9) / np.diag(lattice)
    for places in (np.array([[0.99] * 3, 0.99 + close]), np.vstack([grid, grid[5] - close])):
        shifted = (places + shift) @ lattice @ np.linalg.inv(flat)
        if near:
            with pytest.raises(ValueError, match=r"\b0\.300 angstrom apart"):
                require_apart(flat, shifted)
        else:
            require_apart(flat, shifted)


def test_many_sites_in_a_cell_without_room():
    with pytest.raises(ValueError, match=r"\b0\.600\b.*\b64 sites"):
        require_apart(np.diag([0.6, 30.0, 30.0]), np.random.default_rng(0).uniform(size=(64, 3)))


def test_a_site_alone_needs_no_loop():
    rows = [("Cu", "Cu", "0 0 0")]
    text = cif(rows, extra=("_atom_site_occupancy", ["OCC"])).replace("loop_\n", "")
    names, values = text.split("_atom_site_label\n")[1].split("\n")[:-2], text.split("\n")[-2].split()
    pairs = text.split("_atom_site_label\n")[0] + "".join(
        f"{name} {value}\n" for name, value in zip(["_atom_site_label", *names], values, strict=True)
    )
    assert read(pairs.replace("OCC", "1.0")) == ("Cu", 1)
    for share in ("0.5", "1.6"):
        with pytest.raises(ValueError, match=f"Cu {share}"):
            read(pairs.replace("OCC", share))


@pytest.mark.parametrize(
    ("told", "is_read"),
    [
        ("units=bohr", False),
        ('length_unit="a.u."', False),
        ("lattice_units=nm", False),
        ("Units=Atomic", False),
        ("units=angstrom", True),
        ("energy_unit=hartree", True),
        ("units=eV", True),
    ],
)
def test_another_unit_of_length_in_extxyz_is_refused(tmp_path, told, is_read):
    lattice = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3'
    (tmp_path / "a.extxyz").write_text(f"2\n{lattice} {told} gap=1.0\nCs 0 0 0\nCl 2 2 2\n")
    (entry,) = read_crystals(tmp_path / "a.extxyz")
    assert (entry.crystal is not None) == is_read
    assert is_read or re.search(r"angstrom", entry.reason)


def test_occupancies_in_files_of_ase(tmp_path):
    write_ase(tmp_path / "a.extxyz", salt_atoms(occupancy={"0": {"Cs": 0.5}, "1": {"Cl": 1.0}}), format="extxyz")
    (tmp_path / "b.extxyz").write_text(
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:occupancy:R:1\nCs 0 0 0 0.5\nCl 2 2 2 1.0\n'
    )
    assert [entry.crystal for entry in read_crystals(tmp_path)] == [None, None]
    assert all("Cs 0.5" in entry.reason or "0.5" in entry.reason for entry in read_crystals(tmp_path))


def test_a_site_of_two_places_is_refused():
    changed = salt(1).as_dict()
    changed["sites"][1]["abc"] = [0.5, 0.5, 0.4]
    with pytest.raises(ValueError, match=r"\b2\b.*\b0\.4 angstrom"):
        as_crystal(changed)


FRAME = '{count}\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 gap={gap}\n'


def test_a_bad_structure_leaves_the_others_of_its_file(tmp_path):
    good = FRAME.format(count=2, gap=1) + "Cs 0 0 0\nCl 2 2 2\n"
    label = FRAME.format(count=2, gap=2) + "Cs1 0 0 0\nCl 2 2 2\n"
    short = FRAME.format(count=3, gap=3) + "Cs 0 0 0\nCl 2 2 2\n"
    longer = FRAME.format(count=1, gap=4) + "Cs 0 0 0\nCl 2 2 2\n"
    (tmp_path / "all.extxyz").write_text(good + label + short + longer + good)
    entries = read_crystals(tmp_path / "all.extxyz")
    assert [entry.crystal is not None for entry in entries] == [True, False, False, False, True]
    told = [entry.reason for entry in entries[1:4]]
    for value, reason in zip(("'Cs1'", "2 of 3 atoms", "2 of 1 atoms"), told, strict=True):
        assert value in reason
    assert entries[-1].values["gap"] == 1
    (tmp_path / "one.json").write_text(json.dumps([salt(1).as_dict(), 3, {"lattice": 1}, salt(1).as_dict()]))
    assert [entry.crystal is None for entry in read_crystals(tmp_path / "one.json")] == [False, True, True, False]


def test_texts_with_marks_in_other_codes_and_compressed(tmp_path):
    text = cif(SALT, symmetry=ROCK_SALT_GROUP)
    (tmp_path / "a.cif").write_text(text, encoding="utf-8-sig")
    (tmp_path / "b.cif").write_bytes(f"# Kéké\n{text}".encode("latin-1"))
    (tmp_path / "c.cif.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "POSCAR").write_text(poscar("Na Cl"), encoding="utf-8-sig")
    write_ase(tmp_path / "d.extxyz", salt_atoms(), format="extxyz")
    (tmp_path / "d.extxyz").write_text((tmp_path / "d.extxyz").read_text(), encoding="utf-8-sig")
    entries = read_crystals(tmp_path)
    assert [(entry.name, entry.reason) for entry in entries] == [
        (name, None) for name in ("POSCAR", "a.cif", "b.cif", "c.cif.gz", "d.extxyz")
    ]
    for code in ("utf-16", "utf-16-le", "utf-32"):
        (tmp_path / "wide.cif").write_text(text, encoding=code)
        assert "UTF-8" in read_crystals(tmp_path / "wide.cif")[0].reason


def test_what_lies_in_a_folder_is_read_or_named(tmp_path, caplog):
    (tmp_path / "rutile.cif").write_text(cif(SALT))
    (tmp_path / "NaCl_POSCAR").write_text(poscar("Na Cl"))
    (tmp_path / "atom_init.json").write_text(json.dumps({"1": [0, 1]}))
    (tmp_path / "id_prop.csv").write_text("rutile,1\n")
    (tmp_path / "a.res").write_text("TITL")
    (tmp_path / ".hidden").write_text("")
    for folder, files in {"run1": ["POSCAR", "CONTCAR"], "run2": ["POSCAR"], "other": ["si.cif"]}.items():
        (tmp_path / folder).mkdir()
        for file in files:
            (tmp_path / folder / file).write_text(poscar("Na Cl"))
    (tmp_path / "run1" / "CONTCAR").write_text(poscar("K Cl"))
    entries = read_crystals(tmp_path)
    assert {entry.name: crystal_formula(entry.crystal) for entry in entries} == {
        "NaCl_POSCAR": "NaCl",
        "rutile.cif": "NaCl",
        "run1": "KCl",
        "run2": "NaCl",
    }
    assert unread_files(tmp_path) == ["a.res", "other/"]
    assert "2 files" in caplog.text
    assert "a.res, other/" in caplog.text


STRUCTURE = salt(1).as_dict()
JARVIS = {"lattice_mat": (np.eye(3) * 4).tolist(), "coords": [[0, 0, 0], [2, 2, 2]], "elements": ["Cs", "Cl"]}


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"index": [5], "columns": ["structure", "gap"], "data": [[STRUCTURE, 7.9]]}, ["1"]),
        ({"structure": {"0": STRUCTURE, "b": STRUCTURE}, "gap": {"0": 7.9, "b": 7.9}}, ["0", "b"]),
        ({"schema": {}, "data": [{"index": 0, "structure": STRUCTURE, "gap": 7.9}]}, ["1"]),
        ({"first": {"structure": STRUCTURE, "gap": 7.9}}, ["first"]),
        ([{"jid": "JVASP-1", "atoms": JARVIS | {"cartesian": True}, "gap": 7.9}], ["JVASP-1"]),
        ([{"material_id": 4, "cif": cif(SALT, CUBIC), "gap": 7.9}], ["4"]),
        ({"structure": STRUCTURE, "gap": 7.9}, ["1"]),
    ],
)
def test_json_as_people_have_it(tmp_path, content, names):
    (tmp_path / "x.json").write_text(json.dumps(content))
    entries = read_crystals(tmp_path / "x.json")
    assert [entry.reason for entry in entries] == [None] * len(names)
    assert [entry.name.removeprefix("x.json#") for entry in entries] == (names if len(names) > 1 else ["x.json"])
    assert [entry.values["gap"] for entry in entries] == [7.9] * len(names)
    assert entries[0].crystal.fractional[1].tolist() == [0.5, 0.5, 0.5]


def test_cells_that_are_not_in_angstrom_are_one_refused_crystal():
    for edges, told in (
        ([4000] * 3, "4000 x 4000 x 4000"),
        ([0.01, 60, 60], r"0\.010"),
        ([25] * 3, "2 atoms"),
    ):
        made = crystal(np.diag(edges), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])
        with pytest.raises(ValueError, match=told):
            featurize_crystal(made, 6.0, 12)
    long = crystal(np.diag([4000, 4, 4]), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert crystal_graph(long).num_edges
    assert featurize_crystal(ROCK_SALT, 6.0, 12).num_edges


@pytest.mark.parametrize("angle", ["-90", "200", "0", "180"])
def test_an_angle_that_no_cell_has(angle):
    """The cosine of -90 degrees is that of 90."""
    with pytest.raises(ValueError, match="unit cell"):
        as_crystal(cif(SALT, (4, 4, 4, angle, 90, 90)))
    lattice = lattices_of_parameters(np.array([[4, 4, 4, float(angle), 90, 90], [4, 4, 4, 90, 90, 90]]))
    assert not np.isfinite(lattice[0]).all()
    assert np.linalg.det(lattice[1]) == pytest.approx(64)


@pytest.mark.parametrize("share", ["0,5", "1/2", "''", "half", "'0.5'"])
@pytest.mark.parametrize("tag", ["_atom_site_occupancy", "_atom_site_Occupancy", "_atom_site_site_occupancy"])
def test_an_occupancy_that_is_no_number_is_not_full(share, tag):
    with pytest.raises(ValueError, match=r"site Cl1 .*0\.5"):
        as_crystal(cif(SALT, extra=(tag, [1, share])))


@pytest.mark.parametrize("name", ["Occupancy", "occ", "site_occupancy", "OCC", "occupancies"])
def test_occupancies_under_any_name(name):
    column = salt_atoms()
    column.arrays[name] = np.array([0.5, 1.0])
    site = salt(1).copy(site_properties={name: [0.5, 1.0]})
    species = salt(1).as_dict()
    species["sites"][0]["species"] = [{"element": "Cs", name: 0.5}]
    for each in (
        column,
        salt_atoms(**{name: [0.5, 1]}),
        site,
        site.as_dict(),
        species,
        JARVIS | {"cartesian": True, name: [0.5, 1]},
    ):
        with pytest.raises(ValueError, match=r"site 1 .*0\.5"):
            as_crystal(each)
    column.arrays[name] = np.array([0.999, 1.0])
    full = salt(1).copy(site_properties={name: [1, None]})
    assert [crystal_formula(each) for each in (column, full, full.as_dict())] == ["CsCl"] * 3


def test_what_is_not_periodic_in_all_directions_is_no_crystal(tmp_path):
    open_lattice = Lattice(np.eye(3) * 4, pbc=(True, True, False))
    layer = Structure(open_lattice, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for each in (layer, layer.as_dict(), json.dumps(layer.as_dict()), salt_atoms(Periodic=False)):
        with pytest.raises(ValueError, match=r"\bperiodic\b.*False"):
            as_crystal(each)


@pytest.mark.parametrize("flags", ["pbc=none", 'PBC="F F F"', "periodic=False", 'pbc="T T F"', "pbc=TFT"])
def test_an_extxyz_that_is_not_periodic(tmp_path, flags):
    (tmp_path / "a.extxyz").write_text(FRAME.format(count=2, gap=f"1 {flags}") + "Cs 0 0 0\nCl 2 2 2\n")
    assert "not periodic" in read_crystals(tmp_path / "a.extxyz")[0].reason


@pytest.mark.parametrize(
    "flags", ["", 'pbc="T T T"', "pbc=TTT", 'PBC="1 1 1"', 'pbc="true True true"', "periodic=True"]
)
def test_an_extxyz_that_is_periodic(tmp_path, flags):
    (tmp_path / "a.extxyz").write_text(FRAME.format(count=2, gap=f"1 {flags}") + "Cs 0 0 0\nCl 2 2 2\n")
    assert crystal_formula(read_crystals(tmp_path / "a.extxyz")[0].crystal) == "CsCl"


@pytest.mark.parametrize(
    "symbol",
    ["NH4", "NH4+", "NO3-", "PO4", "BH4-", "CO3", "CO32-", "O-H", "HF", "HO", "CN-", "OS", "Fe2", "P4", "OH", "B12"],
)
def test_a_type_symbol_of_a_group_is_no_element(symbol):
    for formula in (None, "Cl Na"):
        with pytest.raises(ValueError, match=f"X1 .*{re.escape(symbol)}"):
            as_crystal(cif([("X1", symbol, "0 0 0"), SALT[1]], formula=formula))


@pytest.mark.parametrize(
    ("symbol", "element"),
    [("Na+", "Na"), ("Na1+", "Na"), ("Fe3+", "Fe"), ("Fe+3", "Fe"), ("Zr+4.0", "Zr"), ("Fe0", "Fe"), ("7Li", "Li"),
     ("Li7", "Li"), ("57Fe3+", "Fe"), ("18O2-", "O"), ("CA2+", "Ca"), ("NA", "Na"), ("D1+", "H"), ("H1+", "H"),
     ("fe", "Fe")],
)  # fmt: skip
def test_a_type_symbol_with_a_charge_or_an_isotope(symbol, element):
    made = as_crystal(cif([("X1", symbol, "0 0 0"), SALT[1]]))
    assert made.atomic_number.tolist() == [Element(element).Z, 17]


def test_a_doubtful_type_symbol_is_read_where_the_formula_has_it():
    for symbol, element in (("HF", "Hf"), ("Fe2", "Fe"), ("CO", "Co")):
        text = cif([("X1", symbol, "0 0 0"), SALT[1]], formula=f"{element} Cl")
        assert as_crystal(text).atomic_number.tolist() == [Element(element).Z, 17]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (poscar(symbols="Na Cl\n", first="K+"), r"\b1\b.*\bNa\b.*\bK\b"),
        (poscar(symbols="Na Cl\n", first="T T T K1"), r"\b1\b.*\bNa\b.*\bK\b"),
        (poscar(first="F F F", second="F F F"), "elements"),
        (poscar(first="F F T", second=".FALSE. F F"), "elements"),
        (poscar(symbols="NA CO\n"), "'CO'"),
        (poscar(symbols="Na Cl\n").replace("5.64 0 0\n", "5.64 0 0 0\n"), r"\b2\b.*\b5\b"),
    ],
)
def test_a_poscar_that_contradicts_itself(tmp_path, text, told):
    test_a_poscar_that_does_not_say_what_it_holds_is_refused(tmp_path, text, told)


@pytest.mark.parametrize(
    "text",
    [
        poscar(symbols="NA CL\n", first="NA", second="CL"),
        poscar(symbols="Na Cl\n", first="F F F", second="T T T"),
        poscar(symbols="Na Cl\n", first="Na+", second="Cl-"),
        poscar(first="Na+", second="Cl-"),
        poscar(symbols="Na Cl\n").replace("1.0\n", "1.0D0\n").replace("5.64", "0.564d+01"),
    ],
)
def test_a_poscar_as_other_programs_write_it(tmp_path, text):
    (tmp_path / "POSCAR").write_text(text)
    (entry,) = read_crystals(tmp_path / "POSCAR")
    assert crystal_formula(entry.crystal) == "NaCl"
    assert entry.crystal.volume == pytest.approx(5.64**3)


def test_a_symbol_and_an_atomic_number_of_two_elements(tmp_path):
    frame = FRAME.format(count=2, gap=1).replace("pos:R:3", "pos:R:3:Z:I:1")
    (tmp_path / "a.extxyz").write_text(f"{frame}Cs 0 0 0 55\nCl 2 2 2 19\n{frame}Cs 0 0 0 55\nCl 2 2 2 17\n")
    bad, good = read_crystals(tmp_path / "a.extxyz")
    assert "atom 2 is Cl" in bad.reason
    assert "19" in bad.reason
    assert crystal_formula(good.crystal) == "CsCl"


RUTILE_SITES = [("Ti1", "Ti", "0 0 0"), ("O1", "O", "0.3053 0.3053 0")]
RUTILE_CELL = (4.593, 4.593, 2.959, 90, 90, 90)
HM, NUMBER, HALL = "_symmetry_space_group_name_H-M", "_symmetry_Int_Tables_number", "_symmetry_space_group_name_Hall"
OPERATIONS = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "\n".join(RUTILE)
WHOLE = f"{HM} 'P 42/m n m'\n{NUMBER} 136"
"""With the operations all that is asked for; what else a file says of its symmetry is read all the same."""


def rutile(symmetry, **more):
    return cif(RUTILE_SITES, RUTILE_CELL, symmetry=symmetry, **more)


@pytest.mark.parametrize(
    ("symmetry", "told"),
    [
        (f"{HM} 'P 1'\n{NUMBER} 136", r"contradict.*'P 1' .*136"),
        (f"{HM} 'P 42/m n m'\n{NUMBER} 137", "contradict.*136.*137"),
        (f"{HM} 'P m m m'\n{HALL} '-P 4n 2n'", "contradict.*47.*136"),
        (f"{HALL} '-P 4n 2n'\n_space_group.IT_number 1", "contradict.*136"),
        (f"{WHOLE}\n_space_group.name_Hall '-P 2 2'\n{OPERATIONS}", "contradict.*136.*47"),
        (f"{WHOLE}\n_cell_wave_vector_x 0.3\n{OPERATIONS}", "modulated"),
        (f"{WHOLE}\n_Space_Group_SSG_Name 'P42/mnm(0,0,g)'\n{OPERATIONS}", "modulated"),
        ("_space_group_magn.number_OG 136.5.1156", "magnetic"),
        ("_space_group_magn.transform_BNS_Pp_abc 'a,b,c;0,0,0'", "magnetic"),
        (f"{HM} 'P 1'\n_space_group_magn.number_BNS 136.499", "magnetic"),
        ("_parent_space_group.IT_number 136", "magnetic"),
        ("loop_\n_space_group_symop_magn_centering.xyz\nx,y,z,+1", "magnetic"),
        ("_space_group_ssg_name_WJJ 'P42/mnm(0,0,g)'", "modulated"),
        ("_space_group_name_Schoenflies 'D4h^14'", "schoenflies"),
        ("_symmetry_cell_setting tetragonal", "cell_setting"),
        ("_space_group.name_H-M_full 'P 42/m n n'", "'P 42/m n n'"),
        ("_cell_volume 70.1(2)", r"62\.42 .*70\.1"),
    ],
)
def test_symmetry_that_is_contradicted_or_cannot_be_read_is_never_p1(symmetry, told):
    with pytest.raises(ValueError, match=told):
        as_crystal(rutile(symmetry))


@pytest.mark.parametrize(
    "symmetry",
    [
        f"{HM} 'P 42/m 21/n 2/m'",
        f"{HM} 'P 4_{{2}}/m n m'",
        f"{HM} 'P4(2)/mnm'",
        f"{HM} 'P 42 / m n m'",
        f"{HM} 'P 42/m n m'\n{NUMBER} 136\n{HALL} '-P 4n 2n'\n_cell_volume 62.4(1)",
        "_space_group.name_Hall '-P 4n 2n'",
        "_space_group.name_H-M_alt 'P 42/m n m'",
        "_space_group.name_H-M_full 'P 42/m 21/n 2/m'",
        "_space_group.IT_number 136\n_space_group_name_Schoenflies 'D4h^14'",
        "loop_\n_space_group_symop.operation_xyz\n" + "\n".join(RUTILE),
        f"{HM} 'P 42/m n m'\n{NUMBER} 137\n_chemical_formula_sum 'Ti O2'\n_cell_formula_units_Z 2",
        f"{HM} 'P 42/m n m'\n_parent_space_group.IT_number 136\n_chemical_formula_sum 'Ti O2'\n_cell_formula_units_Z 2",
    ],
)
def test_symmetry_under_any_tag_and_in_any_spelling(symmetry):
    assert read(rutile(symmetry)) == ("TiO2", 6)


@pytest.mark.parametrize(
    ("name", "number"),
    [("P2(1)/c", 14), ("P2_1/c", 14), ("P 21 / c", 14), ("F 4/m -3 2/m", 225), ("P 21/n 21/m 21/a", 62),
     ("P 63/m 2/m 2/c", 194), ("R -3 2/c", 167), ("P 2/m -3", 200), ("I 41/a 2/c 2/d", 142)],
)  # fmt: skip
def test_spellings_of_space_groups(name, number):
    assert number_of_name(name) == number


@pytest.mark.parametrize("formula", ["(Ti O2)", "(Ti O2)2", "Ti(O)2", "[Ti (O2)]", "0.5(Ti2 O4)"])
def test_a_formula_in_parentheses_is_compared(formula):
    assert read(rutile(f"{HM} 'P 42/m n m'", formula=formula)) == ("TiO2", 6)
    for tag in ("sum", "moiety", "structural"):
        with pytest.raises(ValueError, match=r"\bTi1\b.*\bformula"):
            as_crystal(rutile(f"{HM} 'P 1'\n_chemical_formula_{tag} '{formula}'"))


def test_a_hydrate_without_its_water():
    with pytest.raises(ValueError, match="hydrogen"):
        as_crystal(rutile(f"{HM} 'P 42/m n m'", formula="Ti O2 . 2(H2 O)"))


@pytest.mark.parametrize("told", [["2", "4"], ["8", "4"], ["?", "."]])
def test_multiplicities_of_sites(told):
    """Some programs write how many operations keep the site."""
    extra = ("_atom_site_symmetry_multiplicity", told)
    assert read(rutile(f"{HM} 'P 42/m n m'", extra=extra)) == ("TiO2", 6)
    if told[0].isdecimal():
        with pytest.raises(ValueError, match=r"2 atoms .*multiplicity"):
            as_crystal(rutile(f"{HM} 'P 1'", extra=extra))


def test_a_dummy_is_no_atom():
    with pytest.raises(ValueError, match=r"\bO1\b.*\bdummy"):
        as_crystal(rutile(f"{HM} 'P 42/m n m'", extra=("_atom_site_calc_flag", ["d", "dum"])))


def test_a_cell_that_is_not_known():
    with pytest.raises(ValueError, match="_cell_angle_gamma"):
        as_crystal(cif(SALT, (4, 4, 4, 90, 90, "?")))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "null"),
        (5, "5"),
        ("hello", "hello"),
        (JARVIS | {"cartesian": "False"}, "'False'"),
        (JARVIS | {"cartesian": None}, "None"),
        (JARVIS | {"coords": [[0, 0, 0], [2, 2]]}, r"site 2 is \[2, 2\]"),
        (JARVIS | {"lattice_mat": [[4, 0, 0], [0, 4], [0, 0, 4]]}, r"vector 2 is \[0, 4\]"),
        ({"lattice": {"matrix": np.eye(3).tolist()}, "sites": [{"abc": [0, None, 0], "species": []}]}, "site 1 .*None"),
        ({"lattice": {"matrix": np.eye(3).tolist()}}, "lacks 'sites'"),
    ],
)
def test_json_that_is_no_crystal_is_told_why(tmp_path, content, told):
    (tmp_path / "x.json").write_text(json.dumps(content))
    (entry,) = read_crystals(tmp_path / "x.json")
    assert re.search(told, entry.reason)
    assert not re.search("Error|inhomogeneous|iterable", entry.reason)


def test_links_to_nowhere_and_pipes_leave_the_other_crystals(tmp_path):
    (tmp_path / "a.cif").write_text(cif(SALT, symmetry=ROCK_SALT_GROUP))
    (tmp_path / "link.cif").symlink_to("a.cif")
    (tmp_path / "nowhere.cif").symlink_to("missing.cif")
    os.mkfifo(tmp_path / "pipe.cif")
    found = {entry.name: entry.reason for entry in read_crystals(tmp_path)}
    assert [found.pop(name) for name in ("a.cif", "link.cif")] == [None, None]
    assert found.keys() == {"nowhere.cif", "pipe.cif"}
    assert all(re.search(rf"{name}.*\bfile\b", reason) for name, reason in found.items())


def test_lengths_that_are_not_those_of_the_vectors_are_refused():
    content = salt(1).as_dict()
    content["lattice"]["b"] += 0.1
    with pytest.raises(ValueError, match="lattice vector b"):
        as_crystal(content)
    with pytest.raises(ValueError, match="'lattice'"):
        as_crystal(json.dumps(content)[:-1] + ', "lattice": {}}')


ANATASE = [("Ti", (0, 0, 0)), ("Ti", (0, 1.89, 2.378)), ("O", (0, 0, 1.98)), ("O", (1.89, 1.89, 6.74))]


def cif_of(places):
    rows = "\n".join(f"{symbol} {symbol} {' '.join(f'{each:.4f}' for each in place)}" for symbol, place in places)
    cell = "".join(f"_cell_length_{name} {edge}\n" for name, edge in zip("abc", (3.78, 3.78, 9.51), strict=True))
    cell += "".join(f"_cell_angle_{name} 90\n" for name in ("alpha", "beta", "gamma"))
    tags = "".join(f"_atom_site_{name}\n" for name in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))
    return f"data_x\n_symmetry_Int_Tables_number 1\n{cell}loop_\n{tags}{rows}\n"


def poscar_of(places):
    order = sorted(places)
    lines = ["x", "1", "3.78 0 0", "0 3.78 0", "0 0 9.51", "O Ti", "2 2", "Direct"]
    return "\n".join([*lines, *(" ".join(map(str, place)) for _, place in order)])


def pymatgen_of(places):
    sites = [{"species": [{"element": symbol, "occu": 1}], "abc": list(place)} for symbol, place in places]
    return json.dumps({"lattice": {"matrix": np.diag([3.78, 3.78, 9.51]).tolist()}, "sites": sites})


def jarvis_of(places):
    symbols, coords = zip(*places, strict=True)
    content = {"lattice_mat": np.diag([3.78, 3.78, 9.51]).tolist(), "coords": coords, "elements": symbols}
    return json.dumps(content | {"cartesian": False})


@pytest.mark.parametrize(
    ("write", "name"),
    [(cif_of, "x.cif"), (poscar_of, "POSCAR"), (pymatgen_of, "x.json"), (jarvis_of, "x.json")],
)
def test_fractional_coordinates_in_angstrom_are_refused(tmp_path, write, name):
    """Unless they are in another image of the cell."""
    (tmp_path / name).write_text(write(ANATASE))
    (entry,) = read_crystals(tmp_path / name)
    assert entry.crystal is None
    assert "angstrom" in entry.reason
    places = [(symbol, tuple(np.divide(place, (3.78, 3.78, 9.51)).round(4))) for symbol, place in ANATASE]
    for shift in (0, 2):
        moved = [(symbol, tuple(float(each) + shift for each in place)) for symbol, place in places]
        (tmp_path / name).write_text(write(moved))
        (entry,) = read_crystals(tmp_path / name)
        assert entry.crystal is not None, entry.reason
