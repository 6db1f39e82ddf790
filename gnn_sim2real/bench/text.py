"""What is printed of the scores of a task."""

import math

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.bench.scores import Parameter, Score, Scores
from gnn_sim2real.law.numbers import format_size, format_with_ends
from gnn_sim2real.records.curves import Estimate
from gnn_sim2real.units import format_unit

HEADINGS = (
    "rank",
    "entry",
    "n",
    "error",
    "behind the first",
    "alpha",
    "C",
    "forecast at 4n",
    "parameters",
    "core-seconds",
)


def print_scores(scores: Scores, console: Console) -> None:
    """Print the table of a task, and how to read it.

    Args:
        scores: The scores.
        console: Console to print on.
    """
    unit = f" [{format_unit(scores.unit)}]" if scores.unit else ""
    name = scores.property.replace("_", " ")
    title = f"{scores.task}: test {scores.metric.upper()} of {name}{unit}, geometric mean with its 90 % interval"
    console.print(title, style="italic", highlight=False, soft_wrap=True, markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "entry" else "right", no_wrap=True)
    for row in scores.rows:
        table.add_row(*map(escape, cells(row)))
    width = console.width
    console.width = max(width, console.measure(table, options=console.options.update(width=400)).maximum)
    console.print(table)
    console.width = width
    for line in notes(scores):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def cells(row: Score) -> tuple[str, ...]:
    """A row as text, see `HEADINGS`.

    Args:
        row: The row.
    """
    return (
        "-" if row.rank is None else str(row.rank),
        f"{row.name} ({row.kind})" if row.kind in ("submission", "run") else row.name,
        format_size(row.source_size),
        format_estimate(row.error),
        "" if row.behind is None else format_estimate(row.behind) + " tie" * row.is_tied,
        format_parameter(row.rate),
        format_parameter(row.limit),
        "" if row.forecast is None else format_with_ends(*row.forecast),
        "" if row.parameters is None else f"{row.parameters:,}",
        _compute(row),
    )


def format_estimate(value: Estimate) -> str:
    """A mean with its interval, if it has one.

    Args:
        value: The mean.
    """
    return f"{value.mean:.4g}" if math.isnan(value.low) else format_with_ends(value.mean, value.low, value.high)


def format_parameter(value: Parameter | None) -> str:
    """A parameter of a law with its interval, or that it is not identified.

    Args:
        value: The parameter; None without a law.
    """
    if value is None:
        return ""
    return format_with_ends(value.value, value.low, value.high) + ("" if value.identified else " ?")


def notes(scores: Scores) -> list[str]:
    """How to read the table, in sentences.

    Args:
        scores: The scores.
    """
    lines = [
        "rank: 1 + the number of rows whose error is lower by more than the 90 % interval of the paired difference; "
        "tie: its error cannot be told from that of the first row"
    ]
    if scores.num_splits == 1:
        lines.append(
            "there is one test part: intervals are over seeds, and ranks hold for its materials only; others may turn "
            "the order around"
        )
    found = [each for row in scores.rows for each in (row.rate, row.limit) if each is not None]
    if any(not each.identified for each in found):
        lines.append("?: not identified by the data, so that no entries can be ordered by it")
    if any(row.rank is None for row in scores.rows):
        lines.append("-: a single model, whose error has no interval and no rank")
    if any(row.kind == "published" for row in scores.rows):
        lines.append(
            "core-seconds: processor time of all pretrainings + all fine-tunings, each on its own machine; published "
            "results have the wall time of fine-tunings only"
        )
    return lines


def _compute(row: Score) -> str:
    if row.pretraining is None and row.fine_tuning is None:
        return ""
    before, after = ("?" if each is None else f"{each:,.0f}" for each in (row.pretraining, row.fine_tuning))
    return f"{before} + {after}"
