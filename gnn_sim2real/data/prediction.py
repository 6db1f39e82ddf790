"""Materials to predict: read, and turned into graphs or into a reason why not."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from gnn_sim2real.data.data_set import DataSet
from gnn_sim2real.featurize.conditions import AtConditions, ConditionTable, read_condition
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.graph import Graph
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.isolated import warn_of_isolated
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.tables.cleaning import read_column
from gnn_sim2real.tables.condition_columns import ConditionColumns, Conditions, read_conditions
from gnn_sim2real.tables.crystal_columns import crystal_column, holds_crystals, is_table, read_crystals_of
from gnn_sim2real.tables.material_column import find_column_of_kind
from gnn_sim2real.tables.simulated import SETTING, as_simulated, with_its_unit
from gnn_sim2real.tables.table import Property, read_table
from gnn_sim2real.tables.texts import to_texts

if TYPE_CHECKING:
    import pandas


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictionSettings:
    """What is predicted.

    Args:
        predict_path: Table of the materials to predict, for `gnn-sim2real predict`.
        predict_column: Its column of materials; the one that the table of the training has, or else one headed smiles,
            formula or the like, unless given.
        predict_simulated: Table with the simulated value of each material, for a model that corrects it (policies
            `delta` and `affine`): the column of the names as in `predictions.csv`, and `simulated`, in the unit of the
            predictions. Not needed where `simulated_column` or `simulated_from` says where they are.
        predict_conditions: Value of a condition for all of them, by name, in the unit that the model has it in (K of a
            temperature), as in `{temperature: 300}`: for a folder of crystals, or a table without such a column.
    """

    predict_path: str | None = None
    predict_column: str | None = None
    predict_simulated: str | None = None
    predict_conditions: dict[str, int | float] | None = None


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
        if self.data.featurizer.name == "composition":
            return "a table with a column of formulas, or a folder or file of crystals"
        return "a table with a column of materials"

    @property
    def heading(self) -> str:
        """Heading of the materials in a table of predictions."""
        return "crystal" if self._has_crystals else self._column

    def read(self, path: Path) -> list[Material]:
        """Read the materials of a table; a model of compositions reads the formulas of crystals as well.

        Args:
            path: The file.

        Raises:
            ValueError: If there is no such column, or it is a folder and no table.
        """
        if self._has_crystals:
            formula = get_featurizer("crystal").identity
            entries = read_crystals_of(path, disordered=True)
            found = [Material(each.name, each.crystal and formula(each.crystal), each.reason) for each in entries]
            return self.with_conditions(found, [each.values for each in entries])
        cells = to_texts(self._table[self._column])
        return [Material(cell, cell) for cell in cells]

    def with_conditions(self, found: list[Material], values: Sequence[Mapping[str, Any]]) -> list[Material]:
        """Crystals at the conditions that the file has for them; as they are, where the training knew none.

        Args:
            found: The crystals, or their formulas.
            values: What the file has for each besides.

        Raises:
            ValueError: If the file has no such column.
        """
        columns: Conditions | None = getattr(self.data.reader, "condition_columns", None)
        if columns is None or not columns.units:
            return found
        lacking = [
            (name, column)
            for name, (column, _) in columns.columns.items()
            if name not in self.given_conditions and not any(column in each for each in values)
        ]
        if lacking:
            name, column = lacking[0]
            advice = "; a table with it has a column `cif`, or `file` with the path of the file of each crystal"
            raise ValueError(how_to_give(name, column, columns.units[name], str(self.path)) + advice)
        import pandas

        return at_conditions(found, pandas.DataFrame(list(values)), columns, self.path.name, self.given_conditions)

    @property
    def given_conditions(self) -> dict[str, float]:
        """Value of each condition that all materials have, by name.

        Raises:
            ValueError: If the model was learned without such a condition, or a value cannot be one.
        """
        given = self.settings.predict_conditions or {}
        known = [*getattr(self.data.reader, "condition_units", {})]
        for name in given:
            if name not in known:
                raise ValueError(
                    f"`predict_conditions` has {name!r}, but the model was learned with {', '.join(known) or 'none'}"
                )
        return {name: read_condition(given, name) for name in given}

    @property
    def read_columns(self) -> frozenset[str | None]:
        """The columns of the table that the names of the materials repeat."""
        if not self._has_crystals:
            return frozenset([self._column])
        return frozenset([*CELL_COLUMNS, crystal_column(self._table, self.path.parent)])

    @property
    def other_columns(self) -> dict[str, list[str]]:
        """What else a table has for each material, as it is written there, by column."""
        if self._has_crystals and not is_table(self.path):
            return {}
        return {str(name): to_texts(self._table[name]) for name in self._table if str(name) not in self.read_columns}

    @cached_property
    def _has_crystals(self) -> bool:
        """Whether the formulas are those of crystals."""
        return (
            self.data.featurizer.name == "composition"
            and self.settings.predict_column is None
            and holds_crystals(self.path)
        )

    @cached_property
    def _table(self) -> "pandas.DataFrame":
        if self.path.is_dir():
            raise ValueError(f"{self.path} is a folder, but this model reads {self.accepts}; give its file")
        return read_table(self.path, texts=None)

    @cached_property
    def _column(self) -> str:
        """The column of the materials."""
        wanted, columns = self.settings.predict_column, [str(column) for column in self._table]
        if wanted is None:
            wanted = getattr(self.data.reader, "material_column", None)
            if wanted not in columns:
                kind = self.data.featurizer.name
                wanted = find_column_of_kind(columns, kind, str(self.path), "--data.predict_column")
        if wanted not in columns:
            raise ValueError(
                f"{self.path} has no column {wanted!r}, only {', '.join(columns)}; set `--data.predict_column`"
            )
        return wanted

    @property
    def path(self) -> Path:
        """The file of the materials.

        Raises:
            ValueError: If none is given.
        """
        if self.settings.predict_path is None:
            raise ValueError(
                "there is nothing to predict; add `--data.predict_path FILE`, or the file after the model "
                f"({self.accepts})"
            )
        return Path(self.settings.predict_path)

    @cached_property
    def read_materials(self) -> list[Material]:
        """The materials as they were read."""
        _ = self.given_conditions  # refused where they mean nothing
        return self.read(self.path)

    @property
    def contents(self) -> list[Any]:
        """The materials themselves; what cannot be read is meaningless."""
        return [each.content for each in self.read_materials]

    @cached_property
    def inputs(self) -> list[PredictionInput]:
        """The materials as graphs."""
        return make_graphs(self.read_materials, self.data.featurizer, str(self.settings.predict_path))

    @property
    def materials(self) -> list[tuple[str, str | None]]:
        """Name of each material, with the reason why it cannot be read, if so."""
        return [(each.name, each.reason) for each in self.inputs]

    @property
    def readable(self) -> list[Any]:
        """The materials that can be read, in their order, as the featurizer reads them."""
        pairs = zip(self.contents, self.inputs, strict=True)
        return [content for content, found in pairs if found.graph is not None]

    def make_store(self) -> AnyStore:
        """The graphs of the materials that can be read, in their order, with their conditions."""
        store = GraphStore.from_graphs(each.graph for each in self.inputs if each.graph is not None)
        if names := self.data.featurizer.settings.get("conditions"):
            return store.at_conditions(np.arange(len(store)), ConditionTable.of(self.readable, names).conditions)
        return store

    @cached_property
    def store(self) -> AnyStore:
        """`make_store`, once: warnings and batches read it."""
        store = self.make_store()
        warn_of_isolated(store, [name for name, reason in self.materials if reason is None], str(self.path))
        return store

    def dataloader(self) -> DataLoader[Any]:
        """Batches of the materials that can be read, in their order."""
        store, found = self.store, self.simulated
        simulated = None if found is None else torch.from_numpy(found).float().unsqueeze(1)
        return make_loader(MaterialSet(store, torch.arange(len(store)), None, simulated), 256)

    @cached_property
    def simulated(self) -> NDArray[np.float64] | None:
        """Simulated value of each material that can be read, NaN where it has none; None if none are given."""
        readable = np.array([reason is None for _, reason in self.materials], np.bool_)
        if self.settings.predict_simulated is not None:
            names = [name for name, reason in self.materials if reason is None]
            return read_simulated(Path(self.settings.predict_simulated), self.heading, names)
        asked = self.data.simulated_settings
        if asked.simulated_column is not None:
            values = self._read_simulated_column(asked.simulated_column, asked.simulated_unit)
            return None if values is None else values[readable]
        if (source := self.data.simulated_in) is None:
            return None
        names = [self.data.name_of(each) for each in self.readable]
        return self.data.look_up(source, self._property, names, self.readable).values

    @property
    def without_simulated(self) -> NDArray[np.bool_]:
        """Whether a simulated value is missing, of each material that can be read; none is, if none are given."""
        count = sum(reason is None for _, reason in self.materials)
        return np.zeros(count, np.bool_) if self.simulated is None else np.isnan(self.simulated)

    @property
    def _property(self) -> Property:
        """The predicted property; a reader of a user's file knows it without that file."""
        own = getattr(self.data.reader, "property", None)
        return own if isinstance(own, Property) else self.data.table.properties[0]

    def _read_simulated_column(self, column: str, unit: str | None) -> NDArray[np.float64] | None:
        """The column of the asked table, (num_rows,); None if it has no such column."""
        if not is_table(self.path) or column not in self._table:
            return None
        wanted = with_its_unit(as_simulated(self._property, column, unit), self._table, self.path.name)
        found = read_column(self._table, wanted, f"{self.path.name} (`simulated_column`)", SETTING)
        if found.refused:
            reason = next(iter(found.refused.values()))
            logger.warning("%s: %d refused simulated values: %s", self.path.name, len(found.refused), reason)
        return found.values


