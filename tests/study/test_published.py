"""Results that are published, and reused to continue the study elsewhere."""

import json
import re
import shutil

import pytest
from studies import NUM_CELLS, results

from gnn_sim2real.cli.main import main
from gnn_sim2real.renamed import first_policy


@pytest.fixture(scope="module")
def published_once(undisturbed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(undisturbed, folder / "copy", ignore=shutil.ignore_patterns("models"))
    assert main(["study", "report", str(folder / "copy"), "--publish", str(folder / "published")]) == 0
    return folder / "published.json"


@pytest.fixture
def published(published_once, tmp_path):
    """A copy that a test may change."""
    return shutil.copyfile(published_once, tmp_path / "published.json")


@pytest.mark.slow
def test_a_study_goes_on_from_a_published_result(undisturbed, published, tmp_path, capfd):
    argv = ["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--output", str(tmp_path / "again")]
    content = json.loads(published.read_text())
    left_out = [cell["key"] for cell in content["cells"] if cell["policy"] == "extra_trees"]
    content["cells"] = [cell for cell in content["cells"] if cell["key"] not in left_out]
    published.write_text(json.dumps(content))
    assert main([*argv, "--reuse", str(published), "--dry-run"]) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert re.search(rf"\b{NUM_CELLS - 2} cells .*done, 0 failed .*, 2 .*compute", printed)
    # as earlier versions spell it, and with the policies that they named
    content["cells"] = [cell | {"policy": first_policy(cell["policy"])} for cell in content["cells"]]
    assert "none" in {cell["policy"] for cell in content["cells"]}
    published.write_text(json.dumps(content))
    assert main([*argv, "--known", str(published)]) == 0
    said = capfd.readouterr()
    assert re.search(rf"\b{NUM_CELLS - 2} records reused .*{published.name}", " ".join(said.err.split()))
    assert "single test materials" in said.err
    printed = " ".join(said.out.split())
    assert re.search(rf"\b2 cells computed, {NUM_CELLS - 2} .*, 0 failed", printed)
    first, second = (
        {
            path.stem: json.loads(path.read_text())
            for path in (folder / "records").glob("*.json")
            if "." not in path.stem
        }
        for folder in (undisturbed, tmp_path / "again")
    )
    assert first.keys() == second.keys()
    for key in first:
        for entry in ("cell", "metrics", "property", "unit"):
            assert first[key][entry] == second[key][entry]
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (undisturbed, tmp_path / "again")]
    assert summaries[0]["data"]["source"]["num_removed"] > 0
    # a published result has no errors of single test materials, whose choice is then not in the intervals
    whole, without = (summary.pop("laws") for summary in summaries)
    assert [len(summary.pop("next")) for summary in summaries] == [1, 1]  # which hang on the intervals of the laws
    assert summaries[0] == summaries[1]
    for law, same in zip(whole, without, strict=True):
        assert law["interval_method"] == f"{same['interval_method']}, test materials"
        assert (law["decay_rate"], law["transfer_gap"]) == (same["decay_rate"], same["transfer_gap"])
    again = tmp_path / "published_again"
    assert main(["study", "report", str(tmp_path / "again"), "--publish", str(again)]) == 0
    cells = {cell["key"]: cell["metrics"] for cell in json.loads(again.with_suffix(".json").read_text())["cells"]}
    assert cells == {key: content["metrics"] for key, content in first.items()}


@pytest.mark.slow
def test_the_law_of_a_published_result_is_that_of_its_study(undisturbed, published, capfd):
    """Its intervals are of other draws, but contain the same: seeds, and the choice of test materials."""
    found = []
    for path in (undisturbed, published):
        assert main(["law", "fit", str(path), "--json"]) == 0
        said = capfd.readouterr()
        assert "test materials" not in said.err
        found.append(json.loads(said.out)["curves"])
    assert len(found[0]) == len(found[1]) > 0
    for law, same in zip(*found, strict=True):
        assert law["interval_method"] == same["interval_method"]
        assert "test materials" in law["interval_method"]
        assert (law["decay_rate"], law["transfer_gap"]) == (same["decay_rate"], same["transfer_gap"])
    content = published.read_text()
    for path in (undisturbed / "records").glob("*.errors.json"):
        assert not any(name in content for name in json.loads(path.read_text()))


@pytest.mark.slow
def test_records_that_are_there_stay(undisturbed, published, tmp_path, capfd):
    shutil.copytree(undisturbed, tmp_path / "copy")
    argv = ["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--output", str(tmp_path / "copy")]
    assert main([*argv, "--reuse", str(published)]) == 0
    assert re.search(r"\b0 records reused", capfd.readouterr().err)
    assert results(tmp_path / "copy") == results(undisturbed)


@pytest.mark.slow
def test_cells_of_other_studies_are_left_out(undisturbed, published, tmp_path, capfd):
    content = json.loads(published.read_text())
    names = [cell["key"] for cell in content["cells"]]
    others = [cell | {"key": cell["key"][::-1], "architecture": "Other"} for cell in content["cells"]]
    published.write_text(json.dumps(content | {"cells": content["cells"] + others}))
    argv = ["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--output", str(tmp_path / "again")]
    assert main([*argv, "--reuse", str(published)]) == 0
    assert re.search(rf"\b{NUM_CELLS} records reused", capfd.readouterr().err)
    assert sorted(path.stem for path in (tmp_path / "again/records").glob("*.json")) == sorted(names)
    summary = json.loads((tmp_path / "again/summary.json").read_text())
    assert summary["data"]["source"]["num_removed"] > 0
    assert "Other" not in {row["architecture"] for row in summary["rows"]}


@pytest.mark.parametrize(
    ("content", "values"),
    [(None, r"no .*other\.json"), ("{}", r"other\.json .*not a published"), ("[1", r"other\.json .*not a published")],
)
def test_something_else_is_refused(undisturbed, tmp_path, capfd, content, values):
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    argv = ["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--output", str(tmp_path / "new")]
    assert main([*argv, "--reuse", str(path)]) == 2
    assert re.search(values, " ".join(capfd.readouterr().err.split()))
    assert not (tmp_path / "new" / "records").exists()
