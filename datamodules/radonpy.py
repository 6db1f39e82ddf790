"""RadonPy: polymers by all-atom molecular dynamics; PI1070, the tables of PolyOmics, and your own calculations."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.registry import find_file, find_table, sheet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.files import expand
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_folder, read_table

if TYPE_CHECKING:
    import pandas

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

FAILED_FITS = (100.0, 900.0)
"""Glass transitions of PolyOmics outside these temperatures [K] come from fits that failed."""

_ALSO = {"glass_transition": Property("glass_transition", "K", column="Tg", lower=FAILED_FITS[0], upper=FAILED_FITS[1])}
"""What PolyOmics has beside the columns of PI1070."""

_SPELLINGS = ("smiles", "smiles_list")


class RadonPy(PropertyDataModule):
    """Amorphous polymers at 300 K and 1 atm, GAFF2 force field.

    Without `path`, the 1,077 homopolymers of `PI1070.csv`, BSD-3-Clause: Hayashi, Shiomi, Morikawa, Yoshida, npj
    Comput. Mater. 8, 222 (2022), doi 10.1038/s41524-022-00906-4. PolyOmics, CC BY 4.0: Yoshida et al., arXiv
    2511.11626, data doi 10.57967/hf/7475; conductivities whose check failed (`check_tc`) are excluded. Of your own
    calculations, the `results.csv` in every folder below `path`; several runs of one polymer become their median.

    Args:
        properties: One or several of density, Cp, Cv, thermal_conductivity, thermal_diffusivity, refractive_index,
            bulk_modulus, compressibility, isentropic_bulk_modulus, isentropic_compressibility, volume_expansion,
            linear_expansion, self_diffusion, radius_of_gyration; of PolyOmics also glass_transition.
        path: Your own copy of `PI1070.csv`, a table of PolyOmics (such as
            `general_polymers_with_sp_abbe_dynamic-dielectric.csv`), or a folder of calculations; else PI1070 is looked
            for below GNN_SIM2REAL_DATA, or downloaded.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "repeat_unit"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("radonpy_pi1070", "repeat_unit", 1077, {name: each.unit for name, each in PROPERTIES.items()}),)

    def __init__(self, properties: list[str], path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        known = PROPERTIES if path is None else PROPERTIES | _ALSO
        self.wanted, self.path = choose_properties("RadonPy", properties, known), path

    def load_table(self) -> CleanTable:
        """Read the table; the value of a polymer of PI1070 is the mean over its molecular dynamics runs."""
        frame, source = self._read()
        spelled = [name for name in _SPELLINGS if name in frame]
        refused = {}
        if "check_tc" in frame and any(each.name == "thermal_conductivity" for each in self.wanted):
            failed = frame["check_tc"].astype(str).str.lower().isin(("false", "0", "0.0")).to_numpy()
            frame = frame.assign(thermal_conductivity=frame["thermal_conductivity"].where(~failed))
            if len(self.wanted) == 1:
                refused = dict.fromkeys(np.flatnonzero(failed).tolist(), "the check of the conductivity failed")
        return clean_table(
            frame,
            material_column=spelled[0] if spelled else _SPELLINGS[0],
            properties=self.wanted,
            identity=self.featurizer.identity,
            source=source,
            refused_before=refused,
        )

    def _read(self) -> tuple["pandas.DataFrame", str]:
        folder = None if self.path is None else expand(self.path)
        if folder is not None and folder.is_dir():
            return read_folder(folder, "results.csv"), folder.name
        registered = self.path is None or Path(self.path).name == "PI1070.csv"
        file = find_file("radonpy_pi1070", self.path) if registered else find_table(str(self.path))
        return read_table(file), file.name
