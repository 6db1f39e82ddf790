"""The target: few measured materials, with graphs for every kind of source model that can read them."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from gnn_sim2real import scales
from gnn_sim2real.data.data_set import title_of
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer, with_disorder
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.featurize.mixture import MixtureTable
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.linear import Floats
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.splits.parts import Parts, Rows
from gnn_sim2real.splits.split import Tail
from gnn_sim2real.store.mixtures import AnyStore, store_of
from gnn_sim2real.tables.censored import join_sides
from gnn_sim2real.tables.table import CleanTable, Property

logger = logging.getLogger(__name__)

WITH_BONDS = ("repeat_unit", "molecule", "mixture")
"""Kinds of materials whose atoms can have descriptors; encoders that do not read them ignore them."""

_BATCH = 256


@dataclass(frozen=True, eq=False)
class View:
    """The materials of a target as one kind of graph.

    Attributes:
        featurizer: Featurizer of the graphs.
        store: The graphs, in the order of the target's materials.
        batches: All graphs in batches, made once for all models.
    """

    featurizer: Featurizer
    store: AnyStore
    batches: list[GraphBatch]


class MeasuredRows(PropertyDataModule):
    """Some rows of a data set as one kind of graph, for a training on exactly these rows.

    Args:
        table: All rows, with the first property only.
        view: Graphs of the rows.
        conditions: Name and unit of each condition.
        batch_size: Largest number of materials in a batch.
        seed: Seed of the order of the batches.
    """

    def __init__(
        self, table: CleanTable, view: View, conditions: list[ConditionSpec], batch_size: int, seed: int
    ) -> None:
        super().__init__(validation_fraction=0.0, batch_size=batch_size, seed=seed)
        self.own_table, self.view, self._conditions = table, view, conditions

    def load_table(self) -> CleanTable:
        """The rows as given."""
        return self.own_table

    def make_featurizer(self) -> Featurizer:
        """The featurizer of the view."""
        return self.view.featurizer

    def make_store(self) -> AnyStore:
        """The graphs of the view."""
        return self.view.store

    @property
    def conditions(self) -> list[ConditionSpec]:
        """Name and unit of each condition."""
        return self._conditions


@dataclass(frozen=True, eq=False)
class Target:
    """Measured materials that models are ranked for, their test part included.

    Rows of a target are numbered from 0, independent of their numbers in the data set.

    Attributes:
        table: One row per material, with one property.
        own: Featurizer of the target's own kind of graph.
        conditions: Name and unit of each condition.
        train: Rows for training; a row that stands there k times has the weight k.
        test: Rows excluded from every choice; empty without a test part.
        log: Whether errors are those of the decimal logarithm.
        families: Family of each row, if the target is split by families; extrapolation folds leave out whole families.
        tail: Side of the values to extrapolate to otherwise.
        name: Name of the data set.
        measured_in: Table of the registry that the measured values are of, if they are.
        tested: Hashed identities of the test part.
        simulated: Simulated value of each row on the scale of the errors, (num_materials,), NaN where there is none;
            None for a data set without simulated values.
        weights: Weight of the value of each training row as it was read, (num_train,), by its uncertainty, see
            `DataSet.loss_weights`; None where all count alike.
    """

    table: CleanTable
    own: Featurizer
    conditions: list[ConditionSpec]
    train: Rows
    test: Rows
    log: bool = False
    families: list[str] | None = None
    tail: Tail = "both"
    name: str = "target"
    measured_in: str = ""
    tested: frozenset[str] = frozenset()
    simulated: Floats | None = None
    weights: Floats | None = None
    _views: dict[str, View] = field(default_factory=dict)
    _tables: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def of_data(
        cls, data: PropertyDataModule, log: bool = False, name: str = "", test: PropertyDataModule | None = None
    ) -> "Target":
        """Make a target from the training, validation and test parts of a data set, without missing values.

        Args:
            data: Data set, whose first property is the target.
            log: Whether errors are those of the decimal logarithm; they are as well where the data have `transform`.
            name: Name of the target; that of the data set unless given.
            test: Another data set, whose test part is tested instead; see `apart`.

        Raises:
            ValueError: If there are too few values, a value has no logarithm, or the data sets do not go together.
        """
        present = ~np.isnan(data.table.values[:, 0])
        train, tested = (
            each[present[each]] for each in (np.concatenate([data.parts.train, data.parts.validation]), data.parts.test)
        )
        rows = np.concatenate([train, tested])
        if len(train) < MIN_SIZE:
            raise ValueError(f"shotgun transfer needs at least {MIN_SIZE} measured materials, got {len(train)}")
        table, simulated = select_rows(data.table, rows), data.table.simulated
        found = None if simulated is None else simulated[rows, 0]
        families, kind, weights = data.splitter.families, data.splitter.kind, data.data_set.loss_weights
        if test is not None:
            _require_alike(data, test)
            tested = test.parts.test[~np.isnan(test.table.values[test.parts.test, 0])]
            table = _join(table, select_rows(test.table, tested), data.featurizer)
            found = _join_simulated(found, test.table.simulated, tested)
        log = log or table.properties[0].transform is not None
        # The models of a target have the logarithm in the form of their output.
        table = replace(table, properties=tuple(replace(each, transform=None) for each in table.properties))
        if log and float(table.values[:, 0].min()) <= 0:
            raise ValueError("`log: true` needs values above zero; the lowest is not, so leave it out")
        own_families = None if families is None else [families[row] for row in rows.tolist()]
        return cls(
            table=table,
            own=_with_descriptors(data.featurizer),
            conditions=data.conditions,
            train=np.arange(len(train)),
            test=len(train) + np.arange(len(tested)),
            log=log,
            families=None if own_families is None else own_families + [""] * (len(table.values) - len(own_families)),
            tail=kind.extrapolates or "both",
            name=name or title_of(data),
            measured_in="" if data.sheet is None else data.sheet.name,
            tested=(data if test is None else test).tested_identities(),
            simulated=None if found is None else to_scale(found, log),
            weights=None if weights is None else weights[train, 0].double().numpy(),
        )

    @classmethod
    def of_all(cls, data: PropertyDataModule) -> "Target":
        """Make a target of all rows of a data set in their order, to be described by models; none is tested.

        Args:
            data: Data set, whose values are not used.
        """
        rows = np.arange(len(data.table.values))
        table, own = select_rows(data.table, rows), _with_descriptors(data.featurizer)
        return cls(table, own, data.conditions, train=rows, test=rows[:0], name=title_of(data))

    @classmethod
    def of_materials(
        cls, materials: Any, like: Property, own: Featurizer, conditions: list[ConditionSpec], log: bool
    ) -> "Target":
        """Make a target of materials that nobody has measured, to be predicted.

        Args:
            materials: As the data set of the target reads them.
            like: The property.
            own: Featurizer of the target.
            conditions: Name and unit of each condition.
            log: Whether errors are those of the decimal logarithm.
        """
        number = len(materials)
        if own.name == "mixture":
            materials = MixtureTable.from_mixtures(materials, own.settings["roles"], own.settings["conditions"])
        table = CleanTable(
            materials=materials,
            identities=[str(row) for row in range(number)],
            values=np.full((number, 1), np.nan),
            spread=np.full((number, 1), np.nan),
            num_merged=np.zeros(number, np.int64),
            num_values=np.zeros((number, 1), np.int64),
            properties=(like,),
            quarantine=pd.DataFrame(),
            num_rows_read=number,
        )
        return cls(table, own, conditions, train=np.arange(0), test=np.arange(number), log=log)

    @property
    def spec(self) -> PropertySpec:
        """The measured property, with the output form of the models."""
        own = self.table.properties[0]
        return PropertySpec(own.name, own.unit, "exponential" if self.log else "linear")

    @property
    def num_own_conditions(self) -> int:
        """Number of conditions of pure materials, the last of their descriptors; 0 of mixtures.

        Mixtures at several conditions are neighbors of each other, as in all results so far.
        """
        return 0 if self.own.name == "mixture" else len(self.conditions)

    @property
    def unit(self) -> str:
        """Unit of the errors."""
        return scales.error_unit(self.spec.unit, "log10" if self.log else None)

    @cached_property
    def values(self) -> Floats:
        """Values (num_rows,) on the scale of the errors."""
        return self.scale(self.table.values[:, 0])

    def scale(self, values: Floats) -> Floats:
        """Convert physical units to the scale of the errors; predictions too low for a logarithm count as tiny."""
        return to_scale(values, self.log)

    def unscale(self, values: Floats) -> Floats:
        """Convert the scale of the errors to physical units."""
        return scales.from_scale(values, "log10" if self.log else None)

    @cached_property
    def groups(self) -> list[str]:
        """Groups that no fold splits."""
        return self.table.groups

    @cached_property
    def identities(self) -> frozenset[str]:
        """Hashed identities of all materials."""
        return frozenset(map(identity_hash, self.groups))

    @property
    def descriptors(self) -> Floats:
        """Features of all rows for extra trees, (num_materials, num_features)."""
        return self._described("descriptors", self.own.descriptors)

    @property
    def physical_descriptors(self) -> Floats:
        """Fewer and smoother features of all rows for Gaussian processes, (num_materials, num_features)."""
        return self._described("physical descriptors", self.own.physical_descriptors)

    def _described(self, name: str, describe: Callable[[Sequence[Any]], Floats]) -> Floats:
        if name not in self._tables:
            self._tables[name] = describe(self.table.materials)
        return self._tables[name]

    def with_train(self, rows: Rows) -> "Target":
        """The same target with other training rows; graphs and descriptors are shared.

        Args:
            rows: The training rows, perhaps some several times.
        """
        return replace(self, train=rows)

    def weighted(self) -> "Target":
        """The same target, in which values count by their uncertainty; itself where nothing is known of that."""
        if self.weights is None:
            return self
        return self.with_train(np.repeat(self.train, repeats_of(self.weights[self.train])))

    @property
    def num_measured(self) -> int:
        """Number of training rows, each once however much it counts."""
        return len(first_places(self.train))

    def fingerprint_of(self, rows: Rows) -> str:
        """Hash of some materials with their values, in their order.

        Args:
            rows: Rows of the materials.
        """
        some = select_rows(self.table, rows)
        digest = hashlib.sha256(some.fingerprint().encode())
        digest.update(json.dumps(some.identities).encode())
        return digest.hexdigest()[:32]

    def fingerprint_of_materials(self) -> str:
        """Hash of all materials in their order, whatever their values."""
        some = replace(self.table, values=np.zeros_like(self.table.values))
        content = [some.fingerprint(), self.table.identities, self.own.describe()]
        if getattr(self.table.materials, "content_hash", None) is None:
            content.append(list(map(str, self.table.materials)))
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]

    def view(self, featurizer: Featurizer) -> View:
        """Graphs of the target for a source model: of the target's own kind, for crystals with the model's settings.

        Disordered crystals are read as the target has them, whatever the model was trained on.

        Args:
            featurizer: Featurizer of the source model.
        """
        wanted = self.own
        if featurizer.name == self.own.name == "crystal":
            of_model = with_disorder(featurizer, self.own.settings).settings
            conditions = {"conditions": self.own.settings["conditions"]} if self.conditions else {}
            kept = {name: value for name, value in of_model.items() if name != "conditions"}
            wanted = get_featurizer("crystal", **kept, **conditions)
        key = _view_key(wanted)
        if key not in self._views:
            self.add_view(wanted, store_of(list(self.table.materials), wanted))
        return self._views[key]

    def add_view(self, featurizer: Featurizer, store: AnyStore) -> None:
        """Use graphs that are there already.

        Args:
            featurizer: What they were made by.
            store: Graphs of all rows.
        """
        rows = torch.split(torch.arange(len(store)), _BATCH)
        self._views[_view_key(featurizer)] = View(featurizer, store, [store.select(chunk) for chunk in rows])

    @property
    def own_store(self) -> AnyStore:
        """All materials as graphs of the target's own kind."""
        return self.view(self.own).store

    def data(self, view: View, rows: Rows, batch_size: int, seed: int) -> MeasuredRows:
        """A data module that trains on some rows.

        Args:
            view: Graphs of the rows.
            rows: Rows of the materials.
            batch_size: Largest number of materials in a batch.
            seed: Seed of the order of the batches.
        """
        nothing = np.empty(0, np.int64)
        whole = MeasuredRows(self.table, view, self.conditions, batch_size, seed)
        return whole.with_parts(Parts(np.asarray(rows), nothing, nothing))


