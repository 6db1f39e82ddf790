"""The base of data modules of crystals: structures are read only to make graphs; polymorphs stay separate rows."""

import contextlib
import logging
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.data.data_set import DataSet, Reader, title_of
from gnn_sim2real.data.module import DataSettings, PropertyDataModule
from gnn_sim2real.data.prediction import Material, Predictor
from gnn_sim2real.data.simulated import Found
from gnn_sim2real.data.variants import Shared
from gnn_sim2real.featurize.conditions import ConditionTable, pure_materials, spell_conditions
from gnn_sim2real.featurize.crystal import HOW_TO_READ, Crystal
from gnn_sim2real.featurize.crystal_files import Disorder, crystal_formula
from gnn_sim2real.featurize.crystal_match import reduced_structure, same_structure
from gnn_sim2real.featurize.crystal_table import CrystalFile, CrystalTable
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.store.averages import find_averages
from gnn_sim2real.store.cache import open_or_build
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.isolated import warn_of_isolated
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.tables.columns import plain_heading, read_heading
from gnn_sim2real.tables.crystal_columns import holds_crystals, read_crystals_of
from gnn_sim2real.tables.table import CleanTable, Property

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


logger = logging.getLogger(__name__)

_ENERGIES = ("energy_above_hull", "e_above_hull", "e_hull", "formation_energy", "e_form", "energy_per_atom")
"""Names of what orders the polymorphs of a formula, the best first."""


class Structures(NamedTuple):
    """The structures of a data set, and what is known about them without reading any.

    Attributes:
        crystals: The structures.
        names: Name of each, unique.
        formulas: Reduced formula of each.
        num_sites: (num,); sites of each cell.
        volumes: (num,); volume per atom of each [angstrom^3].
    """

    crystals: CrystalFile | CrystalTable
    names: list[str]
    formulas: list[str]
    num_sites: NDArray[np.int64]
    volumes: NDArray[np.float64]


@dataclass(frozen=True)
class CrystalSettings(DataSettings):
    """Settings of data modules of crystals.

    Args:
        cutoff: Atoms closer than this are neighbors [angstrom].
        max_neighbors: Nearest neighbors of an atom, by whole shells; null for all within the cutoff.
        representation: What the model sees: the structure, or the composition alone.
        max_sites: Crystals with more sites in their cell are excluded; null for no limit. The card records it.
        disorder: What becomes of disordered crystals, whose sites hold several elements or are vacant in part: they are
            refused, or each site is the `average` of what it holds, or in `order` the crystal is several ordered
            approximants of low electrostatic energy. A model of compositions reads them in any case.
        approximants: Number of approximants of each disordered crystal.
        max_ordered_sites: Disordered crystals with more sites in their cell are read as an average.
        same: Which crystals count as those of `exclude`: all with the same reduced formula, or only those with the
            same structure as well, so that other polymorphs of a tested formula stay.
    """

    of_table: ClassVar[tuple[str, ...]] = (
        *DataSettings.of_table,
        "cutoff",
        "max_neighbors",
        "representation",
        "max_sites",
        "disorder",
        "approximants",
        "max_ordered_sites",
    )
    of_removal: ClassVar[tuple[str, ...]] = ("remove", "same")

    cutoff: int | float = 6.0
    max_neighbors: int | None = 12
    representation: Literal["structure", "composition"] = "structure"
    max_sites: int | None = None
    disorder: Disorder = "refuse"
    approximants: int = 3
    max_ordered_sites: int = 200
    same: Literal["formula", "structure"] = "formula"

    def __post_init__(self) -> None:
        """Reject settings that do not go together.

        Raises:
            ValueError: If one does not fit.
        """
        super().__post_init__()
        if self.atom_descriptors:
            raise ValueError("`atom_descriptors` need materials with bonds, which crystals do not have; leave it out")
        if self.max_sites is not None and self.max_sites < 1:
            raise ValueError(f"`max_sites` must be at least 1, or null for no limit, got {self.max_sites}")
        if self.disorder != "refuse":
            self.crystal_graphs()

    def crystal_graphs(self, conditions: Sequence[str] = ()) -> Featurizer:
        """How structures become graphs.

        Args:
            conditions: Names of the conditions at which they were measured.

        Raises:
            ValueError: If a setting does not fit.
        """
        return get_featurizer(
            "crystal",
            cutoff=self.cutoff,
            max_neighbors=self.max_neighbors,
            disorder=self.disorder,
            approximants=self.approximants,
            max_ordered_sites=self.max_ordered_sites,
            conditions=tuple(conditions),
        )


