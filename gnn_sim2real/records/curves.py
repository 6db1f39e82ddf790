"""From results to curves: means over repeats, and gains paired by test set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.law.frame import CONFIDENCE
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.tasks.policies import policy_title

if TYPE_CHECKING:
    import pandas as pd


class Kind(NamedTuple):
    """What the models of one kind have in common, at all source and target sizes.

    Attributes:
        architecture: Name of the encoder; empty if unknown.
        policy: How the measurements are used; empty if unknown.
        growth: In which order the source grew, see `gnn_sim2real.splits.acquisition`.
        pretraining: Name of the pretraining in a study that compares several; else empty.
    """

    architecture: str
    policy: str
    growth: str = "random"
    pretraining: str = ""


@dataclass(frozen=True, order=True)
class CurveLabel:
    """What all points of a curve share.

    Attributes:
        target_size: Number of measured materials; for "all" the mean over the splits; 0 if unknown.
        architecture: Name of the encoder.
        policy: How the measurements are used.
        growth: In which order the source grew.
        pretraining: Name of the pretraining in a study that compares several; else empty.
    """

    target_size: float
    architecture: str
    policy: str
    growth: str = "random"
    pretraining: str = ""

    @property
    def kind(self) -> Kind:
        """The kind of its models."""
        return Kind(self.architecture, self.policy, self.growth, self.pretraining)


def by_number(name: str) -> list[tuple[bool, float, str]]:
    """Sort key of names such as `GINE(hidden_dim=16)`, in which 8 comes before 16.

    Args:
        name: The name.
    """
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)", name)
    return [(bool(at % 2), float(each) if at % 2 else 0.0, each) for at, each in enumerate(parts)]


def in_order(label: CurveLabel) -> tuple[Any, ...]:
    """Sort key of curves in tables.

    Args:
        label: Label of a curve.
    """
    first = label.target_size, by_number(label.architecture), label.policy
    return *first, label.growth, by_number(label.pretraining)


def model_name(kind: Kind) -> str:
    """Name of a kind of model for people, without what is unknown: "GINE, fine-tuned, grown by diversity".

    Args:
        kind: The kind.
    """
    parts = (kind.architecture, policy_title(kind.policy))
    name = ", ".join(part for part in parts if part) + _format_growth(kind.growth)
    return f"{name}, {kind.pretraining}" if kind.pretraining else name


def curve_name(label: CurveLabel) -> str:
    """Name of a curve for people: "GINE, fine-tuned, m = 20".

    Args:
        label: Label of the curve.
    """
    size = f"m = {format_size(label.target_size)}" if label.target_size else ""
    return ", ".join(part for part in (model_name(label.kind), size) if part)


def _format_growth(growth: str) -> str:
    """The end of a model's name that says how its source grew; empty for random growth."""
    if growth == "random":
        return ""
    title = ORDERS.find(growth).title if growth in ORDERS else ""
    return f", grown {title or growth}"


_CURVE = [each.name for each in fields(CurveLabel)]


@dataclass(frozen=True)
class Estimate:
    """A mean over repeats with its 90 % interval.

    Attributes:
        mean: Mean over all repeats.
        low: Lower end of the interval, from the spread of the split means, since their test sets differ.
        high: Upper end.
        num_repeats: Number of values.
    """

    mean: float
    low: float
    high: float
    num_repeats: int


def curve_of(results: pd.DataFrame, key: str) -> CurveLabel:
    """The curve of a record.

    Args:
        results: From `gnn_sim2real.records.results`.
        key: Key of the record.
    """
    row = results[results["key"] == key].iloc[0]
    return CurveLabel(*(row[name] for name in _CURVE))


def group_curves(results: pd.DataFrame) -> dict[CurveLabel, pd.DataFrame]:
    """Results with a source, by curve; training from scratch (source size 0) is a reference and not on a curve.

    Args:
        results: From `gnn_sim2real.records.results`.
    """
    return {CurveLabel(*names): found for names, found in _groups(results[results["source_size"] > 0], _CURVE)}


