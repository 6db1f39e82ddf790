"""Every YAML that is shipped can be read, without the data it names."""

import json
from functools import cache
from pathlib import Path

import pytest
import yaml

from gnn_sim2real.config.lightning_cli import plain, read_stage
from gnn_sim2real.nn.encoder import build_encoder
from gnn_sim2real.shotgun.config import read_shotgun
from gnn_sim2real.shotgun.matrix import MatrixConfig
from gnn_sim2real.shotgun.study import ShotgunStudyConfig
from gnn_sim2real.shotgun.targets import read_many_targets
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.library_config import read_library
from gnn_sim2real.study.pretrainings import LibraryResolver, read_targets
from gnn_sim2real.tune.space import read_files

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
OVERLAYS = {"wandb.yaml"}
PARTS = ("tuning_", "descriptors", "steps_")
SEVERAL_TARGETS = {"matrix": MatrixConfig, "study": ShotgunStudyConfig}


read_alone = cache(read_stage)
"""A stage without overlay; it takes a third of a second."""


@cache
def kind(path):
    content = yaml.load(path.read_text(), yaml.CSafeLoader)
    if path.name in OVERLAYS:
        return "overlay"
    if path.stem.startswith(PARTS):
        return "part"
    if path.parent.name == "shotgun":
        return "shotgun"
    if path.name.startswith("held_out"):
        return "targets"
    kinds = {"parameters": "sweep", "pretrain": "study", "fixed": "study", "sources": "library", "tune": "space"}
    return next((name for entry, name in kinds.items() if entry in content), "stage")


def of_kind(wanted):
    """Files of a kind; the first of each folder at once, the others in the slow lane."""
    found = [path for path in FILES if kind(path) == wanted]
    first = {path.parent: path for path in reversed(found)}.values()
    return [
        pytest.param(path, id=str(path.relative_to(CONFIGS)), marks=() if path in first else pytest.mark.slow)
        for path in found
    ]


def test_there_is_something_to_read():
    assert of_kind("stage")
    assert of_kind("study")
    assert of_kind("library")


@pytest.mark.parametrize("path", of_kind("stage"))
def test_a_stage_can_be_read(path):
    _, config = read_alone(path)
    assert config.model.class_path in ("gnn_sim2real.SourcePretraining", "gnn_sim2real.TargetFineTuning")
    assert config.data.class_path.startswith("datamodules.")
    assert "0x" not in json.dumps(plain(config)), "it is spelled otherwise in every process"


@pytest.mark.parametrize("path", of_kind("space"))
def test_a_space_can_be_read(path):
    files, space = read_files([str(path)])
    assert files == []
    assert len(space) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("path", of_kind("study"))
def test_a_study_and_its_stages_can_be_read(path):
    config = read_study([str(path)], [])
    config = config[0] if isinstance(config, tuple) else config
    assert config.axes.source_size
    tasks = {
        stage: read_alone(Path(getattr(config, stage)))[1].model.class_path
        for stage in ("pretrain", "finetune", "scratch")
    }
    assert tasks["pretrain"] == "gnn_sim2real.SourcePretraining"
    assert tasks["finetune"] == tasks["scratch"] == "gnn_sim2real.TargetFineTuning"


@pytest.mark.parametrize("path", of_kind("shotgun"))
def test_a_shotgun_can_be_read(path):
    words = ["-c", str(path)]
    if path.stem in SEVERAL_TARGETS:
        config = read_many_targets(SEVERAL_TARGETS[path.stem], words, "shotgun")
        assert len(config.targets) >= 5
        # The test parts must be those that no model of the library has seen.
        held_out = yaml.safe_load((CONFIGS / "library" / "held_out.yaml").read_text()).values()
        for target in yaml.safe_load(path.read_text())["targets"]:
            assert target["data"] in held_out, target["name"]
            build_encoder(target["scratch"])
    else:
        config, described = read_shotgun(words)
        assert described["data"]["class_path"].startswith("datamodules.")
    assert config.library == "runs/library"


def num_models_said(path):
    """In the first line, with which `test_a_library_and_its_sources_can_be_read` compares what is in it."""
    return int(path.read_text().splitlines()[0].removeprefix("# ").partition(" ")[0])


@pytest.mark.slow
@pytest.mark.parametrize("path", of_kind("library"))
def test_a_library_and_its_sources_can_be_read(path):
    config, _ = read_library([str(path)], [])
    shipped = ["held_out_open.yaml"] if path.stem.startswith("starter") else []
    assert [Path(name).name for name in config.target_files] == (
        ["held_out.yaml", *shipped] if path.parent.name == "library" else []
    )
    resolver = LibraryResolver(config)
    assert len(resolver.points()) == num_models_said(path)
    for stage in resolver.stages:
        assert stage.config(0, {}).model.class_path == "gnn_sim2real.SourcePretraining"


def test_the_library_has_300_models_and_more():
    files = [path.values[0] for path in of_kind("library") if path.values[0].parent.name == "library"]
    assert sum(num_models_said(file) for file in files) >= 300


@pytest.mark.slow
@pytest.mark.parametrize("path", of_kind("targets"))
def test_the_targets_of_a_library_are_split_as_in_their_studies(path):
    content, modules = read_targets(path)
    assert content.keys() == modules.keys()
    splits = ("test_fraction", "development_fraction", "split", "split_by", "group_by", "require_simulated")
    studied = {
        "polymer_density": "polymer/density",
        "polymer_glass_transition": "polymer/glass_transition",
        "polymer_refractive_index": "polymer/refractive_index",
        "liquid_density": "molecule/liquid_density",
        "band_gap": "crystal/band_gap",
        "formation_enthalpy": "crystal/formation_enthalpy",
        "solvation": "mixture/solvation",
        "chi": "mixture/chi",
    }
    if path.stem == "held_out_open":
        studied = {"polymer_density_open": "polymer/density_open", "band_gap_open": "crystal/band_gap_open"}
    for name, folder in studied.items():
        stage = plain(read_alone(CONFIGS / folder / "finetune.yaml")[1])["data"]
        assert stage["class_path"] == content[name]["class_path"]
        for setting in splits:
            assert stage["init_args"].get(setting) == content[name]["init_args"].get(setting), (name, setting)
    assert all(module.settings.test_fraction > 0 for module in modules.values())


@pytest.mark.slow
@pytest.mark.parametrize("path", of_kind("overlay"))
def test_an_overlay_can_be_laid_over_every_stage(path):
    for stage in of_kind("stage"):
        _, plain = read_alone(stage.values[0])
        _, config = read_stage(stage.values[0], [str(path)])
        assert config.trainer != plain.trainer
        assert config.model == plain.model


@pytest.mark.parametrize("path", of_kind("part"))
def test_a_part_of_a_configuration_changes_nothing_but_what_it_says(path):
    _, before = read_alone(path.parent / "pretrain.yaml")
    _, config = read_stage(path.parent / "pretrain.yaml", [str(path)])
    said = yaml.safe_load(path.read_text())
    assert config.model.init_args.encoder == before.model.init_args.encoder
    assert config.data.init_args.exclude == before.data.init_args.exclude
    for name, value in said.get("data", {"init_args": {}})["init_args"].items():
        assert config.data.init_args[name] == value != before.data.init_args[name]
    for name, value in said.get("trainer", {}).items():
        assert config.trainer[name] == value != before.trainer[name]
    if "model" in said:
        assert config.model.init_args.optimizer.init_args.lr == float(path.stem.partition("_")[2])


def test_no_path_of_one_machine():
    assert FILES
    assert [path for path in FILES if "/home/" in path.read_text() or "/work/" in path.read_text()] == []