def _view_key(featurizer: Featurizer) -> str:
    return json.dumps(featurizer.describe(), sort_keys=True)


def first_places(rows: Rows) -> Rows:
    """Places at which a row stands for the first time, ascending; all of them if no row is repeated.

    A repeated row counts more in trainings and errors. In what counts materials, such as the rank of a quantile or the
    distance to the nearest neighbor, it is one.

    Args:
        rows: Training rows.
    """
    return np.sort(np.unique(rows, return_index=True)[1])


_MOST_REPEATS = 10
"""The largest weight of a material, in units of the least one."""


def repeats_of(weights: Floats) -> Rows:
    """How often each measurement counts, for weights of any scale: from 1 to 10, and 0 for a weight of 0.

    Members of many kinds, trees and processes and networks, all understand a row that is repeated; few of them
    understand a weight.

    Args:
        weights: (num_measurements,); not negative, and not all 0.
    """
    largest = float(weights.max())
    unit = max(float(weights[weights > 0].min()), largest / _MOST_REPEATS)
    counts = np.clip(np.round(weights / unit), 1, _MOST_REPEATS).astype(np.int64)
    return np.where(weights > 0, counts, 0)


MIN_SIZE = 6
"""Smallest number of measurements that can be split twice."""


def apart(data: PropertyDataModule, test: PropertyDataModule) -> tuple[PropertyDataModule, PropertyDataModule]:
    """Set a data set aside for testing: whatever is in it leaves the training.

    Args:
        data: The measurements.
        test: Further ones, all of which are tested.

    Returns:
        The measurements without those materials, and the others as a test part.

    Raises:
        ValueError: If the measurements have a test part, or exclude other materials.
    """
    if data.settings.excluded or data.settings.test_fraction:
        raise ValueError("with `test`, the data have no `test_fraction` and no `exclude`; leave these out")
    every, nothing = np.arange(len(test.table.identities)), np.empty(0, np.int64)
    test = test.with_parts(Parts(nothing, nothing, every))
    return data.variant(exclude=test, remove="all"), test


