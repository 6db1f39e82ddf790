"""Matbench's measured sets, from files made up in matminer's format."""

import gzip
import json
import sys

import numpy as np
import pytest

import datamodules
from gnn_sim2real.errors import DatasetNotFoundError


def write_set(folder, name, column, rows):
    """A file as matminer keeps it: a frame in pandas' split form, as JSON."""
    content = {"index": [*range(len(rows))], "columns": ["composition", column], "data": rows}
    (folder / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))


def test_it_says_how_to_install_matminer(monkeypatch):
    monkeypatch.setitem(sys.modules, "matminer", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"matminer.*pip install 'gnn-sim2real\[matbench\]'"):
        _ = datamodules.Matbench("matbench_steels").table


def test_another_set_is_refused():
    with pytest.raises(ValueError, match=r"`dataset`.*matbench_expt_gap.*'matbench_glass'"):
        datamodules.Matbench("matbench_glass")


class TestWithMatminer:
    @pytest.fixture(autouse=True)
    def matminer(self):
        pytest.importorskip("matminer", reason="needs matminer: pip install 'gnn-sim2real[matbench]'")

    def test_gaps(self, tmp_path):
        write_set(tmp_path, "matbench_expt_gap", "gap expt", [["NaCl", 8.5], ["GaAs", 1.4], ["As2Ga2", 1.6], ["Cu", 0]])
        table = datamodules.Matbench(folder=str(tmp_path)).table
        assert len(table.identities) == 3
        np.testing.assert_allclose(sorted(table.values.ravel()), [0, 1.5, 8.5])

    def test_steels_are_fractions(self, tmp_path, capsys):
        steels = [["Fe0.620C0.000953Mn0.000521Si0.00102Cr0.000110", 2411.5], ["Fe0.623C0.00854Mn0.000104", 1123.1]]
        write_set(tmp_path, "matbench_steels", "yield strength", steels)
        data = datamodules.Matbench("matbench_steels", folder=str(tmp_path), validation_fraction=0)
        assert len(data.table.identities) == 2
        assert len(data.store) == 2
        assert capsys.readouterr().out == ""

    def test_a_damaged_file(self, tmp_path):
        (tmp_path / "matbench_steels.json.gz").write_bytes(gzip.compress(b'{"index": [0], "col'))
        with pytest.raises(DatasetNotFoundError, match=r"matbench_steels\.json\.gz"):
            _ = datamodules.Matbench("matbench_steels", folder=str(tmp_path)).table

    def test_no_network(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        with pytest.raises(DatasetNotFoundError, match=r"matbench_expt_gap.*Error"):
            _ = datamodules.Matbench(folder=str(tmp_path)).table
