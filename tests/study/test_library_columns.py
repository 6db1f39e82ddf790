"""Baselines of a study that see what a library of pretrained models predicts."""

import json
import re
import shutil

import numpy as np
import pytest
from studies import compute, set_axes, set_settings
from tiny import TinyPolymers

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.cli.main import main
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.library import ModelLibrary, load_model
from gnn_sim2real.library.content import WEIGHTS_FILE
from gnn_sim2real.library.starter import starter_folder
from gnn_sim2real.records.record import read_records
from gnn_sim2real.study.baseline_cell import baseline_key, gather_inputs, run_baseline
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.library_columns import LibraryColumns

TRANSITION = "vitrimer_md_tg: glass_transition"
POLICIES = ["extra_trees_with_library", "gaussian_process_with_library"]


@pytest.fixture(scope="module")
def target():
    return TinyPolymers(test_fraction=0.3, split_version=1)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return LibraryColumns("starter:", tmp_path_factory.mktemp("library"))


@pytest.fixture
def library_study(study_files):
    """Two baselines at two sizes, without any training."""
    set_axes(study_files, source_size=[0], target_size=[8, 12], seed=[0], policy=POLICIES)
    return study_files


def test_columns_are_the_predictions_of_the_models_in_the_order_of_the_materials(target, library):
    columns, values = library.predict(target)
    (number,) = [n for n, each in enumerate(columns) if each.name == TRANSITION]
    models = [load_model(starter_folder() / key) for key in columns[number].models]
    wanted = np.mean([each.predict(target.table.materials).values[:, 0] for each in models], axis=0)
    np.testing.assert_allclose(values[:, number], wanted, rtol=1e-5)


def test_a_model_that_has_seen_a_test_material_is_left_out(target, library, monkeypatch):
    cards = {each.key: each for each in library.library.cards()}
    seen = cards[library.columns(target)[0].models[0]].identities
    (tested, *_) = sorted(target.tested_identities())

    def identities(self, key):
        return frozenset([tested if cards[key].identities == seen else identity_hash("another")])

    monkeypatch.setattr(ModelLibrary, "identities", identities)
    fresh = LibraryColumns("starter:", library.cache)
    used = {cards[key].identities for each in fresh.columns(target) for key in each.models}
    assert used == {each.identities for each in cards.values()} - {seen}
    assert fresh.key_content(target) != library.key_content(target)


def test_a_model_that_does_not_know_what_it_has_seen_is_left_out(target, library):
    key = library.columns(target)[0].models[0]
    fresh = LibraryColumns("starter:", library.cache)
    fresh._cards = [each._replace(identities="") if each.key == key else each for each in fresh._cards]
    assert key not in {name for each in fresh.columns(target) for name in each.models}


def test_a_damaged_model_is_refused_and_read_once_it_is_good_again(target, tmp_path):
    shutil.copytree(starter_folder(), tmp_path / "library")
    damaged = LibraryColumns(str(tmp_path / "library"), tmp_path / "cache")
    key = damaged.columns(target)[0].models[0]
    weights = tmp_path / "library" / key / WEIGHTS_FILE
    content = weights.read_bytes()
    for wrong in (content[:100], b""):
        weights.write_bytes(wrong)
        with pytest.raises(CheckpointError):
            damaged.predict(target)
    weights.write_bytes(content)
    columns, values = damaged.predict(target)
    expected, wanted = LibraryColumns("starter:", tmp_path / "other").predict(target)
    assert columns == expected
    np.testing.assert_allclose(values, wanted, rtol=1e-5)


def test_the_library_is_in_the_keys_of_what_it_changes(target, library):
    def keys(given):
        return {name: baseline_key(name, None, target.key_content(), target, None, None, given) for name in BASELINES}

    without, starter = keys(None), keys(library)
    for name, baseline in BASELINES.items():
        assert (without[name] != starter[name]) == baseline.uses_library


@pytest.mark.parametrize("name", POLICIES)
def test_a_cell_says_which_models_made_its_columns(name, target, library):
    record, errors, _ = run_baseline(
        "key", GridPoint(None, 0, "all", 0, 0, name), target, target, None, library=library
    )
    assert len(errors) == len(target.parts.test)
    used = record.details["library"]
    assert len(used[TRANSITION]) == len(set(used[TRANSITION])) > 1
    assert not [each for each in used if each.startswith("radonpy")]  # which has simulated some of the test materials


def test_without_a_library_it_is_refused_by_name(target):
    with pytest.raises(ValueError, match=r"extra_trees_with_library.*`library: 'starter:'`"):
        gather_inputs(BASELINES["extra_trees_with_library"], target, target, None)


@pytest.mark.slow
def test_a_study_names_its_library(library_study):
    set_settings(library_study, library="starter:")
    assert main(["study", "run", "-c", str(library_study / "study.yaml")]) == 0
    records = read_records(library_study / "out" / "records")
    assert [(each.cell.policy, each.cell.target_size) for each in records] == [
        (policy, size) for policy in POLICIES for size in (8, 12)
    ]
    assert compute(library_study)["cached"] == 4
    published = library_study / "published"
    assert main(["study", "report", str(library_study / "out"), "--publish", str(published)]) == 0
    rows = json.loads(published.with_suffix(".json").read_text())["cells"]
    assert {each["policy"] for each in rows} == {*POLICIES}


@pytest.mark.parametrize(
    ("named", "told"),
    [("", "'extra_trees_with_library' needs a library"), ("nowhere", "there are no models in .*nowhere")],
)
def test_what_cannot_be_computed_is_refused_before_the_first_cell(library_study, capfd, named, told):
    set_settings(library_study, library=named)
    assert main(["study", "run", "-c", str(library_study / "study.yaml")]) == 2
    assert re.search(told, capfd.readouterr().err)
    assert not list((library_study / "out").glob("records/*.json"))