def _require_alike(data: PropertyDataModule, test: PropertyDataModule) -> None:
    """Refuse to test another property, or materials of another kind."""
    ours, theirs = data.properties[0], test.properties[0]
    if (ours.name, ours.unit) != (theirs.name, theirs.unit) or data.conditions != test.conditions:
        raise ValueError(f"`test` must have {ours.name} in {ours.unit!r}, got {theirs.name} in {theirs.unit!r}")
    if data.featurizer.describe() != test.featurizer.describe():
        raise ValueError(
            f"`test` has materials of another kind: {test.featurizer.name}, where the measurements are "
            f"{data.featurizer.name}"
        )


def _join(first: CleanTable, second: CleanTable, featurizer: Featurizer) -> CleanTable:
    """The rows of two tables of one property, from `select_rows`; no material is in both."""
    materials: Any = [*first.materials, *second.materials]
    if featurizer.name == "mixture":
        materials = MixtureTable.from_mixtures(
            materials, featurizer.settings["roles"], featurizer.settings["conditions"]
        )
    return replace(
        first,
        materials=materials,
        identities=[*first.identities, *second.identities],
        values=np.concatenate([first.values, second.values]),
        spread=np.concatenate([first.spread, second.spread]),
        num_merged=np.concatenate([first.num_merged, second.num_merged]),
        num_values=np.concatenate([first.num_values, second.num_values]),
        censored=join_sides([first.censored, second.censored], [first.values.shape, second.values.shape]),
        own_groups=[*first.groups, *second.groups],
    )


