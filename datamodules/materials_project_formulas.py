"""Formulas of the Materials Project, with the PBE gap and the formation energy of their lowest polymorph."""

from typing import Any

from datamodules.materials_project import PROPERTIES as _OF_CRYSTALS
from datamodules.registry import find_file, sheet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

PROPERTIES = {
    "band_gap": Property("band_gap", "eV", column="band_gap_eV", lower=_OF_CRYSTALS["band_gap"].lower),
    "formation_energy": Property("formation_energy", "eV/atom", column="formation_energy_eV_atom"),
}
"""What can be asked for."""


class MaterialsProjectFormulas(PropertyDataModule):
    """86,927 formulas of the Materials Project without their structures; the table comes with the package.

    A source for models of compositions (`gnn_sim2real.nn.Roost`), and simulated values of measured compositions. The
    values are those of `datamodules.MaterialsProjectTables` for the lowest polymorph of each formula. Jain et al., APL
    Mater. 1, 011002 (2013), doi 10.1063/1.4812323; data CC BY 4.0.

    ```yaml
    data:
      class_path: MaterialsProjectFormulas
      init_args: {properties: [band_gap]}
    ```

    Args:
        properties: One or both of `band_gap` [eV] and `formation_energy` [eV/atom]; of both, what is missing is masked.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "composition"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("mp_formulas", "composition", 86_927, {name: each.unit for name, each in PROPERTIES.items()}),)

    def __init__(self, properties: list[str], **settings: Any) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("MaterialsProjectFormulas", properties, PROPERTIES)

    def load_table(self) -> CleanTable:
        """Read the table."""
        file = find_file("mp_formulas")
        return clean_table(
            read_table(file),
            material_column="formula",
            properties=self.wanted,
            identity=self.featurizer.identity,
            source=file.name,
        )
