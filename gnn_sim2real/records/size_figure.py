"""The figure of one kind of model over both sizes: errors against n and m, the law in both, and paired gains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from gnn_sim2real.figures import (
    BAND,
    BASELINE_MARKER_SIZE,
    CAP,
    COLORS,
    DASHED,
    DOTTED,
    GRAY,
    HAIR,
    LINE_WIDTH,
    MARKERS,
    NO_EDGE,
    PALE_BAND,
    TEXT,
    THIN,
    TITLE,
    clear_frame,
    new_figure,
    save_figure,
    set_ticks,
)
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.frame import CONFIDENCE
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.records.curves import CurveLabel, Kind
from gnn_sim2real.records.figure import limits
from gnn_sim2real.records.law_figure import MOST_BANDS, SOURCE, TARGET, draw_contours, figure_files
from gnn_sim2real.records.size_curves import FROM_SCRATCH, Curves, SizeCurves, SizePoint
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 6
"""Sizes that have a line of their own; of more, some are shown."""

_ABOVE = 2.0
"""The law in both sizes is drawn up to this multiple of the largest ones."""

_MAP = "viridis"
_Value = TypeVar("_Value")


class Laws(NamedTuple):
    """The laws of one kind of model.

    Attributes:
        of_source: The law in n for each m that has one.
        of_both: The law in both sizes; None without one.
    """

    of_source: Mapping[float, ScalingLaw]
    of_both: ScalingSurface | None = None


def laws_of(kind: Kind, laws: Mapping[CurveLabel, ScalingLaw], surfaces: Mapping[Kind, ScalingSurface]) -> Laws:
    """The laws of one kind of model among those of a study.

    Args:
        kind: The kind.
        laws: The laws in n.
        surfaces: The laws in both sizes.
    """
    return Laws({label.target_size: law for label, law in laws.items() if label.kind == kind}, surfaces.get(kind))


def draw_sizes(curves: SizeCurves, laws: Laws, quantity: str, unit: str, path: Path) -> tuple[Path, Path]:
    """Draw errors against both sizes with their bands, the law in both, and the paired gains against n.

    Args:
        curves: What is drawn.
        laws: Its laws.
        quantity: Label of the error, such as "test MAE of density".
        unit: Unit of the error; empty if unknown.
        path: Files to write, without suffix.

    Returns:
        Paths of a PNG and an SVG.
    """
    tail = f" [{format_unit(unit)}]" if unit else ""
    label = f"{quantity}{tail}"
    panels: list[tuple[str, Callable[[Axes], None]]] = [
        ("error, a line for each m", lambda axes: _against_source(axes, curves, laws.of_source, label)),
    ]
    if len(curves.by_target) > 1:
        panels.append(("error, a line for each n", lambda axes: _against_target(axes, curves, label)))
    if (law := laws.of_both) is not None:
        panels.append((f"lines of equal error E(n, m){tail}", lambda axes: _both(axes, law)))
    if curves.over_scratch:
        panels.append(("paired gain over from scratch", lambda axes: _gains(axes, curves, curves.over_scratch, tail)))
    if curves.over_simple:
        panels.append(
            (
                "paired gain over the strongest simple method",
                lambda axes: _gains(axes, curves, curves.over_simple, tail),
            )
        )
    columns = -(-len(panels) // -(-len(panels) // 3))  # at most three per row, rows evenly filled
    rows = -(-len(panels) // columns)
    width, height = {1: 7.0, 2: 11.0, 3: 15.0}[columns], 4.3
    figure = new_figure(width, 1.1 + rows * height)
    for number, (title, draw) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.set_title(f"({'abcde'[number]}) {title}", fontsize=TEXT + 1, loc="left")
        axes.tick_params(labelsize=TEXT)
        draw(axes)
        clear_frame(axes)
        for axis, room in ((axes.xaxis, 60 * width / columns), (axes.yaxis, 50 * height)):
            if axis.get_scale() == "log":
                set_ticks(axis, room=room, widest=0.62 * TEXT if axis is axes.xaxis else 0.0)
    figure.suptitle(curves.name, fontsize=TITLE + 1)
    _draw_legend(figure, curves, has_law=bool(laws.of_source))
    files = figure_files(path)
    save_figure(figure, *files)
    return files


def few(values: Iterable[_Value]) -> list[_Value]:
    """At most `MOST_LINES` values, evenly chosen, among them the first and the last.

    Args:
        values: The values.
    """
    found = list(values)
    if len(found) <= MOST_LINES:
        return found
    return [found[round(at)] for at in np.linspace(0, len(found) - 1, MOST_LINES)]


def _target_styles(curves: SizeCurves) -> dict[float, dict[str, Any]]:
    return {
        m: {"color": COLORS[number], "marker": MARKERS[number % len(MARKERS)]}
        for number, m in enumerate(few(curves.by_target))
    }


def _source_styles(curves: SizeCurves) -> dict[float, dict[str, Any]]:
    """Sizes n from dark to pale, since the colors of sizes m have another meaning."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shown = few(curves.by_source)
    shades = colormaps[_MAP](np.linspace(0.0, 0.88, len(shown)))
    return {n: {"color": to_hex(shade), "marker": "s"} for n, shade in zip(shown, shades, strict=True)}


