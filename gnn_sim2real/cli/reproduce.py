"""`gnn-sim2real reproduce`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.config.options import take_option
from gnn_sim2real.console import open_console
from gnn_sim2real.files import has_keys, require_replaceable, write_json

if TYPE_CHECKING:
    from gnn_sim2real.reproduce.compare import CellPair

_HELP = """usage: gnn-sim2real reproduce NAME [--quick] [--measured FILE] [--output DIR] [--workers K] [--dry-run]
       gnn-sim2real reproduce list

A published study again: finds its data or makes them, says how long it will take, computes all cells, and compares each
with the published one. What is there already is not computed again, so that the same command goes on after a stop.

  --quick           one split, one seed, the largest sizes, and what needs no source: minutes in place of hours
  --measured FILE   your own export of the measurements, where they may not be passed on; whether they are the published
                    ones is told by hashes
  --output DIR      folder of the study, with report.html and comparison.json (default: runs/reproduce/NAME)
  --dry-run         only say what would be computed, and how long it takes by a few steps of each training
  and the options of `gnn-sim2real study run`, such as --workers 2 or --launcher ray"""

FILE = "comparison.json"
_SHOWN = 20


def reproduce_command(argv: list[str]) -> int:
    """Compute a published study again.

    Args:
        argv: Arguments after `gnn-sim2real reproduce`.

    Returns:
        Exit code: 1 if a cell failed or is missing.

    Raises:
        ValueError: If there is no such study, or its data are missing.
    """
    console = open_console()
    match argv:
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
        case ["list"]:
            return _list(console)
        case [name, *rest] if not name.startswith("-"):
            return _reproduce(name, rest, console)
    raise ValueError(f"name a published study before all else: `gnn-sim2real reproduce list` shows them; got {argv[0]}")


def _list(console: Console) -> int:
    from gnn_sim2real.records.published import read_published
    from gnn_sim2real.reproduce.catalog import STUDIES

    table = Table("name", "cells", "data", box=None, pad_edge=False, header_style="bold")
    for study in STUDIES.values():
        brought = [*([study.measured.name] if study.measured else []), *study.brought]
        data = [f"brought: {', '.join(brought)}"] if brought else []
        data += [f"made: {', '.join(study.made)}"] if study.made else []
        cells = len(read_published(study.result).records)
        table.add_row(*map(escape, (study.name, f"{cells:,}", "; ".join(data) or "in the package")))
    console.print(table)
    return 0


def _reproduce(name: str, argv: list[str], console: Console) -> int:
    from gnn_sim2real.cli.study import print_failures
    from gnn_sim2real.records.published import read_published
    from gnn_sim2real.records.record import read_records
    from gnn_sim2real.reproduce.catalog import STUDIES
    from gnn_sim2real.reproduce.compare import compare_cells
    from gnn_sim2real.reproduce.run import expect_seconds, provide_data, read_published_study
    from gnn_sim2real.study.config import RunOptions
    from gnn_sim2real.study.dry_run import print_dry_run
    from gnn_sim2real.study.kinds import make_resolver
    from gnn_sim2real.study.plan import make_plan
    from gnn_sim2real.study.report import print_report
    from gnn_sim2real.study.run import run_study
    from gnn_sim2real.study.status import format_time

    if name not in STUDIES:
        raise ValueError(f"there is no published study {name!r}; there are {', '.join(STUDIES)}")
    study = STUDIES[name]
    measured, argv = take_option(argv, "--measured")
    output, argv = take_option(argv, "--output")
    quick, dry = "--quick" in argv, "--dry-run" in argv
    argv = [word for word in argv if word not in ("--quick", "--dry-run")]
    folder = Path(output or f"runs/reproduce/{name}")
    file = folder / FILE
    require_replaceable(file, is_ours=lambda path: has_keys(path, "verdict", "cells"), advice="give another `--output`")

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    published = read_published(study.result)
    provide_data(study, measured, folder, say)
    config = read_published_study(study, folder, argv, quick=quick)
    resolver = make_resolver(config)
    plan = make_plan(config, resolver)
    keys = {job.key for job in plan.cells}
    same = sum(each.key in keys for each in published.records)
    say(
        f"{name}: {len(keys):,} cells, {same:,} of them published under the same key; {len(plan.models):,} pretrainings"
    )
    if (seconds := expect_seconds(plan, resolver, published.records)) is not None:
        say(f"about {format_time(seconds)} on one core, by the times that were published")
    if dry:
        print_dry_run(config, RunOptions(), console)
        return 0
    outcomes = run_study(config, RunOptions())
    if outcomes["failed"]:
        print_failures(config, outcomes["failed"], console)
    print_report(config, console)
    ours = [each for each in read_records(config.records) if each.key in keys]
    found = compare_cells(ours, published.records, len(keys), config.metric)
    write_json(file, found.to_json(config.metric))
    _print_pairs(found.pairs, console)
    say(found.verdict)
    say(f"comparison: {file}")
    return int(bool(outcomes["failed"]) or found.missing > 0)


def _print_pairs(pairs: "Sequence[CellPair]", console: Console) -> None:
    """The cells that differ most."""
    table = Table("cell", "here", "published", "difference", box=None, pad_edge=False, header_style="bold")
    for each in pairs[:_SHOWN]:
        cell = each.cell
        where = f"{cell.policy} {cell.architecture}".strip() + f", n = {cell.source_level}, m = {cell.target_size:g}"
        row = (f"{where}, split {cell.split}", f"{each.ours:.6g}", f"{each.published:.6g}")
        table.add_row(*map(escape, (*row, f"{100 * each.difference:+.2g} %")))
    console.print(table)
    if len(pairs) > _SHOWN:
        console.print(f"and {len(pairs) - _SHOWN:,} more, which differ less", highlight=False)
