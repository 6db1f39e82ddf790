"""Materials to predict: read, and turned into graphs or into a reason why not."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from gnn_sim2real.data.data_set import DataSet
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.graph import Graph
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.tables.table import read_table


@dataclass(frozen=True)
class PredictionSettings:
    """What is predicted.

    Args:
        predict_path: Table of the materials to predict, for `gnn-sim2real predict`.
        predict_column: Its column of materials.
        predict_simulated: Table with the simulated value of each material, for a model that corrects it (policies
            `delta` and `affine`): the column of the names as in `predictions.csv`, and `simulated`.
    """

    predict_path: str | None = None
    predict_column: str = "smiles"
    predict_simulated: str | None = None


class Material(NamedTuple):
    """A material read from a file, or the reason why it cannot be read."""

    name: str
    content: Any
    reason: str | None = None


class PredictionInput(NamedTuple):
    """A material to predict: its graph, or why there is none."""

    name: str
    graph: Graph | None
    reason: str | None


class Predictor:
    """The materials to predict; those that cannot be read have a reason.

    Args:
        settings: Where they are.
        data: Turns them into graphs.
    """

    def __init__(self, settings: PredictionSettings, data: DataSet) -> None:
        self.settings, self.data = settings, data

    @property
    def accepts(self) -> str:
        """What `predict_path` may be."""
        return "a table with a column of materials"

    @property
    def heading(self) -> str:
        """Heading of the materials in a table of predictions."""
        return self.settings.predict_column

    def read(self, path: Path) -> list[Material]:
        """Read the materials; by default those in the column `predict_column` of a table.

        Args:
            path: The file.
        """
        return read_column(path, self.settings.predict_column)

    @property
    def path(self) -> Path:
        """The file of the materials.

        Raises:
            ValueError: If none is given.
        """
        if self.settings.predict_path is None:
            raise ValueError(f"there is nothing to predict; add `--data.predict_path FILE` ({self.accepts})")
        return Path(self.settings.predict_path)

    @cached_property
    def inputs(self) -> list[PredictionInput]:
        """The materials as graphs."""
        return make_graphs(self.read(self.path), self.data.featurizer, str(self.settings.predict_path))

    @property
    def materials(self) -> list[tuple[str, str | None]]:
        """Name of each material, with the reason why it cannot be read, if so."""
        return [(each.name, each.reason) for each in self.inputs]

    def make_store(self) -> AnyStore:
        """The graphs of the materials that can be read, in their order."""
        return GraphStore.from_graphs(each.graph for each in self.inputs if each.graph is not None)

    def dataloader(self) -> DataLoader[Any]:
        """Batches of the materials that can be read, in their order."""
        store, simulated = self.make_store(), None
        if self.settings.predict_simulated is not None:
            names = [name for name, reason in self.materials if reason is None]
            simulated = read_simulated(Path(self.settings.predict_simulated), self.heading, names)
        return make_loader(MaterialSet(store, torch.arange(len(store)), None, simulated), 256)


def read_column(path: Path, column: str) -> list[Material]:
    """Read the materials of a table.

    Args:
        path: The table, see `tables.read_table`.
        column: Its column of materials.

    Raises:
        ValueError: If there is no such column.
    """
    frame = read_table(path)
    if column not in frame:
        raise ValueError(
            f"{path} has no column {column!r}, only {', '.join(map(str, frame.columns))}; set `--data.predict_column`"
        )
    cells = [cell if isinstance(cell, str) else "" for cell in frame[column]]
    return [Material(cell, cell) for cell in cells]


def read_simulated(path: Path, heading: str, names: list[str]) -> Tensor:
    """Read the simulated value of each material for a model that corrects it.

    Args:
        path: A table with the columns `heading` and `simulated`, in the unit of the model's predictions.
        heading: Column of the names.
        names: The materials.

    Returns:
        float32, (num_materials, 1).

    Raises:
        ValueError: If there is no such column, or a material has no value.
    """
    frame = read_table(path)
    for column in (heading, "simulated"):
        if column not in frame:
            raise ValueError(
                f"{path} has no column {column!r}, only {', '.join(map(str, frame.columns))}; "
                f"`predict_simulated` takes a table with the columns {heading!r} and 'simulated'"
            )
    values = dict(zip(frame[heading], frame["simulated"], strict=True))
    found = [values.get(name) for name in names]
    for name, value in zip(names, found, strict=True):
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{path} must have a simulated value for {name!r}, got {value!r}; add the number")
    return torch.tensor(found, dtype=torch.float32).unsqueeze(1)


def make_graphs(materials: Iterable[Material], featurizer: Featurizer, source: str) -> list[PredictionInput]:
    """Make the graph of each material that can be read.

    Args:
        materials: What was read.
        featurizer: Makes the graphs.
        source: Name of the file, for messages.

    Raises:
        ValueError: If none of them can become a graph.
    """
    inputs = [_make_graph(each, featurizer) for each in materials]
    if not any(each.graph for each in inputs):
        reason = inputs[0].reason if inputs else "it has none"
        raise ValueError(f"none of the {len(inputs)} materials in {source} can be read: {reason}")
    return inputs


def _make_graph(material: Material, featurizer: Featurizer) -> PredictionInput:
    if material.reason is not None:
        return PredictionInput(material.name, None, material.reason)
    try:
        return PredictionInput(material.name, featurizer.featurize(material.content), None)
    except ValueError as error:
        return PredictionInput(material.name, None, str(error))
