"""`gnn-sim2real reproduce`: a published study again."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_sim2real.config.command import Command

if TYPE_CHECKING:
    from rich.console import Console

    from gnn_sim2real.reproduce.compare import CellPair

FILE = "comparison.json"
_SHOWN = 20


def reproduce(
    name: str,
    *,
    quick: bool = False,
    measured: str | None = None,
    output: str | None = None,
    dry_run: bool = False,
    others: Sequence[str] = (),
) -> int:
    """Compute a published study again, and compare each cell with the published one.

    Its data are found or made, and it is said how long it will take. What is there already is not computed again, so
    that the same command goes on after a stop.

    Args:
        name: Name of the study; `reproduce list` shows all.
        quick: One split, one seed, the largest sizes, and what needs no source: minutes in place of hours.
        measured: Your own export of the measurements, where they may not be passed on; whether they are the published
            ones is told by hashes.
        output: Folder of the study, with report.html and comparison.json; runs/reproduce/NAME unless given.
        dry_run: Only say what would be computed, and how long it takes by a few steps of each training.
        others: Options of `study run`.

    Returns:
        Exit code: 1 if a cell failed or is missing.

    Raises:
        ValueError: If there is no such study, or its data are missing.
    """
    from gnn_sim2real.console import open_console

    console = open_console()
    if name == "list":
        return _list(console)
    from gnn_sim2real.cli.study import print_failures
    from gnn_sim2real.files import has_keys, require_replaceable, write_json
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
    folder = Path(output or f"runs/reproduce/{name}")
    file = folder / FILE
    require_replaceable(file, is_ours=lambda path: has_keys(path, "verdict", "cells"), advice="give another `--output`")

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    published = read_published(study.result)
    provide_data(study, measured, folder, say)
    config = read_published_study(study, folder, others, quick=quick)
    resolver = make_resolver(config)
    plan = make_plan(config, resolver)
    keys = {job.key for job in plan.cells}
    same = sum(each.key in keys for each in published.records)
    say(
        f"{name}: {len(keys):,} cells, {same:,} of them published under the same key; {len(plan.models):,} pretrainings"
    )
    if (seconds := expect_seconds(plan, resolver, published.records)) is not None:
        say(f"about {format_time(seconds)} on one core, by the times that were published")
    if dry_run:
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


def _list(console: "Console") -> int:
    from rich.markup import escape
    from rich.table import Table

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


def _print_pairs(pairs: "Sequence[CellPair]", console: "Console") -> None:
    """The cells that differ most."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("cell", "here", "published", "difference", box=None, pad_edge=False, header_style="bold")
    for each in pairs[:_SHOWN]:
        cell = each.cell
        where = f"{cell.policy} {cell.architecture}".strip() + f", n = {cell.source_level}, m = {cell.target_size:g}"
        row = (f"{where}, split {cell.split}", f"{each.ours:.6g}", f"{each.published:.6g}")
        table.add_row(*map(escape, (*row, f"{100 * each.difference:+.2g} %")))
    console.print(table)
    if len(pairs) > _SHOWN:
        console.print(f"and {len(pairs) - _SHOWN:,} more, which differ less", highlight=False)


COMMAND = Command(
    "many models",
    "a published study again, compared cell by cell",
    reproduce,
    examples={
        "reproduce list": "the published studies",
        "reproduce chi --quick": "a part of one",
        "reproduce chi --workers 2": "all of it, in two processes",
    },
    notes={
        "": lambda: "The options of `gnn-sim2real study run` are read as well, such as --workers 2 or\n--launcher ray."
    },
)
