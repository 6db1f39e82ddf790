"""The standard deviation of each measured value, as a column of its table says it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.table import Property
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas


def merge_uncertainties(
    frame: "pandas.DataFrame",
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    properties: Sequence[Property],
    num_groups: int,
) -> NDArray[np.float64] | None:
    """Standard deviation of each material's values, on the scale on which they are learned.

    Of several rows it is their root mean square, divided by the square root of their number: they are independent
    measurements. A cell that is empty, not a number or not above 0 says nothing.

    Args:
        frame: The table.
        codes: (num_rows,); number of the material of each row, -1 for none.
        values: (num_rows, num_properties), in the units wanted; NaN where missing or refused.
        properties: The properties, with the unit of their file.
        num_groups: Number of materials.

    Returns:
        (num_materials, num_properties), the materials with a value, NaN where nothing is said; None without a column.

    Raises:
        ValueError: If no cell of a column says anything, or each row has a unit of its own.
    """
    import pandas

    if not any(prop.uncertainty_column for prop in properties):
        return None
    found = np.full((num_groups, len(properties)), np.nan)
    for number, prop in enumerate(properties):
        if prop.uncertainty_column is None:
            continue
        if prop.unit_column is not None:
            raise ValueError("`uncertainty_column` needs one unit for all rows; leave it or `unit_column` out")
        cells = pandas.to_numeric(frame[prop.uncertainty_column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        zero, one = convert(np.array([0.0, 1.0]), prop.unit if prop.file_unit is None else prop.file_unit, prop.unit)
        deviation = np.where(cells > 0, cells, np.nan) * (one - zero)  # a difference: 1 degC is 1 K
        if prop.transform is not None:
            deviation = deviation / (values[:, number] * np.log(10))
        used = np.isfinite(deviation) & np.isfinite(values[:, number]) & (codes >= 0)
        if not used.any():
            raise ValueError(
                f"no cell of the column {prop.uncertainty_column!r} is a number above 0: is it the standard deviation "
                f"of {prop.name!r}?"
            )
        count = np.bincount(codes[used], minlength=num_groups)
        squares = np.bincount(codes[used], weights=np.square(deviation[used]), minlength=num_groups)
        there = count > 0
        found[there, number] = np.sqrt(squares[there]) / count[there]
    kept = np.flatnonzero(np.bincount(codes[np.isfinite(values).any(axis=1)], minlength=num_groups))
    return found[kept]
