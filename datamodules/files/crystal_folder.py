"""Crystals of your own: files of structures, and a table with a value for each."""

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.registry import find_table
from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.featurize.crystal_entries import Entry
from gnn_sim2real.featurize.crystal_files import crystal_formula, is_crystal_path
from gnn_sim2real.featurize.crystal_table import CrystalTable
from gnn_sim2real.files import expand
from gnn_sim2real.tables.at_conditions import clean_table_at_conditions
from gnn_sim2real.tables.censored import Censored
from gnn_sim2real.tables.columns import find_column, in_table
from gnn_sim2real.tables.condition_columns import read_settings
from gnn_sim2real.tables.conditions import join_at
from gnn_sim2real.tables.crystal_columns import (
    NAME_HEADINGS,
    crystal_column,
    read_crystals_of,
    spellings,
    unique_spellings,
    without_row,
)
from gnn_sim2real.tables.properties import check_property_unit
from gnn_sim2real.tables.table import TABLE_SUFFIXES, CleanTable, Property, read_table, read_without_header

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


class CrystalFolder(CrystalDataModule):
    """One property of crystals in files: CIF, POSCAR, extxyz, an ASE database, JSON or parquet.

    The values are those that the file of the crystals holds (`info` of extxyz, key-value pairs of an ASE database, keys
    beside `structure` in JSON, columns of parquet), or those of a table. It names the crystal of each row by its file
    (`NaCl.cif`, or `NaCl`), and where a file holds several, by the name or number within it as well
    (`all.json#mp-22862`), or by this alone where it is unique. In a folder its only table is taken; `id_prop.csv` has
    no header but a name and a value in each row.

    ```yaml
    data:
      class_path: CrystalFolder
      init_args: {structures: my_cifs, table: gaps.csv, name_column: file, property: band_gap, column: gap, unit: eV}
    ```

    Args:
        structures: A folder of files, or one file; or a table with a column `cif` or `structure` that holds the text of
            a CIF, or a structure as JSON, or a column such as `file` with the path of a file of one crystal, relative
            to the folder of the table.
        table: CSV, TSV, XLSX, JSONL or parquet with the values; the table next to the crystals unless given.
        property: Name of the property, the same word as in the source, e.g. band_gap.
        column: Column with its values; the one whose heading is the name of the property unless given.
        unit: Unit of the model's predictions, e.g. eV.
        file_unit: Unit in the file, if it is another one.
        name_column: Column that names the crystal; `material_id`, `file`, `name` or `id` unless given.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        censored: What becomes of values below or above a limit of detection, such as `<1E-10`: refused (`drop`), taken
            for the limit (`bound`), or in `tobit` known to networks as being on one side of it, so that predictions
            there have no loss; other methods take the limit. They are counted, and scored apart.
        at: Which rows are used, by the column of a condition: those at one value (`{T: 298}`, in the unit of the
            column), between two (`{T: [293, 303]}`), or `all`, merged by median.
        where: The same in words, as in `T = 298 +- 5`.
        uncertainty_column: Column with the standard deviation of each value, in the unit of the values: precise values
            count more in the loss of a network, at most twice as much as typical ones.
        conditions: What a model sees beside the crystal, by name: the column of each in the table of the values, and
            its unit where the heading does not say it, as in `{temperature: {column: T, unit: K}}`. Rows of one crystal
            at several of them stay apart, and those of one formula train, validate or test together. A temperature is
            in K in the model.
        settings: See `gnn_sim2real.data.crystals.CrystalSettings`.
    """

    def __init__(
        self,
        structures: str,
        property: str,  # noqa: A002 (the word users know)
        column: str | None,
        unit: str,
        table: str | None = None,
        file_unit: str | None = None,
        name_column: str | None = None,
        lower: float | None = None,
        upper: float | None = None,
        at: dict[str, Any] | None = None,
        censored: Censored = "drop",
        where: str | None = None,
        uncertainty_column: str | None = None,
        conditions: dict[str, str | dict[str, str]] | None = None,
        **settings: Any,
    ) -> None:
        # Before all else, since what reads and describes the crystals depends on them.
        self.condition_columns = read_settings(conditions)
        self.condition_units = self.condition_columns.units
        super().__init__(**settings)
        self.property = Property(
            property,
            unit,
            column=column,
            file_unit=file_unit,
            lower=lower,
            upper=upper,
            censored=censored,
            uncertainty_column=uncertainty_column,
        )
        check_property_unit(property, unit)
        self.structures_path, self.table_path, self.name_column = structures, table, name_column
        self.at, self.where = at, where

    @property
    def title(self) -> str:
        """Name in messages: of the table, or of the crystals."""
        return Path(self.table_path or self.structures_path).name

    @cached_property
    def path(self) -> Path:
        """The file or folder of the crystals."""
        path = expand(self.structures_path)
        return path if path.exists() else find_table(self.structures_path)

    @cached_property
    def entries(self) -> list[Entry]:
        """All that the files hold."""
        return read_crystals_of(self.path, self.name_column, disordered=True)

    def load_structures(self) -> Structures:
        """Read all files; a crystal that cannot be read excludes its row with a reason.

        Raises:
            ValueError: If none can be read.
        """
        read = [entry for entry in self.entries if entry.crystal is not None]
        if not read:
            raise ValueError(f"none of the crystals in {self.path} can be read: {self.entries[0].reason}")
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
        """Read the values and find the crystal of each row.

        Raises:
            ValueError: If there are no values, or no column names the crystals.
        """
        frame, source, name_column = self._read_values()
        columns = [str(column) for column in frame]
        if name_column is None:
            setting = "data.init_args.name_column"
            name_column = find_column(columns, NAME_HEADINGS, "the names of the crystals", source, setting).column
        if name_column not in frame:
            raise ValueError(
                f"{source} has no column {name_column!r} that names the crystals, only {', '.join(columns)}; set "
                "`data.init_args.name_column`"
            )
        spelled = unique_spellings(self.data_set.structures.names)
        given = [str(cell) for cell in frame[name_column]]
        names = [spelled.get(name, name) for name in given]
        if left := without_row(self.data_set.structures.names, given):
            listed = ", ".join(left[:10]) + (" ..." if len(left) > 10 else "")
            logger.warning("%s: crystals without a row in %s, not used: %d (%s)", self.title, source, len(left), listed)
        unread = {
            key: str(each.reason) for each in self.entries if each.crystal is None for key in spellings(each.name)
        }
        reasons = self.data_set.refuse(names)
        reasons |= {row: f"unreadable crystal: {unread[name]}" for row, name in enumerate(given) if name in unread}
        table = clean_table_at_conditions(
            frame.assign(**{name_column: names}),
            self.condition_columns,
            material_column=name_column,
            properties=[self.settings.on_scale(in_table(self.property, columns, source))],
            identity=str,
            source=source,
            refused_before=reasons,
            at=join_at(self.at, self.where, columns, source),
        )
        return self.data_set.with_structures(table)

    def _read_named(self, file: Path) -> "pandas.DataFrame":
        """A table whose names stay as they are written: 001 is not 1."""
        return read_table(file, texts=[*NAME_HEADINGS, *([self.name_column] if self.name_column else [])])

    def _read_values(self) -> tuple["pandas.DataFrame", str, str | None]:
        """The table of values, its name, and its column of names, where it is known."""
        import pandas

        if self.table_path is not None or self.path.suffix.lower() == ".parquet":
            file = self.path if self.table_path is None else find_table(self.table_path)
            frame = self._read_named(file)
            if self.table_path is not None or crystal_column(frame, self.path.parent) is None:
                return frame, file.name, self.name_column
        if self.path.is_dir():
            if (file := self.path / "id_prop.csv").exists():
                columns = ["name", self.property.column or self.property.name]
                return read_without_header(file, columns), file.name, "name"
            tables = [file for file in sorted(self.path.iterdir()) if file.suffix.lower() in TABLE_SUFFIXES]
            if len(tables) == 1 and not is_crystal_path(tables[0]):
                return self._read_named(tables[0]), tables[0].name, self.name_column
        read = [entry for entry in self.entries if entry.crystal is not None]
        name_of = {entry.name: name for entry, name in zip(read, _names(read), strict=True)}
        rows = [dict(entry.values) | {"name": name_of.get(entry.name, entry.name)} for entry in self.entries]
        if not any(len(row) > 1 for row in rows):
            raise ValueError(
                f"{self.path} has crystals but no values; give a table with a column of their names as "
                "`data.init_args.table`"
            )
        if {each.lower() for each in self.path.suffixes} & TABLE_SUFFIXES:
            index = read_table(self.path).index
        else:
            index = pandas.RangeIndex(1, len(rows) + 1, name="row")
        return pandas.DataFrame(rows, index=index), self.path.name, "name"


def _names(entries: Sequence[Entry]) -> list[str]:
    """Names within the file where all lie in one, else with the file."""
    files = {entry.name.partition("#")[0] for entry in entries}
    return [entry.name.partition("#")[2] or entry.name if len(files) == 1 else entry.name for entry in entries]
