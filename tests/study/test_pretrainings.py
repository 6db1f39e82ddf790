"""`models build`: a study whose cells are pretrainings."""

import contextlib
import io
import json
import re
import shutil
import signal

import pytest
import torch
import yaml
from processes import running_command, wait_until
from studies import write_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.study.library_config import read_library
from gnn_sim2real.study.pretrainings import LibraryResolver, read_targets
from gnn_sim2real.study.status import get_status


def write_library(folder):
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2, "dropout": 0.1}}
    smaller = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 4, "num_layers": 1}}
    source = {
        "class_path": "datamodules.PolymerTable",
        "init_args": {"path": str(folder / "source.csv"), "property": "density", "column": "density", "unit": "g/cm3"},
    }
    target = {
        "class_path": "datamodules.PolymerTable",
        "init_args": source["init_args"] | {"path": str(folder / "target.csv"), "test_fraction": 0.2},
    }
    several = {"class_path": "several_properties.SeveralProperties", "init_args": {"properties": ["density"]}}
    for name, data in (("one", source), ("several", several)):
        stage = {
            "trainer": {"accelerator": "cpu", "max_epochs": 2},
            "model": {"class_path": "gnn_sim2real.tasks.SourcePretraining", "init_args": {"encoder": encoder}},
            "data": data,
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(stage))
    (folder / "held_out.yaml").write_text(yaml.safe_dump({"measured": target}))
    library = {
        "output": str(folder / "out"),
        "models": str(folder / "models"),
        "held_out": "held_out.yaml",
        "launcher": "serial",
        "sources": [
            {"pretrain": "one.yaml", "architecture": [encoder, smaller], "source_size": [20, "all"], "seed": [0, 1]},
            {"pretrain": "several.yaml", "property": ["density", "mass"]},
        ],
    }
    (folder / "library.yaml").write_text(yaml.safe_dump(library))
    return folder / "library.yaml"


