"""Whatever computes a study, and whatever happens to it: the same records, digit for digit."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml
from studies import NUM_CELLS, results, start_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.record import read_records
from gnn_sim2real.study.config import load_kept_config
from gnn_sim2real.study.status import get_status
from gnn_sim2real.tasks.base import PropertyRegression


def num_records(folder: Path) -> int:
    return len(list((folder / "records").glob("*.errors.json")))


def wait_for_records(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while num_records(folder) < count:
        assert time.monotonic() < deadline, "the study computes nothing"
        time.sleep(0.02)


def kill_group(process) -> None:
    """As a power cut does: the study and all its workers at once, with no word."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_give_the_digits_of_one(undisturbed, study_files, workers):
    other = study_files / "parallel"
    command = ["study", "run", "-c", str(study_files / "study.yaml"), "--launcher", "processes"]
    assert main([*command, "--workers", str(workers), "--output", str(other)]) == 0
    assert results(other) == results(undisturbed)
    assert len({record.provenance["process"] for record in read_records(other / "records")}) == workers


def test_the_order_of_cells_changes_no_digit(undisturbed, study_files):
    study = yaml.safe_load((study_files / "study.yaml").read_text())
    study["axes"] = {name: values[::-1] for name, values in study["axes"].items()}
    (study_files / "study.yaml").write_text(yaml.safe_dump(study))
    assert main(["study", "run", "-c", str(study_files / "study.yaml")]) == 0
    # The simulated value stands once, beside the first seed.
    other, expected = (
        {key: found for key, found in results(folder).items() if found[0].policy != "simulated_value"}
        for folder in (study_files / "out", undisturbed)
    )
    assert other == expected


def kill_and_go_on(undisturbed, study_files, num_kills, seed):
    """Kill at random moments, some before anything is computed and some after the next record; then end it."""
    other, chosen = study_files / "killed", random.Random(seed)  # noqa: S311
    options = ("--launcher", "processes", "--workers", "2", "--output", str(other), "--checkpoint_interval", "0")
    for _ in range(num_kills):
        before = num_records(other)
        process = start_study(study_files, *options)
        if chosen.random() < 0.7 and before < NUM_CELLS - 2:
            wait_for_records(other, before + 1)
            time.sleep(chosen.uniform(0, 1.0))
        else:
            time.sleep(chosen.uniform(0, 10.0))
        kill_group(process)
        assert num_records(other) >= before
    assert main(["study", "run", "-c", str(study_files / "study.yaml"), "--output", str(other)]) == 0
    assert results(other) == results(undisturbed)
    assert len([path for path in (other / "records").iterdir() if path.suffix == ".json"]) == 2 * NUM_CELLS
    # What the killed had half written stays under other names, and is read by nobody.
    assert all(path.suffix in (".json", ".part") for path in (other / "records").iterdir())


def test_killed_at_random_moments(undisturbed, study_files):
    kill_and_go_on(undisturbed, study_files, num_kills=2, seed=0)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(undisturbed, study_files):
    kill_and_go_on(undisturbed, study_files, num_kills=20, seed=1)


@pytest.mark.parametrize(
    ("launcher", "end"), [("serial", signal.SIGINT), ("processes", signal.SIGINT), ("processes", signal.SIGTERM)]
)
def test_stopped_by_hand_it_says_how_to_go_on(undisturbed, study_files, launcher, end):
    for _ in range(5):  # on a busy machine the study may be over before this process gets to send its signal
        process = start_study(study_files, "--launcher", launcher, "--workers", "2")
        wait_for_records(study_files / "out", 1)
        process.send_signal(end)
        _, said = process.communicate(timeout=60)
        if process.returncode != 0 or num_records(study_files / "out") < NUM_CELLS:
            break
        shutil.rmtree(study_files / "out")
    assert process.returncode == 130
    assert said.strip().endswith("stopped; the same command goes on from here")
    assert not list((study_files / "out" / "claims").glob("*.json")) or launcher == "processes"
    assert main(["study", "run", "-c", str(study_files / "study.yaml")]) == 0
    assert results(study_files / "out") == results(undisturbed)


@pytest.mark.parametrize("step", ["training_step", "test_step"])
def test_stopped_within_lightning(study_files, step, monkeypatch, capsys):
    """Lightning would end the process, with the exit code of an error."""

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)  # Lightning switches it off
    monkeypatch.setattr(PropertyRegression, step, stop)
    try:
        assert main(["study", "run", "-c", str(study_files / "study.yaml"), "--launcher", "serial"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.endswith("stopped; the same command goes on from here\n")
    assert not list((study_files / "out" / "claims").glob("*.json"))


def test_a_killed_worker_is_replaced(undisturbed, study_files):
    other = study_files / "out"
    process = start_study(study_files, "--launcher", "processes", "--workers", "2")
    wait_for_records(other, 2)
    victim = read_records(other / "records")[0].provenance["process"]
    os.kill(victim, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "is started again: its process was killed" in said
    assert results(other) == results(undisturbed)


def test_two_runs_share_a_folder(undisturbed, study_files):
    """Neither computes what the other is at; status sees both."""
    first, second = (start_study(study_files, "--launcher", "serial") for _ in range(2))
    other = study_files / "out"
    wait_for_records(other, 4)
    while (status := get_status(load_kept_config(other))).running.total() < 2 and num_records(other) < NUM_CELLS - 4:
        time.sleep(0.01)
    assert status.running.total() == 2
    computed = []
    for process in (first, second):
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        computed.append(int(printed.split(" cells computed")[0]))
    assert sum(computed) == NUM_CELLS
    assert min(computed) > 0
    assert results(other) == results(undisturbed)


def test_shards_share_a_folder(undisturbed, study_files, capfd):
    counts = []
    for number in (1, 2, 3):
        command = ["study", "run", "-c", str(study_files / "study.yaml"), "--shard", f"{number}/3"]
        assert main(command) == 0
        counts.append(int(capfd.readouterr().out.split(" cells computed")[0]))
    assert sum(counts) == NUM_CELLS
    assert min(counts) >= NUM_CELLS // 5
    assert results(study_files / "out") == results(undisturbed)
