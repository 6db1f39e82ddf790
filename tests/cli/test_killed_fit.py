"""A `fit` that is killed and goes on from its checkpoint ends with the weights of one that was left alone."""

import random
import time

import pytest
import torch
import yaml
from processes import running_command, wait_until
from tiny import CHAINS, density

from gnn_sim2real.files import require_sound_zip

EPOCHS = 40


def write_fit(folder):
    """Train with dropout, a validation part and a checkpoint after every epoch."""
    folder.mkdir()
    (folder / "table.csv").write_text("smiles,density\n" + "".join(f"{each},{density(each)}\n" for each in CHAINS))
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2, "dropout": 0.2}}
    checkpoint = {
        "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
        "init_args": {"dirpath": str(folder / "checkpoints"), "save_top_k": -1, "save_last": True},
    }
    trainer = {"accelerator": "cpu", "max_epochs": EPOCHS, "callbacks": [checkpoint], "logger": False}
    trainer |= {"enable_progress_bar": False, "enable_model_summary": False, "default_root_dir": str(folder)}
    data = {"path": str(folder / "table.csv"), "property": "density", "unit": "g/cm3", "validation_fraction": 0.2}
    config = {
        "seed_everything": 3,
        "trainer": trainer,
        "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {"encoder": encoder}},
        "data": {"class_path": "datamodules.Table", "init_args": data | {"test_fraction": 0.2, "batch_size": 8}},
    }
    (folder / "fit.yaml").write_text(yaml.safe_dump(config))
    return folder


def newest(folder):
    """The newest checkpoint that is whole: the kill may have come while one was written."""
    for path in sorted(folder.glob("checkpoints/*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            require_sound_zip(path)
        except ValueError:
            continue
        return ["--ckpt_path", path]
    return []


def last_weights(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def fit(folder):
    """To the end."""
    with running_command(folder / "said", "fit", "-c", folder / "fit.yaml", *newest(folder)) as command:
        wait_until(lambda: not command.is_running, "it does not end")
        assert command.wait() == 0


def kill_and_go_on(folder, num_kills):
    whole, killed = write_fit(folder / "whole"), write_fit(folder / "killed")
    fit(whole)
    chosen = random.Random(num_kills)  # noqa: S311
    for _ in range(num_kills):
        before = len(list(killed.glob("checkpoints/*.ckpt")))
        with running_command(killed / "said", "fit", "-c", killed / "fit.yaml", *newest(killed)) as command:
            wait_until(
                lambda command=command, before=before: (
                    not command.is_running or len(list(killed.glob("checkpoints/*.ckpt"))) > before
                ),
                "it writes no checkpoint",
            )
            time.sleep(chosen.uniform(0, 0.1))
            command.kill()
    fit(killed)
    expected, found = last_weights(whole), last_weights(killed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_killed_at_random_moments(tmp_path):
    kill_and_go_on(tmp_path, 3)


@pytest.mark.release
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_killed_at_twenty_five_random_moments(tmp_path):
    kill_and_go_on(tmp_path, 25)
