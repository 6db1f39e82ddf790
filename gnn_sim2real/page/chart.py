"""Figures of a page as elements of it: SVG that takes the colors of the page and tells values under pointer and keys.

The script in `base.html` shows the text of a point that the pointer touches or the keys reach: the Tab key goes from
figure to figure, the arrow keys from point to point. A figure needs no network and no script to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gnn_sim2real.figures import BASELINE_COLORS, COLORS, format_tick, round_ticks

WIDTH, HEIGHT = 460.0, 320.0
"""Of a panel [units of its own, about a pixel]."""

_LABEL, _RIGHT, _TOP, _BOTTOM = 24.0, 14.0, 12.0, 48.0
_TYPE = 13.5
"""Size of type on a phone, the larger one."""

_DIGIT = 0.6 * _TYPE
_TOUCH = 9.0
"""Radius in which a point answers to the pointer."""

_SHAPES = {
    "o": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "s": "M-3.6,-3.6h7.2v7.2h-7.2Z",
    "^": "M0,-4.6L4.4,3.6H-4.4Z",
    "D": "M0,-4.8L4.8,0L0,4.8L-4.8,0Z",
    "v": "M0,4.6L4.4,-3.6H-4.4Z",
    "P": "M-1.5,-4.4h3v2.9h2.9v3h-2.9v2.9h-3v-2.9h-2.9v-3h2.9Z",
    "X": "M-4,-2.2L-2.2,-4L0,-1.8L2.2,-4L4,-2.2L1.8,0L4,2.2L2.2,4L0,1.8L-2.2,4L-4,2.2L-1.8,0Z",
    "<": "M-4.6,0L3.6,-4.4V4.4Z",
}
"""Paths of markers, by matplotlib's names."""

MARKERS = tuple(_SHAPES)


class Style(NamedTuple):
    """How a series looks.

    Attributes:
        color: CSS class of its color: `c0` to `c5`, pale `b0` to `b3`, or `gray`.
        marker: One of `MARKERS`.
        is_hollow: Whether its markers are.
        dash: Dashes of its lines; empty for none.
    """

    color: str
    marker: str = "o"
    is_hollow: bool = False
    dash: str = ""


class Point(NamedTuple):
    """A point, with the text that pointer and keys show.

    Attributes:
        x: Place.
        y: Value; of a chart with `names` the number of the name, from the bottom.
        low: Lower end of its interval, along x where the chart has `names`, else along y; NaN for none.
        high: Upper end.
        text: What is said of it.
    """

    x: float
    y: float
    low: float
    high: float
    text: str


class Series(NamedTuple):
    """Points of one style.

    Attributes:
        style: Its style.
        points: Its points.
        is_joined: Whether a thin line joins them.
    """

    style: Style
    points: Sequence[Point]
    is_joined: bool = False


class Line(NamedTuple):
    """A line, with a band around it where it has ends.

    Attributes:
        style: Its style.
        x: Places, (num_places,).
        y: Values, (num_places,).
        low: Lower end of the band, (num_places,); None for no band.
        high: Upper end, (num_places,); None for no band.
        text: What is said of it; empty for nothing.
    """

    style: Style
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    text: str = ""


class Axis(NamedTuple):
    """An axis.

    Attributes:
        label: What it shows, with the unit.
        is_log: Whether it is logarithmic.
        limits: Both ends.
        names: Instead of numbers, names at 0, 1, 2, ...
    """

    label: str
    is_log: bool
    limits: tuple[float, float]
    names: Sequence[str] = ()

    def place(self, values: Iterable[float]) -> NDArray[np.float64]:
        """Where values stand, 0 to 1 between the limits.

        Args:
            values: (num_values,).

        Returns:
            (num_values,).
        """
        ends, found = np.asarray(self.limits), np.asarray(list(values), dtype=np.float64)
        if self.is_log:
            with np.errstate(divide="ignore", invalid="ignore"):  # what is not above 0 has no place
                ends, found = np.log(ends), np.log(found)
        return np.asarray((found - ends[0]) / (ends[1] - ends[0]))


class Note(NamedTuple):
    """A line of text above a panel.

    Attributes:
        text: The line.
        color: CSS class of its color.
    """

    text: str
    color: str = "gray"


