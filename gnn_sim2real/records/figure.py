"""The figure of a study: test error against source size, one panel per target size."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.figures import (
    BAND,
    BAR_WIDTH,
    BASELINE_COLORS,
    BASELINE_MARKER_SIZE,
    BASELINE_MARKERS,
    CAP,
    COLORS,
    DASHED,
    DASHES,
    DOTTED,
    GRAY,
    HAIR,
    LINE_WIDTH,
    MARKER_SIZE,
    MARKERS,
    NO_CAP,
    NO_EDGE,
    TEXT,
    THIN,
    TITLE,
    clear_frame,
    new_figure,
    save_figure,
    set_ticks,
)
from gnn_sim2real.law.average import AVERAGE
from gnn_sim2real.law.fit import MIN_SIZES
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.frame import CONFIDENCE
from gnn_sim2real.law.log_errors import mean_and_half_width, tabulate
from gnn_sim2real.law.misfit import is_missed
from gnn_sim2real.law.numbers import format_with_ends
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISFIT = "errors depart from the law"
"""What is written below the parameters of a law that misses the errors by more than chance explains."""

_LINE = 1.35 * TEXT  # from one line of text to the next, in points


@dataclass(frozen=True, eq=False)
class Curve:
    """The trained models of one curve.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        errors: Test error of each model, shape ``(num_models,)``.
        repeats: Label of the independent repeat (a split, or a seed) of each model, shape ``(num_models,)``.
        law: Fitted law; None without one.
        is_baseline: Whether it is drawn in the background: pale, thin, without a law.
        note: What the legend says beside its name.
    """

    source_sizes: Floats
    errors: Floats
    repeats: NDArray[Any]
    law: ScalingLaw | None = None
    is_baseline: bool = False
    note: str = ""


@dataclass(frozen=True)
class Reference:
    """An error that does not depend on n, drawn dotted in the color of a curve, else gray with dashes of its own.

    Attributes:
        error: The error.
        like: Name of the curve whose color it takes; gray if there is no such curve.
        note: What the legend says beside its name.
    """

    error: float
    like: str = ""
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """Curves and lines of one target size; the same name means the same model in all panels.

    Attributes:
        title: Heading.
        curves: Curves by name in the legend.
        references: Reference lines by name in the legend.
    """

    title: str
    curves: Mapping[str, Curve]
    references: Mapping[str, Reference]


def plot_scaling_curves(
    panels: Sequence[Panel], *, quantity: str, unit: str, title: str, path: Path, copies: Sequence[Path] = ()
) -> Path:
    """Draw the scaling curves on shared logarithmic axes, with the panels side by side.

    Points are geometric means over repeats, as in the fit, with Student's 90 % interval on the logarithm; laws are
    dashed, with the interval of the fitted E(n) as a band. The same inputs give the same file.

    Args:
        panels: The panels, in order.
        quantity: Label of the error axis, such as "test MAE of density".
        unit: Unit of the error, as in `gnn_sim2real.units.check_unit`.
        title: Heading; empty for none.
        path: File to write; its suffix sets the format (png, pdf, svg). Missing folders are made.
        copies: Further files of the same figure, in other formats.

    Returns:
        `path`.

    Raises:
        ValueError: If there is no curve, a size is below 1, an error or a reference is not positive and finite, or
            the unit is unknown.
    """
    if not any(panel.curves for panel in panels):
        raise ValueError("there is no curve to draw: give at least one")
    unit = format_unit(unit)
    columns = -(-len(panels) // -(-len(panels) // 3))  # at most three per row, rows evenly filled
    rows = -(-len(panels) // columns)
    num_lines = max(len(law_lines(panel, unit)) for panel in panels)
    width, panel_height = (8.0 if columns == 1 else 12.0), (4.2 if columns < 3 else 3.7)
    height = 1.4 + rows * (panel_height + num_lines * _LINE / 72)
    figure = new_figure(width, height)
    styles = style_curves(panels)
    gray = dict.fromkeys(name for panel in panels for name, each in panel.references.items() if each.like not in styles)
    dashes = dict(zip(gray, cycle(DASHES), strict=False))
    for index, panel in enumerate(panels):
        shared = figure.axes[0] if figure.axes else None
        axes = figure.add_subplot(rows, columns, index + 1, sharex=shared, sharey=shared)
        _draw_panel(axes, panel, styles, dashes)
        _write_heading(axes, panel, unit, styles, num_lines)
        axes.tick_params(labelsize=TEXT, labelleft=index % columns == 0)
        if index + columns >= len(panels):
            axes.set_xlabel("source size n (simulated materials)", fontsize=TEXT + 1)
    first = figure.axes[0]
    first.set_xlim(limits(axes.dataLim.intervalx for axes in figure.axes))
    first.set_ylim(limits(axes.dataLim.intervaly for axes in figure.axes))
    set_ticks(first.xaxis, room=60 * width / columns, widest=0.62 * TEXT)
    set_ticks(first.yaxis, room=50 * panel_height, widest=0.0)
    figure.supylabel(f"{quantity} [{unit}]" if unit else quantity, fontsize=TITLE)
    if title:
        figure.suptitle(title, fontsize=TITLE + 2, wrap=True)
    _draw_legend(figure, [curve.law for panel in panels for curve in panel.curves.values() if curve.law])
    save_figure(figure, path, *copies)
    return path


def style_curves(panels: Iterable[Panel]) -> dict[str, tuple[str, str]]:
    """Color and marker of each curve, in the order of first appearance.

    Args:
        panels: The panels.
    """
    curves = {name: curve for panel in panels for name, curve in panel.curves.items()}
    pairs = {False: _pair(COLORS, MARKERS), True: _pair(BASELINE_COLORS, BASELINE_MARKERS)}
    return {name: next(pairs[curve.is_baseline]) for name, curve in curves.items()}


def _pair(colors: Sequence[str], markers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of color and marker; each round of the colors starts with another marker, so that pairs repeat late."""
    return ((colors[k % len(colors)], markers[(k + k // len(colors)) % len(markers)]) for k in count())


def _draw_panel(axes: Axes, panel: Panel, styles: Mapping[str, tuple[str, str]], dashes: Mapping[str, Any]) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_autoscale_on(False)  # it warns about a single size; the limits are set at the end
    for name, curve in panel.curves.items():
        _draw_curve(axes, name, curve, styles[name])
    for name, reference in panel.references.items():
        if not (np.isfinite(reference.error) and reference.error > 0):
            raise ValueError(f"reference line {name!r} must be a positive, finite error, got {reference.error}")
        color = styles[reference.like][0] if reference.like in styles else GRAY
        axes.axhline(
            reference.error,
            color=color,
            linestyle=dashes.get(name, DOTTED),
            linewidth=LINE_WIDTH,
            zorder=1,
            label=with_note(name, reference.note),
        )
    clear_frame(axes)


def with_note(name: str, note: str) -> str:
    """A name in the legend with what is said beside it.

    Args:
        name: The name.
        note: The note; empty for none.
    """
    return f"{name} ({note})" if note else name


def points_of(curve: Curve) -> tuple[Floats, Floats, Floats, Floats]:
    """Source sizes of a curve, and at each the geometric mean over repeats with both ends of its interval.

    Args:
        curve: The curve.

    Returns:
        Four arrays, (num_sizes,).
    """
    table = tabulate(curve.source_sizes[None], curve.errors, curve.repeats.tolist())
    mean, half = mean_and_half_width(table, CONFIDENCE)
    return table.sizes[0], np.exp(mean), np.exp(mean - half), np.exp(mean + half)


def _draw_curve(axes: Axes, name: str, curve: Curve, style: tuple[str, str]) -> None:
    color, marker = style
    sizes, errors, low, high = points_of(curve)
    law = None if curve.is_baseline else curve.law
    axes.errorbar(
        sizes,
        errors,
        np.stack([errors - low, high - errors]),
        color=color,
        marker=marker,
        markersize=BASELINE_MARKER_SIZE if curve.is_baseline else MARKER_SIZE,
        markerfacecolor="white" if curve.is_baseline else color,
        linestyle="-" if law is None else "none",
        linewidth=THIN,
        elinewidth=HAIR if curve.is_baseline else BAR_WIDTH,
        capsize=NO_CAP if curve.is_baseline else CAP,
        label=with_note(name, curve.note),
        zorder=2 if curve.is_baseline else 4,
    )
    if law is not None:
        grid = np.geomspace(sizes[0], sizes[-1], 100)
        axes.plot(grid, law.predict(grid), color=color, linestyle=DASHED, linewidth=LINE_WIDTH, zorder=3)
        axes.fill_between(grid, *law.predict_interval(grid), color=color, alpha=BAND, linewidth=NO_EDGE, zorder=1.5)


def law_lines(panel: Panel, unit: str) -> list[tuple[str, str]]:
    """Lines of text about the laws of a panel, each with the name of its curve; of several curves without one.

    Args:
        panel: The panel.
        unit: Unit of the errors.
    """
    lines = []
    trained = {name: curve for name, curve in panel.curves.items() if not curve.is_baseline}
    # nobody expects a law from a single point
    short = [name for name, curve in trained.items() if not curve.law and len(np.unique(curve.source_sizes)) > 1]
    if short:
        lines.append((short[0] if len(short) == 1 else "", f"no law: needs {MIN_SIZES} source sizes"))
    for name, curve in trained.items():
        if (law := curve.law) is not None:
            rate = f"α = {format_with_ends(law.decay_rate, *law.decay_rate_interval)}"
            gap = f"C = {format_with_ends(law.transfer_gap, *law.transfer_gap_interval)} {unit}".rstrip()
            lines.append((name, rate if law.decay_rate_identified else "α not identified"))
            lines.append((name, gap if law.transfer_gap_identified else "C not identified"))
            if is_missed(law.chance_of_misfit, law.chance_of_order, law.share_held):
                lines.append((name, MISFIT))
    return lines


def _write_heading(axes: Axes, panel: Panel, unit: str, styles: Mapping[str, tuple[str, str]], num_lines: int) -> None:
    """Write the title and below it the laws, at the same height in all panels."""
    axes.set_title(panel.title, fontsize=TITLE, loc="left", pad=6 + num_lines * _LINE)
    for index, (name, text) in enumerate(law_lines(panel, unit)):
        offset = (0.0, 4 + (num_lines - 1 - index) * _LINE)
        color = styles[name][0] if name else GRAY
        axes.annotate(text, (0.0, 1.0), offset, "axes fraction", "offset points", color=color, fontsize=TEXT)


def limits(intervals: Iterable[Floats]) -> tuple[float, float]:
    """The range of all intervals, with a margin; never a single point.

    Args:
        intervals: Both ends of each, above 0.
    """
    ends = np.stack(list(intervals))
    low, high = float(ends.min()), float(ends.max())
    margin = max((high / low) ** 0.05, 1.05)
    return low / margin, high * margin


def _draw_legend(figure: Figure, laws: Sequence[ScalingLaw]) -> None:
    """Draw one legend for all panels: curves, reference lines, the laws."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    # entries with error bars are curves; a stable sort keeps each kind in order
    entries = dict(sorted(entries.items(), key=lambda entry: isinstance(entry[1], Line2D)))
    if laws:
        law = (
            Patch(color=GRAY, alpha=BAND, linewidth=NO_EDGE),
            Line2D([], [], color=GRAY, linestyle=DASHED, linewidth=LINE_WIDTH),
        )
        entries[_name_of_laws(laws)] = law
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=_num_legend_columns(entries, figure.get_figwidth() * 72),
        fontsize=TEXT,
        frameon=False,
        title=f"points: geometric means; bars{', bands, brackets' * bool(laws)}: {100 * CONFIDENCE:g} % intervals",
    )


def _name_of_laws(laws: Sequence[ScalingLaw]) -> str:
    """What the legend calls the laws: of one form by its formula, the average by what it is."""
    forms = {law.form: law.formula for law in laws}
    if len(forms) > 1:
        return "laws of several forms"
    ((form, formula),) = forms.items()
    return "law: average of forms" if form == AVERAGE else f"law: {formula}"


def _num_legend_columns(names: Collection[str], room: float) -> int:
    """Return as many columns as fit in `room` points, with the entries spread evenly over the rows."""
    longest = max(len(name) for name in names) + 8  # with the handle and the space between columns
    rows = -(-len(names) // max(1, int(room / (0.58 * TEXT * longest))))
    return -(-len(names) // rows)
