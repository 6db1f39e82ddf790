"""The sweep that is shipped: the very command that W&B's agent would start, without W&B's server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb
import yaml
from wandb import wandb_agent

from gnn_sim2real.config.lightning_cli import Sim2RealCLI

ROOT = Path(__file__).parents[1]
SWEEP = yaml.safe_load((ROOT / "configs" / "sweep.yaml").read_text())


def one_of_each(**budget):
    """A value for each parameter, as the server would send them."""
    chosen = {}
    for name, about in SWEEP["parameters"].items():
        values = [about[key] for key in ("value", "min") if key in about] or about["values"][-1:]
        chosen[name] = {"value": budget.get(name.rpartition(".")[2], values[0])}
    return chosen


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What the agent would start for a trial with these values: `started(values)`."""
    for name in ("WANDB_DIR", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_SWEEP_ID"):
        monkeypatch.setenv(name, str(tmp_path) if name == "WANDB_DIR" else "trial")  # set here to be taken back
    caught = {}

    def catch(**given):
        caught.update(given)
        return SimpleNamespace()

    def start(values):
        agent = wandb_agent.Agent(api=None, queue=None, sweep_id="trial")
        agent._sweep_command = list(SWEEP["command"])
        with monkeypatch.context() as patch:
            patch.setattr(wandb_agent, "AgentProcess", catch)
            agent._command_run({"type": "run", "run_id": "trial", "program": SWEEP["program"], "args": values})
        caught["env"].pop(wandb.env.SERVICE, None)  # as the agent does: a trial starts a service of its own
        return caught["command"], caught["env"]

    return start


@pytest.mark.slow
def test_a_trial_is_a_pretraining_with_the_values_of_the_sweep(started, monkeypatch):
    values = one_of_each()
    command, _ = started(values)
    assert command[:3] == ["/usr/bin/env", "gnn-sim2real", "fit"]
    monkeypatch.chdir(ROOT)
    config = Sim2RealCLI(command[3:], run=False).config
    for name, chosen in values.items():
        stage, *path = name.split(".")
        value = config[stage]
        for step in path:
            value = value.get("init_args", value)[step]
        assert value == chosen["value"]
    assert config.model.class_path == "gnn_sim2real.SourcePretraining"
    assert config.trainer.logger.class_path == "lightning.pytorch.loggers.WandbLogger"
    assert config.data.init_args.validation_fraction > 0
    assert config.data.init_args.test_fraction == 0


def test_the_sweep_is_judged_by_the_validation_part():
    assert SWEEP["metric"] == {"name": "val/loss", "goal": "minimize"}


@pytest.mark.slow
def test_a_trial_runs_offline_and_logs_the_metric(started, tmp_path):
    command, surroundings = started(one_of_each(max_steps=120, hidden_dim=32))
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    entry = scripts / "gnn-sim2real"
    entry.write_text(f"#!{sys.executable}\nfrom gnn_sim2real.cli.main import main\nraise SystemExit(main())\n")
    entry.chmod(0o755)
    path = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}
    done = subprocess.run(command, cwd=tmp_path, env=surroundings | path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (stored,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert SWEEP["metric"]["name"].encode() in stored.read_bytes()
