"""The embedded demo: a cheap, biased calculation as source, literature values as target; offline and in minutes."""

from datamodules.demo_measured import demo_target
from datamodules.demo_polymers import demo_source
from gnn_sim2real.cleaning import CleanTable, Property, clean_table
from gnn_sim2real.datamodule import PropertyDataModule

REFRACTIVE_INDEX = Property("refractive_index", "", lower=1)


class DemoSimulated(PropertyDataModule):
    """Refractive index of generated repeat units by an additive calculation; see `datamodules.demo_polymers`."""

    kind = "repeat_unit"

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
    """Measured refractive index of common polymers with a reference each; see `datamodules.demo_measured`."""

    kind = "repeat_unit"

    def load_table(self) -> CleanTable:
        """Take the typed table."""
        return clean_table(
            demo_target(),
            material_column="smiles",
            properties=[REFRACTIVE_INDEX],
            identity=self.featurizer.identity,
            source="the table of measured refractive indices",
        )
