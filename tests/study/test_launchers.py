"""Whatever computes a study, and whatever happens to it: the same records, digit for digit."""

import logging
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
import yaml
from processes import running, wait_until
from slow_to_import import start_workers
from studies import (
    NUM_CELLS,
    NUM_FEW,
    NUM_MODELS,
    compute,
    num_records,
    pretraining_keys,
    results,
    running_study,
    wait_for_records,
)

from gnn_sim2real.cli.main import main
from gnn_sim2real.launchers import JobLostError
from gnn_sim2real.launchers import drive as drive_module
from gnn_sim2real.launchers import processes as processes_module
from gnn_sim2real.launchers.base import Place, Work
from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.launchers.serial import Serial
from gnn_sim2real.records.record import read_records
from gnn_sim2real.study import run as run_module
from gnn_sim2real.study import schedule as schedule_module
from gnn_sim2real.study.cells import CellRunner
from gnn_sim2real.study.config import load_saved_config, read_study
from gnn_sim2real.study.status import get_status
from gnn_sim2real.tasks.base import PropertyRegression


@contextmanager
def held_open(undisturbed: Path, folder: Path, num_models: int = 1) -> Iterator[None]:
    """Be at some of its models, each for two cells, so that it is not over before the test has done what it wants."""
    with ExitStack() as at_them:
        for key in pretraining_keys(undisturbed)[:num_models]:
            assert at_them.enter_context(Claims(folder / "claims").hold(key))
        yield


def computing_processes(folder: Path) -> set[int]:
    return {record.provenance["process"] for record in read_records(folder / "records")}


def test_one_of_the_workers_says_what_all_see_in_the_graphs(study_files, monkeypatch):
    started = []
    monkeypatch.setattr(processes_module.Processes, "_start", lambda self, is_first=False: started.append(is_first))
    study, _ = read_study([str(study_files / "study.yaml")], [])
    processes_module.Processes(Work(Place(workers=3), partial(CellRunner, study)))
    assert started == [True, False, False]
    monkeypatch.setattr(processes_module.signal, "signal", lambda *_: None)
    monkeypatch.setattr(processes_module, "set_up_logging", lambda: None)
    monkeypatch.setattr(processes_module, "quiet_lightning", lambda: None)
    monkeypatch.setattr(processes_module, "_WORK", None)
    said = logging.getLogger("gnn_sim2real.store.isolated")
    processes_module._set_up_worker(study, True)
    assert said.isEnabledFor(logging.WARNING)
    processes_module._set_up_worker(study, False)
    assert not said.isEnabledFor(logging.WARNING)
    said.setLevel(logging.NOTSET)


@pytest.mark.slow
def test_a_killed_worker_is_replaced(undisturbed, study_files):
    """Until then it is held, so that the other worker computes as well; meanwhile `status` counts."""
    other, done = study_files / "out", []
    with running_study(study_files, "--launcher", "processes", "--workers", "2") as command:
        with held_open(undisturbed, other, num_models=4):
            wait_for_records(command, other, 1)
            victim = computing_processes(other).pop()
            os.kill(victim, signal.SIGSTOP)
        before = num_records(other)

        def others_went_on():
            assert command.is_running, command.said
            status = get_status(load_saved_config(other))
            in_work = sum(status.running.values())
            assert status.done + status.waiting <= NUM_CELLS <= status.done + status.waiting + in_work
            assert in_work <= 2
            assert 0 < status.seconds_left < 3600
            done.append(status.done)
            return num_records(other) >= before + 3  # by then the victim was given a job as well

        wait_until(others_went_on, "the other worker computes nothing")
        assert done == sorted(done)
        assert len(computing_processes(other)) == 2
        os.kill(victim, signal.SIGKILL)
        assert command.wait() == 0, command.said
    assert re.search(r"restarting (cell|pretraining) .*: .*killed", " ".join(command.said.split()))
    assert results(other) == results(undisturbed)


