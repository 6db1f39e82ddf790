"""The benchmark: its tasks are parts of published studies, entries are compared fairly, submissions checked."""

import copy
import json
import math
from pathlib import Path

import bench_page
import pytest
import yaml

from gnn_sim2real.bench.catalog import TITLES
from gnn_sim2real.bench.scores import score
from gnn_sim2real.bench.submission import check_submission, read_submission
from gnn_sim2real.cli.main import main
from gnn_sim2real.graph import NUM_ELEMENTS
from gnn_sim2real.nn.encoder import encoder_name
from gnn_sim2real.records.published import find_published, read_published
from gnn_sim2real.reproduce.catalog import STUDIES
from gnn_sim2real.study.architectures import join_encoder
from gnn_sim2real.study.bench_fixed import FIXED, find_differences, hash_fixed
from gnn_sim2real.study.bench_task import BenchTask, find_task, task_names
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.plan import make_plan
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.reuse import find_reusable

TASK = "density_open_quick"
COMMITTED = bench_page.SUBMISSIONS / "neighbor_mean_density_open_quick.json"
IN_THE_PACKAGE = [name for name in task_names() if not STUDIES[find_task(name).result].made]


def read(*options, name=TASK):
    return read_study([str(find_task(name).path)], list(options))[0]


@pytest.fixture(scope="module")
def submitted():
    return json.loads(COMMITTED.read_text())


@pytest.fixture
def content(submitted):
    return copy.deepcopy(submitted)


def entry_of_published(factor=1.0, name="Copy"):
    """The published encoder as if somebody had entered it, its errors times a factor."""
    task = find_task(TASK)
    published = json.loads(find_published(task.result).read_text())
    cells = [cell for cell in published["cells"] if cell["policy"] == "full"]
    metrics = ("mae", "rmse")
    cells = [
        {
            **cell,
            "architecture": name,
            "metrics": cell["metrics"] | {key: factor * cell["metrics"][key] for key in metrics},
        }
        for cell in cells
    ]
    return {
        **json.loads(COMMITTED.read_text()),
        "name": name,
        "cells": [{**cell, "source_size": int(cell["source_size"])} for cell in cells],
    }


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_a_part_of_its_published_study(name):
    task = find_task(name)
    config = read(name=name)
    whole = yaml.safe_load(task.study.read_text())
    grids = [whole["axes"], *whole.get("more_axes", [])]
    own = config.axes
    (like, *_) = [each for each in grids if task.policy in each.get("policy", ["full"])]
    assert [size for size in own.source_size if size != 0] == [size for size in like["source_size"] if size != 0]
    assert (own.seed, own.split) == (like["seed"], like.get("split", [0]))
    assert (own.policy, own.target_size) == ([task.policy], [task.target_size])
    assert config.bench == name
    assert name in TITLES
    assert all(len(task.fixed[each]) == 64 for each in FIXED)


def test_the_tables_of_a_task_are_those_of_its_published_result():
    for name in task_names():
        task = find_task(name)
        data = json.loads(find_published(task.result).read_text())["data"]
        assert (data["source"]["fingerprint"], data["target"]["fingerprint"]) == (
            task.fixed["source"],
            task.fixed["target"],
        )


def test_other_yamls_are_no_tasks(tmp_path):
    (tmp_path / "some.yaml").write_text("axes: {}\nstudy: x\n")
    assert BenchTask.read(tmp_path / "some.yaml") is None
    assert BenchTask.read(tmp_path / "none.yaml") is None
    with pytest.raises(ValueError, match="density_open"):
        find_task("density")


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_THE_PACKAGE)
def test_the_hashes_are_those_of_the_tables_and_yamls_of_the_package(name):
    resolver, task = Resolver(read(name=name)), find_task(name)
    assert hash_fixed(resolver) == dict(task.fixed)
    plan, published = make_plan(resolver.study, resolver), read_published(find_published(task.result))
    found = find_reusable(plan, resolver, published, [])
    assert len(found.records) == len(plan.cells), found.reasons  # nothing published is computed again


@pytest.mark.slow
def test_an_encoder_is_no_difference_and_a_seed_is_one():
    task = find_task(TASK)
    with_encoder = read("--encoder", "{class_path: gnn_sim2real.nn.GINE, init_args: {hidden_dim: 8}}")
    assert find_differences(Resolver(with_encoder), task) == []
    other = read("--axes.seed", "[1]", "--metric", "rmse")
    told = find_differences(Resolver(other), task)
    assert [FIXED[name] in " ".join(told) for name in FIXED] == [False, False, True, True, True]
    assert "seed [1], not [0]" in " ".join(told)
    assert "metric rmse, not mae" in " ".join(told)


def test_an_encoder_joins_those_of_a_study_or_stands_alone():
    gine = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8}}
    assert join_encoder([], "GATv2", gine, alone=False) == [gine, {"class_path": "GATv2"}]
    assert join_encoder([gine], "GATv2", None, alone=True) == [{"class_path": "GATv2"}]
    pair = {"class_path": "gnn_sim2real.nn.Pair", "init_args": {"hidden_dim": 8, "first": gine, "second": gine}}
    _, added = join_encoder([], "gnn_sim2real.nn.GATv2", pair, alone=False)
    assert encoder_name(added) == "Pair(GATv2)"
    assert added["init_args"]["hidden_dim"] == 8
    assert join_encoder([], pair, pair, alone=True) == [pair]


