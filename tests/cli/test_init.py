"""A new project: it runs at once, its rows are those of the script that made them, and nothing is overwritten."""

import copy
import json
import math

import made_up_rows
import pandas as pd
import pytest
import yaml

from gnn_sim2real.cli.init import kinds, write_project
from gnn_sim2real.cli.main import main
from gnn_sim2real.config.lightning_cli import read_stage
from gnn_sim2real.config.shipped import configs_folder

KINDS = ["composition", "crystal", "molecule", "pair", "polymer"]


def test_every_kind_of_material_has_one():
    assert kinds() == KINDS


@pytest.mark.release
def test_the_rows_are_those_of_the_script(tmp_path):
    made_up_rows.main(tmp_path)
    for path in tmp_path.glob("*/*"):
        assert path.read_bytes() == (configs_folder() / "project" / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_read_whole_and_share_what_they_should(kind, tmp_path, monkeypatch):
    write_project(tmp_path / "new", kind, {})
    monkeypatch.chdir(tmp_path / "new")
    parser, config = read_stage(tmp_path / "new/pretrain.yaml", [])
    config = copy.deepcopy(config)  # what was read is remembered
    config.model = None
    source = parser.instantiate(config).data
    (target,) = source.settings.excluded
    assert source.table.quarantine.empty
    assert target.table.quarantine.empty
    assert len(target.table.identities) >= 0.9 * made_up_rows.NUM_MEASURED
    assert len(source.table.identities) >= 0.9 * made_up_rows.NUM_SIMULATED
    assert set(source.table.groups) & set(target.table.groups)
    tested = {target.table.groups[row] for row in target.parts.test}
    assert tested
    assert not tested & {source.table.groups[row] for row in source.parts.train}


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=pytest.mark.slow if each == "pair" else pytest.mark.release) for each in KINDS]
)
def test_it_runs(kind, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine", "--kind", kind]) == 0
    said = capfd.readouterr().out
    assert "gnn-sim2real study run -c study.yaml" in said
    monkeypatch.chdir(tmp_path / "mine")
    few = ["--axes.source_size", "[0, 20, 50, 120, all]", "--axes.split", "[0]", "--launcher", "serial"]
    assert main(["study", "run", "-c", "study.yaml", *few]) == 0
    summary = json.loads((tmp_path / "mine/runs/study/summary.json").read_text())
    assert len(summary["rows"]) == 14
    assert all(math.isfinite(row["mae"]["mean"]) for row in summary["rows"])
    assert (tmp_path / "mine/runs/study/report.html").stat().st_size > 0


def settings_of_data(path):
    content = yaml.safe_load(path.read_text())["data"]["init_args"]
    return [content, *([content["exclude"]["init_args"]] if "exclude" in content else [])]


def test_own_files_take_the_place_of_the_rows(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name, scale in (("my measured.csv", 1.0), ("computed.csv", 0.9)):
        rows = pd.DataFrame(
            {"PSMILES": ["*CC*", "*CC(*)C", "*CO*"], "Tg [K]": [scale * each for each in (200, 260, 210)]}
        )
        rows.to_csv(tmp_path / name, index=False)
    own = ["--measured", "my measured.csv", "--simulated", "computed.csv", "--property", "tg", "--unit", "K"]
    assert main(["init", "mine", "--kind", "polymer", *own]) == 0
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "finetune.yaml",
        "pretrain.yaml",
        "scratch.yaml",
        "study.yaml",
    ]
    paths = []
    for name in ("pretrain", "finetune", "scratch"):
        for settings in settings_of_data(tmp_path / f"mine/{name}.yaml"):
            assert (settings["property"], settings["unit"]) == ("tg", "K")
            paths.append(settings["path"])
            assert settings.get("size", "all") == "all"  # 20 are more than there may be
    assert yaml.safe_load((tmp_path / "mine/study.yaml").read_text())["axes"]["target_size"] == ["all"]
    assert paths == [str(tmp_path / "computed.csv"), *[str(tmp_path / "my measured.csv")] * 3]
    assert "made up" not in (tmp_path / "mine/study.yaml").read_text().split("title:")[1].split("\n")[0]
    capfd.readouterr()
    assert main(["data", "check", paths[1], "--property", "tg", "--unit", "K"]) == 0
    assert "rows read      3" in capfd.readouterr().out


@pytest.mark.parametrize(("number", "sizes"), [(48, [0, 6, 12, 24, "all"]), (400, [0, 20, 50, 120, "all"])])
def test_sizes_of_the_source_are_those_that_a_table_has(number, sizes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"smiles": ["C" * each for each in range(1, number + 1)], "homo [eV]": -6.0}).to_csv(
        "rows.csv", index=False
    )
    own = ["--measured", "rows.csv", "--simulated", "rows.csv", "--property", "homo", "--unit", "eV"]
    assert main(["init", "mine", "--kind", "molecule", *own]) == 0
    assert yaml.safe_load((tmp_path / "mine/study.yaml").read_text())["axes"]["source_size"] == sizes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "alloy"], "alloy"),
        (["--kind", "polymer", "--measured", "there.csv"], "--simulated"),
        (
            ["--kind", "polymer", "--measured", "a.csv", "--simulated", "b.csv", "--property", "p", "--unit", "K"],
            "a.csv",
        ),
        (["--kind", "pair", "--measured", "a", "--simulated", "b", "--property", "p", "--unit", "K"], "YAMLs"),
    ],
)
def test_wrong_words_leave_nothing(options, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine", *options]) == 2
    assert said in capfd.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_nothing_is_overwritten(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/study.yaml").write_text("mine")
    assert main(["init", "mine", "--kind", "polymer"]) == 2
    assert "mine" in capfd.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["study.yaml"]
    assert (tmp_path / "mine/study.yaml").read_text() == "mine"
