"""`gnn-sim2real study run | status | report`."""

from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.scaling.curves import Results
from gnn_sim2real.scaling.records import Record, read_results
from gnn_sim2real.scaling.report import write_report
from gnn_sim2real.study.config import StudyConfig, load_kept_config, read_study
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.grid import FINE_TUNING_POLICIES
from gnn_sim2real.units import format_unit

_HELP = """usage: gnn-sim2real study run -c STUDY.yaml [-c OVERLAY.yaml ...] [--workers K] [--output DIR] [options]
       gnn-sim2real study status DIR
       gnn-sim2real study report DIR [--publish PATH]

run     computes all cells of the study that have no record yet, then reports; the same command goes on after a stop
          --launcher serial | processes | ray   in this process, in --workers K processes, on a Ray cluster (--address)
          --shard i/N                           one of N parts, e.g. as one job of a SLURM array
          --dry-run                             says what would be computed and how long it would take
          --retry-failed                        tries cells again that failed before
          --known FILE.json                     takes over the cells of a published result
status  says how many cells are done, running, failed and waiting, and how long it will take; also while the study runs
report  table, scaling law in words, scaling_law.png and summary.json from the records that are there

A STUDY.yaml names the YAMLs of its pretraining and fine-tuning and the axes of its grid. Further `-c` files, such as
configs/wandb.yaml, are laid over both stages. `gnn-sim2real study run --help` lists all options."""


def study_command(words: list[str]) -> int:
    """Run a study command.

    Args:
        words: What follows `gnn-sim2real study`.

    Returns:
        Exit code: 1 if a cell failed.
    """
    console = Console()
    match words:
        case ["run", *rest]:
            return _run(rest, console)
        case ["status", *rest]:
            return _status(rest, console)
        case ["report", *rest]:
            return _report_again(rest, console)
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
    raise ValueError(f"`gnn-sim2real study` knows run, status and report, got {words[0]!r}")


def _run(words: list[str], console: Console) -> int:
    from gnn_sim2real.study.run import run_study

    files, words = _split_config(words)
    study, options = read_study(files, words)
    if options.dry_run:
        from gnn_sim2real.study.dry_run import say_plan

        say_plan(study, options, console)
        return 0
    if options.known is not None:
        from gnn_sim2real.study.published import take_over

        console.print(f"{take_over(options.known, study.records)} records taken over from {options.known}")
    outcomes = run_study(study, options)
    console.print(f"{outcomes['done']} cells computed, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if any(study.records.glob("*.json")):
        _report(study, console)
    if outcomes["failed"]:
        _say_failures(study, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)


def _say_failures(study: StudyConfig, count: int, console: Console) -> None:
    """The first few failures in a line each, and what to do."""
    failures = Failures(study.failures)
    keys = sorted(failures.keys())
    console.print(f"\n[bold red]{count} cells failed[/]; tracebacks and configurations are in {study.failures}")
    for key in keys[:5]:
        console.print(f"  {key[:8]} {failures.sentence(key)}", markup=False, highlight=False, soft_wrap=True)
    if len(keys) > 5:
        console.print(f"  and {len(keys) - 5} more")
    console.print("once the cause is gone: the same command with --retry-failed")


def _split_config(words: list[str]) -> tuple[list[str], list[str]]:
    """The files after `-c` or `--config`, and the other words."""
    files, options, rest = [], [], iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in ("-c", "--config"):
            file = value if equals else next(rest, None)
            if file is None:
                raise ValueError(f"`{name}` needs a file")
            files.append(file)
        else:
            options.append(word)
    return files, options


def _status(words: list[str], console: Console) -> int:
    from gnn_sim2real.study.status import say_status

    parser = ArgumentParser(prog="gnn-sim2real study status", description="How far a study is; also while it runs.")
    parser.add_argument("folder", type=Path, help="output folder of the study")
    say_status(load_kept_config(parser.parse_args(words).folder), console)
    return 0


def _report_again(words: list[str], console: Console) -> int:
    parser = ArgumentParser(
        prog="gnn-sim2real study report", description="Table, law and figure of the records so far."
    )
    parser.add_argument("folder", type=Path, help="output folder of the study")
    parser.add_argument("--publish", type=Path | None, default=None, help="also write PUBLISH.json and PUBLISH.png")
    arguments = parser.parse_args(words)
    config = load_kept_config(arguments.folder)
    _report(config, console)
    if arguments.publish:
        from gnn_sim2real.study.published import publish

        publish(config, arguments.publish)
    return 0


def _report(config: StudyConfig, console: Console) -> None:
    """Print the table and the law, write the files."""
    records = read_results(config.records)
    summary = write_report(Results(records, config.metric), config.folder, config.title)
    if config.overlays:
        _track(config, records, summary["laws"])
    unit = f" [{format_unit(summary['unit'])}]" if summary["unit"] else ""
    name = summary["property"].replace("_", " ")
    # Escaped, or rich takes the unit for one of its style tags.
    title = escape(f"Test {config.metric.upper()} of {name}{unit}, mean and 90 % interval over splits and seeds")
    table = Table(title=title, box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    for heading in ("m", "model", "source n", config.metric.upper(), "R2", "runs"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for row in summary["rows"]:
        error, r2 = row[config.metric], row.get("r2")
        interval = "" if error["low"] is None else f" [{error['low']:.4f}, {error['high']:.4f}]"
        table.add_row(
            str(row["target_size"]),
            model_name(row),
            _source(row),
            f"{error['mean']:.4f}{interval}",
            f"{r2['mean']:.3f}" if r2 else "",
            f"{row[config.metric]['num_repeats']}",
        )
    console.print(table)
    for law in summary["laws"]:
        if law["policy"] not in FINE_TUNING_POLICIES:  # the baselines' are in summary.json
            continue
        console.print(f"\n[bold]{model_name(law)}, m = {law['target_size']}[/]: {escape(law['text'])}", highlight=False)
    if not summary["laws"]:
        console.print("no scaling law yet: it needs at least four source sizes")
    console.print(f"\nrecords, summary.json and scaling_law.png are in {config.folder}")


def _track(config: StudyConfig, records: list[Record], laws: list[dict[str, Any]]) -> None:
    """Give the report to W&B, where an overlay asks for it."""
    from gnn_sim2real.study.stage import Stage
    from gnn_sim2real.study.tracking import log_report

    if project := Stage("finetune", config).wandb_project:
        log_report(project, config.folder, records, laws)


def _source(row: dict[str, Any]) -> str:
    """Source size, or what a row has in place of one."""
    if row["source_size"]:
        return f"{row['source_size']:,}"
    return "from scratch" if row["policy"] == "none" else "-"


def model_name(row: dict[str, Any]) -> str:
    """What a row of the table is about, in words."""
    policy, architecture = str(row["policy"]), str(row["architecture"])
    if policy == "none":
        return f"{architecture}, fine-tuned" if row.get("source_size", 1) else architecture
    name = policy.replace("_", " ")
    return f"{architecture}, {name}" if architecture else name
