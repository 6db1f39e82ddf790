"""Correction of a straight line through the simulated value."""

from dataclasses import dataclass

from gnn_sim2real.tasks.policies.base import FineTuningPolicy


@dataclass
class Affine(FineTuningPolicy):
    """All weights are trained, and a new head learns the difference from a straight line in the simulated value."""

    name = "affine"
    title = "affine"
    summary = "all weights are trained, and the model learns the difference from a straight line in the simulated value"
    takes_simulated = True
    fits_line = True
