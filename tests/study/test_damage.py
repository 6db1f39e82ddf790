"""Damaged files of a study are made again, with a line; what is sound stays, and all numbers are those of before."""

import json
import os
import re
import shutil
import time
from dataclasses import replace

import pytest
from libraries import flip_byte
from studies import compute, results, set_axes

from gnn_sim2real.cli.main import main
from gnn_sim2real.launchers.claims import PATIENCE, Claims
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.kinds import make_resolver
from gnn_sim2real.study.plan import load_valid_plan, set_aside_damaged

DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "not UTF-8": lambda content: b"\xff\xfe" + content,
    "flipped": lambda content: content[:300] + bytes([content[300] ^ 1]) + content[301:],
}


@pytest.fixture
def copy(undisturbed, study_files):
    """A copy of the output of a finished study, beside its YAMLs."""
    shutil.copytree(undisturbed, study_files / "out")
    return study_files / "out"


def damage(path, how):
    path.write_bytes(DAMAGES[how](path.read_bytes()))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["empty", "flipped"])
def test_a_damaged_record_is_computed_again(copy, undisturbed, how, caplog):
    set_axes(copy.parent, policy=["simulated_value"])
    (path, *_) = (
        path
        for path in (copy / "records").glob("*.json")
        if path.stem.isalnum() and "simulated_value" in path.read_text()
    )
    damage(path, how)
    assert compute(copy.parent)["done"] == 1
    assert path.name in caplog.text
    assert results(copy) == results(undisturbed)
    assert path.with_name(f"{path.name}.damaged").exists()
    caplog.clear()
    assert compute(copy.parent)["done"] == 0
    assert "again" not in caplog.text


@pytest.mark.slow
def test_a_record_whose_errors_are_gone_is_computed_again(copy, undisturbed, caplog):
    set_axes(copy.parent, policy=["simulated_value"])
    records = [path for path in (copy / "records").glob("*.json") if path.stem.isalnum()]
    (path, *_) = (path for path in records if "simulated_value" in path.read_text())
    sidecar = path.with_name(f"{path.stem}.errors.json")
    sidecar.unlink()
    assert compute(copy.parent)["done"] == 1
    assert sidecar.name in caplog.text
    assert results(copy) == results(undisturbed)
    assert sidecar.exists()


@pytest.mark.slow
def test_many_damaged_records_are_one_line_and_three_examples(copy, caplog):
    study, _ = read_study([str(copy.parent / "study.yaml")], [])
    plan = load_valid_plan(study, make_resolver(study))
    for job in plan.cells:
        damage(study.records / f"{job.key}.json", "empty")
    set_aside_damaged(study, replace(plan, models={}))
    lines = [record.message for record in caplog.records if str(study.records) in record.message]
    assert len(lines) == 4
    assert lines[0].startswith(f"{len(plan.cells)} ")
    assert len(list(study.records.glob("*.damaged"))) == len(plan.cells)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "how"),
    [("weights.safetensors", "cut"), ("card.json", "flipped"), ("link", "not UTF-8"), ("link", "exchanged")],
)
def test_a_damaged_model_is_trained_again(copy, undisturbed, name, how, caplog):
    set_axes(copy.parent, policy=["none"], source_size=[20], seed=[0])
    records = {path.name: json.loads(path.read_text()) for path in (copy / "records").glob("*[0-9a-f].json")}
    (cell,) = (
        name
        for name, each in records.items()
        if (each["cell"]["source_level"], each["cell"]["policy"], each["cell"]["seed"]) == ("20", "full", 0)
    )
    for each in (copy / "records").glob(f"{cell[:-5]}*"):
        each.unlink()
    library = ModelLibrary(copy / "models")
    (card,) = (card for card in library.cards() if card.size == 20 and card.seed == 0)
    link = copy / "models" / "pretrainings" / card.pretraining
    path = link if name == "link" else library.folder / card.key / name
    if how == "exchanged":
        other = next(each for each in library.cards() if each.key != card.key)
        path.write_text(other.key) if name == "link" else shutil.copy(library.folder / other.key / name, path)
    else:
        damage(path, how)
    assert compute(copy.parent)["done"] == 1
    assert results(copy) == results(undisturbed)
    if name != "link" or how == "exchanged":
        assert "trained again" in caplog.text
    assert ModelLibrary(copy / "models").card(link.read_text()).pretraining == card.pretraining


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_plan_is_made_again(copy, how, caplog, capfd):
    set_axes(copy.parent, policy=["simulated_value"])
    compute(copy.parent)
    damage(copy / "plan.parquet", how)
    assert main(["study", "status", str(copy)]) == 2
    assert "plan.parquet" in capfd.readouterr().err
    assert compute(copy.parent)["done"] == 0
    assert "plan.parquet" in caplog.text
    assert main(["study", "status", str(copy)]) == 0


@pytest.mark.parametrize("how", ["empty", "cut", "not UTF-8"])
def test_damaged_settings_of_a_study_are_said(copy, how, capfd):
    damage(copy / "study.yaml", how)
    assert main(["study", "status", str(copy)]) == 2
    assert "study.yaml" in capfd.readouterr().err


@pytest.mark.parametrize(
    "content", [b"", b'{"host": "x", "proc', b"\xff\xfe", b"[]", b'{"host": 1, "process": "x", "since": 0}']
)
def test_a_damaged_claim_is_taken_over_after_a_while_with_a_line(tmp_path, content, caplog):
    claims = Claims(tmp_path)
    path = tmp_path / "job.json"
    path.write_bytes(content)
    with claims.hold("job") as held:
        assert not held  # it may just be being written
    assert claims.running() == []
    os.utime(path, (time.time() - 2 * PATIENCE,) * 2)
    with claims.hold("job") as held:
        assert held
    assert str(path) in caplog.text
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_model_that_no_open_cell_needs_is_left_alone(copy, undisturbed, caplog):
    set_axes(copy.parent, policy=["simulated_value"])
    for path in (copy / "models").glob("*/weights.safetensors"):
        flip_byte(path)
    assert compute(copy.parent)["done"] == 0
    assert "again" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe\x00", b"trainer: [", b"trainer: 5", b"{}"])
def test_a_report_is_made_although_the_settings_of_its_loggers_are_damaged(copy, content, caplog):
    (copy / "finetune.yaml").write_bytes(content)
    assert main(["study", "report", str(copy)]) == 0
    assert re.search(r"finetune\.yaml\b.*\bdamaged", caplog.text)
