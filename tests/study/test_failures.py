"""Cells that fail, disks that are full: what is written down, what is said, what goes on."""

import errno
import json
import os

import pytest
import yaml
from studies import NUM_FEW, compute, results, set_axes

from gnn_sim2real.cli.main import main
from gnn_sim2real.study import cells
from gnn_sim2real.tasks.library_entry import save_pretrained


@pytest.fixture
def run(few):
    return lambda *options: main(["study", "run", "-c", str(few / "study.yaml"), *options])


def change(path, **settings):
    content = yaml.safe_load(path.read_text())
    content["model"]["init_args"] |= settings
    path.write_text(yaml.safe_dump(content))


def test_a_failing_cell_stops_no_other_is_kept_and_is_tried_again_when_asked(undisturbed, few, run, monkeypatch, capfd):
    original, broken = cells.run_baseline, [True]

    def fail(key, point, *rest):
        if point.policy == "extra_trees" and broken:
            raise MemoryError("no room for the trees")
        return original(key, point, *rest)

    monkeypatch.setattr(cells, "run_baseline", fail)
    assert run() == 1
    said = capfd.readouterr()
    assert "1 cells failed" in said.out
    assert "cell (extra_trees, source size 0, target size 10, seed 0, split 0): MemoryError: no room" in said.out
    assert "--retry-failed" in said.out
    failures = [json.loads(path.read_text()) for path in (few / "out" / "failures").glob("*.json")]
    (failure,) = failures
    assert any("raise MemoryError" in line for line in failure["traceback"])
    assert failure["config"]["model"]["class_path"].endswith("TargetFineTuning")
    assert len(results(few / "out")) == NUM_FEW - 1

    assert run() == 1, "a failure is not forgotten"
    assert "0 cells computed" in capfd.readouterr().out
    assert main(["study", "status", str(few / "out")]) == 0
    assert f"{NUM_FEW - 1} of {NUM_FEW} cells done, 0 running, 1 failed, 0 waiting" in capfd.readouterr().out

    broken.clear()
    assert run("--retry-failed") == 0
    assert not list((few / "out" / "failures").iterdir())
    found = results(few / "out")
    assert len(found) == NUM_FEW
    assert found.items() <= results(undisturbed).items()


def test_cells_of_a_failed_pretraining_are_not_computed(few, run, capfd):
    optimizer = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1e30}}
    change(few / "pretrain.yaml", optimizer=optimizer)
    assert run() == 1
    said = capfd.readouterr().out
    assert "2 cells failed" in said
    assert "pretraining (source size 20, seed 0, split 0): TrainingDivergedError" in said
    cells_left = {cell.policy for cell, *_ in results(few / "out").values()}
    assert cells_left == {"full", "extra_trees", "simulated_value"}
    assert not list((few / "out").glob("models/pretrainings/*"))


@pytest.mark.parametrize("where", ["record", "model", "plan"])
def test_a_full_disk_stops_the_study_and_loses_nothing(undisturbed, few, run, monkeypatch, capfd, where):
    written = []
    set_axes(few, source_size=[0, 20, 40])  # two pretrained models, so that one is there when the disk is full

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
            patch.setattr("gnn_sim2real.study.jobs.save_pretrained", fill(save_pretrained, 1))
        else:
            patch.setattr("gnn_sim2real.study.plan.write_atomically", fill(print, 0))
        assert run() == 2
    said = capfd.readouterr().err
    assert "No space left on device" in said or f"the disk of {few / 'out'} is full" in said
    assert said.strip().endswith("make room, and the same command goes on from here")
    assert not list(few.glob("out/failures/*.json"))
    assert compute(few)["failed"] == 0
    found = results(few / "out")
    assert len(found) == NUM_FEW + 2
    assert found.items() <= results(undisturbed).items()
