"""Geometric means over repeats, which reports show everywhere: the law is fitted to logarithms, so it is one of them.

An arithmetic mean over test parts of which some are harder than others lies some percent above, so that points, tables
and the law would contradict each other. A summary has both; `mean`, `low` and `high` are the arithmetic ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.law.frame import CONFIDENCE
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.records.curves import Estimate

GEOMETRIC = "geometric"
"""Entry of a row and of a gain of the summary that has the geometric mean, with its interval."""

KIND_OF_MEAN = "geometric mean over test parts and seeds"
"""What a report says of its errors."""


def geometric_mean(values: pd.Series[float]) -> Estimate:
    """Geometric mean over repeats, with Student's interval on the logarithm, as for the points of a figure.

    Args:
        values: Errors by split and seed. Of an error of zero the mean is zero, without an interval.
    """
    if (values <= 0).any():
        return Estimate(0.0, float("nan"), float("nan"), len(values))
    mean, low, high = np.exp(interval_of_mean(_of_repeats(values.map(math.log)), CONFIDENCE))
    return Estimate(float(mean), float(low), float(high), len(values))


def geometric_gain(pairs: pd.DataFrame) -> Estimate:
    """How much lower one geometric mean is than another, with the interval of their ratio.

    Args:
        pairs: Errors by split and seed, of the better model in column `a` and of the other in `b`.
    """
    if (pairs <= 0).to_numpy().any():
        first, second = (geometric_mean(pairs[name]).mean for name in "ab")
        return Estimate(second - first, float("nan"), float("nan"), len(pairs))
    better, baseline = pairs["a"].map(math.log), pairs["b"].map(math.log)
    other = float(np.exp(_of_repeats(baseline).mean()))
    ratio = interval_of_mean(_of_repeats(baseline - better), CONFIDENCE)
    mean, low, high = other * -np.expm1(-np.asarray(ratio))
    return Estimate(float(mean), float(low), float(high), len(pairs))


def with_geometric_means(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary whose errors and gains are the geometric means that it has beside the arithmetic ones.

    Args:
        summary: From `gnn_sim2real.records.summary.summarize`.
    """
    rows = [row | row.get(GEOMETRIC, {}) for row in summary["rows"]]
    gains = [each | ({"gain": each[GEOMETRIC]} if GEOMETRIC in each else {}) for each in summary["gains"]]
    return {**summary, "rows": rows, "gains": gains}


def _of_repeats(logs: pd.Series[float]) -> Any:
    """The mean of each split, since their test materials differ; the seeds, if there is a single split."""
    of_splits = logs.groupby(level="split")
    return np.asarray(of_splits.mean() if of_splits.ngroups > 1 else logs, np.float64)
