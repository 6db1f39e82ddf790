"""Correction of a straight line through the simulated value."""

from dataclasses import dataclass

from gnn_sim2real.tasks.policies.base import FineTuningPolicy


@dataclass
class Affine(FineTuningPolicy):
    """All weights move, and a fresh head learns what is missing from a straight line through the simulated value."""

    name = "affine"
    title = "affine"
    summary = "all weights move, and the model learns what is missing from a straight line through the simulated values"
    takes_simulated = True
    fits_line = True
