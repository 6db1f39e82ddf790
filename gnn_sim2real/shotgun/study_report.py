"""Report of a study of shotgun transfer: errors, and wins, losses and ties with intervals over draws."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.baselines.extra_trees import EXTRA_TREES, MEDIAN_TREES
from gnn_sim2real.baselines.gaussian_process import GAUSSIAN_PROCESS
from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.files import read_sealed
from gnn_sim2real.metrics import correct_by_holm, interval_of_mean, log_ratio
from gnn_sim2real.shotgun.answer import ENSEMBLE, note_of_fewer
from gnn_sim2real.shotgun.members import PROCESS_WITH_LIBRARY
from gnn_sim2real.shotgun.networks import SCRATCH, frozen_name

EARLIER = "equal weights of good networks"
"""The ensemble of earlier versions: the networks within one standard error of the best."""

ORACLE, WORST, MEDIAN = "oracle, frozen", "worst, frozen", "median model, frozen"
"""Frozen models chosen in hindsight."""

RIVALS = (
    SCRATCH,
    EXTRA_TREES.title,
    MEDIAN_TREES.title,
    GAUSSIAN_PROCESS.title,
    PROCESS_WITH_LIBRARY,
    CALIBRATED_SOURCE.title,
    EARLIER,
)
"""Methods that the ensemble is compared with; every other member of it comes after them."""

DRAWN = (ENSEMBLE, SCRATCH, EXTRA_TREES.title, PROCESS_WITH_LIBRARY)
"""Methods in the figure."""

LEVEL = 0.05
"""Chance of even one false finding among all comparisons."""

_LAST = (ORACLE, MEDIAN, WORST)


def order_methods(names: Iterable[str]) -> list[str]:
    """Methods in the order of the tables: the ensemble, its rivals, its other members, and the choices in hindsight.

    Args:
        names: Names of methods.
    """
    there = dict.fromkeys(names)
    first = [name for name in (ENSEMBLE, *RIVALS) if name in there]
    last = [name for name in _LAST if name in there]
    return [*first, *sorted(there.keys() - {*first, *last}), *last]


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
    """A record of an earlier version with the current names of methods."""
    return record | {"errors": {_METHODS_BEFORE.get(name, name): error for name, error in record["errors"].items()}}


_METHODS_BEFORE = {"direct learning": SCRATCH, "first of the ranking, frozen": frozen_name(0)}


def summarize(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Errors and comparisons of each target and number of measurements, in plain types.

    Args:
        records: From `read_records`.
    """
    cells = [_summarize_cell(target, size, some) for (target, size), some in _by_cell(records)]
    verdicts = {
        size: {ENSEMBLE: {rival: _count(cells, size, rival) for rival in _rivals(cells)}}
        for size in sorted({cell["size"] for cell in cells})
    }
    names = ("target", "size", "draw", "errors", "fewer", "left_out", "promised", "members", "intervals")
    return {
        "cells": cells,
        "comparisons": compare_with_rivals(records),
        "log_error_ratio": {rival: _plain(_log_ratio(cells, rival)) for rival in _rivals(cells)},
        "wins_losses_ties": {str(size): each for size, each in verdicts.items()},
        "settings": records[0]["settings"]["ranking"],
        "provenance": records[0]["provenance"],
        "draws": [{name: record[name] for name in names if name in record} for record in records],
    }


