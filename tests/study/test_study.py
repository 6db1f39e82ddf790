"""The engine on a real, small grid: every record once, the same digits however it was run."""

import json
import logging
import re
import shutil
import time

import pytest
import yaml
from studies import NUM_CELLS, NUM_MODELS, compute, results, running_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.featurize.identity import identity_hash, repeat_unit_identity
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.records.record import read_errors, read_records
from gnn_sim2real.study import run
from gnn_sim2real.study.cells import CellRunner
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.page.tables import results_table
from gnn_sim2real.study.plan import make_plan
from gnn_sim2real.study.report import summary_table
from gnn_sim2real.study.resolve import Resolver


def test_one_command_gives_records_table_law_figure_and_configuration(undisturbed):
    printed = (undisturbed.parent / "printed.txt").read_text()
    assert len(results(undisturbed)) == NUM_CELLS
    for value in ("from scratch", "alpha", "90 %", "extra trees", "[g/cm³]"):
        assert value in printed
    summary = json.loads((undisturbed / "summary.json").read_text())
    assert summary["unit"] == "g/cm3"
    assert summary["num_records"] == NUM_CELLS
    assert (undisturbed / "scaling_law.png").stat().st_size > 10_000
    assert {path.name for path in undisturbed.glob("*.yaml")} == {
        "study.yaml",
        "pretrain.yaml",
        "finetune.yaml",
        "scratch.yaml",
    }


class HalfDone:
    """A schedule of ten cells, one of them done before; each look finds one more done."""

    num_models_missing = 2

    def __init__(self):
        self.looks = 0
        self.outcomes = self

    def total(self):
        self.looks += 1
        return min(self.looks, 10)


def test_a_log_says_how_far_the_study_is_while_a_job_goes_on(caplog, monkeypatch):
    monkeypatch.setattr(run, "LOG_INTERVAL", 0.01)
    schedule = HalfDone()
    with caplog.at_level(logging.INFO, "gnn_sim2real.study.run"), run._lines(schedule, 10, is_wanted=True):
        while schedule.looks < 10:
            time.sleep(0.01)
    done = [int(re.match(r"(\d+) of 10", line.getMessage())[1]) for line in caplog.records]
    assert done[:4] == [2, 3, 4, 5]
    assert all(re.search(r" 2 models .* left$", line.getMessage()) for line in caplog.records[:4])
    said = len(caplog.records)
    time.sleep(0.05)
    assert len(caplog.records) == said  # it ends with the study
    with run._lines(schedule, 10, is_wanted=False):
        time.sleep(0.05)
    assert len(caplog.records) == said


def test_r2_is_a_column_where_a_test_part_has_one(undisturbed):
    summary = json.loads((undisturbed / "summary.json").read_text())
    first, *others = summary["rows"]
    assert not any(row.get("r2") for row in summary["rows"])  # two test materials have none
    for given, number in ((summary, 0), (summary | {"rows": [first | {"r2": {"mean": 0.5}}, *others]}, 1)):
        table = results_table(given)
        assert table.headings.count("R²") == number
        assert {len(row) for row in table.rows} == {len(table.headings)}
        printed = summary_table("mae", given)
        assert [column.header for column in printed.columns].count("R2") == number
        assert printed.columns[-1].header == "runs"
        assert all(printed.columns[-1].cells)


def test_a_second_run_computes_nothing_and_status_agrees(undisturbed, tmp_path, capfd):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed, copy)
    before = {path.name: path.stat().st_mtime_ns for path in (copy / "records").iterdir()}
    argv = ["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--output", str(copy)]
    assert main(argv) == 0
    assert re.search(rf"\b0 cells computed, {NUM_CELLS} ", capfd.readouterr().out)
    assert {path.name: path.stat().st_mtime_ns for path in (copy / "records").iterdir()} == before
    assert main(["study", "status", str(copy)]) == 0
    assert f"{NUM_CELLS} of {NUM_CELLS} cells done" in capfd.readouterr().out


def test_no_test_material_is_in_the_source_of_any_model(undisturbed):
    tested = {
        name
        for record in read_records(undisturbed / "records")
        for name in read_errors(undisturbed / "records", record.key)
    }
    target = (undisturbed.parent / "target.csv").read_text().split()[1:]
    known = {identity_hash(repeat_unit_identity(row.split(",")[0])) for row in target}
    assert tested <= known
    num_tested = round(0.2 * len(known))
    library = ModelLibrary(undisturbed / "models")
    models = library.keys()
    assert len(models) == NUM_MODELS
    assert library.verify(strict=True) == {}
    for key in models:
        assert not library.identities(key) & tested
        card = library.content(key)
        assert card["data"]["num_removed"] >= num_tested
        assert card["data"]["size"] <= card["data"]["num_materials"] - card["data"]["num_removed"]


