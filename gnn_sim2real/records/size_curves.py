"""One kind of model over both sizes: its errors, and what it gains over others, test part by test part.

The interval of an error holds the differences between test parts, of which some are harder than others for every model;
intervals of two models overlap although one is better in each part. A gain is paired by test part and seed, so that
these differences cancel: it is what a comparison rests on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gnn_sim2real.baselines import BASELINES, needs_measurements
from gnn_sim2real.records.curves import CurveLabel, Estimate, Kind, by_number, by_repeat, level_sizes, model_name
from gnn_sim2real.records.geometric import geometric_gain, geometric_mean
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.same_materials import pair_on_same
from gnn_sim2real.tasks.policies import REFERENCE, is_fine_tuning

if TYPE_CHECKING:
    import pandas as pd


FROM_SCRATCH = "from scratch"
"""What a gain over the same network without a source calls it."""


class SizePoint(NamedTuple):
    """An error or a gain at one size.

    Attributes:
        size: Source size n or target size m.
        value: Geometric mean of the error, or the gain: how much lower the error is than that of the other model.
        low: Lower end of its 90 % interval; NaN for a single repeat.
        high: Upper end.
        over: Of a gain the other model.
        num_pairs: Number of errors, or of pairs of them.
    """

    size: float
    value: float
    low: float
    high: float
    over: str = ""
    num_pairs: int = 0


Curves = Mapping[float, Sequence[SizePoint]]
"""Points by the other size, all ascending."""


@dataclass(frozen=True, eq=False)
class SizeCurves:
    """One kind of fine-tuned model over both sizes.

    Attributes:
        kind: The kind.
        by_target: Errors against n, for each m.
        by_source: Errors against m, for each n.
        scratch: Errors of the same network without a source, against m.
        over_scratch: Gains over it against n, for each m.
        over_simple: Gains over the strongest simple method, alike: at each n the baseline with the lowest test error
            among those that use these measurements, at most this source and all test materials of the network. It is
            chosen by its test error, which favors it.
        num_splits: Number of test parts; with a single one, intervals are over seeds and say nothing of other parts.
    """

    kind: Kind
    by_target: Curves
    by_source: Curves
    scratch: Sequence[SizePoint]
    over_scratch: Curves
    over_simple: Curves
    num_splits: int

    @property
    def name(self) -> str:
        """Name of the kind for people."""
        return model_name(self.kind)


def size_curves(results: Results, kinds: Collection[Kind] | None = None) -> list[SizeCurves]:
    """What each kind of fine-tuned model does over both sizes.

    Args:
        results: The results of one property.
        kinds: The kinds; all unless given.
    """
    found = {label.kind for label in results.curves if is_fine_tuning(label.policy)} if kinds is None else {*kinds}
    rivals = _Rivals(results)
    return [_of_kind(kind, results, rivals) for kind in sorted(found, key=lambda kind: [*map(by_number, kind)])]


def _of_kind(kind: Kind, results: Results, rivals: _Rivals) -> SizeCurves:
    by_target: dict[float, list[SizePoint]] = {}
    by_source: dict[float, list[SizePoint]] = {}
    over_scratch: dict[float, list[SizePoint]] = {}
    over_simple: dict[float, list[SizePoint]] = {}
    scratch, labels = [], sorted(label for label in results.curves if label.kind == kind)
    splits = {split for label in labels for split in results.curves[label]["split"]}
    sizes = level_sizes(results.table[results.table["key"].isin(rivals.keys_of(labels))])
    for label in labels:
        m, without = label.target_size, rivals.from_scratch(label)
        if without is not None:
            scratch.append(_error(m, without, results.metric))
        for level in sorted(level_sizes(results.curves[label]), key=lambda level: sizes[level]):
            found, n = results.points[label, level], sizes[level]
            error = _error(n, found, results.metric)
            by_target.setdefault(m, []).append(error)
            by_source.setdefault(n, []).append(error._replace(size=m))
            others = (over_scratch, (FROM_SCRATCH, without)), (over_simple, rivals.simple(label, level, found))
            for gains, (name, other) in others:
                if other is not None and (gain := _gain(n, found, other, name, results)) is not None:
                    gains.setdefault(m, []).append(gain)
    ascending = dict(sorted(by_source.items()))
    return SizeCurves(kind, by_target, ascending, scratch, over_scratch, over_simple, len(splits))


def _error(size: float, found: pd.DataFrame, metric: str) -> SizePoint:
    return _point(size, geometric_mean(by_repeat(found, metric)))


def _gain(size: float, found: pd.DataFrame, other: pd.DataFrame, name: str, results: Results) -> SizePoint | None:
    pairs, _ = pair_on_same(found, other, results)
    return None if pairs is None else _point(size, geometric_gain(pairs), name)


def _point(size: float, value: Estimate, over: str = "") -> SizePoint:
    return SizePoint(float(size), value.mean, value.low, value.high, over, value.num_repeats)


class _Rivals:
    """What the models of a study are compared with.

    Args:
        results: The results of one property.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._simple: dict[str, list[tuple[CurveLabel, pd.DataFrame, float]]] = {}
        for (label, level), found in results.points.items():
            if label.policy in BASELINES:
                error = geometric_mean(by_repeat(found, results.metric)).mean
                self._simple.setdefault(level, []).append((label, found, error))

    def keys_of(self, labels: Sequence[CurveLabel]) -> set[str]:
        """Keys of the records of some curves."""
        return {str(key) for label in labels for key in self._results.curves[label]["key"]}

    def from_scratch(self, label: CurveLabel) -> pd.DataFrame | None:
        """Models of the same network without a source; those of the same policy are the closer rivals."""
        for policy in dict.fromkeys((label.policy, REFERENCE)):
            found = self._results.points.get((CurveLabel(label.target_size, label.architecture, policy), "0"))
            if found is not None:
                return found
        return None

    def simple(self, label: CurveLabel, level: str, found: pd.DataFrame) -> tuple[str, pd.DataFrame | None]:
        """Name and results of the strongest simple method; None if there is none."""
        best = math.inf
        of_best: tuple[str, pd.DataFrame | None] = ("", None)
        num_test = found["num_test"].mean()
        for each in dict.fromkeys(("0", level)):
            for other, results, error in self._simple.get(each, ()):
                is_same_source = each == "0" or other.kind[2:] == label.kind[2:]
                same = not needs_measurements(other.policy) or other.target_size == label.target_size
                if is_same_source and same and results["num_test"].mean() == num_test and error < best:
                    seeds = results if needs_measurements(other.policy) else _with_seeds_of(found, results)
                    best, of_best = error, (model_name(other.kind), seeds)
        return of_best


def _with_seeds_of(found: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """What depends on the test part alone, once for each seed that a network has there."""
    of_splits = results.drop(columns="seed").drop_duplicates("split")
    return found[["split", "seed"]].drop_duplicates().merge(of_splits, on="split")
