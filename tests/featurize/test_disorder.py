"""Disordered crystals: read, written, refused, ordered."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from ase.io import read as read_with_ase
from ase.io import write as write_ase
from crystals import CUBIC, ROCK_SALT, crystal
from pymatgen.core import Lattice, Structure

from gnn_sim2real.databases.entries import to_rows
from gnn_sim2real.featurize.crystal import Crystal, crystal_graph, require_apart
from gnn_sim2real.featurize.crystal_files import as_crystal, crystal_formula, featurize_crystal, read_cif, read_crystals
from gnn_sim2real.featurize.crystal_objects import to_ase, to_pymatgen
from gnn_sim2real.featurize.crystal_table import CrystalFile, CrystalTable
from gnn_sim2real.featurize.featurizer import get_featurizer, load_featurizer, same_graphs
from gnn_sim2real.featurize.ordering import CannotOrderError, balance, order, split_graph
from gnn_sim2real.featurize.site_species import SiteSpecies, read_species
from gnn_sim2real.store.averages import find_averages
from gnn_sim2real.store.graphs import GraphStore, write_joined
from gnn_sim2real.store.vocabulary import common_vocabulary, find_unseen, find_vocabulary

CELL = np.eye(3) * 4.1
PLACES = [[0, 0, 0], [0.5, 0.5, 0.5]]
MIXED = Crystal.of_sites(CELL, [{11: 0.5, 19: 0.25}, {17: 1.0}], np.array(PLACES))


def held(made):
    return [
        {number: pytest.approx(share) for number, share in made.species.of_site(row).items()}
        for row in range(made.num_sites)
    ]


def cif(rows, header=""):
    lines = [f"data_x\n_cell_length_a 4.1\n_cell_length_b 4.1\n_cell_length_c 4.1\n{header}"]
    lines += [f"_cell_angle_{name} 90\n" for name in ("alpha", "beta", "gamma")]
    names = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    lines += ["_symmetry_space_group_name_H-M 'P 1'\nloop_\n", *(f"_atom_site_{name}\n" for name in names), *rows]
    return "".join(lines)


TEXT = cif(["Na1 Na 0 0 0 0.5\n", "K1 K 0 0 0 0.25(2)\n", "Cl1 Cl .5 .5 .5 1\n"])


def optimade():
    return {
        "id": "x",
        "attributes": {
            "lattice_vectors": CELL.tolist(),
            "cartesian_site_positions": (np.array(PLACES) @ CELL).tolist(),
            "species": [
                {"name": "A", "chemical_symbols": ["K", "Na", "vacancy"], "concentration": [0.25, 0.5, 0.25]},
                {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
            ],
            "species_at_sites": ["A", "Cl"],
            "structure_features": ["disorder"],
            "nsites": 2,
        },
    }


def of_row(tmp_path):
    (row,) = to_rows([optimade()], {})
    assert row["problem"] is None
    pd.DataFrame([row]).to_parquet(tmp_path / "x.parquet")
    return CrystalFile(tmp_path / "x.parquet")[0]


def of_extxyz(tmp_path):
    write_ase(tmp_path / "x.extxyz", to_ase(MIXED), format="extxyz")
    (entry,) = read_crystals(tmp_path / "x.extxyz", disordered=True)
    return entry.crystal


WAYS = {
    "CIF": lambda folder: as_crystal(TEXT, disordered=True),
    "pymatgen": lambda folder: as_crystal(to_pymatgen(MIXED), disordered=True),
    "dictionary": lambda folder: as_crystal(to_pymatgen(MIXED).as_dict(), disordered=True),
    "JSON": lambda folder: as_crystal(json.dumps(to_pymatgen(MIXED).as_dict()), disordered=True),
    "ASE": lambda folder: as_crystal(to_ase(MIXED), disordered=True),
    "extxyz": of_extxyz,
    "OPTIMADE and parquet": of_row,
    "table": lambda folder: CrystalTable.from_crystals([ROCK_SALT, MIXED])[1],
}


@pytest.mark.parametrize("way", WAYS)
def test_occupancies_come_in_and_go_out(tmp_path, way):
    made = WAYS[way](tmp_path)
    assert held(made) == [{11: 0.5, 19: 0.25}, {17: 1.0}]
    np.testing.assert_allclose(made.fractional % 1, PLACES, atol=1e-7)
    assert made.atomic_number.tolist() == [11, 17]
    assert crystal_formula(made) == "Na2KCl4" or crystal_formula(made) == "KNa2Cl4"


def test_a_cif_that_ase_has_written(tmp_path):
    """ASE counts the atoms of its formula without their occupancies: such a file contradicts itself."""
    write_ase(tmp_path / "x.cif", to_ase(MIXED), format="cif")
    (entry,) = read_crystals(tmp_path / "x.cif", disordered=True)
    assert "formula (Na1 Cl1)" in entry.reason
    lines = (tmp_path / "x.cif").read_text().splitlines(keepends=True)
    (tmp_path / "x.cif").write_text("".join(line for line in lines if "_chemical_formula" not in line))
    (entry,) = read_crystals(tmp_path / "x.cif", disordered=True)
    assert held(entry.crystal) == [{11: 0.5, 19: 0.25}, {17: 1.0}]
    assert held(as_crystal(read_with_ase(tmp_path / "x.cif"), disordered=True)) == [{11: 0.5, 19: 0.25}, {17: 1.0}]


def test_they_are_refused_unless_asked_for(tmp_path):
    (tmp_path / "x.cif").write_text(TEXT)
    for way in (lambda: as_crystal(TEXT), lambda: as_crystal(MIXED), lambda: featurize_crystal(MIXED, 5.0, 12)):
        with pytest.raises(ValueError, match=r"average.*order"):
            way()
    (entry,) = read_crystals(tmp_path)
    assert entry.crystal is None
    assert read_cif(TEXT)[0].crystal is None
    assert read_crystals(tmp_path, disordered=True)[0].crystal.num_sites == 2


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (["Na1 Na 0 0 0 1.2\n"], "Na1"),
        (["Na1 Na 0 0 0 -0.1\n"], "Na1"),
        (["Na1 Na 0 0 0 0.6\n", "K1 K 0 0 0 0.5\n"], "Na1/K1"),
        (["Na1 Na 0 0 0 0.6\n", "K1 K .5 0 0 ?\n"], "K1"),
        (["Na1 Na 0 0 0 ?\n"], "Na1"),
        (["Na1 Na 0 0 0 1\n", "K1 K .5 0 0 ?\n"], "K1"),
        (["Na1 Na 0 0 0 .\n", "K1 K .5 0 0 ?\n"], "K1"),
        (["Na1 Na 0 0 0 half\n"], "Na1"),
    ],
)
def test_impossible_occupancies_are_refused_by_the_name_of_the_site(rows, name):
    with pytest.raises(ValueError, match=f"site {name} "):
        as_crystal(cif([*rows, "Cl1 Cl .5 .5 .5 1\n"]), disordered=True)


def test_a_site_that_holds_nothing_is_no_site_and_a_full_stop_is_full():
    full = as_crystal(cif(["Na1 Na 0 0 0 1\n", "Cl1 Cl .5 .5 .5 1\n"]))
    for rows in (["Na1 Na 0 0 0 1\n", "K1 K .25 .25 .25 0\n"], ["Na1 Na 0 0 0 .\n"]):
        found = as_crystal(cif([*rows, "Cl1 Cl .5 .5 .5 1\n"]))
        assert found.is_ordered
        assert found.atomic_number.tolist() == full.atomic_number.tolist()
        np.testing.assert_array_equal(found.fractional, full.fractional)


def test_what_ase_lacks_is_refused():
    atoms = to_ase(MIXED)
    del atoms.info["occupancy"]["1"]
    with pytest.raises(ValueError, match="site 1"):
        as_crystal(atoms, disordered=True)
    atoms = to_ase(MIXED)
    atoms.info["occupancy"]["0"] = {"Rb": 0.5}
    with pytest.raises(ValueError, match="Rb"):
        as_crystal(atoms, disordered=True)


def test_numbers_of_sites_are_occupancies_of_their_elements():
    atoms = Atoms("NaCl", cell=CELL, scaled_positions=PLACES, pbc=True)
    atoms.arrays["occupancy"] = np.array([0.5, 1.0])
    assert held(as_crystal(atoms, disordered=True)) == [{11: 0.5}, {17: 1.0}]
    both = Structure(Lattice(CELL), [{"Na": 0.5}, "Cl"], PLACES, site_properties={"occ": [0.5, 1.0]})
    with pytest.raises(ValueError, match="occ"):
        as_crystal(both, disordered=True)


def test_sums_near_one_are_one_and_charges_are_one_element():
    assert read_species([("Fe", 0.334), ("Co", 0.333), ("Ni", 0.334)], "site 1") == pytest.approx(
        {"Fe": 0.334 / 1.001, "Co": 0.333 / 1.001, "Ni": 0.334 / 1.001}
    )
    iron = Structure(Lattice(CELL), [{"Fe2+": 0.5, "Fe3+": 0.5}, "O2-"], PLACES)
    assert as_crystal(iron).is_ordered
    assert read_species([("Na", 0.0)], "site 1") == {}
    with pytest.raises(ValueError, match="site 7"):
        read_species([("Na", 0.52), ("K", 0.5)], "site 7")


def test_the_formula_of_the_file_is_compared():
    told = "_chemical_formula_sum 'Na1 K0.5 Cl2'\n_cell_formula_units_Z 0.5\n"
    rows = ["Na1 Na 0 0 0 0.5\n", "K1 K 0 0 0 0.25\n", "Cl1 Cl .5 .5 .5 1\n"]
    assert crystal_formula(as_crystal(cif(rows, told), disordered=True))
    with pytest.raises(ValueError, match="formula"):
        as_crystal(cif(rows, told.replace("K0.5", "K0.7")), disordered=True)


def test_split_sites_near_a_special_position_are_all_there():
    """A mirror makes two sites 0.33 angstrom apart of one that is half filled; of a full one it makes an atom."""
    operations = "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'-x,y,z'\n"
    for share, number in ((0.5, 2), (1, 1)):
        text = cif([f"Na1 Na 0.04 0 0 {share}\n", "Cl1 Cl .5 .5 .5 0.9\n"]).replace(
            "'P 1'\n", f"'P m'\n{operations}", 1
        )
        made = as_crystal(text, disordered=True)
        assert (made.atomic_number == 11).sum() == number
        assert made.amounts[11] == pytest.approx(1)


def test_alternatives_of_each_other_are_no_neighbors():
    places = np.array([[0, 0, 0], [0.1, 0, 0], [0.5, 0.5, 0.5]])
    split = Crystal.of_sites(CELL * 1.4, [{3: 0.5}, {3: 0.5}, {17: 1.0}], places)
    whole = Crystal.of_sites(CELL * 1.4, [{3: 0.5}, {3: 0.6}, {17: 1.0}], places)
    for made, joined in ((split, False), (whole, True)):
        graph = crystal_graph(made, 5.0, None)
        lengths = np.linalg.norm(graph.edge_vector, axis=1)
        assert bool((lengths < 0.6).any()) == joined
        assert lengths.max() > 4
    near = np.array([[0, 0, 0], [0.02, 0, 0]])
    require_apart(CELL, near, np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="angstrom"):
        require_apart(CELL, near, np.array([0.5, 0.6]))


def test_the_formula_of_rounded_occupancies():
    def formula(*shares):
        sites = [{11: share} if share else {} for share in shares]
        return crystal_formula(
            Crystal.of_sites(CELL * 2, [*sites, {17: 1.0}], np.random.default_rng(0).random((len(sites) + 1, 3)))
        )

    assert formula(0.333, 0.334, 0.333) == formula(0.5, 0.5) == "NaCl"
    assert formula(0.448) == "Na13Cl29"


def test_ordered_crystals_are_as_they_were():
    """Hashes of the version before disordered crystals were read."""
    salt = crystal(CUBIC, [55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 4.0)
    silicon = crystal(2 * 2.7 * (np.ones((3, 3)) - np.eye(3)) / 2, [14, 14], [[0, 0, 0], [0.25, 0.25, 0.25]])
    store = GraphStore.from_graphs([crystal_graph(each, 5.0, 12) for each in (salt, silicon)])
    assert store.content_hash == "ad13c4a3"
    assert CrystalTable.from_crystals([salt, silicon]).content_hash.startswith("b3c385722a34cd13814bc6aaff064872")
    assert (
        CrystalTable.from_crystals([salt, MIXED, silicon])
        .take(np.array([0, 2]))
        .content_hash.startswith("b3c385722a34")
    )
    assert get_featurizer("crystal").describe()["settings"] == {"cutoff": 6.0, "max_neighbors": 12}


def test_a_saved_ordered_store_is_as_it_was(tmp_path):
    salt = crystal(CUBIC, [55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 4.0)
    silicon = crystal(2 * 2.7 * (np.ones((3, 3)) - np.eye(3)) / 2, [14, 14], [[0, 0, 0], [0.25, 0.25, 0.25]])
    GraphStore.from_graphs([crystal_graph(each, 5.0, 12) for each in (salt, silicon)]).save(tmp_path / "x.safetensors")
    content = (tmp_path / "x.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest().startswith("cde138a660d9999d4704c0f32eae4318")


def test_parts_of_a_store_with_and_without_disorder(tmp_path):
    """Parts are made by processes that know nothing of each other."""
    ordered, mixed = (GraphStore.from_graphs([crystal_graph(each, 5.0, 12)]) for each in (ROCK_SALT, MIXED))
    write_joined(tmp_path / "x.safetensors", [ordered.tensors, mixed.tensors, ordered.tensors])
    joined = GraphStore.open(tmp_path / "x.safetensors")
    whole = GraphStore.from_graphs([crystal_graph(each, 5.0, 12) for each in (ROCK_SALT, MIXED, ROCK_SALT)])
    assert joined.content_hash == whole.content_hash
    assert find_averages(joined).tolist() == [False, True, False]
    assert joined.select(torch.tensor([2, 1])).species_number.tolist() == [11, 17, 11, 19, 17]


def test_models_remember_whether_they_saw_disorder():
    whole = GraphStore.from_graphs([crystal_graph(each, 5.0, 12) for each in (ROCK_SALT, MIXED)])
    ordered = GraphStore.from_graphs([crystal_graph(ROCK_SALT, 5.0, 12)])
    assert "sites" not in find_vocabulary(ordered)
    assert "sites" not in find_vocabulary(whole, np.array([0]))
    assert find_vocabulary(whole)["elements"] == ["Na", "Cl", "K"]
    seen = {"elements": ["Na", "K", "Cl"]}
    assert find_unseen(whole, seen).rows.tolist() == [False, True]
    assert list(find_unseen(whole, seen).counts.values()) == [1]
    assert not find_unseen(whole, find_vocabulary(whole)).counts
    assert common_vocabulary([find_vocabulary(whole), seen])["sites"] == []


GARNET = Crystal.of_sites(
    np.eye(3) * 6.0,
    [{3: 0.5}, {3: 0.5}, {3: 0.5}, {3: 0.5}, {8: 1.0}],
    np.array([[0.1, 0, 0], [0.9, 0, 0], [0, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5]]),
)


def test_approximants_have_the_composition_and_no_two_alternatives():
    found = order(GARNET, 3, 100)
    assert 1 <= len(found) <= 3
    assert {crystal_formula(each) for each in found} == {"Li2O"}
    for each in found:
        assert each.is_ordered
        require_apart(each.lattice, each.fractional)
    assert order(ROCK_SALT, 3, 100) == [ROCK_SALT]


def test_what_cannot_be_ordered_is_an_average():
    with pytest.raises(CannotOrderError):
        order(GARNET, 3, 4)
    with pytest.raises(CannotOrderError):
        balance({11: 1.0, 17: 2.0})
    featurize = get_featurizer("crystal", disorder="order", max_ordered_sites=4).featurize
    assert featurize(GARNET).species_count is not None
    assert get_featurizer("crystal", disorder="order").featurize(GARNET).species_count is None


def test_oxidation_states():
    assert balance({3: 1.0, 22: 2.0, 15: 3.0, 8: 12.0}) == {3: 1, 22: 4, 15: 5, 8: -2}
    assert balance({3: 10.0, 32: 1.0, 15: 2.0, 16: 12.0}) == {3: 1, 32: 4, 15: 5, 16: -2}


def test_the_graph_of_approximants_comes_apart_again():
    settings = {"cutoff": 5.0, "max_neighbors": None}
    joined = get_featurizer("crystal", disorder="order", approximants=3, **settings).featurize(GARNET)
    parts = split_graph(joined)
    found = order(GARNET, 3, 200)
    assert len(parts) == len(found)
    for part, each in zip(parts, found, strict=True):
        graph = crystal_graph(each, 5.0, None)
        np.testing.assert_array_equal(part.edge_index, graph.edge_index)
        np.testing.assert_array_equal(part.edge_vector, graph.edge_vector)
        np.testing.assert_array_equal(part.node_weight, graph.node_weight)
    assert joined.node_weight.sum() == pytest.approx(len(found))


def test_settings_of_disorder():
    average = get_featurizer("crystal", disorder="average").describe()
    assert load_featurizer(average).settings["disorder"] == "average"
    assert same_graphs(average, get_featurizer("crystal").describe())
    assert not same_graphs(average, get_featurizer("crystal", cutoff=4.0).describe())
    for wrong in ({"disorder": "mean"}, {"approximants": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            get_featurizer("crystal", **wrong)


def test_ragged_columns():
    species = SiteSpecies.of_sites([{19: 0.25, 11: 0.5}, {17: 1.0}, {8: 0.5}])
    assert species.take(np.array([2, 0])).atomic_number.tolist() == [8, 11, 19]
    assert species.is_partial.tolist() == [True, False, True]
    assert species.occupancy.tolist() == [0.75, 1.0, 0.5]
    assert [species.spell(site) for site in range(3)] == ["Na0.5K0.25", "Cl", "O0.5"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("place", ["? 0 0", ". . .", "nan 0 0"])
@pytest.mark.parametrize("occupancy", ["0.5", "1"])
def test_a_site_without_coordinates_is_refused(place, occupancy):
    rows = [f"Na1 Na {place} {occupancy}\n", "Cl1 Cl .5 .5 .5 0.5\n"]
    with pytest.raises(ValueError):  # noqa: PT011
        as_crystal(cif(rows), disordered=True)


def test_not_every_label_of_a_place_is_named():
    rows = [f"Na{number} Na 0 0 0 0.01\n" for number in range(50)]
    with pytest.raises(ValueError, match="Na0/Na1") as caught:
        as_crystal(cif(rows))
    assert "Na40" not in str(caught.value)


def of_json(*species, places=PLACES):
    """What a dictionary of pymatgen says, whose first site is given."""
    content = Structure(Lattice(CELL), ["Na", "Cl"], places).as_dict()
    content["sites"][0]["species"] = list(species)
    return as_crystal(content, disordered=True)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda: as_crystal(cif(["Na1 Na 0 0 0 0\n", "K1 K .5 0 0 0\n"]), disordered=True), "site Na1 "),
        (lambda: of_json({"element": "Va", "occu": 0.3}, {"element": "Na", "occu": 0.7}), "site 1 holds Va"),
        (lambda: of_json({"element": "X", "occu": 1}), "site 1 "),
        (lambda: of_json({"element": "Na", "occu": 0.5, "occupancy": 0.7}), "site 1 .*Na"),
        (lambda: of_json({"element": "Na", "occu": None}), "site 1 "),
        (lambda: of_json({"element": "Na", "occu": float("nan")}), "site 1 "),
        (
            lambda: as_crystal(
                Structure(Lattice(CELL), [{"Na": 0.6}, {"K": 0.6}, "Cl"], [PLACES[0], [0.001, 0, 0], PLACES[1]]),
                disordered=True,
            ),
            "site 1/site 2 ",
        ),
    ],
)
def test_what_is_wrong_with_a_site_is_told_by_its_name(read, name):
    with pytest.raises(ValueError, match=name):
        read()


@pytest.mark.parametrize(
    ("column", "atom", "name"),
    [
        (":occupancy:R:1", "Na 0 0 0 1.5", "site 1 of its `occupancy`"),
        (":occupancy:R:1", "Na 0 0 0 nan", "site 1 of its `occupancy`"),
        (":occupancy:S:1", "Na 0 0 0 ?", "site 1 of its `occupancy`"),
        (":occupancy:R:1", "D 0 0 0 0.5", "atom 1 .*H"),
        (":occupancy:R:1", "X 0 0 0 0.5", "site 1 of its `occupancy` holds X"),
        ("", "X 0 0 0", "site 1 "),
    ],
)
def test_atoms_of_an_extxyz_that_are_wrong(tmp_path, column, atom, name):
    rest = "Cl 2 2 2" + (" 1" if column else "")
    line = f'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3{column} pbc="T T T"'
    (tmp_path / "x.extxyz").write_text(f"2\n{line}\n{atom}\n{rest}\n")
    (entry,) = read_crystals(tmp_path / "x.extxyz", disordered=True)
    assert entry.crystal is None
    assert re.search(name, entry.reason)


@pytest.mark.parametrize(
    ("symbols", "beside", "name"),
    [
        ("Na/K Cl", "", "Na/K"),
        ("Na0.5K0.5 Cl", "", "Na0.5K0.5"),
        ("Na Cl", " 0.5", "atom 1"),
        ("Na Cl", " Na 0.5", "atom 1"),
        ("Na Cl", " Na .25", "atom 1"),
    ],
)
def test_a_poscar_has_no_occupancies(tmp_path, symbols, beside, name):
    text = f"x\n1\n4 0 0\n0 4 0\n0 0 4\n{symbols}\n1 1\nDirect\n0 0 0{beside}\n.5 .5 .5\n"
    (tmp_path / "x.vasp").write_text(text)
    (entry,) = read_crystals(tmp_path / "x.vasp", disordered=True)
    assert name in entry.reason
    (tmp_path / "y.vasp").write_text(text.replace(symbols, "Na_pv/1b2c3d Cl/9af0").replace(beside or "?", " Na"))
    (entry,) = read_crystals(tmp_path / "y.vasp")
    assert entry.crystal.atomic_number.tolist() == [11, 17]


def test_deuterium_is_hydrogen_and_fills_its_share():
    shared = as_crystal(cif(["D1 D 0 0 0 .5\n", "H1 H 0 0 0 .25\n", "Cl1 Cl .5 .5 .5 1\n"]), disordered=True)
    assert held(shared) == [{1: 0.75}, {17: 1.0}]
    written = of_json({"element": "D", "occu": 0.5}, {"element": "H", "occu": 0.25})
    assert held(written) == held(shared)


def test_sites_at_one_place_are_one_in_every_format(tmp_path):
    """A CIF lists what a place holds in several lines; so do files of atoms."""
    apart = Structure(Lattice(CELL), [{"Na": 0.5}, "Cl", {"K": 0.25}], [*PLACES, [1.0, 0, 0.002]])
    line = 'Lattice="4.1 0 0 0 4.1 0 0 0 4.1" Properties=species:S:1:pos:R:3:occupancy:R:1 pbc="T T T"'
    (tmp_path / "x.extxyz").write_text(f"3\n{line}\nNa 0 0 0 .5\nCl 2.05 2.05 2.05 1\nK 0 0 0 .25\n")
    (entry,) = read_crystals(tmp_path / "x.extxyz", disordered=True)
    whole = crystal_graph(as_crystal(TEXT, disordered=True), 5.0, 12)
    for made in (as_crystal(apart, disordered=True), as_crystal(apart.as_dict(), disordered=True), entry.crystal):
        assert held(made) == [{11: 0.5, 19: 0.25}, {17: 1.0}]
        graph = crystal_graph(made, 5.0, 12)
        np.testing.assert_array_equal(graph.edge_index, whole.edge_index)
        np.testing.assert_allclose(graph.edge_vector, whole.edge_vector, atol=1e-5)


@pytest.mark.parametrize("number", [2, 60])
def test_two_full_atoms_at_one_place_are_named_by_their_numbers(number):
    places = np.random.default_rng(0).permutation(np.stack(np.indices((4, 4, 4)).reshape(3, -1), axis=1) / 4)[:number]
    places[-1] = places[0] + [0.001, 0, 1]
    made = crystal(np.eye(3), [11] * number, places, 12.0)
    for refuse in (lambda: require_apart(made.lattice, made.fractional), lambda: crystal_graph(made, 5.0, 12)):
        with pytest.raises(ValueError, match=rf"numbers 1 and {number} "):
            refuse()


def test_a_cif_without_labels_says_what_to_add():
    with pytest.raises(ValueError, match="_atom_site_label"):
        as_crystal(TEXT.replace("_atom_site_label\n", "").replace("Na1 ", "").replace("K1 ", "").replace("Cl1 ", ""))


@pytest.mark.parametrize("content", [b"", b"   \n", b"\x00" * 20, TEXT.encode("utf-16")])
def test_files_that_hold_no_crystal(tmp_path, content):
    (tmp_path / "x.cif").write_bytes(content)
    (entry,) = read_crystals(tmp_path / "x.cif", disordered=True)
    assert entry.crystal is None
    assert entry.reason.startswith("x.cif: it ")


def test_a_cell_whose_charges_do_not_balance_is_read_as_an_average():
    made = Crystal.of_sites(CELL, [{11: 0.9}, {17: 0.2}], np.array(PLACES))
    with pytest.raises(CannotOrderError):
        order(made, 3, 200)
    assert find_averages(GraphStore.from_graphs([get_featurizer("crystal", disorder="order").featurize(made)])).all()
