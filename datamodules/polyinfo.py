"""PoLyInfo of NIMS: a user's own export. Its terms restrict redistribution, so nothing is ever downloaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.registry import find_table
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.columns import MATERIAL_HEADINGS, find_column, in_table, plain_heading
from gnn_sim2real.tables.properties import check_property_unit
from gnn_sim2real.tables.table import CleanTable, Property, read_table

PROPERTY_NAMES = {
    "density": ("density",),
    "glass_transition": ("glass transition temp", "glass transition temperature", "tg"),
    "melting_point": ("melting temp", "melting temperature", "tm"),
    "thermal_conductivity": ("thermal conductivity",),
    "refractive_index": ("refractive index", "index of refraction"),
    "Cp": ("heat capacity", "specific heat capacity cp", "cp"),
    "thermal_expansion": ("thermal expansion coeff", "thermal expansion coefficient"),
    "dielectric_constant": ("dielectric constant", "dielectric const dc"),
}
"""What a table may call a property; other properties are found under their own names."""

_PROPERTY_HEADINGS = ("property", "property_name", "property_item")
_VALUE_HEADINGS = ("value", "property_value", "data", "median")
_UNIT_HEADINGS = ("unit", "units", "property_unit")


class PoLyInfo(PropertyDataModule):
    """Measured values of polymers in a table made from your own access to PoLyInfo, polymer.nims.go.jp.

    Two layouts are read: one row per measurement, with columns of property names, values and units; or one column per
    property, with the unit in the heading or in `file_unit`. All measurements of one polymer, however it is
    written, become their median; the report tells how many there were and how far apart. Otsuka et al., 2011
    International Conference on Emerging Intelligent Data and Web Technologies, 22, doi 10.1109/EIDWT.2011.13.

    ```yaml
    data:
      class_path: datamodules.PoLyInfo
      init_args: {path: my_export.csv, property: density, unit: g/cm3}
    ```

    Args:
        path: The file: CSV, TSV, XLSX, JSONL or parquet; absolute, or relative to the working folder or
            GNN_SIM2REAL_DATA.
        property: Name of the property, the same word as in the source, e.g. density.
        unit: Unit of the model's predictions.
        smiles: Column with the repeat units; found by its heading unless given.
        property_column: Column with names of properties, for one row per measurement; by its heading unless given.
        property_name: Name of this property in it; the usual names unless given.
        value: Column with the values; found by its heading unless given.
        unit_column: Column with the unit of each value; found by its heading unless given.
        file_unit: Unit of all values, if neither a column nor a heading has it.
        max_spread: Polymers whose measurements differ by more than this half range [unit] are excluded.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        at: Which rows are used, by the column of a condition, see `datamodules.Table`.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "repeat_unit"

    def __init__(
        self,
        path: str,
        property: str,  # noqa: A002 (the word users know)
        unit: str,
        smiles: str | None = None,
        property_column: str | None = None,
        property_name: str | None = None,
        value: str | None = None,
        unit_column: str | None = None,
        file_unit: str | None = None,
        max_spread: float | None = None,
        lower: float | None = None,
        upper: float | None = None,
        at: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.at = at
        check_property_unit(property, unit)
        self.property = Property(property, unit, value, file_unit, lower, upper, unit_column)
        self.path, self.smiles, self.max_spread = path, smiles, max_spread
        self.property_column, self.property_name = property_column, property_name

    @property
    def title(self) -> str:
        """Name in messages: of the file."""
        return Path(self.path).name

    def load_table(self) -> CleanTable:
        """Read and clean the file.

        Raises:
            ValueError: If a column, the property or its unit is missing.
        """
        file = find_table(self.path)
        frame = read_table(file)
        columns = [str(column) for column in frame]
        smiles = (
            self.smiles
            or find_column(columns, MATERIAL_HEADINGS["repeat_unit"], "the repeat units", file.name, "smiles").column
        )
        names = (
            [self.property_name] if self.property_name else PROPERTY_NAMES.get(current_property(self.property.name), ())
        )
        names = [self.property.name, *names]
        column = self.property_column or _found(columns, _PROPERTY_HEADINGS)
        if column is None:
            prop = self._of_wide_table(columns, names, file.name)
        else:
            wanted = {plain_heading(name) for name in names}
            cells = frame[column].astype(str)
            ours = np.array([plain_heading(cell) in wanted for cell in cells])
            if not ours.any():
                raise ValueError(
                    f"{file.name} has no rows for {' or '.join(names)} in column {column!r}, only for "
                    f"{', '.join(sorted(set(cells))[:20])}; set `property_name`"
                )
            frame, prop = frame[ours], self._of_long_table(columns, file.name)
        return clean_table(
            frame,
            material_column=smiles,
            properties=[prop],
            identity=self.featurizer.identity,
            source=file.name,
            max_spread=self.max_spread,
            at=self.at,
        )

    def _of_wide_table(self, columns: list[str], names: list[str], source: str) -> Property:
        column = self.property.column
        if column is None:
            column = find_column(columns, names, f"the property {self.property.name!r}", source, "value").column
        return self._require_unit(in_table(replace(self.property, column=column), columns, source), source)

    def _of_long_table(self, columns: list[str], source: str) -> Property:
        value = self.property.column or find_column(columns, _VALUE_HEADINGS, "the values", source, "value").column
        unit = self.property.unit_column
        if unit is None and self.property.file_unit is None:
            unit = _found(columns, _UNIT_HEADINGS)
        prop = in_table(replace(self.property, column=value, unit_column=unit), columns, source)
        return self._require_unit(prop, source)

    def _require_unit(self, prop: Property, source: str) -> Property:
        if prop.unit_column is None and prop.file_unit is None:
            raise ValueError(
                f"{source} has no unit for column {prop.column!r}; set `file_unit`, or `unit_column` to the column "
                f"with units; accepted are units that convert to {prop.unit or 'a pure number'}"
            )
        return prop


def _found(columns: list[str], names: tuple[str, ...]) -> str | None:
    plain = {plain_heading(column): column for column in reversed(columns)}
    return next((plain[name] for name in names if name in plain), None)
