"""What all figures share: colors, markers, sizes, axes, and files that are the same whenever their inputs are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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

BAND = 0.16
"""Opacity of an interval around a line."""

_DPI = 200
_GRID = "#E6E6E6"


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


def clear_frame(axes: Axes) -> None:
    """A pale grid behind what is drawn, in place of a box around it."""
    axes.grid(True, which="major", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, *files: Path) -> None:
    """Write a figure; the same figure gives the same files.

    Args:
        figure: The figure.
        files: Their suffixes set the formats (png, pdf, svg). Missing folders are made.
    """
    from matplotlib import rc_context

    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "gnn_sim2real"}):
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(file, metadata=undated.get(file.suffix))
            figure.set_layout_engine("none")  # found once, for all files
