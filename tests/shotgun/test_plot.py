"""Figures of shotgun transfer: intervals of mean errors end at zero, and labels do not touch."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from gnn_sim2real.figures import apart
from gnn_sim2real.shotgun import plot
from gnn_sim2real.shotgun.answer import ENSEMBLE
from gnn_sim2real.shotgun.study_report import DRAWN, ORACLE


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, with their layout done."""
    found = []

    def save(figure, *files):
        figure.canvas.draw()
        found.append(figure)

    monkeypatch.setattr(plot, "save_figure", save)
    return found


def test_an_interval_of_a_mean_error_ends_at_zero(figures, tmp_path, monkeypatch):
    row = {"source": "a", "architecture": "GINE", "probe": "p", "error": 1.0, "interval": [0.5, 1.5]}
    monkeypatch.setattr(plot, "ranking_rows", lambda _: [row])
    target = SimpleNamespace(unit="eV", log=False, train=[1], num_measured=1, spec=SimpleNamespace(name="band_gap"))
    errors = {ENSEMBLE: np.array([0.0, 0.0, 5.0])}  # whose interval by Student's t reaches below zero
    answer = SimpleNamespace(left_out_errors=lambda: errors, stack=SimpleNamespace(members=[]), promised=[])
    plot.draw_ranking(SimpleNamespace(target=target, answer=answer, titles={}), "", tmp_path / "x.png")
    bars, _ = figures[0].axes[1].containers
    (ends,) = bars.lines[2][0].get_segments()
    assert ends[:, 0].min() == 0
    assert ends[:, 0].max() > 5


@pytest.mark.parametrize("log", [False, True])
def test_no_bar_of_a_parity_plot_is_cut_off(log, figures, tmp_path):
    target = SimpleNamespace(unit="eV", log=log, spec=SimpleNamespace(name="band_gap", unit="eV"))
    beside = SimpleNamespace(
        measured=np.array([1.0, 2.0]),
        predicted=np.array([1.1, 1.9]),
        lower=np.array([0.3, 1.5]),
        upper=np.array([1.4, 9.0]),
        parts=["train", "train"],
        outside=["", ""],
    )
    answer = SimpleNamespace(intervals=SimpleNamespace(coverage=0.9))
    plot.draw_parity(SimpleNamespace(target=target, beside=beside, answer=answer), "", tmp_path / "x.png")
    (axes,) = figures[0].axes
    assert axes.get_ylim()[0] < 0.3
    assert axes.get_ylim()[1] > 9
    assert axes.get_xlim()[1] < 3  # where there are no bars there is no room for them


def test_labels_of_close_sizes_do_not_touch(figures, tmp_path):
    sizes = [10, 11, 12, 50, 280, 300]
    errors = dict.fromkeys((*DRAWN, ORACLE), (1.0, 0.9, 1.1))
    cells = [{"target": each, "unit": "eV", "size": size, "errors": errors} for size in sizes for each in "abcd"]
    plot.draw_study(cells, DRAWN, ORACLE, tmp_path / "x.png")
    for axes in figures[0].axes[:4]:
        boxes = [each.get_window_extent() for each in axes.get_xticklabels()]
        assert len(boxes) >= 3
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_the_last_of_close_values_is_labelled():
    assert apart([100, 101, 102], ["100", "101", "102"], room=200, size=8) == [0, 1, 2]
    assert apart([1, 100, 101, 102], ["1", "100", "101", "102"], room=200, size=8) == [0, 3]
    assert apart([5], ["5"], room=200, size=8) == [0]
