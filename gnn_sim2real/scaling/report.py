"""What a study shows: a table, the law in words, the figure, and one JSON with all numbers."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.files import write_json
from gnn_sim2real.scaling.curves import (
    CONFIDENCE,
    CurveLabel,
    Estimate,
    by_repeat,
    curve_of,
    estimate,
    fit_curves,
    group_curves,
    independent_curves,
    level_sizes,
    paired_gain,
)
from gnn_sim2real.scaling.records import Record

MIN_TEST_FOR_R2 = 20
"""Mean number of test materials below which no R2 is stated."""


def summarize(records: list[Record], metric: str = "mae") -> dict[str, Any]:
    """All numbers of a study, in plain types.

    Args:
        records: The records of one property.
        metric: Error of the curves.

    Returns:
        `rows` (one a grid point, with mean and interval of each metric over splits and seeds), `laws`, `gains`.

    Raises:
        ValueError: If there is no record, or they are of several properties.
    """
    properties = {(record.property, record.unit) for record in records}
    if len(properties) != 1:
        found = ", ".join(sorted(name for name, _ in properties)) or "none at all"
        raise ValueError(f"a report needs records of one measured property, found {found}")
    ((name, unit),) = properties
    curves = group_curves(records)
    laws = fit_curves(curves, metric)
    return {
        "property": name,
        "unit": unit,
        "metric": metric,
        "confidence": CONFIDENCE,
        "num_records": len(records),
        "rows": _rows(records),
        "laws": [asdict(label) | law.to_dict() | {"text": law.describe(unit)} for label, law in laws.items()],
        "gains": _gains(records, metric),
    }


def _grid_points(records: Iterable[Record]) -> dict[tuple[CurveLabel, str], list[Record]]:
    points: dict[tuple[CurveLabel, str], list[Record]] = {}
    for record in records:
        points.setdefault((curve_of(record), record.cell.source_level), []).append(record)
    return points


def _rows(records: list[Record]) -> list[dict[str, Any]]:
    rows = []
    for (label, level), found in _grid_points(records).items():
        row: dict[str, Any] = asdict(label) | {
            "source_level": level,
            "source_size": level_sizes(found)[level],
        }
        row["num_test"] = float(np.mean([record.metrics["num_test"] for record in found]))
        row["num_splits"] = len({record.cell.split for record in found})
        row["num_seeds"] = len({record.cell.seed for record in found})
        for metric in ("mae", "rmse", "r2"):
            # The R2 of a handful of test materials says nothing.
            enough = metric != "r2" or row["num_test"] >= MIN_TEST_FOR_R2
            if enough and all(metric in record.metrics for record in found):
                row[metric] = _plain(estimate(by_repeat(found, metric)))
        rows.append(row)
    return sorted(rows, key=lambda row: (row["target_size"], row["architecture"], row["policy"], row["source_size"]))


def _plain(value: Estimate) -> dict[str, Any]:
    return {
        name: None if isinstance(number, float) and np.isnan(number) else number
        for name, number in asdict(value).items()
    }


def _gains(records: list[Record], metric: str) -> list[dict[str, Any]]:
    """Gain of the largest source over each alternative with as many measurements, paired by split and seed."""
    points = _grid_points(records)
    gains = []
    for label, found in group_curves(records).items():
        if label.policy in BASELINES:
            continue
        largest = max(level_sizes(found).items(), key=lambda item: item[1])[0]
        best = points[label, largest]
        for (other, level), alternative in points.items():
            same_measurements = other.target_size == label.target_size
            if not same_measurements or (other == label and level == largest) or level not in ("0", largest):
                continue
            if other.policy == "simulated_value":
                continue
            gain = paired_gain(best, alternative, metric)
            if gain is not None:
                gains.append(
                    asdict(label)
                    | {
                        "source_level": largest,
                        "over": {**asdict(other), "source_level": level},
                        "gain": _plain(gain),
                    }
                )
    return gains


_WORDS = {
    "none": "fine-tuned",
    "encoder": "fine-tuned, frozen encoder",
    "gradual": "fine-tuned, gradual unfreezing",
    "calibrated_source": "calibrated source model",
}


def draw_figure(records: list[Record], path: Path, metric: str = "mae", title: str = "") -> Path:
    """Draw error against source size with the fitted laws and the reference lines, one panel a target size.

    Args:
        records: The records of one property.
        path: The picture.
        metric: Error of the curves.
        title: Heading.

    Returns:
        `path`.
    """
    from gnn_sim2real.scaling.plot import Curve, Panel, Reference, plot_scaling_curves

    grouped = group_curves(records)
    laws = fit_curves({label: found for label, found in grouped.items() if label.policy not in BASELINES}, metric)
    curves: dict[int, dict[str, Curve]] = {size: {} for size in sorted({label.target_size for label in grouped})}
    references: dict[int, dict[str, Reference]] = {size: {} for size in curves}
    for label in sorted(grouped, key=_rank):
        found, sizes = grouped[label], level_sizes(grouped[label])
        curves[label.target_size][_name(label)] = Curve(
            source_sizes=np.array([sizes[record.cell.source_level] for record in found], float),
            errors=np.array([record.metrics[metric] for record in found]),
            repeats=np.array(independent_curves(found)),
            law=laws.get(label),
            is_baseline=label.policy in BASELINES,
        )
    for (label, level), found in sorted(_grid_points(records).items(), key=lambda item: _rank(item[0][0])):
        if level == "0" and label.policy != "simulated_value" and label.target_size in curves:
            name = f"{label.architecture} from scratch".strip() if label.policy == "none" else _name(label)
            # the geometric mean, as for the points of the curves
            error = float(np.exp(np.mean(np.log([record.metrics[metric] for record in found]))))
            references[label.target_size][name] = Reference(error, like=_name(label))
    return plot_scaling_curves(
        [Panel(f"m = {size:,} measured materials", curves[size], references[size]) for size in curves],
        quantity=f"test {metric.upper()} of {records[0].property.replace('_', ' ')}",
        unit=records[0].unit,
        title=title,
        path=path,
    )


def _rank(label: CurveLabel) -> tuple[bool, bool, CurveLabel]:
    """Sort key: plain fine-tuning first, the other freeze policies next, baselines last."""
    return label.policy in BASELINES, label.policy != "none", label


def _name(label: CurveLabel) -> str:
    return f"{label.architecture} {_WORDS.get(label.policy, label.policy.replace('_', ' '))}".strip()


def write_report(records: list[Record], folder: Path, metric: str = "mae", title: str = "") -> dict[str, Any]:
    """Write `summary.json` and `scaling_law.png`.

    Args:
        records: The records of one property.
        folder: Where to.
        metric: Error of the curves.
        title: Heading of the figure.

    Returns:
        The summary.
    """
    summary = summarize(records, metric)
    write_json(folder / "summary.json", summary)
    if group_curves(records):
        draw_figure(records, folder / "scaling_law.png", metric, title)
    return summary
