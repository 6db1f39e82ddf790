"""Learning curves from a CSV file, the folder of a study or its published JSON, in one form for all fits."""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.law.compare import Models
from gnn_sim2real.law.effective_data import FromScratch
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.curves import CurveLabel, format_growth, group_curves, independent_curves, source_sizes
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.record import Record, RecordKey, read_errors
from gnn_sim2real.records.results import read_results, tabulate_records
from gnn_sim2real.renamed_policies import current_policy
from gnn_sim2real.tasks.policies import REFERENCE, find_policies, policy_title

_NEEDED = ("source_size", "error")
_COLUMNS = (*_NEEDED, "target_size", "seed", "architecture", "weight")


@dataclass(frozen=True)
class Grid:
    """The models of one architecture and policy at all source and target sizes.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        target_sizes: Target size m of each model, shape ``(num_models,)``.
        models: Errors, repeats and weights.
        scratch: Models of the same architecture and policy without a source.
    """

    source_sizes: Floats
    target_sizes: Floats
    models: Models
    scratch: FromScratch | None


@dataclass(frozen=True)
class LearningCurves:
    """Curves of one error of one property.

    Attributes:
        name: Name of the file or folder.
        quantity: Label of the error, for a figure.
        unit: Unit of the errors; empty if unknown.
        curves: Models of each curve, at one target size each.
        grids: Models at all target sizes, by architecture, policy and growth.
    """

    name: str
    quantity: str
    unit: str
    curves: dict[CurveLabel, Models]
    grids: dict[tuple[str, str, str], Grid]


def read_learning_curves(
    path: Path,
    *,
    metric: str = "mae",
    policies: Collection[str] | None = None,
    architecture: str | None = None,
    target_size: int | None = None,
) -> LearningCurves:
    """Read learning curves.

    Args:
        path: CSV file with the columns source_size and error, optionally target_size, seed, architecture and weight;
            or the folder of a study; or the JSON written by `study report --publish`.
        metric: Which error of a study to read: mae, rmse or mae_nonzero.
        policies: Policies of a study to read, by their names of this or an earlier version; all fine-tuning policies
            unless given.
        architecture: Only architecture to read; all unless given.
        target_size: Only target size to read; all unless given.

    Raises:
        ValueError: If the path does not exist, is something else, or has no such models.
    """
    if metric not in METRICS or metric == "r2":
        raise ValueError(f"metric must be mae, rmse or mae_nonzero, got {metric!r}")
    if path.suffix == ".csv":
        results, quantity, unit = _read_csv(path), "error", ""
        metric, wanted_policies = "error", [""]
    else:
        results = _read_study(path)
        first = results.iloc[0]
        quantity, unit = f"{metric.upper()} of {first['property'].replace('_', ' ')}", first["unit"]
        found = {*results["policy"]}
        wanted_policies = [*find_policies()] if policies is None else [current_policy(name) for name in policies]
        if not found & {*wanted_policies}:
            raise ValueError(f"{path} has no policy {', '.join(wanted_policies)}; it has {', '.join(sorted(found))}")
    kept = results["policy"].isin(wanted_policies) | _is_scratch(results)
    for name, wanted in (("architecture", architecture), ("target_size", target_size)):
        if wanted is not None:
            kept &= results[name] == wanted
    chosen = results[kept].dropna(subset=[metric]) if metric in results else results[:0]
    if not len(chosen):
        raise ValueError(f"{path} has no {metric} of this architecture and target size")
    folder = _records_folder(path) if path.is_dir() else None
    curves = {label: _models(found, metric, folder) for label, found in group_curves(chosen).items()}
    return LearningCurves(path.stem, quantity, unit, curves, _grids(chosen, metric, folder))


def _grids(results: pd.DataFrame, metric: str, folder: Path | None) -> dict[tuple[str, str, str], Grid]:
    grids: dict[tuple[str, str, str], Grid] = {}
    all_scratch = results[_is_scratch(results)]
    with_source = results[results["source_size"] > 0]
    name: Any  # values of the columns
    for name, found in with_source.groupby(["architecture", "policy", "growth"], observed=True):
        rest = all_scratch[all_scratch["architecture"] == name[0]]
        scratch = FromScratch(rest["target_size"], rest[metric], independent_curves(rest))
        models = _models(found, metric, folder)
        grids[name] = Grid(
            np.asarray(models.source_sizes, dtype=float),
            found["target_size"].to_numpy(dtype=float),
            models,
            scratch if rest["target_size"].nunique() > 1 else None,
        )
    return grids


