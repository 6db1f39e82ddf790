"""The calibration figure: observed against nominal coverage, and errors against uncertainties."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnn_sim2real.figures import (
    BAND,
    COLORS,
    DOTTED,
    GRAY,
    LINE_WIDTH,
    MARKER_SIZE,
    MARKERS,
    NO_EDGE,
    TEXT,
    THIN,
    clear_frame,
    new_figure,
    save_figure,
    set_ticks,
)
from gnn_sim2real.uncertainty.calibration import Floats, within
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = tuple((COLORS[number], MARKERS[number]) for number in (1, 0, 2))
_SHARES = np.linspace(0.02, 0.98, 49)
_PER_BIN = 20


def plot_calibration(
    mean: Floats, stds: Mapping[str, Floats], truth: Floats, *, quantity: str, unit: str, title: str, path: Path
) -> Path:
    """Draw how well uncertainties describe the errors of a test part.

    Left, the observed coverage of the central interval against the nominal one, with the band in which 90 % of the
    observed ones lie for perfect intervals. Right, the error against the standard deviation, both as root mean squares
    over bins of materials of similar standard deviation, as in D. Levi et al., Sensors 22, 5540 (2022), doi
    10.3390/s22155540. The diagonal is perfect calibration. The same inputs give the same file.

    Args:
        mean: (num_materials,); predictions.
        stds: Standard deviations, each (num_materials,), by their name in the legend; at most three.
        truth: (num_materials,); true values, NaN where missing.
        quantity: What is predicted, for the axes.
        unit: Its unit, as in `gnn_sim2real.units.check_unit`.
        title: Heading.
        path: File to write; its suffix sets the format. Missing folders are made.

    Returns:
        `path`.
    """
    present = ~np.isnan(truth)
    figure = new_figure(10.0, 5.2)
    left, right = figure.subplots(1, 2)
    _draw_band(left, int(present.sum()))
    for (name, std), (color, marker) in zip(stds.items(), _STYLES, strict=False):
        coverage = [within(mean[present], std[present], truth[present], share).mean() for share in _SHARES]
        left.plot(_SHARES, coverage, color=color, linewidth=LINE_WIDTH, label=name)
        spread, error = _bins(std[present], (truth - mean)[present])
        right.plot(spread, error, color=color, marker=marker, markersize=MARKER_SIZE, linewidth=THIN, label=name)
    left.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    left.set_xlabel("nominal coverage", fontsize=TEXT + 1)
    left.set_ylabel(f"observed coverage of {int(present.sum())} measured values", fontsize=TEXT + 1)
    suffix = f" [{format_unit(unit)}]" if unit else ""
    right.set(xscale="log", yscale="log")
    right.set_xlabel(f"standard deviation of {quantity}{suffix}", fontsize=TEXT + 1)
    right.set_ylabel(f"root mean square error{suffix}", fontsize=TEXT + 1)
    _draw_diagonal(right)
    set_ticks(right.xaxis, room=300, widest=0.62 * TEXT)
    set_ticks(right.yaxis, room=300, widest=0.0)
    for axes in (left, right):
        clear_frame(axes)
        axes.tick_params(labelsize=TEXT)
    left.legend(loc="upper left", fontsize=TEXT, frameon=False)
    figure.suptitle(title, fontsize=TEXT + 4, wrap=True)
    save_figure(figure, path)
    return path


def _draw_band(axes: Axes, num: int) -> None:
    from scipy.stats import binom

    low, high = (binom.ppf(quantile, num, _SHARES) / num for quantile in (0.05, 0.95))
    axes.fill_between(
        _SHARES, low, high, color=GRAY, alpha=BAND, linewidth=NO_EDGE, label="90 % band of perfect intervals"
    )
    axes.plot([0, 1], [0, 1], color=GRAY, linestyle=DOTTED, linewidth=LINE_WIDTH)


def _bins(std: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Root mean squares of standard deviation and error over bins of materials of similar standard deviation."""
    order = np.argsort(std[std > 0], kind="stable")
    bins = np.array_split(order, min(10, max(1, len(order) // _PER_BIN)))
    squares = (np.square(values[std > 0]) for values in (std, error))
    spread, errors = (np.array([np.sqrt(each[rows].mean()) for rows in bins]) for each in squares)
    return spread, errors


def _draw_diagonal(axes: Axes) -> None:
    """The line on which error and standard deviation agree, within limits that contain all points."""
    ends = np.concatenate([axes.dataLim.intervalx, axes.dataLim.intervaly])
    ends = ends[np.isfinite(ends) & (ends > 0)]
    low, high = float(ends.min()) / 1.2, float(ends.max()) * 1.2
    axes.plot([low, high], [low, high], color=GRAY, linestyle=DOTTED, linewidth=LINE_WIDTH, zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
