"""The models of each curve, one mean per source size and repeat: all that laws and figures need of a large study."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from gnn_sim2real.law.compare import Models
from gnn_sim2real.law.effective_data import FromScratch
from gnn_sim2real.law.fit import MIN_SIZES
from gnn_sim2real.law.surface import MIN_TARGET_SIZES, ScalingSurface, fit_scaling_surface
from gnn_sim2real.records.curves import CONFIDENCE, CurveLabel, Results, independent_curves, source_sizes
from gnn_sim2real.tasks.policies import REFERENCE, is_fine_tuning

NUM_RESAMPLES = 500


class Kind(NamedTuple):
    """What all curves of one law in source and target size have in common.

    Attributes:
        architecture: Name of the encoder.
        policy: How the measurements are used.
        growth: In which order the source grew.
    """

    architecture: str
    policy: str
    growth: str


def repeat_means(results: Results) -> dict[CurveLabel, Models]:
    """Return the models of each fine-tuned curve; they give the same laws as all records.

    Args:
        results: The results of one property.

    Returns:
        One model per source size and independent repeat, with the geometric mean of the errors, as fits use it.
    """
    return {
        label: _means(found, results.metric) for label, found in results.curves.items() if is_fine_tuning(label.policy)
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
    """Return the models without a source, one per target size and repeat; None if there are fewer than two sizes.

    Args:
        results: The results of one property.
        architecture: Name of the encoder.
    """
    sizes = {
        label.target_size: _means(found, results.metric)
        for (label, level), found in results.points.items()
        if level == "0" and (label.architecture, label.policy) == (architecture, REFERENCE)
    }
    if len(sizes) < 2:
        return None
    return FromScratch(
        np.repeat(list(sizes), [len(each.curves) for each in sizes.values()]),
        np.concatenate([each.errors for each in sizes.values()]),
        [repeat for each in sizes.values() for repeat in each.curves],
    )


def _means(results: pd.DataFrame, metric: str) -> Models:
    repeats = pd.Series(independent_curves(results), results.index, name="repeat")
    logs = np.log(results[metric]).groupby([source_sizes(results), repeats]).mean()
    sizes, curves = (logs.index.get_level_values(level) for level in (0, 1))
    return Models(sizes.to_numpy(dtype=float), np.exp(logs.to_numpy()), curves.tolist())


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