class CrystalReader(Reader, Protocol):
    """What reads a data set of crystals."""

    def load_structures(self) -> Structures:
        """Find the structures."""

    def load_energies(self) -> NDArray[np.float64] | None:
        """Find what tells which polymorph of a formula is the lowest."""

    def load_lowest(self, prop: Property) -> dict[str, float] | None:
        """Find the values of the lowest polymorphs without the table."""


class CrystalDataSet(DataSet):
    """A table of crystals, their structures, and their graphs.

    Args:
        reader: Reads table and structures.
        shared: What was made for other variants.
        settings: Settings of the data module.
    """

    reader: CrystalReader

    def __init__(self, reader: CrystalReader, shared: Shared, settings: CrystalSettings) -> None:
        of_table, of_graphs = settings.values(settings.of_table), settings.values(settings.of_graphs)
        super().__init__(reader, shared, of_table, of_graphs, settings, settings.simulated_in, settings.transforms)
        self.settings = settings

    @property
    def structures(self) -> Structures:
        """All structures of the data set, also those without a row in the table."""
        return self.shared.once("structures", self.reader.load_structures)

    @property
    def row_of(self) -> dict[str, int]:
        """Row of each structure, by name."""
        return self.shared.once("row of", self._find_rows)

    def _find_rows(self) -> dict[str, int]:
        rows = {name: row for row, name in enumerate(self.structures.names)}
        if len(rows) < len(self.structures.names):
            name = next(name for row, name in enumerate(self.structures.names) if rows[name] != row)
            raise ValueError(
                f"several crystals have the name {name!r}, so their values cannot be told apart; rename them"
            )
        return rows

    @property
    def all_graphs(self) -> GraphStore:
        """The graphs of all structures: one file for all tables made of them."""

        def make() -> GraphStore:
            featurizer = self.settings.crystal_graphs()  # whatever the conditions are, of which graphs know nothing
            return open_or_build(self.structures.crystals, featurizer.featurize, featurizer.describe())

        return self.once("all graphs", make)

    @property
    def structure_rows(self) -> NDArray[np.int64]:
        """(num_materials,); row of each material of the table among all structures."""
        return self.once(
            "structure rows", lambda: np.array([self.row_of[name] for name in names_of(self.table)], np.int64)
        )

    @property
    def is_disordered(self) -> NDArray[np.bool_]:
        """(num_materials,); whether a site of each crystal holds several elements, or is not full."""
        return self.once("disordered", lambda: self.structures.crystals.is_disordered[self.structure_rows])

    def error_groups(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        """Disordered and ordered crystals, where some are read as they are."""
        if self.settings.disorder == "refuse" or self.settings.representation == "composition":
            return {}
        disordered = self.is_disordered[rows]
        return {"disordered": disordered, "ordered": ~disordered} if disordered.any() else {}

    def count_disordered(self, store: GraphStore) -> dict[str, int]:
        """Number of disordered crystals by what was made of them; none are looked for where they are refused.

        Args:
            store: The graphs of the materials of the table.
        """
        if self.settings.disorder == "refuse" or not self.is_disordered.any():
            return {}
        averages, all_of_them = int(find_averages(store).sum()), int(self.is_disordered.sum())
        counts = {"averages": averages, "ordered approximants": all_of_them - averages}
        return {way: count for way, count in counts.items() if count}

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); sites of each cell."""
        return self.structures.num_sites[self.structure_rows]

    @property
    def spellings(self) -> Sequence[str]:
        """Formula of each material."""
        return self.table.groups

    def refuse(self, names: Sequence[str]) -> dict[int, str]:
        """Find the structures that models must not see here: unknown, unreadable or too large ones.

        Args:
            names: Names of structures.

        Returns:
            Reason by position in `names`.
        """
        unreadable = {} if self.settings.representation == "composition" else self.all_graphs.refused
        num_sites, limit = self.structures.num_sites.tolist(), self.settings.max_sites
        reasons = {}
        for position, name in enumerate(names):
            row = self.row_of.get(name)
            if row is None:
                reasons[position] = "no structure"
            elif row in unreadable:
                reasons[position] = f"unreadable crystal: {unreadable[row]}"
            elif limit is not None and num_sites[row] > limit:
                reasons[position] = f"more than {limit} sites: {num_sites[row]}"
        if count := sum(HOW_TO_READ in reason for reason in reasons.values()):
            logger.warning(
                "%s: %d of %d crystals are disordered and refused; %s",
                title_of(self.reader),
                count,
                len(names),
                HOW_TO_READ,
            )
        return reasons

    def with_structures(self, table: CleanTable) -> CleanTable:
        """Add structures and groups to the rows of a clean table whose identities are names of structures.

        Args:
            table: The table; of crystals at conditions its materials are a `ConditionTable` of these names.
        """
        rows = np.array([self.row_of[name] for name in names_of(table)], np.int64)
        formulas = [self.structures.formulas[row] for row in rows.tolist()]
        at = table.materials if isinstance(table.materials, ConditionTable) else None
        if at is not None:
            rows = np.array([self.row_of[name] for name in at.materials], np.int64)
        composition = self.settings.representation == "composition"
        if composition:
            materials: Sequence[Any] = [self.structures.formulas[row] for row in rows.tolist()]
        else:
            materials = self.structures.crystals.take(rows)
        if at is not None:
            materials = ConditionTable(materials, at.members, at.conditions, at.condition_names)
        return replace(table, materials=materials, own_groups=formulas)

    def is_same(self, row: int, other: "CrystalDataSet", candidate: int) -> bool:
        """Whether a row here and a row of another data set are the same structure; found once for all variants.

        Args:
            row: Row of this table.
            other: The other data set.
            candidate: Row of its table.
        """
        ours, theirs = int(self.structure_rows[row]), int(other.structure_rows[candidate])
        return self.shared.once(
            ("same", ours, theirs, other.structures.crystals.content_hash),
            lambda: same_structure(self._reduced(ours), other._reduced(theirs)),
        )

    def names_elsewhere(self, table: CleanTable) -> list[str]:
        """The name of each crystal; for a model of compositions its formula."""
        return table.groups if self.settings.representation == "composition" else names_of(table)

    def look_up(self, source: DataSet, prop: Property, names: Sequence[str], materials: Sequence[Any]) -> Found:
        """Find simulated values, of a crystal by its structure."""
        if self.settings.representation == "composition" or not isinstance(source, CrystalDataSet):
            return super().look_up(source, prop, names, materials)
        values, pairs = source.values_of(prop), list(zip(names, pure_materials(materials), strict=True))
        found = [source.value_of_structure(values, *pair) for pair in track(pairs, "Matching structures")]
        return Found(np.array(found, np.float64), "structure")

    def value_of_structure(self, values: NDArray[np.float64], name: str, crystal: Crystal) -> float:
        """Value of the same structure, of several that of lowest energy; NaN if it is not here.

        Args:
            values: Value of each row.
            name: Name of the crystal; a row of the same name, formula and number of sites needs no comparison.
            crystal: The crystal.
        """
        of_formula = self.once("rows by formula", self._find_rows_by_formula).get(crystal_formula(crystal), [])
        rows = [row for row in of_formula if np.isfinite(values[row])]
        if not rows:
            return float("nan")
        names = names_of(self.table)
        named = next((row for row in rows if names[row] == name and not name.isdecimal()), None)
        if named is not None and int(self.num_atoms[named]) == crystal.num_sites:
            return float(values[named])
        wanted = reduced_structure(crystal)
        same = (row for row in rows if same_structure(wanted, self._reduced(int(self.structure_rows[row]))))
        return next((float(values[row]) for row in same), float("nan"))

    def _find_rows_by_formula(self) -> dict[str, list[int]]:
        """Rows of each formula, the lowest in energy first where energies are known."""
        energies = self.energies
        order = range(len(self.table.groups)) if energies is None else np.argsort(energies, kind="stable").tolist()
        rows: dict[str, list[int]] = defaultdict(list)
        for row in order:
            rows[self.table.groups[row]].append(row)
        return rows

    @property
    def energies(self) -> NDArray[np.float64] | None:
        """Energy of each row [any unit per atom], by which polymorphs of a formula are ordered; None if not known."""
        return self.once("energies", self.reader.load_energies)

    def values_by_name(self, prop: Property, kind: str) -> tuple[dict[str, float], str]:
        """Values by name; by formula for compositions: of the polymorph of lowest energy among those with a value."""
        if kind != "composition":
            return super().values_by_name(prop, kind)
        if (of_reader := self.reader.load_lowest(prop)) is not None:
            return of_reader, "formula (its lowest polymorph)"
        values, energies, known = self.values_of(prop), self.energies, dict[str, float]()
        for formula, rows in self.once("rows by formula", self._find_rows_by_formula).items():
            present = [row for row in rows if np.isfinite(values[row])]
            is_lowest = energies is not None and bool(present) and np.isfinite(energies[present[0]])
            if is_lowest or len(present) == 1:
                known[formula] = float(values[present[0]])
        which = "its only polymorph" if energies is None else "its lowest polymorph"
        return known, f"formula ({which})"

    def _reduced(self, row: int) -> "Structure":
        """A structure in its reduced primitive cell; finding it is most of the work of matching."""
        return self.shared.once(("reduced", row), lambda: reduced_structure(self.structures.crystals[row]))


def names_of(table: CleanTable) -> list[str]:
    """Name of the structure of each row, which is its identity but for the conditions behind it.

    Args:
        table: A table of crystals.
    """
    at = table.materials
    if not isinstance(at, ConditionTable):
        return table.identities
    rows = [dict(zip(at.condition_names, row, strict=True)) for row in at.conditions.tolist()]
    pairs = zip(table.identities, rows, strict=True)
    return [identity.removesuffix(spell_conditions(conditions)) for identity, conditions in pairs]


class CrystalPredictor(Predictor):
    """Crystals to predict; for a model of compositions also a table of formulas."""

    settings: CrystalSettings

    @property
    def accepts(self) -> str:
        """What `predict_path` may be."""
        if self.settings.representation == "composition":
            return super().accepts
        return "a folder or file of crystals: CIF, POSCAR, extxyz, .db, .json, .parquet, or a table with a column `cif`"

    @cached_property
    def _has_crystals(self) -> bool:
        """Whether they are crystals, not formulas in a table."""
        return self.settings.representation == "structure" or super()._has_crystals

    def read(self, path: Path) -> list[Material]:
        """Read the crystals, or formulas.

        Raises:
            ValueError: If a model of structures is asked about a table.
        """
        if self.settings.representation == "composition":
            return super().read(path)
        if path.is_file() and not holds_crystals(path):
            raise ValueError(f"{path} is not a file of crystals, but this model reads {self.accepts}")
        read = read_crystals_of(path, disordered=self.settings.disorder != "refuse")
        found = [Material(each.name, each.crystal, each.reason) for each in read]
        return self.with_conditions(found, [each.values for each in read])


class CrystalDataModule(PropertyDataModule):
    """Crystals with properties.

    A data set is a subclass that reads the structures in `load_structures` and their values in `load_table`. The
    identity of a row is the name of its structure, its group is the reduced formula: all polymorphs stay in the table,
    and all of them leave the source when the formula is tested.

    Args:
        settings: See `CrystalSettings` and `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "crystal"
    settings: CrystalSettings
    data_set: CrystalDataSet

    def __init__(self, **settings: Any) -> None:
        super().__init__(CrystalSettings(**settings))

    @abstractmethod
    def load_structures(self) -> Structures:
        """Find the structures of the data set; called once."""

    def load_energies(self) -> NDArray[np.float64] | None:
        """Energy of each row of the table, to tell the lowest polymorph of a formula; None if it is not known.

        It is a property or a column of the file: the energy above the hull, of formation, or per atom.
        """
        table = self.table
        for wanted in _ENERGIES:
            for column, prop in enumerate(table.properties):
                if plain_heading(prop.name) == wanted:
                    return table.values[:, column]
            for heading in table.texts:
                if read_heading(heading).name == wanted:
                    return _numbers(table.texts[heading])
        return None

    def load_lowest(self, prop: Property) -> dict[str, float] | None:
        """Value of the lowest polymorph by formula, of a data set with labels of crystals whose structure it lacks.

        Args:
            prop: The property, with the unit of the result.

        Returns:
            None for the values and energies of the table.
        """
        return None

    def make_data_set(self, shared: Shared) -> CrystalDataSet:
        """Combine table, structures and graphs."""
        return CrystalDataSet(self, shared, self.settings)

    def make_predictor(self) -> CrystalPredictor:
        """Make the reader of the crystals to predict."""
        return CrystalPredictor(self.settings, self.data_set)

    def make_featurizer(self) -> Featurizer:
        """Choose graphs of structures, or of their compositions."""
        conditions = tuple(each.name for each in self.conditions)
        if self.settings.representation == "composition":
            return get_featurizer("composition", conditions=conditions)
        return self.settings.crystal_graphs(conditions)

    def make_store(self) -> AnyStore:
        """The graphs of the materials of the table."""
        if self.settings.representation == "composition":
            return super().make_store()
        store = self.data_set.all_graphs.take(self.data_set.structure_rows)
        warn_of_isolated(store, self.table.identities, title_of(self))
        self._tell_of_disorder(store)
        at = self.table.materials
        return store.at_conditions(np.arange(len(store)), at.conditions) if isinstance(at, ConditionTable) else store

    def _tell_of_disorder(self, store: GraphStore) -> None:
        """Say how many crystals are disordered, and how they are read."""
        counts = self.data_set.count_disordered(store)
        if not counts:
            return
        told = ", ".join(f"{count:,} as {way}" for way, count in counts.items())
        logger.info(
            "%s: of %s crystals %s are disordered: %s", title_of(self), f"{len(store):,}", sum(counts.values()), told
        )

    def removed_rows(self) -> NDArray[np.int64]:
        """Rows of a removed crystal of `exclude`: with the same formula, or the same structure."""
        rows = super().removed_rows()
        if self.settings.same == "formula":
            return rows
        polymorphs = defaultdict(list)
        for other in self.settings.excluded:
            whole = self.settings.remove == "all"
            tested = np.arange(len(other.table.identities)) if whole else other.parts.test
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
        """Whether two rows are the same structure; for a data set without structures the formula is enough."""
        data_set = other.data_set
        return not isinstance(data_set, CrystalDataSet) or self.data_set.is_same(row, data_set, candidate)

    def card(self) -> dict[str, Any]:
        """What a record or a model saves about its data."""
        return super().card() | {"max_sites": self.settings.max_sites, "same": self.settings.same}

    def key_content(self) -> dict[str, Any]:
        """What determines which materials train and test, and their values."""
        content = super().key_content()
        return content if self.settings.same == "formula" else content | {"same": self.settings.same}


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Numbers of texts; one that is none counts as high."""
    values = np.full(len(texts), np.inf)
    for row, text in enumerate(texts):
        with contextlib.suppress(ValueError):
            values[row] = float(text)
    return values
