"""From a table of mixtures to clean mixtures, by `cleaning.clean_table`.

A large table repeats few components many times: each distinct spelling is read and identified once, and the rows of
pairs are never processed one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gnn_sim2real.console import track
from gnn_sim2real.featurize.attachment import require_no_marks
from gnn_sim2real.featurize.conditions import TEMPERATURE
from gnn_sim2real.featurize.mixture import (
    Mixture,
    MixtureTable,
    component_identity,
    mixture_identity,
    normalize,
)
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.conditions import At
from gnn_sim2real.tables.mixture_columns import MixtureColumns, read_mixtures, read_pairs
from gnn_sim2real.tables.table import CleanTable, Property
from gnn_sim2real.tables.texts import to_texts
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas


def clean_mixture_table(
    frame: "pandas.DataFrame",
    columns: MixtureColumns,
    properties: Sequence[Property],
    source: str,
    *,
    roles: Sequence[str],
    condition_units: Mapping[str, str],
    refused_before: Mapping[int, str] | None = None,
    simulated: CleanTable | None = None,
    require_simulated: bool = False,
    at: At | None = None,
) -> tuple[CleanTable, MixtureTable]:
    """Clean a table of mixtures.

    Args:
        frame: The table, from `read_table`.
        columns: Columns of the mixtures.
        properties: Properties to read.
        source: Name of the file, for messages.
        roles: Role of each component; empty for blends.
        condition_units: Unit of each condition, by name.
        refused_before: Reason by position of rows that the data set itself refuses.
        simulated: Simulations of the same property, first in their table; each mixture gets its value at the same
            conditions.
        require_simulated: Whether mixtures without a simulated value are excluded.
        at: Which rows are used, by the column of a condition, see `tables.conditions`.

    Returns:
        The table, and the mixtures that are its `materials`.

    Raises:
        ValueError: If a column is missing, a unit does not fit, or no mixture is left.
    """
    for column in columns.components:
        if column in frame:
            require_no_marks(to_texts(frame[column]), f"{source}, column {column},")
    read = _read_pairs if roles else _read_blends
    rows = read(frame, columns, condition_units, roles, source)
    refused = rows.refused | dict(refused_before or {})
    values = {} if simulated is None else _values_by_identity(simulated, properties[0].unit)
    if require_simulated:
        lacking = (row for row, name in enumerate(rows.names) if name not in values)
        refused = dict.fromkeys(lacking, f"no simulated {properties[0].name}") | refused
    table = clean_table(
        frame.assign(**{_TEXT: rows.texts}),
        material_column=_TEXT,
        properties=properties,
        identity=dict(zip(rows.texts, rows.names, strict=True)).__getitem__,
        source=source,
        refused_before=refused,
        at=at,
    )
    first = dict(zip(reversed(rows.texts), range(len(rows.texts) - 1, -1, -1), strict=True))
    kept = np.array([first[text] for text in table.materials], np.int64)
    mixtures = rows.mixtures.take(kept).without_unused()
    table = replace(table, materials=mixtures)
    if simulated is not None:
        table = replace(table, simulated=np.array([[values.get(each, np.nan)] for each in table.identities]))
    return table, mixtures


_TEXT = "mixture (as written)"


class _Rows(NamedTuple):
    """The mixtures of a table, row by row."""

    texts: list[str]  # as written
    names: list[str]  # identities, meaningless if the row is refused
    refused: dict[int, str]
    mixtures: MixtureTable


def _read_pairs(
    frame: "pandas.DataFrame", columns: MixtureColumns, units: Mapping[str, str], roles: Sequence[str], source: str
) -> _Rows:
    pairs = read_pairs(frame, columns, units, roles, source)
    found: list[str | None] = []
    for spelling in track(pairs.components, "Identifying components"):
        try:
            found.append(component_identity(spelling))
        except ValueError:
            found.append(None)
    unreadable = np.array([name is None for name in found], np.bool_)
    wrong = unreadable[pairs.members].any(axis=1) | ~np.isfinite(pairs.conditions).all(axis=1)
    for name, values in zip(pairs.condition_names, pairs.conditions.T, strict=True):
        wrong |= (name == TEMPERATURE) & (values <= 0)
    refused = {row: _why_not(pairs[row], roles, units) for row in np.flatnonzero(wrong).tolist()}
    names = pairs.spell([name or "" for name in found])
    return _Rows(pairs.spell(pairs.components), names, refused, pairs)


def _why_not(mixture: Mixture, roles: Sequence[str], units: Mapping[str, str]) -> str:
    try:
        normalize(mixture, roles, tuple(units))
    except ValueError as error:
        return f"unreadable mixture: {' '.join(str(error).split())}"
    return ""


def _read_blends(
    frame: "pandas.DataFrame", columns: MixtureColumns, units: Mapping[str, str], roles: Sequence[str], source: str
) -> _Rows:
    texts, names, refused, mixtures = [], [], {}, []
    nothing = Mixture((), (), dict.fromkeys(units, np.nan))
    for row, written in enumerate(track(list(read_mixtures(frame, columns, units, False, source)), "Reading blends")):
        texts.append(written.spell(ordered=False))
        try:
            mixtures.append(normalize(written, roles, tuple(units)))
            names.append(mixture_identity(mixtures[-1], ordered=False))
        except ValueError as error:
            refused[row] = f"unreadable mixture: {' '.join(str(error).split())}"
            mixtures.append(nothing)
            names.append("")
    return _Rows(texts, names, refused, MixtureTable.from_mixtures(mixtures, roles, tuple(units)))


def _values_by_identity(simulated: CleanTable, unit: str) -> dict[str, float]:
    """Values of the first property of simulations, converted to another unit."""
    values = convert(simulated.values[:, 0], simulated.properties[0].unit, unit).tolist()
    return {name: value for name, value in zip(simulated.identities, values, strict=True) if np.isfinite(value)}
