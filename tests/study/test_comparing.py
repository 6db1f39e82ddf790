"""Studies that compare settings of one encoder, pretrainings and policies, and what they reuse."""

import json
import re
from pathlib import Path

import pytest
import yaml
from studies import FEW, compute, set_axes

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.record import read_records
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.plan import make_plan
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.reuse import find_reusable

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/comparing.md"
FINE_TUNED = FEW | {"policy": ["full"]}


def gine(width, path="gnn_sim2real.nn.GINE", **more):
    return {"class_path": path, "init_args": {"hidden_dim": width, "num_layers": 2, "dropout": 0.1}} | more


def names(folder):
    """Encoder and pretraining of each cell with its error, by source size and key."""
    cells = read_records(folder / "records")
    return {
        (each.cell.architecture, each.cell.pretraining, each.cell.source_size): each.metrics["mae"] for each in cells
    }


@pytest.mark.slow
def test_two_settings_of_one_class_are_told_apart_and_a_later_one_renames_the_first(study_files):
    set_axes(study_files, **FINE_TUNED, architecture=[gine(8)])
    assert compute(study_files)["done"] == 2
    alone = names(study_files / "out")
    assert alone.keys() == {("GINE", "", 0), ("GINE", "", 20)}
    set_axes(study_files, architecture=[gine(8), gine(4, name="narrow")])
    assert main(["study", "run", "-c", str(study_files / "study.yaml")]) == 0
    both = names(study_files / "out")
    assert {key[1:]: error for key, error in both.items() if key[0] == "GINE(hidden_dim=8)"} == {
        key[1:]: error for key, error in alone.items()
    }
    assert both.keys() - alone.keys() == {
        (name, "", size) for name in ("GINE(hidden_dim=8)", "narrow") for size in (0, 20)
    }
    rows = json.loads((study_files / "out/summary.json").read_text())["rows"]
    assert {(row["architecture"], row["source_size"]): row["mae"]["mean"] for row in rows} == {
        (name, size): error for (name, _, size), error in both.items()
    }
    assert "narrow" in (study_files / "out/report.html").read_text()
    set_axes(study_files, architecture=[gine(8)])
    assert compute(study_files)["cached"] == 2
    assert {("GINE", "", 0), ("GINE", "", 20)} < names(study_files / "out").keys()


def test_repeated_encoders_are_refused_before_anything_is_computed(few, capfd):
    set_axes(few, architecture=[gine(8), gine(8)])
    assert main(["study", "run", "-c", str(few / "study.yaml")]) == 2
    assert re.search("`architecture` .*GINE", capfd.readouterr().err)
    assert not (few / "out" / "records").exists()


@pytest.mark.slow
def test_pretrainings_are_compared_in_one_study(study_files):
    variants = [{"trainer.max_epochs": 2}, {"name": "with / without", "data.init_args.batch_size": 16}]
    set_axes(study_files, **FINE_TUNED, pretraining=variants)
    assert compute(study_files)["done"] == 3
    found = names(study_files / "out")
    assert found.keys() == {("GINE", "", 0), ("GINE", "max_epochs=2", 20), ("GINE", "with / without", 20)}
    assert len(set(found.values())) == 3
    saved = {
        (content["trainer"]["max_epochs"], content["data"]["init_args"]["batch_size"])
        for content in (yaml.safe_load(path.read_text()) for path in (study_files / "out").glob("pretrain*.yaml"))
    }
    assert saved == {(6, 32), (2, 32), (6, 16)}


def test_the_yaml_as_it_is_keeps_its_keys_as_an_entry(few):
    keys = {job.key for job in plan_of(few)[0].cells}
    set_axes(few, pretraining=[{"name": "as it is"}])
    assert {job.key for job in plan_of(few)[0].cells} == keys


def test_a_misspelled_setting_of_a_pretraining_is_refused(few, capfd):
    set_axes(few, pretraining=[{"trainer.max_epohcs": 2}])
    assert main(["study", "run", "-c", str(few / "study.yaml")]) == 2
    assert "max_epochs" in capfd.readouterr().err


def plan_of(folder):
    study, _ = read_study([str(folder / "study.yaml")], [])
    resolver = Resolver(study)
    return make_plan(study, resolver), resolver


def move_encoder(folder, place):
    """Let the encoder stand in the YAMLs, on the axis, there by its module, or in those of pretraining and scratch."""
    if place == "axis":
        set_axes(folder, architecture=[gine(8)])
    elif place == "module":
        set_axes(folder, architecture=[gine(8, "gnn_sim2real.nn.gine.GINE")])
    elif place == "source alone":
        (folder / "scratch.yaml").write_text((folder / "finetune.yaml").read_text())
        study, stage = (yaml.safe_load((folder / name).read_text()) for name in ("study.yaml", "finetune.yaml"))
        del stage["model"]["init_args"]["encoder"]
        (folder / "finetune.yaml").write_text(yaml.safe_dump(stage))
        (folder / "study.yaml").write_text(yaml.safe_dump(study | {"scratch": "scratch.yaml"}))


