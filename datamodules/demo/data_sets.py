"""The embedded demos: a cheap, biased calculation as source, literature values as target; offline and in minutes."""

from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from datamodules.demo.born_haber import demo_halides
from datamodules.demo.crystals import demo_crystals
from datamodules.demo.measured import demo_target
from datamodules.demo.polymers import demo_source
from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.featurize.crystal_table import CrystalTable
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property

if TYPE_CHECKING:
    import pandas as pd

REFRACTIVE_INDEX = Property("refractive_index", "", lower=1)
_DEMO = ("MIT", "this package", "in the package")
LATTICE_ENERGY = Property("lattice_energy", "eV/atom", upper=0)


class DemoSimulated(PropertyDataModule):
    """Refractive index of generated repeat units by an additive calculation; see `datamodules.demo.polymers`."""

    kind = "repeat_unit"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (DataSheet("demo_simulated", "repeat_unit", 4202, {"refractive_index": ""}, *_DEMO),)

    def load_table(self) -> CleanTable:
        """Generate the repeat units and compute them."""
        return clean_table(
            demo_source(),
            material_column="smiles",
            properties=[REFRACTIVE_INDEX],
            identity=self.featurizer.identity,
            source="the generated repeat units",
        )


class DemoMeasured(PropertyDataModule):
    """Measured refractive index of common polymers with a reference each; see `datamodules.demo.measured`."""

    kind = "repeat_unit"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (DataSheet("demo_measured", "repeat_unit", 21, {"refractive_index": ""}, *_DEMO),)

    def load_table(self) -> CleanTable:
        """Take the typed table."""
        return clean_table(
            demo_target(),
            material_column="smiles",
            properties=[REFRACTIVE_INDEX],
            identity=self.featurizer.identity,
            source="the table of measured refractive indices",
        )


class DemoCrystals(CrystalDataModule):
    """Crystals with a lattice energy that are not read from files."""

    @abstractmethod
    def load_frame(self) -> "pd.DataFrame":
        """Make the crystals: one per row, with its `name`, `formula`, `crystal` and `lattice_energy` [eV/atom]."""

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """All crystals."""
        return self.load_frame()

    def load_structures(self) -> Structures:
        """Take the crystals as they are made."""
        crystals = self.frame["crystal"].tolist()
        num_sites = np.array([crystal.num_sites for crystal in crystals], np.int64)
        return Structures(
            crystals=CrystalTable.from_crystals(crystals),
            names=self.frame["name"].tolist(),
            formulas=self.frame["formula"].tolist(),
            num_sites=num_sites,
            volumes=np.array([crystal.volume for crystal in crystals]) / num_sites,
        )

    def load_table(self) -> CleanTable:
        """Take the lattice energies, and the simulated ones where they stand beside them."""
        table = clean_table(
            self.frame,
            material_column="name",
            properties=[LATTICE_ENERGY],
            identity=str,
            source=f"the table of {type(self).__name__}",
            refused_before=self.data_set.refuse(self.frame["name"].tolist()),
        )
        if "simulated" in self.frame:
            simulated = self.frame.set_index("name")["simulated"].loc[table.identities]
            table = replace(table, simulated=np.array(simulated, np.float64)[:, None])
        return self.data_set.with_structures(table)


class DemoSimulatedCrystals(DemoCrystals):
    """Lattice energy of decorated prototypes after Born and Lande; see `datamodules.demo.crystals`."""

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (DataSheet("demo_simulated_crystals", "crystal", 3282, {"lattice_energy": "eV/atom"}, *_DEMO),)

    def load_frame(self) -> "pd.DataFrame":
        """Decorate the prototypes and compute them."""
        import pandas as pd

        return pd.DataFrame(demo_crystals())


class DemoMeasuredCrystals(DemoCrystals):
    """Lattice energy of halides from measured heats, with the simulated one; see `datamodules.demo.born_haber`."""

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (DataSheet("demo_measured_crystals", "crystal", 62, {"lattice_energy": "eV/atom"}, *_DEMO),)

    def load_frame(self) -> "pd.DataFrame":
        """Close the Born-Haber cycles."""
        return demo_halides()
