"""Errors on the same test materials, where some models could be scored on fewer than others."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.records.curves import CurveLabel, by_repeat, model_name, pair_errors
from gnn_sim2real.records.geometric import GEOMETRIC, geometric_mean
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import read_errors

SAME = "same_materials"
"""Entry of a row of the summary: the `mean` error on the materials that all were scored on; None if unknown."""


def errors_on_same(results: Results) -> dict[str, float | None]:
    """Error of each model on the materials that all were scored on, by key; nothing if all were scored on all.

    The simulated value, say, is known for a part of the test materials only, and its error on these is not to be
    compared with those of others on all.

    Args:
        results: The results of one property.

    Returns:
        The error; None where the errors on the single materials are not known, as in a published result.
    """
    table = results.table
    fewer = table[table["num_test"] < table.groupby("split")["num_test"].transform("max")]
    if fewer.empty:
        return {}
    smallest = table.loc[fewer.groupby("split")["num_test"].idxmin(), ["split", "key"]]
    shared = {int(split): set(_read(results.records, str(key))) for split, key in smallest.itertuples(index=False)}
    found: dict[str, float | None] = {}
    for key, split in zip(table["key"], table["split"], strict=True):
        wanted = shared.get(int(split))
        if wanted is None:
            continue
        errors = np.array([error for name, error in _read(results.records, str(key)).items() if name in wanted])
        known = len(wanted) > 0 and len(errors) == len(wanted)
        squared = results.metric == "rmse"
        found[str(key)] = float((errors**2).mean() ** 0.5 if squared else errors.mean()) if known else None
    return found


def notes_of_fewer(results: Results) -> dict[CurveLabel, str]:
    """What a figure says of each curve and baseline that was scored on fewer test materials than others.

    Args:
        results: The results of one property.

    Returns:
        For example `on 118 of 300, where GINE has 0.31`: the lowest error of the others on the same materials, if the
        errors on single materials are known. Nothing if all were scored on all.
    """
    errors = errors_on_same(results)
    most = results.table.groupby("split")["num_test"].transform("max")
    scored: dict[CurveLabel, tuple[float, float]] = {}
    others: dict[float, list[tuple[float, str]]] = {}
    for (label, level), found in results.points.items():
        number, of = float(found["num_test"].mean()), float(most[found.index].mean())
        if number < of:
            scored[label] = (number, of)
        elif (same := of_point(found, errors).get(SAME, {}).get("mean")) is not None:
            name = model_name(label.kind) + " from scratch" * (level == "0" and label.policy not in BASELINES)
            others.setdefault(label.target_size, []).append((same, name))
    notes = {}
    for label, (number, of) in scored.items():
        notes[label] = f"on {number:.4g} of {of:.4g}"
        if label.target_size in others:
            best, name = min(others[label.target_size])
            notes[label] += f", where {name} has {best:.3g}"
    return notes


def pair_on_same(
    better: pd.DataFrame, baseline: pd.DataFrame, results: Results
) -> tuple[pd.DataFrame | None, int | None]:
    """Errors of two grid points on the test materials that both were scored on.

    Args:
        better: Results of one grid point.
        baseline: Results of the other.
        results: All results.

    Returns:
        As `pair_errors`; and the number of materials if one was scored on fewer than the other. None where then the
        errors on the single materials are not known.
    """
    both = pd.concat(
        [
            each.drop_duplicates(["split", "seed"], keep="last").set_index(["split", "seed"])[["num_test", "key"]]
            for each in (better, baseline)
        ],
        axis=1,
        join="inner",
        keys=["a", "b"],
    )
    if (both["a", "num_test"] == both["b", "num_test"]).all():
        return pair_errors(better, baseline, results.metric), None
    if results.metric not in ("mae", "rmse"):
        return None, None
    pairs, counts = [], []
    for mine, theirs in both[[("a", "key"), ("b", "key")]].itertuples(index=False):
        first, second = _read(results.records, str(mine)), _read(results.records, str(theirs))
        names = sorted(first.keys() & second.keys())
        if not names:
            return None, None
        pairs.append((_error(first, names, results.metric), _error(second, names, results.metric)))
        counts.append(len(names))
    return pd.DataFrame(pairs, index=both.index, columns=["a", "b"]), round(float(np.mean(counts)))


def _error(errors: dict[str, float], names: list[str], metric: str) -> float:
    found = np.array([errors[name] for name in names])
    return float((found**2).mean() ** 0.5 if metric == "rmse" else found.mean())


def of_point(point: pd.DataFrame, errors: dict[str, float | None]) -> dict[str, Any]:
    """The entry of one grid point, if some models were scored on fewer materials.

    Args:
        point: Results of the grid point.
        errors: Result of `errors_on_same`.
    """
    scored = point[point["key"].isin(errors.keys())]
    if scored.empty:
        return {}
    same = scored["key"].map(errors).astype(float)  # NaN where it is not known
    if same.isna().any():
        return {SAME: {"mean": None}}
    geometric = geometric_mean(by_repeat(scored.assign(same=same), "same"))
    return {SAME: {"mean": float(same.mean())}, GEOMETRIC: {SAME: {"mean": geometric.mean}}}


def _read(records: Path | None, key: str) -> dict[str, float]:
    try:
        return {} if records is None else read_errors(records, key)
    except FileNotFoundError:
        return {}
