"""A clean table whose values are learned as their logarithms."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gnn_sim2real.scales import Transform
from gnn_sim2real.tables.cleaning import NO_LOGARITHM
from gnn_sim2real.tables.simulated import keep_rows
from gnn_sim2real.tables.table import CleanTable


def with_transforms(table: CleanTable, wanted: Mapping[str, Transform], source: str) -> CleanTable:
    """Learn properties of a table on another scale; values that have none go to the quarantine.

    Args:
        table: The clean table.
        wanted: Scale by name of the property.
        source: Name of the data set, for messages.

    Raises:
        ValueError: If it has no such property, or no value is left.
    """
    names = [each.name for each in table.properties]
    if unknown := sorted(wanted.keys() - set(names)):
        raise ValueError(f"`transform` has {unknown[0]!r}, but the properties of {source} are {', '.join(names)}")
    properties = tuple(replace(each, transform=wanted.get(each.name, each.transform)) for each in table.properties)
    logs = np.array([each.transform is not None for each in properties])
    bad = logs & (table.values <= 0)
    if bad.any():
        values, reasons = np.where(bad, np.nan, table.values), dict[int, str]()
        for row, column in np.argwhere(bad).tolist():
            reasons[row] = f"{NO_LOGARITHM}: {table.values[row, column]:g}"
        kept = np.asarray(np.isfinite(values).any(axis=1))
        if not kept.any():
            raise ValueError(f"no value of {source} is above 0, so that none has a logarithm; leave `transform` out")
        table = keep_rows(replace(table, values=values), kept, reasons)
    # Of rows that a reader merged without knowing of logarithms, the range is in physical units, which is no use.
    unknown_range = logs & [each.transform is None for each in table.properties]
    return replace(table, properties=properties, spread=np.where(unknown_range, np.nan, table.spread))