def compare_with_rivals(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ensemble against each other method, but those chosen in hindsight, on every target and size.

    Args:
        records: From `read_records`.

    Returns:
        For each comparison the mean over draws of the logarithm of the ratio of errors, below zero where the ensemble
        is better, its p-value, and the one corrected by Holm for all comparisons.
    """
    found = []
    for (target, size), some in _by_cell(records):
        for rival in order_methods(name for name in some[0]["errors"] if all(name in each["errors"] for each in some)):
            if rival == ENSEMBLE or rival in _LAST:
                continue
            mean, p_value = log_ratio(_of_ensemble(some, rival), np.array([each["errors"][rival] for each in some]))
            found.append({"target": target, "size": size, "rival": rival, "log_ratio": round(mean, 6), "p": p_value})
    corrected = correct_by_holm(np.array([each["p"] for each in found]))
    return [each | {"p_corrected": float(value)} for each, value in zip(found, corrected, strict=True)]


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
        for cell in cells:
            for name, fewer in cell["fewer"].items():
                _print(console, f"m = {cell['size']}, {name}: {note_of_fewer(fewer)}")
        console.print()
    for size, methods in summary["wins_losses_ties"].items():
        for rival, each in methods[ENSEMBLE].items():
            counts = f"{each['wins']} won, {each['losses']} lost, {each['ties']} tied"
            _print(console, f"m = {size}, {ENSEMBLE} against: {rival} {counts}")
    comparisons = summary["comparisons"]
    sure = [each for each in comparisons if each["p_corrected"] < LEVEL]
    lost = [each for each in sure if each["log_ratio"] > 0]
    listed = "; ".join(f"{each['target']}, m = {each['size']}, against {each['rival']}" for each in lost)
    _print(
        console,
        f"after Holm's correction for {len(comparisons)} comparisons: {len(sure) - len(lost)} won, {len(lost)} lost"
        + (f" ({listed})" if listed else ""),
    )
    for cell in summary["cells"]:
        if cell["intervals"]["held"] is not None:
            held, widest = (100 * cell["intervals"][name] for name in ("held", "widest"))
            of_widest = f"{held:.0f} % within their intervals of 90 %, of the widest third {widest:.0f} %"
            _print(console, f"{cell['target']}, m = {cell['size']}: {of_widest}")
    _print(
        console,
        "a target is won or lost if the 90 % interval of the paired difference over draws excludes zero; the draws "
        "share one test part, whose choice the intervals do not cover",
    )


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _bracket(unit: str) -> str:
    return f" [{unit}]" if unit else ""


def _table(cells: Sequence[Mapping[str, Any]]) -> Table:
    """Errors of one target: one row per method, one column per number of measurements."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("method")
    for cell in cells:
        table.add_column(f"m = {cell['size']}", justify="right")
    for name in order_methods(chain(*(cell["errors"] for cell in cells))):
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
    methods = order_methods(name for name in records[0]["errors"] if all(name in each["errors"] for each in records))
    errors = {name: np.array([each["errors"][name] for each in records]) for name in methods}
    compared = {
        ENSEMBLE: {
            rival: _plain(interval_of_mean(_of_ensemble(records, rival) - errors[rival]))
            for rival in methods
            if rival not in (ENSEMBLE, *_LAST)
        }
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
        "fewer": {name: found for name in methods if (found := _fewer(records, name))},
        "less_than": compared,
        "winners_curse": _plain(interval_of_mean(errors[frozen_name(0)] - promised)),
        "intervals": _mean_intervals(records),
    }


def _of_ensemble(records: Sequence[Mapping[str, Any]], rival: str) -> NDArray[np.float64]:
    """Error of the ensemble in each draw, on the materials that a rival answers."""
    fewer = [each.get("fewer", {}).get(rival) for each in records]
    pairs = zip(records, fewer, strict=True)
    return np.array([each["errors"][ENSEMBLE] if few is None else few["ensemble"] for each, few in pairs])


def _fewer(records: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """On how many test materials a method that does not answer all was scored, a mean over draws."""
    found = [few for each in records if (few := each.get("fewer", {}).get(name))]
    if not found:
        return {}
    numbers = {key: round(float(np.mean([each[key] for each in found])), 6) for key in ("number", "of")}
    return numbers | {"ensemble": round(float(_of_ensemble(records, name).mean()), 6)}


def _mean_intervals(records: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over the draws of what is said of the intervals; None where a draw had too few measurements for them."""
    found = [each.get("intervals", {}) for each in records]
    means = {}
    for name in ("held", "widest", "width", "score"):
        values = [each.get(name) for each in found]
        means[name] = None if None in values else round(float(np.mean(values)), 6)
    return means


def _rivals(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    return order_methods(chain(*(cell["less_than"][ENSEMBLE] for cell in cells)))


def _log_ratio(cells: Sequence[Mapping[str, Any]], rival: str) -> tuple[float, float, float]:
    """Mean over the cells of the logarithm of the error of the ensemble over that of a rival, with its interval."""
    pairs = [
        (cell["fewer"].get(rival, {}).get("ensemble", cell["errors"][ENSEMBLE][0]), cell["errors"][rival][0])
        for cell in cells
        if rival in cell["errors"]
    ]
    return interval_of_mean(np.array([np.log(own / other) for own, other in pairs]))


def _not_negative(interval: tuple[float, float, float]) -> tuple[float, float, float]:
    """Mean error and its interval, which does not reach below zero."""
    mean, low, high = interval
    return mean, max(low, 0.0), high


def _plain(interval: tuple[float, float, float]) -> list[float | None]:
    """For JSON, which has no NaN."""
    return [None if np.isnan(value) else round(value, 6) for value in interval]


def _count(cells: Sequence[Mapping[str, Any]], size: int, rival: str) -> dict[str, int]:
    found = {"wins": 0, "losses": 0, "ties": 0}
    for cell in cells:
        if cell["size"] == size and rival in cell["less_than"][ENSEMBLE]:
            _, low, high = cell["less_than"][ENSEMBLE][rival]
            won, lost = high is not None and high < 0, low is not None and low > 0
            found["wins" if won else "losses" if lost else "ties"] += 1
    return found
