"""Flory-Huggins parameters chi of (polymer, solvent) pairs at a temperature: by COSMO-RS, and measured."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from datamodules.measured_pairs import MeasuredPairs
from datamodules.registry import find_file, sheet
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import CleanTable, Property, read_table

if TYPE_CHECKING:
    import pandas

_CHI = Property("chi", "")
_IN_FILE = MixtureColumns(["polymer", "solvent"], conditions={"temperature": ("temp", "degC")})
_INPUTS = MixtureColumns(["polymer", "solvent"], conditions={"temperature": ("temperature_K", "K")})


class _ChiPairs(MixtureDataModule):
    """What both data sets of chi share: their roles, and how the files spell a pair."""

    roles = ("polymer", "solvent")
    input_columns = _INPUTS
    condition_units = MappingProxyType({"temperature": "K"})

    def _with_pairs(self, frame: "pandas.DataFrame", measured: "pandas.DataFrame") -> "pandas.DataFrame":
        """Add polymer and solvent of each row: the measured table tells the repeat unit of every pair.

        A `ps_pair` names the polymer by a ring of ten units; `ps_pair_nonCyclic` has the unit with its `*`.
        """
        spelling = dict(zip(measured["ps_pair"], measured["ps_pair_nonCyclic"], strict=True))
        pairs = [str(spelling.get(pair, "_")).partition("_") for pair in frame["ps_pair"]]
        return frame.assign(polymer=[pair[0] for pair in pairs], solvent=[pair[2] for pair in pairs])


class CosmoChi(_ChiPairs):
    """1,206 computed chi of 46 polymers in 140 solvents at 0 to 229 degC by COSMO-RS; `data_COSMO.csv`, MIT.

    Stereo marks are ignored, so that cis and trans forms of a polymer are one: 45 polymers remain.

    Aoki et al., Macromolecules 56, 5446 (2023), doi 10.1021/acs.macromol.2c02600.

    Args:
        path: Your own copy of `data_COSMO.csv`; else it is looked for below GNN_SIM2REAL_DATA, else downloaded.
        measured_path: The same for `data_Chi.csv`, which tells the repeat unit of each pair.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`; `group_by` is mixture (the pair at all
            temperatures), polymer or solvent.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("chi_cosmo", "polymer and solvent", 1206, {"chi": ""}, {}),)

    def __init__(self, path: str | None = None, measured_path: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.path, self.measured_path = path, measured_path

    def load_table(self) -> CleanTable:
        """Read the computed pairs."""
        file = find_file("chi_cosmo", self.path)
        frame = self._with_pairs(read_table(file), read_table(find_file("chi_measured", self.measured_path)))
        return self.clean_mixtures(frame, _IN_FILE, [_CHI], file.name)


class MeasuredChi(_ChiPairs, MeasuredPairs):
    """1,190 measured chi, with the value of COSMO-RS at the same temperature beside them; `data_Chi.csv`, MIT.

    Orwoll and Arnold, Physical Properties of Polymers Handbook, 2nd ed. (2007), as collected by Aoki et al.,
    Macromolecules 56, 5446 (2023), doi 10.1021/acs.macromol.2c02600.

    Args:
        path: Your own copy of `data_Chi.csv`; else it is looked for below GNN_SIM2REAL_DATA, else downloaded.
        simulated_path: The same for `data_COSMO.csv`.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`; `group_by` is mixture (the pair at all
            temperatures), polymer or solvent.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (sheet("chi_measured", "polymer and solvent", 1190, {"chi": ""}, {}),)

    def load_table(self) -> CleanTable:
        """Read the measured pairs, and look up their simulated values."""
        file = find_file("chi_measured", self.path)
        frame = read_table(file)
        return self.clean_mixtures(
            self._with_pairs(frame, frame),
            _IN_FILE,
            [_CHI],
            file.name,
            simulated=CosmoChi(self.simulated_path, self.path).table,
            require_simulated=self.settings.require_simulated,
        )
