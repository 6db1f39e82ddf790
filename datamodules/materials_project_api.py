"""The Materials Project by its own programming interface, with the user's key."""

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.data.snapshots import SnapshotDataModule
from gnn_sim2real.databases.client import to_words
from gnn_sim2real.databases.entries import name_of, structure_row, to_number
from gnn_sim2real.databases.passwords import hide_word
from gnn_sim2real.databases.snapshot import Batch, SnapshotQuery
from gnn_sim2real.errors import DownloadError
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_files import as_crystal

FIELDS = MappingProxyType(
    {
        "band_gap": ("band_gap", "eV"),
        "formation_energy": ("formation_energy_per_atom", "eV/atom"),
        "energy_above_hull": ("energy_above_hull", "eV/atom"),
        "bulk_modulus": ("bulk_modulus", "GPa"),
        "shear_modulus": ("shear_modulus", "GPa"),
        "density": ("density", "g/cm^3"),
        "total_magnetization": ("total_magnetization", "bohr_magneton"),
    }
)
"""Field of a summary document and its unit, by property; of the moduli the average of Voigt, Reuss and Hill (`vrh`)."""

BATCH = 500
"""Materials asked for at a time."""

_MANY = 10_000
"""Chunks of a thousand identifiers; no limit in fact."""


class SummaryQuery:
    """Summary documents that match some criteria: first their identifiers, then all of them batch by batch.

    Args:
        columns: Field of each column of a property.
        criteria: Keyword arguments of `MPRester.materials.summary.search`.
        max_entries: Number of materials after which to stop.
    """

    def __init__(self, columns: dict[str, str], criteria: dict[str, Any], max_entries: int | None) -> None:
        self.columns, self.criteria, self.max_entries = columns, criteria, max_entries

    def describe(self) -> dict[str, Any]:
        """What is asked."""
        asked = {"criteria": self.criteria, "max_entries": self.max_entries, "columns": self.columns}
        return asked | {"database": "Materials Project, summary"}

    def facts(self) -> dict[str, Any]:
        """The version of the database."""
        with self._rester() as rester:
            return {"database_version": str(rester.db_version), "field_units": {}}

    def read(self, bookmark: dict[str, Any] | None) -> Iterator[Batch]:
        """Read batch after batch; a resumed download requests the identifiers again, which must be the same.

        Raises:
            DownloadError: If the materials have changed since the download began.
        """
        with self._rester() as rester:
            # Without `num_chunks`, a search for all materials would fetch the whole collection from another place.
            found = self._search(rester, fields=["material_id"], num_chunks=_MANY, **self.criteria)
            names = sorted(str(each.get("material_id") or "") for each in found)[: self.max_entries]
            if "" in names:
                raise DownloadError("the Materials Project gave materials without a `material_id`")
            digest = hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
            done = 0 if bookmark is None else bookmark.get("num_done")
            if not isinstance(done, int) or (bookmark is not None and bookmark.get("names") != digest):
                raise DownloadError(
                    "the Materials Project has other materials than when this download began; delete its folder "
                    "`unfinished` to begin again"
                )
            fields = ["material_id", "structure", *dict.fromkeys(self.columns.values())]
            for start in range(done, len(names), BATCH):
                wanted = names[start : start + BATCH]
                documents = self._search(rester, fields=fields, material_ids=wanted)
                rows = [self._row(each) for each in documents]
                yield Batch(rows, {"names": digest, "num_done": start + len(wanted)}, len(names))

    def _row(self, document: dict[str, Any]) -> dict[str, Any]:
        def read() -> tuple[Crystal, dict[str, float | None]]:
            values = {column: _number(document.get(field), field) for column, field in self.columns.items()}
            return as_crystal(_plain(document.get("structure"))), values

        return structure_row(name_of({"id": document.get("material_id"), "attributes": document}), read)

    def _search(self, rester: Any, **asked: Any) -> list[dict[str, Any]]:
        try:
            return [dict(each) for each in rester.materials.summary.search(**asked)]
        except Exception as error:  # MPRestError, and those of requests and of its other libraries
            raise DownloadError(f"the Materials Project answered: {to_words(str(error), 500)}") from error

    def _rester(self) -> Any:
        if importlib.util.find_spec("mp_api") is None:
            raise ValueError("the package mp-api is not installed: pip install 'gnn-sim2real[mp]'")
        if not os.environ.get("MP_API_KEY"):
            raise ValueError(
                "set MP_API_KEY to your key of the Materials Project (https://materialsproject.org/api); without one, "
                "`class_path: datamodules.Optimade` with `provider: mp` gives formation energies"
            )
        hide_word(os.environ["MP_API_KEY"])
        from mp_api.client import MPRester

        try:
            return MPRester(os.environ["MP_API_KEY"], use_document_model=False, mute_progress_bars=True)
        except Exception as error:  # it asks the server for its version, with whatever that may raise
            raise DownloadError(f"the Materials Project cannot be reached: {to_words(str(error), 500)}") from error


def _number(value: Any, field: str) -> float | None:
    return to_number(value.get("vrh") if isinstance(value, dict) else value, field)


def _plain(structure: Any) -> Any:
    return structure.as_dict() if hasattr(structure, "as_dict") else structure


class MaterialsProject(SnapshotDataModule):
    """Crystals of the Materials Project as it is today, by `mp-api` and your own key in MP_API_KEY.

    The first use downloads them as a snapshot, whose card names the version of the database. Jain et al., APL Mater. 1,
    011002 (2013), doi 10.1063/1.4812323; data CC BY 4.0. `MaterialsProjectTables` reads tables instead.

    ```yaml
    data:
      class_path: datamodules.MaterialsProject
      init_args: {properties: {band_gap: eV}, criteria: {is_stable: true, num_elements: [2, 3]}}
    ```

    Args:
        properties: Unit of the model's predictions by name of the property: band_gap, formation_energy,
            energy_above_hull, bulk_modulus, shear_modulus, density, total_magnetization; others by `fields`.
        criteria: What `MPRester.materials.summary.search` takes; empty for all materials.
        settings: See `gnn_sim2real.data.snapshots.SnapshotDataModule`.
    """

    known_fields = FIELDS
    database = "materials_project"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (
            DataSheet(
                "materials_project",
                "crystal",
                0,
                {name: unit for name, (_, unit) in FIELDS.items()},
                "CC BY 4.0",
                "Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323",
                "mp-api, with your key in MP_API_KEY",
                {"properties": {"band_gap": "eV", "formation_energy": "eV/atom"}},
            ),
        )

    def __init__(self, properties: dict[str, str], criteria: dict[str, Any] | None = None, **settings: Any) -> None:
        self.criteria = criteria or {}
        super().__init__(properties=properties, **settings)

    def make_query(self) -> SnapshotQuery:
        """The query."""
        return SummaryQuery(self.fields, self.criteria, self.max_entries)
