"""A cell that is killed in the middle of its training ends with the digits of an undisturbed one."""

import os
import signal
import time

import pytest
import torch
from killed import KillAt, Killed

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.record import read_records
from gnn_sim2real.study import cells
from gnn_sim2real.study import run as run_of_study
from gnn_sim2real.study.cells import CellRunner
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.grid import Axes
from gnn_sim2real.study.plan import make_plan


def killing(make, epoch):
    """The stage's `make`, with a callback that kills the training at this epoch."""
    return lambda config, callbacks, loggers=(): make(config, [*callbacks, KillAt(epoch)], loggers)


def run(study_files, name, monkeypatch, kill_epochs=()):
    study, _ = read_study(
        [str(study_files / "study.yaml")], ["--output", str(study_files / name), "--checkpoint_interval", "0"]
    )
    study.axes = Axes([20], [10], policy=["full"])
    for epoch in kill_epochs:
        runner = CellRunner(study)
        (cell,), models = (plan := make_plan(study, runner.resolver)).cells, plan.models
        for stage in (runner.resolver.pretrain, runner.resolver.finetune):
            monkeypatch.setattr(stage, "make", killing(stage.make, epoch))
        with pytest.raises(Killed):
            [runner.run(job) for job in (*models.values(), cell)]
    runner = CellRunner(study)
    plan = make_plan(study, runner.resolver)
    outcomes = [runner.run(job) for job in (*plan.models.values(), *plan.cells)]
    assert outcomes[-1] == "done"
    (record,) = read_records(study.records)
    (weights,) = (study.folder / "models").glob("*/weights.safetensors")
    return record, weights.read_bytes()


@pytest.mark.slow
def test_resume_inside_a_cell_digit_for_digit(study_files, monkeypatch):
    torch.set_num_threads(1)
    undisturbed, weights = run(study_files, "whole", monkeypatch)
    killed, resumed_weights = run(study_files, "killed", monkeypatch, kill_epochs=(3, 5, 2))
    assert resumed_weights == weights
    assert killed.key == undisturbed.key
    assert dict(killed.metrics) == dict(undisturbed.metrics)
    assert not list((study_files / "killed" / "unfinished").glob("*.ckpt"))


def test_a_damaged_checkpoint_is_thrown_away(tmp_path):
    path = tmp_path / "cell.ckpt"
    path.write_bytes(b"half of a chec")
    assert cells.EpochCheckpoint(path).resume_from() is None
    assert not path.exists()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_checkpoint_with_code_is_thrown_away_and_not_run(tmp_path):
    path = tmp_path / "cell.ckpt"
    torch.save({"state_dict": {}, "callbacks": Bomb(tmp_path / "exploded")}, path)
    assert cells.EpochCheckpoint(path).resume_from() is None
    assert [each.name for each in tmp_path.iterdir()] == []


def test_a_study_that_is_ended_while_it_plans_says_so_and_loses_nothing(few, monkeypatch, capfd):
    def ended(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    words = ["study", "run", "-c", str(few / "study.yaml")]
    with monkeypatch.context() as patched:
        patched.setattr(run_of_study, "make_plan", ended)
        assert main(words) == 130
    assert "stopped" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert not list(few.rglob("*.part"))
