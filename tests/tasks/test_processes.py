"""One pretraining in two processes does what it does in one: the same batches, the same steps, the same model."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import torch
import yaml
from plain import Plain, Witness
from slurm_variables import of_batch_script, of_task
from stopped import asks
from tiny import CHAINS, TinyPolymers, density, fit

from gnn_sim2real.cli.main import main
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library import ModelLibrary, load_model
from gnn_sim2real.tasks import BestWeights, EMAWeights, SourcePretraining

EPOCHS, BATCH_SIZE = 3, 9  # 34 materials: batches of 9 and 8, which two processes cannot share evenly
HELPERS, ROOT = Path(__file__).parents[1] / "helpers", Path(__file__).parents[2]


def seen(folder, num_ranks, part):
    """Batches of each process."""
    return [json.loads((folder / f"{rank}.json").read_text())[part] for rank in range(num_ranks)]


def require_same_training(alone, shared, num_ranks=2, tolerance=1e-5):
    """Compare what two witnesses wrote."""
    for part in ("train", "validation"):
        (whole,) = seen(alone, 1, part)
        for batch, *shares in zip(whole, *seen(shared, num_ranks, part), strict=True):
            assert list(chain(*shares)) == batch
            assert min(map(len, shares)) >= 2
    (whole,) = seen(alone, 1, "train")
    per_epoch = len(whole) // EPOCHS
    for epoch in range(EPOCHS):
        rows = list(chain(*whole[epoch * per_epoch : (epoch + 1) * per_epoch]))
        assert len(rows) == len(set(rows)) == 34
    first, second = (load_model(each / "model.ckpt").network.state_dict() for each in (alone, shared))
    for name, expected in first.items():
        torch.testing.assert_close(second[name], expected, rtol=tolerance, atol=tolerance)


def holes():
    """A density of which every third is missing, so that two halves of a batch differ in number of values."""
    return {
        ("density", "g/cm3"): [density(each) if number % 3 else float("nan") for number, each in enumerate(CHAINS)],
        ("mass", ""): [float(len(each)) for each in CHAINS],
    }


class SharedValidation(TinyPolymers):
    val_dataloader = PropertyDataModule.val_dataloader


def test_two_processes_train_like_one(tmp_path):
    data = SharedValidation(holes(), validation_fraction=0.2, batch_size=BATCH_SIZE)
    losses = []
    for folder, settings in (("alone", {}), ("shared", {"strategy": "ddp_fork", "devices": 2})):
        make = lambda: SourcePretraining(Plain(), optimizer=lambda each: torch.optim.AdamW(each, lr=0.02))  # noqa: E731
        callbacks = [Witness(str(tmp_path / folder)), EMAWeights(0.8), BestWeights()]
        trainer, _ = fit(make, data, EPOCHS, callbacks=callbacks, **settings)
        names = [f"{part}/{name}" for part in ("train", "val") for name in ("loss", "density/mae", "mass/r2")]
        losses.append([float(trainer.callback_metrics[name]) for name in names])
    require_same_training(tmp_path / "alone", tmp_path / "shared")
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def write_pretraining(folder, **trainer):
    """YAML of a pretraining on a table, with a witness that writes to SEEN of its folder."""
    rows = [f"{each},{density(each)}\n" for each in CHAINS]
    (folder / "source.csv").write_text("smiles,density\n" + "".join(rows))
    table = {"property": "density", "column": "density", "unit": "g/cm3", "path": str(folder / "source.csv")}
    content = {
        "trainer": {
            "accelerator": "cpu",
            "max_epochs": EPOCHS,
            "enable_progress_bar": False,
            "callbacks": [{"class_path": "plain.Witness", "init_args": {"folder": "seen"}}],
        }
        | trainer,
        "model": {
            "class_path": "gnn_sim2real.tasks.SourcePretraining",
            "init_args": {
                "encoder": {"class_path": "plain.Plain"},
                "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.02}},
            },
        },
        "data": {
            "class_path": "datamodules.PolymerTable",
            "init_args": table | {"batch_size": BATCH_SIZE, "validation_fraction": 0.2},
        },
    }
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(content))
    return folder / "pretrain.yaml"


def run_alone(config, folder, monkeypatch):
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["fit", "-c", str(config)]) == 0
    return folder / "seen"


def run_shared(config, folder, devices, accelerator, *more):
    """The command that a user gives, in a process of its own, since Lightning starts the others by the same command."""
    return run_tasks(folder, [{}], config, *two_devices(devices, accelerator), *more)


def two_devices(devices=2, accelerator="cpu"):
    return ["--trainer.strategy", "ddp", "--trainer.devices", str(devices), "--trainer.accelerator", accelerator]


def run_tasks(folder, environments, config, *words):
    """The command in one process for each of these environments; what they saw, what the first one printed."""
    folder.mkdir(exist_ok=True)
    program = "from gnn_sim2real.cli.main import main; raise SystemExit(main())"
    (folder / "command.py").write_text(program)
    command = [sys.executable, "command.py", "fit", "-c", str(config), *words]
    # MLflow leaves in the environment where another test has written.
    inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    surroundings = inherited | {"PYTHONPATH": f"{ROOT}{os.pathsep}{HELPERS}", "MLFLOW_ALLOW_FILE_STORE": "true"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    started = [subprocess.Popen(command, cwd=folder, env=surroundings | each, **pipes) for each in environments]
    try:
        said = [process.communicate(timeout=300) for process in started]
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the other processes of the training as well
            process.wait()
    assert [process.returncode for process in started] == [0] * len(started), said
    return folder / "seen", said[0][0]


@pytest.mark.slow
def test_the_command_line_in_two_processes(tmp_path, monkeypatch):
    config = write_pretraining(tmp_path)
    alone = run_alone(config, tmp_path / "alone", monkeypatch)
    shared, printed = run_shared(config, tmp_path / "shared", 2, "cpu")
    require_same_training(alone, shared)
    (checkpoint,) = re.findall(r"^trained model: (.*)$", printed, re.MULTILINE)
    assert load_model(checkpoint).predict(["*CCO*"]).values == pytest.approx(
        load_model(alone / "model.ckpt").predict(["*CCO*"]).values, rel=1e-4
    )


LOGGERS = {
    "none": False,
    "csv": {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "logs"}},
    "wandb": {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "two", "offline": True}},
    "tensorboard": {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": {"save_dir": "logs"}},
    "mlflow": {"class_path": "lightning.pytorch.loggers.MLFlowLogger", "init_args": {"save_dir": "logs"}},
}
WRITTEN = {
    "csv": "logs/**/metrics.csv",
    "wandb": "wandb/offline-run-*",
    "tensorboard": "logs/**/events.*",
    "mlflow": "logs/**/metrics/val/mae",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=getattr(pytest.mark, "slow" if "wandb" in name else "release")) for name in LOGGERS],
)
def test_two_processes_with_each_logger(tmp_path, name):
    if name in ("tensorboard", "mlflow"):
        pytest.importorskip(name)
    config, library = write_pretraining(tmp_path, logger=LOGGERS[name]), tmp_path / "library"
    seen, printed = run_shared(config, tmp_path / "run", 2, "cpu", "--library", str(library))
    assert {path.name for path in seen.glob("*.json")} == {"0.json", "1.json"}
    assert len(ModelLibrary(library).keys()) == 1
    assert printed.count("trained model: ") == 1
    if name != "none":
        assert len(list((tmp_path / "run").glob(WRITTEN[name]))) == 1
    assert len(list((tmp_path / "run").rglob("split.json"))) <= 1


@pytest.mark.slow
def test_two_processes_stop_at_the_same_batch_and_go_on(tmp_path, monkeypatch):
    """Only the first one receives the signal."""
    alone = run_alone(write_pretraining(tmp_path), tmp_path / "alone", monkeypatch)
    always = {"class_path": "plain.Witness", "init_args": {"folder": "seen"}}
    config = write_pretraining(tmp_path, callbacks=[always, asks(signal.SIGTERM, 5)])
    with pytest.raises(AssertionError, match="stopped; ") as stopped:
        run_shared(config, tmp_path / "shared", 2, "cpu", "--library", "null")
    (path,) = re.findall(r"`--ckpt_path (\S+)`", str(stopped.value))
    _, printed = run_shared(config, tmp_path / "shared", 2, "cpu", "--library", "null", "--ckpt_path", path)
    assert "trained model: " in printed
    first, second = (load_model(each / "model.ckpt").network.state_dict() for each in (alone, tmp_path / "shared/seen"))
    for part, expected in first.items():
        torch.testing.assert_close(second[part], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_two_tasks_of_srun_are_one_training(tmp_path, monkeypatch):
    config = write_pretraining(tmp_path)
    alone = run_alone(config, tmp_path / "alone", monkeypatch)
    port = {"MASTER_PORT": str(free_port()), "MASTER_ADDR": "127.0.0.1"}
    shared, _ = run_tasks(tmp_path / "shared", [of_task(rank, **port) for rank in (0, 1)], config, *two_devices())
    require_same_training(alone, shared)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow
def test_two_processes_in_a_batch_script_without_srun(tmp_path, monkeypatch):
    """Lightning alone would wait for a second task for ever, or refuse `--ntasks=2`."""
    config = write_pretraining(tmp_path)
    alone = run_alone(config, tmp_path / "alone", monkeypatch)
    shared, _ = run_tasks(tmp_path / "shared", [of_batch_script()], config, *two_devices())
    require_same_training(alone, shared)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_command_line_on_gpus(tmp_path, monkeypatch):
    config, devices = write_pretraining(tmp_path), min(2, torch.cuda.device_count())
    alone = run_alone(config, tmp_path / "alone", monkeypatch)
    shared, _ = run_shared(config, tmp_path / "shared", devices, "gpu")
    require_same_training(alone, shared, devices, tolerance=1e-3)


def test_shares_too_small_for_batchnorm_are_refused():
    make = lambda: SourcePretraining(Plain())  # noqa: E731
    with pytest.raises(Exception, match=r"ValueError.*\b42\b.*\b3\b.*\b2\b"):
        fit(make, TinyPolymers(batch_size=3), strategy="ddp_fork", devices=2)
