"""`models build` on every launcher: the same models, weight for weight, and none is lost with a node."""

import hashlib

import pytest
import yaml
from processes import running_command, wait_until
from ray_marks import needs_ray
from studies import write_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.library.content import WEIGHTS_FILE

NUM_MODELS = 6


def write_library(folder):
    write_study(folder)
    source = {"pretrain": "pretrain.yaml", "source_size": [10, 20, "all"], "seed": [0, 1]}
    path = folder / "library.yaml"
    path.write_text(yaml.safe_dump({"output": str(folder / "out"), "launcher": "serial", "sources": [source]}))
    return path


def weights_of(output):
    """Hash of the weights of each model; keys hang on the configuration, which names the output folder."""
    files = sorted((output / "models").glob(f"*/{WEIGHTS_FILE}"))
    return sorted(hashlib.sha256(each.read_bytes()).hexdigest() for each in files)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The library, and the weights of its models as one process makes them."""
    folder = tmp_path_factory.mktemp("build")
    path = write_library(folder)
    assert main(["models", "build", "-c", str(path), "--output", str(folder / "serial")]) == 0
    found = weights_of(folder / "serial")
    assert len({*found}) == NUM_MODELS
    return path, found


@pytest.mark.slow
def test_processes_make_the_same_weights(serial, tmp_path):
    path, wanted = serial
    argv = ["models", "build", "-c", str(path), "--output", str(tmp_path / "out")]
    assert main([*argv, "--launcher", "processes", "--workers", "2"]) == 0
    assert weights_of(tmp_path / "out") == wanted


@pytest.mark.slow
def test_shards_make_the_same_weights_and_each_model_once(serial, tmp_path, capsys):
    path, wanted = serial
    argv = ["models", "build", "-c", str(path), "--output", str(tmp_path / "out")]
    done = 0
    for shard in ("2/3", "1/3", "3/3"):
        assert main([*argv, "--shard", shard]) == 0
        done += int(capsys.readouterr().out.partition(" models trained")[0].split()[-1])
    assert done == NUM_MODELS
    assert weights_of(tmp_path / "out") == wanted
    assert main(argv) == 0
    assert f"0 models trained, {NUM_MODELS} were there" in capsys.readouterr().out


@pytest.mark.release
@needs_ray
def test_a_lost_node_of_a_ray_cluster_costs_no_model(serial, tmp_path, cluster):
    path, wanted = serial
    output = tmp_path / "out"
    first, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    options = ("--launcher", "ray", "--address", cluster.address, "--output", str(output))
    with running_command(tmp_path / "said", "models", "build", "-c", str(path), *options) as command:
        made = output / "models"
        wait_until(lambda: [*made.glob("*/card.json")] or not command.is_running, "no model is made")
        cluster.remove_node(first, allow_graceful=False)
        assert command.wait() == 0, command.said
    assert weights_of(output) == wanted
    assert not [*(output / "failures").glob("*.json")]
