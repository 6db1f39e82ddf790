"""A law with one smooth break, from one rate to another.

References:
    E. Caballero et al. (2023), https://arxiv.org/abs/2210.14891.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gnn_sim2real.law.forms.form import LARGEST_SHARE, Floats, Form, Parameter, log_rates, sigmoid, softplus


class Broken(Form):
    """E = C + B n^-a (1 + (n / n0)^(1/w))^(-w (alpha - a)), so that D = B n0^(alpha - a)."""

    name = "broken"
    formula = "C + B n^-a (1 + (n / n0)^(1/w))^(-w (alpha - a))"
    use = "falls at one rate and then at another"
    searched = ("log_rate", "log_early_rate", "log_break", "log_width", "limit_share")
    further = (
        Parameter("early_rate", "a", "rate", "rate before the break"),
        Parameter("break_size", "n0", "size", "size at the break"),
        Parameter("break_width", "w", "number", "width of the break, in log n"),
    )
    likely = 0.5
    prior: ClassVar = {
        **Form.prior,
        "log_early_rate": (float(np.log(0.25)), 0.7),
        "log_width": (float(np.log(0.5)), 0.7),
    }

    def axes(self, span: Floats) -> list[Floats]:
        return [
            log_rates(8),
            log_rates(8),
            np.linspace(0.0, span[0], 6),
            np.log([0.05, 0.3, 1.0]),
            np.array([0.0, 0.2, 0.5, 0.8, LARGEST_SHARE]),
        ]

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        late, early, turn = np.exp(parameters[:, :1]), np.exp(parameters[:, 1:2]), parameters[:, 2:3]
        width = np.exp(parameters[:, 3:4])
        beyond, before = (position[0] - turn) / width, -turn / width
        steep, steep_before = sigmoid(beyond), sigmoid(before)
        bend = softplus(beyond) - softplus(before)  # how far beyond the turn, smoothed, in units of the width
        slopes = [
            late * width * bend,
            early * (position[0] - width * bend),
            -(late - early) * (steep - steep_before),
            (late - early) * width * (bend - beyond * steep + before * steep_before),
        ]
        return early * position[0] + (late - early) * width * bend, np.stack(slopes, axis=1)

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        late, early, turn = np.exp(parameters[:, 0]), np.exp(parameters[:, 1]), parameters[:, 2]
        width, share = np.exp(parameters[:, 3]), parameters[:, 4]
        log_gain = (late - early) * (turn + width * softplus(-turn / width))
        return {
            "decay_rate": late,
            "transfer_gap": first * share,
            "prefactor": first * (1.0 - share) * smallest[0] ** late * np.exp(log_gain),
            "early_rate": early,
            "break_size": smallest[0] * np.exp(turn),
            "break_width": width,
        }


BROKEN = Broken()
