"""The test materials that a model of a study misses most, for tables whose license lets anyone see them."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from gnn_sim2real.featurize.drawing import draw_material
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.prediction_table import spell_material
from gnn_sim2real.records.record import read_predictions

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image


class HardMaterial(NamedTuple):
    """A test material with its mean prediction and errors over test parts and seeds, in the unit of the property.

    Attributes:
        spelling: As in the table.
        picture: Its structure; None if it cannot be drawn.
        measured: Measured value.
        predicted: Mean prediction.
        error: Mean absolute error.
        other_error: That of the other model; None if it is not known.
        num_tests: Number of models that were tested on it.
    """

    spelling: str
    picture: Image | None
    measured: float
    predicted: float
    error: float
    other_error: float | None
    num_tests: int


def has_predictions(results: Results, keys: Iterable[str]) -> bool:
    """Whether records have the predictions of single materials, which only those of open tables have.

    Args:
        results: The results.
        keys: Keys of the records.
    """
    folder = results.records
    return folder is not None and any((folder / f"{key}.predictions.json").exists() for key in keys)


def hardest_materials(
    results: Results, data: Any, keys: Iterable[str], other_keys: Iterable[str], most: int
) -> list[HardMaterial]:
    """The materials with the largest errors of a model, the largest first.

    Args:
        results: The results, with their folder of records.
        data: The data module of the target; of one without an open license nothing is told.
        keys: Keys of the records of the model.
        other_keys: Those of another one, whose errors stand beside.
        most: Number of materials, at most.
    """
    if results.records is None or data.sheet is None or not data.sheet.is_open:
        return []
    found, others = _predictions(results.records, keys), _predictions(results.records, other_keys)
    table = data.table
    rows = {identity_hash(identity): row for row, identity in enumerate(table.identities)}
    errors = {
        name: fmean(abs(each - table.values[rows[name], 0]) for each in values)
        for name, values in found.items()
        if name in rows
    }
    hardest = []
    for name in sorted(errors, key=lambda name: -errors[name])[:most]:
        row = rows[name]
        material, measured = table.materials[row], float(table.values[row, 0])
        hardest.append(
            HardMaterial(
                spelling=spell_material(material, data, row),
                picture=draw_material(material),
                measured=measured,
                predicted=fmean(found[name]),
                error=errors[name],
                other_error=fmean(abs(each - measured) for each in others[name]) if name in others else None,
                num_tests=len(found[name]),
            )
        )
    return hardest


def _predictions(folder: Path, keys: Iterable[str]) -> dict[str, list[float]]:
    """Predictions of all records by hashed identity."""
    found: dict[str, list[float]] = {}
    for key in keys:
        for name, value in (read_predictions(folder, key) or {}).items():
            found.setdefault(name, []).append(value)
    return found
