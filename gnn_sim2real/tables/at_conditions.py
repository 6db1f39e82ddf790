"""A table of pure materials with a row for each of the conditions under which they were measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gnn_sim2real.featurize.conditions import ConditionTable, read_condition, spell_conditions
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.condition_columns import Conditions, read_conditions
from gnn_sim2real.tables.conditions import At
from gnn_sim2real.tables.table import CleanTable, Property
from gnn_sim2real.tables.texts import to_texts

if TYPE_CHECKING:
    import pandas

_TEXT = "material at its conditions (as written)"


def clean_table_at_conditions(
    frame: "pandas.DataFrame",
    conditions: Conditions,
    *,
    material_column: str,
    properties: Sequence[Property],
    identity: Callable[[str], str],
    source: str,
    at: At | None = None,
    refused_before: Mapping[int, str] | None = None,
) -> CleanTable:
    """Clean a table of materials at conditions, which are part of the identity of a row; its group is the material.

    So the rows of one material at several temperatures stay apart, and are together on one side of a split.

    Args:
        frame: The table.
        conditions: Where they are; without any, as `clean_table`.
        material_column: Column of the material's text.
        properties: Properties to read.
        identity: Canonical identity of a material's text without conditions.
        source: Name of the file, for messages.
        at: Which rows are used, by the column of another condition.
        refused_before: Reason by position of rows that the data set itself refuses.

    Raises:
        ValueError: As `clean_table`; if a column is missing, or its unit is not understood.
    """
    if not conditions.units:
        return clean_table(
            frame,
            material_column=material_column,
            properties=properties,
            identity=identity,
            source=source,
            at=at,
            refused_before=refused_before,
        )
    if material_column not in frame:
        raise ValueError(f"{source} has no column {material_column!r}: its columns are {', '.join(map(str, frame))}")
    names, values = list(conditions.units), read_conditions(frame, conditions.columns, conditions.units, source)
    table = np.stack([values[name] for name in names], axis=1)
    spelled, refused = to_texts(frame[material_column]), dict[int, str]()
    texts, numbers = [""] * len(frame), dict[str, int]()
    for row, text in enumerate(spelled):
        here = dict(zip(names, table[row].tolist(), strict=True))
        try:
            texts[row] = f"{text}{_spell(here)}" if text else ""
        except ValueError as error:
            refused[row], texts[row] = str(error).partition(":")[0], text
            continue
        numbers.setdefault(texts[row], row)
    found = clean_table(
        frame.assign(**{_TEXT: texts}),
        material_column=_TEXT,
        properties=properties,
        identity=lambda text: f"{identity(spelled[numbers[text]])}{text[len(spelled[numbers[text]]) :]}",
        source=source,
        refused_before=refused | dict(refused_before or {}),
        at=at,
    )
    rows = np.array([numbers[text] for text in found.materials], np.int64)
    groups = [identity(spelled[row]) for row in rows.tolist()]
    number = {name: place for place, name in enumerate(sorted(set(groups)))}
    first = {name: spelled[row] for name, row in zip(reversed(groups), reversed(rows.tolist()), strict=True)}
    materials = ConditionTable(
        [first[name] for name in number], np.array([number[name] for name in groups], np.int64), table[rows], names
    )
    return replace(found, materials=materials, own_groups=groups)


def _spell(conditions: Mapping[str, float]) -> str:
    """Raises a ValueError for a condition that is missing or impossible."""
    return spell_conditions({name: read_condition(conditions, name) for name in conditions})
