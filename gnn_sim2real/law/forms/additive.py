"""A law in source and target size as a sum: each size lowers a part of its own.

References:
    E of J. Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, there of parameters and tokens.
"""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.forms.form import Floats, SurfaceForm, log_rates
from gnn_sim2real.law.forms.product import SHARES


class Additive(SurfaceForm):
    """E = D n^-alpha + G m^-beta + L. It is the same law if source and target are exchanged."""

    name = "additive"
    formula = "D n^-alpha + G m^-beta + L"
    use = "each size lowers a part of its own"
    searched = ("log_rate", "log_target_rate", "gap_share", "limit_share")
    is_symmetric = True

    def axes(self, span: Floats) -> list[Floats]:
        return [log_rates(13), log_rates(13), SHARES, SHARES]

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        source, target = (np.exp(parameters[:, [column]]) * position[column] for column in (0, 1))
        share, by_source, by_target = parameters[:, 2:3], np.exp(-source), np.exp(-target)
        value = np.maximum((1.0 - share) * by_source + share * by_target, 1e-300)
        slopes = [(1.0 - share) * by_source * source, share * by_target * target, by_source - by_target]
        return -np.log(value), np.stack([slope / value for slope in slopes], axis=1)

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        rate, target_rate, share = np.exp(parameters[:, 0]), np.exp(parameters[:, 1]), parameters[:, 2]
        limit = parameters[:, 3]
        falling = first * (1.0 - limit)
        return {
            "decay_rate": rate,
            "target_rate": target_rate,
            "transfer_gap": falling * share * smallest[1] ** target_rate,
            "prefactor": falling * (1.0 - share) * smallest[0] ** rate,
            "limit": first * limit,
        }

    def at_target_size(
        self, parameters: Floats, first: Floats, smallest: Floats, target_size: float | Floats
    ) -> tuple[Floats, Floats]:
        found = self.natural(parameters, first, smallest)
        gap = found["transfer_gap"] * target_size ** -found["target_rate"] + found["limit"]
        return found["prefactor"] * smallest[0] ** -found["decay_rate"], gap


ADDITIVE = Additive()
