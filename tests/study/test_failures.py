"""Cells that fail and disks that are full: what is saved, what is printed, what continues."""

import errno
import json
import os
import re

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


@pytest.mark.slow
def test_a_failing_cell_stops_no_other_and_is_computed_again_on_request(undisturbed, few, run, monkeypatch, capfd):
    original, broken = cells.run_baseline, [True]

    def fail(key, point, *rest):
        if point.policy == "extra_trees" and broken:
            raise MemoryError("no room for the trees")
        return original(key, point, *rest)

    monkeypatch.setattr(cells, "run_baseline", fail)
    assert run() == 1
    said = capfd.readouterr()
    assert re.search(r"\b1 cells failed\b", said.out)
    values = "extra_trees.* 0.* 10.* 0.* 0.*: MemoryError: no room for the trees"
    assert re.search(values, said.out)
    assert "--retry-failed" in said.out
    failures = [json.loads(path.read_text()) for path in (few / "out" / "failures").glob("*.json")]
    (failure,) = failures
    assert any("raise MemoryError" in line for line in failure["traceback"])
    assert failure["config"]["model"]["class_path"].endswith("TargetFineTuning")
    assert len(results(few / "out")) == NUM_FEW - 1

    assert run() == 1, "a failure is not forgotten"
    assert "0 cells computed" in capfd.readouterr().out
    assert main(["study", "status", str(few / "out")]) == 0
    assert re.search(rf"{NUM_FEW - 1} of {NUM_FEW} .*done, 0 running, 1 failed, 0 waiting", capfd.readouterr().out)

    broken.clear()
    assert run("--retry-failed") == 0
    assert not list((few / "out" / "failures").iterdir())
    found = results(few / "out")
    assert len(found) == NUM_FEW
    assert found.items() <= results(undisturbed).items()


@pytest.mark.slow
def test_cells_of_a_failed_pretraining_are_not_computed(few, run, capfd):
    optimizer = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1e30}}
    change(few / "pretrain.yaml", optimizer=optimizer)
    assert run() == 1
    said = capfd.readouterr().out
    assert re.search(r"\b2 cells failed\b", said)
    assert re.search("pretraining .*20.* 0.* 0.*: TrainingDivergedError", said)
    cells_left = {cell.policy for cell, *_ in results(few / "out").values()}
    assert cells_left == {"full", "extra_trees", "simulated_value"}
    assert not list((few / "out").glob("models/pretrainings/*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    ["record", "model", "plan"],
)
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
    assert re.search("error: .*(space|disk)", " ".join(said.split()))
    assert not list(few.glob("out/failures/*.json"))
    assert compute(few)["failed"] == 0
    found = results(few / "out")
    assert len(found) == NUM_FEW + 2
    assert found.items() <= results(undisturbed).items()
