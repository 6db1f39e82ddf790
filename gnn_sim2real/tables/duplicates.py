"""Rows of one material that do not agree, by name and row number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.scales import to_scale
from gnn_sim2real.tables.table import CleanTable, Duplicate

WORST = 5
"""Duplicates that are listed though they differ by less than the spread of the table."""


def find_duplicates(
    table: CleanTable,
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    numbers: Sequence[int],
    identities: Sequence[str],
) -> tuple[Duplicate, ...]:
    """Find the materials whose rows differ most.

    Args:
        table: The merged table.
        codes: (num_rows,); number of the material of each row, -1 for none.
        values: (num_rows, num_properties); NaN where missing or refused.
        numbers: Row numbers of the file.
        identities: Identity of each number in `codes`.

    Returns:
        All whose rows differ by more than the standard deviation over the materials, and the worst of the others, the
        worst first in units of that deviation.
    """
    position = {name: row for row, name in enumerate(table.identities)}
    of_code = np.array([position.get(name, -1) for name in identities], np.int64)
    found: list[tuple[float, Duplicate]] = []
    for column, prop in enumerate(table.properties):
        medians, given = to_scale(table.values[:, column], prop.transform), to_scale(values[:, column], prop.transform)
        deviation = float(np.nanstd(medians)) if np.isfinite(medians).sum() > 1 else 0.0
        present = np.flatnonzero(np.isfinite(values[:, column]) & (codes >= 0))
        rows_of = of_code[codes[present]]
        low, high = np.full(len(medians), np.inf), np.full(len(medians), -np.inf)
        np.minimum.at(low, rows_of, given[present])
        np.maximum.at(high, rows_of, given[present])
        width = np.where(high > low, high - low, 0.0)
        beyond = (width > deviation) & (width > 0)
        listed = np.flatnonzero(beyond | np.isin(np.arange(len(width)), np.argsort(-width)[:WORST]) & (width > 0))
        members: dict[int, list[int]] = {row: [] for row in listed.tolist()}
        for row, material in zip(present.tolist(), rows_of.tolist(), strict=True):
            if material in members:
                members[material].append(row)
        for material, rows in members.items():
            duplicate = Duplicate(
                str(table.materials[material]),
                prop.name,
                prop.unit,
                tuple(numbers[row] for row in rows),
                tuple(values[rows, column].tolist()),
                bool(beyond[material]),
            )
            found.append((float(width[material]) / (deviation or 1.0), duplicate))
    found.sort(key=lambda each: -each[0])
    return tuple(duplicate for _, duplicate in found)
