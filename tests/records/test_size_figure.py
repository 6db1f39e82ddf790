"""The figure of a kind of model over both sizes."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from study_page import SIZES, TARGETS, record, records

from gnn_sim2real.law import fit_scaling_surface
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.size_curves import size_curves
from gnn_sim2real.records.size_figure import MOST_LINES, Laws, draw_sizes, few, laws_of


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, for a look at what is in them."""
    figures, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *args, **more: figures.append(figure) or save(figure, *args, **more)
    )
    return figures


def draw(tmp_path, found, laws=Laws({})):  # noqa: B008 (nothing changes it)
    (curves,) = size_curves(Results(tabulate_records(found)))
    png, svg = draw_sizes(curves, laws, "test MAE of density", "g/cm3", tmp_path / "a")
    assert png.stat().st_size > 10_000
    assert svg.stat().st_size > 10_000
    return curves


def lines_of(axes):
    """The points of each curve; lines of reference have none."""
    return [bars.lines[0].get_xydata() for bars in axes.containers]


@pytest.mark.slow
def test_each_panel_holds_what_was_measured(tmp_path, drawn):
    n, m = (axis.ravel() for axis in np.meshgrid(SIZES, TARGETS))
    law = fit_scaling_surface(n, m, 3 * n**-0.4 + 2 * m**-0.6 + 0.05, num_resamples=100)
    curves = draw(tmp_path, records(), Laws({}, law))
    against_n, against_m, both, over_scratch, over_simple = drawn[0].axes
    for axes, points in (
        (against_n, [*curves.by_target.values()]),
        (against_m, [*curves.by_source.values(), curves.scratch]),
        (over_scratch, [*curves.over_scratch.values()]),
        (over_simple, [*curves.over_simple.values()]),
    ):
        shown, wanted = lines_of(axes), [[each[:2] for each in found] for found in points]
        assert len(shown) == len(wanted)
        for ours, theirs in zip(shown, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs)
    levels = [line.get_ydata()[0] for line in against_n.lines if line.get_linestyle() == ":"]
    assert levels == [each.value for each in curves.scratch]
    assert against_n.get_ylim() == against_m.get_ylim()
    (measured,) = [each.get_offsets() for each in both.collections if each.get_offsets().shape == (len(n), 2)]
    assert {tuple(each) for each in measured} == {*zip(m.tolist(), n.tolist(), strict=True)}
    (legend,) = drawn[0].legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [*(f"m = {size}" for size in TARGETS), *(f"n = {size}" for size in SIZES), "from scratch"]


def test_gains_have_a_line_at_zero_and_whole_bars(tmp_path, drawn):
    curves = draw(tmp_path, records())
    over_scratch = drawn[0].axes[2]
    assert [0.0, 0.0] in [list(line.get_ydata()) for line in over_scratch.lines]
    bottom, top = over_scratch.get_ylim()
    ends = [end for found in curves.over_scratch.values() for each in found for end in (each.low, each.high)]
    assert bottom < min(ends)
    assert max(ends) < top


@pytest.mark.filterwarnings("error")
def test_one_target_size_without_rivals_is_one_panel(tmp_path, drawn):
    draw(tmp_path, [record("full", size, 50, 0, 0) for size in (50, 100)])
    assert len(drawn[0].axes) == 1


@pytest.mark.filterwarnings("error")
def test_a_gain_of_one_source_size_alone(tmp_path, drawn):
    curves = draw(tmp_path, [record("full", size, 50, 0, 0) for size in (0, 100)])
    (gain,) = curves.over_scratch[50]
    low, high = drawn[0].axes[1].get_xlim()
    assert low < gain.size < high


def test_laws_are_drawn_as_they_are(tmp_path, drawn):
    results = Results(tabulate_records(records(targets=(50,))))
    label = next(label for label in results.curves if label.policy == "full")
    laws = laws_of(label.kind, {label: fit_law(results.models[label])}, {})
    draw(tmp_path, records(targets=(50,)), laws)
    (dashed,) = [line for line in drawn[0].axes[0].lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed.get_ydata(), laws.of_source[50].predict(dashed.get_xdata()))


def test_of_many_sizes_the_ends_have_lines():
    assert few(range(4)) == [0, 1, 2, 3]
    shown = few(range(20))
    assert (len(shown), shown[0], shown[-1]) == (MOST_LINES, 0, 19)
