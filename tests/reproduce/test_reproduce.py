"""A published study again: its data, its smallest part, and the comparison cell by cell."""

import json
import os
from dataclasses import replace

import pytest

from gnn_sim2real.cli.main import main
from gnn_sim2real.config.shipped import find_config
from gnn_sim2real.databases.recipe import find_below, find_recipes
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.files import data_folders
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.reproduce.catalog import STUDIES
from gnn_sim2real.reproduce.compare import compare_cells
from gnn_sim2real.reproduce.run import provide_data, smallest
from gnn_sim2real.study.grid import Axes


@pytest.fixture(autouse=True)
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def record(key, mae, policy="full", source="all", split=0, n=1000):
    cell = RecordKey("GINE", policy, n, source, 25, 0, split)
    return Record(key, cell, "density", "g/cm3", {"mae": mae}, {}, provenance={})


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_each_study_has_its_yaml_its_result_and_its_recipes(study):
    assert find_config(study.config).is_file()
    assert read_published(study.result).records
    assert {*study.made} <= find_recipes().keys() | {"mp_structures"}
    assert not ({*study.brought} | ({study.measured.name} if study.measured else set())) & find_recipes().keys()


def test_the_smallest_part_of_a_grid():
    axes = Axes([0, 30, "all"], [25, 100], seed=[0, 1], split=[0, 1], policy=["full", "extra_trees"])
    found = smallest(axes)
    assert (found.source_size, found.target_size, found.seed, found.split) == ([0, "all"], [100], [0], [0])
    assert found.policy == axes.policy
    assert smallest(Axes([50, 100], [25])).source_size == [100]
    assert smallest(Axes([0], [25, "all"])).target_size == ["all"]


def test_cells_are_compared_by_key_and_else_by_place():
    published = [record("a", 0.1), record("b", 0.2, "extra_trees"), record("c", 0.3, split=1), record("d", 0.4, n=50)]
    ours = [
        record("a", 0.1),
        record("other", 0.202, "extra_trees", n=990),  # other data, the same place
        record("c", 0.6, split=1),
        record("new", 0.1, "frozen_encoder"),
    ]
    found = compare_cells(ours, published, 5, "mae")
    assert [(each.same_key, each.published) for each in found.pairs] == [(True, 0.3), (False, 0.2), (True, 0.1)]
    assert (found.num_equal, found.num_close, found.unpublished, found.missing) == (1, 1, 1, 1)
    assert "1 by more, at most by 100 %" in found.verdict
    assert json.loads(json.dumps(found.to_json("mae")))["cells"][0]["ours"] == 0.6
    nothing = compare_cells([], published, 0, "mae")
    assert "NOTHING" in nothing.verdict


def test_what_needs_no_measurements_is_compared_at_any_number_of_them():
    published = [record("a", 0.1, "simulated_value"), record("b", 0.2, "extra_trees")]
    ours = [replace(each, key="new", cell=replace(each.cell, target_size=100)) for each in published]
    found = compare_cells(ours, published, 2, "mae")
    assert [each.cell.policy for each in found.pairs] == ["simulated_value"]
    assert (found.num_equal, found.unpublished) == (1, 1)


def test_what_is_missing_is_said_with_its_place(tmp_path, own_data):
    with pytest.raises(DatasetNotFoundError, match=f"--measured FILE.*{own_data}/polymer/measured/density.csv"):
        provide_data(STUDIES["polymer_density"], None, tmp_path / "out", print)
    with pytest.raises(DatasetNotFoundError, match="cosmo_solvation"):
        provide_data(STUDIES["solvation"], None, tmp_path / "out", print)
    with pytest.raises(ValueError, match="--measured"):
        provide_data(STUDIES["chi"], "mine.csv", tmp_path / "out", print)
    provide_data(STUDIES["chi"], None, tmp_path / "out", print)  # all of it is in the package


def test_the_users_own_measurements_are_read_as_the_study_reads_them(tmp_path, own_data):
    rows = [f"*{'C' * number}O*,{1000 * (0.8 + 0.01 * number)}" for number in range(1, 9)]
    (tmp_path / "export.csv").write_text("\n".join(["SMILES,density [kg/m3]", *rows]))
    said = []
    provide_data(STUDIES["polymer_density"], str(tmp_path / "export.csv"), tmp_path / "out", said.append)
    found = find_below("polymer/measured/density.csv")
    assert found == tmp_path / "out/data/polymer/measured/density.csv"
    header, first, *others = found.read_text().splitlines()
    assert header == "smiles,density_g_cm3"
    assert len(others) == 7
    assert 0.8 < float(first.rpartition(",")[2]) < 0.9
    assert any("NOT THE SAME as the table measured_density" in line for line in said)
    assert data_folders()[1] == own_data


def test_several_data_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    (tmp_path / "b").mkdir()
    (tmp_path / "b/x.csv").write_text("a\n1\n")
    assert data_folders()[:2] == [tmp_path / "a", tmp_path / "b"]
    assert find_below("x.csv") == tmp_path / "b/x.csv"
    (tmp_path / f"c{os.pathsep}d").mkdir()
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path / f"c{os.pathsep}d"))
    assert data_folders()[0] == tmp_path / f"c{os.pathsep}d"


def test_mistakes_are_answered_in_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for argv, value in (
        [["nothing"], "chi_pairs"],
        [["--quick"], "reproduce list"],
        [["chi", "--measured", "x"], "chi"],
    ):
        assert main(["reproduce", *argv]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert value in line
    assert main(["reproduce", "list"]) == 0
    assert "density_open_quick" in capsys.readouterr().out


@pytest.mark.slow
def test_the_quick_part_of_a_study_has_published_keys_and_equal_trees(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gnn_sim2real.reproduce.run.smallest", lambda axes: Axes([0], [25], policy=["extra_trees"]))
    argv = ["reproduce", "density_open_quick", "--quick", "--output", str(tmp_path / "out"), "--launcher", "serial"]
    assert main([*argv, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "1 cells, 1 of them published under the same key; 0 pretrainings" in said
    assert "by the times that were published" in said
    assert not (tmp_path / "out/comparison.json").exists()
    assert main(argv) == 0
    found = json.loads((tmp_path / "out/comparison.json").read_text())
    assert (found["compared"], found["equal"], found["missing"]) == (1, 1, 0)
    assert found["cells"][0]["same_key"]
