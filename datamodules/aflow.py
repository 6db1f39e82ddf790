"""AFLOW: thermal and elastic properties of crystals by density functional theory."""

from typing import Any

import numpy as np

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, CrystalFile
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

PROPERTIES = {
    each.name: each
    for each in (
        Property("thermal_conductivity", "W/(m K)", column="agl_thermal_conductivity_300K", lower=0),
        Property("thermal_expansion", "1/K", column="agl_thermal_expansion_300K"),
        Property("debye_temperature", "K", column="ael_debye_temperature", lower=0),
        Property("bulk_modulus", "GPa", column="ael_bulk_modulus_vrh", lower=0),
        Property("shear_modulus", "GPa", column="ael_shear_modulus_vrh", lower=0),
    )
}
"""What can be asked for; conductivity and expansion at 300 K."""

SUSPECT = frozenset({"Bi", "Ag2O", "N2", "KHF2", "He2Ne"})
"""Formulas whose values do not fit those of their neighbors."""


class AflowAGL(CrystalDataModule):
    """4,905 crystals of AFLOW with the quasi-harmonic Debye model (AGL) and elastic constants (AEL), PBE.

    Toher et al., Phys. Rev. B 90, 174107 (2014), doi 10.1103/PhysRevB.90.174107; Phys. Rev. Materials 1, 015401 (2017),
    doi 10.1103/PhysRevMaterials.1.015401. Mostly one structure per formula, and not always the ground state: silicon is
    a clathrate here. On 79 formulas with a measured conductivity that of AGL is off by a factor of four on average.

    ```yaml
    data:
      class_path: AflowAGL
      init_args: {properties: [thermal_conductivity]}
    ```

    Args:
        properties: One or several of thermal_conductivity [W/(m K)], thermal_expansion [1/K], debye_temperature [K],
            bulk_modulus [GPa], shear_modulus [GPa].
        path: Your own copy of `aflow_agl_ael.parquet`; else it is looked for below GNN_SIM2REAL_DATA.
        settings: See `gnn_sim2real.data.crystals.CrystalSettings`.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("aflow_agl_ael", "crystal", 4905, {name: each.unit for name, each in PROPERTIES.items()}),)

    def __init__(self, properties: list[str], path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("AflowAGL", properties, PROPERTIES)
        self.path = path

    def load_structures(self) -> Structures:
        """Find the structures; the name of each is its formula with its row in the source."""
        file = find_file("aflow_agl_ael", self.path)
        frame = read_table(file, ["row_in_source", "reduced_formula", "nsites", "volume"])
        formulas = frame["reduced_formula"].tolist()
        num_sites = frame["nsites"].to_numpy(np.int64)
        return Structures(
            crystals=CrystalFile(file),
            names=[f"{formula} {row}" for formula, row in zip(formulas, frame["row_in_source"].tolist(), strict=True)],
            formulas=formulas,
            num_sites=num_sites,
            volumes=frame["volume"].to_numpy(np.float64) / num_sites,
        )

    def load_table(self) -> CleanTable:
        """Read the values; suspect formulas are excluded."""
        file = find_file("aflow_agl_ael", self.path)
        names, formulas = self.data_set.structures.names, self.data_set.structures.formulas
        suspect = {row: f"suspect values: {formula}" for row, formula in enumerate(formulas) if formula in SUSPECT}
        table = clean_table(
            read_table(file, without=CELL_COLUMNS).assign(crystal=names),
            material_column="crystal",
            properties=self.wanted,
            identity=str,
            source=file.name,
            refused_before=suspect | self.data_set.refuse(names),
        )
        return self.data_set.with_structures(table)