class Chart(NamedTuple):
    """One panel.

    Attributes:
        title: Heading; empty for none.
        x: Horizontal axis.
        y: Vertical axis.
        series: Points.
        lines: Lines, drawn below the points.
        notes: Lines of text below the heading.
        height: Of the panel, see `HEIGHT`.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    lines: Sequence[Line] = ()
    notes: Sequence[Note] = ()
    height: float = HEIGHT

    def svg(self) -> Markup:
        """The panel as an element of a page."""
        return _Canvas(self).draw()


class Entry(NamedTuple):
    """A line of the legend.

    Attributes:
        name: Its text.
        style: Style of what it stands for.
        has_marker: Whether that has markers.
        has_line: Whether it has a line.
    """

    name: str
    style: Style
    has_marker: bool = True
    has_line: bool = True

    def svg(self) -> Markup:
        """The sample beside the text."""
        line = _path("M0,7H26", self.style, "line") if self.has_line else Markup()
        marker = _marker(13.0, 7.0, self.style) if self.has_marker else Markup()
        return Markup('<svg class="key" viewBox="0 0 26 14" aria-hidden="true">{}{}</svg>').format(line, marker)


class ChartFigure(NamedTuple):
    """Panels with a legend and a caption.

    Attributes:
        charts: The panels.
        legend: Its entries.
        caption: Text below.
    """

    charts: Sequence[Chart]
    legend: Sequence[Entry]
    caption: str


_LEAST = 1e-100
"""Where a logarithmic axis ends at the latest, as does its inverse."""


def limits_of(values: Iterable[float], is_log: bool) -> tuple[float, float]:
    """Ends of an axis that holds all values, with a margin.

    Args:
        values: The values; what is not finite, or not above 0 on a logarithmic axis, has no place on it.
        is_log: Whether the axis is logarithmic.

    Returns:
        Two different numbers.
    """
    found = [float(each) for each in values if np.isfinite(each) and (each > 0 or not is_log)]
    if not found:
        return (1.0, 10.0) if is_log else (0.0, 1.0)
    low, high = min(found), max(found)
    if is_log:
        low, high = max(low, _LEAST), min(max(high, _LEAST), 1 / _LEAST)
        margin = max((high / low) ** 0.05, 1.05)
        return low / margin, high * margin
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


class _Canvas:
    """Draws a chart."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        rows = chart.y.names or [format_tick(each) for each in round_ticks(*chart.y.limits, chart.y.is_log)]
        self.left = min(_LABEL * bool(chart.y.label) + _DIGIT * max(map(len, rows), default=0) + 8, 0.5 * WIDTH)
        self.right, self.bottom = WIDTH - _RIGHT, chart.height - _BOTTOM

    def draw(self) -> Markup:
        chart = self.chart
        label = ", ".join(
            filter(None, (chart.title, f"{chart.y.label} against {chart.x.label}".removeprefix(" against ")))
        )
        # lines go on beyond the axes, where a nested picture cuts them off
        window = Markup(
            '<svg x="{0:g}" y="{1:g}" width="{2:g}" height="{3:g}" viewBox="{0:g} {1:g} {2:g} {3:g}">'
        ).format(self.left, _TOP, self.right - self.left, self.bottom - _TOP)
        lines = window + Markup("").join(map(self._line, chart.lines)) + Markup("</svg>")
        parts = [self._grid(), lines, *map(self._series, chart.series)]
        head = Markup('<svg class="chart" viewBox="0 0 {:g} {:g}" role="group" aria-label="{}">')
        return head.format(WIDTH, chart.height, label) + Markup("\n").join(parts) + Markup("</svg>")

    def _x(self, values: Iterable[float]) -> NDArray[np.float64]:
        return np.asarray(self.left + (self.right - self.left) * self.chart.x.place(values))

    def _y(self, values: Iterable[float]) -> NDArray[np.float64]:
        places = self.bottom - (self.bottom - _TOP) * self.chart.y.place(values)
        return np.clip(places, -HEIGHT, 2 * HEIGHT)  # an end of a band may be infinite

    def _grid(self) -> Markup:
        parts = []
        ticks = round_ticks(*self.chart.x.limits, self.chart.x.is_log)
        widest = max(len(format_tick(each)) for each in ticks) * _DIGIT + 0.6 * _TYPE
        while len(ticks) > 1 and np.diff(self._x(ticks)).min() < widest:
            ticks = ticks[::2]
        for tick, place in zip(ticks, self._x(ticks), strict=True):
            parts.append(
                Markup(
                    '<path class="grid" d="M{0:.1f},{1:.1f}V{2:.1f}"/><text x="{0:.1f}" y="{3:.1f}">{4}</text>'
                ).format(place, _TOP, self.bottom, self.bottom + 1.25 * _TYPE, format_tick(tick))
            )
        names = self.chart.y.names
        rows = [float(row) for row in range(len(names))] or round_ticks(*self.chart.y.limits, self.chart.y.is_log)
        while not names and len(rows) > 1 and -np.diff(self._y(rows)).max() < 1.3 * _TYPE:
            rows = rows[::2]
        for number, (row, place) in enumerate(zip(rows, self._y(rows), strict=True)):
            text = names[number] if names else format_tick(row)
            room = int((self.left - 8) / _DIGIT)
            text = text if len(text) <= room else f"{text[: room - 1]}…"
            parts.append(
                Markup(
                    '<path class="grid" d="M{:.1f},{:.1f}H{:.1f}"/><text class="end" x="{:.1f}" y="{:.1f}">{}</text>'
                ).format(self.left, place, self.right, self.left - 6, place + 0.35 * _TYPE, text)
            )
        middle = (self.left + self.right) / 2
        parts.append(
            Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(middle, self.chart.height - 8, self.chart.x.label)
        )
        if self.chart.y.label:
            parts.append(
                Markup('<text transform="translate(13,{:.1f}) rotate(-90)">{}</text>').format(
                    (self.bottom + _TOP) / 2, self.chart.y.label
                )
            )
        return Markup("").join(parts)

    def _line(self, line: Line) -> Markup:
        x, found = self._x(line.x), Markup()
        if line.low is not None and line.high is not None:
            ends = np.concatenate([self._y(line.low), self._y(line.high)[::-1]])
            around = _points(np.concatenate([x, x[::-1]]), ends)
            found += _path(f"{around}Z" if around else "", line.style, "band")
        path = _points(x, self._y(line.y))
        found += _path(path, line.style, "line")
        if line.text:
            wide = Markup('<path class="reach" d="{}"/>').format(path)
            return Markup('<g class="tell" tabindex="-1" role="img" aria-label="{}">{}{}</g>').format(
                line.text, found, wide
            )
        return found

    def _series(self, series: Series) -> Markup:
        if not series.points:
            return Markup()
        x, y = self._x(each.x for each in series.points), self._y(each.y for each in series.points)
        found = _path(_points(x, y), series.style, "thin") if series.is_joined else Markup()
        for point, across, up in zip(series.points, x, y, strict=True):
            if not (np.isfinite(across) and np.isfinite(up)):
                continue
            bar = Markup()
            if np.isfinite(point.low) and np.isfinite(point.high):
                if self.chart.y.names:
                    first, last = np.clip(self._x([point.low, point.high]), self.left, self.right)
                    bar = _path(f"M{first:.1f},{up:.1f}H{last:.1f}", series.style._replace(dash=""), "bar")
                else:
                    first, last = np.clip(self._y([point.low, point.high]), _TOP, self.bottom)
                    bar = _path(f"M{across:.1f},{first:.1f}V{last:.1f}", series.style._replace(dash=""), "bar")
            reach = Markup('<circle class="reach" cx="{:.1f}" cy="{:.1f}" r="{:g}"/>').format(across, up, _TOUCH)
            marker = _marker(float(across), float(up), series.style)
            found += _tell(point.text, bar + marker + reach)
        return found


