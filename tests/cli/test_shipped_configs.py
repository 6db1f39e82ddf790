"""The YAMLs of the package by their address: in every command, `configs list` and `configs copy`."""

import shutil

import pytest

import gnn_sim2real
from gnn_sim2real.cli.main import main
from gnn_sim2real.config.shipped import configs_folder, find_config, list_configs, replace_addresses


def test_an_address_is_a_file_with_or_without_its_ending():
    file = configs_folder() / "polymer/density_open/quick.yaml"
    assert file.is_file()
    assert find_config("configs:polymer/density_open/quick.yaml") == file
    assert find_config("polymer/density_open/quick") == file


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "", ".", "polymer/../../LICENSE"])
def test_an_address_never_leaves_the_folder(name):
    with pytest.raises(ValueError, match="configs:"):
        find_config(f"configs:{name}")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("polymer/density_opne/quick.yaml", "polymer/density_open/quick.yaml"),
        ("wandb.yml", "wandb.yaml"),
        ("quick.yaml", "polymer/density_open/quick.yaml"),
        ("polymer/density_open", "polymer/density_open/study.yaml"),
    ],
)
def test_a_wrong_address_names_the_nearest(asked, found):
    with pytest.raises(ValueError, match=asked) as error:
        find_config(f"configs:{asked}")
    assert found in str(error.value)


def test_addresses_stand_alone_or_after_an_equals_sign():
    file = str(configs_folder() / "wandb.yaml")
    given = ["run", "-c", "configs:wandb.yaml", "--config=configs:wandb", "--title=configs: all", "a"]
    assert replace_addresses(given[:4]) == ["run", "-c", file, f"--config={file}"]
    with pytest.raises(ValueError, match=" all"):
        replace_addresses(given)


def test_an_installed_package_has_them_inside(tmp_path, monkeypatch):
    package = tmp_path / "gnn_sim2real"
    shutil.copytree(configs_folder(), package / "configs")
    monkeypatch.setattr(gnn_sim2real, "__file__", str(package / "__init__.py"))
    assert find_config("configs:wandb.yaml") == package / "configs/wandb.yaml"
    shutil.rmtree(package / "configs")
    with pytest.raises(ValueError, match="install"):
        find_config("configs:wandb.yaml")


@pytest.mark.slow
def test_a_study_is_read_by_its_address(capfd):
    argv = ["study", "run", "-c", "configs:polymer/density_open/quick.yaml", "--dry-run", "--output", "here"]
    assert main(argv) == 0
    assert "130 open measurements" not in capfd.readouterr().err


@pytest.mark.parametrize("argv", [["fit"], ["study", "run"], ["shotgun"], ["models", "build"]])
def test_a_missing_file_names_those_that_are_near(argv, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text("axes: {}")
    assert main([*argv, "-c", "stduy.yaml"]) == 2
    said = capfd.readouterr().err
    assert "stduy.yaml" in said
    assert "study.yaml" in said.replace("stduy.yaml", "")
    assert main([*argv, "-c", "configs/polymer/density/pretrian.yaml"]) == 2
    assert "configs:polymer/density/pretrain.yaml" in capfd.readouterr().err


def test_list(capfd):
    assert main(["configs", "list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"configs:{name}" for name in list_configs()]
    assert main(["configs", "list", "density_open"]) == 0
    shown = capfd.readouterr().out
    assert "configs:polymer/density_open/quick.yaml" in shown
    assert "The first law in a few minutes" in shown
    assert "wandb" not in shown
    assert main(["configs", "list", "nothing_like_it"]) == 2


def test_a_copied_folder_works_alone_and_nothing_is_overwritten(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["configs", "copy", "configs:polymer/density_open"]) == 0
    copies = sorted(path.name for path in (tmp_path / "density_open").iterdir())
    assert copies == sorted(path.name for path in (configs_folder() / "polymer/density_open").iterdir())
    (tmp_path / "density_open/quick.yaml").write_text("mine")
    capfd.readouterr()
    assert main(["configs", "copy", "polymer/density_open"]) == 2
    assert "density_open" in capfd.readouterr().err
    assert (tmp_path / "density_open/quick.yaml").read_text() == "mine"
    assert main(["configs", "copy", "wandb", "elsewhere"]) == 0
    assert (tmp_path / "elsewhere/wandb.yaml").read_text() == find_config("wandb").read_text()
    assert main(["configs", "copy", "../tests"]) == 2
    assert main(["configs", "move"]) == 2
