"""How many measurements a source replaces for a model without a source.

References:
    D. Hernandez et al. (2021), https://arxiv.org/abs/2102.01293.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.bootstrap import draw_moves, robust_means
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.forms.power import POWER
from gnn_sim2real.law.inversion import Quantity, quantity
from gnn_sim2real.law.log_errors import tabulate


class FromScratch(NamedTuple):
    """Models that were trained on measurements alone.

    Attributes:
        target_sizes: Target size m of each model, shape ``(num_models,)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its repeat, shape ``(num_models,)``.
    """

    target_sizes: ArrayLike
    errors: ArrayLike
    curves: Sequence[Hashable]


def effective_data(
    scratch: FromScratch, errors: Sequence[Floats], target_size: float, confidence: float, seed: int = 0
) -> Quantity:
    """Return how many more measurements a model from scratch needs for the same error.

    The curve from scratch is interpolated between its measured sizes, on logarithms, and never extrapolated: an error
    below the whole curve is worth an infinite number.

    Args:
        scratch: The models from scratch, at two target sizes or more.
        errors: Error with the source at this target size, from a law, shape ``(1,)``, and from its draws.
        target_size: Target size m with the source.
        confidence: Nominal coverage.
        seed: Seed of the draws of the models from scratch, which are not paired with those of the law.

    Raises:
        ValueError: If there is a single target size, or an error or a size is out of its range.
    """
    table = tabulate(np.asarray(scratch.target_sizes, dtype=float)[None], scratch.errors, scratch.curves)
    if table.sizes.shape[1] < 2:
        raise ValueError("effective data transferred needs errors from scratch at 2 or more target sizes, got 1")
    # their repeats are others than those of the law
    table = table._replace(labels=tuple(("from scratch", label) for label in table.labels))
    means, _ = robust_means(POWER, table.sizes, table.log_errors)
    worth = []
    for drawn in errors:
        moves = (
            draw_moves(means, table, len(drawn), seed) if drawn is not errors[0] else np.zeros((1, len(means.values)))
        )
        # as if the error never rose with more measurements
        curves = np.minimum.accumulate(means.values + moves, axis=1)
        pairs = zip(curves, np.log(drawn), strict=True)
        sizes = np.array([_size_at(np.log(table.sizes[0]), curve, error) for curve, error in pairs])
        worth.append(sizes - target_size)
    return quantity(worth, confidence)


def _size_at(log_sizes: Floats, log_errors: Floats, log_error: float) -> float:
    """Size at which a falling curve has an error; the smallest one for an error above the curve."""
    if log_error < log_errors[-1]:
        return float("inf")
    return float(np.exp(np.interp(-log_error, -log_errors, log_sizes)))
