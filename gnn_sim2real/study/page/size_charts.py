"""Figures of the page over both sizes, and sentences on the paired gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.page.chart import MARKERS, Axis, Chart, ChartFigure, Entry, Line, Point, Series, Style, limits_of
from gnn_sim2real.records.law_figure import MOST_BANDS, SOURCE, TARGET
from gnn_sim2real.records.size_curves import FROM_SCRATCH, Curves, SizeCurves, SizePoint
from gnn_sim2real.records.size_figure import few
from gnn_sim2real.study.page.charts import COLORS, DASHED, DOTTED, law_line
from gnn_sim2real.units import format_unit

_AGAINST_SOURCE = (
    "Errors, and gains on the same test parts and seeds; bars and bands are 90 % intervals. A gain above 0: the "
    "fine-tuned model has the lower error. Dotted: the same network from scratch."
)
_AGAINST_TARGET = "Errors against the number of measurements; bars and bands are 90 % intervals."


def size_figures(curves: SizeCurves, laws: Mapping[float, ScalingLaw], quantity: str, unit: str) -> list[ChartFigure]:
    """Errors and paired gains against n with a line for each m, and errors against m with a line for each n.

    Args:
        curves: What is drawn.
        laws: The law in n for each m that has one.
        quantity: Label of the error.
        unit: Unit of the error.
    """
    tail = f" [{format_unit(unit)}]" if unit else ""
    label, said = f"{quantity}{tail}", f" {format_unit(unit)}".rstrip()
    figures = [_against_source(curves, laws, label, tail, said)]
    if len(curves.by_target) > 1:
        figures.append(_against_target(curves, label, said))
    return figures


def _styles(sizes: Sequence[float], is_hollow: bool) -> dict[float, Style]:
    return {size: Style(COLORS[number], MARKERS[number], is_hollow) for number, size in enumerate(sizes)}


def _against_source(
    curves: SizeCurves, laws: Mapping[float, ScalingLaw], label: str, tail: str, unit: str
) -> ChartFigure:
    styles = _styles(few(curves.by_target), is_hollow=False)
    x = Axis(SOURCE, True, limits_of(curves.by_source, True))
    without = {each.size: each for each in curves.scratch}
    lines = []
    for m, style in styles.items():
        if m in without:
            said = f"from scratch, m = {format_size(m)}: {_value(without[m])}{unit}"
            level = np.full(2, without[m].value)
            lines.append(Line(style._replace(dash=DOTTED), np.array(x.limits), level, text=said))
        if m in laws:
            sizes = [each.size for each in curves.by_target[m]]
            law_style = style._replace(dash=DASHED)
            lines.append(law_line(laws[m], law_style, sizes[0], sizes[-1], len(styles) <= MOST_BANDS))
    series = [
        _series(curves.by_target[m], style, f"m = {format_size(m)}, n", unit, m not in laws)
        for m, style in styles.items()
    ]
    ends = limits_of([*_ends(curves.by_target, styles), *(each.value for each in curves.scratch)], True)
    charts = [Chart("Error", x, Axis(label, True, ends), series, lines)]
    for title, gains in (
        ("Gain over from scratch", curves.over_scratch),
        ("Gain over the strongest simple method", curves.over_simple),
    ):
        shown = {m: style for m, style in styles.items() if m in gains}
        if shown:
            drawn = [_series(gains[m], style, f"m = {format_size(m)}, n", unit, True) for m, style in shown.items()]
            bands = [_band(gains[m], style) for m, style in shown.items()] if len(shown) <= MOST_BANDS else []
            zero = Line(Style("gray"), np.array(x.limits), np.zeros(2))
            axis = Axis(f"paired gain{tail}", False, limits_of([0.0, *_ends(gains, shown)], False))
            charts.append(Chart(title, x, axis, drawn, [zero, *bands]))
    legend = [Entry(f"m = {format_size(m)}", style) for m, style in styles.items()]
    if laws:
        legend.append(Entry("law, with its band", Style("gray", dash=DASHED), has_marker=False))
    if curves.scratch:
        legend.append(Entry(FROM_SCRATCH, Style("gray", dash=DOTTED), has_marker=False))
    return ChartFigure(charts, legend, _AGAINST_SOURCE)


def _against_target(curves: SizeCurves, label: str, unit: str) -> ChartFigure:
    styles = _styles(few(curves.by_source), is_hollow=True)
    x = Axis(TARGET, True, limits_of(curves.by_target, True))
    series = [
        _series(curves.by_source[n], style, f"n = {format_size(n)}, m", unit, True) for n, style in styles.items()
    ]
    lines = [_band(curves.by_source[n], style) for n, style in styles.items()] if len(styles) <= MOST_BANDS else []
    legend = [Entry(f"n = {format_size(n)}", style) for n, style in styles.items()]
    values = [*_ends(curves.by_source, styles)]
    if curves.scratch:
        gray = Style("gray", "X", dash=DOTTED)
        series.append(_series(curves.scratch, gray, "from scratch, m", unit, True))
        lines.append(_band(curves.scratch, gray))
        legend.append(Entry(FROM_SCRATCH, gray))
        values += _ends({0.0: curves.scratch}, [0.0])
    chart = Chart("Error against measurements", x, Axis(label, True, limits_of(values, True)), series, lines)
    return ChartFigure([chart], legend, _AGAINST_TARGET)


def _series(points: Sequence[SizePoint], style: Style, axis: str, unit: str, is_joined: bool) -> Series:
    told = []
    for each in points:
        than = f" lower than {each.over}" if each.over else ""
        said = f"{axis} = {format_size(each.size)}: {_value(each)}{unit}{than}"
        told.append(Point(each.size, each.value, each.low, each.high, said))
    return Series(style, told, is_joined)


def _band(points: Sequence[SizePoint], style: Style) -> Line:
    x, y, low, high = (np.array([each[field] for each in points]) for field in range(4))
    has_ends = np.isfinite(low) & np.isfinite(high)
    return Line(style, x[has_ends], y[has_ends], low[has_ends], high[has_ends])


def _ends(curves: Curves, shown: Mapping[float, Style] | Sequence[float]) -> list[float]:
    return [end for size in shown for each in curves[size] for end in (each.value, each.low, each.high)]


def _value(point: SizePoint) -> str:
    if math.isnan(point.low):
        return format_number(point.value)
    return format_with_ends(point.value, point.low, point.high)


def format_paired(curves: SizeCurves, unit: str) -> list[str]:
    """A sentence for each m on the paired gains of the largest source, with their intervals.

    Args:
        curves: What a kind of model does over both sizes.
        unit: Unit of the errors.
    """
    sentences, tail = [], f" {format_unit(unit)}".rstrip()
    for m in curves.by_target:
        largest = curves.by_target[m][-1].size
        both = (curves.over_scratch, curves.over_simple)
        gains = [each for found in both for each in found.get(m, ()) if each.size == largest]
        if gains:
            said = ", and ".join(_said(each, tail) for each in gains)
            where = f"m = {format_size(m)}, n = {format_size(largest)}"
            seeds = "" if curves.num_splits > 1 else "; the intervals are over seeds and hold for this test part"
            sentences.append(f"{curves.name}, {where}: the error is {said}{seeds}")
    return sentences


def _said(gain: SizePoint, unit: str) -> str:
    other = "that of the same network from scratch" if gain.over == FROM_SCRATCH else f"that of {gain.over}"
    sign = 1 if gain.value >= 0 else -1
    word = "lower" if sign > 0 else "higher"
    if math.isnan(gain.low):
        return f"{word} by {format_number(sign * gain.value)}{unit} than {other} (without an interval: one pair)"
    low, high = sorted((sign * gain.low, sign * gain.high))
    change = f"{word} by {format_with_ends(sign * gain.value, low, high)}{unit}"
    if low <= 0:
        return f"not shown to differ from {other} (it is {change})"
    return f"{change} than {other}"
