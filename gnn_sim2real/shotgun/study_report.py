"""Report of a study of shotgun transfer: errors, and wins, losses and ties with intervals over draws."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.baselines.extra_trees import EXTRA_TREES
from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.files import read_sealed
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.shotgun.members import SCRATCH
from gnn_sim2real.shotgun.nested import BEST, ENSEMBLE, FROZEN, MEDIAN, ORACLE, WORST

RIVALS = (SCRATCH, EXTRA_TREES.title, CALIBRATED_SOURCE.title)
"""Methods that the ensemble and the best single source are compared with."""

METHODS = (ENSEMBLE, BEST, *RIVALS, FROZEN, ORACLE, MEDIAN, WORST)
"""All methods, in the order of the tables."""


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Read all records of a study.

    Args:
        folder: Folder of the records.

    Raises:
        ValueError: If one of them is damaged.
    """
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    try:
        return _with_current_names(read_sealed(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a record of a study of shotgun transfer ({error}); delete it, and the same command "
            "computes it again"
        ) from error


def _with_current_names(record: dict[str, Any]) -> dict[str, Any]:
    """A record of an earlier version with the current names."""
    errors = {_METHODS_BEFORE.get(name, name): error for name, error in record["errors"].items()}
    described = {name: [_member(each) for each in record.get(name, [])] for name in ("members", "candidates")}
    return record | {"errors": errors} | described


_METHODS_BEFORE = {"direct learning": SCRATCH}
_FINISHES_BEFORE = {"learned directly": SCRATCH}


def _member(described: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {"probe" if name == "way" else name: value for name, value in described.items()}
    return renamed | {"finish": _FINISHES_BEFORE.get(renamed["finish"], renamed["finish"])}


def summarize(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Errors and comparisons of each target and number of measurements, in plain types.

    Args:
        records: From `read_records`.
    """
    cells = [_summarize_cell(target, size, some) for (target, size), some in _by_cell(records)]
    verdicts = {
        size: {method: {rival: _count(cells, size, method, rival) for rival in RIVALS} for method in (ENSEMBLE, BEST)}
        for size in sorted({cell["size"] for cell in cells})
    }
    return {
        "cells": cells,
        "wins_losses_ties": {str(size): each for size, each in verdicts.items()},
        "settings": records[0]["settings"]["ranking"],
        "provenance": records[0]["provenance"],
        "draws": [
            {name: record[name] for name in ("target", "size", "draw", "errors", "promised", "members")}
            for record in records
        ],
    }


def print_study(records: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print a table of errors, and the wins and losses.

    Args:
        records: From `read_records`.
        console: Console to print on.
    """
    summary = summarize(records)
    for target in dict.fromkeys(cell["target"] for cell in summary["cells"]):
        cells = [cell for cell in summary["cells"] if cell["target"] == target]
        first, draws = cells[0], min(cell["draws"] for cell in cells)
        title = (
            f"{target}: mean absolute error{_bracket(first['unit'])} on {first['num_test']} test materials, mean and "
            f"90 % interval over {draws} draws; {first['num_models']} models"
        )
        console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(_table(cells))
        console.print()
    for size, methods in summary["wins_losses_ties"].items():
        for method, rivals in methods.items():
            counts = ", ".join(
                f"{rival} {each['wins']} won, {each['losses']} lost, {each['ties']} tied"
                for rival, each in rivals.items()
            )
            console.print(f"m = {size}, {method} against: {counts}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        "a target is won or lost if the 90 % interval of the paired difference over draws excludes zero; the draws "
        "share one test part, whose choice the intervals do not cover",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _bracket(unit: str) -> str:
    return f" [{unit}]" if unit else ""


def _table(cells: Sequence[Mapping[str, Any]]) -> Table:
    """Errors of one target: one row per method, one column per number of measurements."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("method")
    for cell in cells:
        table.add_column(f"m = {cell['size']}", justify="right")
    for name in (name for name in METHODS if any(name in cell["errors"] for cell in cells)):
        table.add_row(name, *(escape(_format_error(cell["errors"].get(name))) for cell in cells))
    return table


def _format_error(error: Sequence[float | None] | None) -> str:
    if error is None:
        return ""
    mean, low, high = error
    return f"{mean:.3g}" if low is None or high is None else f"{mean:.3g} [{low:.3g}, {high:.3g}]"


def _by_cell(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, int], list[Mapping[str, Any]]]]:
    cells: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for record in records:
        cells.setdefault((record["target"], record["size"]), []).append(record)
    yield from sorted(cells.items())


def _summarize_cell(target: str, size: int, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    methods = [name for name in METHODS if all(name in each["errors"] for each in records)]
    errors = {name: np.array([each["errors"][name] for each in records]) for name in methods}
    compared = {
        method: {rival: _plain(interval_of_mean(errors[method] - errors[rival])) for rival in RIVALS if rival in errors}
        for method in (ENSEMBLE, BEST)
    }
    promised = np.array([each["promised"] for each in records])
    return {
        "target": target,
        "size": size,
        "unit": records[0]["unit"],
        "draws": len(records),
        "num_test": records[0]["num_test"],
        "num_models": records[0]["num_models"],
        "errors": {name: _plain(_not_negative(interval_of_mean(each))) for name, each in errors.items()},
        "less_than": compared,
        "winners_curse": _plain(interval_of_mean(errors[FROZEN] - promised)),
    }


def _not_negative(interval: tuple[float, float, float]) -> tuple[float, float, float]:
    """Mean error and its interval, which does not reach below zero."""
    mean, low, high = interval
    return mean, max(low, 0.0), high


def _plain(interval: tuple[float, float, float]) -> list[float | None]:
    """For JSON, which has no NaN."""
    return [None if np.isnan(value) else round(value, 6) for value in interval]


def _count(cells: Sequence[Mapping[str, Any]], size: int, method: str, rival: str) -> dict[str, int]:
    found = {"wins": 0, "losses": 0, "ties": 0}
    for cell in cells:
        if cell["size"] == size and rival in cell["less_than"][method]:
            _, low, high = cell["less_than"][method][rival]
            won, lost = high is not None and high < 0, low is not None and low > 0
            found["wins" if won else "losses" if lost else "ties"] += 1
    return found
