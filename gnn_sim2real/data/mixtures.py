"""The base of data modules of mixtures: pairs with roles, blends and copolymers."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.data.data_set import DataSet, Reader, title_of
from gnn_sim2real.data.module import DataSettings, PartName, PropertyDataModule
from gnn_sim2real.data.prediction import Material, PredictionSettings, Predictor, refuse_second
from gnn_sim2real.data.variants import Shared
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.featurize.mixture import (
    Mixture,
    MixtureTable,
    component_identity,
    component_names,
    mixture_identity,
    normalize,
)
from gnn_sim2real.store.cache import open_or_build
from gnn_sim2real.store.mixtures import AnyStore, MixtureStore, store_of
from gnn_sim2real.tables.conditions import At
from gnn_sim2real.tables.mixture_columns import MixtureColumns, read_mixtures
from gnn_sim2real.tables.mixtures import clean_mixture_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MixtureSettings(DataSettings):
    """Settings of data modules of mixtures.

    Args:
        group_by: What a group is: the same components at any conditions and weights (`mixture`), or the same
            component in one role, e.g. all pairs of one `solute`.
        size_by: What `size` counts: mixtures (`rows`), or groups with all their mixtures (`groups`).
    """

    of_table: ClassVar[tuple[str, ...]] = (*DataSettings.of_table, "group_by")

    group_by: str = "mixture"
    size_by: str = "rows"

    def __post_init__(self) -> None:
        """Reject settings that do not go together.

        Raises:
            ValueError: If one does not fit.
        """
        super().__post_init__()
        if self.grow_by != "random":
            raise ValueError(f"`grow_by: {self.grow_by}` is for pure materials; mixtures are drawn at random")
        if self.size_by not in ("rows", "groups"):
            raise ValueError(f"`size_by` must be rows or groups, got {self.size_by!r}")

    @property
    def counts_groups(self) -> bool:
        """Whether `size` is a number of groups with all their mixtures."""
        return self.size_by == "groups"


class MixtureReader(Protocol):
    """The layout of mixtures in a table."""

    roles: tuple[str, ...]
    input_columns: MixtureColumns
    condition_units: Mapping[str, str]


class MixtureDataSet(DataSet):
    """A table of mixtures, and the graphs of their components.

    Args:
        reader: Reads the table.
        shared: What was made for other variants.
        settings: Settings of the data module.
    """

    def __init__(self, reader: Reader, shared: Shared, settings: MixtureSettings) -> None:
        of_table, of_graphs = settings.values(settings.of_table), settings.values(settings.of_graphs)
        super().__init__(reader, shared, of_table, of_graphs, settings, settings.simulated_in, settings.transforms)
        self.settings = settings

    @property
    def mixtures(self) -> MixtureTable:
        """The mixtures of the table.

        Raises:
            ValueError: If the table holds something else.
        """
        materials = self.table.materials
        if not isinstance(materials, MixtureTable):
            raise ValueError(f"{self.name}.load_table must read its mixtures by `clean_mixtures`")
        return materials

    def name_of(self, material: Mixture) -> str:
        """The mixture with its conditions."""
        return mixture_identity(material, ordered=bool(self.featurizer.settings["roles"]))

    def groups_by(self, group_by: str) -> list[str]:
        """Group of each mixture of the table, by another `group_by` than its own.

        Args:
            group_by: `mixture`, or a role of this data set.
        """
        if group_by == self.settings.group_by:
            return self.table.groups
        return _groups(self.mixtures, group_by)

    def has_component(self, names: frozenset[str]) -> NDArray[np.bool_]:
        """Whether each mixture has a component of these identities, in any role.

        Args:
            names: Canonical identities of components.
        """
        hit = np.array([component_identity(each) in names for each in self.mixtures.components] + [False])
        return np.asarray(hit[self.mixtures.members].any(axis=1))  # -1, for no component, is the last


class MixturePredictor(Predictor):
    """Mixtures to predict.

    Args:
        settings: Where they are.
        data: Turns them into graphs.
        reader: Its columns of the mixtures.
    """

    def __init__(self, settings: PredictionSettings, data: DataSet, reader: MixtureReader) -> None:
        super().__init__(settings, data)
        self.reader = reader

    @property
    def accepts(self) -> str:
        """What `predict_path` may be."""
        columns = self.reader.input_columns
        conditions = (column for column, _ in (columns.conditions or {}).values())
        linkage = [] if columns.linkage is None else [columns.linkage]
        wanted = [*columns.components, *(columns.weights or ()), *conditions, *linkage]
        return f"a table with the columns {', '.join(wanted)}"

    @property
    def heading(self) -> str:
        """Heading of the mixtures in a table of predictions."""
        return " | ".join(self.reader.roles) or "mixture"

    @property
    def read_columns(self) -> frozenset[str | None]:
        """None: the name of a mixture is made of several columns, which stay."""
        return frozenset()

    def read(self, path: Path) -> list[Material]:
        """Read the mixtures, in the columns of the data set."""
        roles, units, columns = self.reader.roles, self.reader.condition_units, self.reader.input_columns
        frame, of_all, where = read_table(path), self.given_conditions, columns.conditions or {}
        refuse_second(of_all, where, frame, path.name)
        rest = {each: column for each, column in where.items() if each not in of_all}
        materials = []
        for read in read_mixtures(frame, replace(columns, conditions=rest), units, bool(roles), path.name):
            mixture = replace(read, conditions={**read.conditions, **of_all})
            name = mixture.spell(bool(roles))
            try:
                materials.append(Material(name, normalize(mixture, roles, tuple(units))))
            except ValueError as error:
                materials.append(Material(name, None, str(error)))
        return materials

    @cached_property
    def read_materials(self) -> list[Material]:
        """The mixtures, of which at least one can be read.

        Raises:
            ValueError: If none can be read.
        """
        found = self.read(self.path)
        if all(each.reason for each in found):
            raise ValueError(
                f"none of the {len(found)} mixtures in {self.settings.predict_path} can be read: {found[0].reason}"
            )
        return found

    @property
    def materials(self) -> list[tuple[str, str | None]]:
        """Name of each mixture, with the reason why it cannot be read, if so."""
        return [(each.name, each.reason) for each in self.read_materials]

    @property
    def readable(self) -> list[Any]:
        """The mixtures that can be read, in their order."""
        return [each.content for each in self.read_materials if each.reason is None]

    def make_store(self) -> AnyStore:
        """The mixtures that can be read; each of their components has one graph."""
        return store_of(self.readable, self.data.featurizer)


class MixtureDataModule(PropertyDataModule):
    """Mixtures with properties, as source or as target.

    A data set is a subclass that names the roles of its components and reads its rows in `load_table`.
    Each component is stored once. The rows of one group are never on two sides of a split, and leave a source together;
    a source uses the groups of the target, whatever its own are.

    Args:
        settings: See `MixtureSettings` and `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "mixture"
    settings: MixtureSettings
    data_set: MixtureDataSet
    roles: tuple[str, ...] = ()
    """Role of each component; empty for blends."""
    input_columns: MixtureColumns
    """Columns of the mixtures in a table to predict."""
    condition_units: Mapping[str, str] = MappingProxyType({})
    """Unit of each condition, by name."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(MixtureSettings(**settings))

    def use(self, settings: DataSettings, shared: Shared) -> None:
        """Make the parts.

        Raises:
            ValueError: If `group_by` is not a role.
        """
        super().use(settings, shared)
        if self.settings.group_by not in (accepted := ("mixture", *self.roles)):
            raise ValueError(f"`group_by` must be one of {', '.join(accepted)}, got {self.settings.group_by!r}")

    def make_data_set(self, shared: Shared) -> MixtureDataSet:
        """Combine table and graphs."""
        return MixtureDataSet(self, shared, self.settings)

    def make_predictor(self) -> Predictor:
        """Make the reader of the mixtures to predict."""
        return MixturePredictor(self.settings, self.data_set, self)

    @abstractmethod
    def load_table(self) -> CleanTable:
        """Read and clean the whole data set by `clean_mixtures`; called once."""

    def make_featurizer(self) -> Featurizer:
        """Choose graphs of components, with the roles and conditions that a model is made for."""
        described = {"atom_descriptors": self.settings.atom_descriptors}
        return get_featurizer("mixture", roles=self.roles, conditions=tuple(self.condition_units), **described)

    def make_store(self) -> MixtureStore:
        """Open the graphs of the distinct components, or make them.

        Raises:
            ValueError: If a component of the clean table cannot become a graph.
        """
        table = self.data_set.mixtures
        described = get_featurizer("mixture", atom_descriptors=self.settings.atom_descriptors).describe()
        graphs = open_or_build(table.components, self.featurizer.featurize, described)
        for row, reason in graphs.refused.items():
            raise ValueError(f"{table.components[row]} passed the cleaning but cannot become a graph: {reason}")
        return MixtureStore.of_table(table, graphs)

    def clean_mixtures(
        self,
        frame: "pandas.DataFrame",
        columns: MixtureColumns,
        properties: Sequence[Property],
        source: str,
        refused_before: dict[int, str] | None = None,
        simulated: CleanTable | None = None,
        require_simulated: bool = False,
        at: At | None = None,
    ) -> CleanTable:
        """Clean a table of mixtures, and group them.

        Args:
            frame: The table, as `read_table` gives it.
            columns: Columns of the mixtures.
            properties: What to read.
            source: Name of the file, for messages.
            refused_before: Reason by position of rows that the data set itself excludes.
            simulated: Simulations of the same property, first in their table; each mixture gets its value at the same
                conditions.
            require_simulated: Whether mixtures without a simulated value are excluded.
            at: Which rows are used, by the column of a condition, see `tables.conditions`.
        """
        table, mixtures = clean_mixture_table(
            frame,
            columns,
            properties,
            source,
            roles=self.roles,
            condition_units=self.condition_units,
            refused_before=refused_before,
            simulated=simulated,
            require_simulated=require_simulated,
            at=at,
        )
        return replace(table, own_groups=_groups(mixtures, self.settings.group_by))

    def removed_rows(self) -> NDArray[np.int64]:
        """Rows of a removed group of `exclude`, by its own `group_by`; a pure material is removed in any role.

        Raises:
            ValueError: If its mixtures have other roles.
        """
        removed: set[int] = set()
        for other in self.settings.excluded:
            names = frozenset(other.table.groups) if self.settings.remove == "all" else other.splitter.test_groups
            if not isinstance(other, MixtureDataModule):
                hit = self.data_set.has_component(names)
            elif other.roles == self.roles:
                hit = np.array([name in names for name in self.data_set.groups_by(other.settings.group_by)])
            else:
                raise ValueError(
                    f"{title_of(other)} has the roles {', '.join(other.roles) or 'of a blend'}, "
                    f"{title_of(self)} has {', '.join(self.roles) or 'those of a blend'}; give both the same, "
                    "so that what is tested there can be found here"
                )
            removed.update(np.flatnonzero(hit).tolist())
        return np.array(sorted(removed), np.int64)

    def seen_identities(self) -> frozenset[str]:
        """Hashed identities of all mixtures that train or validate, and of their components, also with their role."""
        rows = np.concatenate([self.parts.train, self.parts.validation])
        groups = np.array(self.data_set.groups_by("mixture"), object)[rows]
        return frozenset(map(identity_hash, {*groups, *component_names(self.data_set.mixtures.take(rows))}))

    def tested_name(self, group: str) -> str:
        """What a model must not have seen if a group is tested: the mixture, or the component in its role.

        Args:
            group: The group.
        """
        group_by = self.settings.group_by
        return group if group_by == "mixture" else f"{group_by} {group}"

    def seen_names(self, part: PartName) -> set[str]:
        """What a model has seen that was trained on a part: mixtures, and components in a role.

        Args:
            part: The part.
        """
        rows = getattr(self.parts, part)
        names = set(np.array(self.data_set.groups_by("mixture"), object)[rows])
        for role in self.roles:
            names |= {f"{role} {name}" for name in np.array(self.data_set.groups_by(role), object)[rows]}
        return names

    def card(self) -> dict[str, Any]:
        """What a record or a model saves about its data."""
        settings, counts = self.settings, {"num_components": len(self.data_set.mixtures.components)}
        return super().card() | {"group_by": settings.group_by, "size_by": settings.size_by} | counts

    def key_content(self) -> dict[str, Any]:
        """What determines which mixtures train and test, and their values."""
        content = super().key_content() | {"size_by": self.settings.size_by}
        if excluded := self.settings.excluded:
            content["removed_by"] = [getattr(each.settings, "group_by", "") for each in excluded]
        return content


def _groups(table: MixtureTable, group_by: str) -> list[str]:
    """Group of each mixture: its components at any weights and conditions, or the component in a role."""
    names = list(map(component_identity, table.components))
    if group_by != "mixture":
        return [names[number] for number in table.members[:, table.roles.index(group_by)].tolist()]
    between = " | " if table.roles else " + "
    return [between.join(names[number] for number in row if number >= 0) for row in table.members.tolist()]
