"""Measured materials in memory as a data module: the table of a fit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.estimator.materials import Kinds, Materials
from gnn_sim2real.featurize.conditions import ConditionTable
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.featurize.mixture import MixtureTable, component_identity
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import AnyStore, store_of
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property

_NAME = "material"


class Measurements(PropertyDataModule):
    """Measured materials that a program gives; all of them train.

    Args:
        materials: The materials; those that cannot be read are left out.
        values: Measured value of each, (num_materials,).
        property: Name and unit of what was measured.
        repeats: How often each row counts, (num_materials,): repeated measurements of one material become their median,
            in which a row counts so often.
    """

    def __init__(
        self,
        materials: Materials,
        values: NDArray[np.float64],
        property: Property,  # noqa: A002 (the word users know)
        repeats: NDArray[np.int64],
    ) -> None:
        super().__init__(validation_fraction=0.0)
        self.given_materials, self.given_values = materials, values
        self.property, self.repeats = property, repeats

    @property
    def title(self) -> str:
        """Name in messages."""
        return "X"

    @property
    def kinds(self) -> Kinds:
        """What the materials are."""
        return self.given_materials.kind

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Name of the featurizer of the materials."""
        return self.kinds.name

    def make_featurizer(self) -> Featurizer:
        """Choose how they become graphs."""
        return self.kinds.featurizer()

    @property
    def conditions(self) -> list[ConditionSpec]:
        """Name and unit of each condition."""
        return [ConditionSpec(name, unit) for name, unit in self.kinds.conditions.items()]

    def make_store(self) -> AnyStore:
        """Make the graphs, in memory, but for those that are there already."""
        graphs = self.given_materials.graphs
        if self.kind != "crystal" or not graphs:
            return store_of(list(self.table.materials), self.featurizer)
        store = GraphStore.from_graphs([graphs[row] for row in map(int, self.table.identities)])
        at = self.table.materials
        return store.at_conditions(np.arange(len(store)), at.conditions) if isinstance(at, ConditionTable) else store

    def load_table(self) -> CleanTable:
        """Clean the rows like those of a file: several rows of one material become their median."""
        import pandas

        given = self.given_materials
        rows = given.readable[self.repeats[given.readable] > 0]
        # Crystals of one formula may be polymorphs: each is a material of its own, and the formula its group.
        is_crystal = self.kind == "crystal"
        names = [str(row) if is_crystal else given.identities[row] for row in rows.tolist()]
        counted = np.repeat(np.arange(len(rows)), self.repeats[rows])
        frame = pandas.DataFrame(
            {
                _NAME: [names[row] for row in counted.tolist()],
                self.property.name: self.given_values[rows][counted],
            }
        )
        table = clean_table(frame, material_column=_NAME, properties=[self.property], identity=str, source="y")
        first = dict(zip(reversed(names), reversed(rows.tolist()), strict=True))
        chosen = [first[name] for name in table.identities]
        contents = [given.contents[row] for row in chosen]
        table = replace(table, materials=self._collect(contents), own_groups=self._groups(chosen))
        if given.simulated is None:
            return table
        simulated = [_median(given.simulated[rows][np.array(names) == name]) for name in table.identities]
        return replace(table, simulated=np.array(simulated)[:, None], simulated_origin="a column of X")

    def _collect(self, contents: list[Any]) -> Sequence[Any]:
        if self.kind != "mixture":
            return ConditionTable.of(contents, tuple(self.kinds.conditions)) if self.kinds.conditions else contents
        return MixtureTable.from_mixtures(contents, self.kinds.roles, tuple(self.kinds.conditions))

    def _groups(self, rows: Sequence[int]) -> list[str] | None:
        """Formulas of crystals, and components of mixtures and other materials at any condition; else None."""
        given = self.given_materials
        if self.kind == "crystal":
            return [given.identities[row] for row in rows]  # a formula, at whatever conditions
        if self.kind == "mixture":
            return [" | ".join(map(component_identity, given.contents[row].components)) for row in rows]
        if self.kinds.conditions:
            identity = get_featurizer(self.kind).identity
            return [identity(given.contents[row].material) for row in rows]
        return None

    def weights_of_rows(self) -> NDArray[np.int64]:
        """How often each row of the table counts, (num_rows,): the mean over the rows of X behind it."""
        given = self.given_materials
        total, number = dict[str, int](), dict[str, int]()
        for row in given.readable[self.repeats[given.readable] > 0].tolist():
            name = str(row) if self.kind == "crystal" else given.identities[row]
            total[name] = total.get(name, 0) + int(self.repeats[row])
            number[name] = number.get(name, 0) + 1
        return np.array([max(1, round(total[name] / number[name])) for name in self.table.identities], np.int64)


def _median(values: NDArray[np.float64]) -> float:
    present = values[np.isfinite(values)]
    return float(np.median(present)) if len(present) else float("nan")
