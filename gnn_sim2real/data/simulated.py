"""Where the simulated value of each material comes from, for models and baselines that correct it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SimulatedSettings:
    """The simulated value of each material, beside its measured one.

    Args:
        simulated_column: Column of the table with the simulated value of the same property; one measured there, without
            a simulated value, is answered by models that need none. In prediction, the column of the same name of the
            asked table.
        simulated_unit: Its unit in the file, if it is not that in its heading or that of the measured values.
        require_simulated: Whether materials without a simulated value are excluded, so that models that correct it, the
            value itself and all others are compared on the same materials.
    """

    simulated_column: str | None = None
    simulated_unit: str | None = None
    require_simulated: bool = False


class Found(NamedTuple):
    """Simulated values of materials in another data set.

    Attributes:
        values: (num_materials,), NaN where there is none.
        by: How a material was found there.
    """

    values: NDArray[np.float64]
    by: str


HOW_TO_GIVE = (
    "give it as `data.init_args.simulated_column` (a column of the table), or as `data.init_args.simulated_from` (a "
    "data set with the simulated property)"
)
"""What a user does where simulated values are needed and not known."""
