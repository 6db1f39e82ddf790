"""Figures of the page over both sizes, and what is said of paired gains."""

import pytest

from gnn_sim2real.records.curves import Kind
from gnn_sim2real.records.size_curves import FROM_SCRATCH, SizeCurves, SizePoint
from gnn_sim2real.study.page.size_charts import format_paired, size_figures

NAN = float("nan")


def point(size, value, half, over=""):
    return SizePoint(size, value, value - half, value + half, over, 5)


def made(scratch=None, simple=None, num_splits=5):
    scratch, simple = scratch or point(900, 0.02, 0.01, FROM_SCRATCH), simple or point(900, 0.005, 0.01, "extra trees")
    errors = {m: [point(n, n**-0.3 + 1 / m, 0.01) for n in (100, 900)] for m in (50, 300)}
    by_source = {n: [point(m, n**-0.3 + 1 / m, 0.01) for m in errors] for n in (100, 900)}
    without = [point(m, 0.4, 0.1) for m in errors]
    over_scratch = {50: [point(100, 0.5, 0.1, FROM_SCRATCH), scratch]}
    over_simple = {50: [point(100, 0.5, 0.1, "extra trees"), simple]}
    return SizeCurves(Kind("GINE", "full"), errors, by_source, without, over_scratch, over_simple, num_splits)


@pytest.mark.parametrize(
    ("gain", "is_shown", "number"),
    [
        (point(900, 0.02, 0.01, FROM_SCRATCH), True, "lower by 0.020 [0.010, 0.030] eV"),
        (point(900, -0.02, 0.01, FROM_SCRATCH), True, "higher by 0.020 [0.010, 0.030] eV"),
        (point(900, 0.01, 0.02, FROM_SCRATCH), False, "lower by 0.010 [-0.010, 0.030] eV"),
        (point(900, -0.01, 0.02, FROM_SCRATCH), False, "higher by 0.010 [-0.010, 0.030] eV"),
    ],
)
def test_a_gain_is_shown_only_if_its_interval_excludes_zero(gain, is_shown, number):
    (sentence,) = format_paired(made(scratch=gain, simple=point(900, 0.5, 0.1, "extra trees")), "eV")
    assert number in sentence
    assert ("not shown to differ" in sentence) != is_shown


def test_only_gains_of_the_largest_source_are_told():
    curves = made()
    curves.over_scratch[50].pop()
    (sentence,) = format_paired(curves, "eV")
    assert "extra trees" in sentence
    assert "scratch" not in sentence


def test_a_single_pair_and_a_single_test_part_are_said():
    one = SizePoint(900, 0.02, NAN, NAN, FROM_SCRATCH, 1)
    (sentence,) = format_paired(made(scratch=one), "eV")
    assert "0.02 eV" in sentence
    assert "interval" in sentence
    assert ("seeds" in sentence, "seeds" in format_paired(made(num_splits=1), "eV")[0]) == (False, True)


def test_the_figures_tell_each_error_and_gain():
    curves = made()
    against_n, against_m = size_figures(curves, {}, "MAE", "eV")
    errors, over_scratch, over_simple = against_n.charts
    for chart, found in (
        (errors, [*curves.by_target.values()]),
        (over_scratch, [*curves.over_scratch.values()]),
        (over_simple, [*curves.over_simple.values()]),
        (against_m.charts[0], [*curves.by_source.values(), curves.scratch]),
    ):
        assert [[each[:4] for each in series.points] for series in chart.series] == [
            [each[:4] for each in points] for points in found
        ]
        low, high = chart.y.limits
        assert all(low < end < high for points in found for each in points for end in each[1:4])
    assert any(line.y.tolist() == [0.0, 0.0] for line in over_scratch.lines)
    assert "extra trees" in over_simple.series[0].points[0].text


def test_one_target_size_has_no_figure_against_target_size():
    (curves,) = [made()]
    for found in (curves.by_target, curves.by_source):
        found.pop(300, None)
    assert len(size_figures(curves, {}, "MAE", "")) == 1
