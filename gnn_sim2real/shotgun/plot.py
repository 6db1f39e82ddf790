"""Figures of shotgun transfer: the ranking with intervals, and the heat map of sources and targets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.figures import (
    COLORS,
    DOTTED,
    GRAY,
    SMALL,
    SMALL_CAP,
    SMALL_MARKER,
    TEXT,
    TINY_MARKER,
    ParityPoints,
    apart,
    draw_parity_axes,
    new_figure,
    save_figure,
)
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.answer import describe_fewer, mean_error, note_of_fewer
from gnn_sim2real.shotgun.report import unit_of
from gnn_sim2real.shotgun.run import ShotgunResult, ranking_rows
from gnn_sim2real.units import format_unit

_SHOWN = 20
_ROOM = 200.0
"""Length of the axis of a panel, one of three in a row [points]."""


def draw_ranking(result: ShotgunResult, title: str, path: Path) -> Path:
    """Draw the best models with intervals, and beside them the errors of each method on unseen materials.

    Args:
        result: From `run_shotgun`.
        title: Title of the figure.
        path: PNG to write; the SVG beside it is written as well.
    """
    rows = ranking_rows(result)[:_SHOWN][::-1]
    num_tried = sum(each.error is not None for each in result.answer.stack.members)
    figure = new_figure(12.0, 1.4 + 0.28 * max(len(rows), num_tried, 6))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    places = np.arange(len(rows))
    errors = np.array([row["error"] for row in rows])
    final = np.array(["interval" in row for row in rows])
    ends = np.array([row["interval"] for row in rows if "interval" in row]).reshape(-1, 2).T
    bars = np.maximum(np.abs(ends - errors[final]), 0)
    left.errorbar(
        errors[final], places[final], xerr=bars, fmt="o", markersize=SMALL_MARKER, capsize=SMALL_CAP, color=COLORS[0]
    )
    if not final.all():  # halving stopped them after fewer folds, so their errors cannot be compared with the others
        left.plot(errors[~final], places[~final], "o", markersize=SMALL_MARKER, markerfacecolor="none", color=GRAY)
    left.set_yticks(
        places, [f"{row['source'][:44]} ({row['architecture']}, {row['probe']})" for row in rows], fontsize=SMALL - 1
    )
    left.set_xlabel(f"error in cross-validation{unit_of(result.target)}")
    stopped = "" if final.all() else "\nhollow: stopped early, on fewer folds"
    left.set_title(f"ranking, 90 % intervals{stopped}", fontsize=SMALL + 1)
    answer = result.answer
    compared = answer.left_out_errors()
    weights = {each.name: each.weight for each in answer.stack.members}
    means_of = {name: mean for name, each in compared.items() if (mean := mean_error(each)) is not None}
    names = sorted(means_of, key=lambda name: means_of[name], reverse=True)
    shown = [compared[name] for name in names]
    means = np.array([interval_of_mean(each[~np.isnan(each)]) for each in shown])
    means[:, 1] = np.maximum(means[:, 1], 0)  # no mean error is below zero
    for chosen, color in ((True, COLORS[1]), (False, GRAY)):
        some = [place for place, name in enumerate(names) if (weights.get(name, 1.0) > 0) == chosen]
        right.errorbar(
            means[some, 0],
            some,
            xerr=np.abs(means[some, 1:].T - means[some, 0]),
            fmt="s",
            markersize=SMALL_MARKER,
            capsize=SMALL_CAP,
            linestyle="none",
            color=color,
        )
    fewer = describe_fewer(compared)
    titles = {name: result.titles.get(name, name) for name in names}
    labels = [f"{titles[name]} ({weights[name]:.2f})" if weights.get(name, 0) > 0 else titles[name] for name in names]
    labels = [
        f"{label}\n{note_of_fewer(fewer[name])}" if name in fewer else label
        for name, label in zip(names, labels, strict=True)
    ]
    right.set_yticks(np.arange(len(names)), labels, fontsize=SMALL - 1)
    right.set_xlabel(f"mean absolute error{unit_of(result.target)}")
    dotted = ""
    if len(answer.promised):
        right.axvline(float(answer.promised.mean()), linestyle=DOTTED, color=GRAY)
        dotted = "\ndotted: error of the winner in the ranking"
    right.set_title(f"folds left out of every step (weight){dotted}", fontsize=SMALL + 1)
    figure.suptitle(title or f"Shotgun transfer: {result.target.spec.name} of {result.target.num_measured} materials")
    save_figure(figure, path, path.with_suffix(".svg"))
    return path


def draw_parity(result: ShotgunResult, title: str, path: Path) -> Path:
    """Draw what was predicted for each measured material, without having been trained on it, against its measurement.

    Args:
        result: From `run_shotgun`.
        title: Title of the figure.
        path: PNG to write; the SVG beside it is written as well.
    """
    target, beside = result.target, result.beside
    tested = np.array([each == "test" for each in beside.parts])
    marked = np.array([bool(each) for each in beside.outside])
    points = []
    for part, name, color, marker in (
        (~tested, "left out of a fold", COLORS[0], "o"),
        (tested, "tested apart", COLORS[1], "s"),
    ):
        for chosen, label, is_hollow in (
            (part & ~marked, name, False),
            (part & marked, f"{name}, far from the others", True),
        ):
            if chosen.any():
                measured, predicted = beside.measured[chosen], beside.predicted[chosen]
                lower, upper = beside.lower[chosen], beside.upper[chosen]
                points.append(ParityPoints(measured, predicted, lower, upper, label, color, marker, is_hollow))
    figure = new_figure(6.2, 6.0)
    name, unit = target.spec.name.replace("_", " "), format_unit(target.spec.unit)
    draw_parity_axes(figure.subplots(), points, name, f" [{unit}]" if unit else "", target.log)
    has_bars = np.isfinite(beside.lower).all()
    interval = f", bars: {100 * result.answer.intervals.coverage:.0f} % intervals" if has_bars else ""
    figure.suptitle(title or f"{name} of {len(beside.measured)} materials{interval}", fontsize=TEXT)
    save_figure(figure, path, path.with_suffix(".svg"))
    return path


def draw_matrix(
    table: NDArray[np.float64], sources: Sequence[str], targets: Sequence[str], title: str, path: Path
) -> tuple[list[int], list[int]]:
    """Draw a heat map with similar rows and similar columns side by side.

    Args:
        table: (num_sources, num_targets); NaN where a source cannot be used.
        sources: Names of the rows.
        targets: Names of the columns.
        title: Title of the figure.
        path: PNG to write.

    Returns:
        Order of the rows and of the columns.
    """
    figure = new_figure(5.5 + 0.55 * len(targets), 2.5 + 0.28 * len(sources))
    axes: Any = figure.subplots(2, 2, width_ratios=(1, 6), height_ratios=(1, 8))
    rows, columns = _draw_tree(axes[1, 0], table, "left"), _draw_tree(axes[0, 1], table.T, "top")
    axes[0, 0].axis("off")
    shown = table[np.ix_(rows, columns)]
    # The color scale is for sources that help; far worse ones may have any color.
    limit = float(np.nanquantile(np.abs(shown), 0.8)) if np.isfinite(shown).any() else 1.0
    image = axes[1, 1].imshow(shown, aspect="auto", origin="lower", cmap="RdBu", vmin=-limit, vmax=limit)
    axes[1, 1].set_xticks(range(len(columns)), [targets[column] for column in columns], rotation=40, ha="right")
    axes[1, 1].set_yticks(range(len(rows)), [sources[row] for row in rows])
    axes[1, 1].yaxis.tick_right()
    axes[1, 1].tick_params(labelsize=SMALL - 1)
    for (row, column), value in np.ndenumerate(shown):
        text = f"{value:+.2f}" if np.isfinite(value) else "-"
        dark = np.isfinite(value) and abs(value) > 0.7 * limit
        axes[1, 1].text(
            column, row, text, ha="center", va="center", fontsize=SMALL - 2, color="white" if dark else "black"
        )
    figure.colorbar(
        image, ax=axes[1, 1], location="bottom", shrink=0.5, label="share of the error removed by the source"
    )
    figure.suptitle(title)
    save_figure(figure, path)
    return rows, columns


def draw_study(cells: Sequence[Mapping[str, Any]], methods: Sequence[str], best: str, path: Path) -> Path:
    """Draw the error of each method against the number of measurements, one panel per target.

    Args:
        cells: Cells from `study_report.summarize`.
        methods: Methods to draw, at most four.
        best: The best model in hindsight, drawn as a dotted line.
        path: PNG to write.
    """
    targets = list(dict.fromkeys(cell["target"] for cell in cells))
    num_rows = -(-len(targets) // 3)
    figure = new_figure(11.0, 0.8 + 2.7 * num_rows)
    panels = figure.subplots(num_rows, 3, squeeze=False).ravel()
    for axes, target in zip(panels, targets, strict=False):
        own = sorted((cell for cell in cells if cell["target"] == target), key=lambda cell: cell["size"])
        sizes = [cell["size"] for cell in own]
        for number, (name, color) in enumerate(zip(methods, COLORS, strict=False)):
            shown = [(cell["size"], *cell["errors"][name]) for cell in own if name in cell["errors"]]
            if not shown:
                continue
            size, mean, low, high = np.array(shown, float).T
            moved = size * 1.03 ** (number - 1.5)  # shifted, so that no interval hides another
            axes.errorbar(
                moved,
                mean,
                yerr=(mean - low, high - mean),
                marker="o",
                markersize=TINY_MARKER,
                capsize=SMALL_CAP,
                color=color,
                label=name,
            )
        axes.plot(sizes, [cell["errors"][best][0] for cell in own], DOTTED, color=GRAY, label=best)
        axes.set_xscale("log")
        kept = apart(sizes, [str(size) for size in sizes], room=_ROOM, size=SMALL)
        axes.set_xticks([sizes[place] for place in kept], [str(sizes[place]) for place in kept])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        unit = f" [{own[0]['unit']}]" if own[0]["unit"] else ""
        axes.set_title(f"{target}{unit}", fontsize=SMALL + 1)
        axes.tick_params(labelsize=SMALL)
    for axes in panels[len(targets) :]:
        axes.axis("off")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=5, fontsize=SMALL)
    figure.supxlabel("measurements", fontsize=SMALL + 1)
    figure.supylabel("mean absolute error on the fixed test part, 90 % intervals over draws", fontsize=SMALL + 1)
    save_figure(figure, path)
    return path


def _draw_tree(axes: Any, table: NDArray[np.float64], side: Literal["left", "top"]) -> list[int]:
    """Draw the hierarchical clustering of the rows, where a missing value counts as no gain; return their order."""
    from scipy.cluster.hierarchy import dendrogram, linkage

    axes.axis("off")
    if len(table) < 2:
        return list(range(len(table)))
    links = linkage(np.nan_to_num(table), method="average", optimal_ordering=True)
    settings: dict[str, Any] = {"no_labels": True, "color_threshold": 0, "above_threshold_color": GRAY}
    drawn: Any = dendrogram(links, orientation=side, ax=axes, **settings)
    return [int(leaf) for leaf in drawn["leaves"]]
