"""Cells that fail, disks that are full: what is written down, what is said, what goes on."""

import errno
import json
import os

import pytest
import yaml
from studies import NUM_CELLS, results

from gnn_sim2real.cli.main import main
from gnn_sim2real.study import cells
from gnn_sim2real.tasks.library_entry import keep_pretrained


@pytest.fixture
def run(study_files):
    return lambda *options: main(["study", "run", "-c", str(study_files / "study.yaml"), *options])


def change(path, **settings):
    content = yaml.safe_load(path.read_text())
    content["model"]["init_args"] |= settings
    path.write_text(yaml.safe_dump(content))


def test_a_failing_cell_stops_no_other_is_kept_and_is_tried_again_when_asked(
    undisturbed, study_files, run, monkeypatch, capfd
):
    original, broken = cells.run_baseline, [True]

    def fail(key, point, *rest):
        if point.policy == "extra_trees" and broken:
            raise MemoryError("no room for the trees")
        return original(key, point, *rest)

    monkeypatch.setattr(cells, "run_baseline", fail)
    assert run() == 1
    said = capfd.readouterr()
    assert "2 cells failed" in said.out
    assert "cell (extra_trees, source size 0, target size 10, seed 0, split 0): MemoryError: no room" in said.out
    assert "--retry-failed" in said.out
    failures = [json.loads(path.read_text()) for path in (study_files / "out" / "failures").glob("*.json")]
    assert len(failures) == 2
    for failure in failures:
        assert any("raise MemoryError" in line for line in failure["traceback"])
        assert failure["config"]["model"]["class_path"].endswith("TargetFineTuning")
    assert len(results(study_files / "out")) == NUM_CELLS - 2

    assert run() == 1, "a failure is not forgotten"
    assert "0 cells computed" in capfd.readouterr().out
    assert main(["study", "status", str(study_files / "out")]) == 0
    assert f"{NUM_CELLS - 2} of {NUM_CELLS} cells done, 0 running, 2 failed, 0 waiting" in capfd.readouterr().out

    broken.clear()
    assert run("--retry-failed") == 0
    assert not list((study_files / "out" / "failures").iterdir())
    assert results(study_files / "out") == results(undisturbed)


def test_cells_of_a_failed_pretraining_are_not_computed(study_files, run, capfd):
    optimizer = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1e30}}
    change(study_files / "pretrain.yaml", optimizer=optimizer)
    assert run() == 1
    said = capfd.readouterr().out
    assert "16 cells failed" in said
    assert "pretraining (source size 10, seed 0, split 0): TrainingDivergedError" in said
    cells_left = {cell.policy for cell, *_ in results(study_files / "out").values()}
    assert cells_left == {"full", "extra_trees", "simulated_value"}
    assert not list((study_files / "out").glob("models/pretrainings/*"))


@pytest.mark.parametrize("where", ["record", "model", "plan"])
def test_a_full_disk_stops_the_study_and_loses_nothing(undisturbed, study_files, run, monkeypatch, capfd, where):
    written = []

    def fill(original, after):
        def write(*arguments):
            written.append(arguments)
            if len(written) > after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments)

        return write

    with monkeypatch.context() as patch:
        if where == "record":
            patch.setattr("gnn_sim2real.records.callback.write_record", fill(cells.write_record, 1))
        elif where == "model":
            patch.setattr("gnn_sim2real.study.jobs.keep_pretrained", fill(keep_pretrained, 1))
        else:
            patch.setattr("gnn_sim2real.study.plan.write_atomically", fill(print, 0))
        assert run() == 2
    said = capfd.readouterr().err
    assert "No space left on device" in said or f"the disk of {study_files / 'out'} is full" in said
    assert said.strip().endswith("make room, and the same command goes on from here")
    assert not list(study_files.glob("out/failures/*.json"))
    assert run() == 0
    assert results(study_files / "out") == results(undisturbed)
