"""The power law with limit, the form of the papers.

References:
    H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018.
"""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.forms.form import LARGEST_SHARE, Floats, Form, log_rates

_SHARES = np.concatenate([[0.0], np.geomspace(1e-3, 0.1, 6), np.linspace(0.15, 0.95, 15), [0.98, 0.99, 0.999]])


class PowerLimit(Form):
    """E = D n^-alpha + C."""

    name = "power_limit"
    formula = "D n^-alpha + C"
    use = "falls to a limit; what is taken where too few sizes leave no choice"
    searched = ("log_rate", "limit_share")

    def axes(self, span: Floats) -> list[Floats]:
        return [log_rates(48), np.append(_SHARES, LARGEST_SHARE)]

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        fall = np.exp(parameters[:, :1]) * position[0]
        return fall, fall[:, None]

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        rate, share = np.exp(parameters[:, 0]), parameters[:, 1]
        return {
            "decay_rate": rate,
            "transfer_gap": first * share,
            "prefactor": first * (1.0 - share) * smallest[0] ** rate,
        }


POWER_LIMIT = PowerLimit()
