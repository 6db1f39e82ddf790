"""Summary of a study: its numbers in plain types and its laws as text, written with its figure."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from gnn_sim2real.baselines import BASELINES, needs_measurements
from gnn_sim2real.files import write_json
from gnn_sim2real.law.design import FARTHEST_NEXT, next_size
from gnn_sim2real.law.frame import CONFIDENCE
from gnn_sim2real.law.text import format_next
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.curves import (
    Estimate,
    by_repeat,
    curve_name,
    estimate,
    in_order,
    level_sizes,
    paired_gain,
)
from gnn_sim2real.records.geometric import GEOMETRIC, geometric_gain, geometric_mean
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.same_materials import errors_on_same, of_point, pair_on_same
from gnn_sim2real.records.study_figure import draw_figure
from gnn_sim2real.records.unseen import find_unseen_groups
from gnn_sim2real.tasks.policies import is_fine_tuning
from gnn_sim2real.units import format_unit

MIN_TEST_FOR_R2 = 20
"""R2 is given from this mean number of test materials on."""


def summarize(results: Results) -> dict[str, Any]:
    """All numbers of a study, in plain types.

    Args:
        results: The results of one property. Only with its folder of records are there errors on the same materials
            where some were scored on fewer, and on those with what the source never saw.

    Returns:
        `rows` (one per grid point, with mean and interval of each metric over splits and seeds), `laws`, `gains`, both
        also with geometric means (see `gnn_sim2real.records.geometric`), and `unseen` (see `UnseenGroups`) if the
        source did not see all.

    Raises:
        ValueError: If there is no record, or there are several properties.
    """
    properties = results.table[["property", "unit"]].drop_duplicates()
    if len(properties) != 1:
        found = ", ".join(sorted(properties["property"])) or "none"
        raise ValueError(f"a report needs records of one measured property, found {found}")
    name, unit = properties.iloc[0]
    groups = find_unseen_groups(results)
    return {
        "property": name,
        "unit": unit,
        "metric": results.metric,
        "confidence": CONFIDENCE,
        "num_records": len(results.table),
        "rows": _rows(results),
        "laws": describe_laws(results),
        "gains": _gains(results),
        **({"unseen": asdict(groups)} if groups else {}),
    }


def describe_laws(results: Results) -> list[dict[str, Any]]:
    """Each law of a study in plain types, with its label, and as `text`.

    Args:
        results: The results of one property.
    """
    unit = format_unit(str(results.table["unit"].iloc[0]))
    return [asdict(label) | law.to_dict() | {"text": law.describe(unit)} for label, law in results.laws.items()]


def _rows(results: Results) -> list[dict[str, Any]]:
    rows, errors = [], errors_on_same(results)
    for (label, level), found in results.points.items():
        row: dict[str, Any] = asdict(label) | {
            "source_level": level,
            "source_size": level_sizes(found)[level],
        }
        row["num_test"] = fmean(found["num_test"])
        row["num_splits"] = found["split"].nunique()
        row["num_seeds"] = found["seed"].nunique()
        geometric: dict[str, Any] = {}
        for metric in METRICS:
            # The R2 of a few test materials says nothing.
            enough = metric != "r2" or row["num_test"] >= MIN_TEST_FOR_R2
            if enough and metric in found and found[metric].notna().all():
                values = by_repeat(found, metric)
                row[metric] = _plain(estimate(values))
                if metric != "r2":
                    geometric[metric] = _plain(geometric_mean(values))
                if metric != "r2" and row[metric]["low"] is not None:
                    row[metric]["low"] = max(0.0, row[metric]["low"])  # no mean error is below zero
        same = of_point(found, errors)
        row |= same | {GEOMETRIC: geometric | same.get(GEOMETRIC, {})}
        rows.append((in_order(label), row["source_size"], row))
    return [row for *_, row in sorted(rows, key=lambda each: each[:2])]


def _plain(value: Estimate) -> dict[str, Any]:
    return {
        name: None if isinstance(number, float) and np.isnan(number) else number
        for name, number in asdict(value).items()
    }


def _gains(results: Results) -> list[dict[str, Any]]:
    """Gain of the largest source over each alternative at the same target size, paired by split and seed."""
    points, gains = dict(sorted(results.points.items(), key=lambda item: in_order(item[0][0]))), []
    for label, found in sorted(results.curves.items(), key=lambda item: in_order(item[0])):
        if label.policy in BASELINES:
            continue
        largest = max(level_sizes(found).items(), key=lambda item: item[1])[0]
        best = points[label, largest]
        for (other, level), alternative in points.items():
            same_measurements = other.target_size == label.target_size
            if not same_measurements or (other == label and level == largest) or level not in ("0", largest):
                continue
            if not needs_measurements(other.policy):
                continue
            pairs, count = pair_on_same(best, alternative, results)
            if pairs is not None:
                gains.append(
                    asdict(label)
                    | {
                        "source_level": largest,
                        "over": {**asdict(other), "source_level": level},
                        "gain": _plain(paired_gain(pairs)),
                        GEOMETRIC: _plain(geometric_gain(pairs)),
                        **({} if count is None else {"num_test": count}),
                    }
                )
    return gains


def next_sizes(results: Results) -> list[dict[str, Any]]:
    """What to train next to know better where a curve goes, for each law of a fine-tuned model.

    Args:
        results: The results of one property.

    Returns:
        For each its label, what `gnn_sim2real.law.design.next_size` finds for four times the largest source size, and
        that as `text`.
    """
    unit, found = str(results.table["unit"].iloc[0]), []
    for label, law in results.laws.items():
        if is_fine_tuning(label.policy):
            wanted = f"forecast@{FARTHEST_NEXT * law.largest_size:.15g}"
            next_one = next_size(law, results.models[label], wanted=wanted)
            text = f"{curve_name(label)}: {format_next(next_one, unit, law.confidence)}"
            found.append(asdict(label) | next_one.to_dict() | {"text": text})
    return found


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
        The summary, with `next`, see `next_sizes`.
    """
    summary = summarize(results) | {"next": next_sizes(results)} | ({"data": data} if data else {})
    write_json(folder / "summary.json", summary)
    if results.curves:
        draw_figure(results, folder / "scaling_law.png", title, [folder / "scaling_law.svg"], data)
    return summary
