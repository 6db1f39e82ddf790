"""Disks that are full or cannot be written: one sentence, nothing half written, and the training goes on."""

import errno
import os
import re

import pytest
import torch
import yaml
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from tiny import CHAINS, density

from gnn_sim2real.cli.main import main
from gnn_sim2real.figures import save_figure
from gnn_sim2real.library import load_model


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def config(tmp_path):
    rows = "".join(f"{each},{density(each)}\n" for each in CHAINS)
    (tmp_path / "table.csv").write_text(f"smiles,density\n{rows}")
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 1}}
    trainer = {"accelerator": "cpu", "max_epochs": 3, "enable_progress_bar": False, "enable_model_summary": False}
    table = {"path": str(tmp_path / "table.csv"), "property": "density", "unit": "g/cm3", "validation_fraction": 0}
    content = {
        "trainer": trainer | {"default_root_dir": str(tmp_path / "run")},
        "model": {"class_path": "gnn_sim2real.tasks.SourcePretraining", "init_args": {"encoder": encoder}},
        "data": {"class_path": "datamodules.Table", "init_args": table},
        "library": None,
    }
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "fit.yaml"


def weights(path):
    return load_model(path).fingerprint


def test_a_training_on_a_full_disk_goes_on_from_its_last_checkpoint(config, tmp_path, monkeypatch, capfd):
    saved, whole = [], TorchCheckpointIO.save_checkpoint

    def save(self, checkpoint, path, storage_options=None):
        saved.append(path)
        if len(saved) == 2:
            path.write_bytes(b"half")
            full()
        whole(self, checkpoint, path, storage_options)

    with monkeypatch.context() as patch:
        patch.setattr(TorchCheckpointIO, "save_checkpoint", save)
        assert main(["fit", "-c", str(config)]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    (kept,) = [path for path in tmp_path.rglob("*") if path.name.endswith((".ckpt", ".part"))]
    assert f"--ckpt_path {kept}" in line
    assert "make room" in line
    given = re.search(r"--ckpt_path ([^`]+)`", line)[1]
    assert (
        main(["fit", "-c", str(config), "--ckpt_path", given, "--trainer.default_root_dir", str(tmp_path / "on")]) == 0
    )
    assert main(["fit", "-c", str(config), "--trainer.default_root_dir", str(tmp_path / "undisturbed")]) == 0
    (resumed,), (undisturbed,) = ((tmp_path / name).rglob("*.ckpt") for name in ("on", "undisturbed"))
    assert weights(resumed) == weights(undisturbed)


def test_a_library_that_cannot_be_written_is_told_before_the_training(config, tmp_path, monkeypatch, capfd):
    library = tmp_path / "library"
    library.mkdir()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: allowed(path, mode) and str(path) != str(library))
    assert main(["fit", "-c", str(config), "--library", str(library)]) == 2
    assert f"{library} cannot be written" in capfd.readouterr().err
    assert not list((tmp_path).rglob("*.ckpt"))


def test_errors_of_the_system_name_the_file_and_not_their_number(tmp_path, monkeypatch, capfd):
    (tmp_path / "curve.csv").write_text(
        "source_size,error\n" + "".join(f"{n},{2 * n**-0.5 + 0.1}\n" for n in (50, 100, 200, 400, 800))
    )
    figure = tmp_path / "law.png"
    words = ["law", "fit", str(tmp_path / "curve.csv"), "--draws", "100", "--figure", str(figure)]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert main(words) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: {figure}: no space left on device; make room")
    assert [path.name for path in tmp_path.iterdir()] == ["curve.csv"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        assert main(words) == 2
    assert f"{figure} cannot be written" in capfd.readouterr().err


def test_an_earlier_figure_stays_where_there_is_no_room_for_another(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    made = Figure()
    made.subplots().plot(torch.arange(3), torch.arange(3))
    save_figure(made, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "a.png"))):
        save_figure(made, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
