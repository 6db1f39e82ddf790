"""The base of data modules of crystals that are downloaded from a database."""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from jsonargparse import Namespace

from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.databases.passwords import hide_login
from gnn_sim2real.databases.snapshot import Snapshot, SnapshotQuery, get_snapshot, snapshot_folder
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, CrystalFile
from gnn_sim2real.renamed import by_property, current_property
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table
from gnn_sim2real.units import check_unit, is_unit, same_quantity

logger = logging.getLogger(__name__)


class SnapshotDataModule(CrystalDataModule):
    """Crystals of a database, as they were on the day of a snapshot.

    A download is used from then on, even if the database changes; the card names the snapshot.

    Args:
        properties: Unit of the model's predictions by name of the property, e.g. `{band_gap: eV}`.
        fields: Field of the database by name of the property, if it is not a known one.
        field_units: Unit of a field by name of the property, if the database does not declare it.
        max_entries: Number of entries after which the download stops, for a first look; null for all.
        snapshot: Day of the snapshot to use, e.g. 2026-11-21, which is then never downloaded; null for the newest one,
            or a download if there is none.
        accept_incomplete: Whether to use a download with fewer entries than the database counts.
        lower: Values at or below this are excluded as impossible, by name of the property.
        upper: Values at or above this are excluded as impossible, by name of the property.
        settings: See `gnn_sim2real.data.crystals.CrystalDataModule`.
    """

    known_fields: Mapping[str, tuple[str, str]]
    """Field and its unit for each property known for the database."""

    def __init__(
        self,
        properties: dict[str, str],
        fields: dict[str, str] | None = None,
        field_units: dict[str, str] | None = None,
        max_entries: int | None = None,
        snapshot: str | None = None,
        accept_incomplete: bool = False,
        lower: dict[str, float] | None = None,
        upper: dict[str, float] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.given_fields = by_property(fields or {}, properties)
        named = {name: current_property(name) for name in properties if name not in self.given_fields}
        own = {name: named[name] if named.get(name) in self.known_fields else name for name in properties}
        self.wanted = by_property(properties, own.values())
        self.field_units = by_property(field_units or {}, self.wanted)
        self.max_entries, self.snapshot_date, self.accept_incomplete = max_entries, snapshot, accept_incomplete
        self.lower, self.upper = by_property(lower or {}, self.wanted), by_property(upper or {}, self.wanted)
        self._check_settings()

    def _check_settings(self) -> None:
        """Reject settings that cannot work before anything is downloaded."""
        if not self.wanted:
            raise ValueError("`properties` is empty; give each property and its unit, e.g. {band_gap: eV}")
        for name, unit in self.wanted.items():
            check_unit(unit)
            if name not in self.given_fields and name not in self.known_fields:
                known = ", ".join(self.known_fields) or "none"
                raise ValueError(
                    f"the field of the property {name!r} is unknown (known are: {known}); give it in `fields`, e.g. "
                    f"{{{name}: _provider_field}}"
                )
        for setting in ("given_fields", "field_units", "lower", "upper"):
            if unknown := sorted(getattr(self, setting).keys() - self.wanted.keys()):
                raise ValueError(
                    f"`{setting.removeprefix('given_')}` has {', '.join(unknown)}, which is not in `properties`"
                )
        if self.max_entries is not None and self.max_entries < 1:
            raise ValueError(f"`max_entries` must be at least 1, or null for all, got {self.max_entries}")

    @property
    @abstractmethod
    def database(self) -> str:
        """Name of the database, for messages."""

    @abstractmethod
    def make_query(self) -> SnapshotQuery:
        """The query."""

    @property
    def fields(self) -> dict[str, str]:
        """Field of each property."""
        return {name: self.given_fields.get(name) or self.known_fields[name][0] for name in self.wanted}

    def download(self, new: bool = False) -> Snapshot:
        """Find the snapshot, or download it.

        Args:
            new: Whether to download a new one even if there is one.
        """
        query = self.make_query()
        return get_snapshot(
            snapshot_folder(self.database, query),
            query,
            tuple(self.wanted),
            date=self.snapshot_date,
            new=new,
            accept_incomplete=self.accept_incomplete,
        )

    @cached_property
    def downloaded(self) -> Snapshot:
        """The snapshot that this data set is read from."""
        snapshot = self.download()
        logger.info("%s, %s", self.database, snapshot.describe())
        return snapshot

    def load_structures(self) -> Structures:
        """Find the structures; only names, formulas and sizes are read.

        Raises:
            ValueError: If no entry is usable.
        """
        return structures_of(self.downloaded, self.database)

    def load_table(self) -> CleanTable:
        """Read the values; entries without a usable crystal are excluded with their reason."""
        frame = read_table(self.downloaded.path, without=CELL_COLUMNS)
        problems = frame["problem"]
        rows = np.flatnonzero(problems.notna().to_numpy()).tolist()
        reasons = {row: f"unusable entry: {problems.iloc[row]}" for row in rows}
        table = clean_table(
            frame,
            material_column="material_id",
            properties=[self._property(name, unit) for name, unit in self.wanted.items()],
            identity=str,
            source=self.downloaded.path.name,
            refused_before=self.data_set.refuse(frame["material_id"].tolist()) | reasons,
        )
        return self.data_set.with_structures(table)

    def _property(self, name: str, unit: str) -> Property:
        return Property(
            name, unit, file_unit=self._unit_of(name), lower=self.lower.get(name), upper=self.upper.get(name)
        )

    def _unit_of(self, name: str) -> str:
        """Unit of a field: as given, else as the database declares it, else as known for the database."""
        field = self.fields[name]
        declared = (self.downloaded.info["facts"].get("field_units") or {}).get(field)
        known = self.known_fields[name][1] if name in self.known_fields and name not in self.given_fields else None
        given = self.field_units.get(name) or known
        if declared is None or not is_unit(declared):
            if given is None:
                fault = "does not declare the unit" if declared is None else f"declares {declared!r} as the unit"
                raise ValueError(f"{self.database} {fault} of {field!r}; set `field_units`, e.g. {{{name}: eV}}")
            return given
        if given is None or same_quantity(declared, given):
            return self.field_units.get(name) or declared
        conflict = f"{self.database} declares {declared!r} for {field!r}, but {given!r} is another quantity"
        if not same_quantity(declared, given, but_for_atoms=True):
            raise ValueError(f"{conflict}; correct `field_units`")
        logger.warning("%s; using %s", conflict, given)
        return given

    def card(self) -> dict[str, Any]:
        """What a record or a model saves about its data."""
        return super().card() | {"snapshot": snapshot_card(self.downloaded)}


def snapshot_card(snapshot: Snapshot) -> dict[str, Any]:
    """What a record or a model saves about a snapshot.

    Args:
        snapshot: The snapshot.
    """
    return {name: snapshot.info[name] for name in ("query", "date", "num_entries", "sha256")}


def structures_of(snapshot: Snapshot, database: str) -> Structures:
    """The structures of a snapshot; only names, formulas and sizes are read.

    Args:
        snapshot: The snapshot.
        database: Name of the database, for messages.

    Raises:
        ValueError: If no entry is usable.
    """
    frame = read_table(snapshot.path, ["material_id", "reduced_formula", "nsites", "volume", "problem"])
    if len(frame) and frame["problem"].notna().all():
        kinds = frame["problem"].str.partition(":")[0].value_counts()
        first = ", ".join(f"{count:,} {kind}" for kind, count in kinds[:3].items())
        raise ValueError(
            f"none of the {len(frame):,} entries of {database} is usable: {first}; the first: "
            f"{frame['problem'].iloc[0]}"
        )
    num_sites = frame["nsites"].to_numpy(np.int64)
    return Structures(
        crystals=CrystalFile(snapshot.path),
        names=frame["material_id"].tolist(),
        formulas=frame["reduced_formula"].tolist(),
        num_sites=num_sites,
        volumes=frame["volume"].to_numpy(np.float64) / np.maximum(num_sites, 1),
    )


def hide_logins(settings: Any) -> Any:
    """Hide the passwords in addresses of databases, before anything saves the settings; see `databases.passwords`.

    Args:
        settings: Settings as parsed: plain types, or namespaces, which are changed in place.

    Returns:
        The settings.

    Raises:
        ValueError: If an address cannot be read.
    """
    if isinstance(settings, list):
        return [hide_logins(each) for each in settings]
    if isinstance(settings, dict | Namespace):
        named = settings if isinstance(settings, dict) else vars(settings)
        for name, value in named.items():
            is_address = (
                name in ("provider", "structures_from")
                and isinstance(value, str)
                and value.startswith(("http://", "https://"))
            )
            named[name] = hide_login(value) if is_address else hide_logins(value)
    return settings