def _tell(text: str, parts: Markup) -> Markup:
    return Markup('<g class="tell" tabindex="-1" role="img" aria-label="{}">{}</g>').format(text, parts)


def css_class(color: str) -> str:
    """The class of one of the colors of `gnn_sim2real.figures`, which is another color on dark paper.

    Args:
        color: The color.
    """
    if color in COLORS:
        return f"c{COLORS.index(color)}"
    return f"b{BASELINE_COLORS.index(color)}" if color in BASELINE_COLORS else "gray"


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """A path through points, broken where one has no place."""
    parts, starts = list[str](), "M"
    for across, up in zip(x, y, strict=True):
        if np.isfinite(across) and np.isfinite(up):
            parts.append(f"{starts}{across:.1f},{up:.1f}")
            starts = "L"
        else:
            starts = "M"
    return "".join(parts)


def _path(path: str, style: Style, kind: str) -> Markup:
    dash = Markup(' stroke-dasharray="{}"').format(style.dash) if style.dash and kind == "line" else Markup()
    return Markup('<path class="{} {}" d="{}"{}/>').format(kind, style.color, path, dash)


def _marker(across: float, up: float, style: Style) -> Markup:
    hollow = " hollow" if style.is_hollow else ""
    return Markup('<path class="marker{} {}" transform="translate({:.1f},{:.1f})" d="{}"/>').format(
        hollow, style.color, across, up, _SHAPES[style.marker]
    )
