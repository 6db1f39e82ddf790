"""A study on a real Ray cluster on this machine: one node is lost in the middle, another one joins."""

import time

import pytest
from studies import NUM_CELLS, results, start_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.record import read_records

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs Ray: pip install 'gnn-sim2real[ray]'")


@pytest.fixture
def cluster():
    """A head that computes nothing, to which a test adds nodes; their GPUs exist in Ray's book-keeping only."""
    head = {"num_cpus": 0, "include_dashboard": False}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    yield made
    made.shutdown()


def test_a_lost_node_costs_no_record(undisturbed, study_files, cluster):
    first = cluster.add_node(num_cpus=1, num_gpus=1)
    other = study_files / "out"
    process = start_study(study_files, "--launcher", "ray", "--address", cluster.address, "--gpus", "0.5")
    deadline = time.monotonic() + 240
    while len(list((other / "records").glob("*.json"))) < 2 * 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    cluster.remove_node(first, allow_graceful=False)
    cluster.add_node(num_cpus=1, num_gpus=1)
    assert len(list((other / "records").glob("*.errors.json"))) < NUM_CELLS, "it was over before the node was lost"
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert results(other) == results(undisturbed)
    assert len(list((other / "records").glob("*.json"))) == 2 * NUM_CELLS  # a killed writer may leave a part
    assert len({record.provenance["process"] for record in read_records(other / "records")}) >= 2
    assert not list((other / "failures").glob("*.json"))
    assert "room for 1 cells at a time" in said


def test_without_a_cluster_it_is_said(study_files, capfd):
    command = ["study", "run", "-c", str(study_files / "study.yaml"), "--launcher", "ray", "--address", "127.0.0.1:1"]
    assert main(command) == 2
    assert "no Ray cluster answers at 127.0.0.1:1" in capfd.readouterr().err
