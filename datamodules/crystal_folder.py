"""Crystals of your own: files of structures, and a table with a value for each."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.registry import find_table
from gnn_sim2real.cleaning import CleanTable, Property, clean_table, read_table
from gnn_sim2real.crystal_datamodule import CrystalDataModule, Structures
from gnn_sim2real.featurize.crystal_files import Entry, crystal_formula, read_crystals
from gnn_sim2real.featurize.crystal_table import CrystalTable


class CrystalFolder(CrystalDataModule):
    """One property of crystals that lie in files: CIF, POSCAR, extxyz, an ASE database, JSON or parquet.

    The table names the crystal of each row by its file (`NaCl.cif`, or `NaCl`), and where a file holds several, by the
    name or number within it as well (`all.json#mp-22862`), or by this alone where it is unique.

    ```yaml
    data:
      class_path: CrystalFolder
      init_args: {structures: my_cifs, table: gaps.csv, name_column: file, property: band_gap, column: gap, unit: eV}
    ```

    Args:
        structures: A folder of files, or one file.
        table: CSV, TSV, JSONL or parquet with the values; the file of structures itself where that is a parquet table.
        property: Name of the property, the same word as in the source, e.g. band_gap.
        column: Column with its values.
        unit: Unit in which the model answers, e.g. eV.
        file_unit: Unit in the file, where it is another one.
        name_column: Column that names the crystal.
        lower: Values at or below this are put aside as impossible.
        upper: Values at or above this are put aside as impossible.
        settings: See `gnn_sim2real.crystal_datamodule.CrystalDataModule`.
    """

    def __init__(
        self,
        structures: str,
        property: str,  # noqa: A002 (the word users know)
        column: str,
        unit: str,
        table: str | None = None,
        file_unit: str | None = None,
        name_column: str = "material_id",
        lower: float | None = None,
        upper: float | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.property = Property(property, unit, column=column, file_unit=file_unit, lower=lower, upper=upper)
        self.structures_path, self.table_path, self.name_column = structures, table or structures, name_column

    def load_structures(self) -> Structures:
        """Read all files; what cannot be read is refused with its reason when its row is met."""
        path = Path(self.structures_path).expanduser()
        entries = read_crystals(path if path.exists() else find_table(self.structures_path))
        self._unread = {entry.name: str(entry.reason) for entry in entries if entry.crystal is None}
        read = [entry for entry in entries if entry.crystal is not None]
        if not read:
            raise ValueError(f"no crystal of {path} can be read: {entries[0].reason}")
        crystals = CrystalTable.from_crystals([each.crystal for each in read if each.crystal is not None])
        num_sites = np.diff(crystals.pointer)
        return Structures(
            crystals=crystals,
            names=_names(read),
            formulas=[crystal_formula(each.crystal) for each in read],
            num_sites=num_sites,
            volumes=np.abs(np.linalg.det(crystals.lattice)) / num_sites,
        )

    def load_table(self) -> CleanTable:
        """Read the values and find the crystal of each row."""
        file = find_table(self.table_path)
        frame = read_table(file)
        if self.name_column not in frame:
            raise ValueError(
                f"{file} has no column {self.name_column!r} that names the crystals, only "
                f"{', '.join(map(str, frame.columns))}; set `data.init_args.name_column`"
            )
        spelled = _unique_spellings(self.structures.names)
        given = [str(cell) for cell in frame[self.name_column]]
        names = [spelled.get(name, name) for name in given]
        unread = {key: reason for name, reason in self._unread.items() for key in _spellings(name)}
        reasons = self.refuse(names)
        reasons |= {row: f"unreadable crystal: {unread[name]}" for row, name in enumerate(given) if name in unread}
        table = clean_table(
            frame.assign(**{self.name_column: names}),
            material_column=self.name_column,
            properties=[self.property],
            identity=str,
            source=file.name,
            refused_before=reasons,
            label_columns=self.label_columns,
        )
        return self.with_structures(table)


def _names(entries: Sequence[Entry]) -> list[str]:
    """Names within the file where all lie in one, else with the file."""
    files = {entry.name.partition("#")[0] for entry in entries}
    return [entry.name.partition("#")[2] or entry.name if len(files) == 1 else entry.name for entry in entries]


def _unique_spellings(names: Sequence[str]) -> dict[str, str]:
    """Name of the crystal that a spelling means; a stem that two files share means neither."""
    count = Counter(spelling for name in names for spelling in set(_spellings(name)))
    meant = {spelling: name for name in names for spelling in _spellings(name) if count[spelling] == 1}
    return meant | {name: name for name in names}


def _spellings(name: str) -> list[str]:
    """How a table may name the crystal: with the suffix of its file, and without."""
    file, mark, within = name.partition("#")
    return [name, f"{Path(file).stem}{mark}{within}"]
