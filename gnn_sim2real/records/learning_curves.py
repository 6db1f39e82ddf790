"""Learning curves from a table, the folder of a study, its published JSON or W&B, in one form for all fits."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gnn_sim2real.files import parse_json
from gnn_sim2real.law.fit import MIN_SIZES
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.curve_table import TableOptions, read_curve_table
from gnn_sim2real.records.curves import CurveLabel, Kind, curve_name, group_curves, model_name
from gnn_sim2real.records.laws import Grid, is_scratch, least_limit, read_grids, read_models
from gnn_sim2real.records.material_pulls import METRICS_OF_MATERIALS, PublishedPulls
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.results import read_results, tabulate_records
from gnn_sim2real.records.wandb_curves import PREFIX, read_wandb
from gnn_sim2real.renamed import current_policy
from gnn_sim2real.tables.table import TABLE_SUFFIXES
from gnn_sim2real.tasks.policies import find_policies

logger = logging.getLogger(__name__)

ERRORS = (*(name for name in METRICS if name != "r2"), "error")
"""What a law can be fitted to."""
_DEFAULT = TableOptions()
_SHOWN = 10
"""Curves with too few sizes that are named."""


@dataclass(frozen=True)
class LearningCurves:
    """Curves of one error of one property.

    Attributes:
        path: The file or folder.
        quantity: Label of the error, for a figure.
        unit: Unit of the errors; empty if unknown.
        curves: Models of each curve, at one target size each.
        grids: Models at all target sizes of each kind.
    """

    path: Path
    quantity: str
    unit: str
    curves: dict[CurveLabel, Models]
    grids: dict[Kind, Grid]

    @property
    def name(self) -> str:
        """Name of the file or folder."""
        return self.path.stem

    def long_curves(self) -> dict[CurveLabel, Models]:
        """The curves with enough source sizes for a law.

        Raises:
            ValueError: If there is none.
        """
        found = {label: models for label, models in self.curves.items() if models.num_sizes() >= MIN_SIZES}
        if not found:
            raise _too_few(self.curves.values(), self.short_curves())
        return found

    def short_curves(self) -> dict[str, tuple[float, ...]]:
        """The curves with too few source sizes for a law: the sizes of each, by its name."""
        return {
            curve_name(label) or self.name: tuple(np.unique(np.asarray(models.source_sizes, dtype=float)).tolist())
            for label, models in self.curves.items()
            if models.num_sizes() < MIN_SIZES
        }

    def only_grid(self) -> tuple[Grid, dict[CurveLabel, Models]]:
        """The only grid with enough source sizes for a law, and its curves.

        Raises:
            ValueError: If there is none, or several.
        """
        grids = {kind: grid for kind, grid in self.grids.items() if grid.models.num_sizes() >= MIN_SIZES}
        if len(grids) > 1:
            names = "; ".join(map(model_name, grids))
            raise ValueError(f"a plan needs one architecture and policy; choose by --architecture or --policy: {names}")
        if not grids:
            raise _too_few(grid.models for grid in self.grids.values())
        ((kind, grid),) = grids.items()
        return grid, {label: models for label, models in self.curves.items() if label.kind == kind}


def _too_few(found: Iterable[Models], short: Mapping[str, Sequence[float]] | None = None) -> ValueError:
    most = max((models.num_sizes() for models in found), default=0)
    text = f"a scaling law needs at least {MIN_SIZES} different source sizes, found {most}"
    if short and len(short) > 1:
        text += f" in each of {len(short)} curves: {describe_short(short)}"
    return ValueError(text)


def describe_short(short: Mapping[str, Sequence[float]]) -> str:
    """The curves with too few sizes, with these.

    Args:
        short: From `LearningCurves.short_curves`.
    """
    shown = list(short.items())[:_SHOWN]
    listed = "; ".join(f"{name} ({', '.join(map(format_size, sizes))})" for name, sizes in shown)
    return listed + (f"; and {len(short) - len(shown)} more" if len(short) > len(shown) else "")


def name_curves(inputs: Sequence[LearningCurves]) -> dict[str, Models]:
    """The curves of several files and folders with enough source sizes for a law, by names that tell them apart.

    Args:
        inputs: What was read.
    """
    named: dict[str, Models] = {}
    for read in inputs:
        for label, models in read.curves.items():
            name = curve_name(label)
            name = f"{read.name}: {name}" if name and len(inputs) > 1 else name or read.name
            if name in named:
                name = f"{read.path}: {name}"
            if models.num_sizes() >= MIN_SIZES:
                named[name] = models
    return named


def read_learning_curves(
    path: Path,
    *,
    metric: str | None = None,
    policies: Collection[str] | None = None,
    architecture: str | None = None,
    target_size: float | None = None,
    table: TableOptions = _DEFAULT,
) -> LearningCurves:
    """Read learning curves.

    Args:
        path: A table (CSV, TSV, Excel, JSON, parquet) with the columns source_size and error, optionally target_size,
            seed, split, architecture, weight and error_std, or what people call them; or the folder of a study; or the
            JSON written by `study report --publish`; or `wandb:ENTITY/PROJECT`, the runs of a project of W&B.
        metric: Which error of a study to read: mae, rmse, mae_nonzero, or error, that of a `ScalingLawCallback` whose
            `monitor` has another name; mae, or error where there is no mae, unless given.
        policies: Policies of a study to read, by their names of this or an earlier version; all fine-tuning policies
            unless given.
        architecture: Only architecture to read; all unless given.
        target_size: Only target size to read; all unless given.
        table: How a table is read.

    Raises:
        ValueError: If the path does not exist, is something else, or has no such models.
    """
    if metric is not None and metric not in ERRORS:
        raise ValueError(f"metric must be {', '.join(ERRORS[:-1])} or {ERRORS[-1]}, got {metric!r}")
    materials: Path | PublishedPulls | None = None
    own_labels = True
    runs = read_wandb(path, table) if str(path).startswith(PREFIX) else None
    found_table = runs.table if runs else read_curve_table(path, table) if _is_table(path) else None
    if found_table is not None:
        _refuse_of_study(path, metric, policies)
        results, quantity, unit = found_table.results, found_table.quantity, found_table.unit
        metric, wanted_policies, own_labels = "error", [""], found_table.has_labels
    else:
        if not table.is_default:
            raise ValueError(f"{path} is a study, whose columns are known: leave out --columns, --rising and --ceiling")
        results, materials = (runs.results, None) if runs and runs.results is not None else _read_study(path)
        metric, first = _choose_metric(metric, results, path), results.iloc[0]
        word = metric if metric == "error" else metric.upper()
        quantity, unit = f"{word} of {first['property'].replace('_', ' ')}", first["unit"]
        found = {*results["policy"]}
        wanted_policies = [*find_policies()] if policies is None else [current_policy(name) for name in policies]
        if not found & {*wanted_policies}:
            raise ValueError(f"{path} has no policy {', '.join(wanted_policies)}; it has {', '.join(sorted(found))}")
    kept = results["policy"].isin(wanted_policies) | is_scratch(results)
    for name, wanted in (("architecture", architecture), ("target_size", target_size)):
        if wanted is not None:
            kept &= results[name] == wanted
    chosen = results[kept].dropna(subset=[metric])
    if not len(chosen):
        raise ValueError(f"{path} has no {metric} of this architecture and target size")
    grouped = group_curves(chosen)
    given = metric, materials, own_labels, least_limit(results, metric)
    curves = {label: read_models(found, *given) for label, found in grouped.items()}
    if isinstance(materials, PublishedPulls) and metric in METRICS_OF_MATERIALS:
        lacking = [
            label
            for label, models in curves.items()
            if models.materials is None and models.num_sizes() >= MIN_SIZES and grouped[label]["split"].nunique() == 1
        ]
        if lacking:
            logger.warning(
                "%s does not say how the %s depends on the choice of test materials, as a result that an earlier "
                "version published: the intervals of %s do not contain that choice, and are narrower than those of the "
                "study itself; fit the folder of the study, or publish it again (`gnn-sim2real study report DIR "
                "--publish %s`)",
                *(path, metric, "; ".join(map(curve_name, lacking)), path.with_suffix("")),
            )
    return LearningCurves(path, quantity, unit, curves, read_grids(chosen, *given))


def _refuse_of_study(path: Path, metric: str | None, policies: Collection[str] | None) -> None:
    """Refuse for a table what chooses among the records of a study."""
    if metric is not None or policies is not None:
        raise ValueError(
            f"{path} is a table, of which --metric and --policy choose nothing: name the column of the error by "
            "--columns error=NAME, and leave them out"
        )


def _is_table(path: Path) -> bool:
    """Whether a file is a table rather than the published result of a study."""
    kinds = [suffix.lower() for suffix in path.suffixes]
    if path.is_dir() or not (path.exists() or {*kinds} & TABLE_SUFFIXES):
        return False
    if kinds[-1:] != [".json"]:
        return True
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    is_records = not isinstance(content, dict) or {"columns", "data"} <= content.keys() or "schema" in content
    return is_records or (bool(content) and "cells" not in content and "versions" not in content)


def _choose_metric(metric: str | None, results: pd.DataFrame, path: Path) -> str:
    """The error that was asked for, or the usual one that is there."""
    there = [name for name in ERRORS if name in results]
    if metric is None:
        metric = "error" if there == ["error"] else "mae"
    if metric not in there:
        advice = f"choose by --metric: {', '.join(there)}" if there else "they have no error"
        raise ValueError(f"the records of {path} have no {metric}; {advice}")
    return metric


def _records_folder(path: Path) -> Path:
    return path / "records" if (path / "records").is_dir() else path


def _read_study(path: Path) -> tuple[pd.DataFrame, Path | PublishedPulls]:
    """The results, and where the errors on the test materials are, or what is known of them."""
    if not path.exists():
        raise ValueError(
            f"there is no {path}; give a table such as a CSV file, the folder of a study or its published JSON"
        )
    materials: Path | PublishedPulls
    if path.is_dir():
        materials = _records_folder(path)
        results = read_results(materials)
    else:
        published = read_published(path)
        results, materials = tabulate_records(published.records), published.pulls
    if not len(results):
        raise ValueError(f"{path} has no records yet; `gnn-sim2real study run` writes them")
    if len(results[["property", "unit"]].drop_duplicates()) > 1:
        raise ValueError(f"{path} has records of several properties; a law needs one")
    return results, materials
