"""How well a law describes the errors it was fitted to: whether what it misses is chance, or a shape that it lacks."""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.bootstrap import Means
from gnn_sim2real.law.forms.form import Floats
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.numbers import format_size

_LEAST_POINTS = 6  # whose order can tell anything
_NUM_ORDERS = 999
_SURPRISING, _RARE = 0.05, 0.01  # chances
_ROUNDING = 1e-6  # of a log error; smaller residuals are no shape
_SIGMAS = 1.645  # of a normal distribution hold 90 %
_FEW_HELD = 0.6  # share of the mean errors below which the law does not describe them


def chance_of_misfit(means: Means, rows: Floats, fit: Fits, drawn: Fits, sizes: Floats) -> float | None:
    """Share of draws that depart from their own law by at least as much as the means do; small for a wrong form.

    None without repeats: the noise is then taken from the misfit itself, which cannot judge it.

    Args:
        means: The means.
        rows: The drawn means, shape ``(num_draws, num_points)``.
        fit: The law of the means.
        drawn: The laws of the draws.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
    """
    if not means.repeated:
        return None
    missed = means.values - fit.predict_log(sizes)[0]
    by_chance = rows - drawn.predict_log(sizes) - missed  # the residual that a draw adds
    return float((by_chance**2 @ means.weights >= missed**2 @ means.weights).mean())


def chance_of_order(missed: Floats, sizes: Floats) -> float | None:
    """Share of random orders of the residuals in which neighbors are as much alike; small where a bend is missed.

    Residuals that are chance come in any order. Those of a law that lacks a bend come in runs of one sign. Along each
    variable, the residuals are averaged over the other one first.

    Args:
        missed: Log of (mean error / law), shape ``(num_points,)``.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.

    Returns:
        The least share of all variables, times their number; None if there are fewer than six sizes of each, or the
        residuals are nothing but rounding.
    """
    found = []
    for of_variable in sizes:
        levels, place = np.unique(of_variable, return_inverse=True)
        if len(levels) < _LEAST_POINTS or np.abs(missed).max() < _ROUNDING:
            continue
        along = np.bincount(place, missed) / np.bincount(place)
        along -= along.mean()
        random = np.random.default_rng(0)
        orders = np.stack([along, *(random.permutation(along) for _ in range(_NUM_ORDERS))])
        alike = (orders[:, 1:] * orders[:, :-1]).sum(axis=1)
        found.append(float((alike[1:] >= alike[0]).sum() + 1) / (_NUM_ORDERS + 1))
    return min(1.0, len(found) * min(found)) if found else None


def share_held(means: Means, fit: Fits, drawn: Fits, sizes: Floats) -> float:
    """Share of the mean errors that lie where the law, its draws and the scatter of these means expect 90 % of them.

    Args:
        means: The means.
        fit: The law of the means.
        drawn: The laws of the draws.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
    """
    low, high = np.quantile(drawn.predict_log(sizes), (0.1587, 0.8413), axis=0)
    spread = np.sqrt(((high - low) / 2.0) ** 2 + np.diag(means.covariance()))
    return float((np.abs(means.values - fit.predict_log(sizes)[0]) <= _SIGMAS * spread + 1e-9).mean())


def is_missed(chance: float | None, order: float | None, held: float) -> bool:
    """Whether a law misses the means by more than chance explains, or neighboring sizes alike.

    Args:
        chance: From `chance_of_misfit`.
        order: From `chance_of_order`.
        held: From `share_held`.
    """
    return _is_far(chance, held) or (order is not None and order < _SURPRISING)


def _is_far(chance: float | None, held: float) -> bool:
    return chance is not None and (chance < _RARE or held < _FEW_HELD)


def doubts_of_form(
    means: Means, fit: Fits, sizes: Floats, chance: float | None, order: float | None, held: float
) -> list[str]:
    """Describe how the law misses the means by more than chance explains; empty if it does not.

    Args:
        means: The means.
        fit: The law.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        chance: From `chance_of_misfit`.
        order: From `chance_of_order`.
        held: From `share_held`.
    """
    missed = means.values - fit.predict_log(sizes)[0]
    worst = np.abs(missed).argmax()
    names = ("n", "m")
    where = ", ".join(f"{name} = {format_size(size)}" for name, size in zip(names, sizes[:, worst], strict=False))
    most = f"most at {where} ({100 * np.expm1(missed[worst]):+.1f} %)"
    doubts = []
    if _is_far(chance, held):
        doubts.append(
            "The mean errors depart from this form by more than the scatter of the repeats explains, "
            f"{most}, and the intervals do not contain that."
        )
    if order is not None and order < _SURPRISING and not doubts:
        doubts.append(
            f"The law misses neighboring sizes alike, {most}, as when the curve bends in a way that it lacks "
            f"(chance does so in {100 * order:.1g} % of all orders)."
        )
    return doubts
