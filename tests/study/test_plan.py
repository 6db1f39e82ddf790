"""A plan that is saved, and when it is valid."""

import pyarrow
import pytest
import yaml
from pyarrow import parquet

from gnn_sim2real.renamed import first_policy
from gnn_sim2real.study.config import load_saved_config, read_study
from gnn_sim2real.study.plan import load_plan, load_valid_plan, make_plan, save_plan
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.run import plan_study


def read(folder):
    study, _ = read_study([str(folder / "study.yaml")], [])
    return study, Resolver(study)


def edit(path, change):
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def plain(plan):
    """Keys and points; the points' architectures are other objects in another reading."""
    return [(job.key, repr(job.point), job.model) for job in plan.cells], {
        key: (repr(job.point), job.is_pretraining) for key, job in plan.models.items()
    }


def several_grids(content):
    wide, narrow = (
        {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": dim, "num_layers": 2}} for dim in (16, 8)
    )
    content["more_axes"] = [
        {"source_size": [0, 10], "target_size": [12], "seed": [0], "split": [0, 1], "architecture": [wide, narrow]},
    ]


@pytest.mark.slow
def test_a_saved_plan_is_the_one_that_would_be_made(study_files):
    edit(study_files / "study.yaml", several_grids)
    study, resolver = read(study_files)
    made = plan_study(study, resolver)
    study, resolver = read(study_files)
    saved = load_valid_plan(study, resolver)
    assert saved is not None
    assert plain(saved) == plain(made) == plain(make_plan(study, resolver))
    assert load_saved_config(study.folder).grids == study.grids
    assert len(load_plan(study.folder)) == len(made.cells) == 21 + 8


@pytest.mark.slow
def test_a_plan_of_an_earlier_version_is_taken(study_files):
    study, resolver = read(study_files)
    made = plan_study(study, resolver)
    path = study.folder / "plan.parquet"
    table = parquet.read_table(path)
    assert b'"none"' in table.schema.metadata[b"grid"]
    policies = pyarrow.array(map(first_policy, table["policy"].to_pylist()))
    table = table.set_column(table.schema.get_field_index("policy"), "policy", policies)
    assert "none" in table["policy"].to_pylist()
    parquet.write_table(table, path)
    study, resolver = read(study_files)
    assert plain(load_valid_plan(study, resolver)) == plain(made)
    assert set(load_plan(study.folder)["policy"]) == {job.point.policy for job in made.cells}


def other_axis(folder):
    edit(folder / "study.yaml", lambda content: content["axes"]["seed"].append(2))


def other_setting(folder):
    edit(folder / "finetune.yaml", lambda content: content["trainer"].update(max_epochs=5))


def other_source(folder):
    table = folder / "source.csv"
    table.write_text(table.read_text() + "*CCCCCCCCCCCCCCCO*,1.0\n")


def other_threads(folder):
    edit(folder / "study.yaml", lambda content: content.update(threads=2))


@pytest.mark.slow
@pytest.mark.parametrize("change", [other_axis, other_setting, other_source, other_threads])
def test_what_changes_a_key_makes_a_new_plan(study_files, change):
    study, resolver = read(study_files)
    save_plan(make_plan(study, resolver), study)
    assert load_valid_plan(study, resolver) is not None
    change(study_files)
    study, resolver = read(study_files)
    assert load_valid_plan(study, resolver) is None
    assert plain(plan_study(study, resolver)) == plain(make_plan(study, resolver))


@pytest.mark.slow
def test_what_changes_no_key_is_saved_beside_the_old_plan(study_files):
    study, resolver = read(study_files)
    plan_study(study, resolver)
    edit(study_files / "study.yaml", lambda content: content.update(title="Another title"))
    study, resolver = read(study_files)
    plan_study(study, resolver)
    assert load_saved_config(study.folder).title == "Another title"
