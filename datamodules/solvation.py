"""Solvation free energies of (solute, solvent) pairs at 298 K: by COSMO-RS, and measured."""

from typing import Any

from datamodules.measured_pairs import MeasuredPairs
from datamodules.registry import find_file, sheet
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import CleanTable, Property, read_table

_ENERGY = Property("solvation_free_energy", "kcal/mol", column="dg_solv_kcal_mol")
_COLUMNS = MixtureColumns(["solute", "solvent"])


class _SolvationPairs(MixtureDataModule):
    """What both data sets share: the roles, and the columns that spell a pair."""

    roles = ("solute", "solvent")
    input_columns = _COLUMNS


class CosmoSolvation(_SolvationPairs):
    """270,933 pairs of 10,929 solutes and 284 solvents by COSMO-RS, a part of CombiSolv-QM.

    Vermeire and Green, Chem. Eng. J. 418, 129307 (2021), doi 10.1016/j.cej.2021.129307.

    Args:
        path: Your own copy of `cosmo_rs.csv`; else it is looked for below GNN_SIM2REAL_DATA.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`; `group_by` is mixture, solute or solvent.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("cosmo_solvation", "solvent and solute", 270_933, {"solvation_free_energy": "kcal/mol"}, {}),)

    def __init__(self, path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.path = path

    def load_table(self) -> CleanTable:
        """Read the computed pairs."""
        file = find_file("cosmo_solvation", self.path)
        return self.clean_mixtures(read_table(file), _COLUMNS, [_ENERGY], file.name)


class MeasuredSolvation(_SolvationPairs, MeasuredPairs):
    """8,691 measured pairs, CombiSolv-Exp, with the value of COSMO-RS beside those that have one.

    Vermeire and Green, Chem. Eng. J. 418, 129307 (2021), doi 10.1016/j.cej.2021.129307.

    Args:
        path: Your own copy of `measured.csv`; else it is looked for below GNN_SIM2REAL_DATA.
        simulated_path: The same for `cosmo_rs.csv`.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`; `group_by` is mixture, solute or solvent. Only with
            `require_simulated` the simulated value of each pair is looked up.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("measured_solvation", "solvent and solute", 8691, {"solvation_free_energy": "kcal/mol"}, {}),)

    def load_table(self) -> CleanTable:
        """Read the measured pairs, and look up their simulated values."""
        file = find_file("measured_solvation", self.path)
        simulated = CosmoSolvation(self.simulated_path).table if self.settings.require_simulated else None
        return self.clean_mixtures(
            read_table(file),
            _COLUMNS,
            [_ENERGY],
            file.name,
            simulated=simulated,
            require_simulated=self.settings.require_simulated,
        )