def _is_scratch(results: pd.DataFrame) -> pd.Series[bool]:
    """Which results are from scratch, the reference of every policy; in a CSV file they have no policy."""
    return (results["source_size"] == 0) & results["policy"].isin([REFERENCE, ""])


def _models(results: pd.DataFrame, metric: str, folder: Path | None) -> Models:
    materials, errors = _material_errors(results, folder) if folder and metric in ("mae", "rmse") else (None, None)
    return Models(
        source_sizes(results),
        results[metric].to_numpy(),
        independent_curves(results),
        results["weight"].to_numpy() if "weight" in results else None,
        errors,
        materials,
    )


def _material_errors(results: pd.DataFrame, folder: Path) -> tuple[list[str], Floats] | tuple[None, None]:
    """Test materials and the errors on each; None unless all models were tested on the same materials."""
    if results["split"].nunique() > 1:
        return None, None
    if not all((folder / f"{key}.errors.json").exists() for key in results["key"]):
        return None, None
    errors = [read_errors(folder, key) for key in results["key"]]
    if not errors or any(each.keys() != errors[0].keys() for each in errors):
        return None, None
    return list(errors[0]), np.array([[each[material] for material in errors[0]] for each in errors])


def _records_folder(path: Path) -> Path:
    return path / "records" if (path / "records").is_dir() else path


def _read_study(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise ValueError(f"there is no {path}; give a CSV file, the folder of a study or its published JSON")
    results = read_results(_records_folder(path)) if path.is_dir() else tabulate_records(read_published(path))
    if not len(results):
        raise ValueError(f"{path} has no records yet; `gnn-sim2real study run` writes them")
    if len(results[["property", "unit"]].drop_duplicates()) > 1:
        raise ValueError(f"{path} has records of several properties; a law needs one")
    return results


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
            size = _number(row, "source_size", where, least=0.0)
            target = _number(row, "target_size", where, least=1.0) if row.get("target_size") else 0.0
            point = (row.get("architecture") or "", f"{size:g}", f"{target:g}")
            repeats[point] = repeats.get(point, -1) + 1
            seed = row.get("seed") or ""
            cell = RecordKey(
                architecture=point[0],
                policy="",
                source_size=round(size),
                source_level=point[1],
                target_size=round(target),
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
    for name in {*names} - {*_COLUMNS}:
        meant = [each for each in get_close_matches(name.lower(), _COLUMNS, cutoff=0.8) if each not in names]
        if meant:
            raise ValueError(f"{path} has an unknown column {name!r}: rename it to {meant[0]!r}, or remove it")


def _as_number(seed: str) -> int:
    """A seed as a number; for a name, a number that is the same in every file."""
    return int(seed) if seed.lstrip("-").isdecimal() else 2**32 + zlib.crc32(seed.encode())


def _number(row: dict[str, str], name: str, where: str, least: float = math.nextafter(0.0, 1.0)) -> float:
    text = (row.get(name) or "").strip()
    try:
        value = float(text)
    except ValueError:
        found = f"is {text!r}, which is not a number" if text else "is missing"
        raise ValueError(f"{where}: {name} {found}") from None
    if not (math.isfinite(value) and value >= least):
        wanted = "positive" if 0 < least < 1 else f"at least {least:g}"
        advice = "; leave failed runs out" if name == "error" else ""
        raise ValueError(f"{where}: {name} must be finite and {wanted}, got {text}{advice}")
    return value


def curve_name(label: CurveLabel) -> str:
    """Name of a curve for people, without what a CSV file does not say.

    Args:
        label: Label of the curve.
    """
    model = model_name(label.architecture, label.policy, label.growth)
    parts = [model, f"m = {label.target_size:,}" if label.target_size else ""]
    return ", ".join(part for part in parts if part)


def model_name(architecture: str, policy: str, growth: str = "random") -> str:
    """Name of a kind of model for people.

    Args:
        architecture: Name of the encoder; empty if unknown.
        policy: How the measurements are used; empty if unknown.
        growth: In which order the source grew.
    """
    return f"{architecture} {policy_title(policy)}".strip() + format_growth(growth)
