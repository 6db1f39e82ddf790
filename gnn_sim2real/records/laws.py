"""From records to laws: the one way of the callback, studies, their reports and `gnn-sim2real law`.

Whoever asks, the same records give the same law, digit for digit: its form, its draws, and whether the choice of test
materials is in its intervals are decided here and in `gnn_sim2real.law.fit.fit_law`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.law.effective_data import FromScratch
from gnn_sim2real.law.fit import MIN_SIZES, fit_law
from gnn_sim2real.law.log_errors import Bounds
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import MIN_TARGET_SIZES, ScalingSurface, fit_surface
from gnn_sim2real.records.curves import (
    CurveLabel,
    Kind,
    group_curves,
    group_points,
    independent_curves,
    source_sizes,
)
from gnn_sim2real.records.material_pulls import METRICS_OF_MATERIALS, PublishedPulls, read_material_errors
from gnn_sim2real.records.results import NOISE
from gnn_sim2real.tasks.policies import REFERENCE, is_fine_tuning


def read_models(
    results: pd.DataFrame,
    metric: str,
    records: Path | PublishedPulls | None,
    has_labels: bool = True,
    least_limit: float = 0.0,
) -> Models:
    """The models of one curve, or of one kind at several target sizes.

    What is known of the errors on the single test materials is read wherever all models share one test part; the choice
    of these materials is then in the intervals.

    Args:
        results: Results of the models, from `gnn_sim2real.records.results`.
        metric: Error to fit.
        records: Folder of the records, with the error on each test material, or what a published result knows of them;
            None if nothing is at hand.
        has_labels: Whether seeds and splits are named; if not, no other curve has these repeats.
        least_limit: From `least_limit`, of all results of the study.
    """
    found = None
    if metric in METRICS_OF_MATERIALS:
        if isinstance(records, PublishedPulls):
            found = records.of_models([*map(str, results["key"])], metric)
        elif records is not None:
            found = read_material_errors(results, records)
    materials, values = found or (None, None)
    is_published = isinstance(records, PublishedPulls)
    return Models(
        source_sizes(results),
        results[metric].to_numpy(),
        independent_curves(results) if has_labels else None,
        results["weight"].to_numpy() if "weight" in results else None,
        None if is_published else values,
        materials,
        results["target_size"].to_numpy(dtype=float) if results["target_size"].nunique() > 1 else None,
        values if is_published else None,
        results["spread"].to_numpy() if "spread" in results else None,
        Bounds(least_limit),
    )


def least_limit(results: pd.DataFrame, metric: str) -> float:
    """What no error can fall below: the noise of the measurements, where the records carry it; else 0.

    A root mean square error is no smaller than the mean absolute one, so that the bound holds for both. Of the cells of
    published result only some have a data card, and it tells of all.

    Args:
        results: All results of a study, from `gnn_sim2real.records.results`.
        metric: Error to fit.
    """
    if metric not in METRICS_OF_MATERIALS or NOISE not in results:
        return 0.0
    return float(results[NOISE].min())


@dataclass(frozen=True)
class Grid:
    """The models of one architecture and policy at all source and target sizes.

    Attributes:
        models: The models, with their target sizes if there are several.
        scratch: Models of the same architecture and policy without a source; None unless there are several sizes.
    """

    models: Models
    scratch: FromScratch | None

    @property
    def has_surface(self) -> bool:
        """Whether there are enough sizes for a law in both."""
        targets = self.models.target_sizes
        return (
            targets is not None
            and self.models.num_sizes() >= MIN_SIZES
            and len(np.unique(np.asarray(targets))) >= MIN_TARGET_SIZES
        )


def read_grids(
    results: pd.DataFrame,
    metric: str,
    records: Path | PublishedPulls | None,
    has_labels: bool = True,
    least_limit: float = 0.0,
) -> dict[Kind, Grid]:
    """The models of each kind at all sizes.

    Args:
        results: As for `read_models`, of all kinds.
        metric: Error to fit.
        records: As for `read_models`.
        has_labels: As for `read_models`.
        least_limit: As for `read_models`.
    """
    grids: dict[Kind, Grid] = {}
    all_scratch = results[is_scratch(results)]
    with_source = results[results["source_size"] > 0]
    name: Any  # values of the columns
    for name, found in with_source.groupby([*Kind._fields], observed=True):
        rest = all_scratch[all_scratch["architecture"] == name[0]]
        scratch = FromScratch(rest["target_size"], rest[metric], independent_curves(rest))
        several = rest["target_size"].nunique() > 1
        grids[Kind(*name)] = Grid(
            read_models(found, metric, records, has_labels, least_limit), scratch if several else None
        )
    return grids


def is_scratch(results: pd.DataFrame) -> pd.Series[bool]:
    """Which results are from scratch, the reference of every policy; in a CSV file they have no policy.

    Args:
        results: From `gnn_sim2real.records.results`.
    """
    return (results["source_size"] == 0) & results["policy"].isin([REFERENCE, ""])


class Results:
    """The results of a study, grouped and fitted once for table, figure and page.

    Args:
        table: Results of one property, from `gnn_sim2real.records.results`.
        metric: Error of the curves.
        records: Folder of the records, with the error on each test material; None if it is not at hand.
        pulls: Instead of the folder, what a published result knows of the test materials.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        metric: str = "mae",
        records: Path | None = None,
        pulls: PublishedPulls | None = None,
    ) -> None:
        self.table, self.metric, self.records, self.pulls = table, metric, records, pulls

    @cached_property
    def points(self) -> dict[tuple[CurveLabel, str], pd.DataFrame]:
        """See `group_points`."""
        return group_points(self.table)

    @cached_property
    def curves(self) -> dict[CurveLabel, pd.DataFrame]:
        """See `group_curves`."""
        return group_curves(self.table)

    @cached_property
    def least_limit(self) -> float:
        """See `least_limit`."""
        return least_limit(self.table, self.metric)

    @cached_property
    def models(self) -> dict[CurveLabel, Models]:
        """The models of each curve."""
        given = self.metric, self.pulls or self.records, True, self.least_limit
        return {label: read_models(found, *given) for label, found in self.curves.items()}

    @cached_property
    def laws(self) -> dict[CurveLabel, ScalingLaw]:
        """The law of each curve that has enough sizes."""
        return {label: fit_law(models) for label, models in self.models.items() if models.num_sizes() >= MIN_SIZES}

    @cached_property
    def grids(self) -> dict[Kind, Grid]:
        """The models of each kind of fine-tuned model at all sizes."""
        found = read_grids(self.table, self.metric, self.pulls or self.records, True, self.least_limit)
        return {kind: grid for kind, grid in found.items() if is_fine_tuning(kind.policy)}

    @cached_property
    def surfaces(self) -> dict[Kind, ScalingSurface]:
        """The law in source and target size of each kind of fine-tuned model that has enough sizes of both."""
        return {kind: fit_surface(grid.models) for kind, grid in self.grids.items() if grid.has_surface}