def _against_source(axes: Axes, curves: SizeCurves, laws: Mapping[float, ScalingLaw], label: str) -> None:
    axes.set(xscale="log", yscale="log")
    _set_limits(axes, curves.by_source, _all_errors(curves))  # of one point alone, matplotlib makes none
    without = {each.size: each.value for each in curves.scratch}
    styles = _target_styles(curves)
    for m, style in styles.items():
        _draw(axes, curves.by_target[m], style, laws.get(m), len(styles) > MOST_BANDS)
        if m in without:
            axes.axhline(without[m], color=style["color"], linestyle=DOTTED, linewidth=LINE_WIDTH, zorder=1)
    axes.set_xlabel(SOURCE, fontsize=TEXT + 1)
    axes.set_ylabel(label, fontsize=TEXT + 1)


def _against_target(axes: Axes, curves: SizeCurves, label: str) -> None:
    axes.set(xscale="log", yscale="log")
    _set_limits(axes, curves.by_target, _all_errors(curves))
    styles = _source_styles(curves)
    for n, style in styles.items():
        _draw(axes, curves.by_source[n], style, None, len(styles) > MOST_BANDS)
    if curves.scratch:
        _draw(axes, curves.scratch, {"color": GRAY, "marker": "x"}, None, len(styles) > MOST_BANDS, DOTTED)
    axes.set_xlabel(TARGET, fontsize=TEXT + 1)
    axes.set_ylabel(label, fontsize=TEXT + 1)


def _both(axes: Axes, law: ScalingSurface) -> None:
    sources, targets = (
        np.geomspace(sizes[0], _ABOVE * sizes[-1], 80) for sizes in (law.source_sizes, law.target_sizes)
    )
    draw_contours(axes, law, sources, targets)
    grid = np.meshgrid(law.target_sizes, law.source_sizes)
    axes.scatter(*grid, color=GRAY, s=BASELINE_MARKER_SIZE**2, zorder=3, clip_on=False)
    axes.set_xlabel(TARGET, fontsize=TEXT + 1)
    axes.set_ylabel(SOURCE, fontsize=TEXT + 1)


def _gains(axes: Axes, curves: SizeCurves, gains: Curves, tail: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(limits([np.array([*curves.by_source])]))  # of one size alone, matplotlib makes none
    styles = {m: style for m, style in _target_styles(curves).items() if m in gains}
    for m, style in styles.items():
        _draw(axes, gains[m], style, None, len(styles) > MOST_BANDS)
    axes.axhline(0.0, color=GRAY, linewidth=THIN, zorder=1)
    axes.set_xlabel(SOURCE, fontsize=TEXT + 1)
    axes.set_ylabel(f"error lower by{tail}", fontsize=TEXT + 1)


def _draw(
    axes: Axes,
    points: Sequence[SizePoint],
    style: Mapping[str, Any],
    law: ScalingLaw | None,
    is_pale: bool,
    dashes: str = "-",
) -> None:
    sizes, values, low, high = (np.array([each[field] for each in points]) for field in range(4))
    has_ends = np.isfinite(low) & np.isfinite(high)
    bars = np.where(has_ends, np.stack([values - low, high - values]), 0.0)
    axes.errorbar(
        sizes,
        values,
        bars,
        **style,
        markersize=BASELINE_MARKER_SIZE,
        linestyle="none" if law is not None else dashes,
        linewidth=THIN,
        elinewidth=HAIR,
        capsize=CAP,
        zorder=4,
    )
    color, shade = style["color"], PALE_BAND if is_pale else BAND
    grid, ends = sizes[has_ends], (low[has_ends], high[has_ends])
    if law is not None:
        grid = np.geomspace(sizes[0], sizes[-1], 100)
        ends = law.predict_interval(grid)
        axes.plot(grid, law.predict(grid), color=color, linestyle=DASHED, linewidth=LINE_WIDTH, zorder=3)
    axes.fill_between(grid, *ends, color=color, alpha=shade, linewidth=NO_EDGE, zorder=1.5)


def _all_errors(curves: SizeCurves) -> Floats:
    """All errors with their ends, so that panels of errors have the same axis."""
    points = [*curves.scratch, *(each for found in curves.by_target.values() for each in found)]
    found = [end for each in points for end in (each.value, each.low, each.high)]
    return np.array([end for end in found if np.isfinite(end) and end > 0])


def _set_limits(axes: Axes, sizes: Iterable[float], errors: Floats) -> None:
    axes.set_xlim(limits([np.array([*sizes])]))
    axes.set_ylim(limits([errors]))


def _draw_legend(figure: Figure, curves: SizeCurves, has_law: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = {f"m = {format_size(m)}": style for m, style in _target_styles(curves).items()}
    if len(curves.by_target) > 1:
        shown |= {f"n = {format_size(n)}": style for n, style in _source_styles(curves).items()}
    entries: dict[str, Any] = {
        name: Line2D([], [], **style, markersize=BASELINE_MARKER_SIZE, linewidth=THIN) for name, style in shown.items()
    }
    if curves.scratch:
        entries[FROM_SCRATCH] = Line2D([], [], color=GRAY, linestyle=DOTTED, linewidth=LINE_WIDTH)
    if has_law:
        line = Line2D([], [], color=GRAY, linestyle=DASHED, linewidth=LINE_WIDTH)
        entries["law"] = (Patch(color=GRAY, alpha=BAND, linewidth=NO_EDGE), line)
    of = "test parts" if curves.num_splits > 1 else "seeds of one test part"
    title = f"points: geometric means; bars and bands: {100 * CONFIDENCE:g} % intervals over {of}"
    if curves.over_scratch or curves.over_simple:
        title += "\na gain above 0: the fine-tuned model has the lower error, paired by test part and seed"
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=-(-len(entries) // 2) if len(entries) > MOST_LINES else len(entries),
        fontsize=TEXT,
        frameon=False,
        title=title,
    )
