"""Materials that a user asks a prediction for: read, and turned into graphs or into a reason why not."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.graph import Graph
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.tables.table import read_table


class Asked(NamedTuple):
    """A material to predict: its graph, or why there is none."""

    name: str
    graph: Graph | None
    reason: str | None


class Material(NamedTuple):
    """A material as read from a file, or the reason why it cannot be read."""

    name: str
    content: Any
    reason: str | None = None


class AskedMaterials(ABC):
    """What a data module does for `predict`: read `predict_path`, make graphs, say what cannot be read."""

    predictable: ClassVar[str] = "a table with a column of materials"
    """What `predict_path` may be."""

    predict_path: str | None
    predict_column: str
    predict_simulated: str | None

    @property
    @abstractmethod
    def featurizer(self) -> Featurizer:
        """How the materials become graphs."""

    def predict_dataloader(self) -> DataLoader[Any]:
        """Batches of the materials in `predict_path`, in its order; unreadable ones are left to the writer."""
        readable = [each for each in self._asked if each.graph is not None]
        store = GraphStore.from_graphs(each.graph for each in readable if each.graph is not None)
        simulated = None
        if self.predict_simulated is not None:
            names = [each.name for each in readable]
            simulated = read_simulated(Path(self.predict_simulated), self.predict_heading, names)
        return make_loader(MaterialSet(store, torch.arange(len(store)), None, simulated), 256)

    @property
    def predict_heading(self) -> str:
        """Heading of the materials in a table of predictions."""
        return self.predict_column

    @property
    def predict_materials(self) -> list[tuple[str, str | None]]:
        """Name of each material of `predict_path`, with the reason why it cannot be read, if so."""
        return [(each.name, each.reason) for each in self._asked]

    def read_asked(self, path: Path) -> list[Material]:
        """Read the materials to predict; by default those in the column `predict_column` of a table."""
        return read_column(path, self.predict_column)

    @cached_property
    def _asked(self) -> list[Asked]:
        """The materials of `predict_path` as graphs."""
        if self.predict_path is None:
            raise ValueError(f"say what to predict: `--data.predict_path FILE` ({self.predictable})")
        return make_graphs(self.read_asked(Path(self.predict_path)), self.featurizer, self.predict_path)


def read_column(path: Path, column: str) -> list[Material]:
    """Read the materials of a table.

    Args:
        path: The table, see `tables.read_table`.
        column: Its column with the spelling of the materials.

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
    """Read the simulated value of each material, for a model that corrects it.

    Args:
        path: A table with the columns `heading` and `simulated`, in the unit in which the model answers.
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
            raise ValueError(f"{path} has no simulated value of {name!r}: it has {value!r}; add the number")
    return torch.tensor(found, dtype=torch.float32).unsqueeze(1)


def make_graphs(materials: Iterable[Material], featurizer: Featurizer, source: str) -> list[Asked]:
    """Make the graph of each material that can be read.

    Args:
        materials: What was read.
        featurizer: Makes the graphs.
        source: Name of the file, for messages.

    Raises:
        ValueError: If none of them can become a graph.
    """
    asked = [_ask(each, featurizer) for each in materials]
    if not any(each.graph for each in asked):
        reason = asked[0].reason if asked else "it holds none"
        raise ValueError(f"none of the {len(asked)} materials in {source} can be read: {reason}")
    return asked


def _ask(material: Material, featurizer: Featurizer) -> Asked:
    if material.reason is not None:
        return Asked(material.name, None, material.reason)
    try:
        return Asked(material.name, featurizer.featurize(material.content), None)
    except ValueError as error:
        return Asked(material.name, None, str(error))
