"""`fit` is asked to stop, and goes on as it says: to the same weights as if nothing had happened."""

import re
import signal

import pytest
import torch
from processes import running_command, wait_until
from slurm_variables import of_batch_script
from stopped import PER_EPOCH, asks, final_weights, write_pretraining

from gnn_sim2real.cli.main import main


def require_same(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.fixture(scope="module")
def whole(made_once):
    """Weights of the undisturbed training."""

    def make(folder):
        assert main(["fit", "-c", str(write_pretraining(folder)), "--library", "null"]) == 0

    return final_weights(made_once("whole_training", make))


def run_until_stopped(folder, code, *words):
    """Run `fit` until it stops; returns the checkpoint that its last line names."""
    with running_command(folder / "printed", "fit", *words) as command:
        assert command.wait() == code, command.said
    assert "Traceback" not in command.said
    last = command.said.splitlines()[-1]
    (path,) = re.findall(r"^stopped; .*`--ckpt_path (\S+)`", last)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "in_validation", "done"),
    [(0, False, 1), (5, False, 6), (PER_EPOCH - 1, False, PER_EPOCH), (PER_EPOCH - 1, True, PER_EPOCH)],
    ids=["first batch", "within an epoch", "last batch of an epoch", "validation"],
)
def test_it_goes_on_digit_for_digit(tmp_path, whole, batch, in_validation, done):
    config = write_pretraining(tmp_path, asks(signal.SIGTERM, batch, in_validation))
    words = ["-c", str(config), "--library", str(tmp_path / "library")]
    path = run_until_stopped(tmp_path, 143, *words)
    assert torch.load(path, weights_only=True)["global_step"] == done
    assert not (tmp_path / "library").exists()
    assert main(["fit", *words, "--ckpt_path", path]) == 0
    require_same(final_weights(tmp_path), whole)
    assert not list((tmp_path / "unfinished").iterdir())


@pytest.mark.slow
def test_it_stops_neither_among_gathered_gradients_nor_before_a_validation(tmp_path):
    """Two batches make a step, and a validation follows each step: only the end of an epoch is left."""
    settings = {"accumulate_grad_batches": 2, "val_check_interval": 2}
    config = write_pretraining(tmp_path, asks(signal.SIGTERM, 0), **settings)
    path = run_until_stopped(tmp_path, 143, "-c", str(config), "--library", "null")
    assert torch.load(path, weights_only=True)["global_step"] == PER_EPOCH // 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_from_outside_stops_a_training_of_hours(tmp_path, name):
    number = getattr(signal, name)
    words = ["-c", write_pretraining(tmp_path), "--trainer.max_epochs", "1000000", "--library", "null"]
    with running_command(tmp_path / "printed", "fit", *words) as command:
        wait_until(lambda: list(tmp_path.rglob("*.ckpt")) or not command.is_running, "nothing is trained")
        command.send_signal(number)
        assert command.wait() == 128 + number, command.said
    assert re.search(r"^stopped; .*`--ckpt_path \S+/unfinished/\w+\.ckpt`", command.said.splitlines()[-1])
    assert "Traceback" not in command.said


@pytest.mark.slow
def test_a_job_that_slurm_starts_again_goes_on_by_itself(tmp_path, whole, monkeypatch, capfd):
    config = write_pretraining(tmp_path, asks(signal.SIGUSR1, 5))
    for name, value in of_batch_script().items():
        monkeypatch.setenv(name, value)
    words = ["-c", str(config), "--library", "null"]
    path = run_until_stopped(tmp_path, 138, *words)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert main(["fit", *words]) == 0
    assert path in capfd.readouterr().err
    require_same(final_weights(tmp_path), whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_before_the_first_batch_saves_nothing_and_says_so(tmp_path, name):
    number = getattr(signal, name)
    config = write_pretraining(tmp_path, {"class_path": "stopped.Interrupts", "init_args": {"number": int(number)}})
    with running_command(tmp_path / "printed", "fit", "-c", config, "--library", "null") as command:
        assert command.wait() == 128 + number, command.said
    assert re.search(r"^stopped; .*\bcommand\b", command.said.splitlines()[-1])
    assert "--ckpt_path" not in command.said
    assert "Traceback" not in command.said
    assert not (tmp_path / "unfinished").exists()
