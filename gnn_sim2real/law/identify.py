"""Which parameters of a fitted law the data determine, and which they do not, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gnn_sim2real.law.forms.form import RATE_BOUNDS, Floats
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.numbers import format_number
from gnn_sim2real.law.scaling_law import Interval

_TURNED = 0.25  # share of the draws that no longer fall
_FARTHEST = 1000.0  # times the largest size, which nothing is said about
_SMALLEST_DRIFT = 0.5  # smaller drifts are not mentioned [%]
_WIDEST_RATE = 5.0  # a rate known to less than this factor is not known


def doubts_of_rate(intervals: tuple[Interval, ...], flat: bool, repeated: bool) -> list[str]:
    """Why alpha is not identified; empty if it is.

    Args:
        intervals: Of alpha, from draws and from the profile.
        flat: Whether the errors may as well not fall at all.
        repeated: Whether sizes were repeated.
    """
    doubts = []
    low, high = min(each.low for each in intervals), max(each.high for each in intervals)
    if not repeated:
        doubts.append(
            "No source size was repeated: the intervals come from the scatter of single models about the law and do "
            "not contain the spread between runs, so neither alpha nor C is identified; add curves of other seeds."
        )
    if flat and high < 0:
        doubts.append("The error rises with n: more of this source makes it worse, and there is no limit.")
    elif flat:
        doubts.append(
            "The error does not fall with n beyond its scatter, and a constant describes it as well: neither alpha nor "
            "C is identified."
        )
    elif high > 0.99 * RATE_BOUNDS[1]:
        doubts.append(
            f"alpha is not identified: its interval reaches the largest rate that was tried ({RATE_BOUNDS[1]:g}), as "
            "when the error drops once and then stays level."
        )
    elif low < 1.01 * RATE_BOUNDS[0] or high > _WIDEST_RATE * low:
        doubts.append(f"alpha is not identified: its interval spans more than a factor of {_WIDEST_RATE:g}.")
    return doubts


def doubts_of_gap(
    sizes: Floats, fit: Fits, pure_rate: float, intervals: tuple[Interval, ...], least: float = 0.0
) -> list[str]:
    """Why C is not identified; empty if it is.

    Args:
        sizes: Source sizes n, ascending, shape ``(1, num_sizes)``.
        fit: The law.
        pure_rate: alpha of the pure power law that fits best.
        intervals: Of C, from draws and from the profile.
        least: What C cannot be below; 0 if that is not known.
    """
    if not fit.form.has_limit:
        return ["C is not identified: this form has no C, so it gives no limit."]
    first, last = fit.predict(sizes[:, [0, -1]])[0]
    low, high = min(each.low for each in intervals), max(each.high for each in intervals)
    if least > 0 and intervals[0].low <= least * (1.0 + 1e-6):
        return [
            f"C is not identified: its interval reaches the noise of the measurements ({least:.3g}), below which it "
            "cannot be."
        ]
    if low <= 1e-6 * last:
        which = _which_interval(intervals[0].low <= 1e-6 * last)
        return [
            f"C is not identified: its interval {which}reaches 0, and a pure power law (C = 0, "
            f"alpha = {pure_rate:.3g}) describes the errors as well."
        ]
    if high - low > first - last:
        which = _which_interval(intervals[0].high - intervals[0].low > first - last)
        return [f"C is not identified: its interval {which}is wider than the whole fall of the error over these sizes."]
    return []


def _which_interval(is_quoted: bool) -> str:
    """Which interval a doubt is about, if it is not the quoted one from the draws."""
    return "" if is_quoted else "by profile likelihood "


def doubts_of_surface_gap(values: Mapping[str, Any], ends: tuple[float, float]) -> list[str]:
    """Why G of a law in n and m is not identified, by the rules of a law in n alone; empty if it is.

    Args:
        values: Fields of the law by name.
        ends: Smallest and largest source size.
    """
    interval = values["transfer_gap_interval"]
    if interval.low <= 1e-6 * values["transfer_gap"] or not values["transfer_gap"]:
        return ["G is not identified: its interval reaches 0."]
    first, last = (values["prefactor"] * size ** -values["decay_rate"] for size in ends)
    if interval.high - interval.low > first - last:
        return ["G is not identified: its interval is wider than the whole fall of the error with n over these sizes."]
    return []


def doubts_of_forecast(drift: Floats) -> list[str]:
    """Describe by how much forecasts of measured sizes missed beyond chance, or that there are none; else empty.

    Args:
        drift: From `gnn_sim2real.law.drift.forecast_drift`.
    """
    doubts = []
    for which, of_variable in zip(("source", "target"), drift, strict=False):
        if np.isnan(of_variable):
            doubts.append(
                f"There are too few {which} sizes to forecast one from the smaller ones: all intervals beyond the "
                f"largest {which} size are valid only if the law continues to hold."
            )
            continue
        a_doubling = 100 * np.expm1(of_variable * np.log(2))
        if a_doubling >= _SMALLEST_DRIFT:
            doubts.append(
                f"Forecasts of a {which} size from the smaller ones missed by {a_doubling:.2g} % per doubling more "
                f"than chance explains; all intervals beyond the largest {which} size contain that."
            )
    return doubts


def doubts_of_reach(draws: tuple[Fits, ...]) -> list[str]:
    """Say where trust in the law ends: from where a part of its draws no longer fall; empty if that is far away.

    Args:
        draws: Laws of the draws, with drift.
    """
    turn = float(np.quantile(draws[0].turns[:, 0], _TURNED, method="nearest"))
    if turn > np.log(_FARTHEST):
        return []
    end = float(f"{draws[0].largest[0] * np.exp(turn):.2g}")
    return [
        f"Trust ends near n = {format_number(end, whole=True)}: beyond it, one draw in "
        f"{1 / _TURNED:.0f} no longer falls, since its drift is as large as its fall, and intervals stay level."
    ]
