"""Whether a user's file equals the table behind a published result, told by hashes alone."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from gnn_sim2real.cli.main import main
from gnn_sim2real.data.published import (
    FOLDER,
    PublishedTable,
    compare_with_published,
    describe_likeness,
    find_published,
)
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import Property

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "datamodules" / FOLDER).glob("*.json"))
ROWS = {f"*{'C' * number}O*": 0.8 + 0.001 * number for number in range(1, 401)}


def table_of(rows, unit="g/cm3", name="density", factor=1.0):
    frame = pd.DataFrame({"smiles": [*rows], "value": [factor * each for each in rows.values()]})
    prop = Property(name, unit, column="value", lower=-1e9, upper=1e9)
    return clean_table(frame, material_column="smiles", properties=[prop], identity=lambda text: text, source="a")


@pytest.fixture(scope="module")
def published():
    return PublishedTable.of_table(table_of(ROWS), "mine", ("study",))


def test_the_same_table_in_another_unit_and_order_is_the_same(published):
    turned = dict(reversed(ROWS.items()))
    found = compare_with_published(table_of(turned, "kg/m3", factor=1000), published)
    assert found.is_same
    assert (found.num_materials, found.same_materials, found.same_values) == (400, 16, 16)


def test_parts_that_differ_are_counted(published):
    one = compare_with_published(table_of(ROWS | {"*CO*": 5.0}), published)
    assert (one.same_materials, one.same_values) == (16, 15)
    more = compare_with_published(table_of(ROWS | {"*CS*": 1.2}), published)
    assert (more.num_materials, more.same_materials, more.same_values) == (401, 15, 15)
    fewer = compare_with_published(table_of(dict([*ROWS.items()][1:])), published)
    assert (fewer.same_materials, fewer.same_values) == (15, 15)
    shifted = compare_with_published(table_of({name: value + 0.05 for name, value in ROWS.items()}), published)
    assert (shifted.same_materials, shifted.same_values) == (16, 0)
    assert not any(found.is_same for found in (one, more, fewer, shifted))
    assert any("another unit" in line for line in describe_likeness(shifted, published))


def test_another_property_is_refused(published):
    with pytest.raises(ValueError, match="density"):
        compare_with_published(table_of(ROWS, "K", "tg"), published)


def test_it_is_read_as_it_was_written(published, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(published.to_json()))
    assert PublishedTable.from_json(tmp_path / "a.json") == published


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_published_tables_are_those_of_the_results_and_hold_nothing_but_hashes(path):
    content = json.loads(path.read_text())
    assert set(content) == {"name", "results", "property", "unit", "num_materials", "parts"}
    assert re.fullmatch(r"[0-9a-f]{24}( [0-9a-f]{24})*", content["parts"])
    assert len(content["parts"].split()) <= content["num_materials"] / 24  # nothing of a single material
    found = PublishedTable.from_json(path)
    assert find_published()[path.stem] == found
    assert found.results
    for result in found.results:
        target = json.loads((ROOT / f"benchmarks/results/{result}.json").read_text())["data"]["target"]
        assert target["properties"][0] == found.property
        assert target["num_materials"] == found.num_materials
        assert find_published()[result] == found


def test_the_command_tells_whether_the_open_table_is_the_published_one(tmp_path, monkeypatch, capsys):
    from datamodules.open_data import OPEN_TABLES

    monkeypatch.chdir(tmp_path)
    frame = pd.read_parquet(OPEN_TABLES["simpoly"].file)[["smiles", "density_g_cm3"]].dropna()
    frame.to_csv("own.csv", index=False)
    argv = ["data", "check", "own.csv", "--property", "density", "--unit", "g/cm3", "--column", "density_g_cm3"]
    assert main([*argv, "--like", "density_open_quick", "--json", "same.json"]) == 0
    assert "THE SAME as the table simpoly" in capsys.readouterr().out
    assert json.loads(Path("same.json").read_text())["like"]["is_same"]
    frame.iloc[10:].to_csv("own.csv", index=False)
    assert main([*argv, "--like", "density_open_quick"]) == 0
    said = capsys.readouterr().out
    assert "NOT THE SAME" in said
    assert "120" in said
    assert main([*argv, "--like", "nothing"]) == 2
    assert "polymer_density" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.realdata
def test_the_measured_densities_are_those_of_the_result(real_data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = real_data / "polymer/measured/density.csv"
    argv = ["data", "check", str(file), "--property", "density", "--unit", "g/cm3", "--like", "polymer_density"]
    assert main([*argv, "--json", "a.json"]) == 0
    assert json.loads(Path("a.json").read_text())["like"]["is_same"]
