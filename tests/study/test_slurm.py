"""Cells of a study in jobs of SLURM, whose variables say nothing about them; and the batch scripts that are shipped.

`tests/slurm.py` runs the same scripts on a real SLURM.
"""

import re
import signal
import subprocess

import pytest
import torch
import yaml
from commands import ROOT, surroundings, write_command
from slurm_variables import of_batch_script, of_task
from stopped import PER_EPOCH, asks, write_pretraining
from studies import compute, results

SCRIPTS = sorted((ROOT / "configs/slurm").glob("*.sbatch"))


def test_cells_leave_the_variables_of_slurm_aside(few, undisturbed, monkeypatch):
    """`--ntasks=2` is what Lightning refuses; it would be asked in each cell."""
    for name, value in of_batch_script().items():
        monkeypatch.setenv(name, value)
    outcomes = compute(few)
    assert outcomes["failed"] == 0
    whole = results(undisturbed)
    assert all(whole[key] == value for key, value in results(few / "out").items())


@pytest.mark.slow
def test_every_task_of_srun_logs(few, tmp_path):
    """Lightning knows only of a first process, by SLURM_PROCID, and the others would log nothing."""
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "csv"}}
    (few / "logger.yaml").write_text(yaml.safe_dump({"trainer": {"logger": logger}}))
    command = ["gnn-sim2real", "study", "run", "-c", few / "study.yaml", "-c", few / "logger.yaml"]
    environment = surroundings(tmp_path / "commands") | of_task(1)
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    assert list((few / "out").rglob("metrics.csv"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound(script):
    subprocess.run(["bash", "-n", script], check=True, timeout=60)
    lines = script.read_text().splitlines()
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    assert lines[0] == "#!/bin/bash"
    assert options
    # SLURM reads no option after the first command.
    assert all(line.startswith("#") or not line for line in lines[: options[-1]])
    shown = re.search(r"^#   sbatch (\S+)( -c)? (configs/\S+)$", script.read_text(), re.MULTILINE)
    assert shown
    assert ROOT / shown[1] == script
    assert (ROOT / shown[3]).exists()


SRUN = """#!/bin/bash
echo "srun $*" >> "$CALLS"
while [[ "$1" == -* ]]; do shift; done
export SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=1
exec "$@"
"""
SCONTROL = """#!/bin/bash
echo "scontrol $*" >> "$CALLS"
if [ "$1" = show ]; then echo localhost; fi
"""
NOTED = """#!/bin/bash
echo "{name} $*" >> "$CALLS"
"""


@pytest.fixture
def stubs(tmp_path):
    """Environment of a batch script in which `srun` runs its words and `scontrol` only notes them, in `calls`."""
    environment = surroundings(tmp_path / "commands") | of_batch_script(SLURM_CPUS_PER_TASK="1", SLURM_NTASKS="1")
    write_command(tmp_path / "commands", "srun", SRUN)
    write_command(tmp_path / "commands", "scontrol", SCONTROL)
    return environment | {"CALLS": str(tmp_path / "calls")}


def run_script(name, environment, where, *words):
    command = ["bash", ROOT / f"configs/slurm/{name}.sbatch", *map(str, words)]
    return subprocess.run(command, env=environment, cwd=where, capture_output=True, text=True, check=False, timeout=300)


def calls(folder):
    return (folder / "calls").read_text().splitlines()


@pytest.mark.slow
def test_the_jobs_of_an_array_make_the_study(stubs, few, undisturbed):
    for part in ("1", "2"):
        array = {"SLURM_ARRAY_TASK_ID": part, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_JOB_ID": "4321"}
        done = run_script("array", stubs | array, few, few / "study.yaml")
        assert done.returncode == 0, done.stderr
    whole = results(undisturbed)
    found = results(few / "out")
    assert found
    assert all(whole[key] == value for key, value in found.items())
    assert compute(few)["done"] == 0


@pytest.mark.slow
def test_a_training_that_is_told_of_its_time_limit_queues_again(stubs, tmp_path):
    words = ["-c", write_pretraining(tmp_path, asks(signal.SIGUSR1, 5)), "--library", "null"]
    done = run_script("fit", stubs, tmp_path, *words)
    assert done.returncode == 138, done.stderr
    assert calls(tmp_path)[-1] == "scontrol requeue 4321"
    assert list((tmp_path / "unfinished").glob("*.ckpt"))
    again = run_script("fit", stubs | {"SLURM_RESTART_COUNT": "1"}, tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert len([line for line in calls(tmp_path) if line.startswith("scontrol")]) == 1
    model = torch.load(tmp_path / "seen/model.ckpt", weights_only=True)
    assert model["global_step"] == 3 * PER_EPOCH


@pytest.mark.slow
def test_a_training_that_is_cancelled_does_not_queue_again(stubs, tmp_path):
    words = ["-c", write_pretraining(tmp_path, asks(signal.SIGTERM, 5)), "--library", "null"]
    done = run_script("fit", stubs, tmp_path, *words)
    assert done.returncode == 143, done.stderr
    assert not [line for line in calls(tmp_path) if line.startswith("scontrol")]


def test_ray_gets_a_head_workers_and_the_study(stubs, tmp_path):
    for name in ("ray", "gnn-sim2real"):
        write_command(tmp_path / "commands", name, NOTED.format(name=name))
    three = {"SLURM_JOB_NUM_NODES": "3", "SLURM_CPUS_PER_TASK": "16"}
    done = run_script("ray", stubs | three, tmp_path, "study.yaml", "--gpus", "0.25")
    assert done.returncode == 0, done.stderr
    said = calls(tmp_path)
    address = f"localhost:{20000 + 4321}"
    assert f"gnn-sim2real study run -c study.yaml --gpus 0.25 --launcher ray --address {address}" in said
    assert f"ray start --head --port={20000 + 4321} --num-cpus=16 --block" in said
    assert f"ray start --address={address} --num-cpus=16 --block" in said
    assert any(line.startswith("srun --nodes=2 --ntasks=2 --exclude=localhost ray") for line in said)
