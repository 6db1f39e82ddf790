"""What the choice of test materials adds to the intervals of a law, from a study's folder or from its published result.

A published result names no test material and has no error of a single one (`public_predictions` are those of tables
with an open license): of tables without one, nothing of that kind may be handed on. A law needs less, the covariance of
the mean log errors of its points, published as a factor: the product of the rows of two points is their covariance, and
that of a row with itself is a squared standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.log_errors import pull_of_materials
from gnn_sim2real.records.curves import source_sizes
from gnn_sim2real.records.record import read_errors

METRICS_OF_MATERIALS = ("mae", "rmse")
"""Errors that are means over the test materials."""

_LEFT_OUT = 1e-3  # of the variance of a point, at most, by leaving out the smallest components
_DIGITS = 6
_MOST_MATERIALS = 10**6


def read_material_errors(results: pd.DataFrame, folder: Path) -> tuple[list[str], Floats] | None:
    """Test materials and the errors on each; None unless all models were tested on the same ones, once on each.

    Args:
        results: Results of the models, from `gnn_sim2real.records.results`.
        folder: Folder of the records.

    Returns:
        Names of the materials, and errors of shape ``(num_models, num_materials)``.
    """
    if results["split"].nunique() > 1 or results["num_test"].nunique() > 1:
        return None
    if not all((folder / f"{key}.errors.json").exists() for key in results["key"]):
        return None
    errors = [read_errors(folder, key) for key in results["key"]]
    names = [*errors[0]]
    if len(names) != results["num_test"].iloc[0] or any(each.keys() != errors[0].keys() for each in errors):
        return None
    return names, np.array([[each[name] for name in names] for each in errors])


class _Point(NamedTuple):
    """The models of one point of a curve: their keys, and by metric the pull of each material on their mean."""

    keys: list[str]
    pulls: dict[str, Floats]


def publish_pulls(curves: Iterable[pd.DataFrame], folder: Path) -> list[dict[str, Any]]:
    """The covariance of the points of a study, over the choice of its test materials, in plain types.

    Args:
        curves: Results of each curve, from `gnn_sim2real.records.curves.group_curves`.
        folder: Folder of the records.

    Returns:
        For each test part on which whole curves were tested: the number of its materials, and for each point the keys
        of its cells and a row of the factor for each metric. Curves over several test parts need none of this, since
        their repeats differ in the materials already.
    """
    parts: dict[tuple[str, ...], list[_Point]] = {}
    for found in curves:
        known = read_material_errors(found, folder)
        if known is None:
            continue
        names, errors = known
        sizes, place = np.unique(source_sizes(found), return_inverse=True)
        order = np.argsort(names)
        pulls = {
            metric: pull_of_materials(place, found[metric].to_numpy(), errors[:, order])
            for metric in METRICS_OF_MATERIALS
            if metric in found and found[metric].notna().all()
        }
        keys = found["key"].to_numpy()
        parts.setdefault(tuple(sorted(names)), []).extend(
            _Point([*map(str, keys[place == number])], {metric: each[:, number] for metric, each in pulls.items()})
            for number in range(len(sizes))
        )
    return [_publish_part(len(names), points) for names, points in parts.items()]


def _publish_part(num_materials: int, points: list[_Point]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"keys": point.keys} for point in points]
    for metric in METRICS_OF_MATERIALS:
        rows = [number for number, point in enumerate(points) if metric in point.pulls]
        if rows:
            pulls = np.array([points[number].pulls[metric] for number in rows])
            for number, row in zip(rows, _factor(pulls @ pulls.T), strict=True):
                content[number][metric] = " ".join(f"{value:.{_DIGITS}f}" for value in row)
    return {"num_materials": num_materials, "points": content}


def _factor(covariance: Floats) -> Floats:
    """A factor of a covariance, its columns from large to small, without those that add next to nothing."""
    values, vectors = np.linalg.eigh(covariance)
    columns = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1]
    columns *= np.where(columns.sum(axis=0) < 0, -1.0, 1.0)
    whole = np.diag(covariance)[:, None]
    missing = whole - np.cumsum(columns**2, axis=1)
    enough = (missing <= _LEFT_OUT * whole).all(axis=0)
    return np.asarray(columns[:, : int(np.argmax(enough)) + 1 if enough.any() else None])


@dataclass(frozen=True)
class PublishedPulls:
    """What a published result knows of its test materials.

    Attributes:
        rows: By metric and key of a cell: the test part of its point, and the row of the factor.
        labels: Of each test part: as many labels as it has materials; they are those of no material.
    """

    rows: Mapping[str, Mapping[str, tuple[int, tuple[float, ...]]]]
    labels: Sequence[Sequence[str]]

    def of_models(self, keys: Sequence[str], metric: str) -> tuple[list[str], Floats] | None:
        """Labels and pulls of models; None unless all of them are known and were tested on the same materials.

        Args:
            keys: Keys of the records of the models.
            metric: Error to which a law is fitted.

        Returns:
            The labels, and pulls of shape ``(num_models, num_labels)``.
        """
        known = self.rows.get(metric, {})
        if not all(key in known for key in keys) or len({known[key][0] for key in keys}) != 1:
            return None
        labels = self.labels[known[keys[0]][0]]
        pulls = np.zeros((len(keys), len(labels)))
        for number, key in enumerate(keys):
            row = known[key][1]
            pulls[number, : len(row)] = row
        return [*labels], pulls


NO_PULLS = PublishedPulls({}, ())
"""Those of a result that was published by an earlier version."""


def parse_pulls(content: Any) -> PublishedPulls:
    """Read what `publish_pulls` made.

    Args:
        content: The plain types, which may come from anyone.

    Raises:
        ValueError: If they are something else.
    """
    rows: dict[str, dict[str, tuple[int, tuple[float, ...]]]] = {metric: {} for metric in METRICS_OF_MATERIALS}
    labels = []
    try:
        for number, part in enumerate(content):
            count = part["num_materials"]
            if type(count) is not int or not 1 < count <= _MOST_MATERIALS:
                raise ValueError(f"`num_materials` of `test_materials` is {count!r}")
            for point in part["points"]:
                for metric in METRICS_OF_MATERIALS:
                    row = tuple(map(float, point.get(metric, "").split()))
                    if len(row) > count or not np.isfinite(row).all():
                        raise ValueError("`test_materials` has pulls that cannot be")
                    rows[metric] |= {str(key): (number, row) for key in point["keys"] if row}
            name = blake2b(json.dumps(part, sort_keys=True).encode(), digest_size=8).hexdigest()
            labels.append([f"{name} {place}" for place in range(count)])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its `test_materials` cannot be read ({error})") from error
    return PublishedPulls(rows, labels)
