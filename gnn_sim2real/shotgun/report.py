"""Report of a run of shotgun transfer: tables and sentences."""

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.baselines.member import MEAN
from gnn_sim2real.linear import Floats
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.answer import ENSEMBLE, Answer, describe_fewer, note_of_fewer
from gnn_sim2real.shotgun.foundation import FoundationBlock
from gnn_sim2real.shotgun.models import describe_seen
from gnn_sim2real.shotgun.run import ShotgunResult, ranking_rows
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.units import format_unit

_SHOWN = 15
_WIDE = 110
"""Letters in a line from which on all columns can be read."""
_NOT_NARROW = ("model", "best probe", "interval")
"""Columns of the ranking for which a narrow terminal has no room; ranking.csv has all."""


def print_result(result: ShotgunResult, console: Console) -> None:
    """Print ranking, members and errors.

    Args:
        result: From `run_shotgun`.
        console: Console to print on.
    """
    _print_ranking(result, console)
    for reason, count in sorted(result.skipped.items(), key=lambda item: -item[1]):
        _print(console, f"{count:,} models not ranked: {reason}")
    for line in caveats(result):
        _print(console, line)
    for block in result.answer.blocks:
        if isinstance(block, FoundationBlock):
            _print(console, f"features of {block.name} {block.about['version']}, {block.about['has_seen']}")
    console.print()
    _print_members(result, console)
    _print_curse(result.answer, console)
    _print(console, sentence(result))
    _print_intervals(result.answer, console)
    if len(result.target.test):
        console.print()
        _print_tested(result, console)


def caveats(result: ShotgunResult) -> list[str]:
    """What must not be overlooked: models that know the materials, and a time that was too short for members.

    Args:
        result: From `run_shotgun`.
    """
    members = result.answer.stack.members
    found = []
    late = sum(each.is_late for each in members)
    if not any(each.weight > 0 and each.name != MEAN for each in members):
        found.append(
            "this is the mean of the measurements and nothing else"
            + (f": there was no time for {late} other members, so give more `--minutes`" if late else "")
        )
    elif late:
        found.append(f"there was no time for {late} of {len(members)} members; more `--minutes` may give a lower error")
    if any(key in result.cards for key in result.seen):  # else they were skipped
        found.append(describe_seen(result.seen, len(result.cards), result.target))
    return found


def _print_ranking(result: ShotgunResult, console: Console) -> None:
    unit = unit_of(result.target)
    ranked = result.answer.ranked
    title = (
        f"{len(ranked):,} models ranked for {result.target.spec.name} of {result.target.num_measured} materials, error "
        f"in cross-validation{unit}, 90 % intervals"
    )
    table = Table(title=escape(title), box=None, pad_edge=False, title_justify="left", header_style="bold")
    names = ("", "model", "source", "architecture", "n", "best probe", "error", "interval")
    shown = [place for place, name in enumerate(names) if console.width >= _WIDE or name not in _NOT_NARROW]
    for place in shown:
        table.add_column(names[place], justify="right" if names[place] in ("", "n", "error") else "left")
    for number, row in enumerate(ranking_rows(result)[:_SHOWN], start=1):
        interval = "[{:.3g}, {:.3g}]".format(*row["interval"]) if "interval" in row else ""
        cells: tuple[str, ...] = (str(number), row["key"][:8], row["source"], row["architecture"], f"{row['size']:,}")
        cells += (row["probe"], f"{row['error']:.4g}", interval)
        table.add_row(*(escape(cells[place]) for place in shown))
    console.print(table)
    if len(ranked) > _SHOWN:
        _print(console, f"and {len(ranked) - _SHOWN:,} more, errors up to {max(each.error for each in ranked):.4g}")


_COLUMNS = ("member", "weight", "without a fold", "error", "interval", "minus ensemble", "why")
_NARROW = ("member", "weight", "error", "minus ensemble")


