"""`gnn-sim2real bench`: the benchmark of sim-to-real scaling."""

from pathlib import Path

from gnn_sim2real.config.command import Command


def list_() -> None:
    """Show the tasks: what each asks, which published encoders they have, and where their tables come from."""
    from rich.markup import escape
    from rich.table import Column, Table

    from gnn_sim2real.bench.catalog import describe_tasks
    from gnn_sim2real.console import open_console

    table = Table(Column("task", no_wrap=True), "question", "cells", "published", "tables", box=None, pad_edge=False)
    for each in describe_tasks():
        table.add_row(*map(escape, each))
    open_console().print(table)


def report(entry: Path, *, json: bool = False, figure: Path | None = None) -> None:
    """Put an entry beside the published ones: error, law, forecast and compute of each.

    Args:
        entry: Output folder of a study of a task, or a submission.
        json: Print JSON instead of text.
        figure: Also draw the curves as PATH.png and PATH.svg.
    """
    import sys
    from json import dumps

    from rich.console import Console

    from gnn_sim2real.bench.scores import score
    from gnn_sim2real.bench.submission import make_submission, read_submission
    from gnn_sim2real.bench.text import print_scores
    from gnn_sim2real.files import is_own_figure, require_replaceable
    from gnn_sim2real.records.law_figure import draw_laws, figure_files
    from gnn_sim2real.study.bench_task import find_task

    if figure is not None:
        require_replaceable(*figure_files(figure), is_ours=is_own_figure)
    console = Console(quiet=json, soft_wrap=True, highlight=False)
    content, problems = make_submission(entry) if entry.is_dir() else (read_submission(entry), [])
    scores = score(find_task(content["task"]), [("run" if entry.is_dir() else "submission", content)])
    print_scores(scores, console)
    for each in problems:
        console.print(f"not to be submitted: the task fixes {each}", markup=False)
    if figure is not None:
        quantity = f"{scores.metric.upper()} of {scores.property.replace('_', ' ')}"
        files = draw_laws(scores.curves, quantity, scores.unit, figure)
        console.print(f"figure: {' and '.join(map(str, files))}")
    if json:
        sys.stdout.write(dumps(scores.to_dict() | {"problems": problems}, indent=1, allow_nan=False) + "\n")


def submit(folder: Path, *, output: Path, name: str = "", url: str = "", overwrite: bool = False) -> None:
    """Write the submission of an entry, once it is whole and all that its task fixes is as it should be.

    Args:
        folder: Output folder of a study of a task.
        output: The JSON.
        name: Name of the entry; that of the encoder unless given.
        url: Where its code is, https://...
        overwrite: Replace a file that is not a submission.

    Raises:
        ValueError: If it is not an entry.
    """
    from gnn_sim2real.bench.submission import check_submission, make_submission
    from gnn_sim2real.console import open_console
    from gnn_sim2real.files import has_keys, require_replaceable, write_json

    require_replaceable(output, is_ours=lambda path: has_keys(path, "submission", "cells"), overwrite=overwrite)
    content, problems = make_submission(folder, name, url)
    if problems:
        raise ValueError(f"{folder} cannot be submitted: the task {content['task']} fixes {'; and '.join(problems)}")
    check_submission(content)
    write_json(output, content)
    open_console().print(f"submission: {output}", markup=False, highlight=False, soft_wrap=True)


COMMAND = Command(
    "many models",
    "the benchmark of sim-to-real scaling: your encoder beside the published ones",
    {"list": list_, "report": report, "submit": submit},
    examples={
        "bench list": "the tasks",
        "bench report runs/bench/density_open": "how my encoder does beside the published ones",
        "bench report submission.json --figure bench": "the same of a submission, drawn",
        "bench submit runs/bench/density_open --output my_encoder.json": "write a submission",
    },
)
