"""`gnn-sim2real study run | status | report`."""

from pathlib import Path

from jsonargparse import ArgumentParser
from rich.console import Console

from gnn_sim2real.config.options import parse_options, take_options
from gnn_sim2real.console import open_console
from gnn_sim2real.study.config import JobsConfig, load_saved_config, read_study
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.report import print_report

_HELP = """usage: gnn-sim2real study run -c STUDY.yaml [-c OVERLAY.yaml ...] [--workers K] [--output DIR] [options]
       gnn-sim2real study status DIR
       gnn-sim2real study report DIR [--publish PATH] [--overwrite]

run     compute all cells of the study that have no record yet, then report; after a stop, the same command resumes
          --launcher serial | processes | ray   in this process, in --workers K processes, on a Ray cluster (--address)
          --shard i/N                           one of N shards, e.g. as one job of a SLURM array
          --dry-run                             print what would be computed and how long it would take
          --retry-failed                        compute cells again that failed before
          --reuse FILE.json                     reuse the cells of a published result
status  how many cells are done, running, failed and waiting, and how long it will take; also while the study runs
report  print table and scaling law of the records so far; write to DIR report.html, one page that needs no network
        (curves, laws, forecast, plan, data, settings), summary.json, and the figures as PNG and SVG

A STUDY.yaml names the YAMLs of its pretraining and fine-tuning and the axes of its grid. Further `-c` files, such as
configs/wandb.yaml, apply to both stages. `gnn-sim2real study run --help` lists all options."""


def study_command(argv: list[str]) -> int:
    """Run a study command.

    Args:
        argv: Arguments after `gnn-sim2real study`.

    Returns:
        Exit code: 1 if a cell failed.

    Raises:
        ValueError: If there is no such command.
    """
    console = open_console()
    match argv:
        case ["run", *rest]:
            return _run(rest, console)
        case ["status", *rest]:
            return _status(rest, console)
        case ["report", *rest]:
            return _report_again(rest, console)
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
    raise ValueError(f"there is no command `study {argv[0]}`; choose run, status or report")


def _run(argv: list[str], console: Console) -> int:
    from gnn_sim2real.study.run import run_study

    files, argv = take_options(argv, "-c", "--config")
    study, options = read_study(files, argv)
    if options.dry_run:
        from gnn_sim2real.study.dry_run import print_dry_run

        print_dry_run(study, options, console)
        return 0
    outcomes = run_study(study, options)
    console.print(f"{outcomes['done']} cells computed, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if any(study.records.glob("*.json")):
        print_report(study, console)
    if outcomes["failed"]:
        print_failures(study, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)


def print_failures(study: JobsConfig, count: int, console: Console) -> None:
    """Print the first few failures, one line each, and what to do.

    Args:
        study: The study.
        count: Number of failed cells.
        console: Console to print on.
    """
    failures = Failures(study.failures)
    keys = sorted(failures.keys())
    console.print(f"\n[bold red]{count} cells failed[/]; tracebacks and configurations are in {study.failures}")
    for key in keys[:5]:
        console.print(f"  {key[:8]} {failures.sentence(key)}", markup=False, highlight=False, soft_wrap=True)
    if len(keys) > 5:
        console.print(f"  and {len(keys) - 5} more")
    console.print("once the cause is fixed, run the same command with --retry-failed")


def _status(argv: list[str], console: Console) -> int:
    from gnn_sim2real.study.kinds import load_saved_jobs
    from gnn_sim2real.study.status import print_status

    parser = ArgumentParser(prog="gnn-sim2real study status", description="Show the progress of a study.")
    parser.add_argument("folder", type=Path, help="output folder of the study")
    print_status(load_saved_jobs(parse_options(parser, argv).folder), console)
    return 0


def _report_again(argv: list[str], console: Console) -> int:
    from gnn_sim2real.study.published import publish, require_publishable

    parser = ArgumentParser(
        prog="gnn-sim2real study report", description="Write table, laws, page and figures of the records so far."
    )
    parser.add_argument("folder", type=Path, help="output folder of the study")
    parser.add_argument("--publish", type=Path | None, default=None, help="also write PUBLISH.json and PUBLISH.png")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are not a published result")
    arguments = parse_options(parser, argv)
    config = load_saved_config(arguments.folder)
    if arguments.publish:
        require_publishable(arguments.publish, arguments.overwrite)
    print_report(config, console)
    if arguments.publish:
        publish(config, arguments.publish)
    return 0
