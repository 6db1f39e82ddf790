"""Learning curves from the runs of a project of W&B, read through W&B's own client."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from gnn_sim2real.records.curve_columns import find_columns
from gnn_sim2real.records.curve_table import CurveTable, TableOptions, tabulate_models
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.renamed import current_policy

logger = logging.getLogger(__name__)

PREFIX = "wandb:"
"""How a project of W&B is told from a path."""
_PATIENCE = 60
"""For an answer of the server [s]."""
_PER_PAGE = 200
_OWN = ("key", "policy", "source_size", "source_level", "target_size", "seed", "split", "property", "unit")
"""What the configuration of a cell's run has, see `gnn_sim2real.study.tracking`."""
_TEST = "test/"


class WandbRuns(NamedTuple):
    """The runs of a project.

    Attributes:
        results: The cells of studies of this package, as from `gnn_sim2real.records.results`; None if there are none.
        table: Runs of anybody else, by the names of their settings and results; None where there are cells.
    """

    results: pd.DataFrame | None
    table: CurveTable | None


class _Run(NamedTuple):
    name: str
    config: dict[str, Any]
    summary: dict[str, Any]


def read_wandb(path: Path, options: TableOptions) -> WandbRuns:
    """Read the finished runs of a project.

    Args:
        path: `wandb:ENTITY/PROJECT`.
        options: Which setting is the size, and which result the error.

    Raises:
        ValueError: If the project cannot be read, or has no runs with a size and an error.
    """
    project = str(path).removeprefix(PREFIX).strip("/")
    if project.count("/") != 1:
        raise ValueError(f"a project of W&B is given as {PREFIX}ENTITY/PROJECT, got {path}")
    runs, num_left = _finished(project)
    if num_left:
        logger.warning("%s: %d runs that have not finished are left out", path, num_left)
    if not runs:
        raise ValueError(f"{path} has no finished run")
    own = [run for run in runs if all(name in run.config for name in _OWN)]
    if own and options.is_default:
        return WandbRuns(_tabulate_cells(own, path), None)
    return WandbRuns(None, _tabulate_others(runs, path, options))


def _finished(project: str) -> tuple[list[_Run], int]:
    """The finished runs of a project, and the number of others."""
    try:
        import wandb
    except ModuleNotFoundError as error:
        raise ValueError(f"reading {PREFIX}{project} needs W&B: pip install wandb") from error
    try:
        found = list(wandb.Api(timeout=_PATIENCE).runs(project, lazy=False, per_page=_PER_PAGE))
        finished = [run for run in found if run.state == "finished"]
        runs = [_Run(str(run.name or run.id), dict(run.config), dict(run.summary_metrics)) for run in finished]
    except Exception as error:  # of the client, of its service and of the network, which differ between versions
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"W&B did not give the runs of {PREFIX}{project} ({reason}); check the name, and `wandb login`"
        ) from error
    return runs, len(found) - len(runs)


def _tabulate_cells(runs: Iterable[_Run], path: Path) -> pd.DataFrame:
    """The cells of studies, as their records tell them."""
    records = {}
    for name, config, summary in runs:
        metrics = {
            each.removeprefix(_TEST): value
            for each, value in _flat(summary).items()
            if each.startswith(_TEST) and isinstance(value, int | float)
        }
        if not metrics:
            continue
        try:
            cell = RecordKey(
                architecture=config.get("architecture") or "",
                policy=current_policy(config["policy"]),
                source_size=config["source_size"],
                source_level=str(config["source_level"]),
                target_size=config["target_size"],
                seed=config["seed"],
                split=config["split"],
                growth=config.get("growth") or "random",
                target_level="all" if config.get("target_level") == "all" else "",
                pretraining=config.get("pretraining") or "",
            )
            records[config["key"]] = Record(
                config["key"], cell, config["property"], config["unit"], {"num_test": float("nan")} | metrics, {}
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the configuration of the run {name!r} is damaged ({error})") from error
    if not records:
        raise ValueError(f"{path} has no run of a cell with a test error")
    results = tabulate_records(records.values())
    if len(results[["property", "unit"]].drop_duplicates()) > 1:
        raise ValueError(f"{path} has runs of several properties; a law needs one")
    return results


def _tabulate_others(runs: Iterable[_Run], path: Path, options: TableOptions) -> CurveTable:
    """Runs as the rows of a table: settings and results by their names, `model/width` for those within others."""
    rows, names = [], []
    for name, config, summary in runs:
        settings, results = _flat(config), {each: value for each, value in _flat(summary).items() if each[:1] != "_"}
        row = {f"config.{each}" if each in results else each: value for each, value in settings.items()}
        rows.append(row | results)
        names.append(name)
    frame = pd.DataFrame(rows, index=pd.Index(names, name="run"))
    found = find_columns([*frame], options.columns, rising=options.rising, source=str(path))
    needed = [found.columns["source_size"][0], found.columns["error"][0]]
    whole = frame.dropna(subset=needed)
    if len(whole) < len(frame):
        logger.warning(
            "%s: %d finished runs without %s are left out",
            path,
            len(frame) - len(whole),
            " or ".join(map(repr, needed)),
        )
    if whole.empty:
        raise ValueError(f"{path} has no finished run with both {needed[0]!r} and {needed[1]!r}")
    columns = [column for each in found.columns.values() for column in each]
    given = {role: each[0] for role, each in found.columns.items() if len(each) == 1}
    return tabulate_models(whole[columns], str(path), "run", TableOptions(given, options.rising, options.ceiling))


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers and texts by their names, also of mappings within."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = value
    return found