def test_test_part_is_the_same_along_a_curve(undisturbed):
    parts = {
        frozenset(read_errors(undisturbed / "records", record.key))
        for record in read_records(undisturbed / "records")
        if record.cell.policy != "simulated_value"
    }
    assert len(parts) == 1


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (("seed:", "sead:"), "sead"),
        (("pretrain.yaml", "nowhere.yaml"), r"nowhere\.yaml"),
        (("- none", "- nune"), "nune"),
        (("output:", "outputt:"), "outputt"),
        (("- 10\n  seed", "- 9999\n  seed"), "source size 0, target size 9999"),
        (("axes:", "gpus: 1.5\naxes:"), r"`gpus` .*1\.5"),
        (("axes:", "gpus: 1\naxes:"), r"`gpus` .*--launcher ray"),
        (("axes:", "workers: 0\naxes:"), r"`workers` .*\b1, got 0"),
    ],
)
def test_a_mistake_in_a_study_is_named(study_files, capfd, change, values):
    path = study_files / "study.yaml"
    path.write_text(path.read_text().replace(*change))
    try:
        code = main(["study", "run", "-c", str(path)])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert re.search(values, capfd.readouterr().err)


def test_a_stage_on_several_devices_is_refused(study_files, capfd):
    path = study_files / "pretrain.yaml"
    path.write_text(path.read_text().replace("accelerator: cpu", "accelerator: cpu\n  devices: 2"))
    assert main(["study", "run", "-c", str(study_files / "study.yaml")]) == 2
    assert re.search("pretrain .*devices 2, num_nodes 1", capfd.readouterr().err)


def test_callbacks_of_a_single_training_are_left_to_the_study(few):
    study, _ = read_study([str(few / "study.yaml")], [])
    keys = {job.key for job in make_plan(study, Resolver(study)).cells}
    path = few / "finetune.yaml"
    stage = yaml.safe_load(path.read_text())
    names = ("ModelCheckpoint", "RichProgressBar")
    stage["trainer"]["callbacks"] = [{"class_path": f"lightning.pytorch.callbacks.{name}"} for name in names]
    path.write_text(yaml.safe_dump(stage))
    assert compute(few)["failed"] == 0
    assert {record.key for record in read_records(few / "out/records")} == keys
    assert not list(few.rglob("*.ckpt"))


def test_status_of_a_folder_without_study(tmp_path, capfd):
    assert main(["study", "status", str(tmp_path)]) == 2
    assert re.search(rf"{tmp_path.name} .*study\.yaml", capfd.readouterr().err)


@pytest.mark.slow
def test_a_study_takes_the_pretrained_models_of_another(undisturbed, study_files, monkeypatch):
    def refuse(*_):
        raise AssertionError("a model is trained that is there")

    monkeypatch.setattr(CellRunner, "_pretrain", refuse)
    shutil.copytree(undisturbed / "models", study_files / "models")
    assert compute(study_files, "--models", str(study_files / "models")) == {"done": NUM_CELLS}
    assert results(study_files / "out") == results(undisturbed)
    assert not (study_files / "out" / "models").exists()


@pytest.mark.slow
def test_two_studies_share_their_pretrained_models_even_at_a_time(undisturbed, study_files):
    models, words = study_files / "models", ["--models", str(study_files / "models"), "--output"]
    with (
        running_study(study_files, *words, str(study_files / "a"), prints=study_files / "prints a") as first,
        running_study(study_files, *words, str(study_files / "b"), prints=study_files / "prints b") as second,
    ):
        assert (first.wait(), second.wait()) == (0, 0), first.said + second.said
    assert len(list(models.glob("pretrainings/*"))) == len(ModelLibrary(models).keys()) == NUM_MODELS
    assert not list((models / "claims").glob("*.json"))
    for name in "ab":
        assert results(study_files / name) == results(undisturbed)
        assert not (study_files / name / "models").exists()


@pytest.mark.slow
def test_a_study_of_how_the_source_grows(study_files, capfd):
    path, pretrain = study_files / "study.yaml", study_files / "pretrain.yaml"
    pretrain.write_text(pretrain.read_text().replace("    batch_size", "    cost: num_atoms^2\n    batch_size"))
    study = yaml.safe_load(path.read_text())
    study["axes"] = {"source_size": [0, 30], "target_size": [10], "growth": ["random", "diversity", "cheapest"]}
    path.write_text(yaml.safe_dump(study))
    assert main(["study", "run", "-c", str(path)]) == 0
    records = read_records(study_files / "out" / "records")
    assert [(each.cell.source_size, each.cell.growth) for each in records] == [
        (0, "random"),
        (30, "cheapest"),
        (30, "diversity"),
        (30, "random"),
    ]
    assert len({each.data["source"]["parts"] for each in records if each.data["source"]}) == 3
    assert "grown by diversity" in capfd.readouterr().out
