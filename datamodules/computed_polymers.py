"""Computed properties of polymers that come from tables with a recipe: electrolytes, and alternating copolymers."""

from dataclasses import replace
from typing import Any

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import CleanTable, Property, read_table

_CONDUCTIVITY = Property("ionic_conductivity", "S/cm", column="conductivity_S_cm", lower=0)

COPOLYMER_PROPERTIES = {
    "electron_affinity": Property("electron_affinity", "eV", column="ea_vs_she_eV"),
    "ionization_potential": Property("ionization_potential", "eV", column="ip_vs_she_eV"),
}
"""What can be asked of copolymers, against the standard hydrogen electrode."""


class PolymerElectrolytes(PropertyDataModule):
    """Lithium conductivity of 6,024 polymers with LiTFSI at 353 K by molecular dynamics (HTP-MD), CC0.

    Xie et al., Nat. Commun. 13, 3415 (2022), doi 10.1038/s41467-022-30994-1; Khajeh et al., arXiv 2312.04013. The
    values span two decades: choose the form `exponential`.

    Args:
        path: Your own copy of `htpmd_conductivity.csv`; else it is looked for where `gnn-sim2real data make
            htpmd_conductivity` puts it.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("htpmd_conductivity", "repeat_unit", 6024, {_CONDUCTIVITY.name: _CONDUCTIVITY.unit}, {}),)

    def __init__(self, path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.path = path

    def load_table(self) -> CleanTable:
        """Read the table."""
        file = find_file("htpmd_conductivity", self.path)
        return clean_table(
            read_table(file),
            material_column="smiles",
            properties=[_CONDUCTIVITY],
            identity=self.featurizer.identity,
            source=file.name,
        )


class AlternatingCopolymers(PropertyDataModule):
    """Electron affinity and ionization potential of 6,138 alternating copolymers by xTB calibrated to DFT, MIT.

    Aldeghi and Coley, Chem. Sci. 13, 10486 (2022), doi 10.1039/D2SC02839E. An alternating copolymer is read as a
    homopolymer of a unit A-B; `Copolymers` reads the block and random ones of the table as well.

    Args:
        properties: One or both of electron_affinity and ionization_potential [eV], against the standard hydrogen
            electrode.
        path: Your own copy of `copolymer_ea_ip.parquet`; else it is looked for where `gnn-sim2real data make
            copolymer_ea_ip` puts it.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (
            sheet(
                "copolymer_ea_ip", "repeat_unit", 6138, {name: each.unit for name, each in COPOLYMER_PROPERTIES.items()}
            ),
        )

    def __init__(self, properties: list[str], path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("AlternatingCopolymers", properties, COPOLYMER_PROPERTIES)
        self.path = path

    def load_table(self) -> CleanTable:
        """Read the rows of alternating copolymers; two orientations of A and B become their median."""
        column = "repeat_unit_if_alternating"
        file = find_file("copolymer_ea_ip", self.path)
        frame = read_table(file)
        return clean_table(
            frame[frame["architecture"] == "alternating"].reset_index(drop=True),
            material_column=column,
            properties=self.wanted,
            identity=self.featurizer.identity,
            source=file.name,
        )


class Copolymers(MixtureDataModule):
    """Electron affinity and ionization potential of 42,966 copolymers by xTB calibrated to DFT, MIT.

    Aldeghi and Coley, Chem. Sci. 13, 10486 (2022), doi 10.1039/D2SC02839E. Nine units A with 682 units B, each pair
    alternating, random and as blocks at 1:1, and random and as blocks at 1:3 and 3:1. Use it with the encoder
    `gnn_sim2real.nn.Blend` and `linkage: true`. The rows of one pair of units are never on two sides of a split.

    ```yaml
    data:
      class_path: Copolymers
      init_args: {properties: [electron_affinity]}
    ```

    Args:
        properties: One or both of electron_affinity and ionization_potential [eV], against the standard hydrogen
            electrode.
        path: Your own copy of `copolymer_ea_ip.parquet`; else it is looked for where `gnn-sim2real data make
            copolymer_ea_ip` puts it.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`.
    """

    input_columns = MixtureColumns(["a_smiles", "b_smiles"], ["fraction_a", "fraction_b"], linkage="architecture")

    def __init__(self, properties: list[str], path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("Copolymers", properties, COPOLYMER_PROPERTIES)
        self.path = path

    @property
    def sheet(self) -> DataSheet:
        """That of the table, of which the alternating copolymers are a part."""
        (alternating,) = AlternatingCopolymers.sheets()
        return replace(alternating, kind="copolymer", num_rows=42_966)

    def load_table(self) -> CleanTable:
        """Read all copolymers."""
        file = find_file("copolymer_ea_ip", self.path)
        return self.clean_mixtures(read_table(file), self.input_columns, self.wanted, file.name)
