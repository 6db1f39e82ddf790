"""Several clean tables of one kind of material as one table."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.censored import join_sides
from gnn_sim2real.tables.table import CleanTable
from gnn_sim2real.tables.texts import ConcatTexts


class Concat(Sequence[Any]):
    """The materials of several tables, one after the other; none is copied.

    Args:
        parts: The materials of each table.
    """

    def __init__(self, parts: Sequence[Sequence[Any]]) -> None:
        self.parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """One material, or several."""
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        row = range(len(self))[index]
        part = int(np.searchsorted(self._ends, row, side="right"))
        return self.parts[part][row - int(self._ends[part]) + len(self.parts[part])]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the materials of all parts."""
        digest = hashlib.sha256()
        for part in self.parts:
            content = getattr(part, "content_hash", None)
            for text in part if content is None else [content]:
                digest.update(str(text).encode() + b"\0")
        return digest.hexdigest()


def concat_tables(tables: Sequence[CleanTable], names: Sequence[str]) -> CleanTable:
    """Concatenate tables, each with its own properties.

    Args:
        tables: The tables.
        names: Name of each. Properties are renamed to `property (name)`, except those of the first table.

    Returns:
        A table whose identities are `name: identity`; the groups stay those of the tables, so a material that is in
        several of them is one group. Values of the properties of other tables are NaN.
    """
    import pandas

    num_columns = [len(table.properties) for table in tables]
    start, total = np.cumsum([0, *num_columns]), sum(num_columns)
    values: list[NDArray[np.float64]] = []
    spread: list[NDArray[np.float64]] = []
    num_values: list[NDArray[np.int64]] = []
    sides: list[NDArray[np.int8] | None] = []
    for number, table in enumerate(tables):
        columns = slice(start[number], start[number + 1])
        for kept, given in ((values, table.values), (spread, table.spread)):
            whole = np.full((len(given), total), np.nan)
            whole[:, columns] = given
            kept.append(whole)
        num_values.append(np.zeros((len(table.num_values), total), np.int64))
        num_values[-1][:, columns] = table.num_values
        side = np.zeros((len(table.values), total), np.int8)
        side[:, columns] = 0 if table.censored is None else table.censored
        sides.append(side if side.any() else None)
    properties = [
        prop if not number else replace(prop, name=f"{prop.name} ({name})", column=prop.column or prop.name)
        for number, (table, name) in enumerate(zip(tables, names, strict=True))
        for prop in table.properties
    ]
    quarantine = pandas.concat(
        [table.quarantine.assign(source=name) for table, name in zip(tables, names, strict=True)], ignore_index=True
    )
    return CleanTable(
        materials=Concat([table.materials for table in tables]),
        identities=[
            f"{name}: {identity}" for table, name in zip(tables, names, strict=True) for identity in table.identities
        ],
        values=np.concatenate(values),
        spread=np.concatenate(spread),
        num_merged=np.concatenate([table.num_merged for table in tables]),
        num_values=np.concatenate(num_values),
        censored=join_sides(sides, [each.shape for each in values]),
        properties=tuple(properties),
        quarantine=quarantine,
        num_rows_read=sum(table.num_rows_read for table in tables),
        own_groups=[group for table in tables for group in table.groups],
        texts=ConcatTexts([table.texts for table in tables]),
        duplicates=tuple(each for table in tables for each in table.duplicates),
    )
