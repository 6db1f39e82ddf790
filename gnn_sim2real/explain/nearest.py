"""Which materials that a model may have learned from are nearest to one, as the model sees them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.ensemble.intervals import TrainingRange
from gnn_sim2real.estimator.features import embed_known, embed_readable, kind_of
from gnn_sim2real.estimator.pool import read_pool
from gnn_sim2real.gaussian_process import StandardColumns
from gnn_sim2real.library import TrainedModel

Floats = NDArray[np.float64]

SHOWN = 5
"""Nearest materials that are listed."""


@dataclass(frozen=True)
class Neighbor:
    """A material near another.

    Attributes:
        name: As it is written.
        distance: In units of the usual distance between neighbors in its table.
        value: What its table says of the property; empty if it says nothing.
    """

    name: str
    distance: float
    value: str = ""


class Neighbors:
    """Finds the nearest materials of a table, by features of the last layer of a model.

    Args:
        model: The model.
        path: The table or folder of materials.
        property_name: Name of the property, whose values in the table are shown.
        column: Column of the materials; found by its heading unless given.

    Raises:
        ValueError: If fewer than two different materials of the table can be read.
    """

    def __init__(self, model: TrainedModel, path: Path, property_name: str, column: str | None = None) -> None:
        pool = read_pool(path, kind_of(model), column)
        features, materials = embed_known(model, pool.materials())
        rows = materials.readable
        if features is None or len(rows) < 2:
            raise ValueError(f"fewer than two materials of {path} can be read: give a table with more")
        self._model = model
        self._names = [materials.names[row] for row in rows.tolist()]
        values = pool.column_like(property_name)
        self._values = [values[row] if values else "" for row in rows.tolist()]
        self._columns = StandardColumns(features)
        self._features = self._columns.apply(features)
        self._unit = TrainingRange(features).unit

    def nearest(self, content: Any, number: int = SHOWN) -> list[Neighbor]:
        """The nearest materials of the table, the nearest first.

        Args:
            content: A material as the model reads it.
            number: How many.
        """
        own = self._columns.apply(embed_readable(self._model, [content]))
        distances = np.sqrt(np.square(self._features - own).sum(axis=1)) / self._unit
        order = np.argsort(distances, kind="stable")[:number].tolist()
        return [Neighbor(self._names[row], float(distances[row]), self._values[row]) for row in order]
