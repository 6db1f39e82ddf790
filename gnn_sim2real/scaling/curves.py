"""From records to curves: means over repeats, fitted laws, and gains paired over the same test sets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import fmean

import numpy as np
from scipy.stats import t

from gnn_sim2real.scaling.fit import MIN_SIZES, fit_scaling_law
from gnn_sim2real.scaling.law import ScalingLaw
from gnn_sim2real.scaling.records import Record

CONFIDENCE = 0.90


@dataclass(frozen=True, order=True)
class CurveLabel:
    """What is the same all along a curve.

    Attributes:
        target_size: Measured materials used.
        architecture: Name of the encoder.
        policy: How the measurements are used.
        growth: How the source grew.
    """

    target_size: int
    architecture: str
    policy: str
    growth: str = "random"

    def __str__(self) -> str:
        name = self.policy if self.policy != "none" else "fine-tuned"
        return f"{self.architecture} {name}, m = {self.target_size}".strip()


@dataclass(frozen=True)
class Estimate:
    """A mean over repeats with its 90 % interval.

    Attributes:
        mean: Mean over all repeats.
        low: Lower end of the interval, from the spread of the split means (their test sets differ).
        high: Upper end.
        num_repeats: Number of values.
    """

    mean: float
    low: float
    high: float
    num_repeats: int


def say_growth(growth: str) -> str:
    """What a name of a model ends in where its source did not grow at random.

    Args:
        growth: How it grew.
    """
    return f", grown by {growth}" if growth != "random" else ""


def curve_of(record: Record) -> CurveLabel:
    """The curve on which a record lies."""
    cell = record.cell
    return _label(cell.target_size, cell.architecture, cell.policy, cell.growth)


@cache
def _label(target_size: int, architecture: str, policy: str, growth: str) -> CurveLabel:
    """A label, made once for all records of a curve."""
    return CurveLabel(target_size, architecture, policy, growth)


def group_curves(records: Iterable[Record]) -> dict[CurveLabel, list[Record]]:
    """Records with a source, by curve; from scratch (source size 0) is a reference, never a point of a curve."""
    curves: dict[CurveLabel, list[Record]] = {}
    for record in records:
        if record.cell.source_size > 0:
            curves.setdefault(curve_of(record), []).append(record)
    return dict(sorted(curves.items()))


class Results:
    """The records of a study, grouped and fitted once for all that shows them.

    Args:
        records: Records of one property.
        metric: Error of the curves.
    """

    def __init__(self, records: list[Record], metric: str = "mae") -> None:
        self.records, self.metric = records, metric

    @cached_property
    def points(self) -> dict[tuple[CurveLabel, str], list[Record]]:
        """Records of each grid point, by curve and level of the source size."""
        points: dict[tuple[CurveLabel, str], list[Record]] = {}
        for record in self.records:
            points.setdefault((curve_of(record), record.cell.source_level), []).append(record)
        return points

    @cached_property
    def curves(self) -> dict[CurveLabel, list[Record]]:
        """See `group_curves`."""
        return group_curves(self.records)

    @cached_property
    def laws(self) -> dict[CurveLabel, ScalingLaw]:
        """See `fit_curves`."""
        return fit_curves(self.curves, self.metric)


def level_sizes(records: Iterable[Record]) -> dict[str, int]:
    """Number of source materials of each level; "all" is the mean over splits, which differ by a few."""
    sizes: dict[str, list[int]] = {}
    for record in records:
        sizes.setdefault(record.cell.source_level, []).append(record.cell.source_size)
    return {level: round(fmean(found)) for level, found in sizes.items()}


def fit_curves(curves: Mapping[CurveLabel, list[Record]], metric: str = "mae") -> dict[CurveLabel, ScalingLaw]:
    """Fit a law to each curve that has enough sizes; the others are left out.

    Args:
        curves: From `group_curves`.
        metric: Error to fit.
    """
    laws = {}
    for label, records in curves.items():
        sizes = level_sizes(records)
        if len(set(sizes.values())) < MIN_SIZES:
            continue
        laws[label] = fit_scaling_law(
            [sizes[record.cell.source_level] for record in records],
            [record.metrics[metric] for record in records],
            curves=independent_curves(records),
            confidence=CONFIDENCE,
        )
    return laws


def independent_curves(records: list[Record]) -> list[str]:
    """The curve of each record, as far as curves are independent.

    Seeds of one split share its test part and are averaged into one curve; where there is a single split, each seed is
    a curve, and the intervals say nothing of another test part.
    """
    if len({record.cell.split for record in records}) > 1:
        return [f"split {record.cell.split}" for record in records]
    return [f"seed {record.cell.seed}" for record in records]


def estimate(values: Mapping[tuple[int, int], float]) -> Estimate:
    """Mean over repeats; its interval is Student's over the means of the splits, or over seeds if there is one split.

    Args:
        values: By split and seed.
    """
    mean = fmean(values.values())
    splits: dict[int, list[float]] = {}
    for (split, _), value in values.items():
        splits.setdefault(split, []).append(value)
    units = [fmean(found) for found in splits.values()] if len(splits) > 1 else list(values.values())
    if len(units) < 2:
        return Estimate(mean, float("nan"), float("nan"), len(values))
    half = float(t.ppf(0.5 + CONFIDENCE / 2, len(units) - 1) * np.std(units, ddof=1) / np.sqrt(len(units)))
    return Estimate(mean, mean - half, mean + half, len(values))


def by_repeat(records: Iterable[Record], metric: str) -> dict[tuple[int, int], float]:
    """Metric of records of one grid point, by split and seed."""
    return {(record.cell.split, record.cell.seed): record.metrics[metric] for record in records}


def paired_gain(better: Iterable[Record], baseline: Iterable[Record], metric: str) -> Estimate | None:
    """How much lower the error of one is than another's, on the same splits and seeds.

    Args:
        better: Records of one grid point.
        baseline: Records of the other.
        metric: The error.

    Returns:
        The mean difference baseline - better, or None where they share no repeat.
    """
    first, second = by_repeat(better, metric), by_repeat(baseline, metric)
    shared = first.keys() & second.keys()
    return estimate({repeat: second[repeat] - first[repeat] for repeat in shared}) if shared else None
