"""Runs of W&B, read by its own client from a server on this machine."""

import json

import pytest
from wandb_server import wandb_server

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.learning_curves import read_learning_curves
from gnn_sim2real.records.record import Record, RecordKey, write_record

SIZES = (100, 200, 400, 800, 1600)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The server, with the client set to ask it."""
    with wandb_server() as found:
        settings = {"WANDB_BASE_URL": found.url, "WANDB_API_KEY": "a" * 40, "HOME": tmp_path, "WANDB_DIR": tmp_path}
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        yield found


def run_of(config, summary, state="finished", name="run"):
    return {"name": name, "state": state, "config": config, "summary": summary}


def others():
    """Runs of somebody else: settings within settings, and what W&B itself adds."""
    return [
        run_of(
            {"n_train": n, "seed": seed, "optim": {"lr": 0.1}, "loss": "huber"},
            {"_step": 7, "_runtime": 1.5, "test": {"mae": n**-0.5}, "val/mae": 1.0, "loss": 0.3},
            name=f"n {n} seed {seed}",
        )
        for n in SIZES
        for seed in (0, 1)
    ]


def ask(capsys, *argv):
    code = main(["law", *map(str, argv)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.slow
def test_runs_of_anybody_are_a_table_with_all_pages(server, capsys):
    left = [run_of({"n_train": 3200}, {}, "crashed"), run_of({"lr": 1}, {"test": {"mae": 1.0}})]
    server.projects["us/widths"] = [*others(), *left]
    server.most_per_page = 4
    words = ("--form", "power", "--draws", "100", "--json")
    code, out, err = ask(capsys, "fit", "wandb:us/widths", *words)
    assert code == 0
    (law,) = json.loads(out)["curves"]
    assert law["decay_rate"] == pytest.approx(0.5)
    assert (law["num_sizes"], law["num_curves"]) == (5, 2)
    assert server.requests.count("Runs") == 3
    assert err.count("left out") == 2
    code, out, _ = ask(capsys, "fit", "wandb:us/widths", *words, "--columns", "size=n_train,error=val/mae")
    assert code == 0
    assert json.loads(out)["curves"][0]["decay_rate"] == pytest.approx(0.0, abs=2e-3)


@pytest.mark.slow
def test_cells_of_a_study_tell_the_law_of_their_records(server, tmp_path):
    runs = []
    for seed in range(3):
        for n in (0, *SIZES):
            cell = RecordKey("GINE", "full", n, str(n), 30, seed, 0)
            mae = max(n, 50) ** -0.4 * (1 + 0.05 * ((n + 7 * seed) % 5))
            record = Record(f"k{seed}-{n}", cell, "density", "g/cm3", {"mae": mae, "num_test": 9.0}, {})
            write_record(tmp_path / "records", record, None)
            config = {"key": record.key, "architecture": "GINE", "policy": "none", "source_size": n, "seed": seed}
            config |= {"source_level": str(n), "target_size": 30, "target_level": "30", "split": 0, "growth": "random"}
            config |= {"pretraining": "", "property": "density", "unit": "g/cm3", "trainer": {"max_epochs": 4}}
            runs.append(run_of(config, {"test/mae": mae, "test/num_test": 9.0, "epoch": 4}))
    runs.append(run_of({"key": "p", "source_size": 100}, {"val/mae": 1.0}))  # a pretraining
    server.projects["us/study"] = runs
    for name, path in (("found", "wandb:us/study"), ("wanted", tmp_path)):
        read = read_learning_curves(type(tmp_path)(path))
        ((label, models),) = read.curves.items()
        told = (label, read.quantity, read.unit, *map(list, models[:3]), len(read.grids))
        if name == "found":
            found = told
    assert found == told


@pytest.mark.slow
def test_projects_that_cannot_be_read_are_refused_in_one_sentence(server, capsys):
    server.projects |= {"us/empty": [], "us/other": [run_of({"lr": 1}, {"acc": 0.5})]}
    for path, word in (
        ("wandb:us/gone", "us/gone"),
        ("wandb:us/empty", "no finished run"),
        ("wandb:us/other", "source_size"),
        ("wandb:us", "ENTITY/PROJECT"),
    ):
        code, _, err = ask(capsys, "fit", path)
        assert code == 2
        assert word in err
        assert err.count("\n") == 1
    server.status = 401
    code, _, err = ask(capsys, "fit", "wandb:us/empty")
    assert code == 2
    assert "wandb login" in err
