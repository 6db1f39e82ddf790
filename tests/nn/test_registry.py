import subprocess
import sys
from pathlib import Path

import pytest

from gnn_sim2real import nn
from gnn_sim2real.config.lightning_cli import read_stage
from gnn_sim2real.nn.registry import own_encoders

ROOT = Path(__file__).parents[2]

ENCODER = """
from gnn_sim2real.nn import FingerprintMLP

class Foreign(FingerprintMLP):
    pass
"""
READ = """
from pathlib import Path
from gnn_sim2real.config.lightning_cli import read_stage
config = read_stage(Path("configs/demo/polymer_pretrain.yaml"), [sys.argv[1]])[1]
print(config.model.init_args.encoder.class_path)
"""


def test_every_encoder_of_the_folder_is_a_name_of_the_package():
    found = own_encoders()
    assert {"GINE", "CGCNN", "Pair", "TruncatedEncoder"} <= found.keys()
    assert not found.keys() & {"Encoder", "BondEncoder", "ResidualEncoder"}
    assert all(getattr(nn, name) is each for name, each in found.items())


def test_a_short_name_in_a_configuration(tmp_path):
    (tmp_path / "short.yaml").write_text("model: {init_args: {encoder: {class_path: GATv2}}}")
    config = read_stage(ROOT / "configs/demo/polymer_pretrain.yaml", [str(tmp_path / "short.yaml")])[1]
    assert config.model.init_args.encoder.class_path == "gnn_sim2real.nn.GATv2"


@pytest.mark.slow
def test_an_installed_package_brings_encoders(tmp_path):
    """Found by its entry point; in a process of its own, since a class that was made stays."""
    (tmp_path / "foreign.py").write_text(ENCODER)
    (tmp_path / "foreign-1.dist-info").mkdir()
    (tmp_path / "foreign-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    (tmp_path / "foreign-1.dist-info/entry_points.txt").write_text("[gnn_sim2real.encoders]\nforeign = foreign\n")
    short = tmp_path / "short.yaml"
    short.write_text("model: {init_args: {encoder: {class_path: Foreign, init_args: {hidden_dim: 7}}}}")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{READ}", str(short)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["foreign.Foreign"]
