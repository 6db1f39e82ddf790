"""Values below or above a limit of detection, such as `<1E-10`: bounds, not errors."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Censored = Literal["drop", "bound", "tobit"]
"""What becomes of them: refused with a reason; taken for their limit; or known to be on one side of it."""

_LIMIT = re.compile(r"\s*(<=?|>=?|≤|≥|⩽|⩾)\s*(\S.*)")
_BELOW = ("<", "≤", "⩽")


def read_limit(cell: object) -> tuple[object, int]:
    """Take the sign off a cell such as `<1E-10`.

    Args:
        cell: A cell of a table.

    Returns:
        What follows the sign, and -1 for a value below it or 1 for one above; of any other cell itself and 0.
    """
    found = _LIMIT.fullmatch(cell) if isinstance(cell, str) else None
    if found is None:
        return cell, 0
    return found[2], -1 if found[1][0] in _BELOW else 1


def side_of_groups(
    codes: NDArray[np.int64], values: NDArray[np.float64], sides: NDArray[np.int8], num_groups: int
) -> tuple[NDArray[np.int8], dict[int, str]]:
    """Which materials have nothing but a limit; limits beside a measured value, or on both sides, are refused.

    Args:
        codes: (num_rows,); material of each row, -1 for none.
        values: (num_rows,); NaN where missing. Refused ones are set to NaN.
        sides: (num_rows,); -1 below, 1 above, 0 measured.
        num_groups: Number of materials.

    Returns:
        (num_groups,); side of each material, and the reason by row of what is refused.
    """
    side, refused = np.zeros(num_groups, np.int8), dict[int, str]()
    present = np.isfinite(values) & (codes >= 0)
    measured = np.zeros(num_groups, np.bool_)
    measured[codes[present & (sides == 0)]] = True
    for row in np.flatnonzero(present & (sides != 0)).tolist():
        code = codes[row]
        if measured[code] or side[code] * sides[row] < 0:
            where = "a measured value" if measured[code] else "one on the other side"
            refused[row] = f"a limit of detection beside {where}: {values[row]:g}"
        else:
            side[code] = sides[row]
    values[list(refused)] = np.nan
    return side, refused


def join_sides(sides: Sequence[NDArray[np.int8] | None], shapes: Sequence[tuple[int, int]]) -> NDArray[np.int8] | None:
    """The sides of several tables, one after the other; None if all their values were measured.

    Args:
        sides: `CleanTable.censored` of each.
        shapes: Number of rows and of columns of each.
    """
    if all(each is None for each in sides):
        return None
    filled = [np.zeros(shape, np.int8) if each is None else each for each, shape in zip(sides, shapes, strict=True)]
    return np.concatenate(filled)
