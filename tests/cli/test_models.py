"""`gnn-sim2real models` through the real command line."""

import json
import re

import pytest
from libraries import flip_byte, make_library

from gnn_sim2real.cli.main import main
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import ModelLibrary, load_model


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("library"))[0]


@pytest.fixture
def run(library, capsys):
    def run(*words, folder=library.folder):
        code = main(["models", *map(str, words), "--library", str(folder)])
        return code, capsys.readouterr()

    return run


def test_list(run, library):
    code, said = run("list")
    models, encoders = said.out.split("\n\n")
    lines = models.splitlines()
    assert code == 0
    assert lines[0].split()[:5] == ["key", "domain", "source", "property", "architecture"]
    assert len(lines) == 6
    assert "density and 1 more" in said.out
    assert lines[-1].startswith("4 models in ")
    lines = encoders.splitlines()
    assert lines[0].split() == ["foundation", "encoder", "version", "reads", "licence", "installed"]
    at = next(place for place, line in enumerate(lines) if line.startswith("chgnet "))
    assert "crystal" in lines[at]
    assert "BSD" in lines[at]
    assert "foundation-crystal" in lines[at] or lines[at].endswith("yes")
    assert "not these measurements" in lines[at + 1]
    for option in ("--min-size", "--min_size"):
        _, said = run("list", "--property", "tg", option, "30")
        assert len(said.out.splitlines()) == 3
    (card,) = library.cards(property="tg")
    assert f"{card.metrics['glass_transition']['mae']:.3g} K" in said.out
    _, said = run("list", "--json", "--max-size", "20")
    assert json.loads(said.out)["size"] == 20
    _, said = run("list", "--domain", "crystal")
    assert said.out.startswith("0 models in ")


def test_show(run, library):
    (card,) = library.cards(property="tg")
    code, said = run("show", card.key[:10])
    assert code == 0
    for value in ("glass_transition [K]", "42 hashed identities", "license of the data: none stated", "card_format: 1"):
        assert value in said.out
    code, said = run("show", "f" * 20)
    assert code == 2
    assert f"'{'f' * 20}'" in said.err


def test_export_import_push_pull_verify(run, tmp_path):
    assert run("export", tmp_path / "some.tar.gz", "--property", "tg")[1].out.startswith("1 models in ")
    other = tmp_path / "other"
    assert "1 models added" in run("import", tmp_path / "some.tar.gz", folder=other)[1].out
    assert "0 models added" in run("import", tmp_path / "some.tar.gz", folder=other)[1].out
    assert "4 models sent" in run("push", tmp_path / "remote")[1].out
    assert "0 models sent to" in run("push", tmp_path / "remote")[1].out
    assert "3 models added" in run("pull", tmp_path / "remote", folder=other)[1].out
    code, said = run("verify", folder=other)
    assert code == 0
    assert re.fullmatch(r"4 models .* 0 .*\n", said.out)
    key = ModelLibrary(other).keys()[0]
    flip_byte(other / key / "config.yaml")
    code, said = run("verify", folder=other)
    assert code == 1
    problem, count = said.out.splitlines()
    assert problem.startswith(f"{key}: ")
    assert "hash" in problem
    assert re.fullmatch(r"3 models .* 1 .*", count)


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["lst"], ["`models lst`", "list", "show", "verify", "export", "import", "push", "pull", "build"]),
        (["export", "x.tar", "--property", "colour"], ["LIBRARY"]),
        (["push", "somewhere", "ffff", "--property", "tg"], ["keys", "filters"]),
        (["import", "nowhere.tar"], ["nowhere.tar"]),
        (["list", "--max-mae", "1"], ["`max_mae`", "`property`"]),
        (["list", "--min-r2", "good"], ["`--min-r2`", "a number", "good"]),
        (["list", "--max-size", "1.5"], ["`--max-size`", "a whole number", "1.5"]),
        (["list", "--colour", "red"], ["--colour", "models list --help"]),
        (["push", ""], ["empty"]),
        (["pull", " "], ["address"]),
        (["pull", "ftp://nowhere.invalid/x"], ["ftp://nowhere.invalid/x"]),
    ],
)
def test_mistakes_are_answered_in_one_line(run, library, argv, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = run(*argv)
    assert code == 2
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert [value for value in values if value.replace("LIBRARY", str(library.folder)) not in line] == []
    assert not any(each in line for each in ("<class", "Parser key"))


def test_the_default_library(monkeypatch, library, capsys):
    monkeypatch.setenv("GNN_SIM2REAL_LIBRARY", str(library.folder))
    assert main(["models", "list"]) == 0
    assert "4 models in" in capsys.readouterr().out
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    for each in ("list", "show", "verify", "export", "import", "push", "pull", "build", "--min-r2"):
        assert each in printed


def test_a_key_is_a_model(library, monkeypatch, tmp_path):
    """Also its first characters, as in `models show`; what lies in the folder comes first."""
    monkeypatch.setenv("GNN_SIM2REAL_LIBRARY", str(library.folder))
    monkeypatch.chdir(tmp_path)
    key, *others = library.keys()
    start = next(key[:end] for end in range(1, 33) if not any(each.startswith(key[:end]) for each in others))
    wanted = load_model(library.folder / key).fingerprint
    for name in (key, start):
        assert load_model(name).fingerprint == wanted
    (tmp_path / start).touch()
    with pytest.raises(CheckpointError, match=start):
        load_model(start)
    (tmp_path / start).unlink()
    monkeypatch.setenv("GNN_SIM2REAL_LIBRARY", str(tmp_path))
    for name in ("ab" + "0" * 30, "ab" + "1" * 30):
        (tmp_path / name).mkdir()
    with pytest.raises(CheckpointError, match=r"2 models .*'ab'"):
        load_model("ab")
    with pytest.raises(CheckpointError, match="models list"):
        load_model(key)
