"""Models that were scored on fewer test materials than others are marked, beside the others on the same materials."""

import re

import pytest

from gnn_sim2real.records import figure
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, RecordKey, write_record
from gnn_sim2real.records.results import read_results
from gnn_sim2real.records.same_materials import SAME, notes_of_fewer
from gnn_sim2real.records.study_figure import draw_figure
from gnn_sim2real.records.summary import summarize
from gnn_sim2real.study.page.tables import gains_table, results_table
from gnn_sim2real.study.text import format_fewer, scored_on
from gnn_sim2real.study.tracking import _flat_row

ERRORS = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}


def record(policy, source_size, **metrics):
    cell = RecordKey("GINE" if source_size else "", policy, source_size, str(source_size), 50, seed=0, split=0)
    return Record(f"{policy}{source_size}", cell, "density", "g/cm3", {"rmse": 6.0, "r2": 0.5} | metrics, data={})


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


def test_sentences_and_figures_give_the_number_and_the_others_on_the_same(tmp_path):
    summary, _ = summary_of(tmp_path, "ab")
    (sentence,) = format_fewer(summary)
    assert re.search(r"simulated value, m = 50\b.* 2 of 4 .*\b5\b.*GINE.* 1\.5\b", sentence)
    (label, note) = next(iter(notes_of_fewer(Results(read_results(tmp_path), "mae", tmp_path)).items()))
    assert label.policy == "simulated_value"
    assert re.search(r"2 of 4.*GINE.* 1\.5$", note)
    assert list(notes_of_fewer(Results(read_results(tmp_path), "mae")).values()) == ["on 2 of 4"]


def test_a_curve_on_fewer_materials_is_marked_in_the_figure(tmp_path, monkeypatch):
    for size in (50, 100):
        write_record(tmp_path, record("affine", size, mae=1.0, num_test=2.0), {"a": 0.5, "d": 1.5})
        write_record(tmp_path, record("full", size, mae=2.5, num_test=4.0), ERRORS)
    write_record(tmp_path, record("simulated_value", 0, mae=5.0, num_test=2.0), dict.fromkeys("ad", 5.0))
    shown = []
    monkeypatch.setattr(figure, "save_figure", lambda drawn, *_: shown.append(drawn))
    draw_figure(Results(read_results(tmp_path), "mae", tmp_path), tmp_path / "a.png")
    texts = [each.get_text() for each in shown[0].legends[0].get_texts()]
    assert sorted("2 of 4" in text for text in texts) == [False, True, True]
    assert all("2.5" in text for text in texts if "2 of 4" in text)


def test_the_row_of_a_logger_has_the_error_on_the_same_materials(tmp_path):
    summary, _ = summary_of(tmp_path, "ab")
    rows = {row["policy"]: _flat_row(row, "mae") for row in summary["rows"]}
    assert {name: (row["num_test"], row[SAME]) for name, row in rows.items()} == {
        "full": (4.0, 1.5),
        "simulated_value": (2.0, 5.0),
    }


def test_nothing_is_marked_where_all_have_the_same(tmp_path):
    summary, rows = summary_of(tmp_path, "abcd")
    assert not scored_on(summary).headings
    assert SAME not in rows["full"]
    assert format_fewer(summary) == []
    assert notes_of_fewer(Results(read_results(tmp_path), "mae", tmp_path)) == {}


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
