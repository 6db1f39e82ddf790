"""QM9: small organic molecules by density functional theory."""

from typing import Any

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

PROPERTIES = {
    each.name: each
    for each in (
        Property("dipole_moment", "debye", column="dipole_D"),
        Property("polarizability", "bohr^3", column="polarizability_bohr3", lower=0),
        Property("homo", "eV", column="homo_Ha", file_unit="hartree"),
        Property("lumo", "eV", column="lumo_Ha", file_unit="hartree"),
        Property("homo_lumo_gap", "eV", column="gap_Ha", file_unit="hartree"),
        Property("zero_point_energy", "eV", column="zpve_Ha", file_unit="hartree", lower=0),
        Property("atomization_energy_0K", "kcal/mol", column="u0_atomization_kcal_mol"),
        Property("atomization_energy", "kcal/mol", column="u298_atomization_kcal_mol"),
        Property("atomization_enthalpy", "kcal/mol", column="h298_atomization_kcal_mol"),
        Property("atomization_gibbs_energy", "kcal/mol", column="g298_atomization_kcal_mol"),
        Property("gas_heat_capacity", "J/(mol K)", column="cv_cal_molK", file_unit="cal/(mol K)", lower=0),
        Property("gas_formation_enthalpy", "kJ/mol", column="hf298_kJ_mol"),
    )
}
"""What can be asked for. The extent of the electrons is left out, which depends on the conformer most of all."""


class QM9(PropertyDataModule):
    """110,279 molecules of up to nine atoms of C, N, O and F by B3LYP/6-31G(2df,p), one conformer each, as a gas.

    Ramakrishnan et al., Sci. Data 1, 140022 (2014), doi 10.1038/sdata.2014.22. Energies and the heat capacity at
    constant volume are at 298 K unless they say 0 K; those of atomization are negative. The enthalpies of formation are
    those of atomization with measured enthalpies of the atoms.

    ```yaml
    data:
      class_path: QM9
      init_args: {properties: [homo_lumo_gap]}
    ```

    Args:
        properties: One or several of dipole_moment, polarizability, homo, lumo, homo_lumo_gap, zero_point_energy,
            atomization_energy_0K, atomization_energy, atomization_enthalpy, atomization_gibbs_energy,
            gas_heat_capacity, gas_formation_enthalpy.
        path: Your own copy of `qm9.parquet`; else it is looked for where `gnn-sim2real data make qm9` puts it.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "molecule"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("qm9", "molecule", 110_279, {name: each.unit for name, each in PROPERTIES.items()}),)

    def __init__(self, properties: list[str], path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.wanted, self.path = choose_properties("QM9", properties, PROPERTIES), path

    def load_table(self) -> CleanTable:
        """Read the table; a molecule that stands in it twice has the median."""
        file = find_file("qm9", self.path)
        return clean_table(
            read_table(file),
            material_column="smiles",
            properties=self.wanted,
            identity=self.featurizer.identity,
            source=file.name,
        )
