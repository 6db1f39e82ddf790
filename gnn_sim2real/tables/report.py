"""Report on a data set: rows read, refused, merged; units, ranges, and overlap with other data sets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.renamed import current_property
from gnn_sim2real.scales import error_unit
from gnn_sim2real.shown import Display, Row, Shown
from gnn_sim2real.tables.table import CleanTable, Duplicate
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORST = 5


@dataclass(frozen=True)
class PropertyFacts:
    """Values of one property after cleaning.

    Attributes:
        unit: Unit of the values; `file_unit` is that of the file.
        count: Number of materials with a value.
        minimum, median, maximum: Statistics of the values.
        num_duplicates: Number of materials that had several rows.
        median_spread, largest_spread: Half range of the rows of one material, over those that had several.
        is_constant: Whether several materials all have the same value.
        num_limits: Number of values that are limits of detection.
        spread_unit: Unit of the half ranges: that of the values, or decades where logarithms are learned.
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
    is_constant: bool = False
    num_limits: int = 0
    spread_unit: str = ""


class Difference(NamedTuple):
    """Values of a shared material.

    Attributes:
        material: The material as written here.
        here: Its value here; of several rows or polymorphs the median.
        there: Its value in the other data set.
    """

    material: str
    here: float
    there: float


@dataclass(frozen=True)
class Comparison:
    """Values of a property on the materials that two data sets share.

    Attributes:
        property: Its name.
        unit: Unit of the values.
        count: Number of shared materials with a value in both.
        median_difference: Median of here minus there.
        median_ratio: Median of here over there; None if all values there are zero.
        worst: The largest differences.
    """

    property: str
    unit: str
    count: int
    median_difference: float
    median_ratio: float | None
    worst: list[Difference]


@dataclass(frozen=True)
class Overlap:
    """Overlap of two data sets, by canonical identity (for crystals by formula).

    Attributes:
        other: Name of the other data set.
        shared: Number of identities in both.
        here: Shared fraction of the identities of this data set.
        there: Shared fraction of the identities of the other one.
        comparisons: Comparison of the values of each property that both have.
    """

    other: str
    shared: int
    here: float
    there: float
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass(frozen=True)
class SimulatedFacts:
    """Simulated values beside the measured ones of the same materials.

    Attributes:
        property: Name of the property.
        unit: Unit of the values.
        origin: Where the simulated values come from; empty if the data set itself has them.
        count: Number of materials with both values.
        num_materials: Number of all materials.
        correlation: Pearson's r; None of fewer than three materials, or of a constant.
        bias: Mean of simulated minus measured.
        mae: Mean absolute difference.
        worst: The largest differences; `here` is measured, `there` simulated.
    """

    property: str
    unit: str
    origin: str
    count: int
    num_materials: int
    correlation: float | None
    bias: float
    mae: float
    worst: list[Difference]


@dataclass(frozen=True, repr=False)
class DataReport(Shown):
    """A data set in numbers.

    Attributes:
        num_rows_read: Number of rows of the file.
        num_rows_refused: Number of rows that could not be used at all.
        refusals: How often each reason for a refused row or value occurs.
        num_materials: Number of materials after merging.
        num_groups: Number of groups that stay on one side of a split: identities, or formulas of crystals.
        properties: One entry per property.
        overlaps: One entry per other data set.
        examples: First row, material and full reason for each reason.
        duplicates: Materials whose rows do not agree, worst first.
        simulated: Its simulated values; None if there are none.
    """

    num_rows_read: int
    num_rows_refused: int
    refusals: dict[str, int]
    num_materials: int
    num_groups: int
    properties: list[PropertyFacts]
    overlaps: list[Overlap]
    examples: dict[str, str] = field(default_factory=dict)
    duplicates: list[Duplicate] = field(default_factory=list)
    simulated: SimulatedFacts | None = None

    def display(self) -> Display:
        """What there is to show."""
        refused = f", {self.num_rows_refused:,} refused" if self.num_rows_refused else ""
        return Display(
            headline=f"{self.num_materials:,} materials from {self.num_rows_read:,} rows{refused}",
            rows=self._rows(),
            draw=self._draw,
            records=[asdict(each) for each in self.properties],
        )

    def _rows(self) -> list[Row]:
        lines = []
        for each in self.properties:
            values = f"{each.minimum:.4g} to {each.maximum:.4g}, median {each.median:.4g} {each.unit}".rstrip()
            lines.append((each.name, f"{each.count:,} values, {values}"))
        lines += [(f"refused: {reason}", f"{count:,}") for reason, count in self.refusals.items()]
        lines += (
            [(f"{len(self.duplicates)} materials of several rows that do not agree", "")] if self.duplicates else []
        )
        return lines

    def _draw(self, axes: "Axes") -> None:
        bars = {"used": self.num_rows_read - self.num_rows_refused, **self.refusals}
        axes.barh(range(len(bars))[::-1], list(bars.values()))
        axes.set_yticks(range(len(bars))[::-1], list(bars))
        axes.set_xlabel("rows")

    def to_json(self) -> dict[str, Any]:
        """The report in plain types."""
        content = asdict(self)
        content["duplicates"] = [each._asdict() for each in self.duplicates]
        for overlap in content["overlaps"]:
            for comparison in overlap["comparisons"]:
                comparison["worst"] = [each._asdict() for each in comparison["worst"]]
        if self.simulated is not None:
            content["simulated"]["worst"] = [each._asdict() for each in self.simulated.worst]
        return content