@pytest.mark.slow
def test_workers_end_with_a_study_that_is_killed_while_they_start(tmp_path):
    with running(tmp_path, start_workers) as study:
        wait_until(lambda: "started" in study.printed, study.said)
        workers = psutil.Process(study.pid).children(recursive=True)
        assert len(workers) >= 2
        os.kill(study.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, 45)
        assert not alive, "they import for a minute"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_processes_give_the_digits_of_one(undisturbed, study_files, capfd, workers):
    other = study_files / "parallel"
    command = ["study", "run", "-c", str(study_files / "study.yaml"), "--launcher", "processes"]
    assert main([*command, "--workers", str(workers), "--output", str(other)]) == 0
    assert results(other) == results(undisturbed)
    assert os.getpid() not in computing_processes(other)
    assert len(computing_processes(other)) <= workers
    assert main(["study", "status", str(other)]) == 0
    printed = capfd.readouterr().out
    assert re.search(rf"{NUM_CELLS} of {NUM_CELLS} .*done, 0 running, 0 failed, 0 waiting", printed)
    assert f"{NUM_MODELS} of {NUM_MODELS} pretrained models" in printed
    assert "time left" not in printed


@pytest.mark.slow
def test_the_order_of_cells_changes_no_digit(undisturbed, few):
    study = yaml.safe_load((few / "study.yaml").read_text())
    study["axes"] = {name: values[::-1] for name, values in study["axes"].items()}
    study["axes"]["source_size"] = [40, 20, 0]
    (few / "study.yaml").write_text(yaml.safe_dump(study))
    compute(few)
    found = results(few / "out")
    assert len(found) == NUM_FEW + 2
    assert found.items() <= results(undisturbed).items()


def kill_and_go_on(undisturbed, study_files, num_kills, seed, *launcher):
    """Kill at random moments, some before anything is computed and some after the next record; then end it."""
    other, chosen = study_files / "killed", random.Random(seed)  # noqa: S311
    options = ("--output", str(other), "--checkpoint_interval", "0", *launcher)
    with held_open(undisturbed, other):
        for _ in range(num_kills):
            before = num_records(other)
            with running_study(study_files, *options) as command:
                if chosen.random() < 0.7 and before < NUM_CELLS - 2:
                    wait_for_records(command, other, before + 1)
                    time.sleep(chosen.uniform(0, 1.0))
                else:
                    time.sleep(chosen.uniform(0, 5.0))
                assert command.is_running
                command.kill()
            assert num_records(other) >= before
    compute(study_files, "--output", str(other))
    assert results(other) == results(undisturbed)
    assert len([path for path in (other / "records").iterdir() if path.suffix == ".json"]) == 2 * NUM_CELLS
    # What the killed had half written stays under other names, and is read by nobody.
    assert all(path.suffix in (".json", ".part") for path in (other / "records").iterdir())


@pytest.mark.slow
def test_killed_at_random_moments(undisturbed, study_files):
    kill_and_go_on(undisturbed, study_files, 2, 0)


@pytest.mark.release
def test_killed_with_its_workers_at_twenty_five_random_moments(undisturbed, study_files):
    kill_and_go_on(undisturbed, study_files, 25, 1, "--launcher", "processes", "--workers", "2")


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("launcher", ["serial", "processes"])
def test_stopped_by_hand_it_says_how_to_go_on(undisturbed, study_files, launcher, end):
    other = study_files / "out"
    with held_open(undisturbed, other):
        with running_study(study_files, "--launcher", launcher, "--workers", "2") as command:
            wait_for_records(command, other, 1)
            command.send_signal(end)
            # Once more where it was lost: from 2026.3.4 on, RDKit takes Ctrl-C for itself while it searches.
            wait_until(lambda: command.ends_within(60) or command.send_signal(end), "it cannot be stopped")
            assert command.wait() == 130
        assert command.said.strip().endswith("stopped; the same command goes on from here")
        # That of the test is there.
        assert len(list((other / "claims").glob("*.json"))) == 1
        assert len(Claims(other / "claims").running()) == 1
    compute(study_files)
    assert results(other) == results(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["training_step", "test_step"])
