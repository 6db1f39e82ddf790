"""Report on a data set: rows read, refused, merged; units, ranges, and overlap with other data sets."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.table import CleanTable


@dataclass(frozen=True)
class PropertyFacts:
    """Values of one property after cleaning.

    Attributes:
        unit: Unit of the values; `file_unit` is that of the file.
        count: Number of materials with a value.
        minimum, median, maximum: Statistics of the values.
        num_duplicates: Number of materials that had several rows.
        median_spread, largest_spread: Half range of the rows of one material, over those that had several.
    """

    name: str
    unit: str
    file_unit: str
    count: int
    minimum: float
    median: float
    maximum: float
    num_duplicates: int
    median_spread: float | None
    largest_spread: float | None


@dataclass(frozen=True)
class Overlap:
    """Overlap of two data sets, by canonical identity (for crystals by formula).

    Attributes:
        other: Name of the other data set.
        shared: Number of identities in both.
        here: Shared fraction of the identities of this data set.
        there: Shared fraction of the identities of the other one.
    """

    other: str
    shared: int
    here: float
    there: float


@dataclass(frozen=True)
class DataReport:
    """A data set in numbers.

    Attributes:
        num_rows_read: Number of rows of the file.
        num_rows_refused: Number of rows that could not be used at all.
        refusals: How often each reason for a refused row or value occurs.
        num_materials: Number of materials after merging.
        num_groups: Number of groups that stay on one side of a split: identities, or formulas of crystals.
        properties: One entry per property.
        overlaps: One entry per other data set.
    """

    num_rows_read: int
    num_rows_refused: int
    refusals: dict[str, int]
    num_materials: int
    num_groups: int
    properties: list[PropertyFacts]
    overlaps: list[Overlap]

    def to_json(self) -> dict[str, Any]:
        """The report in plain types."""
        return asdict(self)


def make_report(table: CleanTable, others: dict[str, CleanTable] | None = None) -> DataReport:
    """Summarize what the cleaning did.

    Args:
        table: The clean table.
        others: Tables of other data sets, by name.
    """
    quarantine, groups = table.quarantine, set(table.groups)
    overlaps = []
    for name, other in (others or {}).items():
        theirs = set(other.groups)
        shared = len(groups & theirs)
        overlaps.append(Overlap(name, shared, shared / len(groups), shared / max(1, len(theirs))))
    return DataReport(
        num_rows_read=table.num_rows_read,
        num_rows_refused=table.num_rows_read - int(table.num_merged.sum()),
        refusals=dict(Counter(reason.partition(": ")[0] for reason in quarantine["reason"]).most_common()),
        num_materials=len(table.identities),
        num_groups=len(groups),
        properties=[_facts(table, column) for column in range(len(table.properties))],
        overlaps=overlaps,
    )


def _facts(table: CleanTable, column: int) -> PropertyFacts:
    prop, values, spread = table.properties[column], table.values[:, column], table.spread[:, column]
    present, several = values[np.isfinite(values)], spread[np.isfinite(spread)]
    low, middle, high = np.quantile(present, [0, 0.5, 1]).tolist() if len(present) else (float("nan"),) * 3
    return PropertyFacts(
        name=prop.name,
        unit=prop.unit or "dimensionless",
        file_unit="one for each row" if prop.unit_column else (prop.file_unit or prop.unit or "dimensionless"),
        count=len(present),
        minimum=low,
        median=middle,
        maximum=high,
        num_duplicates=len(several),
        median_spread=_of(several, np.median),
        largest_spread=_of(several, np.max),
    )


def _of(values: NDArray[np.float64], function: Any) -> float | None:
    return float(function(values)) if len(values) else None
