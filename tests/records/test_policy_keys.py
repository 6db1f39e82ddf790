"""Policies have other names than in earlier versions; the records that were made then are found again."""

import json
from pathlib import Path

import pytest
import yaml

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.config.lightning_cli import plain, read_stage
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.results import read_results
from gnn_sim2real.records.training_keys import fine_tuning_key, training_content
from gnn_sim2real.renamed import current_policy
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.plan import make_plan
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.reuse import Reuse, find_reusable, write_reused
from gnn_sim2real.tasks.policies import find_policies

ROOT = Path(__file__).parents[2]
OLD = json.loads((Path(__file__).parent / "fixtures/policy_keys.json").read_text())
"""Resolved configuration of the demo's fine-tuning, and its keys under each policy, of the code before the renaming."""

PUBLISHED = [
    path
    for path in sorted((ROOT / "benchmarks/results").glob("*.json"))
    if '"source_level"' in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("rename", [str, current_policy])
@pytest.mark.parametrize("old", OLD["keys"], ids=lambda old: "-".join(map(str, (old["policy"], *old["settings"]))))
def test_the_keys_are_those_of_before(old, rename):
    config = json.loads(json.dumps(OLD["config"]))
    config["model"]["init_args"] |= {"policy": rename(old["policy"])} | old["settings"]
    assert fine_tuning_key(training_content(config, 1), old["model"], OLD["target"]) == old["key"]


@pytest.mark.slow
@pytest.mark.parametrize("rename", [str, current_policy])
def test_the_keys_of_the_command_line_are_those_of_before(tmp_path, rename):
    found = {}
    for old in OLD["keys"]:
        overlay = tmp_path / "overlay.yaml"
        overlay.write_text(
            yaml.safe_dump({"model": {"init_args": {"policy": rename(old["policy"])} | old["settings"]}})
        )
        _, config = read_stage(ROOT / "configs/demo/polymer_finetune.yaml", [str(overlay)])
        key = fine_tuning_key(training_content(plain(config), 1), old["model"], OLD["target"])
        found[old["key"]] = key
    assert len(found) == len(OLD["keys"])
    assert all(key == old for old, key in found.items())


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_committed_cells_are_taken_over_under_their_keys(path, tmp_path):
    keys = {cell["key"] for cell in json.loads(path.read_text())["cells"]}
    write_reused(Reuse({record.key: record for record in read_published(path).records}, []), tmp_path)
    results = read_results(tmp_path)
    assert set(results["key"]) == keys
    assert set(results["policy"]) <= {*find_policies(), *BASELINES}


@pytest.mark.slow
def test_a_study_finds_its_committed_cells(real_data, tmp_path):
    """Of all studies this one plans in seconds; it has corrections, full fine-tunings and baselines."""
    study, _ = read_study([str(ROOT / "configs/mixture/chi/study.yaml")], ["--output", str(tmp_path)])
    resolver, published = Resolver(study), read_published(ROOT / "benchmarks/results/chi.json")
    plan = make_plan(study, resolver)
    assert {job.key for job in plan.cells} == {record.key for record in published.records}
    names = {record.key: record.cell.architecture for record in published.records}
    assert {job.key: job.point.architecture_name for job in plan.cells} == names
    assert find_reusable(plan, resolver, published, ()).reasons == []
