"""Materials that a user asks a prediction for: read, and turned into graphs or into a reason why not."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.graph import Graph
from gnn_sim2real.tables import read_table


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