def group_points(results: pd.DataFrame) -> dict[tuple[CurveLabel, str], pd.DataFrame]:
    """Results of each grid point, by curve and level of the source size.

    Args:
        results: From `gnn_sim2real.records.results`.
    """
    grouped = _groups(results, [*_CURVE, "source_level"])
    return {(CurveLabel(*names[:-1]), names[-1]): found for names, found in grouped}


def _groups(results: pd.DataFrame, names: list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    return iter(results.groupby(names, observed=True))


def level_sizes(results: pd.DataFrame) -> dict[str, float]:
    """Number of source materials of each level; "all" is the mean over splits, which differ by a few.

    Args:
        results: Results of one curve or one grid point.

    Returns:
        Whole numbers, but where sizes are shares or other units.
    """
    levels = results.groupby("source_level", observed=True)["source_size"]
    ends = levels.agg(["first", "min", "max"])
    found: dict[str, float] = {}
    for level, first, least, most in zip(ends.index, *(ends[name].tolist() for name in ends), strict=True):
        found[str(level)] = whole(first) if least == most else round(levels.get_group(level).mean())
    return found


def whole(size: float) -> float:
    """A size as a whole number, if it is one.

    Args:
        size: The size.
    """
    return int(size) if size == int(size) else size


def source_sizes(results: pd.DataFrame) -> NDArray[np.float64]:
    """Source size of each model of a curve; "all" counts as one size, see `level_sizes`.

    Args:
        results: Results of one curve.
    """
    sizes = level_sizes(results)
    return np.array([sizes[level] for level in results["source_level"]], dtype=float)


def independent_curves(results: pd.DataFrame) -> list[str]:
    """Name of the independent curve that each model belongs to.

    Seeds of one split share its test part and are averaged into one curve. With a single split, each seed is a curve,
    and the intervals say nothing about another test part.

    Args:
        results: Results of one curve.
    """
    kind = "split" if results["split"].nunique() > 1 else "seed"
    numbers, which = np.unique(results[kind], return_inverse=True)
    names = np.array([f"{kind} {number}" for number in numbers], dtype=object)
    return list(names[which])


def estimate(values: pd.Series[float]) -> Estimate:
    """Mean over repeats, with Student's interval over the means of the splits, or over the seeds of a single split.

    Args:
        values: Values by split and seed.
    """
    mean = fmean(values)
    of_splits = values.groupby(level="split")
    units = of_splits.mean() if of_splits.ngroups > 1 else values
    _, low, high = interval_of_mean(np.asarray(units, np.float64), CONFIDENCE)
    half = (high - low) / 2
    return Estimate(mean, mean - half, mean + half, len(values))


def by_repeat(results: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Metric of one grid point, by split and seed.

    Args:
        results: Results of the grid point.
        metric: Column of the metric.
    """
    values = results.set_index(["split", "seed"])[metric]
    return values[~values.index.duplicated(keep="last")]


def pair_errors(better: pd.DataFrame, baseline: pd.DataFrame, metric: str) -> pd.DataFrame | None:
    """Errors of two grid points on the same splits and seeds.

    Args:
        better: Results of one grid point.
        baseline: Results of the other.
        metric: Column of the error.

    Returns:
        By split and seed, column `a` of the first and `b` of the other; None if they share no repeat.
    """
    import pandas as pd

    both = pd.concat([by_repeat(better, metric), by_repeat(baseline, metric)], axis=1, join="inner", keys=["a", "b"])
    return both if len(both) else None


def paired_gain(pairs: pd.DataFrame) -> Estimate:
    """How much lower one error is than another, on the same splits and seeds: the mean difference.

    Args:
        pairs: From `pair_errors`.
    """
    return estimate(pairs["b"] - pairs["a"])