REPORT_KEYS = tuple(each.name for each in fields(DataReport) if each.name != "simulated")
"""What the JSON of every report has, also of earlier versions."""


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
        found = [each for column in range(len(table.properties)) if (each := _compare(table, column, other))]
        overlaps.append(Overlap(name, shared, shared / len(groups), shared / max(1, len(theirs)), found))
    examples: dict[str, str] = {}
    for row, material, reason in zip(quarantine["row"], quarantine["material"], quarantine["reason"], strict=True):
        examples.setdefault(reason.partition(": ")[0], f"row {row} ({material}): {reason}")
    return DataReport(
        num_rows_read=table.num_rows_read,
        num_rows_refused=table.num_rows_read - int(table.num_merged.sum()),
        refusals=dict(Counter(reason.partition(": ")[0] for reason in quarantine["reason"]).most_common()),
        num_materials=len(table.identities),
        num_groups=len(groups),
        properties=[_facts(table, column) for column in range(len(table.properties))],
        overlaps=overlaps,
        examples=examples,
        duplicates=list(table.duplicates),
        simulated=compare_simulated(table),
    )


def compare_simulated(table: CleanTable) -> SimulatedFacts | None:
    """Compare the simulated values of a table with the measured ones.

    Args:
        table: The clean table.

    Returns:
        None if no material has both.
    """
    if table.simulated is None:
        return None
    prop, measured, simulated = table.properties[0], table.values[:, 0], table.simulated[:, 0]
    both = np.flatnonzero(np.isfinite(measured) & np.isfinite(simulated))
    if not len(both):
        return None
    difference = simulated[both] - measured[both]
    varies = len(both) > 2 and np.ptp(measured[both]) > 0 and np.ptp(simulated[both]) > 0
    worst = both[np.argsort(-np.abs(difference), kind="stable")][:_WORST].tolist()
    spelled = [each if isinstance(each := table.materials[row], str) else table.groups[row] for row in worst]
    return SimulatedFacts(
        property=prop.name,
        unit=prop.unit or "dimensionless",
        origin=table.simulated_origin,
        count=len(both),
        num_materials=len(table.identities),
        correlation=float(np.corrcoef(measured[both], simulated[both])[0, 1]) if varies else None,
        bias=float(difference.mean()),
        mae=float(np.abs(difference).mean()),
        worst=[
            Difference(name, float(measured[row]), float(simulated[row]))
            for name, row in zip(spelled, worst, strict=True)
        ],
    )


def _compare(table: CleanTable, column: int, other: CleanTable) -> Comparison | None:
    """Compare the values of a property by identity, or where none is shared, as for crystals, by group."""
    prop = table.properties[column]
    named = [current_property(each.name) for each in other.properties]
    theirs = named.index(current_property(prop.name)) if current_property(prop.name) in named else None
    if theirs is None:
        return None
    by_identity = not set(table.identities).isdisjoint(other.identities)
    here = _medians(table.identities if by_identity else table.groups, table.values[:, column])
    there = _medians(
        other.identities if by_identity else other.groups,
        convert(other.values[:, theirs], other.properties[theirs].unit, prop.unit),
    )
    shared = sorted(here.keys() & there.keys())
    if not shared:
        return None
    ours = np.array([here[name] for name in shared])
    others = np.array([there[name] for name in shared])
    nonzero = others != 0
    spelled: dict[str, str] = {}
    for name, material in zip(table.identities if by_identity else table.groups, table.materials, strict=True):
        spelled.setdefault(name, material if isinstance(material, str) else name)
    differs = np.flatnonzero(ours != others)
    worst = differs[np.argsort(-np.abs(ours - others)[differs], kind="stable")][:_WORST].tolist()
    return Comparison(
        property=prop.name,
        unit=prop.unit or "dimensionless",
        count=len(shared),
        median_difference=float(np.median(ours - others)),
        median_ratio=_of(ours[nonzero] / others[nonzero], np.median),
        worst=[Difference(spelled[shared[row]], float(ours[row]), float(others[row])) for row in worst],
    )


def _medians(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for name, value in zip(names, values.tolist(), strict=True):
        if np.isfinite(value):
            found.setdefault(name, []).append(value)
    return {name: float(np.median(each)) for name, each in found.items()}


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
        spread_unit=error_unit(prop.unit, prop.transform) or "dimensionless",
        is_constant=len(present) > 1 and low == high,
        num_limits=0 if table.censored is None else int(np.count_nonzero(table.censored[:, column])),
    )


def _of(values: NDArray[np.float64], function: Any) -> float | None:
    return float(function(values)) if len(values) else None
