"""Models that were scored on fewer test materials than others are marked, beside the others on the same materials."""

import pytest

from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, RecordKey, write_record
from gnn_sim2real.records.results import read_results
from gnn_sim2real.records.same_materials import SAME
from gnn_sim2real.records.summary import summarize
from gnn_sim2real.study.page.tables import gains_table, results_table
from gnn_sim2real.study.text import scored_on

ERRORS = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}


def record(policy, source_size, **metrics):
    cell = RecordKey("GINE" if source_size else "", policy, source_size, str(source_size), 50, seed=0, split=0)
    return Record(policy, cell, "density", "g/cm3", {"rmse": 6.0, "r2": 0.5} | metrics, data={})


def summary_of(folder, fewer):
    trained = record("full", 50, mae=2.5, num_test=4.0)
    simulated = record("simulated_value", 0, mae=5.0, num_test=float(len(fewer)))
    write_record(folder, trained, ERRORS)
    write_record(folder, simulated, dict.fromkeys(fewer, 5.0))
    summary = summarize(Results(read_results(folder), "mae", folder))
    return summary, {row["policy"]: row for row in summary["rows"]}


def test_the_error_on_the_same_materials_stands_beside(tmp_path):
    summary, rows = summary_of(tmp_path, "ad")
    assert rows["full"]["mae"]["mean"] == 2.5
    assert rows["full"][SAME]["mean"] == pytest.approx(2.5)
    summary, rows = summary_of(tmp_path, "ab")
    assert (rows["full"][SAME]["mean"], rows["simulated_value"][SAME]["mean"]) == (1.5, 5.0)
    table = results_table(summary)
    assert any("same 2" in heading for heading in table.headings)
    assert {("4", "1.5000"), ("2", "5.0000")} == {row[-3:-1] for row in table.rows}


def test_nothing_is_marked_where_all_have_the_same(tmp_path):
    summary, rows = summary_of(tmp_path, "abcd")
    assert not scored_on(summary).headings
    assert SAME not in rows["full"]


def test_unknown_errors_of_a_published_result(tmp_path):
    summary_of(tmp_path, "ab")
    summary = summarize(Results(read_results(tmp_path), "mae"))
    assert [scored_on(summary).cells(row) for row in summary["rows"]] in (
        [("2", ""), ("4", "")],
        [("4", ""), ("2", "")],
    )
    assert all(row[SAME]["mean"] is None for row in summary["rows"])


def test_a_gain_is_on_the_materials_that_both_were_scored_on(tmp_path):
    """A correction of simulated values, which half of the materials have, against a network that needs none."""
    write_record(tmp_path, record("affine", 50, mae=1.0, num_test=2.0), {"a": 0.5, "d": 1.5})
    write_record(tmp_path, record("full", 50, mae=2.5, num_test=4.0), ERRORS)

    def gains(folder):
        found = summarize(Results(read_results(tmp_path), "mae", folder))["gains"]
        return {each["policy"]: (each["gain"]["mean"], each.get("num_test")) for each in found}

    assert gains(tmp_path) == {"affine": (pytest.approx(1.5), 2), "full": (pytest.approx(-1.5), 2)}
    summary = summarize(Results(read_results(tmp_path), "mae", tmp_path))
    assert any("2 materials" in row[1] for row in gains_table(summary).rows)
    assert gains(None) == {}
