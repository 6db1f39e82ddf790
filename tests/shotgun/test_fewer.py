"""A method that answers fewer materials is marked, beside the error of the ensemble on the same."""

import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from gnn_sim2real.shotgun import plot, report
from gnn_sim2real.shotgun.answer import ENSEMBLE, Answer, describe_fewer, mean_error, note_of_fewer
from gnn_sim2real.shotgun.networks import frozen_name
from gnn_sim2real.shotgun.study_report import print_study, read_records, summarize

NAN = float("nan")
LINE = "line in the simulated value"
ERRORS = {
    ENSEMBLE: np.array([1.0, 2.0, 3.0, 6.0]),
    LINE: np.array([0.5, NAN, 3.5, NAN]),
    "extra trees": np.full(4, 2.5),
    "nothing": np.full(4, NAN),
}
"""The line looks better than the ensemble, 2 against 3; on its two materials both have 2."""


def test_the_others_on_the_same_materials():
    found = describe_fewer(ERRORS)
    assert found == {LINE: {"number": 2, "of": 4, "ensemble": 2.0}, "nothing": {"number": 0, "of": 4, "ensemble": None}}
    assert re.search(r"\b2 of 4\b.* 2$", note_of_fewer(found[LINE]))
    assert "0 of 4" in note_of_fewer(found["nothing"])
    assert (mean_error(ERRORS[LINE]), mean_error(ERRORS["nothing"])) == (2.0, None)


def test_methods_that_were_tried_have_an_error_on_the_test_part():
    """One that the time did not suffice for has none, and is not in the table."""
    tried = SimpleNamespace(name=LINE, error=1.0, predictions=np.array([1.0, NAN]))
    left_out = SimpleNamespace(name="network", error=None, predictions=None)
    target = SimpleNamespace(values=np.array([9.0, 2.0, 4.0]), test=np.array([1, 2]))
    answer = SimpleNamespace(
        target=target, stack=SimpleNamespace(members=[left_out, tried], predictions=np.array([3.0, 3.0]))
    )
    found = Answer.tested_errors(answer)
    assert list(found) == [ENSEMBLE, LINE]
    np.testing.assert_array_equal(found[ENSEMBLE], [1.0, 1.0])
    np.testing.assert_array_equal(found[LINE], [1.0, NAN])
    answer.target.test = np.array([], int)
    assert Answer.tested_errors(answer) == {}


def printed(function, *given):
    console = Console(width=200, file=io.StringIO())
    function(*given, console)
    return console.file.getvalue()


def of_members():
    names = [name for name in ERRORS if name != ENSEMBLE]
    members = [SimpleNamespace(name=name, weight=0.3, outer_weights=[0.3], error=1.0, why="") for name in names]
    target = SimpleNamespace(unit="eV", log=False, train=range(4), num_measured=4, test=range(4), values=np.zeros(4))
    return SimpleNamespace(
        stack=SimpleNamespace(members=members, predictions=np.zeros(4)),
        target=target,
        left_out_errors=lambda: ERRORS,
        tested_errors=lambda: ERRORS,
        promised=[],
        intervals=SimpleNamespace(factor=np.inf),
    )


def test_tables_of_a_run():
    answer = of_members()
    for text in (
        printed(report._print_members, SimpleNamespace(answer=answer, titles={})),
        printed(report._print_tested, SimpleNamespace(answer=answer, target=answer.target, titles={})),
    ):
        lines = {name: next(line for line in text.splitlines() if name in line) for name in ERRORS}
        assert re.search(r"2 of 4\b.* 2\b", lines[LINE])
        assert "0 of 4" in lines["nothing"]
        assert "of 4" not in lines["extra trees"]


@pytest.mark.parametrize("width", [80, 140])
def test_members_are_read_at_any_width(width, monkeypatch):
    monkeypatch.setattr("rich.console.Console.width", width)
    model = "no. 1, a source: a property (GINE), frozen"
    text = printed(report._print_members, SimpleNamespace(answer=of_members(), titles={"extra trees": model}))
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    assert sum(model.startswith(line[:20].strip()) for line in lines if line.startswith("no. 1")) == 1
    assert ("without a fold" in text) == (width > 110)


def test_the_figure_of_a_run(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(plot, "save_figure", lambda figure, *_: drawn.append(figure))
    row = {"source": "a", "architecture": "GINE", "probe": "p", "error": 1.0, "interval": [0.5, 1.5]}
    monkeypatch.setattr(plot, "ranking_rows", lambda _: [row])
    answer = of_members()
    target = SimpleNamespace(**vars(answer.target), spec=SimpleNamespace(name="band_gap"))
    plot.draw_ranking(SimpleNamespace(target=target, answer=answer, titles={}), "x", tmp_path / "x.png")
    labels = [each.get_text() for each in drawn[0].axes[1].get_yticklabels()]
    assert [label for label in labels if "2 of 4" in label] == [label for label in labels if LINE in label] != []


@pytest.fixture
def records(tmp_path):
    for draw in range(3):
        record = {
            "target": "gaps",
            "unit": "eV",
            "size": 20,
            "draw": draw,
            "num_test": 4,
            "num_models": 1,
            "errors": {ENSEMBLE: 3.0, LINE: 2.5 + 0.01 * draw, frozen_name(0): 4.0 + 0.5 * draw},
            "fewer": {LINE: {"number": 2, "of": 4, "ensemble": 2.0}},
            "promised": 1.0,
            "settings": {"ranking": {}},
            "provenance": {},
            "left_out": 1.0,
        }
        (tmp_path / f"{draw}.json").write_text(json.dumps(record))
    return read_records(tmp_path)


def test_a_study_compares_on_the_same_materials(records):
    """On its own materials the line loses; the ensemble's error on all would have made it the winner."""
    summary = summarize(records)
    (cell,) = summary["cells"]
    assert cell["fewer"] == {LINE: {"number": 2, "of": 4, "ensemble": 2.0}}
    assert cell["less_than"][ENSEMBLE][LINE][0] == pytest.approx(-0.51)
    assert summary["wins_losses_ties"]["20"][ENSEMBLE][LINE] == {"wins": 1, "losses": 0, "ties": 0}
    assert summary["log_error_ratio"][LINE][0] == pytest.approx(np.log(2 / 2.51), abs=1e-5)
    (of_line,) = (each for each in summary["comparisons"] if each["rival"] == LINE)
    assert of_line["log_ratio"] == pytest.approx(np.log(2 / 2.51), abs=1e-5)
    assert of_line["p_corrected"] == pytest.approx(2 * of_line["p"])  # the less likely one of two
    assert re.search(rf"{LINE}.*2 of 4.* 2$", printed(print_study, records), re.MULTILINE)
