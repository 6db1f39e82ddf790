"""`gnn-sim2real study`: a grid of pretrainings and fine-tunings, and its scaling law."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_sim2real.config.command import Command, describe_settings
from gnn_sim2real.config.options import take_options

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser
    from rich.console import Console

    from gnn_sim2real.study.config import JobsConfig


def run(*, others: Sequence[str]) -> int:
    """Compute all cells of a study that have no record yet, then report. After a stop, the same command resumes.

    A STUDY.yaml names the YAMLs of its pretraining and fine-tuning and the axes of its grid; each of its settings is an
    option as well. Further `-c` files, such as configs:wandb.yaml, apply to both stages.

    Args:
        others: YAMLs and options.

    Returns:
        Exit code: 1 if a cell failed.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.study.config import read_study

    console = open_console()
    study, options = read_study(*take_options(others, "-c", "--config"))
    if options.dry_run:
        from gnn_sim2real.study.dry_run import print_dry_run

        print_dry_run(study, options, console)
        return 0
    from gnn_sim2real.study.report import print_report
    from gnn_sim2real.study.run import run_study

    outcomes = run_study(study, options)
    console.print(f"{outcomes['done']} cells computed, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if any(study.records.glob("*.json")):
        print_report(study, console)
    if outcomes["failed"]:
        print_failures(study, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)


def print_failures(study: "JobsConfig", count: int, console: "Console") -> None:
    """Print the first few failures, one line each, and what to do.

    Args:
        study: The study.
        count: Number of failed cells.
        console: Console to print on.
    """
    from gnn_sim2real.study.failures import Failures

    failures = Failures(study.failures)
    keys = sorted(failures.keys())
    console.print(f"\n[bold red]{count} cells failed[/]; tracebacks and configurations are in {study.failures}")
    for key in keys[:5]:
        console.print(f"  {key[:8]} {failures.sentence(key)}", markup=False, highlight=False, soft_wrap=True)
    if len(keys) > 5:
        console.print(f"  and {len(keys) - 5} more")
    console.print("once the cause is fixed, run the same command with --retry-failed")


def status(folder: Path) -> None:
    """Show how many cells are done, running, failed and waiting, and the time left; also while the study runs.

    Args:
        folder: Output folder of the study.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.study.kinds import load_saved_jobs
    from gnn_sim2real.study.status import print_status

    print_status(load_saved_jobs(folder), open_console())


def report(folder: Path, *, publish: Path | None = None, overwrite: bool = False) -> None:
    """Print table and scaling law of the records so far, and write them into the folder.

    Written are report.html (one page that needs no network: curves, laws, forecast, plan, data, settings),
    summary.json, and the figures as PNG and SVG.

    Args:
        folder: Output folder of the study.
        publish: Also write PATH.json, from which others read all cells, and PATH.png.
        overwrite: Replace files that are not a published result.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.study import published
    from gnn_sim2real.study.config import load_saved_config
    from gnn_sim2real.study.report import print_report

    config = load_saved_config(folder)
    if publish:
        published.require_publishable(publish, overwrite)
    print_report(config, open_console())
    if publish:
        published.publish(config, publish)


def _add_settings(parser: "ArgumentParser") -> None:
    from gnn_sim2real.study.config import StudyConfig, add_encoder_option, add_reuse_option, add_run_options

    add_run_options(parser)
    add_reuse_option(parser)
    add_encoder_option(parser)
    describe_settings(parser, StudyConfig)


COMMAND = Command(
    "many models",
    "a grid of pretrainings and fine-tunings, and its scaling law",
    {"run": run, "status": status, "report": report},
    examples={
        "study run -c configs:polymer/density_open/quick.yaml --workers 2": "a first study, from simulated densities",
        "study run -c STUDY.yaml --dry-run": "what would be computed, and how long it would take",
        "study run -c STUDY.yaml -c configs:wandb.yaml": "watch it on Weights & Biases",
        "study status runs/study": "how far it is",
        "study report runs/study --publish results/mine": "the report again, and a file of all cells for others",
    },
    settings={"run": _add_settings},
)
