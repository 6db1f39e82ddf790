"""The measured materials beside what was predicted without them, as a table with the user's own rows and columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.data.crystals import CrystalDataSet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.ensemble.intervals import quantiles_of_others
from gnn_sim2real.files import expand
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.answer import Answer, Outside
from gnn_sim2real.shotgun.saved import describe_outside
from gnn_sim2real.shotgun.target import Target, first_places
from gnn_sim2real.tasks.prediction import Asked, heading, write_predictions

SUSPECT = 2.0
"""A measured value so many half widths of its interval away from the prediction is worth a second look."""

NOT_MEASURED = "no measured value that could be used"
_TESTED = "tested apart, so that it takes no part here"
_SECOND_LOOK = "the measured value is far outside of its interval: check it"


@dataclass(frozen=True, eq=False)
class Beside:
    """What was predicted for each row of a target without having been trained on it, in physical units.

    Attributes:
        measured: (num_materials,).
        predicted: (num_materials,).
        lower: Lower end of the interval, (num_materials,); minus infinity where there are too few measurements for one.
        upper: Upper end, (num_materials,).
        distances: Distance from the rows that it was predicted from, (num_materials,).
        outside: Why the interval has no guarantee; empty where it has.
        parts: `train` or `test`.
    """

    measured: Floats
    predicted: Floats
    lower: Floats
    upper: Floats
    distances: Floats
    outside: Sequence[str]
    parts: Sequence[str]

    @property
    def suspects(self) -> NDArray[np.bool_]:
        """Whether the measured value of a row is far from its prediction, see `SUSPECT`, (num_materials,)."""
        ends = np.where(self.measured < self.predicted, self.lower, self.upper)
        return np.abs(self.measured - self.predicted) > SUSPECT * np.abs(ends - self.predicted)


def predict_beside(answer: Answer) -> Beside:
    """Collect the predictions of all rows of a target: of the training part without their fold, of the test part.

    Args:
        answer: The answer.
    """
    target, stack = answer.target, answer.stack
    first = first_places(target.train)  # a row that counts more is one material
    honest, scale = stack.honest_predictions[first], answer.left_out_scale[first]
    middle = np.concatenate([honest, stack.predictions])
    scores = np.abs(target.values[target.train[first]] - honest) / scale
    left_out = quantiles_of_others(scores, answer.intervals.coverage) * scale
    half = np.concatenate([left_out, answer.half_widths])
    known, asked = answer.left_out_outside, answer.outside
    outside = Outside(
        np.concatenate([known.distances[first], asked.distances]),
        np.concatenate([known.unseen[first], asked.unseen]),
        np.concatenate([known.disordered[first], asked.disordered]),
    )
    lacking = np.zeros(len(middle), np.bool_) if target.simulated is None else np.isnan(target.simulated)
    rows = np.concatenate([target.train[first], target.test])
    measured, predicted, lower, upper = (
        target.unscale(each) for each in (target.values[rows], middle, middle - half, middle + half)
    )
    parts = ["train"] * len(first) + ["test"] * len(target.test)
    notes = describe_outside(outside, lacking[rows])
    return Beside(measured, predicted, lower, upper, outside.distances, notes, parts)


@dataclass(frozen=True)
class _OfTarget:
    """The materials of a target that comes from no file of the user's."""

    materials: list[tuple[str, str | None]]
    heading: str = "material"
    other_columns: dict[str, list[str]] = field(default_factory=dict)

    @property
    def without_simulated(self) -> NDArray[np.bool_]:
        """For all of them something is written."""
        return np.zeros(len(self.materials), np.bool_)


def write_measured(path: Path, beside: Beside, target: Target, data: PropertyDataModule, part: str | None) -> None:
    """Write one row for each row of the user's file, or else for each material.

    Args:
        path: The CSV.
        beside: From `predict_beside`.
        target: The target.
        data: What its rows were read by.
        part: Which part is read from these data; both unless given.
    """
    some = [row for row, each in enumerate(beside.parts) if part in (None, each)]
    spec = target.spec
    rows = {target.table.identities[row]: _cells(beside, row) for row in some}
    elsewhere = dict.fromkeys({*target.table.identities} - rows.keys(), _TESTED)
    names = [heading(f"{spec.name}{what}", spec.unit) for what in (" measured", "", " lower", " upper")]
    columns = ["part", *names, "distance", "outside"]
    suspects = {target.table.identities[row] for row in some if beside.suspects[row]}
    asked, identities = _read_rows(data, target, some)
    refused = dict(zip(data.table.quarantine["material"], data.table.quarantine["reason"], strict=True))
    names_of = [name for name, reason in asked.materials if reason is None]
    notes = [
        (_SECOND_LOOK if identity in suspects else "")
        if identity in rows
        else elsewhere.get(identity, str(refused.get(name, NOT_MEASURED)))
        for name, identity in zip(names_of, identities, strict=True)
    ]
    nothing = ["", *[float("nan")] * 5, ""]
    write_predictions(path, asked, columns, [rows.get(each, nothing) for each in identities], notes)


def _cells(beside: Beside, row: int) -> list[Any]:
    numbers = (beside.measured, beside.predicted, beside.lower, beside.upper, beside.distances)
    return [beside.parts[row], *(float(each[row]) for each in numbers), beside.outside[row]]


def _read_rows(data: PropertyDataModule, target: Target, some: Sequence[int]) -> tuple[Asked, list[str]]:
    """The rows of the user's file, or the materials of a target that has none, with their identities."""
    path = data.given.get("path", data.given.get("structures"))
    if isinstance(path, str) and hasattr(data, "title") and expand(path).exists():  # the reader of a user's file
        predictor = data.variant(predict_path=str(expand(path)), predict_column=None, predict_simulated=None).predictor
        if predictor.heading == "crystal" and isinstance(data.data_set, CrystalDataSet):
            # Crystals of one formula are told apart by their names, which stand in the order of the file.
            in_file = iter(data.data_set.structures.names)
            named = [next(in_file) if each.reason is None else "" for each in predictor.read_materials]
            pairs = zip(named, predictor.materials, strict=True)
            return predictor, [name for name, (_, reason) in pairs if reason is None]
        return predictor, [data.data_set.name_of(each) for each in predictor.readable]
    spelled = [target.table.materials[row] for row in some]
    identities = [target.table.identities[row] for row in some]
    names = [each if isinstance(each, str) else name for each, name in zip(spelled, identities, strict=True)]
    return _OfTarget([(name, None) for name in names]), identities
