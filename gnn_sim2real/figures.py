"""What all figures share: colors, markers, sizes, axes, and files that are the same whenever their inputs are."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.files import MADE_BY, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#6A3D9A", "#7B4B2A")
"""Okabe and Ito's palette, told apart with any color vision, and two dark ones."""

BASELINE_COLORS = ("#CC79A7", "#E69F00", "#56B4E9", "#999999")
"""The paler half of that palette."""

MARKERS, BASELINE_MARKERS = ("o", "s", "^", "D"), ("v", "P", "X", "<")
GRAY = "#555555"
TEXT, TITLE, SMALL = 10.0, 12.0, 8.0
"""Sizes of type [points]."""

LINE_WIDTH = 1.8
"""Of laws and of dotted lines [points]."""

NARROW, THIN, HAIR = 1.6, 0.9, 0.8
"""Of laws beside their forecasts, of lines from point to point, of grids and residuals [points]."""

NO_EDGE = 0.0
"""Of the edge of a band [points]."""

BAR_WIDTH, CAP, SMALL_CAP, NO_CAP = 1.3, 2.5, 2.0, 0.0
"""Of the interval of a point, and of its ends [points]."""

MARKER_SIZE, BASELINE_MARKER_SIZE = 6.0, 4.5
SMALL_MARKER, TINY_MARKER, STAR = 4.0, 3.0, 13.0
"""Of points among many, and of the one that is sought [points]."""

DASHED: Final = "--"
DOTTED: Final = ":"
DASHES: tuple[Any, ...] = (DOTTED, "-.", (0, (6, 2)), (0, (3, 1.5, 1, 1.5, 1, 1.5)), "-")
"""Of gray lines, which no color tells apart."""

STRONG_BAND, BAND, PALE_BAND = 0.45, 0.16, 0.07
"""Opacity of the interval of a point among many, of one around a line, and around one of many."""

_DPI = 200
_DIGIT = 0.64
"""Width of a digit in sizes of its type."""
_GRID = "#E6E6E6"
_TICKS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that no window shows.

    Args:
        width: Inches.
        height: Inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def apart(values: Sequence[float], labels: Sequence[str], room: float, size: float) -> list[int]:
    """Choose labels on a logarithmic axis that do not touch, among them the last.

    Args:
        values: Where they stand, ascending and above 0.
        labels: The labels.
        room: Length of the axis from the first to the last value [points].
        size: Of their type [points].

    Returns:
        Their positions in the sequence, ascending.
    """
    span = math.log(values[-1] / values[0]) or 1.0
    shown = [len(values) - 1]
    for place in range(len(values) - 2, -1, -1):
        gap = math.log(values[shown[0]] / values[place]) / span * room
        if gap > (len(labels[place]) + len(labels[shown[0]])) / 2 * _DIGIT * size + size / 2:
            shown.insert(0, place)
    return shown


def clear_frame(axes: Axes) -> None:
    """A pale grid behind what is drawn, in place of a box around it."""
    axes.grid(True, which="major", color=_GRID, linewidth=HAIR)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


@dataclass(frozen=True, eq=False)
class ParityPoints:
    """Measured and predicted values that look alike in a figure.

    Attributes:
        measured: (num_points,).
        predicted: (num_points,).
        lower: Lower end of the interval of each prediction, (num_points,); no bar where it is not finite.
        upper: Upper end.
        label: What the legend calls them; their number follows.
        color: Their color.
        marker: Their marker.
        is_hollow: Whether the markers are not filled.
    """

    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    label: str
    color: str
    marker: str = "o"
    is_hollow: bool = False


