"""The models of each curve, one mean a source size and repeat: as much as laws and figures need of a large study."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from gnn_sim2real.policies import FINE_TUNING_POLICIES
from gnn_sim2real.scaling.compare import Models
from gnn_sim2real.scaling.curves import CONFIDENCE, CurveLabel, Results, independent_curves, level_sizes
from gnn_sim2real.scaling.effective_data import FromScratch
from gnn_sim2real.scaling.fit import MIN_SIZES
from gnn_sim2real.scaling.records import Record
from gnn_sim2real.scaling.surface import MIN_TARGET_SIZES, ScalingSurface, fit_scaling_surface

NUM_RESAMPLES = 500


class Kind(NamedTuple):
    """What all curves of one law in source and target size share.

    Attributes:
        architecture: Name of the encoder.
        policy: How the measurements are used.
        growth: How the source grew.
    """

    architecture: str
    policy: str
    growth: str


def repeat_means(results: Results) -> dict[CurveLabel, Models]:
    """Return the models of each fine-tuned curve; laws of them are those of all records.

    Args:
        results: The records of one property.

    Returns:
        One model a source size and independent repeat, with the geometric mean of the errors, as a fit takes it.
    """
    return {
        label: _means(records, results.metric)
        for label, records in results.curves.items()
        if label.policy in FINE_TUNING_POLICIES
    }


def fit_surfaces(models: Mapping[CurveLabel, Models]) -> dict[Kind, ScalingSurface]:
    """Fit a law in source and target size to each kind of model that has enough sizes of both.

    Args:
        models: From `repeat_means`.
    """
    kinds: dict[Kind, dict[int, Models]] = {}
    for label, found in models.items():
        kinds.setdefault(Kind(label.architecture, label.policy, label.growth), {})[label.target_size] = found
    return {
        kind: _fit_surface(found)
        for kind, found in kinds.items()
        if len(found) >= MIN_TARGET_SIZES and min(each.num_sizes() for each in found.values()) >= MIN_SIZES
    }


def from_scratch(results: Results, architecture: str) -> FromScratch | None:
    """Return the models without a source, one a target size and repeat; None where there are fewer than two sizes.

    Args:
        results: The records of one property.
        architecture: Name of the encoder.
    """
    found = {
        label.target_size: _means(records, results.metric)
        for (label, level), records in results.points.items()
        if level == "0" and (label.architecture, label.policy) == (architecture, "none")
    }
    if len(found) < 2:
        return None
    return FromScratch(
        np.repeat(list(found), [len(each.curves) for each in found.values()]),
        np.concatenate([each.errors for each in found.values()]),
        [repeat for each in found.values() for repeat in each.curves],
    )


def _means(records: Iterable[Record], metric: str) -> Models:
    records = list(records)
    sizes = level_sizes(records)
    logs: dict[tuple[str, str], list[float]] = {}
    for record, repeat in zip(records, independent_curves(records), strict=True):
        logs.setdefault((record.cell.source_level, repeat), []).append(math.log(record.metrics[metric]))
    return Models(
        [sizes[level] for level, _ in logs],
        [math.exp(math.fsum(each) / len(each)) for each in logs.values()],
        [repeat for _, repeat in logs],
    )


def _fit_surface(found: Mapping[int, Models]) -> ScalingSurface:
    models = found.values()
    return fit_scaling_surface(
        np.concatenate([each.source_sizes for each in models]),
        np.repeat(list(found), [len(each.curves) for each in models]),
        np.concatenate([each.errors for each in models]),
        curves=[repeat for each in models for repeat in each.curves],
        confidence=CONFIDENCE,
        num_resamples=NUM_RESAMPLES,
    )
