"""What is said of a study before it runs and while it does."""

import re

import pytest
import yaml
from studies import NUM_CELLS, start_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.study.config import load_kept_config, read_study
from gnn_sim2real.study.dry_run import num_steps
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.status import format_time, get_status


def test_status_while_it_runs(study_files, capfd):
    process = start_study(study_files, "--launcher", "processes", "--workers", "2")
    folder, seen = study_files / "out", []
    while process.poll() is None:
        if (folder / "plan.parquet").exists():
            status = get_status(load_kept_config(folder))
            in_work = sum(status.running.values())
            assert status.done + status.waiting <= NUM_CELLS <= status.done + status.waiting + in_work
            assert in_work <= 2
            seen.append((status.done, in_work, status.seconds_left))
    process.communicate()
    done = [count for count, _, _ in seen]
    assert done == sorted(done)
    assert any(0 < count < NUM_CELLS and in_work for count, in_work, _ in seen)
    left = [seconds for count, _, seconds in seen if 0 < count < NUM_CELLS]
    assert all(0 < seconds < 3600 for seconds in left)
    assert main(["study", "status", str(folder)]) == 0
    printed = capfd.readouterr().out
    assert f"{NUM_CELLS} of {NUM_CELLS} cells done, 0 running, 0 failed, 0 waiting; 8 of 8 pretrained models" in printed
    assert "nothing is left to compute" in printed


def test_status_before_it_was_planned(study_files, undisturbed, capfd):
    (study_files / "study.yaml").write_text((undisturbed / "study.yaml").read_text())
    assert main(["study", "status", str(study_files)]) == 2
    assert "has not been planned yet; `study run` does it first" in capfd.readouterr().err


def test_a_dry_run_says_what_and_how_long_and_writes_nothing(study_files, capfd):
    assert main(["study", "run", "-c", str(study_files / "study.yaml"), "--dry-run"]) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert f"{NUM_CELLS} cells (" in printed
    for policies in ("10 full", "8 calibrated_source", "2 extra_trees", "1 simulated_value"):
        assert policies in printed
    assert "8 pretrained models; 0 cells are there" in printed
    assert len(re.findall(r"\b[0-9a-f]{8} (10|20|40|all) [01] no 2 0\b", printed)) == 8
    seconds = float(re.search(r"about ([0-9]+) s with 1 at a time", printed).group(1))
    assert 0 < seconds < 300
    assert not (study_files / "out").exists()


def test_a_dry_run_of_what_is_done(undisturbed, capfd):
    assert main(["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--dry-run"]) == 0
    printed = capfd.readouterr().out
    assert f"{NUM_CELLS} cells are there, 0 failed before, 0 are to be computed" in " ".join(printed.split())
    assert "about" not in printed


@pytest.mark.parametrize(
    ("trainer", "steps"),
    [
        ({"max_epochs": 6}, 12),
        ({"max_epochs": -1, "max_steps": 7}, 7),
        ({"max_epochs": 6, "max_steps": 7}, 7),
        ({"max_steps": 7}, 7),
        ({"max_epochs": 6, "accumulate_grad_batches": 2}, 6),
        ({}, 2000),
    ],
)
def test_number_of_steps(study_files, trainer, steps):
    """40 materials in batches of at most 32 are 2 steps an epoch; without any limit Lightning trains 1000 epochs."""
    path = study_files / "pretrain.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"trainer": trainer}))
    resolver = Resolver(read_study([str(study_files / "study.yaml")], [])[0])
    assert num_steps(resolver.pretrain, resolver.pretrain.data.variant(size=40)) == steps


def test_times_as_one_reads_them():
    assert [format_time(seconds) for seconds in (3, 89.4, 600, 36_000)] == ["3 s", "89 s", "10 min", "10.0 h"]
