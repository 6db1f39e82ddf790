"""Organic liquids of C, H, N, O: density and cohesive energy by molecular dynamics, and measurements."""

from typing import Any, Literal

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

ROOM_TEMPERATURE = 298.0
"""A substance that melts above this [K] is not a liquid in these tables."""

_SIMULATED = {
    "density": Property("density", "g/cm3", column="density_g_cm3", lower=0),
    "cohesive_energy": Property("cohesive_energy", "kJ/mol", column="cohesive_energy_kJ_mol", upper=0),
}
_MEASURED = {
    "density": ("measured_liquid_density", Property("density", "g/cm3", column="density_g_cm3", lower=0)),
    "boiling_point": ("measured_boiling_point", Property("boiling_point", "K", column="tb_K", lower=0)),
}


class SimulatedLiquids(PropertyDataModule):
    """6,284 liquids at 298 K by molecular dynamics (TEAM force field), from a straight line in temperature.

    If 298 K is outside the simulated temperatures the values are extrapolated, which is less accurate over a longer
    distance; `max_extrapolation` limits it. Gong et al., J. Chem. Inf. Model. 58, 2502 (2018).

    Args:
        properties: One or both of density [g/cm3] and cohesive_energy [kJ/mol, negative].
        max_extrapolation: Liquids simulated only at temperatures further than this from 298.15 K are excluded [K];
            null excludes none.
        path: Your own copy of `md_298K.csv`; else it is looked for below GNN_SIM2REAL_DATA.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "molecule"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("md_liquids", "molecule", 6284, {name: each.unit for name, each in _SIMULATED.items()}),)

    def __init__(
        self,
        properties: list[str],
        max_extrapolation: float | None = None,
        path: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.wanted = choose_properties("SimulatedLiquids", properties, _SIMULATED)
        self.max_extrapolation, self.path = max_extrapolation, path

    def load_table(self) -> CleanTable:
        """Read the simulated liquids."""
        file = find_file("md_liquids", self.path)
        frame = read_table(file)
        refused = {}
        if self.max_extrapolation is not None:
            beyond = (frame["t_min_K"] - 298.15).clip(lower=0) + (298.15 - frame["t_max_K"]).clip(lower=0)
            reason = f"extrapolated by more than {self.max_extrapolation:g} K"
            far = beyond.to_numpy() > self.max_extrapolation
            refused = {row: f"{reason}: {beyond.iloc[row]:g} K" for row in far.nonzero()[0].tolist()}
        return clean_table(
            frame,
            material_column="smiles",
            properties=self.wanted,
            identity=self.featurizer.identity,
            source=file.name,
            refused_before=refused,
        )


class MeasuredLiquids(PropertyDataModule):
    """Measured density (1,124 substances, solid ones excluded) or boiling point (1,114) of the CRC Handbook.

    Args:
        property: density [g/cm3] or boiling_point [K].
        path: Your own copy of the table; else it is looked for below GNN_SIM2REAL_DATA.
        at: Which rows are used, by the column of a condition: those at one value (`{T: 298}`, in the unit of the
            column), between two (`{T: [293, 303]}`), or `all`, merged by median.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "molecule"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return tuple(
            sheet(name, "molecule", rows, {each.name: each.unit}, {"property": each.name})
            for (name, each), rows in zip(_MEASURED.values(), (1124, 1114), strict=True)
        )

    def __init__(
        self,
        property: Literal["density", "boiling_point"],  # noqa: A002 (the word users know)
        path: str | None = None,
        at: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.registered, self.property = _MEASURED[property]
        self.path, self.at = path, at

    @property
    def sheet(self) -> DataSheet | None:
        """The sheet of the property."""
        return next((each for each in self.sheets() if each.name == self.registered), None)

    def load_table(self) -> CleanTable:
        """Read the measurements."""
        file = find_file(self.registered, self.path)
        frame = read_table(file)
        refused = {}
        if "tm_K" in frame:
            melting = frame["tm_K"].tolist()
            refused = {
                row: f"solid at {ROOM_TEMPERATURE:g} K: melts at {each:g} K"
                for row, each in enumerate(melting)
                if each > ROOM_TEMPERATURE
            }
        return clean_table(
            frame,
            material_column="smiles",
            properties=[self.property],
            identity=self.featurizer.identity,
            source=file.name,
            refused_before=refused,
            at=self.at,
        )
