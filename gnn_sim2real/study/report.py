"""The printed report of a study, by `study report` and at the end of every run."""

from shlex import quote
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.baselines import uses_foundation
from gnn_sim2real.records.geometric import KIND_OF_MEAN, with_geometric_means
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, read_record
from gnn_sim2real.records.results import read_results
from gnn_sim2real.records.summary import next_sizes, summarize, write_report
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.text import (
    format_data,
    format_fewer,
    format_transfer,
    format_unseen,
    row_name,
    scored_on,
    source_name,
)
from gnn_sim2real.study.tracking import log_report
from gnn_sim2real.tasks.policies import is_fine_tuning
from gnn_sim2real.units import format_unit


def print_report(config: StudyConfig, console: Console) -> None:
    """Print the table, the data and the laws; write `report.html`, `summary.json` and the figures.

    Args:
        config: The study.
        console: Console to print on.

    Raises:
        ValueError: If no cell is done yet, or, once all is printed, if the folder cannot be written.
    """
    from gnn_sim2real.page.page import PAGE
    from gnn_sim2real.study.page.page import write_study_page

    found = read_results(config.records)
    if found.empty:
        command = f"gnn-sim2real study status {quote(str(config.folder))}"
        raise ValueError(f"no cell of the study in {config.folder} is done yet; `{command}` shows its progress")
    results = Results(found, config.metric, config.records)
    largest = largest_record(config, results.table)
    data = data_of_report(config, results.table, largest)
    advice: str | None = None
    try:
        summary, refusal = write_report(results, config.folder, config.title, data), None
        page = write_study_page(config, results, summary, largest.provenance)
        advice = log_report(config, results, summary, page)
    except OSError as error:  # a copy that may only be read is still shown
        summary, refusal = summarize(results) | {"next": next_sizes(results), "data": data}, error
    _print_summary(config, with_geometric_means(summary), console)
    for step in summary["next"]:
        console.print(f"\nnext, {step['text']}", highlight=False, soft_wrap=True, markup=False)
    if refusal is not None:
        raise ValueError(f"the report could not be written to {config.folder} ({refusal}); copy the study to do so")
    console.print(f"\nrecords, {PAGE}, summary.json and scaling_law.png are in {config.folder}")
    if advice:
        console.print(advice, highlight=False, soft_wrap=True, markup=False)


def _print_summary(config: StudyConfig, summary: dict[str, Any], console: Console) -> None:
    unit = f" [{format_unit(summary['unit'])}]" if summary["unit"] else ""
    name = summary["property"].replace("_", " ")
    title = f"Test {config.metric.upper()} of {name}{unit}, {KIND_OF_MEAN}, with its 90 % interval"
    # As the title of the table it would be folded to the width of the table.
    console.print(title, style="italic", highlight=False, soft_wrap=True, markup=False)
    table = summary_table(config.metric, summary)
    # A line longer than the terminal is better than a truncated number.
    width = console.width
    console.width = max(width, console.measure(table, options=console.options.update(width=200)).maximum)
    console.print(table)
    console.width = width
    for sentence in format_fewer(summary):
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)
    if "unseen" in summary:
        for line in format_unseen(summary["unseen"], summary["unit"]):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    for sentence in format_data(summary.get("data", {}), summary["unit"]):
        console.print(f"\n{sentence}", highlight=False, soft_wrap=True)
    for sentence in format_transfer(summary):
        console.print(f"\n{sentence}", highlight=False, soft_wrap=True, markup=False)
    for law in summary["laws"]:
        if not is_fine_tuning(law["policy"]):  # laws of baselines are only in summary.json
            continue
        console.print(f"\n[bold]{row_name(law)}, m = {law['target_size']}[/]: {escape(law['text'])}", highlight=False)
    if not summary["laws"]:
        console.print("no scaling law yet: it needs at least four source sizes")


def data_of_report(config: StudyConfig, results: pd.DataFrame, largest: Record) -> dict[str, Any]:
    """Data cards of source and target, and what to know of the features of a foundation encoder if some cells used one.

    Args:
        config: The study.
        results: Results of the study.
        largest: From `largest_record`.
    """
    using = results[results["policy"].map(uses_foundation)]
    for key in using["key"].tolist()[:1]:
        if about := read_record(config.records / f"{key}.json").details.get("foundation"):
            return dict(largest.data) | {"foundation": about}
    return dict(largest.data)


def largest_record(config: StudyConfig, results: pd.DataFrame) -> Record:
    """The whole record of a cell with the largest source, if possible one with data cards.

    Of cells reused from a published result, only some with the largest source have data cards.

    Args:
        config: The study.
        results: Results of the study.
    """
    largest = results[results["source_size"] == results["source_size"].max()]
    keys = largest.sort_values(["target_size", "key"], ascending=False)["key"]
    folder = config.records
    records = (read_record(folder / f"{key}.json") for key in keys)
    first = next(records)
    return first if first.data else next((record for record in records if record.data), first)


def summary_table(metric: str, summary: dict[str, Any]) -> Table:
    """The table of a study as it is printed, a row for each row of its summary.

    Args:
        metric: Error that is shown.
        summary: See `records.summary`.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    nonzero = any("mae_nonzero" in row for row in summary["rows"])
    fewer = scored_on(summary)
    with_r2 = any(row.get("r2") for row in summary["rows"])  # small test parts have none
    headings = ("m", "model", "source n", metric.upper(), *["MAE of nonzero"] * nonzero, *["R2"] * with_r2)
    headings = (*headings, *fewer.headings, "runs")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for row in summary["rows"]:
        error, r2 = row[metric], row.get("r2")
        interval = "" if error["low"] is None else f" [{error['low']:.4f}, {error['high']:.4f}]"
        table.add_row(
            str(row["target_size"]),
            row_name(row),
            source_name(row),
            f"{error['mean']:.4f}{interval}",
            *[f"{row['mae_nonzero']['mean']:.4f}" if "mae_nonzero" in row else ""] * nonzero,
            *[f"{r2['mean']:.3f}" if r2 else ""] * with_r2,
            *fewer.cells(row),
            f"{row[metric]['num_repeats']}",
        )
    return table
