"""Report of a run of shotgun transfer: tables and sentences."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.baselines.extra_trees import EXTRA_TREES
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.members import SCRATCH, Member
from gnn_sim2real.shotgun.nested import ENSEMBLE, NestedResult, verdict
from gnn_sim2real.shotgun.run import ShotgunResult, ranking_rows
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.units import format_unit

_SHOWN = 15


def print_result(result: ShotgunResult, console: Console) -> None:
    """Print ranking, comparison and verdict.

    Args:
        result: From `run_shotgun`.
        console: Console to print on.
    """
    _print_ranking(result, console)
    for reason, count in sorted(result.skipped.items(), key=lambda item: -item[1]):
        _print(console, f"{count:,} models not ranked: {reason}")
    if result.seen and not result.target.tested:
        _print(
            console, f"{len(result.seen):,} models were trained on simulations of measured materials, see the warning"
        )
    console.print()
    _print_members(result, console)
    if result.nested is not None:
        console.print()
        _print_nested(result.nested, result.selection.members, result.target, console)
    if result.tested:
        console.print()
        _print_tested(result, console)


def _print_ranking(result: ShotgunResult, console: Console) -> None:
    unit = unit_of(result.target)
    ranked = result.selection.ranked
    title = (
        f"{len(ranked):,} models ranked for {result.target.spec.name} of {len(result.target.train)} materials, error "
        f"in cross-validation{unit}, 90 % intervals"
    )
    table = Table(title=escape(title), box=None, pad_edge=False, title_justify="left", header_style="bold")
    for name in ("", "model", "source", "architecture", "n", "best probe", "error", "interval"):
        table.add_column(name, justify="right" if name in ("", "n", "error") else "left")
    for number, row in enumerate(ranking_rows(result)[:_SHOWN], start=1):
        interval = "[{:.3g}, {:.3g}]".format(*row["interval"]) if "interval" in row else ""
        cells = (str(number), row["key"][:8], row["source"], row["architecture"], f"{row['size']:,}", row["probe"])
        table.add_row(*map(escape, (*cells, f"{row['error']:.4g}", interval)))
    console.print(table)
    if len(ranked) > _SHOWN:
        _print(console, f"and {len(ranked) - _SHOWN:,} more, errors up to {max(each.error for each in ranked):.4g}")


def _print_members(result: ShotgunResult, console: Console) -> None:
    members = result.selection.members
    _print(console, "the ensemble:" if len(members) > 1 else "one model only, since the others are clearly worse:")
    for member in members:
        what = f"the network {SCRATCH}"
        if member.source is not None:
            key = member.source.key
            what = f"{key[:8]} {result.cards[key].architecture}, {member.source.probe}, {member.finish}"
        _print(console, f"  {what}: error {member.inner_error:.4g} within the training part")
    rejected = [each for each in result.selection.candidates if each not in members]
    for each in rejected:
        if each.source is None and not np.isnan(each.inner_error):
            _print(console, f"  rejected: the network {SCRATCH}, error {each.inner_error:.4g}")
    if others := [each.inner_error for each in rejected if each.source is not None]:
        _print(console, f"  rejected: {len(others)} models of the library, the best with error {min(others):.4g}")


def _print_nested(nested: NestedResult, members: Sequence[Member], target: Target, console: Console) -> None:
    """Errors on the outer folds, and the winner's curse."""
    unit = unit_of(target)
    number = len(nested.errors[ENSEMBLE])
    title = f"mean absolute error{unit} on {number} materials excluded from ranking and training, 90 % intervals"
    table = Table(title=escape(title), box=None, pad_edge=False, title_justify="left", header_style="bold")
    for name in ("method", "error", "interval", f"minus {SCRATCH}", "interval"):
        table.add_column(name, justify="right" if name in ("error", f"minus {SCRATCH}") else "left")
    for name, errors in nested.errors.items():
        mean, low, high = interval_of_mean(errors)
        low = max(low, 0.0)  # no mean error is below zero
        cells = [name, f"{mean:.4g}", f"[{low:.4g}, {high:.4g}]"]
        if name != SCRATCH:
            difference = verdict(nested, name)
            cells += [f"{difference[0]:+.3g}", f"[{difference[1]:+.3g}, {difference[2]:+.3g}]"]
        table.add_row(*map(escape, cells))
    console.print(table)
    curse = interval_of_mean(nested.curse)
    _print(
        console,
        f"winner's curse: the error of the winner is {nested.promised.mean():.4g} in the ranking and "
        f"{nested.promised.mean() + curse[0]:.4g} on unseen materials: {curse[0]:+.3g} "
        f"[{curse[1]:+.3g}, {curse[2]:+.3g}]",
    )
    _print(console, sentence(nested, target))
    if any(each.inner_error > float(nested.errors[ENSEMBLE].mean()) for each in members):
        alone = "of one model alone, where the ensemble is the mean of several, and " * (len(members) > 1)
        _print(
            console,
            f"a member's error above is larger than the ensemble's here, since it is {alone}from folds within the "
            "training part, where models are trained on fewer materials",
        )


def sentence(nested: NestedResult, target: Target) -> str:
    """One sentence that says whether shotgun transfer is worth it.

    Args:
        nested: Errors on the outer folds.
        target: The target.
    """
    rivals = [name for name in nested.errors if name in (SCRATCH, EXTRA_TREES.title)]
    best = min(rivals, key=lambda name: float(np.mean(nested.errors[name])))
    mean, low, high = verdict(nested, ENSEMBLE, best)
    by = f"{abs(mean):.3g}{unit_of(target)} [{low:+.3g}, {high:+.3g}]"
    if high < 0:
        return f"shotgun transfer beats the best method without a source ({best}) by {by}"
    if low > 0:
        return f"NO SOURCE BEATS WORKING WITHOUT ONE: {best} is better by {by}; use it rather than the ensemble"
    return (
        f"no source is shown to beat the best method without one: the error minus that of {best!r} is "
        f"{mean:+.3g}{unit_of(target)} [{low:+.3g}, {high:+.3g}], not distinguishable from zero with so few materials"
    )


def _print_tested(result: ShotgunResult, console: Console) -> None:
    _print(console, f"mean absolute error{unit_of(result.target)} on the {len(result.target.test)} test materials:")
    for name, errors in result.tested.items():
        mean, low, high = interval_of_mean(errors)
        low = max(low, 0.0)  # no mean error is below zero
        _print(console, f"  {name}: {mean:.4g} [{low:.4g}, {high:.4g}]")


def unit_of(target: Target) -> str:
    """The unit in brackets, after a space.

    Args:
        target: The target.
    """
    text = target.unit if target.log else format_unit(target.unit) if target.unit else ""
    return f" [{text}]" if text else ""


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