def draw_parity_axes(axes: Axes, points: Sequence[ParityPoints], name: str, unit: str, log: bool) -> None:
    """Draw predictions against measurements, with their intervals, and the line on which they are equal.

    Args:
        axes: Where to draw.
        points: The points.
        name: What was measured.
        unit: Its unit, as a label has it (` [K]`); empty for none.
        log: Whether the axes are logarithmic.
    """
    for each in points:
        bars = np.stack([each.predicted - each.lower, each.upper - each.predicted])
        bars = np.where(np.isfinite(bars), bars, np.nan)
        axes.errorbar(
            each.measured,
            each.predicted,
            yerr=None if np.isnan(bars).all() else bars,
            fmt=each.marker,
            markersize=SMALL_MARKER,
            markerfacecolor="none" if each.is_hollow else each.color,
            capsize=NO_CAP,
            elinewidth=HAIR,
            linestyle="none",
            color=each.color,
            ecolor=(each.color, STRONG_BAND),
            label=f"{each.label} ({len(each.measured)})",
        )
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    shown = np.concatenate([end for each in points for end in (each.measured, each.predicted)])
    low, high = _with_room(shown, log)
    ends = np.concatenate([shown, *(end for each in points for end in (each.lower, each.upper))])
    bottom, top = _with_room(ends, log)  # bars are cut off by no edge
    axes.plot([low, high], [low, high], DOTTED, color=GRAY)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    clear_frame(axes)
    axes.set_xlabel(f"measured {name}{unit}")
    axes.set_ylabel(f"predicted without it{unit}")
    axes.legend(fontsize=SMALL, loc="upper left")


def _with_room(values: NDArray[np.float64], log: bool) -> tuple[float, float]:
    """Ends of an axis, a twentieth beyond the values."""
    values = values[np.isfinite(values)]
    values = np.log10(values[values > 0]) if log else values
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or (0.1 if log else 1.0)
    ends = (low - room, high + room)
    return (10 ** ends[0], 10 ** ends[1]) if log else ends


_HUGE = 1e9
"""From here on a number beside an axis is written with an exponent."""
_WIDEST = 100
"""Letters of the longest line in a figure."""


def set_ticks(axis: Axis, room: float, widest: float) -> None:
    """Label a few round numbers, so that no two labels touch.

    Args:
        axis: Logarithmic axis, whose limits are set.
        room: Length of the axis [points].
        widest: Width of a digit along the axis [points]; 0 if labels are stacked.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = axis.get_view_interval()
    shown = np.array(round_ticks(low, high, is_log=True))
    length = max(len(format_tick(tick)) for tick in shown) * widest + (0.6 if widest else 1.2) * TEXT
    while len(shown) > 1 and np.diff(np.log(shown)).min() / np.log(high / low) * room < length:
        shown = shown[::2]
    axis.set_major_locator(FixedLocator(shown.tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_tick(value)))


def round_ticks(low: float, high: float, is_log: bool) -> list[float]:
    """A few round numbers between two ends.

    Args:
        low: Lower end; above 0 on a logarithmic axis.
        high: Upper end.
        is_log: Whether the axis is logarithmic.

    Returns:
        Ascending, at least one.
    """
    from matplotlib.ticker import MaxNLocator

    even = np.asarray(MaxNLocator(6).tick_values(low, high))
    if is_log:
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        candidates = [*(np.outer(decades, steps).ravel() for steps in _TICKS), even]  # even ones far below a decade
    else:
        candidates = [even]
    for ticks in candidates:
        shown = ticks[(ticks >= low) & (ticks <= high)]
        if len(shown) >= 4:
            break
    return [float(tick) for tick in shown] or [low]


def format_tick(value: float) -> str:
    """A number beside an axis.

    Args:
        value: The number.
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < _HUGE else f"{value:.6g}"


def _plain(text: str) -> str:
    """A text from elsewhere as a figure can show it: without control characters, and not wider than the figure."""
    lines = ("".join(each if each.isprintable() else " " for each in line) for line in text.split("\n"))
    return "\n".join(f"{line[:_WIDEST]}…" if len(line) > _WIDEST + 1 else line for line in lines)


def save_figure(figure: Figure, *files: Path) -> None:
    """Write a figure; the same figure gives the same files.

    Args:
        figure: The figure.
        files: Their suffixes set the formats (png, pdf, svg). Missing folders are made.
    """
    from matplotlib import rc_context
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(_plain(text.get_text()))
        if "$" in text.get_text() and "\\mathdefault" not in text.get_text():  # a user's price, not a tick's power
            text.set_parse_math(False)
    facts: dict[str, dict[str, Any]] = {
        ".svg": {"Date": None, "Creator": MADE_BY},
        ".pdf": {"CreationDate": None, "Creator": MADE_BY},
        ".png": {"Software": MADE_BY},
    }
    with rc_context({"svg.hashsalt": "gnn_sim2real"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ")  # a name in letters that the font lacks
        for file in files:
            content = io.BytesIO()
            figure.savefig(content, format=file.suffix[1:], metadata=facts.get(file.suffix))
            write_atomically(file, content.getvalue())
            figure.set_layout_engine("none")  # found once, for all files
