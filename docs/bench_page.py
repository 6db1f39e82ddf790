"""Scores all entries of the benchmark and writes its leaderboard: `python docs/bench_page.py`.

Entries are the published results of the tasks and the submissions in `benchmarks/submissions`. The numbers go to
`benchmarks/results/leaderboard.json`, with the hash of each file that they were made of, and from there to the page.
"""

import contextlib
import io
import math
from pathlib import Path
from typing import Any

from gnn_sim2real.bench.catalog import TITLES
from gnn_sim2real.bench.scores import Parameter, Score, Scores, score
from gnn_sim2real.bench.submission import read_submission
from gnn_sim2real.bench.text import HEADINGS, cells, notes
from gnn_sim2real.cli.main import main as command
from gnn_sim2real.files import file_sha256, write_json
from gnn_sim2real.records.curves import Estimate
from gnn_sim2real.study.bench_task import find_task, task_names
from gnn_sim2real.units import format_unit

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("leaderboard.md")
SUBMISSIONS = ROOT / "benchmarks/submissions"
GUIDE, EXAMPLE = PAGE.with_name("bench.md"), SUBMISSIONS / "neighbor_mean_density_open_quick.json"
RESULT = ROOT / "benchmarks/results/leaderboard.json"

_START = """# Leaderboard

Written by `python docs/bench_page.py` from `benchmarks/results/leaderboard.json`, which it makes of the published
results and of `benchmarks/submissions`. [How to enter](bench.md).

An error is the geometric mean of the test {metric} at the largest source, with its 90 % interval; `behind the first` is
the paired difference to the first row, and a `tie` cannot be told from it. A rank is 1 + the number of rows whose error
is lower by more than the interval of the paired difference, which chance alone makes in one of twenty comparisons. Rows
with one rank have no order, and neither have alphas and Cs with a `?`, which the data do not identify. Rows without a
law are reference lines: networks from scratch and simple methods on the same data. A submission is what its author
says: whoever has the encoder computes its cells again by the same command.
"""


def compute(names: list[str]) -> dict[str, Any]:
    """Score the entries of tasks.

    Args:
        names: Names of the tasks.
    """
    submissions = [read_submission(path) for path in sorted(SUBMISSIONS.glob("*.json"))]
    found = []
    for name in names:
        own = [("submission", each) for each in submissions if each["task"] == name]
        found.append(score(find_task(name), own).to_dict())  # type: ignore[arg-type]
    return {"made_of": made_of(names), "tasks": found}


def made_of(names: list[str]) -> dict[str, str]:
    """SHA-256 of the files that the scores of tasks are made of, by their path.

    Args:
        names: Names of the tasks.
    """
    results = sorted({f"{find_task(name).result}.json" for name in names})
    files = [*(RESULT.with_name(each) for each in results), *sorted(SUBMISSIONS.glob("*.json"))]
    return {path.relative_to(ROOT).as_posix(): file_sha256(path) for path in files}


def page(content: dict[str, Any]) -> str:
    """The text of the page.

    Args:
        content: From `compute`.
    """
    parts = [_START.format(metric=content["tasks"][0]["metric"].upper())]
    for task in content["tasks"]:
        rows = tuple(map(_read, task["rows"]))
        scores = Scores(**{**task, "rows": rows, "curves": {}})
        unit = f" [{format_unit(scores.unit)}]" if scores.unit else ""
        lines = [f"## {scores.task}", "", f"{TITLES[scores.task]} Errors{unit}.", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
        lines += [f"| {' | '.join(cells(row))} |" for row in rows]
        lines += ["", *(f"{line[0].upper()}{line[1:]}." for line in notes(scores)[1:])]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _read(row: dict[str, Any]) -> Score:
    estimates = {name: _estimate(row[name]) for name in ("error", "behind")}
    parameters = {name: row[name] and Parameter(**row[name]) for name in ("rate", "limit")}
    forecast = row["forecast"] and tuple(row["forecast"])
    return Score(**{**row, **estimates, **parameters, "forecast": forecast})


def _estimate(content: dict[str, Any] | None) -> Estimate | None:
    return content and Estimate(**{name: math.nan if each is None else each for name, each in content.items()})


def guide() -> str:
    """The page on the benchmark with what its example of a report prints."""
    text = GUIDE.read_text(encoding="utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        command(["bench", "report", str(EXAMPLE)])
    shown = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
    start = text.index("```text\n", text.index(f"bench report benchmarks/submissions/{EXAMPLE.name}")) + len(
        "```text\n"
    )
    return f"{text[:start]}{shown.strip()}{text[text.index(chr(10) + '```', start) :]}"


if __name__ == "__main__":
    scored = compute(task_names())
    write_json(RESULT, scored)
    PAGE.write_text(page(scored), encoding="utf-8")
    GUIDE.write_text(guide(), encoding="utf-8")
