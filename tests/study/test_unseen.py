"""A study reports the errors on materials with what its source never saw beside those of the others."""

import json
import re
from dataclasses import asdict

import pandas as pd
import pytest
from studies import FEW, set_axes, write_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.record import read_errors, read_records
from gnn_sim2real.records.results import read_results
from gnn_sim2real.records.unseen import find_unseen_groups


@pytest.mark.slow
def test_both_groups_are_reported(tmp_path, capfd):
    write_study(tmp_path)
    set_axes(tmp_path, **FEW)
    source = pd.read_csv(tmp_path / "source.csv")
    source[~source["smiles"].str.contains("F|N")].to_csv(tmp_path / "source.csv", index=False)
    assert main(["study", "run", "-c", str(tmp_path / "study.yaml")]) == 0
    assert re.search(r"F in \d+, N in \d+", capfd.readouterr().out)
    records = tmp_path / "out" / "records"
    groups = find_unseen_groups(Results(read_results(records), "mae", records))
    assert groups.counts.keys() == {"F", "N"}
    tuned = next(each for each in groups.rows if each["source_level"] != "0" and each["policy"] == "full")
    (record,) = [each for each in read_records(records) if "unseen" in each.details]
    errors, unseen = read_errors(records, record.key), set(record.details["unseen"]["materials"])
    assert tuned["num_unseen"] == len(unseen)
    assert tuned["unseen"] == pytest.approx(sum(errors[name] for name in unseen) / len(unseen))
    whole = (tuned["seen"] * tuned["num_seen"] + tuned["unseen"] * tuned["num_unseen"]) / len(errors)
    assert whole == pytest.approx(record.metrics["mae"])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["unseen"] == asdict(groups)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"{tuned['unseen']:.4f}" in page
    assert "F in " in page
    assert main(["study", "report", str(tmp_path / "out"), "--publish", str(tmp_path / "told")]) == 0
    assert json.loads((tmp_path / "told.json").read_text())["unseen"] == summary["unseen"]
    assert read_published(tmp_path / "told.json")
    assert {each["policy"] for each in groups.rows} >= {"extra_trees", "full"}
