"""The printed report of a study, by `study report` and at the end of every run."""

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.records.curves import Results
from gnn_sim2real.records.record import Record, read_record
from gnn_sim2real.records.results import read_results
from gnn_sim2real.records.summary import write_report
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.text import format_data, format_transfer, model_name, source_name
from gnn_sim2real.tasks.policies import is_fine_tuning
from gnn_sim2real.units import format_unit


def print_report(config: StudyConfig, console: Console) -> None:
    """Print the table, the data and the laws; write `report.html`, `summary.json` and the figures.

    Args:
        config: The study.
        console: Console to print on.
    """
    from gnn_sim2real.study.page.page import write_page

    results = Results(read_results(config.records), config.metric)
    largest = largest_record(config, results.table)
    data = dict(largest.data)
    summary = write_report(results, config.folder, config.title, data)
    page = write_page(config, results, summary, largest.provenance)
    if config.overlays:
        _track(config, results.table, summary, page)
    table = _table(config.metric, summary)
    # A line longer than the terminal is better than a truncated number.
    width = console.width
    console.width = max(width, console.measure(table, options=console.options.update(width=200)).maximum)
    console.print(table)
    console.width = width
    for sentence in format_data(data, summary["unit"]):
        console.print(f"\n{sentence}", highlight=False, soft_wrap=True)
    for sentence in format_transfer(summary):
        console.print(f"\n{sentence}", highlight=False, soft_wrap=True, markup=False)
    for law in summary["laws"]:
        if not is_fine_tuning(law["policy"]):  # laws of baselines are only in summary.json
            continue
        console.print(f"\n[bold]{model_name(law)}, m = {law['target_size']}[/]: {escape(law['text'])}", highlight=False)
    if not summary["laws"]:
        console.print("no scaling law yet: it needs at least four source sizes")
    console.print(f"\nrecords, {page.name}, summary.json and scaling_law.png are in {config.folder}")


def largest_record(config: StudyConfig, results: pd.DataFrame) -> Record:
    """The whole record of the cell with the largest source, if possible one with data cards.

    Of cells reused from a published result, only those with the largest source have data cards.

    Args:
        config: The study.
        results: Results of the study.
    """
    ordered = results.sort_values(["source_size", "target_size", "key"], ascending=False)["key"]
    largest = read_record(config.records / f"{ordered.iloc[0]}.json")
    if largest.data:
        return largest
    records = (read_record(config.records / f"{key}.json") for key in ordered.iloc[1:])
    return next((record for record in records if record.data), largest)


def _table(metric: str, summary: dict[str, Any]) -> Table:
    unit = f" [{format_unit(summary['unit'])}]" if summary["unit"] else ""
    name = summary["property"].replace("_", " ")
    # Escaped, or rich would read the unit as a style tag.
    title = escape(f"Test {metric.upper()} of {name}{unit}, mean and 90 % interval over splits and seeds")
    table = Table(title=title, box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    nonzero = any("mae_nonzero" in row for row in summary["rows"])
    for heading in ("m", "model", "source n", metric.upper(), *["MAE of nonzero"] * nonzero, "R2", "runs"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for row in summary["rows"]:
        error, r2 = row[metric], row.get("r2")
        interval = "" if error["low"] is None else f" [{error['low']:.4f}, {error['high']:.4f}]"
        table.add_row(
            str(row["target_size"]),
            model_name(row),
            source_name(row),
            f"{error['mean']:.4f}{interval}",
            *[f"{row['mae_nonzero']['mean']:.4f}" if "mae_nonzero" in row else ""] * nonzero,
            f"{r2['mean']:.3f}" if r2 else "",
            f"{row[metric]['num_repeats']}",
        )
    return table


def _track(config: StudyConfig, results: pd.DataFrame, summary: dict[str, Any], page: Path) -> None:
    """Log the report to W&B, if an overlay sets a W&B logger."""
    from gnn_sim2real.study.stage import Stage
    from gnn_sim2real.study.tracking import log_report

    if project := Stage("finetune", Path(config.finetune), config).wandb_project:
        log_report(project, config.folder, results, summary, page)