def _print_members(result: ShotgunResult, console: Console) -> None:
    """Who has which weight and why, and the error of each without the fold of the row.

    A narrow terminal, where each word would have a line of its own, gets fewer columns; the page has all.
    """
    answer, titles = result.answer, result.titles
    unit, errors = unit_of(answer.target), answer.left_out_errors()
    title = (
        f"the ensemble: weights, and mean absolute errors{unit} on {answer.target.num_measured} materials that were "
        "left out of ranking, training and weights, 90 % intervals"
    )
    shown = _COLUMNS if console.width >= _WIDE else _NARROW
    table = Table(title=escape(title), box=None, pad_edge=False, title_justify="left", header_style="bold")
    for name in shown:
        table.add_column(name, justify="right" if name in ("weight", "error") else "left")
    fewer = describe_fewer(errors)

    def add(**cells: str) -> None:
        found = {name.replace("_", " "): text for name, text in cells.items()}
        table.add_row(*(escape(found.get(name, "")) for name in shown))

    error, interval = _of_errors(errors[ENSEMBLE])
    add(member=ENSEMBLE, error=error, interval=interval)
    for each in sorted(answer.stack.members, key=lambda each: (-each.weight, each.error or np.inf)):
        cells = {"member": titles.get(each.name, each.name), "weight": f"{each.weight:.2f}"}
        if each.error is not None:
            cells["without_a_fold"] = f"{min(each.outer_weights):.2f} to {max(each.outer_weights):.2f}"
            cells["error"], cells["interval"] = _of_errors(errors[each.name])
            if len(difference := _present(errors[each.name] - errors[ENSEMBLE])):
                cells["minus_ensemble"] = "[{:+.2g}, {:+.2g}]".format(*interval_of_mean(difference)[1:])
        notes = [note_of_fewer(fewer[each.name])] if each.name in fewer else []
        add(**cells, why="; ".join([*notes, each.why]))
    console.print(table)


def _of_errors(errors: Floats) -> tuple[str, str]:
    if not len(_present(errors)):
        return "", ""
    mean, low, high = interval_of_mean(_present(errors))
    return f"{mean:.4g}", f"[{max(low, 0):.4g}, {high:.4g}]"  # no mean error is below zero


def _present(errors: Floats) -> Floats:
    return errors[~np.isnan(errors)]


def _print_curse(answer: Answer, console: Console) -> None:
    if not len(answer.promised):
        return
    mean, low, high = answer.curse
    _print(
        console,
        f"winner's curse: the error of the winner is {answer.promised.mean():.4g} in the ranking and "
        f"{answer.promised.mean() + mean:.4g} on unseen materials: {mean:+.3g} [{low:+.3g}, {high:+.3g}]",
    )


def sentence(result: ShotgunResult) -> str:
    """One sentence that says whether the ensemble is worth it, compared with the best member alone.

    Args:
        result: From `run_shotgun`.
    """
    answer = result.answer
    errors = answer.left_out_errors()
    whole = {name: each for name, each in errors.items() if name != ENSEMBLE and not np.isnan(each).any()}
    best = min(whole, key=lambda name: float(whole[name].mean()))
    mean, low, high = interval_of_mean(errors[ENSEMBLE] - whole[best])
    title = result.titles.get(best, best)
    by = f"{abs(mean):.3g}{unit_of(answer.target)} [{low:+.3g}, {high:+.3g}]"
    if high < 0:
        return f"the ensemble beats its best member ({title}) by {by}"
    if low > 0:
        return f"ONE MEMBER ALONE IS BETTER: {title} by {by}, though it was found best in hindsight"
    return (
        f"the ensemble is as good as its best member in hindsight ({title}): the difference is {mean:+.3g}"
        f"{unit_of(answer.target)} [{low:+.3g}, {high:+.3g}], not distinguishable from zero with so few materials"
    )


def _print_intervals(answer: Answer, console: Console) -> None:
    coverage = f"{100 * answer.intervals.coverage:.0f} %"
    if not np.isfinite(answer.intervals.factor):
        number = answer.target.num_measured
        _print(console, f"{number} materials are too few for intervals of {coverage}, which are infinite here")
        return
    widths = 2 * answer.intervals.factor * answer.left_out_scale
    _print(
        console,
        f"intervals of {coverage}: {np.median(widths):.3g}{unit_of(answer.target)} wide in the median, up to "
        f"{widths.max():.3g}; wider outside of the range of the measured materials",
    )


def _print_tested(result: ShotgunResult, console: Console) -> None:
    answer, number = result.answer, len(result.target.test)
    _print(console, f"mean absolute error{unit_of(result.target)} on the {number} test materials:")
    tested = answer.tested_errors()
    fewer = describe_fewer(tested)
    for name, errors in tested.items():
        note = f" ({note_of_fewer(fewer[name])})" if name in fewer else ""
        _print(console, f"  {result.titles.get(name, name)}: {' '.join(_of_errors(errors))}{note}")
    if np.isfinite(answer.intervals.factor):
        held = np.abs(answer.stack.predictions - result.target.values[result.target.test]) <= answer.half_widths
        nominal = f"{100 * answer.intervals.coverage:.0f} %"
        _print(console, f"{100 * held.mean():.0f} % of them are within their {nominal} intervals")


def unit_of(target: Target) -> str:
    """The unit in brackets, after a space.

    Args:
        target: The target.
    """
    text = target.unit if target.log else format_unit(target.unit) if target.unit else ""
    return f" [{text}]" if text else ""


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
