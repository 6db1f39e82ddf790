"""No command replaces a file of the user: neither what it reads nor what it did not write."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from gnn_sim2real.cli.main import main
from gnn_sim2real.files import free_names, require_replaceable
from gnn_sim2real.shotgun.config import ShotgunConfig
from gnn_sim2real.shotgun.matrix import require_free_matrix
from gnn_sim2real.shotgun.run import run_shotgun
from gnn_sim2real.study.published import require_publishable
from gnn_sim2real.uncertainty.ensemble_calibration import require_free_folder

RESULTS = Path(__file__).parents[2] / "benchmarks/results"

CHECK = ["data", "check", "mine.csv", "--property", "density", "--unit", "g/cm3"]
MINE = "smiles,density\n*CC*,0.95\n*CCO*,1.1\nnonsense,1\n"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(MINE)
    return tmp_path


@pytest.mark.parametrize("option", ["--quarantine", "--json"])
def test_what_is_read_is_never_replaced(option, own_folder, capfd):
    (own_folder / "link.csv").symlink_to("mine.csv")
    for name in ("mine.csv", "./mine.csv", "link.csv"):
        for more in ([], ["--overwrite"]):
            assert main([*CHECK, option, name, *more]) == 2
            assert name.removeprefix("./") in capfd.readouterr().err
    assert (own_folder / "mine.csv").read_text() == MINE


@pytest.mark.parametrize("option", ["--quarantine", "--json"])
def test_a_report_replaces_only_one_of_its_kind(option, own_folder, capfd):
    other = own_folder / "other"
    for text in ("a,b\n1,2\n", "{}", '{"num_rows_read": 1}', ""):
        other.write_text(text)
        assert main([*CHECK, option, "other"]) == 2
        assert "--overwrite" in capfd.readouterr().err
        assert other.read_text() == text
    assert main([*CHECK, option, "other", "--overwrite"]) == 0
    written = other.read_text()
    assert main([*CHECK, option, "other"]) == 0
    assert other.read_text() == written != text


def test_the_quarantine_takes_a_free_name(own_folder):
    (own_folder / "quarantine_mine.csv").write_text("my,own\n")
    for _ in range(2):
        assert main(CHECK) == 0
    assert (own_folder / "quarantine_mine.csv").read_text() == "my,own\n"
    assert (own_folder / "quarantine_mine-v1.csv").read_text().startswith("row,material,property,reason\n4,nonsense,")
    assert not (own_folder / "quarantine_mine-v2.csv").exists()


def test_two_outputs_need_two_names(capfd):
    assert main([*CHECK, "--json", "x", "--quarantine", "./x"]) == 2
    assert "x" in capfd.readouterr().err


def test_a_figure_replaces_only_figures_of_ours(own_folder, capfd):
    rows = [f"{size},{2 * size**-0.5 + 0.1 + 0.01 * seed},{seed}" for size in (100, 400, 1600, 6400) for seed in (0, 1)]
    (own_folder / "curve.csv").write_text("\n".join(["source_size,error,seed", *rows]))
    argv = ["law", "fit", "curve.csv", "--draws", "100", "--figure", "mod/fig"]
    (own_folder / "mod").mkdir()
    (own_folder / "mod/fig.svg").write_text("<svg/>")
    assert main(argv) == 2
    assert "fig.svg" in capfd.readouterr().err
    assert (own_folder / "mod/fig.svg").read_text() == "<svg/>"
    assert not (own_folder / "mod/fig.png").exists()
    assert main([*argv, "--overwrite"]) == 0
    first = (own_folder / "mod/fig.png").read_bytes()
    assert main(argv) == 0  # the same again
    assert (own_folder / "mod/fig.png").read_bytes() == first


def test_an_export_replaces_only_an_export(own_folder, capfd):
    assert main(["models", "export", "mine.csv"]) == 2
    assert "mine.csv" in capfd.readouterr().err
    assert (own_folder / "mine.csv").read_text() == MINE


NAMES = "result.json ranking.png predict.yaml settings.yaml report.html parity.svg predictions.csv model/1"


@pytest.mark.parametrize("name", NAMES.split())
def test_shotgun_asks_for_another_folder(name, own_folder):
    (own_folder / name).parent.mkdir(exist_ok=True)
    (own_folder / name).write_text("mine")
    config = ShotgunConfig.__new__(ShotgunConfig)
    config.output = str(own_folder)
    with pytest.raises(ValueError, match="--output"):
        run_shotgun(config)
    assert (own_folder / name).read_text() == "mine"


def test_what_is_published_replaces_only_a_published_result(own_folder):
    result, figure = own_folder / "pub.json", own_folder / "pub.png"
    figure.write_bytes(b"mine")
    for text in (None, "{}", '{"cells": []}'):
        if text is not None:
            result.write_text(text)
        with pytest.raises(ValueError, match=r"pub\."):
            require_publishable(own_folder / "pub", overwrite=False)
        require_publishable(own_folder / "pub", overwrite=True)
    require_publishable(RESULTS / "chi", overwrite=False)


def test_a_calibration_replaces_only_one(own_folder):
    (own_folder / "calibration_density.png").write_bytes(b"mine")
    require_free_folder(own_folder, ["thickness"])
    with pytest.raises(ValueError, match="--output"):
        require_free_folder(own_folder, ["density"])
    (own_folder / "calibration.json").write_text('{"models": [], "parts": "", "properties": {}}')
    require_free_folder(own_folder, ["density"])


def test_a_matrix_replaces_only_one_of_the_same_targets(own_folder):
    config = SimpleNamespace(output=str(own_folder / "heat.csv"), targets=[SimpleNamespace(name=each) for each in "ab"])
    for text, ours in (("source,b,a\nx,1,2\n", True), ("source,c\nx,1\n", False), ("", False)):
        (own_folder / "heat.csv").write_text(text)
        with nullcontext() if ours else pytest.raises(ValueError, match="--output"):
            require_free_matrix(config)


def test_the_rule(own_folder):
    mine, new = own_folder / "mine.csv", own_folder / "new"
    require_replaceable(new, inputs=[mine])
    require_replaceable(mine, is_ours=lambda _: True)
    for wrong in ({}, {"inputs": [mine], "overwrite": True, "is_ours": lambda _: True}, {"inputs": [own_folder]}):
        with pytest.raises(ValueError, match=r"mine\.csv"):
            require_replaceable(mine, **wrong)
    with pytest.raises(ValueError, match="folder"):
        require_replaceable(own_folder, overwrite=True)
    assert free_names(own_folder, "mine.csv") == [own_folder / "mine-v1.csv"]
