"""Volumes and densities of formulas in the Materials Project, from its relaxed structures."""

from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.materials_project import MAX_VOLUME, MaterialsProjectTables, materials_project_labels
from datamodules.registry import find_file
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

if TYPE_CHECKING:
    import pandas

PROPERTIES = {
    "volume_per_atom": Property("volume_per_atom", "angstrom^3", lower=0, upper=MAX_VOLUME),
    "density": Property("density", "g/cm3", lower=0),
}
"""What can be asked for."""

_DALTON_PER_CUBIC_ANGSTROM = 1.66053906660
"""[g/cm3]."""


class MaterialsProjectVolumes(PropertyDataModule):
    """Volume per atom and density of formulas, from 108,865 relaxed structures of the Materials Project.

    Of a formula with several polymorphs, the one that the labels call the lowest counts; where none is, their median.
    Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323; data CC BY 4.0. PBE makes cells too large by some
    percent.

    Args:
        properties: One or both of volume_per_atom [angstrom^3] and density [g/cm3].
        structures_path: Your own copy of `mp_structures.parquet`; else it is looked for below GNN_SIM2REAL_DATA.
        labels_path: The same for `mp_labels.parquet`.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "composition"

    def __init__(
        self,
        properties: list[str],
        structures_path: str | None = None,
        labels_path: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("MaterialsProjectVolumes", properties, PROPERTIES)
        self.structures_path, self.labels_path = structures_path, labels_path

    @property
    def sheet(self) -> DataSheet:
        """That of the structures, whose license and citation are those of the volumes."""
        (labels,) = MaterialsProjectTables.sheets()
        return DataSheet(
            "mp_structures",
            self.kind,
            108_865,
            {name: each.unit for name, each in PROPERTIES.items()},
            labels.license,
            labels.citation,
            labels.origin,
        )

    def load_table(self) -> CleanTable:
        """Read the cells; those padded with vacuum are excluded."""
        file = find_file("mp_structures", self.structures_path)
        frame = read_table(file, without=CELL_COLUMNS)
        labels = materials_project_labels(self.labels_path)
        lowest = set(labels.loc[labels["is_lowest_polymorph"].astype(bool), "material_id"])
        frame = frame.assign(is_lowest=frame["material_id"].isin(lowest))
        known = frame.loc[frame["is_lowest"], "reduced_formula"]
        frame = frame[frame["is_lowest"] | ~frame["reduced_formula"].isin(set(known))].reset_index(drop=True)
        return clean_table(
            self._with_values(frame),
            material_column="reduced_formula",
            properties=self.wanted,
            identity=self.featurizer.identity,
            source=file.name,
        )

    def _with_values(self, frame: "pandas.DataFrame") -> "pandas.DataFrame":
        from pymatgen.core.composition import Composition

        volumes = frame["volume"].to_numpy(np.float64) / frame["nsites"].to_numpy(np.float64)
        weights = {}
        for formula in frame["reduced_formula"].unique().tolist():
            composition = Composition(formula)
            weights[formula] = float(composition.weight) / composition.num_atoms
        masses = frame["reduced_formula"].map(weights).to_numpy(np.float64)
        return frame.assign(volume_per_atom=volumes, density=masses / volumes * _DALTON_PER_CUBIC_ANGSTROM)
