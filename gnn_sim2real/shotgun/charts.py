"""Figures of the page of shotgun transfer as its elements, with the value of each point as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.page.chart import Axis, Chart, ChartFigure, Entry, Line, Point, Series, Style, limits_of
from gnn_sim2real.shotgun.answer import describe_fewer, mean_error, note_of_fewer
from gnn_sim2real.shotgun.report import unit_of
from gnn_sim2real.shotgun.run import ShotgunResult, ranking_rows

_SHOWN = 20
_ROW, _REST = 22.0, 80.0
"""Height of a row of names, and of what is around them."""

_JUDGED, _STOPPED = Style("c0"), Style("gray", is_hollow=True)
_USED, _UNUSED = Style("c1", "s"), Style("gray", "s")
_DOTTED = Style("gray", dash="2 3")
_PARTS = (("train", "left out of a fold", Style("c0")), ("test", "tested apart", Style("c1", "s")))


def parity_figure(result: ShotgunResult) -> ChartFigure:
    """What was predicted for each measured material without it, against its measurement.

    Args:
        result: From `run_shotgun`.
    """
    target, beside = result.target, result.beside
    unit, name = unit_of(target), target.spec.name.replace("_", " ")
    ends = limits_of([*beside.measured, *beside.predicted], target.log)
    series, legend = [], []
    for part, title, style in _PARTS:
        rows = [row for row, each in enumerate(beside.parts) if each == part]
        for far in (False, True):
            some = [row for row in rows if bool(beside.outside[row]) == far]
            if some:
                own = style._replace(is_hollow=far)
                series.append(Series(own, [_measured(result, row) for row in some]))
                legend.append(Entry(f"{title}{', far from the others' * far} ({len(some)})", own, True, False))
    level = Line(_DOTTED, np.array(ends), np.array(ends))
    across = Axis(f"measured {name}{unit}", target.log, ends)
    up = Axis(f"predicted without it{unit}", target.log, ends)
    caption = (
        "Each material as it is predicted by an ensemble that has not seen it: without its fold, or as a test "
        f"material. Bars are {100 * result.answer.intervals.coverage:.0f} % intervals; the pointer, or Tab and the "
        "arrows, tell which material it is."
    )
    return ChartFigure([Chart("", across, up, series, [level], height=420.0)], legend, caption)


def _measured(result: ShotgunResult, row: int) -> Point:
    target, beside = result.target, result.beside
    material = target.table.materials[row]
    name = material if isinstance(material, str) else target.table.identities[row]
    measured, predicted = float(beside.measured[row]), float(beside.predicted[row])
    low, high = float(beside.lower[row]), float(beside.upper[row])
    said = f"{name}: measured {measured:.4g}, predicted {predicted:.4g} [{low:.4g}, {high:.4g}]"
    return Point(measured, predicted, low, high, said)


def ranking_figure(result: ShotgunResult) -> ChartFigure:
    """The best models with intervals, and beside them the errors of each method on unseen materials.

    Args:
        result: From `run_shotgun`.
    """
    legend = [
        Entry("judged on all folds", _JUDGED, True, False),
        Entry("stopped early, on fewer folds", _STOPPED, True, False),
        Entry("member with a weight", _USED, True, False),
        Entry("without one", _UNUSED, True, False),
    ]
    caption = "Errors with 90 % intervals, the best above. Dotted: the error that the ranking promised of its winner."
    return ChartFigure([_ranking(result), _members(result)], legend, caption)


def _ranking(result: ShotgunResult) -> Chart:
    judged: list[Point] = []
    stopped: list[Point] = []
    names: list[str] = []
    for place, row in enumerate(ranking_rows(result)[:_SHOWN][::-1]):
        name = f"{row['source']} ({row['architecture']}, {row['probe']})"
        low, high = row.get("interval", (np.nan, np.nan))
        said = f"{name}: {row['error']:.4g}"
        said += f" [{low:.3g}, {high:.3g}]" if "interval" in row else ", on fewer folds"
        (judged if "interval" in row else stopped).append(Point(row["error"], place, low, high, said))
        names.append(name)
    series = [Series(_JUDGED, judged), Series(_STOPPED, stopped)]
    return _by_name("Ranking", f"error in cross-validation{unit_of(result.target)}", names, series)


def _members(result: ShotgunResult) -> Chart:
    answer = result.answer
    errors = answer.left_out_errors()
    weights = {each.name: each.weight for each in answer.stack.members}
    means = {name: mean for name, each in errors.items() if (mean := mean_error(each)) is not None}
    fewer = describe_fewer(errors)
    names = sorted(means, key=lambda name: means[name], reverse=True)
    used: list[Point] = []
    unused: list[Point] = []
    for place, name in enumerate(names):
        mean, low, high = interval_of_mean(errors[name][~np.isnan(errors[name])])
        said = f"{name}: {mean:.4g} [{max(low, 0):.3g}, {high:.3g}]"
        said += f", weight {weights[name]:.2f}" if name in weights else ""
        said += f", {note_of_fewer(fewer[name])}" if name in fewer else ""
        (used if weights.get(name, 1.0) > 0 else unused).append(Point(mean, place, max(low, 0), high, said))
    series, lines = [Series(_USED, used), Series(_UNUSED, unused)], []
    if len(answer.promised):
        promised = float(answer.promised.mean())
        lines = [Line(_DOTTED, np.full(2, promised), np.array([-1.0, len(names)]))]
    label = f"mean absolute error{unit_of(result.target)}"
    return _by_name("Folds left out of every step", label, names, series, lines)


def _by_name(
    title: str, label: str, names: Sequence[str], series: Sequence[Series], lines: Sequence[Line] = ()
) -> Chart:
    """A chart with a row for each name."""
    values = [end for each in series for point in each.points for end in (point.x, point.low, point.high)]
    across = Axis(label, False, limits_of([*values, *(end for line in lines for end in line.x)], False))
    up = Axis("", False, (-0.6, max(len(names), 1) - 0.4), names)
    return Chart(title, across, up, series, lines, height=_REST + _ROW * max(len(names), 4))
