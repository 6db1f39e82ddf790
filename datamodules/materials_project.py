"""The Materials Project: crystals relaxed by density functional theory, with PBE gaps and formation energies."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, CrystalFile
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas

PROPERTIES = {
    "band_gap": Property("band_gap", "eV", column="band_gap_pbe", lower=-1e-6),
    "formation_energy": Property("formation_energy", "eV/atom", column="e_form"),
}
"""What can be asked for."""

MAX_FORMATION_ENERGY = 1.0
"""Entries above this [eV/atom] are faulty theoretical ones; no label of theirs is used."""

MAX_VOLUME = 130.0
"""Cells with more volume than this [angstrom^3/atom] are padded with vacuum; cesium, the loosest element, has 125."""


class MaterialsProjectTables(CrystalDataModule):
    """Tables of the Materials Project: 108,865 structures, PBE band gaps of 102,132 and formation energies of 81,548.

    Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323; data CC BY 4.0. The labels are those of Goodall and
    Lee, Nat. Commun. 11, 6280 (2020), arXiv 1910.00617. Band gaps are Kohn-Sham gaps of PBE(+U), too small by 1 eV or
    so; formation energies carry the project's corrections, which were fitted to some measured enthalpies. Every
    polymorph is a row; a tested formula removes all of its polymorphs.

    ```yaml
    data:
      class_path: MaterialsProjectTables
      init_args: {properties: [band_gap, formation_energy], max_sites: 32, batch_size: 128}
    ```

    Args:
        properties: One or both of `band_gap` [eV] and `formation_energy` [eV/atom]; of both, what is missing is masked.
        structures_path: Your own copy of `mp_structures.parquet`; else it is looked for below GNN_SIM2REAL_DATA.
        labels_path: The same for `mp_labels.parquet`.
        settings: See `gnn_sim2real.data.crystals.CrystalSettings`.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("mp_labels", "crystal", 108_865, {name: each.unit for name, each in PROPERTIES.items()}),)

    def __init__(
        self,
        properties: list[str],
        structures_path: str | None = None,
        labels_path: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("MaterialsProjectTables", properties, PROPERTIES)
        self.structures_path, self.labels_path = structures_path, labels_path

    def load_structures(self) -> Structures:
        """Find the structures; only names, formulas and sizes are read."""
        return materials_project_structures(self.structures_path)

    def load_table(self) -> CleanTable:
        """Read the labels; vacuum-padded cells and labels without a structure are excluded."""
        frame = materials_project_labels(self.labels_path)
        names = frame["material_id"].tolist()
        reasons = self.data_set.refuse(names)
        energy = frame["e_form"].to_numpy(np.float64)
        for position in np.flatnonzero(energy > MAX_FORMATION_ENERGY).tolist():
            reasons.setdefault(position, f"faulty entry: formation energy {energy[position]:.2f} eV/atom")
        padded = padded_cells(self.data_set.structures)
        for position in [position for position, name in enumerate(names) if name in padded]:
            if reasons.get(position, "unreadable").startswith("unreadable"):  # in vacuum an atom has no neighbors
                reasons[position] = padded[names[position]]
        table = clean_table(
            frame,
            material_column="material_id",
            properties=self.wanted,
            identity=str,
            source=find_file("mp_labels", self.labels_path).name,
            refused_before=reasons,
        )
        return self.data_set.with_structures(table)

    def load_energies(self) -> NDArray[np.float64]:
        """The formation energy of each row, below which are those that the Materials Project calls the lowest."""
        labels = materials_project_labels(self.labels_path).set_index("material_id").loc[self.table.identities]
        energies = labels["e_form"].to_numpy(np.float64)
        lowest = labels["is_lowest_polymorph"].to_numpy(bool)
        return np.where(lowest, np.nanmin(energies, initial=0.0) - 1.0, energies)

    def load_lowest(self, prop: Property) -> dict[str, float] | None:
        """Value of the lowest polymorph of each formula, also where its structure is not among those of today."""
        known = next((each for each in self.wanted if each.name == prop.name), None)
        if known is None:
            return None
        labels = materials_project_labels(self.labels_path)
        first = lowest_polymorphs(labels[labels[known.column].notna()])
        values = convert(first[known.column].to_numpy(np.float64), known.unit, prop.unit)
        return dict(zip(first["reduced_formula"], values.tolist(), strict=True))


def lowest_polymorphs(labels: "pandas.DataFrame") -> "pandas.DataFrame":
    """The row of the lowest polymorph of each formula; faulty entries are left out.

    Args:
        labels: Rows of `mp_labels.parquet`.
    """
    sound = labels[~(labels["e_form"] > MAX_FORMATION_ENERGY)]
    ordered = sound.sort_values(["is_lowest_polymorph", "e_form"], ascending=[False, True], kind="stable")
    return ordered.drop_duplicates("reduced_formula")


def materials_project_structures(path: str | None = None) -> Structures:
    """Names, formulas and sizes of the structures of the Materials Project; the structures themselves stay unread.

    Args:
        path: Your own copy of `mp_structures.parquet`.
    """
    file = find_file("mp_structures", path)
    return _read_structures(file, _state(file))


def materials_project_labels(path: str | None = None) -> "pandas.DataFrame":
    """Labels of the Materials Project, one row per crystal; shared, so they must not be changed.

    Args:
        path: Your own copy of `mp_labels.parquet`.
    """
    file = find_file("mp_labels", path)
    return _read_labels(file, _state(file))


def _state(file: Path) -> tuple[int, int]:
    return file.stat().st_size, file.stat().st_mtime_ns


# A source, its target and what else is excluded from it are modules of their own, all on the same two files: each is
# read once, unless it changed meanwhile.
@lru_cache(maxsize=1)
def _read_structures(file: Path, state: tuple[int, int]) -> Structures:
    frame = read_table(file, ["material_id", "reduced_formula", "nsites", "volume"])
    num_sites = frame["nsites"].to_numpy(np.int64)
    return Structures(
        crystals=CrystalFile(file),
        names=frame["material_id"].tolist(),
        formulas=frame["reduced_formula"].tolist(),
        num_sites=num_sites,
        volumes=frame["volume"].to_numpy(np.float64) / num_sites,
    )


@lru_cache(maxsize=1)
def _read_labels(file: Path, state: tuple[int, int]) -> "pandas.DataFrame":
    return read_table(file, without=CELL_COLUMNS)


def padded_cells(structures: Structures) -> dict[str, str]:
    """Reason by name of the cells that are padded with vacuum."""
    rows = np.flatnonzero(structures.volumes > MAX_VOLUME).tolist()
    return {
        structures.names[row]: f"cell padded with vacuum: {structures.volumes[row]:.0f} angstrom^3/atom" for row in rows
    }
