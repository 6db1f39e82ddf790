"""The pure power law D n^-alpha: a straight line on log-log."""

from __future__ import annotations

import numpy as np

from gnn_sim2real.law.forms.form import RATE_BOUNDS, Floats, Form


class Power(Form):
    """E = D n^-alpha. The only form whose rate may be negative: a curve that rises has to look like one."""

    name = "power"
    formula = "D n^-alpha"
    use = "a straight line on log-log, without a limit"
    searched = ("rate",)
    likely = 2.0

    def axes(self, span: Floats) -> list[Floats]:
        return [np.linspace(-RATE_BOUNDS[1], RATE_BOUNDS[1], 25)]

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        return parameters[:, :1] * position[0], (np.ones_like(parameters) * position[0])[:, None]

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        rate = parameters[:, 0]
        return {"decay_rate": rate, "transfer_gap": np.zeros_like(rate), "prefactor": first * smallest[0] ** rate}


POWER = Power()
