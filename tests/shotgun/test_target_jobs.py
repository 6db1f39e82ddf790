"""A study of shotgun transfer on every launcher: the same records, and nothing is lost with a machine."""

import json

import pytest
import yaml
from processes import running_command, wait_until
from ray_marks import needs_ray
from shotgun_library import make_library
from tiny import CHAINS, density

from gnn_sim2real.cli.main import main
from gnn_sim2real.launchers.base import JobLostError
from gnn_sim2real.launchers.drive import MAX_ATTEMPTS, drive
from gnn_sim2real.launchers.queue import JobQueue
from gnn_sim2real.shotgun.target_jobs import TargetJob

NAMES = ("one", "two", "three")
DRAWS = 1


def write_study(folder):
    make_library(folder / "library", planted=1, noise=1)
    data = {"path": str(folder / "mine.csv"), "property": "density", "column": "rho", "unit": "g/cm3"}
    rows = "".join(f"{unit},{density(unit)}\n" for unit in CHAINS[::2])
    (folder / "mine.csv").write_text(f"smiles,rho\n{rows}")
    targets = [
        {
            "name": name,
            "data": {
                "class_path": "datamodules.Table",
                "init_args": data | {"test_fraction": 0.3, "validation_fraction": 0, "split": split},
            },
            "scratch": {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 1}},
        }
        for split, name in enumerate(NAMES)
    ]
    content = {"library": str(folder / "library"), "seen": "warn", "sizes": [8], "draws": DRAWS, "folds": 3}
    content |= {"tuning": {"best": 1, "epochs": 1, "scratch_epochs": 1}, "targets": targets}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def records_of(output):
    """The records by name, without when and by which process they were made."""
    found = {}
    for path in (output / "records").glob("*.json"):
        record = json.loads(path.read_text())
        found[path.name] = {
            name: each for name, each in record.items() if name not in ("provenance", "checksum", "sha256")
        }
    return found


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    path = write_study(folder)
    assert main(["shotgun", "study", "-c", str(path), "--output", str(folder / "serial")]) == 0
    found = records_of(folder / "serial")
    assert len(found) == len(NAMES) * DRAWS
    return path, found


@pytest.mark.slow
def test_processes_make_the_same_records(serial, tmp_path):
    path, wanted = serial
    options = ["--output", str(tmp_path / "out"), "--launcher", "processes", "--workers", "2"]
    assert main(["shotgun", "study", "-c", str(path), *options]) == 0
    assert records_of(tmp_path / "out") == wanted


@pytest.mark.slow
def test_shards_make_the_same_records(serial, tmp_path):
    path, wanted = serial
    counts = []
    for shard in ("2/2", "1/2"):
        assert main(["shotgun", "study", "-c", str(path), "--output", str(tmp_path / "out"), "--shard", shard]) == 0
        counts.append(len(records_of(tmp_path / "out")))
    assert counts == [DRAWS, len(NAMES) * DRAWS]
    assert records_of(tmp_path / "out") == wanted


@pytest.mark.release
@needs_ray
def test_a_lost_node_of_a_ray_cluster_costs_no_record(serial, tmp_path, cluster):
    path, wanted = serial
    output = tmp_path / "out"
    first, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    options = ("--launcher", "ray", "--address", cluster.address, "--output", str(output))
    with running_command(tmp_path / "said", "shotgun", "study", "-c", str(path), *options) as command:
        wait_until(lambda: [*output.glob("records/*.json")] or not command.is_running, "there is no record")
        cluster.remove_node(first, allow_graceful=False)
        assert command.wait() == 0, command.said
    assert records_of(output) == wanted


class Fickle:
    """A launcher that loses each job as often as it is told to."""

    def __init__(self, times):
        self.times, self.jobs = times, []

    def has_room(self):
        return not self.jobs

    def submit(self, job):
        self.jobs.append(job)

    def finished(self, timeout):
        job = self.jobs.pop()
        if self.times:
            self.times -= 1
            return [(job, JobLostError("gone"))]
        return [(job, "done")]


@pytest.mark.parametrize(("times", "outcome"), [(1, "done"), (MAX_ATTEMPTS, "failed")])
def test_a_lost_target_is_started_again(times, outcome):
    queue, lost = JobQueue([TargetJob("one")]), []
    done = list(drive(queue, Fickle(times), [], lambda job: job.name, lambda job, reason: lost.append(reason)))
    assert queue.outcomes == {outcome: 1}
    assert [job.name for job in done] == ["one"]
    assert bool(lost) == (outcome == "failed")


def test_a_target_that_another_run_is_at_is_looked_at_again(monkeypatch):
    monkeypatch.setattr("gnn_sim2real.launchers.queue.PAUSE", 0.0)
    queue = JobQueue([TargetJob("one")])
    queue.settle(queue.next(), "elsewhere")
    assert not queue.is_finished
    queue.settle(queue.next(), "cached")
    assert queue.is_finished
    assert queue.next() is None


@pytest.mark.parametrize("option", ["--workers=0", "--address=here", "--shard=3/2", "--only=four"])
def test_options_that_make_no_sense(tmp_path, option, capsys):
    path = tmp_path / "study.yaml"
    demo = {"class_path": "datamodules.DemoMeasured", "init_args": {"test_fraction": 0.3}}
    path.write_text(yaml.safe_dump({"targets": [{"name": "one", "data": demo}]}))
    assert main(["shotgun", "study", "-c", str(path), option]) == 2
    assert capsys.readouterr().err.count("\n") == 1