def at_conditions(
    found: Sequence[Material],
    frame: "pandas.DataFrame",
    columns: Conditions,
    source: str,
    of_all: Mapping[str, float],
) -> list[Material]:
    """Materials at the conditions of their rows, or the reason why one cannot be asked.

    Args:
        found: The materials.
        frame: A table with a row for each.
        columns: Where the conditions are.
        source: Name of the file, for messages.
        of_all: Value of the conditions that all materials have, by name.

    Raises:
        ValueError: If a column is missing, or its unit is not understood, or a condition is given twice.
    """
    refuse_second(of_all, columns.columns, frame, source)
    rest = {name: where for name, where in columns.columns.items() if name not in of_all}
    if lacking := [(name, column) for name, (column, _) in rest.items() if column not in frame]:
        raise ValueError(how_to_give(*lacking[0], columns.units[lacking[0][0]], source))
    read = read_conditions(frame, rest, columns.units, source)
    nowhere = {name: np.full(len(found), value) for name, value in of_all.items()}
    given = {name: (read | nowhere)[name] for name in columns.units}
    rows = [dict(zip(given, row, strict=True)) for row in np.column_stack([*given.values()]).tolist()]
    return [_at(each, conditions) for each, conditions in zip(found, rows, strict=True)]


def how_to_give(name: str, column: str, unit: str, source: str) -> str:
    """What is said where a table of materials lacks the column of a condition.

    Args:
        name: Of the condition.
        column: Its column.
        unit: Its unit in the model.
        source: Name of the file.
    """
    return (
        f"{source} has no column {column!r}, which the model was learned with; add it, or say the {name} of all "
        f"materials{f' in {unit}' if unit else ''}, as in `--data.predict_conditions '{{{name}: 300}}'`"
    )


