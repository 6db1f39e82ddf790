"""A law in source and target size: what the source leaves, times a power of the target size.

References:
    H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018.
"""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.forms.form import LARGEST_SHARE, Floats, SurfaceForm, log_rates

SHARES = np.array([0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 0.97, LARGEST_SHARE])
"""Start values of a share."""


class Product(SurfaceForm):
    """E = (D n^-alpha + G) m^-beta."""

    name = "product"
    formula = "(D n^-alpha + G) m^-beta"
    use = "more measurements lower all of the error"
    searched: tuple[str, ...] = ("log_rate", "log_target_rate", "gap_share")

    def axes(self, span: Floats) -> list[Floats]:
        return [log_rates(24), log_rates(16), SHARES]

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        target, share = np.exp(parameters[:, 1:2]), parameters[:, 2:3]
        source = np.exp(parameters[:, :1]) * position[0]
        remains = np.exp(-source)
        value = (1.0 - share) * remains + share
        fall_of_target = target * position[1]
        slopes = [(1.0 - share) * remains * source / value, fall_of_target, -(1.0 - remains) / value]
        return fall_of_target - np.log(value), np.stack(slopes, axis=1)

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        rate, target_rate, share = np.exp(parameters[:, 0]), np.exp(parameters[:, 1]), parameters[:, 2]
        limit = parameters[:, 3] if self.has_limit else np.zeros_like(rate)
        falling = first * (1.0 - limit) * smallest[1] ** target_rate
        return {
            "decay_rate": rate,
            "target_rate": target_rate,
            "transfer_gap": falling * share,
            "prefactor": falling * (1.0 - share) * smallest[0] ** rate,
            "limit": first * limit,
        }

    def at_target_size(
        self, parameters: Floats, first: Floats, smallest: Floats, target_size: float | Floats
    ) -> tuple[Floats, Floats]:
        found = self.natural(parameters, first, smallest)
        fall = target_size ** -found["target_rate"]
        gap = found["transfer_gap"] * fall + found["limit"]
        return found["prefactor"] * fall * smallest[0] ** -found["decay_rate"], gap


PRODUCT = Product()