def _join_simulated(first: Floats | None, table: Floats | None, rows: Rows) -> Floats | None:
    """Simulated values of the measured rows and of tested rows; NaN where a table has none."""
    if first is None:
        return None
    return np.concatenate([first, np.full(len(rows), np.nan) if table is None else table[rows, 0]])


def select_rows(table: CleanTable, rows: Rows) -> CleanTable:
    """Some rows of a table, with its first property.

    Args:
        table: The table.
        rows: Rows in the wanted order.
    """
    some = rows.tolist()
    take: Any = getattr(table.materials, "take", None)
    return replace(
        table,
        # The slice reads the crystals from their file, so that they are not searched for again.
        materials=[table.materials[row] for row in some] if take is None else take(rows)[:],
        identities=[table.identities[row] for row in some],
        values=table.values[rows, :1],
        spread=table.spread[rows, :1],
        num_merged=table.num_merged[rows],
        censored=None if table.censored is None else table.censored[rows, :1],
        num_values=table.num_values[rows, :1],
        uncertainty=None,
        properties=table.properties[:1],
        own_groups=None if table.own_groups is None else [table.own_groups[row] for row in some],
        quarantine=table.quarantine.iloc[:0],  # it was written when the target was read
        simulated=None,
        texts={},
    )


def to_scale(values: Floats, log: bool) -> Floats:
    """Convert physical units to the scale of the errors; what is too low for a logarithm counts as tiny.

    Args:
        values: In physical units.
        log: Whether errors are those of the decimal logarithm.
    """
    return scales.to_scale(values, "log10" if log else None)


def _with_descriptors(featurizer: Featurizer) -> Featurizer:
    if featurizer.name not in WITH_BONDS:
        return featurizer
    return get_featurizer(featurizer.name, **{**featurizer.settings, "atom_descriptors": True})