def refuse_second(
    of_all: Mapping[str, float], columns: ConditionColumns, frame: "pandas.DataFrame", source: str
) -> None:
    """Refuse a condition that is given for all materials, and in a column as well.

    Args:
        of_all: Those for all, by name.
        columns: Column of each.
        frame: The table.
        source: Name of the file, for messages.

    Raises:
        ValueError: If there is one.
    """
    for name in of_all:
        if (column := columns[name][0]) in frame:
            raise ValueError(
                f"{source} has the {name} in the column {column!r}, and `predict_conditions` says another one; leave "
                "out one of them"
            )


def _at(material: Material, conditions: dict[str, float]) -> Material:
    """A material at its conditions, or the reason why it cannot be asked."""
    if material.reason is not None:
        return material
    try:
        for name in conditions:
            read_condition(conditions, name)
    except ValueError as error:
        return material._replace(reason=str(error))
    return material._replace(content=AtConditions(material.content, conditions))


def read_simulated(path: Path, heading: str, names: list[str]) -> NDArray[np.float64]:
    """Read the simulated value of each material for a model that corrects it.

    Args:
        path: A table with the columns `heading` and `simulated`, in the unit of the model's predictions.
        heading: Column of the names.
        names: The materials.

    Returns:
        (num_materials,), NaN for a material that is not in the table, or has an empty value there.

    Raises:
        ValueError: If there is no such column, or a value is not a number.
    """
    frame = read_table(path)
    for column in (heading, "simulated"):
        if column not in frame:
            raise ValueError(
                f"{path} has no column {column!r}, only {', '.join(map(str, frame.columns))}; "
                f"`predict_simulated` takes a table with the columns {heading!r} and 'simulated'"
            )
    values = dict(zip(to_texts(frame[heading]), to_texts(frame["simulated"]), strict=True))
    found = [values.get(name, "") for name in names]
    for name, value in zip(names, found, strict=True):
        if value and not _is_number(value):
            raise ValueError(f"{path} must have a number as the simulated value of {name!r}, got {value!r}; correct it")
    return np.array([float(value) if value else math.nan for value in found])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


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