def test_stopped_within_lightning(few, step, monkeypatch, capsys):
    """Lightning would end the process, with the exit code of an error."""

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)  # Lightning switches it off
    monkeypatch.setattr(PropertyRegression, step, stop)
    try:
        assert main(["study", "run", "-c", str(few / "study.yaml"), "--launcher", "serial"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.endswith("stopped; the same command goes on from here\n")
    assert not list((few / "out" / "claims").glob("*.json"))


class Losing(Serial):
    """Loses each job a few times before it computes it, as if its machine had broken down."""

    times = 1

    def __init__(self, work, runner):
        super().__init__(runner or work.make_runner())
        self.lost = Counter()

    def finished(self, timeout):
        if self._jobs and self.lost[(job := self._jobs[0]).key] < self.times:
            self.lost[job.key] += 1
            return [(self._jobs.popleft(), JobLostError("its machine is gone"))]
        return super().finished(timeout)


@pytest.mark.slow
def test_a_lost_job_is_started_again(undisturbed, few, monkeypatch):
    monkeypatch.setattr(run_module, "make_launcher", Losing)
    assert compute(few) == {"done": NUM_FEW}
    assert results(few / "out").items() <= results(undisturbed).items()
    assert not list(few.glob("out/failures/*"))


def test_what_is_lost_again_and_again_has_failed(few, monkeypatch):
    monkeypatch.setattr(run_module, "make_launcher", Losing)
    monkeypatch.setattr(Losing, "times", drive_module.MAX_ATTEMPTS)
    assert compute(few) == {"failed": NUM_FEW}
    assert len(list(few.glob("out/failures/*.json"))) == NUM_FEW - 2 + 1  # two cells wait for the model in vain
    assert not results(few / "out")


@pytest.mark.slow
def test_what_another_run_is_at_is_left_to_it(undisturbed, study_files, monkeypatch):
    """Here the other one gives up a cell and a model without a result; then they are computed."""
    other, computed, seen = study_files / "out", Counter(), []
    monkeypatch.setattr(schedule_module, "PAUSE", 0.05)
    cell = min(key for key, (cell, *_) in results(undisturbed).items() if cell.policy == "extra_trees")
    model = pretraining_keys(undisturbed)[0]
    original, at_them = CellRunner.run, ExitStack()
    for key in (cell, model):
        assert at_them.enter_context(Claims(other / "claims").hold(key))

    def run(self, job):
        outcome = original(self, job)
        computed[job.key, outcome] += 1
        assert computed.total() < 1000, "it would go on for ever"
        all_else = num_records(other) == NUM_CELLS - 3
        if not seen and all_else and computed[cell, "elsewhere"] and computed[model, "elsewhere"]:
            seen.append(get_status(load_saved_config(other)))
            at_them.close()
        return outcome

    monkeypatch.setattr(CellRunner, "run", run)
    with at_them:
        assert compute(study_files) == {"done": NUM_CELLS}
    (status,) = seen
    assert (status.done, status.waiting, status.running.total()) == (NUM_CELLS - 3, 2, 2)
    assert computed[cell, "done"] == computed[model, "done"] == 1
    assert results(other) == results(undisturbed)


@pytest.mark.slow
def test_two_runs_share_a_folder(undisturbed, study_files):
    """Neither computes what the other is at."""
    other = study_files / "out"
    with running_study(study_files, prints=study_files / "a") as first:
        with held_open(undisturbed, other, num_models=4):
            wait_for_records(first, other, 2)
            os.kill(first.pid, signal.SIGSTOP)  # so that it leaves work to the other
        with running_study(study_files, prints=study_files / "b") as second:
            wait_until(lambda: second.pid in computing_processes(other), "the second run computes nothing")
            os.kill(first.pid, signal.SIGCONT)
            assert (first.wait(), second.wait()) == (0, 0), first.said + second.said
    computed = [int(command.printed.split(" cells computed")[0]) for command in (first, second)]
    assert sum(computed) == NUM_CELLS
    assert min(computed) > 0
    assert results(other) == results(undisturbed)


@pytest.mark.slow
def test_shards_share_a_folder(undisturbed, study_files):
    counts = [compute(study_files, "--shard", f"{number}/3")["done"] for number in (1, 2, 3)]
    assert sum(counts) == NUM_CELLS
    assert min(counts) >= NUM_CELLS // 5
    assert results(study_files / "out") == results(undisturbed)
