"""A law that is level while the source is small.

References:
    M4 of I. Alabdulmohsin, B. Neyshabur, X. Zhai (2022), https://arxiv.org/abs/2209.06640, with its exponent of
    (E0 - E) at 1, which leaves four parameters and E as a function of n.
"""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.forms.form import LARGEST_SHARE, Floats, Form, Parameter, log_rates, sigmoid, softplus

_SHARES = np.array([0.0, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, LARGEST_SHARE])


class Saturating(Form):
    """E = C + (E0 - C) / (1 + (n / n0)^alpha), so that D = (E0 - C) n0^alpha."""

    name = "saturating"
    formula = "C + (E0 - C) / (1 + (n / n0)^alpha)"
    use = "level at first, falls once the source is large enough"
    searched = ("log_rate", "log_onset", "limit_share")
    further = (
        Parameter("error_without_source", "E0", "error", "error without a source"),
        Parameter("onset_size", "n0", "size", "size from which it falls"),
    )

    def axes(self, span: Floats) -> list[Floats]:
        return [log_rates(16), np.linspace(-2.0, span[0], 12), _SHARES]

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        rate, onset = np.exp(parameters[:, :1]), parameters[:, 1:2]
        beyond, before = rate * (position[0] - onset), -rate * onset
        steep, steep_before = sigmoid(beyond), sigmoid(before)
        slopes = np.stack([beyond * steep - before * steep_before, -rate * (steep - steep_before)], axis=1)
        return softplus(beyond) - softplus(before), slopes

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        rate, onset, share = np.exp(parameters[:, 0]), parameters[:, 1], parameters[:, 2]
        falling = first * (1.0 - share)
        return {
            "decay_rate": rate,
            "transfer_gap": first * share,
            "prefactor": falling * smallest[0] ** rate * (1.0 + np.exp(rate * onset)),
            "error_without_source": first * share + falling * (1.0 + np.exp(-rate * onset)),
            "onset_size": smallest[0] * np.exp(onset),
        }


SATURATING = Saturating()
