"""Contributions of parts to a value, which add up to it: Shapley values.

The contribution of a part is by how much the value changes when it joins others, averaged over all orders in which the
parts can come together: L. S. Shapley, A value for n-person games, in Contributions to the Theory of Games II,
Princeton (1953). For a few parts all subsets are looked at; for many, some orders are drawn, each with its reverse,
which halves the scatter or more: R. Mitchell, J. Cooper, E. Frank, G. Holmes, J. Mach. Learn. Res. 23, 43 (2022),
arXiv 2104.12199. Each order adds up exactly, so that the mean does.
"""

import itertools
from collections.abc import Callable
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EXACT = 8
"""Up to so many parts all subsets are looked at."""


class Contributions(NamedTuple):
    """What the parts contribute.

    Attributes:
        values: (num_values, num_parts); they add up to the value of the whole less that of nothing.
        scatter: Standard error of each by the draw of orders, (num_values, num_parts); 0 where all subsets were looked
            at.
    """

    values: Floats
    scatter: Floats


def find_contributions(
    value_of: Callable[[Bools], Floats], nothing: Floats, num_parts: int, evaluations: int, seed: int = 0
) -> Contributions:
    """Find what each part contributes.

    Args:
        value_of: Values of subsets, which are not empty: from (num_subsets, num_parts), whether a part is there, to
            (num_values, num_subsets).
        nothing: Values without any part, (num_values,).
        num_parts: Number of parts, at least 1.
        evaluations: About how many subsets may be looked at, beyond the smallest number of orders.
        seed: Seed of the orders.
    """
    if num_parts <= EXACT:
        return _of_all_subsets(value_of, nothing, num_parts)
    pairs = max(2, evaluations // (2 * num_parts))
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(num_parts) for _ in range(pairs)]
    orders = np.array([order for each in drawn for order in (each, each[::-1])])
    # Row k of an order has its first k + 1 parts.
    rank = np.argsort(orders, axis=1)
    subsets = rank[:, None, :] <= np.arange(num_parts)[None, :, None]
    distinct, place = np.unique(subsets.reshape(-1, num_parts), axis=0, return_inverse=True)
    found = value_of(distinct)[:, place.reshape(-1)].reshape(len(nothing), len(orders), num_parts)
    before = np.concatenate([np.broadcast_to(nothing[:, None, None], found[:, :, :1].shape), found[:, :, :-1]], axis=2)
    steps = np.take_along_axis(found - before, np.broadcast_to(rank, found.shape), axis=2)
    of_pairs = steps.reshape(len(nothing), pairs, 2, num_parts).mean(axis=2)
    return Contributions(of_pairs.mean(axis=1), of_pairs.std(axis=1, ddof=1) / pairs**0.5)


def _of_all_subsets(value_of: Callable[[Bools], Floats], nothing: Floats, num_parts: int) -> Contributions:
    subsets = np.array(list(itertools.product([False, True], repeat=num_parts)))
    found = np.concatenate([nothing[:, None], value_of(subsets[1:])], axis=1)
    sizes = subsets.sum(axis=1)
    number = subsets @ (1 << np.arange(num_parts)[::-1])  # the order of `product`
    values = np.empty((len(nothing), num_parts))
    for part in range(num_parts):
        without = np.flatnonzero(~subsets[:, part])
        joined = number[without] + (1 << (num_parts - 1 - part))
        weights = np.array([1 / (num_parts * comb(num_parts - 1, size)) for size in sizes[without]])
        values[:, part] = (found[:, joined] - found[:, without]) @ weights
    return Contributions(values, np.zeros_like(values))
