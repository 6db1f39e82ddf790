"""What measured pairs that were simulated as well have in common."""

from typing import Any

from gnn_sim2real.data.mixtures import MixtureDataModule


class MeasuredPairs(MixtureDataModule):
    """Measured pairs, with the table of the simulated ones.

    Args:
        path: Your own copy of the measured table; else it is looked for below GNN_SIM2REAL_DATA.
        simulated_path: The same for the simulated one.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`.
    """

    def __init__(
        self,
        path: str | None = None,
        simulated_path: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.path, self.simulated_path = path, simulated_path
