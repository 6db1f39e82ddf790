"""Figures of the page of a study as its elements, with the value of each point as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import cast

import numpy as np

from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.log_errors import mean_and_half_width, tabulate
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.law.planning import Plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.law.text import FORECASTS
from gnn_sim2real.page.chart import (
    MARKERS,
    Axis,
    Chart,
    ChartFigure,
    Entry,
    Line,
    Note,
    Point,
    Series,
    Style,
    css_class,
    limits_of,
)
from gnn_sim2real.records.curves import CurveLabel, model_name
from gnn_sim2real.records.figure import Panel, law_lines, points_of, style_curves, with_note
from gnn_sim2real.records.law_figure import MOST_BANDS, SOURCE, TARGET
from gnn_sim2real.units import format_unit

_DASHES = ("2 3", "8 3 2 3", "6 4", "8 3 2 3 2 3", "")
DOTTED, DASHED = "2 3", "6 4"
_FARTHEST = 10.0
"""Forecasts are drawn up to this multiple of the largest size."""

_RESIDUALS = 170.0
"""Height of the panel of residuals."""

_HOW_TO_READ = (
    "Points: geometric means over test parts and seeds, with 90 % intervals. "
    "The pointer shows values, and so do the keys: Tab, then the arrows."
)
_LAW_OF_BOTH = (
    "Each line is one error of the law in both sizes: a way to buy it with calculations or with measurements."
)

COLORS = ("c0", "c1", "c2", "c3", "c4", "c5", "b0", "b1", "b2", "b3")
_NUM_LINES = 8


def curve_figure(panels: Sequence[Panel], quantity: str, unit: str) -> ChartFigure:
    """Error against source size, with laws and lines of reference, a panel for each target size.

    Args:
        panels: What is drawn.
        quantity: Label of the error.
        unit: Unit of the error.
    """
    curves = {name: curve for panel in panels for name, curve in panel.curves.items()}
    drawn = style_curves(panels)
    styles = {
        name: Style(css_class(drawn[name][0]), drawn[name][1], curve.is_baseline) for name, curve in curves.items()
    }
    lines = {name: each for panel in panels for name, each in panel.references.items()}
    grays = [name for name, each in lines.items() if each.like not in styles]
    of_lines = {name: Style("gray", dash=dash) for name, dash in zip(grays, cycle(_DASHES), strict=False)}
    of_lines |= {
        name: Style(styles[each.like].color, dash=DOTTED) for name, each in lines.items() if each.like in styles
    }
    x = Axis(SOURCE, True, limits_of((size for curve in curves.values() for size in curve.source_sizes), True))
    charts = [_panel(panel, styles, of_lines, x, quantity, unit) for panel in panels]
    ends = limits_of([end for chart in charts for end in chart.y.limits], True)
    legend = [
        Entry(with_note(name, curve.note), styles[name], True, curve.law is None) for name, curve in curves.items()
    ]
    legend += [Entry(with_note(name, each.note), of_lines[name], has_marker=False) for name, each in lines.items()]
    if any(curve.law for curve in curves.values()):
        legend.append(Entry("law, with its band", Style("gray", dash=DASHED), has_marker=False))
    return ChartFigure([chart._replace(y=chart.y._replace(limits=ends)) for chart in charts], legend, _HOW_TO_READ)


def _panel(
    panel: Panel, styles: Mapping[str, Style], of_lines: Mapping[str, Style], x: Axis, quantity: str, unit: str
) -> Chart:
    series, lines, values = [], [], [each.error for each in panel.references.values()]
    tail = f" {format_unit(unit)}".rstrip()
    for name, reference in panel.references.items():
        across, level = np.array(x.limits), np.full(2, reference.error)
        said = f"{with_note(name, reference.note)}: {format_number(reference.error)}{tail}"
        lines.append(Line(of_lines[name], across, level, text=said))
    for name, curve in panel.curves.items():
        sizes, errors, low, high = points_of(curve)
        points = [Point(*each, _said(name, each, tail)) for each in zip(sizes, errors, low, high, strict=True)]
        values += [*low, *high]
        law = None if curve.is_baseline else curve.law
        series.append(Series(styles[name], points, is_joined=law is None))
        if law is not None:
            lines.append(law_line(law, styles[name]._replace(dash=DASHED), sizes[0], sizes[-1]))
    label = f"{quantity} [{format_unit(unit)}]" if unit else quantity
    notes = [Note(text, styles[name].color if name else "gray") for name, text in law_lines(panel, format_unit(unit))]
    return Chart(panel.title, x, Axis(label, True, limits_of(values, True)), series, lines, notes)


def _said(name: str, point: tuple[float, ...], tail: str) -> str:
    size, error, low, high = map(float, point)
    value = format_with_ends(error, low, high) if low < high else format_number(error)
    return f"{name}, n = {format_size(size)}: {value}{tail}"


def law_line(law: ScalingLaw, style: Style, low: float, high: float, with_band: bool = True) -> Line:
    """A law as a line.

    Args:
        law: The law.
        style: Style of the line.
        low: Source size at which it begins.
        high: Source size at which it ends.
        with_band: Whether the interval of the law is around it.
    """
    grid = np.geomspace(low, high, 60)
    ends = law.predict_interval(grid) if with_band else (None, None)
    return Line(style, grid, law.predict(grid), *ends)


def forecast_figures(
    models: Mapping[CurveLabel, Models], laws: Mapping[CurveLabel, ScalingLaw], quantity: str, unit: str
) -> list[ChartFigure]:
    """The laws of each target size up to ten times the largest source size, and what they miss.

    Args:
        models: Models of each curve.
        laws: Law of each curve.
        quantity: Label of the error.
        unit: Unit of the error.
    """
    figures = []
    for size in sorted({label.target_size for label in laws}):
        named = {model_name(each.kind): (models[each], law) for each, law in laws.items() if each.target_size == size}
        title = f"m = {format_size(size)} measured materials"
        figures.append(_forecast(named, f"{quantity} [{format_unit(unit)}]" if unit else quantity, unit, title))
    return figures


def _forecast(named: Mapping[str, tuple[Models, ScalingLaw]], label: str, unit: str, title: str) -> ChartFigure:
    tail = f" {format_unit(unit)}".rstrip()
    series, missed, lines, legend = [], [], [], []
    for (name, (models, law)), color, marker in zip(named.items(), cycle(COLORS), cycle(MARKERS), strict=False):
        style = Style(color, marker)
        table = tabulate(np.asarray(models.source_sizes, dtype=float)[None], models.errors, models.curves)
        sizes, (mean, half) = table.sizes[0], mean_and_half_width(table, law.confidence)
        measured = zip(sizes, np.exp(mean), np.exp(mean - half), np.exp(mean + half), strict=True)
        series.append(Series(style, [Point(*each, _said(name, each, tail)) for each in measured]))
        beyond = law.largest_size * np.array(FORECASTS)
        forecast = zip(beyond, law.predict(beyond), *law.predict_interval(beyond), strict=True)
        told = [Point(*each, f"forecast of {_said(name, each, tail)}") for each in forecast]
        series.append(Series(style._replace(is_hollow=True), told))
        with_band = len(named) <= MOST_BANDS
        lines.append(law_line(law, style, sizes[0], law.largest_size, with_band))
        lines.append(
            law_line(law, style._replace(dash=DASHED), law.largest_size, _FARTHEST * law.largest_size, with_band)
        )
        residuals = 100.0 * np.expm1(mean - np.log(law.predict(sizes)))
        off = [
            Point(float(n), float(each), np.nan, np.nan, f"{name}, n = {format_size(float(n))}: {each:+.2g} %")
            for n, each in zip(sizes, residuals, strict=True)
        ]
        missed.append(Series(style, off, is_joined=True))
        legend.append(Entry(name, style, True, False))
    points = [point for each in series for point in each.points]
    x = Axis(SOURCE, True, limits_of((point.x for point in points), True))
    y = Axis(label, True, limits_of((end for each in points for end in (each.y, each.low, each.high)), True))
    ends = limits_of([point.y for each in missed for point in each.points] + [-1.0, 1.0], False)
    level = Line(Style("gray"), np.array(x.limits), np.zeros(2))
    below = Chart("What the law misses", x, Axis("residual [%]", False, ends), missed, [level], height=_RESIDUALS)
    legend.append(Entry("forecast", Style("gray", "o", True, DASHED)))
    caption = "Laws, forecasts and residuals; bars and bands are 90 % intervals of geometric means."
    return ChartFigure([Chart(title, x, y, series, lines), below], legend, caption)


def equal_error_figure(law: ScalingSurface, plan: Plan, name: str, quantity: str, unit: str) -> ChartFigure:
    """Lines of equal error over source and target size, with the measured sizes.

    Args:
        law: The law.
        plan: Plan at the largest source.
        name: Name of the model.
        quantity: Label of the error.
        unit: Unit of the error.
    """
    from contourpy import contour_generator

    tail = f" {format_unit(unit)}".rstrip()
    sources = np.geomspace(law.source_sizes[0], 2.0 * _FARTHEST * law.source_sizes[-1], 60)
    targets = np.geomspace(law.target_sizes[0], 4.0 * law.target_sizes[-1], 60)
    errors = law.predict(sources[:, None], targets[None, :])
    levels = np.geomspace(errors.min(), errors.max(), _NUM_LINES + 2)[1:-1]
    found = contour_generator(np.log(targets), np.log(sources), errors)
    lines = []
    for level in levels:
        said = f"predicted {quantity} of {format_number(float(level))}{tail}"
        paths = cast(list[Floats], found.lines(level))
        lines += [Line(Style("c0"), np.exp(path[:, 0]), np.exp(path[:, 1]), text=said) for path in paths]
    here = plan.target_size or law.target_sizes[-1]
    points = [(m, n) for m in law.target_sizes for n in law.source_sizes if (m, n) != (here, plan.source_size)]
    told = [_at(m, n, float(law.predict(n, m)), tail) for m, n in points]
    now = [_at(here, plan.source_size, float(law.predict(plan.source_size, here)), tail)]
    x, y = (Axis(TARGET, True, limits_of(targets, True)), Axis(SOURCE, True, limits_of(sources, True)))
    series = [Series(Style("gray", "o"), told), Series(Style("c1", "D"), now)]
    legend = [Entry("measured", Style("gray", "o"), True, False), Entry("now", Style("c1", "D"), True, False)]
    legend.append(Entry("equal error", Style("c0"), has_marker=False))
    return ChartFigure([Chart(f"Lines of equal error of {name}", x, y, series, lines)], legend, _LAW_OF_BOTH)


def _at(target: float, source: float, error: float, tail: str) -> Point:
    said = f"m = {format_size(target)}, n = {format_size(source)}: the law has {format_number(error)}{tail}"
    return Point(target, source, np.nan, np.nan, said)
