"""The standard deviation of each measured value, as a column of its table says it."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.columns import read_heading
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tables.texts import to_numbers
from gnn_sim2real.units import convert, same_quantity

if TYPE_CHECKING:
    import pandas


logger = logging.getLogger(__name__)

_LARGEST = 1e100
"""Beyond it, or below its inverse, squares have no digits."""


def _unit_of(prop: Property) -> str:
    """Unit of the errors: that in the heading of their column, or else that of the values in the file."""
    unit = read_heading(str(prop.uncertainty_column)).unit
    if unit is None:
        return prop.unit if prop.file_unit is None else prop.file_unit
    if not same_quantity(unit, prop.unit):
        raise ValueError(
            f"the heading {prop.uncertainty_column!r} says {unit!r}, which is no unit of a standard deviation of "
            f"{prop.name!r} in {prop.unit or 'no unit'}: give errors in a unit of the values, not in percent or decades"
        )
    return unit


def _tell_unusable(cells: "pandas.Series[Any]", usable: NDArray[np.bool_]) -> None:
    """Count the cells that are not empty and are no error."""
    texts = cells.astype(str).str.strip()
    wrong = ~usable & cells.notna().to_numpy() & ~texts.str.lower().isin(("", "nan", "-")).to_numpy()
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        logger.warning(
            "%d of %d cells of the column %r are no numbers above 0, such as %r, and say nothing of an error",
            *(int(wrong.sum()), len(cells), cells.name, texts.iloc[first]),
        )


def merge_uncertainties(
    frame: "pandas.DataFrame",
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    properties: Sequence[Property],
    num_groups: int,
) -> NDArray[np.float64] | None:
    """Standard deviation of each material's values, on the scale on which they are learned.

    Of several rows it is their root mean square, divided by the square root of their number: they are independent
    measurements. A cell that is empty, not a number or not above 0 says nothing; those that are not empty are told. A
    unit in the heading of the column is read.

    Args:
        frame: The table.
        codes: (num_rows,); number of the material of each row, -1 for none.
        values: (num_rows, num_properties), in the units wanted; NaN where missing or refused.
        properties: The properties, with the unit of their file.
        num_groups: Number of materials.

    Returns:
        (num_materials, num_properties), the materials with a value, NaN where nothing is said; None without a column.

    Raises:
        ValueError: If no cell of a column says anything, each row has a unit of its own, or the heading names a unit
            that values of the property cannot have.
    """
    if not any(prop.uncertainty_column for prop in properties):
        return None
    found = np.full((num_groups, len(properties)), np.nan)
    for number, prop in enumerate(properties):
        if prop.uncertainty_column is None:
            continue
        if prop.unit_column is not None:
            raise ValueError("`uncertainty_column` needs one unit for all rows; leave it or `unit_column` out")
        cells = to_numbers(frame[prop.uncertainty_column])
        usable = (cells > 1 / _LARGEST) & (cells < _LARGEST)
        _tell_unusable(frame[prop.uncertainty_column], usable)
        zero, one = convert(np.array([0.0, 1.0]), _unit_of(prop), prop.unit)
        deviation = np.where(usable, cells, np.nan) * (one - zero)  # a difference: 1 degC is 1 K
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
