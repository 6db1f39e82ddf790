"""Learning curves from a CSV file, the folder of a study or its published JSON, in one form for all fits."""

from __future__ import annotations

import csv
import logging
import math
import re
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from gnn_sim2real.law.fit import MIN_SIZES
from gnn_sim2real.law.models import Models
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.curves import CurveLabel, Kind, curve_name, group_curves, model_name
from gnn_sim2real.records.laws import Grid, is_scratch, read_grids, read_models
from gnn_sim2real.records.material_pulls import METRICS_OF_MATERIALS, PublishedPulls
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import read_results, tabulate_records
from gnn_sim2real.renamed import current_policy
from gnn_sim2real.tasks.policies import find_policies

logger = logging.getLogger(__name__)

_NEEDED = ("source_size", "error")
_LARGEST = 10**15
ERRORS = (*(name for name in METRICS if name != "r2"), "error")
"""What a law can be fitted to."""
_COLUMNS = (*_NEEDED, "target_size", "seed", "architecture", "weight")


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
            raise _too_few(self.curves.values())
        return found

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


def _too_few(found: Iterable[Models]) -> ValueError:
    most = max((models.num_sizes() for models in found), default=0)
    return ValueError(f"a scaling law needs at least {MIN_SIZES} different source sizes, found {most}")


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
    target_size: int | None = None,
) -> LearningCurves:
    """Read learning curves.

    Args:
        path: CSV file with the columns source_size and error, optionally target_size, seed, architecture and weight;
            or the folder of a study; or the JSON written by `study report --publish`.
        metric: Which error of a study to read: mae, rmse, mae_nonzero, or error, that of a `ScalingLawCallback` whose
            `monitor` has another name; mae, or error where there is no mae, unless given.
        policies: Policies of a study to read, by their names of this or an earlier version; all fine-tuning policies
            unless given.
        architecture: Only architecture to read; all unless given.
        target_size: Only target size to read; all unless given.

    Raises:
        ValueError: If the path does not exist, is something else, or has no such models.
    """
    if metric is not None and metric not in ERRORS:
        raise ValueError(f"metric must be {', '.join(ERRORS[:-1])} or {ERRORS[-1]}, got {metric!r}")
    materials: Path | PublishedPulls | None = None
    if path.suffix == ".csv":
        results, quantity, unit = _read_csv(path), "error", ""
        metric, wanted_policies = "error", [""]
    else:
        results, materials = _read_study(path)
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
    curves = {label: read_models(found, metric, materials) for label, found in grouped.items()}
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
    return LearningCurves(path, quantity, unit, curves, read_grids(chosen, metric, materials))


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
        raise ValueError(f"there is no {path}; give a CSV file, the folder of a study or its published JSON")
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


def _read_csv(path: Path) -> pd.DataFrame:
    """The rows as results, with weights if there are any."""
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    try:
        return _read_rows(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error.reason}); save it as CSV in UTF-8") from error


def _read_rows(path: Path) -> pd.DataFrame:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        _check_columns(path, names)
        records, weights, repeats = [], dict[str, float](), dict[tuple[str, ...], int]()
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row:  # what stands beyond the last heading
                raise ValueError(
                    f"{where} has more cells than the heading: a comma divides a number; write 1600, not 1,600"
                )
            size = _size(row, "source_size", where, least=0)
            target = _size(row, "target_size", where, least=1) if row.get("target_size") else 0
            point = (row.get("architecture") or "", str(size), str(target))
            repeats[point] = repeats.get(point, -1) + 1
            seed = row.get("seed") or ""
            cell = RecordKey(
                architecture=point[0],
                policy="",
                source_size=size,
                source_level=point[1],
                target_size=target,
                seed=_as_number(seed) if seed else repeats[point],
                split=0,
            )
            error = _number(row, "error", where)
            key = f"{reader.line_num}"
            records.append(Record(key, cell, "error", "", {"error": error}, {}))
            weights[key] = _number(row, "weight", where) if row.get("weight") else 1.0
    if not records:
        raise ValueError(f"{path} has no rows")
    results = tabulate_records(records)
    return results.assign(weight=results["key"].map(weights)) if "weight" in names else results


def _check_columns(path: Path, names: list[str]) -> None:
    """Refuse a table without the required columns, or with a misspelled one that would be ignored."""
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        advice = "; separate them with commas" if len(names) == 1 and {";", "\t"} & {*names[0]} else ""
        raise ValueError(
            f"{path} has no column {missing[0]!r}; it needs {' and '.join(_NEEDED)}, and may have "
            f"{', '.join(_COLUMNS[2:])}; its columns are {', '.join(names) or 'none'}{advice}"
        )
    if twice := [name for name in _COLUMNS if names.count(name) > 1]:
        raise ValueError(
            f"{path} has {names.count(twice[0])} columns {twice[0]!r}: leave one, or give each its own name"
        )
    for name in {*names} - {*_COLUMNS}:
        meant = [each for each in get_close_matches(name.lower(), _COLUMNS, cutoff=0.8) if each not in names]
        if meant:
            raise ValueError(f"{path} has an unknown column {name!r}: rename it to {meant[0]!r}, or remove it")


def _as_number(seed: str) -> int:
    """A seed as a number; for a name, a number that is the same in every file."""
    return int(seed) if re.fullmatch(r"-?\d{1,15}", seed) else 2**32 + zlib.crc32(seed.encode())


def _size(row: dict[str, str], name: str, where: str, least: int) -> int:
    """A number of materials."""
    value = _number(row, name, where, least=float(least))
    if value != round(value) or value > _LARGEST:
        raise ValueError(
            f"{where}: {name} must be a whole number of materials, at most {_LARGEST:.0e}, got {row[name]}"
        )
    return round(value)


def _number(row: dict[str, str], name: str, where: str, least: float = math.nextafter(0.0, 1.0)) -> float:
    text = (row.get(name) or "").strip()
    try:
        value = float("" if "_" in text else text)  # Python would read 1_000
    except ValueError:
        found = f"is {text!r}, which is not a number" if text else "is missing"
        raise ValueError(f"{where}: {name} {found}") from None
    if not (math.isfinite(value) and value >= least):
        wanted = "positive" if 0 < least < 1 else f"at least {least:g}"
        advice = "; leave failed runs out" if name == "error" else ""
        raise ValueError(f"{where}: {name} must be finite and {wanted}, got {text}{advice}")
    return value
