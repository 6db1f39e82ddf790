"""Farthest-point order: each material is as different as possible from all before it."""

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.splits.acquisition.order import Candidates, Order
from gnn_sim2real.splits.parts import Rows


class Diversity(Order):
    """Next comes the material farthest from all before it, by standardized features (farthest point).

    T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi 10.1016/0304-3975(85)90224-5.
    """

    name, title = "diversity", "by diversity"

    def find(self, candidates: Candidates) -> NDArray[np.float64]:
        """Features of the materials."""
        return candidates.features

    def order(self, found: NDArray[np.float64], size: int, seed: int) -> Rows:
        """See `grow_by_diversity`."""
        return grow_by_diversity(found, size, seed)

    def content(self, candidates: Candidates) -> dict[str, str]:
        """The model that made the features."""
        return {} if candidates.model_fingerprint is None else {"model": candidates.model_fingerprint}


def grow_by_diversity(features: NDArray[np.float64], size: int, seed: int) -> Rows:
    """Farthest-point order: each material is the one farthest from all before it.

    Takes `size` passes over the features. Features are standardized over all materials; a constant one is left out.

    Args:
        features: (num_materials, num_features).
        size: Number of materials.
        seed: Seed of the first material and of ties.

    Returns:
        (size,); positions in `features`.
    """
    order = np.random.default_rng(seed).permutation(len(features))  # ties are broken at random
    spread = features.std(axis=0)
    varies = spread > 1e-12 * np.abs(features).max(axis=0, initial=1.0)
    points = ((features - features.mean(axis=0))[:, varies] / spread[varies]).astype(np.float32)[order]
    squares = np.einsum("ij,ij->i", points, points)
    distance = np.full(len(points), np.inf, np.float32)
    chosen = np.empty(size, np.int64)
    newest = 0
    for place in track(range(size), "Choosing diverse materials"):
        chosen[place] = newest
        # |a - b|^2 by one product; a chosen material is never chosen again
        np.minimum(distance, squares + squares[newest] - 2 * (points @ points[newest]), out=distance)
        distance[newest] = -np.inf
        newest = int(distance.argmax())
    return order[chosen]
