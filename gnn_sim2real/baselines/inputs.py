"""What is known of materials besides their measured values: the inputs of the baselines."""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Input = Literal["descriptors", "physical_descriptors", "simulated", "source", "library", "encoded", "foundation"]
"""Names of the inputs, see `Inputs`."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of some materials, one row each; None for an input that nobody asked for.

    Attributes:
        descriptors: (num_materials, num_features); counts of fragments with a few sums, or statistics of the elements;
            see `Featurizer.descriptors`.
        physical_descriptors: (num_materials, num_features); fewer and smoother ones, for distances between materials;
            see `Featurizer.physical_descriptors`.
        simulated: (num_materials,); the simulated property, in the unit of the measured one; NaN for a material without
            a simulated value.
        source: (num_materials,); prediction of a source model. If it was trained on the measured materials, but not
            on the test materials, it looks better on the former than it is, and misleads.
        library: (num_materials, num_columns); predictions of many source models, of every property.
        encoded: (num_materials, width); features from the encoder of a source model.
        foundation: (num_materials, width); features from a foundation encoder, see `gnn_sim2real.foundation`; NaN in
            the row of a material that it cannot read.
        weights: (num_materials,); weight of each measured value, by its uncertainty, see `DataSet.loss_weights`; above
            0, and 1 in the mean. None where all count alike. It is no input that a baseline needs: one that can weigh
            its measurements does.
        measured_in: Table of the registry that the measured values are of, if they are.

    Raises:
        ValueError: If a number is infinite or missing, a weight is not above 0, or the inputs differ in length.
    """

    descriptors: Floats | None = None
    physical_descriptors: Floats | None = None
    simulated: Floats | None = None
    source: Floats | None = None
    library: Floats | None = None
    encoded: Floats | None = None
    foundation: Floats | None = None
    weights: Floats | None = None
    measured_in: str = ""

    def __post_init__(self) -> None:
        lengths = {}
        for name, values in self._given().items():
            column = check(name, values, num_axes=1 if name in _COLUMNS else 2, may_lack=name in _MAY_LACK)
            lengths[name] = len(column)
            object.__setattr__(self, name, column)
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"each material needs one row in each input, got these numbers of rows: {listed}")
        if self.weights is not None and not (self.weights > 0).all():
            raise ValueError("a weight of a measured value must be above 0")

    def take(self, rows: NDArray[np.int64]) -> "Inputs":
        """The inputs of some materials.

        Args:
            rows: Rows of the materials.
        """
        return replace(self, **{name: values[rows] for name, values in self._given().items()})

    def followed_by(self, others: "Inputs") -> "Inputs":
        """The inputs of these materials and then of others, those that both have.

        Args:
            others: Inputs of the others.
        """
        mine, theirs = self._given(), others._given()
        joined = {name: np.concatenate([mine[name], theirs[name]]) for name in mine if name in theirs}
        return Inputs(**joined, measured_in=self.measured_in)

    def table(self, *names: Input) -> Floats:
        """Some inputs side by side, (num_materials, num_columns).

        Args:
            names: Inputs that are given, in order.
        """
        given = self._given()
        return np.column_stack([given[name] for name in names])

    def complete(self, names: tuple[Input, ...]) -> NDArray[np.bool_]:
        """Which materials have all of some inputs, (num_materials,).

        Args:
            names: Inputs that are given.
        """
        return np.asarray(~np.isnan(self.table(*names)).any(axis=1))

    def _given(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "measured_in"}
        return {name: value for name, value in values.items() if value is not None}


_COLUMNS = ("simulated", "source", "weights")
_MAY_LACK = ("simulated", "foundation")


def check(name: str, values: Any, *, num_axes: int, may_lack: bool = False) -> Floats:
    """Return values as an array of finite numbers.

    Args:
        name: What they are, for the message.
        values: Anything that numpy reads.
        num_axes: Number of axes that they must have.
        may_lack: Whether NaN is accepted.

    Raises:
        ValueError: If the shape is another, or a number is infinite or missing.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != num_axes:
        wanted = "(materials, features)" if num_axes == 2 else "(materials,)"
        raise ValueError(f"{name} must have the shape {wanted}, got {array.shape}")
    wrong = np.isinf(array) if may_lack else ~np.isfinite(array)
    rows = np.unique(np.argwhere(wrong)[:, 0])
    if len(rows):
        raise ValueError(
            f"{name} has {'an' if may_lack else 'a missing or'} infinite number in row {rows[0]} (rows of this kind: "
            f"{len(rows)}); drop these materials or fill in their values first"
        )
    return array
