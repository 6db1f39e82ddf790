"""The forms that a scaling law can have, each as the shape of log E over log sizes.

Every form is written as

    E = S [(1 - g) exp(-Q) + g],

with S the error at the smallest sizes, g the share of it that no size removes, and Q the fall, which is zero at the
smallest sizes. log S is then a weighted mean, and only the few parameters of Q and g are searched, between bounds
that follow from the range of the sizes. `natural` turns them into the parameters of the papers.

References:
    power law with limit, and in two variables: H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018;
    saturating: M4 of I. Alabdulmohsin, B. Neyshabur, X. Zhai (2022), https://arxiv.org/abs/2209.06640, with its
    exponent of (E0 - E) at 1, which leaves four parameters and E as a function of n;
    broken: E. Caballero et al. (2023), https://arxiv.org/abs/2210.14891;
    transfer gap: M. Barnett (2024), https://arxiv.org/abs/2408.16947; the product with limit is this form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATE_BOUNDS = (1e-3, 3.0)
"""Smallest and largest decay rate that is tried."""

_SHARES = np.concatenate([[0.0], np.geomspace(1e-3, 0.1, 6), np.linspace(0.15, 0.95, 15), [0.98, 0.99, 0.999]])
_ENDLESS = 1e6  # log ratio of an endless size; the smallest rate times it leaves nothing
_HIGHEST = 690.0  # log of what a rising error becomes at an endless size; exp of it is still a number
_LARGEST_SHARE = 1.0 - 1e-9  # something must fall


@dataclass(frozen=True)
class Form:
    """A form of the law.

    Attributes:
        name: What it is called in options and reports.
        formula: The form as text.
        num_parameters: Number of its parameters.
        num_variables: 1 for E(n), 2 for E(n, m).
        has_limit: Whether its last parameter is g; without it g = 0.
        fall: Q and its derivatives by its parameters, from log ratios to the smallest sizes, shape
            ``(num_variables, num_points)``, and parameters, shape ``(num_rows, num_searched)``. The derivatives have
            the shape ``(num_rows, num_searched, num_points)``.
        axes: Start values of each searched parameter, from the log ratio of largest to smallest sizes, shape
            ``(num_variables,)``; the first and the last are its bounds.
        natural: The parameters of the papers, from searched parameters, S and the smallest sizes.
    """

    name: str
    formula: str
    num_parameters: int
    num_variables: int
    has_limit: bool
    fall: Callable[[Floats, Floats], tuple[Floats, Floats]]
    axes: Callable[[Floats], list[Floats]]
    natural: Callable[[Floats, Floats, Floats], dict[str, Floats]]

    def log_shape(self, position: Floats, parameters: Floats) -> Floats:
        """Return log(E / S), shape ``(num_rows, num_points)``."""
        remains = np.exp(np.minimum(-self.fall(position, parameters)[0], _HIGHEST))
        share = parameters[:, -1:] if self.has_limit else 0.0
        return np.asarray(np.log(np.maximum((1.0 - share) * remains + share, 1e-300)))

    def slopes(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        """Return log(E / S) and its derivatives, shape ``(num_rows, num_searched, num_points)``."""
        fall, slopes = self.fall(position, parameters)
        remains = np.exp(-fall)
        share = parameters[:, -1:] if self.has_limit else np.zeros((len(parameters), 1))
        value = np.maximum((1.0 - share) * remains + share, 1e-300)
        slopes = slopes * (-(1.0 - share) * remains / value)[:, None]
        if self.has_limit:
            slopes = np.concatenate([slopes, ((1.0 - remains) / value)[:, None]], axis=1)
        return np.log(value), slopes


def log_position(sizes: Floats, smallest: Floats) -> Floats:
    """Return log ratios of sizes to the smallest ones, shape ``(num_variables, num_points)``; sizes may be endless."""
    return np.asarray(np.minimum(np.log(sizes / smallest[:, None]), _ENDLESS))


def log_position_beyond(sizes: Floats, largest: Floats) -> Floats:
    """Return log ratios of sizes to the largest ones where they are beyond, else zero, shape as the sizes.

    It is zero at an endless size too: the limit is that of the form.
    """
    return np.asarray(np.where(np.isfinite(sizes), np.log(np.maximum(sizes / largest[:, None], 1.0)), 0.0))


def _softplus(value: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, value))


def _sigmoid(value: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0.0, -value)))


def _rates(count: int) -> Floats:
    return np.log(np.geomspace(*RATE_BOUNDS, count))


def _power_fall(position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    return parameters[:, :1] * position[0], (np.ones_like(parameters) * position[0])[:, None]


def _power_natural(parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
    rate = parameters[:, 0]
    return {"decay_rate": rate, "transfer_gap": np.zeros_like(rate), "prefactor": first * smallest[0] ** rate}


def _limit_fall(position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    fall = np.exp(parameters[:, :1]) * position[0]
    return fall, fall[:, None]


def _limit_natural(parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
    rate, share = np.exp(parameters[:, 0]), parameters[:, 1]
    return {
        "decay_rate": rate,
        "transfer_gap": first * share,
        "prefactor": first * (1.0 - share) * smallest[0] ** rate,
    }


def _saturating_fall(position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    rate, onset = np.exp(parameters[:, :1]), parameters[:, 1:2]
    beyond, before = rate * (position[0] - onset), -rate * onset
    steep, steep_before = _sigmoid(beyond), _sigmoid(before)
    slopes = np.stack([beyond * steep - before * steep_before, -rate * (steep - steep_before)], axis=1)
    return _softplus(beyond) - _softplus(before), slopes


def _saturating_natural(parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
    rate, onset, share = np.exp(parameters[:, 0]), parameters[:, 1], parameters[:, 2]
    falling = first * (1.0 - share)
    return {
        "decay_rate": rate,
        "transfer_gap": first * share,
        "prefactor": falling * smallest[0] ** rate * (1.0 + np.exp(rate * onset)),
        "error_without_source": first * share + falling * (1.0 + np.exp(-rate * onset)),
        "onset_size": smallest[0] * np.exp(onset),
    }


def _broken_fall(position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    late, early, turn = np.exp(parameters[:, :1]), np.exp(parameters[:, 1:2]), parameters[:, 2:3]
    width = np.exp(parameters[:, 3:4])
    beyond, before = (position[0] - turn) / width, -turn / width
    steep, steep_before = _sigmoid(beyond), _sigmoid(before)
    bend = _softplus(beyond) - _softplus(before)  # how far beyond the turn, smoothed, in units of the width
    slopes = [
        late * width * bend,
        early * (position[0] - width * bend),
        -(late - early) * (steep - steep_before),
        (late - early) * width * (bend - beyond * steep + before * steep_before),
    ]
    return early * position[0] + (late - early) * width * bend, np.stack(slopes, axis=1)


def _broken_natural(parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
    late, early, turn = np.exp(parameters[:, 0]), np.exp(parameters[:, 1]), parameters[:, 2]
    width, share = np.exp(parameters[:, 3]), parameters[:, 4]
    log_gain = (late - early) * (turn + width * _softplus(-turn / width))
    return {
        "decay_rate": late,
        "transfer_gap": first * share,
        "prefactor": first * (1.0 - share) * smallest[0] ** late * np.exp(log_gain),
        "early_rate": early,
        "break_size": smallest[0] * np.exp(turn),
        "break_width": width,
    }


def _surface_fall(position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    """Q of (gamma + n^-alpha) m^-beta, with gamma as a share of the error at the smallest sizes."""
    target, share = np.exp(parameters[:, 1:2]), parameters[:, 2:3]
    source = np.exp(parameters[:, :1]) * position[0]
    remains = np.exp(-source)
    value = (1.0 - share) * remains + share
    fall_of_target = target * position[1]
    slopes = [(1.0 - share) * remains * source / value, fall_of_target, -(1.0 - remains) / value]
    return fall_of_target - np.log(value), np.stack(slopes, axis=1)


def _surface_natural(parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
    rate, target_rate, share = np.exp(parameters[:, 0]), np.exp(parameters[:, 1]), parameters[:, 2]
    limit = parameters[:, 3] if parameters.shape[1] > 3 else np.zeros_like(rate)
    falling = first * (1.0 - limit) * smallest[1] ** target_rate
    return {
        "decay_rate": rate,
        "target_rate": target_rate,
        "transfer_gap": falling * share,
        "prefactor": falling * (1.0 - share) * smallest[0] ** rate,
        "limit": first * limit,
    }


_SURFACE_SHARES = np.array([0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 0.97, _LARGEST_SHARE])

POWER = Form(
    "power",
    "D n^-alpha",
    2,
    1,
    False,
    _power_fall,
    # the only form whose rate may be negative: a curve that rises has to look like one
    lambda span: [np.linspace(-RATE_BOUNDS[1], RATE_BOUNDS[1], 25)],
    _power_natural,
)
POWER_LIMIT = Form(
    "power_limit",
    "D n^-alpha + C",
    3,
    1,
    True,
    _limit_fall,
    lambda span: [_rates(48), np.append(_SHARES, _LARGEST_SHARE)],
    _limit_natural,
)
SATURATING = Form(
    "saturating",
    "C + (E0 - C) / (1 + (n / n0)^alpha)",
    4,
    1,
    True,
    _saturating_fall,
    lambda span: [
        _rates(16),
        np.linspace(-2.0, span[0], 12),
        np.array([0.0, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, _LARGEST_SHARE]),
    ],
    _saturating_natural,
)
BROKEN = Form(
    "broken",
    "C + B n^-a (1 + (n / n0)^(1/w))^(-w (alpha - a))",
    6,
    1,
    True,
    _broken_fall,
    lambda span: [
        _rates(8),
        _rates(8),
        np.linspace(0.0, span[0], 6),
        np.log([0.05, 0.3, 1.0]),
        np.array([0.0, 0.2, 0.5, 0.8, _LARGEST_SHARE]),
    ],
    _broken_natural,
)
SURFACE = Form(
    "product",
    "(D n^-alpha + G) m^-beta",
    4,
    2,
    False,
    _surface_fall,
    lambda span: [_rates(24), _rates(16), _SURFACE_SHARES],
    _surface_natural,
)
SURFACE_LIMIT = Form(
    "product_limit",
    "(D n^-alpha + G) m^-beta + L",
    5,
    2,
    True,
    _surface_fall,
    lambda span: [_rates(14), _rates(12), _SURFACE_SHARES, _SURFACE_SHARES],
    _surface_natural,
)

CURVE_FORMS: Mapping[str, Form] = {form.name: form for form in (POWER, POWER_LIMIT, SATURATING, BROKEN)}
"""Forms of E(n), from few parameters to many."""

SURFACE_FORMS: Mapping[str, Form] = {form.name: form for form in (SURFACE, SURFACE_LIMIT)}
"""Forms of E(n, m), from few parameters to many."""
