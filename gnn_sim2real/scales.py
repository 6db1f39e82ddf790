"""The scale on which values are learned and compared: the values themselves, or their decimal logarithm."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Transform = Literal["log10"]
"""How values become those that are learned; conductivities and the like span decades."""

DECADES = "decades"
"""Unit of a difference of decimal logarithms."""


def to_scale(values: NDArray[np.float64], transform: Transform | None) -> NDArray[np.float64]:
    """Convert physical units to the scale of the errors; what is too low for a logarithm counts as tiny.

    Args:
        values: In physical units, NaN where missing.
        transform: None for the values themselves.
    """
    return np.log10(np.maximum(values, np.finfo(np.float32).tiny)) if transform == "log10" else values


def from_scale(values: NDArray[np.float64], transform: Transform | None) -> NDArray[np.float64]:
    """Convert the scale of the errors to physical units.

    Args:
        values: See `to_scale`.
        transform: None for the values themselves.
    """
    return 10**values if transform == "log10" else values


def error_unit(unit: str, transform: Transform | None) -> str:
    """Unit of an error on the scale.

    Args:
        unit: Unit of the values.
        transform: None for the values themselves.
    """
    return DECADES if transform == "log10" else unit
