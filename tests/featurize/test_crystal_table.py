"""Crystals in flat arrays and in parquet are the crystals that were put in."""

import pickle

import numpy as np
import pandas as pd
import pytest
from crystals import COPPER, PEROVSKITE, ROCK_SALT, SILICON, cell_row, random_crystal
from pymatgen.core.lattice import Lattice

from gnn_sim2real.featurize.composition import describe_formulas, element_statistics
from gnn_sim2real.featurize.crystal import crystal_graph
from gnn_sim2real.featurize.crystal_table import (
    CrystalFile,
    CrystalTable,
    describe_crystals,
    lattices_of_parameters,
)

CRYSTALS = [COPPER, ROCK_SALT, random_crystal(0, 7), SILICON, PEROVSKITE, random_crystal(1, 3)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cells.parquet"
    pd.DataFrame([cell_row(made, f"x-{row}") for row, made in enumerate(CRYSTALS)]).to_parquet(path)
    return path


def assert_equal(first, second):
    assert (first.lattice == second.lattice).all()
    assert (first.atomic_number == second.atomic_number).all()
    assert (first.fractional == second.fractional).all()


def assert_equivalent(first, second):
    """The same crystal, but for the rotation of its lattice."""
    assert first.atomic_number.tolist() == second.atomic_number.tolist()
    left, right = crystal_graph(first), crystal_graph(second)
    assert (left.edge_index == right.edge_index).all()
    lengths = [np.linalg.norm(graph.edge_vector, axis=1) for graph in (left, right)]
    np.testing.assert_allclose(*lengths, atol=1e-5)


def test_out_comes_what_was_put_in():
    table = CrystalTable.from_crystals(CRYSTALS)
    assert len(table) == len(CRYSTALS)
    for made, found in zip(CRYSTALS, table, strict=True):
        assert_equal(made, found)
    assert_equal(table[-1], CRYSTALS[-1])
    for rows in ([4, 0, 4], [], [2]):
        for made, found in zip([CRYSTALS[row] for row in rows], table.take(np.array(rows, int)), strict=True):
            assert_equal(made, found)
    for made, found in zip(CRYSTALS[1:5:2], table[1:5:2], strict=True):
        assert_equal(made, found)
    with pytest.raises(IndexError):
        table[len(CRYSTALS)]


def test_the_hash_is_the_content():
    table = CrystalTable.from_crystals(CRYSTALS)
    assert table.content_hash == CrystalTable.from_crystals(CRYSTALS).content_hash
    moved = CrystalTable(table.lattice, table.atomic_number, table.fractional + 1e-9, table.pointer)
    others = [table[:-1], table[::-1], moved, CrystalTable.from_crystals([])]
    assert len({table.content_hash, *(each.content_hash for each in others)}) == 5


def test_a_file_of_cells(file):
    crystals = CrystalFile(file)
    assert "crystals" not in crystals.__dict__
    assert len(crystals) == len(CRYSTALS)
    assert crystals.names == [f"x-{row}" for row in range(len(CRYSTALS))]
    _ = crystals.content_hash
    assert "crystals" not in crystals.__dict__  # nothing of that reads a structure
    for made, found in zip(CRYSTALS, crystals, strict=True):
        assert_equivalent(made, found)


def test_rows_of_a_file(file):
    crystals = CrystalFile(file)
    some = crystals.take(np.array([3, 1]))
    assert some.names == ["x-3", "x-1"]
    assert_equivalent(some[0], CRYSTALS[3])
    assert_equivalent(some[0:2][1], CRYSTALS[1])
    hashes = {each.content_hash for each in (crystals, some, crystals.take(np.array([1, 3])))}
    assert len(hashes) == 3
    assert crystals.take(np.arange(len(crystals))).content_hash == crystals.content_hash


def test_another_file_has_another_hash(file, tmp_path):
    frame = pd.read_parquet(file)
    frame.loc[0, "a"] += 1e-6
    frame.to_parquet(tmp_path / "other.parquet")
    assert CrystalFile(tmp_path / "other.parquet").content_hash != CrystalFile(file).content_hash


@pytest.mark.parametrize(
    ("column", "value", "values"),
    [
        ("species", "Na", r"\b0\b.*symbol.*\b1\b.*\b0\b"),
        ("species", "Na Xx", r"\b0\b.*symbol.*\b2\b.*\b0\b"),
        ("species", None, r"\b0\b.*symbol.*\b1\b.*\b0\b"),
        ("a", np.nan, "finite"),
        ("gamma", 180.0, r"finite"),
        ("alpha", 20.0, "volume|finite"),  # not a cell: less than the difference of the other two
    ],
)
def test_a_faulty_row_does_not_spoil_the_others(file, column, value, values):
    frame = pd.read_parquet(file)
    frame.loc[1, column] = value
    if column == "alpha":
        frame.loc[1, ["beta", "gamma"]] = 100.0, 140.0
    frame.to_parquet(file)
    crystals = CrystalFile(file)
    with pytest.raises(ValueError, match=values):
        crystals[1]
    for row in (0, 2, 3, 4, 5):
        assert_equivalent(crystals[row], CRYSTALS[row])


def test_files_that_are_not_files_of_cells(tmp_path, file):
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(ValueError, match=r"text\.parquet"):
        CrystalFile(tmp_path / "text.parquet")
    pd.read_parquet(file).drop(columns=["frac_e8", "b"]).to_parquet(file)
    with pytest.raises(ValueError, match=rf"{file.name}\b.*\bb, frac_e8\b.*\ba, b, c"):
        CrystalFile(file)


def test_lattices_as_by_pymatgen():
    rng = np.random.default_rng(0)
    parameters = np.column_stack([rng.uniform(2, 9, (20, 3)), rng.uniform(70, 110, (20, 3))])
    for row, lattice in zip(parameters.tolist(), lattices_of_parameters(parameters), strict=True):
        np.testing.assert_allclose(Lattice(lattice).parameters, row, atol=1e-9)
        wanted = Lattice.from_parameters(*row).matrix
        np.testing.assert_allclose(lattice @ lattice.T, wanted @ wanted.T, atol=1e-9)


def test_descriptors_are_those_of_the_formulas(file):
    wanted = describe_formulas(["Cu", "NaCl", "Si", "SrTiO3"], element_statistics)
    table = CrystalTable.from_crystals([COPPER, ROCK_SALT, SILICON, PEROVSKITE])
    for crystals in (table, list(table), CrystalFile(file).take(np.array([0, 1, 3, 4]))):
        np.testing.assert_allclose(describe_crystals(crystals, element_statistics), wanted, atol=1e-12)
    with pytest.raises(ValueError, match="crystals"):
        describe_crystals([], element_statistics)


def test_a_table_goes_to_another_process():
    table = CrystalTable.from_crystals(CRYSTALS)
    assert pickle.loads(pickle.dumps(table[1:3]))[0].num_sites == ROCK_SALT.num_sites  # noqa: S301 (our own)
