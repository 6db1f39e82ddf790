"""A table of polymers, such as an export from PoLyInfo or your own measurements."""

from typing import Any

from datamodules.files.table import MaterialTable
from datamodules.registry import sheet
from gnn_sim2real.data.sheet import DataSheet


class PolymerTable(MaterialTable):
    """One property of polymers from a table with a column of repeat units (PSMILES with two `*`).

    Args:
        property: Name of the property, the same word as in the source, e.g. density.
        column: Column with its values.
        unit: Unit of the model's predictions, e.g. g/cm3.
        file_unit: Unit in the file, if it is another one.
        path: The file: CSV, TSV, XLSX, JSONL or parquet; absolute, or relative to the working folder or
            GNN_SIM2REAL_DATA.
        name: A table of the registry, in place of `path`: of the package `simpoly`, `refractive_index_open`,
            `vitrimer_md_tg`, `homopolymer_md_tg`; to be brought `measured_density`, `measured_tg`, `md_tg`.
        smiles: Column with the repeat units.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return tuple(
            sheet(
                name,
                "repeat_unit",
                rows,
                {prop: unit},
                {"name": name, "property": prop, "column": column, "unit": unit},
            )
            for name, rows, prop, column, unit in (
                ("measured_density", 1687, "density", "density_g_cm3", "g/cm3"),
                ("measured_tg", 7170, "glass_transition", "tg_K", "K"),
                ("md_tg", 661, "glass_transition", "tg_K", "K"),
                ("simpoly", 130, "density", "density_g_cm3", "g/cm3"),
                ("refractive_index_open", 38, "refractive_index", "refractive_index", ""),
                ("vitrimer_md_tg", 8424, "glass_transition", "tg_md_K", "K"),
                ("homopolymer_md_tg", 295, "glass_transition", "tg_md_K", "K"),
            )
        )

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
        super().__init__(
            path,
            property,
            unit,
            column,
            file_unit,
            material="repeat_unit",
            material_column=smiles,
            name=name,
            lower=lower,
            upper=upper,
            **settings,
        )

    @property
    def sheet(self) -> DataSheet | None:
        """The sheet of the table of the registry; None for your own."""
        return next((each for each in self.sheets() if each.name == self.name), None)
