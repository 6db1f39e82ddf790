"""Values that cannot be what their column says: single rows are refused, and a table of them names the likely cause."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.properties import Plausible
from gnn_sim2real.units import QUANTITIES, convert, quantity_of

MOST = 0.5
"""A larger share of implausible values is a fault of the column, not of its rows."""
FEW = 0.05
"""The same where the file does not say the unit, and another unit makes all values plausible."""
_ALL = 0.95


@dataclass(frozen=True)
class Column:
    """A column of numbers, as in the file and converted.

    Args:
        numbers: As in the file; NaN where there is none.
        values: In `unit`; NaN where there is none, or where the row is refused already.
        unit: Unit of the values.
        file_unit: Unit of the numbers; None if rows have their own.
        stated: Whether the file or the user says that it is.
    """

    numbers: NDArray[np.float64]
    values: NDArray[np.float64]
    unit: str
    file_unit: str | None
    stated: bool


def find_implausible(column: Column, plausible: Plausible, setting: str) -> dict[int, str]:
    """Find the rows whose values are not plausible.

    Args:
        column: The numbers.
        plausible: What is plausible, in the unit of the values.
        setting: Setting of the unit in the file, for messages.

    Returns:
        Reason by position.

    Raises:
        ValueError: If most values are not plausible, or the unit is not stated and rather another one.
    """
    present = np.isfinite(column.values)
    wrong = present & ~_within(column.values, plausible)
    share = wrong.sum() / max(1, present.sum())
    doubted = bool(present.any()) and not column.stated and np.median(column.values[present]) < plausible.typical
    if not wrong.any() and not doubted:
        return {}
    guess = _likely_unit(column, present, plausible, plausible.typical if doubted else -np.inf)
    cause = f"is this {guess}?" if guess else _other_cause(column.values[present], plausible)
    if share > MOST or (guess and not column.stated and (doubted or share >= FEW)):
        median = f"{np.median(column.numbers[present]):,.6g}"
        outside = f"{wrong.sum():,} of {present.sum():,} values are outside the plausible {_span(plausible)}"
        fact = f"{outside}, median {median}" if share else f"the median is {median}, and the file does not say the unit"
        raise ValueError(
            f"{fact}: {cause} Set `{setting}: {guess or 'UNIT'}`"
            + (f", or `{setting}: {column.unit}`" if doubted else "; if they are right, set `lower` and `upper`")
        )
    guess = _likely_unit(column, wrong, plausible, -np.inf)  # a row or two in another unit
    hint = f" (is this {guess}?)" if guess else ""
    reason = f"outside the plausible {_span(plausible)}"
    return {row: f"{reason}: {column.values[row]:g}{hint}" for row in np.flatnonzero(wrong).tolist()}


def _within(values: NDArray[np.float64], plausible: Plausible) -> NDArray[np.bool_]:
    return np.asarray((values >= plausible.low) & (values <= plausible.high))


def _likely_unit(column: Column, present: NDArray[np.bool_], plausible: Plausible, median_above: float) -> str | None:
    """The usual unit of the same quantity in which the numbers would be plausible."""
    quantity = quantity_of(column.unit)
    if column.file_unit is None or quantity is None:
        return None
    numbers, one = column.numbers[present], np.ones(1)
    for unit in QUANTITIES[quantity]:
        values = convert(numbers, unit, column.unit)
        same = np.allclose(convert(one, unit, column.unit), convert(one, column.file_unit, column.unit), rtol=1e-9)
        if not same and _within(values, plausible).mean() >= _ALL and np.median(values) >= median_above:
            return unit
    return None


def _other_cause(values: NDArray[np.float64], plausible: Plausible) -> str:
    if plausible.low > 0 and (values < 0).mean() > MOST:
        return "are these logarithms?"
    return "is it another quantity, or another column?"


def _span(plausible: Plausible) -> str:
    unit = "" if plausible.unit in ("", "1", "dimensionless") else f" {plausible.unit}"
    if np.isinf(plausible.low) or np.isinf(plausible.high):
        word, bound = ("below", plausible.high) if np.isinf(plausible.low) else ("above", plausible.low)
        return f"{word} {bound:g}{unit}"
    return f"{plausible.low:g} to {plausible.high:g}{unit}"