def test_only_with_reuse_is_the_published_encoder_in_the_study():
    alone = read("--encoder", "gnn_sim2real.nn.GATv2")
    assert [each["class_path"] for each in alone.axes.architecture] == ["gnn_sim2real.nn.GATv2"]
    both, options = read_study(
        [str(find_task(TASK).path)], ["--encoder", "gnn_sim2real.nn.GATv2", "--reuse", "published"]
    )
    assert [encoder_name(each) for each in both.axes.architecture] == ["GINE", "GATv2"]
    assert options.reuse == find_published("density_open_quick")
    assert Path(both.output).parts[-3:] == ("runs", "bench", TASK)


def test_the_committed_submissions_are_accepted():
    paths = sorted(bench_page.SUBMISSIONS.glob("*.json"))
    assert paths
    for path in paths:
        assert read_submission(path)["task"] in task_names()
        assert read_published(path).records  # `law compare` reads them as published results


def changed(content, change):
    change(content)
    return content


HOSTILE = {
    "error of nothing": lambda c: c["cells"][0]["metrics"].update(mae=1e-320),
    "error below what its square allows": lambda c: c["cells"][0]["metrics"].update(rmse=1e3),
    "split with a point": lambda c: c["cells"][0].update(split=0.0),
    "not an object": lambda c: c.clear(),
    "another field": lambda c: c.update(note="x"),
    "unknown task": lambda c: c.update(task="density"),
    "path for a task": lambda c: c.update(task="../density_open_quick"),
    "other table": lambda c: c["fixed"].update(target="0" * 64),
    "other grid": lambda c: c["fixed"].update(grid="0" * 64),
    "markup in the name": lambda c: c.update(name="<b>x</b>"),
    "table in the name": lambda c: c.update(name="x | y"),
    "line in the name": lambda c: c.update(name="x\ny"),
    "script for a url": lambda c: c.update(url="javascript:alert(1)"),
    "path in the settings": lambda c: c["encoder"]["init_args"].update(weights="../../weights.pt"),
    "no class path": lambda c: c["encoder"].update(class_path="os; x"),
    "nested settings": lambda c: c["encoder"]["init_args"].update(x={"y": {"z": 1}}),
    "text for parameters": lambda c: c.update(parameters="many"),
    "other unit": lambda c: c.update(unit="kg/m3"),
    "other metric": lambda c: c.update(metric="rmse"),
    "error of zero": lambda c: c["cells"][0]["metrics"].update(mae=0),
    "negative error": lambda c: c["cells"][0]["metrics"].update(mae=-0.1),
    "endless error": lambda c: c["cells"][0]["metrics"].update(mae=math.inf, rmse=math.inf),
    "error that is no number": lambda c: c["cells"][0]["metrics"].update(mae=math.nan),
    "true for an error": lambda c: c["cells"][0]["metrics"].update(mae=True),
    "impossible errors": lambda c: c["cells"][0]["metrics"].update(mae=2 * c["cells"][0]["metrics"]["rmse"]),
    "fewer test materials": lambda c: c["cells"][0]["metrics"].update(num_test=25.0),
    "missing cell": lambda c: c["cells"].pop(),
    "cell twice": lambda c: c["cells"].append(c["cells"][0]),
    "cell in the place of another": lambda c: c["cells"].__setitem__(1, c["cells"][0]),
    "other seed": lambda c: c["cells"][0].update(seed=1),
    "other source size": lambda c: c["cells"][-1].update(source_size=c["cells"][-1]["source_size"] + 1),
    "same key": lambda c: c["cells"][0].update(key=c["cells"][1]["key"]),
    "cell of another encoder": lambda c: c["cells"][0].update(architecture="GINE"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_submission_that_does_not_fit_is_refused(content, change):
    check_submission(content)
    with pytest.raises(ValueError, match=r"[a-z]"):
        check_submission(changed(content, change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"submission": NaN}',
        '{"submission": 1, "submission": 1}',
        '{"submission": 1e999}',
        "[" * 500 + "]" * 500,
        '{"encoder": ' * 200 + "1" + "}" * 200,
        json.dumps({"name": "x" * 2_000_000}),
        "\x00",
    ],
    ids=["empty", "list", "nan", "twice", "huge number", "deep", "deep object", "large", "binary"],
)
def test_a_damaged_file_is_refused_in_a_sentence(text, tmp_path, capfd):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.json"):
        read_submission(path)
    assert main(["bench", "report", str(path)]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_equal_errors_are_a_tie_and_half_as_large_ones_are_not():
    task = find_task(TASK)
    found = score(task, [("submission", entry_of_published())])
    rows = {row.name: row for row in found.rows}
    assert (rows["Copy"].rank, rows["GINE"].rank) == (1, 1)
    assert rows["Copy"].error == rows["GINE"].error
    assert {rows["Copy"].is_tied, rows["GINE"].is_tied} == {True, False}  # the first row is the first
    assert rows["Copy"].rate == rows["GINE"].rate
    found = score(task, [("submission", entry_of_published(0.5, "GINE"))])
    rows = {row.name: row for row in found.rows}
    assert found.rows[0].name == "GINE (2)"  # a second entry of a name
    assert (rows["GINE (2)"].rank, rows["GINE"].rank) == (1, 3)  # its own training from scratch is ahead as well
    assert rows["GINE"].behind.mean == pytest.approx(rows["GINE"].error.mean / 2)
    assert rows["GINE (2)"].error.mean == pytest.approx(rows["GINE"].error.mean / 2)


def test_the_error_is_the_geometric_mean_over_the_test_parts(submitted):
    found = score(find_task(TASK), [("submission", submitted)])
    (row,) = [row for row in found.rows if row.name == "NeighborMean"]
    errors = [cell["metrics"]["mae"] for cell in submitted["cells"] if cell["source_level"] == "all"]
    assert len(errors) == 5
    assert row.error.mean == pytest.approx(math.prod(errors) ** (1 / 5))
    assert row.error.low < row.error.mean < row.error.high
    assert row.forecast_size == 4 * row.source_size
    assert row.forecast[1] <= row.forecast[0] <= row.forecast[2]
    assert row.parameters == 64 * NUM_ELEMENTS + 64 * 64 + 64
    published = next(row for row in found.rows if row.name == "GINE")
    law = next(
        each
        for each in json.loads(find_published(TASK).read_text())["laws"]
        if (each["architecture"], each["policy"]) == ("GINE", "full")
    )
    assert published.rate.value == pytest.approx(law["decay_rate"], rel=1e-6)
    assert published.limit.identified is law["transfer_gap_identified"]


def test_the_commands(capfd):
    assert main(["bench", "list"]) == 0
    shown = capfd.readouterr().out
    assert all(name in shown for name in task_names())
    assert main(["bench", "report", "nothing.json"]) == 2
    assert main(["bench", "submit", ".", "--output", "x.json"]) == 2


@pytest.mark.slow
def test_a_report_as_json_and_as_a_figure(tmp_path, capfd):
    assert main(["bench", "report", str(COMMITTED), "--json", "--figure", str(tmp_path / "laws")]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["rows"][0]["name"] == "GINE"
    assert found["problems"] == []
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg"}


@pytest.mark.release
def test_a_run_is_reported_but_not_submitted_before_it_is_whole(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    argv = ["study", "run", "-c", f"configs:bench/{TASK}.yaml", "--launcher", "serial", "--reuse", "published"]
    argv += ["--encoder", "{class_path: gnn_sim2real.nn.GINE, init_args: {hidden_dim: 8, num_layers: 1}}"]
    assert main([*argv, "--axes.split", "[0, 1]", "--axes.source_size", "[0, 30]"]) == 0
    assert "grid" in capfd.readouterr().err
    folder = f"runs/bench/{TASK}"
    assert len([*Path(folder, "records").glob("*.errors.json")]) == 4  # only theirs was computed
    assert main(["bench", "report", folder]) == 0
    shown = capfd.readouterr().out
    assert "not to be submitted" in shown
    assert "GINE(hidden_dim=8" in shown.replace("\n", "")
    assert main(["bench", "submit", folder, "--output", "mine.json"]) == 2
    assert not Path("mine.json").exists()


def test_the_leaderboard_is_made_of_what_is_committed():
    content = json.loads(bench_page.RESULT.read_text())
    assert [each["task"] for each in content["tasks"]] == task_names()
    assert content["made_of"] == bench_page.made_of(task_names()), "run python docs/bench_page.py"
    assert bench_page.PAGE.read_text(encoding="utf-8") == bench_page.page(content), "run python docs/bench_page.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", task_names())
def test_the_leaderboard_has_the_numbers_of_its_entries(name):
    (kept,) = [each for each in json.loads(bench_page.RESULT.read_text())["tasks"] if each["task"] == name]
    (again,) = bench_page.compute([name])["tasks"]
    again = json.loads(json.dumps(again))
    assert [row["name"] for row in again["rows"]] == [row["name"] for row in kept["rows"]]
    for ours, theirs in zip(again["rows"], kept["rows"], strict=True):
        assert (ours["rank"], ours["kind"]) == (theirs["rank"], theirs["kind"])
        known = {name: value for name, value in theirs["error"].items() if value is not None}
        assert {name: ours["error"][name] for name in known} == pytest.approx(known, rel=1e-6)
        assert ours["forecast"] == (theirs["forecast"] and pytest.approx(theirs["forecast"], rel=1e-3))


@pytest.mark.slow
def test_the_report_on_the_page_is_what_the_command_prints():
    assert bench_page.guide() == bench_page.GUIDE.read_text(encoding="utf-8"), "run python docs/bench_page.py"


def test_every_task_that_is_shipped_names_a_result_that_is_shipped():
    assert {find_task(name).result for name in task_names()} <= STUDIES.keys()
    assert all(read_published(find_published(find_task(name).result)).records for name in task_names())
