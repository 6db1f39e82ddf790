"""Mixtures in the columns of a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MixtureColumns:
    """Where the mixtures stand in a table.

    Attributes:
        components: Columns with the spellings of the components; an empty field is no component.
        weights: Columns with their weights, in the same order; None where all weigh alike.
        conditions: Column and unit in the file of each condition, by its name.
    """

    components: Sequence[str]
    weights: Sequence[str] | None = None
    conditions: dict[str, tuple[str, str]] | None = None


def read_mixtures(
    frame: "pandas.DataFrame", columns: MixtureColumns, units: Mapping[str, str], keep_empty: bool, source: str
) -> Iterator[Mixture]:
    """The mixture of each row, as written down.

    Args:
        frame: The table.
        columns: Where they stand.
        units: Unit wanted of each condition, by name.
        keep_empty: Whether an empty field stays as an unreadable component, as in pairs; else it is no component.
        source: Name of the file, for messages.

    Raises:
        ValueError: If a column is missing.
    """
    conditions = columns.conditions or {}
    wanted = [*columns.components, *(columns.weights or ()), *(column for column, _ in conditions.values())]
    if lacking := [name for name in wanted if name not in frame]:
        raise ValueError(f"{source} has no column {lacking[0]!r}: its columns are {', '.join(map(str, frame))}")
    spellings = [_texts(frame[name]) for name in columns.components]
    weights = [_numbers(frame[name]) for name in columns.weights or ()]
    values = {
        name: convert(np.array(_numbers(frame[column])), unit, units[name]).tolist()
        for name, (column, unit) in conditions.items()
    }
    for row in range(len(frame)):
        cells = [column[row] for column in spellings]
        there = [place for place, cell in enumerate(cells) if cell or keep_empty]
        shares = tuple(weights[place][row] for place in there) if weights else None
        at = {name: column[row] for name, column in values.items()}
        yield Mixture(tuple(cells[place] for place in there), shares, at)


def _texts(cells: "pandas.Series[Any]") -> list[str]:
    missing = cells.isna().tolist()
    return ["" if gone else str(cell).strip() for cell, gone in zip(cells.tolist(), missing, strict=True)]


def _numbers(cells: "pandas.Series[Any]") -> list[float]:
    import pandas

    return [float(value) for value in pandas.to_numeric(cells, errors="coerce").tolist()]