@pytest.fixture
def config(study_files):
    return write_library(study_files)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A library that is built, on which tests only look."""
    config, printed = write_library(write_study(tmp_path_factory.mktemp("built"))), io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["models", "build", "-c", str(config)]) == 0
    assert re.search(r"\b10 models trained, 0 .*, 0 failed", printed.getvalue())
    return config


@pytest.fixture
def own(built, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(built.parent, tmp_path / "own")
    return write_library(tmp_path / "own")


def test_what_is_built_and_what_is_held_out(built):
    library = ModelLibrary(built.parent / "models")
    assert library.verify(strict=True) == {}
    cards = library.cards()
    assert [card.properties for card in library.cards(source="SeveralProperties")] == [("density",), ("mass",)]
    assert len({(card.source, card.properties, card.num_parameters, card.size, card.seed) for card in cards}) == 10
    (target,) = read_targets(built.parent / "held_out.yaml")[1].values()
    tested = target.tested_identities()
    assert len(tested) > 5
    for card in cards:
        assert not library.identities(card.key) & tested
        assert set(card.metrics[card.properties[0]]) >= {"mae", "rmse"}
    sizes = {card.size for card in cards if card.source != "SeveralProperties"}
    assert len(sizes) == 2
    assert 20 in sizes
    subsets = {card.seed: library.identities(card.key) for card in cards if card.size == 20}
    assert len(subsets[0] & subsets[1]) < len(subsets[0]) == len(subsets[1]) == 20


def test_a_model_that_was_added_before_the_stop_is_not_added_again(own):
    """The last moment of a pretraining: its model is there, the link to it is not."""
    folder = own.parent / "models"
    before = {*ModelLibrary(folder).keys()}
    sorted((folder / "pretrainings").iterdir())[0].unlink()
    assert main(["models", "build", "-c", str(own)]) == 0
    assert {*ModelLibrary(folder).keys()} == before
    assert len([*(folder / "pretrainings").iterdir()]) == 10


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_stopped_loses_nothing_and_goes_on(built, study_files, end):
    config, models = write_library(study_files), study_files / "models"

    def finished():
        return {*ModelLibrary(models).keys()} if models.exists() else set()

    with running_command(study_files / "said", "models", "build", "-c", config) as command:
        wait_until(lambda: finished() or not command.is_running, "it builds nothing")
        command.send_signal(end)
        # Once more where it was lost: RDKit takes Ctrl-C for itself while it searches.
        wait_until(lambda: command.ends_within(60) or command.send_signal(end), "it cannot be stopped")
        assert command.wait() == 130
    before = finished()
    assert 0 < len(before) < 10
    assert not [*study_files.rglob("*.part"), *(study_files / "out" / "claims").glob("*.json")]
    assert ModelLibrary(models).verify(strict=True) == {}
    assert main(["models", "build", "-c", str(config)]) == 0
    assert before < finished()
    whole, library = ModelLibrary(built.parent / "models"), ModelLibrary(models)
    assert sorted(card.metrics["density"]["mae"] for card in library.cards(property="density")) == sorted(
        card.metrics["density"]["mae"] for card in whole.cards(property="density")
    )


@pytest.mark.slow
def test_the_same_command_goes_on(own, capsys):
    library = ModelLibrary(own.parent / "models")
    before = set(library.keys())
    assert main(["models", "build", "-c", str(own)]) == 0
    assert re.search(r"\b0 models trained, 10 .*, 0 failed", capsys.readouterr().out)
    gone = sorted(before)[0]
    for path in sorted((library.folder / gone).iterdir()):
        path.unlink()
    (library.folder / gone).rmdir()
    assert main(["models", "build", "-c", str(own)]) == 0
    assert re.search(r"\b1 models trained, 9 .*, 0 failed", capsys.readouterr().out)
    assert len(library.keys()) == 10
    status = get_status(read_library([str(own)], [])[0])
    assert (status.done, status.failed, status.waiting, status.seconds_left) == (10, 0, 0, 0.0)
    assert main(["study", "status", str(own.parent / "out")]) == 0
    assert "10 of 10 cells done" in capsys.readouterr().out


@pytest.mark.slow
def test_the_saved_configuration_makes_the_same_model_again(built, tmp_path, capsys, monkeypatch):
    """By hand, with `fit`, which ends in the library as well; the held-out materials leave the source again."""
    monkeypatch.chdir(tmp_path)
    library = ModelLibrary(built.parent / "models")
    card = max(library.cards(source="PolymerTable"), key=lambda card: (card.seed, card.size))
    config = library.folder / card.key / "config.yaml"
    assert main(["fit", "-c", str(config), "--library", str(tmp_path / "by_hand")]) == 0
    assert "library" in capsys.readouterr().out
    again = ModelLibrary(tmp_path / "by_hand")
    (key,) = again.keys()
    assert again.identities(key) == library.identities(card.key)
    for name, tensor in again.load(key).network.state_dict().items():
        torch.testing.assert_close(tensor, library.load(card.key).network.state_dict()[name], rtol=0, atol=0)
    own, first = again.content(key), library.content(card.key)
    for entry in ("data", "metrics", "license", "featurizer"):
        assert own[entry] == first[entry]
    assert main(["fit", "-c", str(config), "--library", "null"]) == 0
    assert len(again.keys()) == 1


@pytest.mark.slow
def test_parts_and_trials(config, capsys):
    assert main(["models", "build", "-c", str(config), "--shard", "1/2"]) == 0
    first = capsys.readouterr().out
    assert main(["models", "build", "-c", str(config), "--dry-run"]) == 0
    planned = capsys.readouterr().out
    assert "5 models trained" in first
    status = get_status(read_library([str(config)], [])[0])
    assert (status.done, status.waiting) == (5, 5)
    assert status.seconds_left > 0
    assert "10 cells (10 pretraining)" in planned
    assert re.search(r"\b5 cells .*done", " ".join(planned.split()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"sources": []}, "has no `sources`"),
        ({"held_out": "nowhere.yaml"}, r"nowhere\.yaml; `held_out` "),
        ({"sources": [{"pretrain": "nowhere.yaml"}]}, r"nowhere\.yaml"),
        ({"sources": [{"pretrain": "several.yaml", "property": ["colour"]}]}, "colour"),
        ({"sources": [{"pretrain": "one.yaml", "source_size": [5000]}]}, r"PolymerTable.*source size 5000"),
        ({"workers": 0}, r"`workers` .*\b1, got 0"),
    ],
)
def test_mistakes_are_named(config, change, values, capsys):
    content = yaml.safe_load(config.read_text()) | change
    config.write_text(yaml.safe_dump(content))
    assert main(["models", "build", "-c", str(config)]) == 2
    assert re.search(values, capsys.readouterr().err)


@pytest.mark.slow
def test_a_pretraining_that_fails_stops_no_other(config, capsys):
    content = yaml.safe_load(config.read_text())
    content["sources"][0] = {"pretrain": "diverges.yaml"}
    stage = yaml.safe_load((config.parent / "one.yaml").read_text())
    rate = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1e30}}
    stage["model"]["init_args"]["optimizer"] = rate
    (config.parent / "diverges.yaml").write_text(yaml.safe_dump(stage))
    config.write_text(yaml.safe_dump(content))
    assert main(["models", "build", "-c", str(config)]) == 1
    said = capsys.readouterr().out
    assert re.search(r"\b2 models trained, 0 .*, 1 failed", said)
    (failure,) = (config.parent / "out" / "failures").glob("*.json")
    assert "pretraining (PolymerTable, " in json.loads(failure.read_text())["what"]


@pytest.mark.slow
def test_the_key_of_a_pretraining_follows_what_is_held_out(config):
    study = read_library([str(config)], [])[0]
    first = LibraryResolver(study)
    keys = {first.job(point).key for point in first.points()}
    assert len(keys) == 10
    study.held_out = ""
    other = LibraryResolver(study)
    assert not keys & {other.job(point).key for point in other.points()}


@pytest.mark.parametrize(("name", "number"), [("polymer", 138), ("molecule", 36), ("mixture", 36), ("crystal", 112)])
def test_the_shipped_libraries_name_their_encoders_in_plain_values(name, number):
    """A pair names the encoder around which it is made: that must stay a description, and not become a network."""
    config, _ = read_library([f"configs/library/{name}.yaml"], [])
    points = [
        (source.pretrain, prop, json.dumps(architecture), size, seed)
        for source in config.sources
        for prop in source.property or [""]
        for architecture in source.architecture or [None]
        for size in source.source_size
        for seed in source.seed
    ]
    assert len(set(points)) == len(points) == number
