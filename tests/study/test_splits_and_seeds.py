"""A study of two splits and two seeds: each split has its own source, each seed its own subset of it."""

import pytest
import yaml
from studies import write_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.records.record import read_errors, read_records
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.resolve import Resolver


def edit(path, change):
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """By split, seed and size: what the model has seen, and what its cell was tested on (hashed identities)."""
    folder = write_study(tmp_path_factory.mktemp("splits"))
    for name in ("pretrain.yaml", "finetune.yaml"):
        edit(folder / name, lambda content: content["trainer"].update(max_epochs=1))
    axes = {"source_size": [20, "all"], "target_size": [10], "seed": [0, 1], "split": [0, 1], "policy": ["none"]}
    edit(folder / "study.yaml", lambda content: content.update(axes=axes))
    assert main(["study", "run", "-c", str(folder / "study.yaml")]) == 0
    study, _ = read_study([str(folder / "study.yaml")], [])
    resolver, library = Resolver(study), ModelLibrary(folder / "out" / "models")
    found = {}
    for point in resolver.points():
        job = resolver.job(point)
        tested = frozenset(read_errors(folder / "out" / "records", job.key))
        found[point.split, point.seed, point.source_size] = (
            library.identities(resolver.model_folder(job.model).name),
            tested,
        )
    assert len(read_records(folder / "out" / "records")) == len(found) == 8
    return found


def test_the_source_of_each_split_lacks_the_test_part_of_that_split(found):
    for split, seed, size in found:
        seen, tested = found[split, seed, size]
        of_other_split = found[1 - split, seed, size][1]
        assert len(tested) > 5
        assert not seen & tested
        if size == "all":  # and lacks no more than that
            assert of_other_split - tested <= seen


def test_the_test_part_is_that_of_the_split_whatever_the_seed_is(found):
    parts = [{found[split, seed, size][1] for seed in (0, 1) for size in (20, "all")} for split in (0, 1)]
    assert [len(each) for each in parts] == [1, 1]
    assert parts[0] != parts[1]


def test_every_seed_has_a_subset_of_its_own(found):
    for split in (0, 1):
        first, second = (found[split, seed, 20][0] for seed in (0, 1))
        assert len(first) == len(second) == 20
        assert len(first & second) < 15
        whole = found[split, 0, "all"][0]
        assert first | second <= whole == found[split, 1, "all"][0]


def keys_of_pretrainings(folder):
    study, _ = read_study([str(folder / "study.yaml")], [])
    resolver = Resolver(study)
    return {resolver.job(point).model for point in resolver.points()}


def test_the_kept_configuration_of_a_model_excludes_the_split_of_its_point(study_files):
    edit(study_files / "study.yaml", lambda content: content["axes"].update(source_size=[20], split=[0, 1], seed=[0]))
    study, _ = read_study([str(study_files / "study.yaml")], [])
    resolver = Resolver(study)
    for point in resolver.points():
        if resolver.needs_model(point):
            (target,) = resolver.saved_config(resolver.pretraining(point))["data"]["init_args"]["exclude"]
            assert target["init_args"]["split"] == point.split


def test_another_cost_is_another_source(study_files):
    axes = {"source_size": [30], "target_size": [10], "growth": ["cheapest"], "policy": ["none"]}
    edit(study_files / "study.yaml", lambda content: content.update(axes=axes))
    keys = []
    for cost in ("num_atoms", "-num_atoms", "num_atoms"):
        edit(study_files / "pretrain.yaml", lambda content, cost=cost: content["data"]["init_args"].update(cost=cost))
        keys.append(keys_of_pretrainings(study_files))
    assert [len(each) for each in keys] == [1, 1, 1]
    assert keys[0] == keys[2]
    assert not keys[0] & keys[1]
