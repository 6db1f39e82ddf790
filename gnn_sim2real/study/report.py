"""What `study report` prints, and what every run prints at its end."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.policies import FINE_TUNING_POLICIES
from gnn_sim2real.scaling.curves import Results, say_growth
from gnn_sim2real.scaling.records import Record, read_record, read_results
from gnn_sim2real.scaling.report import write_report
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.units import format_unit


def say_report(config: StudyConfig, console: Console) -> None:
    """Print the table, the data and the laws; write `summary.json` and `scaling_law.png`.

    Args:
        config: The study.
        console: Where to print.
    """
    records = read_results(config.records)
    data = data_cards(config, records)
    summary = write_report(Results(records, config.metric), config.folder, config.title, data)
    if config.overlays:
        _track(config, records, summary["laws"])
    table = _table(config.metric, summary)
    # A line that is longer than the terminal is better than a number cut short.
    width = console.width
    console.width = max(width, console.measure(table, options=console.options.update(width=200)).maximum)
    console.print(table)
    console.width = width
    for sentence in _say_data(data):
        console.print(f"\n{sentence}", highlight=False, soft_wrap=True)
    for law in summary["laws"]:
        if law["policy"] not in FINE_TUNING_POLICIES:  # the baselines' are in summary.json
            continue
        console.print(f"\n[bold]{model_name(law)}, m = {law['target_size']}[/]: {escape(law['text'])}", highlight=False)
    if not summary["laws"]:
        console.print("no scaling law yet: it needs at least four source sizes")
    console.print(f"\nrecords, summary.json and scaling_law.png are in {config.folder}")


def data_cards(config: StudyConfig, records: list[Record]) -> dict[str, Any]:
    """Cards of source and target of the cell with the largest source; empty where no record has them.

    Args:
        config: The study.
        records: Its records.
    """
    largest = max(records, key=lambda record: (record.cell.source_size, record.cell.target_size, record.key))
    return dict(read_record(config.records / f"{largest.key}.json").data)


def _say_data(data: dict[str, Any]) -> list[str]:
    """How much of the source the test removed, and how the crystals of the target were found."""
    sentences = []
    source, target = data.get("source"), data.get("target")
    if source and source["num_removed"]:
        removed = "a test material" if source["removed"]["what"] == "test" else "a material"
        sentences.append(
            f"{source['num_removed']:,} of {source['num_materials']:,} source materials were left out: by their "
            f"identity or formula they are {removed} of the target"
        )
    if target and target.get("match_kinds"):
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in target["match_kinds"].items())
        sentences.append(f"the structures of the {target['num_materials']:,} measured crystals were found by {kinds}")
    return sentences


def _table(metric: str, summary: dict[str, Any]) -> Table:
    unit = f" [{format_unit(summary['unit'])}]" if summary["unit"] else ""
    name = summary["property"].replace("_", " ")
    # Escaped, or rich takes the unit for one of its style tags.
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
            _source(row),
            f"{error['mean']:.4f}{interval}",
            *[f"{row['mae_nonzero']['mean']:.4f}" if "mae_nonzero" in row else ""] * nonzero,
            f"{r2['mean']:.3f}" if r2 else "",
            f"{row[metric]['num_repeats']}",
        )
    return table


def _source(row: dict[str, Any]) -> str:
    """Source size, or what a row has in place of one."""
    if row["source_size"]:
        return f"{row['source_size']:,}"
    return "from scratch" if row["policy"] in FINE_TUNING_POLICIES else "-"


def model_name(row: dict[str, Any]) -> str:
    """What a row of the table is about, in words.

    Args:
        row: Of the summary.
    """
    policy, architecture = str(row["policy"]), str(row["architecture"])
    growth = say_growth(str(row["growth"]))
    if policy == "none":
        return f"{architecture}, fine-tuned{growth}" if row.get("source_size", 1) else architecture
    name = policy.replace("_", " ")
    return (f"{architecture}, {name}" if architecture else name) + growth


def _track(config: StudyConfig, records: list[Record], laws: list[dict[str, Any]]) -> None:
    """Give the report to W&B, where an overlay asks for it."""
    from pathlib import Path

    from gnn_sim2real.study.stage import Stage
    from gnn_sim2real.study.tracking import log_report

    if project := Stage("finetune", Path(config.finetune), config).wandb_project:
        log_report(project, config.folder, records, laws)