PLACES = ["YAML", "axis", "module", "source alone"]


@pytest.mark.slow
@pytest.mark.parametrize("published", PLACES)
def test_published_cells_are_found_wherever_the_encoder_stands(published, tmp_path, study_files):
    set_axes(study_files, **FEW)
    texts = {path: path.read_text() for path in study_files.glob("*.yaml")}
    move_encoder(study_files, published)
    assert compute(study_files)["failed"] == 0
    assert main(["study", "report", str(study_files / "out"), "--publish", str(tmp_path / "published")]) == 0
    result = read_published(tmp_path / "published.json")
    for place in PLACES:
        for path, text in texts.items():
            path.write_text(text)
        move_encoder(study_files, place)
        plan, resolver = plan_of(study_files)
        reuse = find_reusable(plan, resolver, result, ())
        assert reuse.reasons == []
        assert reuse.records.keys() == {job.key for job in plan.cells}


@pytest.mark.slow
def test_why_the_other_cells_are_computed(tmp_path, few, capfd):
    assert compute(few)["failed"] == 0
    assert main(["study", "report", str(few / "out"), "--publish", str(tmp_path / "published")]) == 0
    result = read_published(tmp_path / "published.json")

    def reasons(**axes):
        set_axes(few, **FEW, **axes)
        return find_reusable(*plan_of(few), result, ()).reasons

    assert reasons(policy=["full"]) == []
    (reason,) = reasons(policy=["full"], architecture=[gine(8), gine(4)])
    assert re.search(r"\b2 cells\b.*\bencoder\b.*GINE\(hidden_dim=4\)", reason)
    set_axes(few, architecture=[])
    (few / "pretrain.yaml").write_text((few / "pretrain.yaml").read_text().replace("max_epochs: 6", "max_epochs: 7"))
    (reason,) = reasons(policy=["full"])
    assert re.search(r"\b1 cell\b.*\bpretrain\.yaml\b.*\btrainer\.max_epochs\b", reason)
    set_axes(few, seed=[0, 5], policy=["full", "l2_sp"], source_size=[0, 20, 30])
    argv = ["study", "run", "-c", str(few / "study.yaml"), "--output", str(tmp_path / "new"), "--dry-run"]
    assert main([*argv, "--reuse", str(tmp_path / "published.json")]) == 0
    said = capfd.readouterr().out
    assert re.search(r"\b4 cells\b.*\bpolicy\b.*\bl2_sp\b", said)
    assert re.search(r"\b2 cells\b.*\bsource size\b.*\b30\b", said)
    assert re.search(r"\b2 cells\b.*\bseed\b.*\b5\b", said)


COMPARED = {
    "widths": ({"GINE(hidden_dim=8)", "GINE(hidden_dim=16)", "GINE(hidden_dim=32)"}, {""}, {"full"}),
    "pretrainings": ({"GINE"}, {"max_steps=50", "max_steps=200", "as in the demo"}, {"full"}),
    "policies": ({"GINE"}, {""}, {"full", "frozen_encoder", "gradual", "l2_sp"}),
}


@pytest.mark.release
@pytest.mark.parametrize("name", COMPARED)
def test_the_studies_of_the_page(name, tmp_path, capfd):
    """Each study of the page is the file that it names, and has a row for all that it compares."""
    path = f"configs/demo/{name}.yaml"
    shown = re.findall(r"```yaml[^\n]*\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert any(each in (ROOT / path).read_text() for each in shown)
    assert f"study run -c configs:demo/{name}.yaml" in PAGE.read_text()
    options = ["--output", str(tmp_path / "out"), "--axes.split", "[0, 1]"]
    assert main(["study", "run", "-c", str(ROOT / path), *options]) == 0
    architectures, pretrainings, policies = COMPARED[name]
    rows = json.loads((tmp_path / "out/summary.json").read_text())["rows"]
    for size in (100, 1000):
        found = {(row["architecture"], row["pretraining"], row["policy"]) for row in rows if row["source_size"] == size}
        assert found == {(a, b, c) for a in architectures for b in pretrainings for c in policies}
    assert {row["architecture"] for row in rows if row["source_size"] == 0} == architectures
    printed = capfd.readouterr().out
    assert all(each in printed for each in architectures | pretrainings)
