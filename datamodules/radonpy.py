"""RadonPy's PI1070: amorphous homopolymers by all-atom molecular dynamics."""

from typing import Any

from datamodules.registry import find_file
from gnn_sim2real.cleaning import CleanTable, Property, clean_table, read_table
from gnn_sim2real.datamodule import PropertyDataModule

PROPERTIES = {
    each.name: each
    for each in (
        Property("density", "g/cm3", lower=0),
        Property("Cp", "J/(kg K)", lower=0),
        Property("Cv", "J/(kg K)", lower=0),
        Property("thermal_conductivity", "W/(m K)", lower=0),
        Property("thermal_diffusivity", "m2/s", lower=0),
        Property("refractive_index", "", lower=1),
        Property("bulk_modulus", "Pa", lower=0),
        Property("compressibility", "1/Pa", lower=0),
        Property("isentropic_bulk_modulus", "Pa", lower=0),
        Property("isentropic_compressibility", "1/Pa", lower=0),
        Property("volume_expansion", "1/K", lower=0),
        Property("linear_expansion", "1/K", lower=0),
        Property("self_diffusion", "m2/s", column="self-diffusion", lower=0),
        Property("radius_of_gyration", "angstrom", column="Rg", lower=0),
    )
}
"""What can be asked for. The two dielectric columns are left out: a static dielectric constant from classical molecular
dynamics is heavy-tailed, and often below the square of the refractive index."""


class RadonPy(PropertyDataModule):
    """1,077 amorphous homopolymers at 300 K and 1 atm, GAFF2 force field; upstream file `PI1070.csv`, BSD-3-Clause.

    Hayashi, Shiomi, Morikawa, Yoshida, npj Comput. Mater. 8, 222 (2022), doi 10.1038/s41524-022-00906-4.

    Args:
        properties: One or several of density, Cp, Cv, thermal_conductivity, thermal_diffusivity, refractive_index,
            bulk_modulus, compressibility, isentropic_bulk_modulus, isentropic_compressibility, volume_expansion,
            linear_expansion, self_diffusion, radius_of_gyration.
        path: Your own copy of `PI1070.csv`; else it is looked for below GNN_SIM2REAL_DATA, else downloaded.
        settings: See `gnn_sim2real.datamodule.PropertyDataModule`.
    """

    kind = "repeat_unit"

    def __init__(self, properties: list[str], path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        unknown = [name for name in properties if name not in PROPERTIES]
        if unknown or not properties:
            raise ValueError(f"RadonPy has the properties {', '.join(PROPERTIES)}; got {unknown or 'none'}")
        self.asked, self.path = properties, path

    def load_table(self) -> CleanTable:
        """Read PI1070.csv; the value of a polymer is the mean over its molecular dynamics runs."""
        file = find_file("radonpy_pi1070", self.path)
        return clean_table(
            read_table(file),
            material_column="smiles",
            properties=[PROPERTIES[name] for name in self.asked],
            identity=self.featurizer.identity,
            source=file.name,
        )
