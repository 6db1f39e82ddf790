"""The figure of a study: test error against source size, with the fitted laws and the reference lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.scaling.bootstrap import Floats
from gnn_sim2real.scaling.law import ScalingLaw
from gnn_sim2real.scaling.table import tabulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

CONFIDENCE = 0.90
# Okabe and Ito's palette, told apart with any color vision, without the yellow that is too pale on white
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_GRAY = "#555555"
_CHARACTERS_ACROSS = 108  # of the legend's type in the width of the figure
_LABEL_GAP = 0.052  # least distance of two labels at the right edge, as a share of the axis
_TICKS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))


@dataclass(frozen=True, eq=False)
class CurvePoints:
    """The trained models of one fitted law.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its curve (a seed, or seed and split), shape ``(num_models,)``.
    """

    source_sizes: Floats
    errors: Floats
    curves: NDArray[Any]


def plot_scaling_curves(
    curves: Mapping[str, CurvePoints],
    laws: Mapping[str, ScalingLaw | None],
    *,
    reference_lines: Mapping[str, float],
    metric_label: str,
    title: str,
    path: Path,
) -> Path:
    """Draw the scaling curves on logarithmic axes.

    Points are geometric means over curves, as in the fit, with Student's 90 % interval on the logarithm; laws are
    dashed, with a band that is the interval of the fitted E(n). A reference line has the color of a curve if their
    names end alike after the last comma ("from scratch, m = 20" and "CGCNN, m = 20"), else it is gray.

    Args:
        curves: Models by the name that the legend shows.
        laws: Fitted law by the same names; missing or None where there is none.
        reference_lines: Errors that do not depend on n, by the name written beside the line.
        metric_label: Label of the error axis, with its unit.
        title: Heading; empty for none.
        path: File to write; its suffix sets the format (png, pdf, svg). Missing folders are made.

    Returns:
        `path`.

    Raises:
        ValueError: If there is no curve, a size is below 1, or an error or a reference line is not positive and
            finite.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not curves:
        raise ValueError("there is no curve to draw: give at least one")
    for name, error in reference_lines.items():
        if not (np.isfinite(error) and error > 0):
            raise ValueError(f"reference line '{name}' must be a positive, finite error, but it is {error}")

    figure = Figure(figsize=(10.0, 6.4), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    colors = {name: COLORS[index % len(COLORS)] for index, name in enumerate(curves)}
    for index, (name, points) in enumerate(curves.items()):
        _draw_curve(axes, name, points, laws.get(name), colors[name], MARKERS[index % len(MARKERS)])
    for name, error in reference_lines.items():
        axes.axhline(error, color=_color_of_reference(name, colors), linestyle=":", linewidth=1.5, zorder=1)
    _set_ticks(axes.xaxis)
    _set_ticks(axes.yaxis)
    _label_references(
        axes, {name: (error, _color_of_reference(name, colors)) for name, error in reference_lines.items()}
    )

    _dress(axes, metric_label, title)
    figure.legend(loc="outside lower left", ncols=_num_legend_columns(curves), fontsize=11, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _dress(axes: Axes, metric_label: str, title: str) -> None:
    axes.set_xlabel("source size n (materials)", fontsize=13)
    axes.set_ylabel(metric_label, fontsize=13)
    axes.set_title(title, fontsize=14, loc="left", wrap=True)
    axes.grid(True, which="major", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_curve(axes: Axes, name: str, points: CurvePoints, law: ScalingLaw | None, color: str, marker: str) -> None:
    sizes, table = tabulate(points.source_sizes, points.errors, points.curves.tolist())
    mean, half = _mean_and_half_width(table)
    errors = np.exp(mean)
    bars = np.stack([errors - np.exp(mean - half), np.exp(mean + half) - errors])
    label = name if law is None else f"{name}\n{_summary(law)}"
    axes.errorbar(
        sizes,
        errors,
        bars,
        color=color,
        marker=marker,
        markersize=6.5,
        linestyle="none",
        capsize=3,
        label=label,
        zorder=4,
    )
    if law is None:
        return
    grid = np.geomspace(sizes[0], sizes[-1], 100)
    axes.plot(grid, law.predict(grid), color=color, linestyle="--", linewidth=1.8, zorder=3)
    axes.fill_between(grid, *law.predict_interval(grid), color=color, alpha=0.16, linewidth=0, zorder=2)


def _mean_and_half_width(table: Floats) -> tuple[Floats, Floats]:
    """Return mean and half of Student's interval of each column; zero where there is a single curve."""
    from scipy.stats import t

    counts = np.isfinite(table).sum(axis=0)
    mean = np.nanmean(table, axis=0)
    freedom = np.maximum(counts - 1, 1)
    deviation = np.sqrt(np.nansum((table - mean) ** 2, axis=0) / freedom)
    return mean, np.asarray(t.ppf(0.5 + CONFIDENCE / 2, freedom) * deviation / np.sqrt(counts))


def _summary(law: ScalingLaw) -> str:
    alpha, gap = law.decay_rate_interval, law.transfer_gap_interval
    rate = f"α = {law.decay_rate:.2g} [{alpha.low:.2g}, {alpha.high:.2g}]"
    floor = f"C = {law.transfer_gap:.2g} [{gap.low:.2g}, {gap.high:.2g}]"
    return "\n".join(
        [
            rate if law.decay_rate_identified else "α not identified",
            floor if law.transfer_gap_identified else "C not identified",
        ]
    )


def _num_legend_columns(names: Iterable[str]) -> int:
    """Return as many columns as fit under the figure, with the entries spread evenly over the rows."""
    lengths = [max(len(name), 24) for name in names]
    fitting = max(1, _CHARACTERS_ACROSS // (max(lengths) + 6))  # 6: the marker and the space between columns
    rows = -(-len(lengths) // fitting)
    return -(-len(lengths) // rows)


def _color_of_reference(name: str, colors: Mapping[str, str]) -> str:
    ending = name.rpartition(",")[2].strip()
    found = [color for curve, color in colors.items() if curve.rpartition(",")[2].strip() == ending]
    return found[0] if len(found) == 1 else _GRAY


def _set_ticks(axis: Axis) -> None:
    """Label round numbers only, as few as show the scale, so that no two labels touch."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    low, high = axis.get_view_interval()
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    candidates = [np.outer(decades, steps).ravel() for steps in _TICKS]
    candidates.append(np.asarray(MaxNLocator(6).tick_values(low, high)))  # far below a decade
    for ticks in candidates:
        shown = ticks[(ticks >= low) & (ticks <= high)]
        if len(shown) >= 4:
            break
    axis.set_major_locator(FixedLocator(shown.tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1000 else f"{value:.6g}"))


def _label_references(axes: Axes, references: Mapping[str, tuple[float, str]]) -> None:
    """Write the names at the right edge, moved apart where lines lie close together."""
    from scipy.optimize import isotonic_regression

    if not references:
        return
    low, high = np.log(axes.get_ylim())
    ordered = sorted(references.items(), key=lambda item: item[1][0])
    wanted = (np.log([error for _, (error, _) in ordered]) - low) / (high - low)
    # the smallest moves that keep the gaps: without the gaps, labels only have to stay in order
    gaps = _LABEL_GAP * np.arange(len(ordered))
    placed = np.clip(isotonic_regression(wanted - gaps).x, 0.0, max(1.0 - gaps[-1], 0.0)) + gaps
    for (name, (_, color)), line, label in zip(ordered, wanted, placed, strict=True):
        axes.annotate(
            name,
            xy=(1.0, line),
            xytext=(1.035, label),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=color,
            fontsize=11,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 0},
        )
