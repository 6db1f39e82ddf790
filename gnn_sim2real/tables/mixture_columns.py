"""Mixtures in the columns of a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.mixture import Mixture, MixtureTable
from gnn_sim2real.tables.labels import to_texts
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class MixtureColumns:
    """Columns of the mixtures in a table.

    Attributes:
        components: Columns with the spellings of the components; an empty field means no component.
        weights: Columns with their weights, in the same order; None for equal weights.
        conditions: Column and unit in the file of each condition, by its name.
    """

    components: Sequence[str]
    weights: Sequence[str] | None = None
    conditions: dict[str, tuple[str, str]] | None = None


def read_mixtures(
    frame: "pandas.DataFrame", columns: MixtureColumns, units: Mapping[str, str], keep_empty: bool, source: str
) -> Iterator[Mixture]:
    """The mixture of each row, as written.

    Args:
        frame: The table.
        columns: Columns of the mixtures.
        units: Unit wanted of each condition, by name.
        keep_empty: Whether an empty field counts as an unreadable component, as in pairs; otherwise it is ignored.
        source: Name of the file, for messages.

    Raises:
        ValueError: If a column is missing.
    """
    _require_columns(frame, columns, source)
    spellings = [to_texts(frame[name]) for name in columns.components]
    weights = [_numbers(frame[name]) for name in columns.weights or ()]
    values = {name: column.tolist() for name, column in _read_conditions(frame, columns, units).items()}
    for row in range(len(frame)):
        cells = [column[row] for column in spellings]
        there = [place for place, cell in enumerate(cells) if cell or keep_empty]
        shares = tuple(weights[place][row] for place in there) if weights else None
        at = {name: column[row] for name, column in values.items()}
        yield Mixture(tuple(cells[place] for place in there), shares, at)


def read_pairs(
    frame: "pandas.DataFrame", columns: MixtureColumns, units: Mapping[str, str], roles: Sequence[str], source: str
) -> MixtureTable:
    """The mixtures of all rows at once, for components with roles; as written, with empty fields as components.

    Args:
        frame: The table.
        columns: Columns of the mixtures.
        units: Unit wanted of each condition, by name; a condition without a column is NaN.
        roles: Role of each component.
        source: Name of the file, for messages.

    Raises:
        ValueError: If a column is missing.
    """
    import pandas

    _require_columns(frame, columns, source)
    texts = [text for name in columns.components for text in to_texts(frame[name])]
    numbers, components = pandas.factorize(np.array(texts, object))
    members = numbers.reshape(len(columns.components), len(frame)).T.astype(np.int32)
    given = _read_conditions(frame, columns, units)
    nowhere = np.full(len(frame), np.nan)
    conditions = np.array([given.get(name, nowhere) for name in units], np.float64).reshape(len(units), len(frame)).T
    weights = np.ones(members.shape, np.float32)
    return MixtureTable(components.tolist(), members, weights, conditions, tuple(units), tuple(roles))


def _require_columns(frame: "pandas.DataFrame", columns: MixtureColumns, source: str) -> None:
    conditions = (column for column, _ in (columns.conditions or {}).values())
    wanted = [*columns.components, *(columns.weights or ()), *conditions]
    if lacking := [name for name in wanted if name not in frame]:
        raise ValueError(f"{source} has no column {lacking[0]!r}: its columns are {', '.join(map(str, frame))}")


def _read_conditions(
    frame: "pandas.DataFrame", columns: MixtureColumns, units: Mapping[str, str]
) -> dict[str, NDArray[np.float64]]:
    return {
        name: convert(np.array(_numbers(frame[column])), unit, units[name])
        for name, (column, unit) in (columns.conditions or {}).items()
    }


def _numbers(cells: "pandas.Series[Any]") -> list[float]:
    import pandas

    return [float(value) for value in pandas.to_numeric(cells, errors="coerce").tolist()]
