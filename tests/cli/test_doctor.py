"""`doctor` says what a report of a bug needs, and no secret."""

import pytest
import torch
from packaging.requirements import Requirement

from gnn_sim2real.cli import doctor
from gnn_sim2real.cli.main import main


def said(capsys, code=0):
    assert main(["doctor"]) == code
    return capsys.readouterr().out


def test_versions_folders_extras_and_licenses_are_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GNN_SIM2REAL_LIBRARY", str(tmp_path / "models"))
    text = said(capsys)
    for word in (
        torch.__version__,
        str(tmp_path / "cache"),
        str(tmp_path / "models"),
        "foundation-crystal",
        "CC-BY-4.0",
    ):
        assert word in text.replace("CC BY 4.0", "CC-BY-4.0")


def test_secrets_are_not_shown(capsys, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "5ecre7")
    monkeypatch.setenv("GNN_SIM2REAL_DATA", "/some/folder")
    text = said(capsys)
    assert "5ecre7" not in text
    assert "WANDB_API_KEY" in text
    assert "/some/folder" in text


@pytest.mark.parametrize("wanted", ["torch<2.0", "no-such-library>=1"])
def test_a_library_that_does_not_fit_is_a_problem(capsys, monkeypatch, wanted):
    monkeypatch.setattr(doctor, "_requirements", lambda: [Requirement("numpy>=1"), Requirement(wanted)])
    problem = said(capsys, code=1).partition("problem:")[2]
    assert Requirement(wanted).name in problem
    assert "numpy" not in problem


def test_an_extra_says_how_it_is_installed(monkeypatch):
    monkeypatch.setattr(
        doctor, "_requirements", lambda: [Requirement('no-such-library>=1; extra == "magic"'), Requirement("numpy")]
    )
    assert doctor._extras() == {"magic": "no: pip install 'gnn-sim2real[magic]'"}


def test_an_option_that_is_none_is_refused(capsys):
    assert main(["doctor", "--all"]) == 2
    assert "--all" in capsys.readouterr().err
