"""A study on a real Ray cluster on this machine: one node is lost in the middle, another one joins."""

import re

import pytest
from processes import wait_until
from ray_marks import NEEDS_RAY
from studies import NUM_CELLS, num_records, pretraining_keys, results, running_study, wait_for_records

from gnn_sim2real.cli.main import main
from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.records.record import read_records

pytestmark = NEEDS_RAY


@pytest.mark.slow
def test_a_lost_node_costs_no_record(undisturbed, study_files, cluster):
    first, other = cluster.add_node(num_cpus=1, num_gpus=1), study_files / "out"
    options = ("--launcher", "ray", "--address", cluster.address, "--gpus", "0.5")
    held = pretraining_keys(undisturbed)[0]
    with running_study(study_files, *options) as command:
        with Claims(other / "claims").hold(held):  # it cannot be over before the node is lost
            wait_for_records(command, other, 4)
            before = num_records(other)
            cluster.remove_node(first, allow_graceful=False)
            cluster.add_node(num_cpus=1, num_gpus=1)
        wait_until(lambda: num_records(other) > before or not command.is_running, "the new node computes nothing")
        assert command.wait() == 0, command.said
    assert results(other) == results(undisturbed)
    assert len(list((other / "records").glob("*.json"))) == 2 * NUM_CELLS  # a killed writer may leave a part
    assert len({record.provenance["process"] for record in read_records(other / "records")}) >= 2
    assert not list((other / "failures").glob("*.json"))
    assert re.search(r"Ray cluster .*\b1 cells", command.said)


@pytest.mark.release
def test_a_lost_head_is_said(study_files, cluster):
    cluster.add_node(num_cpus=1)
    options = ("--launcher", "ray", "--address", cluster.address)
    with running_study(study_files, *options) as command:
        wait_for_records(command, study_files / "out", 1)
        cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        assert command.wait() == 2, command.said
    assert f"Ray cluster at {cluster.address} is gone" in command.said
    assert "Traceback" not in command.said
    assert num_records(study_files / "out") >= 1


def test_without_a_cluster_it_is_said(study_files, capfd):
    command = ["study", "run", "-c", str(study_files / "study.yaml"), "--launcher", "ray", "--address", "127.0.0.1:1"]
    assert main(command) == 2
    assert re.search(r"Ray .*127\.0\.0\.1:1", capfd.readouterr().err)
