"""One pretraining in two processes does what it does in one: the same batches, the same steps, the same model."""

import json
import os
import re
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import torch
import yaml
from plain import Plain, Witness
from tiny import CHAINS, TinyPolymers, density, fit

from gnn_sim2real.cli.main import main
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library import load_model
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
        losses.append([float(trainer.callback_metrics[f"{part}/loss"]) for part in ("train", "val")])
    require_same_training(tmp_path / "alone", tmp_path / "shared")
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def write_pretraining(folder):
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
        },
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


def run_shared(config, folder, devices, accelerator):
    """The command that a user gives, in a process of its own, since Lightning starts the others by the same command."""
    folder.mkdir()
    program = "from gnn_sim2real.cli.main import main; raise SystemExit(main())"
    (folder / "command.py").write_text(program)
    words = ["--trainer.strategy", "ddp", "--trainer.devices", str(devices), "--trainer.accelerator", accelerator]
    command = [sys.executable, "command.py", "fit", "-c", str(config), *words]
    surroundings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{HELPERS}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=surroundings, start_new_session=True, **pipes) as process:
        try:
            printed, errors = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the other processes of the training as well
            raise
    assert process.returncode == 0, errors
    return folder / "seen", printed


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
