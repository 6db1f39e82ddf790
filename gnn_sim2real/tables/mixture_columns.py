"""Mixtures in the columns of a table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gnn_sim2real.featurize.mixture import LINKAGES, Mixture, MixtureTable, linkage_of
from gnn_sim2real.tables.condition_columns import ConditionColumns, read_conditions
from gnn_sim2real.tables.texts import to_numbers, to_texts

if TYPE_CHECKING:
    import pandas


_OF_TEMPERATURE = "temperature_unit"
"""Setting of pairs and blends."""


@dataclass(frozen=True)
class MixtureColumns:
    """Columns of the mixtures in a table.

    Attributes:
        components: Columns with the spellings of the components; an empty field means no component.
        weights: Columns with their weights, in the same order; None for equal weights.
        conditions: Column of each condition.
        linkage: Column that says how the units of copolymers are linked: alternating, random, block, or the share of
            bonds that join unlike units; an empty field means a blend.
    """

    components: Sequence[str]
    weights: Sequence[str] | None = None
    conditions: ConditionColumns | None = None
    linkage: str | None = None


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
        ValueError: If a column is missing, or the unit of a condition is not understood.
    """
    _require_columns(frame, columns, source)
    linkages = [""] * len(frame) if columns.linkage is None else to_texts(frame[columns.linkage])
    spellings = [to_texts(frame[name]) for name in columns.components]
    weights = [to_numbers(frame[name]).tolist() for name in columns.weights or ()]
    conditions = read_conditions(frame, columns.conditions or {}, units, source, _OF_TEMPERATURE)
    values = {name: column.tolist() for name, column in conditions.items()}
    for row in range(len(frame)):
        cells = [column[row] for column in spellings]
        there = [place for place, cell in enumerate(cells) if cell or keep_empty]
        shares = tuple(weights[place][row] for place in there) if weights else None
        at = {name: column[row] for name, column in values.items()}
        linkage = _linkage(linkages[row].strip().lower(), shares or (1,) * len(there))
        yield Mixture(tuple(cells[place] for place in there), shares, at, linkage)


def _linkage(text: str, shares: Sequence[float]) -> float | None:
    """That of a word or a number; NaN for what is neither, so that the row is refused."""
    if not text:
        return None
    if text in LINKAGES and sum(shares) > 0:
        return linkage_of(text, shares)
    with suppress(ValueError):
        return float(text)
    return float("nan")


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
        ValueError: If a column is missing, or the unit of a condition is not understood.
    """
    import pandas

    _require_columns(frame, columns, source)
    texts = [text for name in columns.components for text in to_texts(frame[name])]
    numbers, components = pandas.factorize(np.array(texts, object))
    members = numbers.reshape(len(columns.components), len(frame)).T.astype(np.int32)
    given = read_conditions(frame, columns.conditions or {}, units, source, _OF_TEMPERATURE)
    nowhere = np.full(len(frame), np.nan)
    conditions = np.array([given.get(name, nowhere) for name in units], np.float64).reshape(len(units), len(frame)).T
    weights = np.ones(members.shape, np.float32)
    return MixtureTable(components.tolist(), members, weights, conditions, tuple(units), tuple(roles))


def _require_columns(frame: "pandas.DataFrame", columns: MixtureColumns, source: str) -> None:
    conditions = (column for column, _ in (columns.conditions or {}).values())
    linkage = [] if columns.linkage is None else [columns.linkage]
    wanted = [*columns.components, *(columns.weights or ()), *conditions, *linkage]
    if lacking := [name for name in wanted if name not in frame]:
        raise ValueError(f"{source} has no column {lacking[0]!r}: its columns are {', '.join(map(str, frame))}")
