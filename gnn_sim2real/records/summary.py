"""Summary of a study: its numbers as a table and one JSON file, its laws as text, its figure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.files import write_json
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.curves import (
    CONFIDENCE,
    CurveLabel,
    Estimate,
    Results,
    by_repeat,
    estimate,
    format_growth,
    independent_curves,
    level_sizes,
    paired_gain,
    source_sizes,
)
from gnn_sim2real.tasks.policies import REFERENCE, policy_title

if TYPE_CHECKING:
    from gnn_sim2real.records.figure import Reference

MIN_TEST_FOR_R2 = 20
"""R2 is given from this mean number of test materials on."""

_NOISE_WORTH_A_LINE = 0.2
"""Noise below this share of the lowest error is not drawn, since it would squeeze the curves together."""


def summarize(results: Results) -> dict[str, Any]:
    """All numbers of a study, in plain types.

    Args:
        results: The results of one property.

    Returns:
        `rows` (one per grid point, with mean and interval of each metric over splits and seeds), `laws`, `gains`.

    Raises:
        ValueError: If there is no record, or there are several properties.
    """
    properties = results.table[["property", "unit"]].drop_duplicates()
    if len(properties) != 1:
        found = ", ".join(sorted(properties["property"])) or "none"
        raise ValueError(f"a report needs records of one measured property, found {found}")
    name, unit = properties.iloc[0]
    return {
        "property": name,
        "unit": unit,
        "metric": results.metric,
        "confidence": CONFIDENCE,
        "num_records": len(results.table),
        "rows": _rows(results),
        "laws": [asdict(label) | law.to_dict() | {"text": law.describe(unit)} for label, law in results.laws.items()],
        "gains": _gains(results),
    }


def _rows(results: Results) -> list[dict[str, Any]]:
    rows = []
    for (label, level), found in results.points.items():
        row: dict[str, Any] = asdict(label) | {
            "source_level": level,
            "source_size": level_sizes(found)[level],
        }
        row["num_test"] = fmean(found["num_test"])
        row["num_splits"] = found["split"].nunique()
        row["num_seeds"] = found["seed"].nunique()
        for metric in METRICS:
            # The R2 of a few test materials says nothing.
            enough = metric != "r2" or row["num_test"] >= MIN_TEST_FOR_R2
            if enough and metric in found and found[metric].notna().all():
                row[metric] = _plain(estimate(by_repeat(found, metric)))
        rows.append(row)
    return sorted(rows, key=itemgetter("target_size", "architecture", "policy", "growth", "source_size"))


def _plain(value: Estimate) -> dict[str, Any]:
    return {
        name: None if isinstance(number, float) and np.isnan(number) else number
        for name, number in asdict(value).items()
    }


def _gains(results: Results) -> list[dict[str, Any]]:
    """Gain of the largest source over each alternative at the same target size, paired by split and seed."""
    points, gains = results.points, []
    for label, found in results.curves.items():
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
            gain = paired_gain(best, alternative, results.metric)
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


def draw_figure(
    results: Results,
    path: Path,
    title: str = "",
    copies: Sequence[Path] = (),
    data: Mapping[str, Any] | None = None,
) -> Path:
    """Draw error against source size with the fitted laws and the reference lines, one panel per target size.

    Args:
        results: The results of one property.
        path: Image file to write.
        title: Heading.
        copies: Further files of the same figure, in other formats.
        data: Data cards of source and target; the noise floor of the target is drawn as a line, unless it is far lower.

    Returns:
        `path`.
    """
    from gnn_sim2real.records.figure import Curve, Panel, plot_scaling_curves

    grouped, metric = results.curves, results.metric
    curves: dict[int, dict[str, Curve]] = {size: {} for size in sorted({label.target_size for label in grouped})}
    for label in sorted(grouped, key=_rank):
        found = grouped[label]
        curves[label.target_size][_name(label)] = Curve(
            source_sizes=source_sizes(found),
            errors=found[metric].to_numpy(),
            repeats=np.array(independent_curves(found)),
            law=None if label.policy in BASELINES else results.laws.get(label),
            is_baseline=label.policy in BASELINES,
        )
    references = _references(results, data)
    first = results.table.iloc[0]
    return plot_scaling_curves(
        [Panel(f"m = {size:,} measured materials", curves[size], references[size]) for size in curves],
        quantity=f"test {metric.upper()} of {first['property'].replace('_', ' ')}",
        unit=first["unit"],
        title=title,
        path=path,
        copies=copies,
    )


def _references(results: Results, data: Mapping[str, Any] | None) -> "dict[int, dict[str, Reference]]":
    """Errors without a source by target size and name, and the noise of the measurements."""
    from gnn_sim2real.records.figure import Reference

    grouped, metric = results.curves, results.metric
    references: dict[int, dict[str, Reference]] = {label.target_size: {} for label in grouped}
    tested = {number for found in grouped.values() for number in found["num_test"]}
    for (label, level), found in sorted(results.points.items(), key=lambda item: _rank(item[0][0])):
        if level != "0":
            continue
        name = label.architecture if label.policy == REFERENCE else _name(label)
        if label.policy not in BASELINES:
            name = f"{name} from scratch".strip()
        # geometric mean, as for the points of the curves
        reference = Reference(float(np.exp(np.log(found[metric]).mean())), like=_like(label, grouped))
        if label.policy != "simulated_value":
            if label.target_size in references:
                references[label.target_size][name] = reference
        elif tested.issuperset(found["num_test"]):
            # It needs no measurements; if not all test materials have one, it is an error on other rows.
            for of_size in references.values():
                of_size[name] = reference
    noise = ((data or {}).get("target") or {}).get("noise_floor")
    lowest = min((found[metric].min() for found in grouped.values()), default=np.inf)
    if noise and metric == "mae" and noise["mae"] > _NOISE_WORTH_A_LINE * lowest:
        for of_size in references.values():
            of_size["noise of the measurements"] = Reference(noise["mae"])
    return references


def _like(label: CurveLabel, curves: Iterable[CurveLabel]) -> str:
    """Name of the curve whose color a line takes: that of its policy, or from scratch the only one of its encoder."""
    if label.policy != REFERENCE:
        return _name(label)
    of_it = (each for each in curves if each.architecture == label.architecture and each.policy not in BASELINES)
    trained = {_name(each) for each in of_it}
    return trained.pop() if len(trained) == 1 else _name(label)


def _rank(label: CurveLabel) -> tuple[bool, bool, CurveLabel]:
    """Sort key: the reference policy first, then the other policies, baselines last."""
    return label.policy in BASELINES, label.policy != REFERENCE, label


def _name(label: CurveLabel) -> str:
    title = "calibrated source model" if label.policy == "calibrated_source" else policy_title(label.policy)
    return f"{label.architecture} {title}".strip() + format_growth(label.growth)


def write_report(
    results: Results, folder: Path, title: str = "", data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write `summary.json`, `scaling_law.png` and `scaling_law.svg`.

    Args:
        results: The results of one property.
        folder: Folder to write to.
        title: Heading of the figure.
        data: Data cards of source and target, for the summary.

    Returns:
        The summary.
    """
    summary = summarize(results) | ({"data": data} if data else {})
    write_json(folder / "summary.json", summary)
    if results.curves:
        draw_figure(results, folder / "scaling_law.png", title, [folder / "scaling_law.svg"], data)
    return summary
