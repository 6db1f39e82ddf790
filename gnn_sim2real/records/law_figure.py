"""Figures of the law: curves with forecasts and residuals, and lines of equal error."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnn_sim2real.figures import (
    BAND,
    BASELINE_COLORS,
    BASELINE_MARKERS,
    CAP,
    COLORS,
    DASHED,
    GRAY,
    HAIR,
    MARKERS,
    NARROW,
    NO_EDGE,
    PALE_BAND,
    STAR,
    TEXT,
    clear_frame,
    new_figure,
    save_figure,
    set_ticks,
)
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.log_errors import mean_and_half_width, tabulate
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.planning import Plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DIGIT = 0.62 * TEXT
_ASIDE = 1.015
SOURCE, TARGET = "source size n (simulated materials)", "target size m (measured materials)"
"""Labels of the axes of sizes."""

MOST_BANDS = 3
"""Most curves whose bands can be told apart."""

_DRAWN = 10.0
"""Laws are drawn up to this multiple of the largest size."""


def draw_laws(
    curves: Mapping[str, tuple[Models, ScalingLaw]], quantity: str, unit: str, path: Path
) -> tuple[Path, Path]:
    """Draw curves with their laws up to ten times the largest size, and the residuals below.

    Args:
        curves: Models and law of each curve, by name.
        quantity: Label of the error, such as "test MAE of density".
        unit: Unit of the error; empty if unknown.
        path: Files to write, without suffix.

    Returns:
        Paths of a PNG and an SVG.
    """
    figure = new_figure(7.0, 6.0)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    styles = cycle(zip((*COLORS, *BASELINE_COLORS), (*MARKERS, *BASELINE_MARKERS), strict=True))
    several = len(curves) > MOST_BANDS
    shade = PALE_BAND if several else BAND
    for number, ((name, (models, law)), (color, marker)) in enumerate(zip(curves.items(), styles, strict=False)):
        table = tabulate(np.asarray(models.source_sizes, dtype=float)[None], models.errors, models.curves)
        sizes, (mean, half) = table.sizes[0], mean_and_half_width(table, law.confidence)
        errors = np.exp(mean)
        bars = np.stack([errors - np.exp(mean - half), np.exp(mean + half) - errors])
        moved = sizes * _ASIDE ** (number - (len(curves) - 1) / 2)  # shifted, so that no interval hides another
        axes.errorbar(
            moved, errors, bars, color=color, marker=marker, linestyle="none", capsize=CAP, label=name, zorder=4
        )
        for grid, dashes in (
            (np.geomspace(sizes[0], sizes[-1], 80), "-"),
            (np.geomspace(sizes[-1], _DRAWN * sizes[-1], 60), DASHED),
        ):
            axes.plot(grid, law.predict(grid), color=color, linestyle=dashes, linewidth=NARROW, zorder=3)
            axes.fill_between(grid, *law.predict_interval(grid), color=color, alpha=shade, linewidth=NO_EDGE)
        missed = 100.0 * np.expm1(mean - np.log(law.predict(sizes)))
        below.plot(sizes, missed, color=color, marker=marker, linewidth=HAIR)
    axes.set(xscale="log", yscale="log")
    axes.set_ylabel(f"{quantity} [{format_unit(unit)}]" if unit else quantity, fontsize=TEXT)
    below.axhline(0.0, color=GRAY, linewidth=HAIR)
    below.set_ylabel("residual [%]", fontsize=TEXT)
    below.set_xlabel(SOURCE, fontsize=TEXT)
    set_ticks(below.xaxis, room=400, widest=_DIGIT)
    set_ticks(axes.yaxis, room=250, widest=0.0)
    confidence = next(iter(curves.values()))[1].confidence
    axes.legend(
        fontsize=TEXT - 1,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),  # above the curves, where it hides none of them
        alignment="left",
        ncols=2 if several else 1,
        title=f"bars and bands: {100 * confidence:g} % intervals; dashed: forecast",
        title_fontsize=TEXT - 1,
    )
    return _save(figure, (axes, below), path)


def draw_iso_errors(
    law: ScalingSurface, models: Models, plan: Plan, quantity: str, unit: str, path: Path
) -> tuple[Path, Path]:
    """Draw lines of equal error over source and target size, the measured sizes with what the law misses, and the plan.

    Args:
        law: The law.
        models: The models it was fitted to.
        plan: Plan made from the law.
        quantity: Label of the error, such as "test MAE of density".
        unit: Unit of the error; empty if unknown.
        path: Files to write, without suffix.

    Returns:
        Paths of a PNG and an SVG.
    """
    figure = new_figure(6.5, 5.0)
    axes = figure.subplots()
    drawn_sources = np.geomspace(law.source_sizes[0], 2.0 * max(_DRAWN * law.source_sizes[-1], _after(plan)[0]), 80)
    drawn_targets = np.geomspace(law.target_sizes[0], 2.0 * max(2.0 * law.target_sizes[-1], _after(plan)[1]), 80)
    draw_contours(axes, law, drawn_sources, drawn_targets)
    table = models.table()
    missed = 100.0 * np.expm1(mean_and_half_width(table, law.confidence)[0] - np.log(law.predict(*table.sizes)))
    most = float(np.abs(missed).max())
    sources, targets = table.sizes
    points = axes.scatter(targets, sources, c=missed, cmap="coolwarm", vmin=-most, vmax=most, edgecolor=GRAY)
    points.set(zorder=3, clip_on=False, label="measured")
    figure.colorbar(points, ax=axes, aspect=40).set_label("residual [%]", fontsize=TEXT)
    here = plan.target_size or law.target_sizes[-1]
    axes.plot(here, plan.source_size, marker="*", markersize=STAR, color=COLORS[1], linestyle="none", label="now")
    if plan.split is not None:
        source, target = _after(plan)
        axes.plot(target, source, marker="D", color=COLORS[0], linestyle="none", label="after the budget")
    set_ticks(axes.xaxis, room=380, widest=_DIGIT)
    set_ticks(axes.yaxis, room=270, widest=0.0)
    axes.set_xlabel(TARGET, fontsize=TEXT)
    axes.set_ylabel(SOURCE, fontsize=TEXT)
    axes.set_title(f"lines of equal {quantity}" + (f" [{format_unit(unit)}]" if unit else ""), fontsize=TEXT)
    axes.legend(fontsize=TEXT - 1)
    return _save(figure, (axes,), path)


def draw_contours(axes: Axes, law: ScalingSurface, sources: Floats, targets: Floats) -> None:
    """Draw lines of equal error, each with its error, m to the right and n upward.

    Args:
        axes: Where to draw.
        law: The law.
        sources: Source sizes n between which lines are drawn, ascending, (num_sources,).
        targets: Target sizes m, alike, (num_targets,).
    """
    axes.set(xscale="log", yscale="log")  # first, since labels are placed in these coordinates
    lines = axes.contour(targets, sources, law.predict(sources[:, None], targets[None, :]), levels=10, cmap="viridis")
    axes.clabel(lines, fontsize=TEXT - 2, inline_spacing=1)


def figure_files(path: Path) -> tuple[Path, Path]:
    """The files that are drawn.

    Args:
        path: Their path; its suffix is replaced.
    """
    return path.with_suffix(".png"), path.with_suffix(".svg")


def _after(plan: Plan) -> tuple[float, float]:
    """Source and target size after the budget is spent."""
    added = (plan.split.num_source, plan.split.num_target) if plan.split else (0, 0)
    return plan.source_size + added[0], (plan.target_size or 1.0) + added[1]


def _save(figure: Figure, all_axes: tuple[Axes, ...], path: Path) -> tuple[Path, Path]:
    for axes in all_axes:
        clear_frame(axes)
    files = figure_files(path)
    save_figure(figure, *files)
    return files
