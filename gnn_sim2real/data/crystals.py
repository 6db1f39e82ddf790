"""The base of data modules of crystals: structures that are read only when graphs are made, polymorphs kept apart."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.prediction import Material
from gnn_sim2real.featurize.crystal_files import is_crystal_path, read_crystals
from gnn_sim2real.featurize.crystal_match import reduced_structure, same_structure
from gnn_sim2real.featurize.crystal_table import CrystalFile, CrystalTable
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.store.cache import open_or_build
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.tables.cleaning import CleanTable

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


class Structures(NamedTuple):
    """The structures of a data set, and what is known of them without reading one.

    Attributes:
        crystals: The structures.
        names: Name of each, unique.
        formulas: Reduced formula of each.
        num_sites: (num,); sites of each cell.
        volumes: (num,); volume an atom of each [angstrom^3].
    """

    crystals: CrystalFile | CrystalTable
    names: list[str]
    formulas: list[str]
    num_sites: NDArray[np.int64]
    volumes: NDArray[np.float64]


class CrystalDataModule(PropertyDataModule):
    """Crystals with properties.

    A data set is a subclass that says in `load_structures` which structures there are, and in `load_table` what is
    known of them. The identity of a row is the name of its structure, its group is the reduced formula: all polymorphs
    stay in the table, and all of them leave the source when the formula is tested.

    Args:
        cutoff: Atoms closer than this are neighbors [angstrom].
        max_neighbors: Nearest neighbors of an atom, by whole shells; null for all within the cutoff.
        representation: What the model sees: the structure, or the composition alone.
        max_sites: Crystals with more sites in their cell are put aside; null for none. The card says it.
        same: When a crystal here is one of `exclude`: with the same reduced formula, or only if it is the same
            structure as well, so that other polymorphs of a tested formula stay.
        predict_column: Column with the formulas, where a model of compositions predicts a table.
        settings: See `gnn_sim2real.data.module.PropertyDataModule`.
    """

    kind = "crystal"
    predictable: ClassVar[str] = "a folder or file of crystals: CIF, POSCAR, extxyz, .db, .json or .parquet"

    def __init__(
        self,
        cutoff: int | float = 6.0,
        max_neighbors: int | None = 12,
        representation: Literal["structure", "composition"] = "structure",
        max_sites: int | None = None,
        same: Literal["formula", "structure"] = "formula",
        predict_column: str = "formula",
        **settings: Any,
    ) -> None:
        super().__init__(predict_column=predict_column, **settings)
        if self.atom_descriptors:
            raise ValueError("`atom_descriptors` are of materials with bonds, crystals have none; leave it out")
        if max_sites is not None and max_sites < 1:
            raise ValueError(f"`max_sites` must be at least 1, or null for no limit, got {max_sites}")
        self.cutoff, self.max_neighbors, self.representation = cutoff, max_neighbors, representation
        self.max_sites, self.same = max_sites, same
        self._found_same: dict[tuple[str, str], bool] = {}
        self._reduced_structures: dict[int, Structure] = {}

    @abstractmethod
    def load_structures(self) -> Structures:
        """Find the structures of the data set; called once."""

    @cached_property
    def structures(self) -> Structures:
        """All structures of the data set, also those without a row in the table."""
        return self.load_structures()

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each structure, by name."""
        rows = {name: row for row, name in enumerate(self.structures.names)}
        if len(rows) < len(self.structures.names):
            name = next(name for row, name in enumerate(self.structures.names) if rows[name] != row)
            raise ValueError(f"several crystals are named {name!r}: their values could not be told apart; rename them")
        return rows

    @cached_property
    def featurizer(self) -> Featurizer:
        """Makes graphs of structures, or of their compositions."""
        if self.representation == "composition":
            return get_featurizer("composition")
        return get_featurizer("crystal", cutoff=self.cutoff, max_neighbors=self.max_neighbors)

    @cached_property
    def all_graphs(self) -> GraphStore:
        """The graphs of all structures: one file for every table that is made of them."""
        return open_or_build(self.structures.crystals, self.featurizer.featurize, self.featurizer.describe())

    @cached_property
    def store(self) -> AnyStore:
        """The graphs of the materials of the table."""
        if self.representation == "composition":
            return self.open_store()
        return self.all_graphs.take(self.structure_rows)

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); sites of each cell."""
        return self.structures.num_sites[self.structure_rows]

    @property
    def spellings(self) -> Sequence[str]:
        """Formula of each material."""
        return self.table.groups

    @cached_property
    def structure_rows(self) -> NDArray[np.int64]:
        """(num_materials,); row of each material of the table among all structures."""
        return np.array([self.row_of[name] for name in self.table.identities], np.int64)

    def refuse(self, names: Sequence[str]) -> dict[int, str]:
        """Say which structures no model here shall see: unknown, unreadable or too large ones.

        Args:
            names: Names of structures.

        Returns:
            Reason by position in `names`.
        """
        unreadable = {} if self.representation == "composition" else self.all_graphs.refused
        num_sites = self.structures.num_sites.tolist()
        reasons = {}
        for position, name in enumerate(names):
            row = self.row_of.get(name)
            if row is None:
                reasons[position] = "no structure"
            elif row in unreadable:
                reasons[position] = f"unreadable crystal: {unreadable[row]}"
            elif self.max_sites is not None and num_sites[row] > self.max_sites:
                reasons[position] = f"more than {self.max_sites} sites: {num_sites[row]}"
        return reasons

    def with_structures(self, table: CleanTable) -> CleanTable:
        """Give the rows of a clean table, whose identities are names of structures, their structures and groups."""
        rows = np.array([self.row_of[name] for name in table.identities], np.int64)
        formulas = [self.structures.formulas[row] for row in rows.tolist()]
        materials = formulas if self.representation == "composition" else self.structures.crystals.take(rows)
        return replace(table, materials=materials, own_groups=formulas)

    def removed_rows(self) -> NDArray[np.int64]:
        """Rows that stand for a removed crystal of `exclude`: of the same formula, or of the same structure."""
        rows = super().removed_rows()
        if self.same == "formula":
            return rows
        polymorphs = defaultdict(list)
        for other in self.excluded:
            tested = other.parts.test if self.remove == "test" else np.arange(len(other.table.identities))
            for row in tested.tolist():
                polymorphs[other.table.groups[row]].append((other, row))
        groups = self.table.groups
        matched = [
            row
            for row in track(rows.tolist(), "Matching structures")
            if any(self._is_same(row, *candidate) for candidate in polymorphs[groups[row]])
        ]
        return np.array(matched, np.int64)

    def _is_same(self, row: int, other: PropertyDataModule, candidate: int) -> bool:
        """Whether two rows are one structure; asked once, also among all variants of this data set."""
        if not isinstance(other, CrystalDataModule):  # it knows formulas only
            return True
        ours, theirs = self.structure_rows[row], other.structure_rows[candidate]
        key = (f"{ours}", f"{theirs} {other.structures.crystals.content_hash}")
        if key not in self._found_same:
            self._found_same[key] = same_structure(self._reduced(int(ours)), other._reduced(int(theirs)))
        return self._found_same[key]

    def _reduced(self, row: int) -> "Structure":
        """A structure in its reduced primitive cell; found once, which is most of the work of matching."""
        if row not in self._reduced_structures:
            self._reduced_structures[row] = reduced_structure(self.structures.crystals[row])
        return self._reduced_structures[row]

    def variant(self, **changes: Any) -> "PropertyDataModule":
        """The same data set with another `size`, `seed`, `exclude`, `same` ...; table and graphs are shared."""
        fixed = changes.keys() & {"cutoff", "max_neighbors", "representation", "max_sites"}
        if fixed:
            raise ValueError(
                f"a variant shares its graphs: make a new data module to change {', '.join(sorted(fixed))}"
            )
        other = super().variant(**changes)
        if "same" in changes:
            other.__dict__.pop("_available", None)
        return other

    def card(self) -> dict[str, Any]:
        """What a record or a model says about its data."""
        return super().card() | {"max_sites": self.max_sites, "same": self.same}

    def key_content(self) -> dict[str, Any]:
        """What determines which materials train and test, and their values."""
        content = super().key_content()
        return content if self.same == "formula" else content | {"same": self.same}

    @property
    def predict_heading(self) -> str:
        """Heading of the crystals in a table of predictions."""
        return "crystal" if self.representation == "structure" else self.predict_column

    def read_asked(self, path: Path) -> list[Material]:
        """Read the crystals to predict; for a model of compositions also a table of formulas."""
        if self.representation == "composition" and not is_crystal_path(path):
            return super().read_asked(path)
        entries = read_crystals(path)
        if self.representation == "structure":
            return [Material(each.name, each.crystal, each.reason) for each in entries]
        formula = get_featurizer("crystal").identity
        return [Material(each.name, each.crystal and formula(each.crystal), each.reason) for each in entries]
