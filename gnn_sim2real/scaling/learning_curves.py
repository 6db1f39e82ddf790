"""Learning curves from a CSV file, a study's folder or its published JSON, in one shape for all that fits them."""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnn_sim2real.metrics import METRICS
from gnn_sim2real.policies import FINE_TUNING_POLICIES
from gnn_sim2real.scaling.compare import Models
from gnn_sim2real.scaling.curves import CurveLabel, group_curves, independent_curves, level_sizes, say_growth
from gnn_sim2real.scaling.effective_data import FromScratch
from gnn_sim2real.scaling.forms import Floats
from gnn_sim2real.scaling.records import Record, read_errors, read_results
from gnn_sim2real.study.published import read_published

_NEEDED = ("source_size", "error")
_COLUMNS = (*_NEEDED, "target_size", "seed", "architecture", "weight")


@dataclass(frozen=True)
class Grid:
    """The models of one architecture and policy at all source and target sizes.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        target_sizes: Its target size m, of the same shape.
        models: Errors, repeats and weights.
        scratch: Models of the same kind without a source.
    """

    source_sizes: Floats
    target_sizes: Floats
    models: Models
    scratch: FromScratch | None


@dataclass(frozen=True)
class LearningCurves:
    """What was read.

    Attributes:
        name: Name of the file or folder.
        quantity: What the error is of, for a figure.
        unit: Unit of the errors; empty if not known.
        curves: Models of each curve, at one target size.
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
    policies: Collection[str] = FINE_TUNING_POLICIES,
    architecture: str | None = None,
    target_size: int | None = None,
) -> LearningCurves:
    """Read learning curves.

    Args:
        path: A CSV file with the columns source_size and error, and perhaps target_size, seed, architecture and
            weight; the folder of a study; or the JSON that `study report --publish` wrote.
        metric: Error of a study to take: mae, rmse or mae_nonzero.
        policies: Policies of a study to take; the baselines are left out unless given.
        architecture: The only architecture to take; all unless given.
        target_size: The only target size to take; all unless given.

    Raises:
        ValueError: If there is nothing there, or it is something else.
    """
    if path.suffix == ".csv":
        records, weights, quantity, unit = *_read_csv(path), "error", ""
        metric, policies = "error", ("",)
    else:
        records, weights = _read_study(path), None
        if metric not in METRICS or metric == "r2":
            raise ValueError(f"metric must be an error that falls to zero: mae, rmse or mae_nonzero; got {metric!r}")
        quantity, unit = f"{metric.upper()} of {records[0].property.replace('_', ' ')}", records[0].unit
        found = {record.cell.policy for record in records}
        if not found & {*policies}:
            raise ValueError(f"{path} has no policy {', '.join(policies)}; it has {', '.join(sorted(found))}")
    kept = [
        (record, weight)
        for record, weight in zip(records, weights or [1.0] * len(records), strict=True)
        if (record.cell.policy in policies or _is_scratch(record))
        and architecture in (None, record.cell.architecture)
        and target_size in (None, record.cell.target_size)
        and metric in record.metrics
    ]
    if not kept:
        raise ValueError(f"{path} has no {metric} of this architecture and target size")
    weight_of = {record.key: weight for record, weight in kept} if weights else None
    folder = _records_folder(path) if path.is_dir() else None
    chosen = [record for record, _ in kept]
    curves = {label: _models(found, metric, weight_of, folder) for label, found in group_curves(chosen).items()}
    return LearningCurves(path.stem, quantity, unit, curves, _grids(chosen, metric, weight_of, folder))


def _grids(
    records: Sequence[Record], metric: str, weights: dict[str, float] | None, folder: Path | None
) -> dict[tuple[str, str, str], Grid]:
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.cell.source_size > 0:
            name = (record.cell.architecture, record.cell.policy, record.cell.growth)
            groups.setdefault(name, []).append(record)
    grids = {}
    for name, found in sorted(groups.items()):
        rest = [record for record in records if _is_scratch(record) and record.cell.architecture == name[0]]
        scratch = FromScratch(
            [record.cell.target_size for record in rest],
            [record.metrics[metric] for record in rest],
            independent_curves(rest),
        )
        models = _models(found, metric, weights, folder)
        targets = np.array([record.cell.target_size for record in found], dtype=float)
        has_curve = len({record.cell.target_size for record in rest}) > 1
        grids[name] = Grid(
            np.asarray(models.source_sizes, dtype=float), targets, models, scratch if has_curve else None
        )
    return grids


def _is_scratch(record: Record) -> bool:
    """Whether a record is of direct learning, the reference of every policy; that of a CSV file has no policy."""
    return record.cell.source_size == 0 and record.cell.policy in ("none", "")


def _models(records: Sequence[Record], metric: str, weights: dict[str, float] | None, folder: Path | None) -> Models:
    found = list(records)
    sizes = level_sizes(found)
    return Models(
        [sizes[record.cell.source_level] for record in found],
        [record.metrics[metric] for record in found],
        independent_curves(found),
        None if weights is None else [weights[record.key] for record in found],
        _material_errors(found, folder) if folder and metric in ("mae", "rmse") else None,
    )


def _material_errors(records: Sequence[Record], folder: Path) -> Floats | None:
    """Errors on each test material, where all models were tested on the same ones; None where they were not."""
    if len({record.cell.split for record in records}) > 1:
        return None
    if not all((folder / f"{record.key}.errors.json").exists() for record in records):
        return None
    errors = [read_errors(folder, record.key) for record in records]
    if not errors or any(each.keys() != errors[0].keys() for each in errors):
        return None
    return np.array([[each[material] for material in errors[0]] for each in errors])


def _records_folder(path: Path) -> Path:
    return path / "records" if (path / "records").is_dir() else path


def _read_study(path: Path) -> list[Record]:
    if not path.exists():
        raise ValueError(f"there is no {path}; give a CSV file, the folder of a study or its published JSON")
    records = read_results(_records_folder(path)) if path.is_dir() else read_published(path)
    if not records:
        raise ValueError(f"{path} has no records yet; `gnn-sim2real study run` writes them")
    if len({(record.property, record.unit) for record in records}) > 1:
        raise ValueError(f"{path} has records of several properties; a law is of one")
    return records


def _read_csv(path: Path) -> tuple[list[Record], list[float] | None]:
    """Rows as records without a file, and their weights."""
    from gnn_sim2real.scaling.records import Cell

    if not path.exists():
        raise ValueError(f"there is no file {path}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]!r}; it needs {' and '.join(_NEEDED)}, and may have "
                f"{', '.join(_COLUMNS[2:])}; its columns are {', '.join(names) or 'none'}"
            )
        records, weights, repeats = [], [], dict[tuple[str, ...], int]()
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            size = _number(row, "source_size", where, least=0.0)
            target = _number(row, "target_size", where, least=1.0) if row.get("target_size") else 0.0
            point = (row.get("architecture") or "", f"{size:g}", f"{target:g}")
            repeats[point] = repeats.get(point, -1) + 1
            seed = row.get("seed") or ""
            cell = Cell(
                architecture=point[0],
                policy="",
                source_size=round(size),
                source_level=point[1],
                target_size=round(target),
                seed=_as_number(seed) if seed else repeats[point],
                split=0,
            )
            error = _number(row, "error", where)
            records.append(Record(f"{reader.line_num}", cell, "error", "", {"error": error}, {}))
            weights.append(_number(row, "weight", where) if row.get("weight") else 1.0)
    if not records:
        raise ValueError(f"{path} has no rows")
    return records, weights if "weight" in names else None


def _as_number(seed: str) -> int:
    """A seed as it is, or a number for its name, the same in every file."""
    return int(seed) if seed.lstrip("-").isdecimal() else 2**32 + zlib.crc32(seed.encode())


def _number(row: dict[str, str], name: str, where: str, least: float = math.nextafter(0.0, 1.0)) -> float:
    text = (row.get(name) or "").strip()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{where}: {name} is {text!r}, which is no number") from None
    if not (math.isfinite(value) and value >= least):
        wanted = "positive" if 0 < least < 1 else f"at least {least:g}"
        advice = "; leave failed runs out" if name == "error" else ""
        raise ValueError(f"{where}: {name} must be finite and {wanted}, but is {text}{advice}")
    return value


def curve_name(label: CurveLabel) -> str:
    """A curve in words; nothing of what a CSV file does not say.

    Args:
        label: Of the curve.
    """
    model = model_name(label.architecture, label.policy, label.growth)
    parts = [model, f"m = {label.target_size:,}" if label.target_size else ""]
    return ", ".join(part for part in parts if part)


def model_name(architecture: str, policy: str, growth: str = "random") -> str:
    """An architecture, a policy and a growth in words.

    Args:
        architecture: Name of the encoder; empty if not known.
        policy: How the measurements are used; empty if not known.
        growth: How the source grew.
    """
    words = "fine-tuned" if policy == "none" else policy.replace("_", " ")
    return f"{architecture} {words}".strip() + say_growth(growth)
