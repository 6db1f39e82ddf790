"""A table of polymers, such as an export from PoLyInfo or your own measurements."""

from typing import Any

from datamodules.registry import find_file, find_table
from gnn_sim2real.cleaning import CleanTable, Property, clean_table, read_table
from gnn_sim2real.datamodule import PropertyDataModule


class PolymerTable(PropertyDataModule):
    """One property of polymers from a table with a column of repeat units (PSMILES with two `*`).

    Args:
        property: Name of the property, the same word as in the source, e.g. density.
        column: Column with its values.
        unit: Unit in which the model answers, e.g. g/cm3.
        file_unit: Unit in the file, where it is another one.
        path: The file: CSV, TSV, JSONL or parquet; absolute, or relative to the working folder or GNN_SIM2REAL_DATA.
        name: A table of the registry, in place of `path`; `measured_density`, `measured_tg`, `md_tg`.
        smiles: Column with the repeat units.
        lower: Values at or below this are put aside as impossible.
        upper: Values at or above this are put aside as impossible.
        settings: See `gnn_sim2real.datamodule.PropertyDataModule`.
    """

    kind = "repeat_unit"

    def __init__(
        self,
        property: str,  # noqa: A002 (the word users know)
        column: str,
        unit: str,
        file_unit: str | None = None,
        path: str | None = None,
        name: str | None = None,
        smiles: str = "smiles",
        lower: float | None = None,
        upper: float | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if path is None and name is None:
            raise ValueError("a PolymerTable needs `path` (a file) or `name` (a table of the registry); got neither")
        self.property = Property(property, unit, column=column, file_unit=file_unit, lower=lower, upper=upper)
        self.path, self.name, self.smiles = path, name, smiles

    def load_table(self) -> CleanTable:
        """Read and clean the file."""
        file = find_file(self.name, self.path) if self.name else find_table(str(self.path))
        return clean_table(
            read_table(file),
            material_column=self.smiles,
            properties=[self.property],
            identity=self.featurizer.identity,
            source=file.name,
            label_columns=self.label_columns,
        )
