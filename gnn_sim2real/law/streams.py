"""Random numbers by name: what two laws have in common gets the same ones in both, whatever else is fitted.

A seed or a test material that two curves share moves both laws in the same draw, so that laws that were fitted one by
one can be compared draw by draw, and a law has the same digits alone, beside others, and in any order.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import blake2b

import numpy as np

from gnn_sim2real.law.forms.form import Floats

_AT_ONCE = 512  # labels; bounds the memory


def stream(seed: int, *names: Hashable) -> np.random.Generator:
    """Return a generator that follows from names.

    Args:
        seed: Seed of all draws.
        names: Numbers, text or tuples of these; the text of `repr` decides.
    """
    plain = tuple(name.item() if isinstance(name, np.generic) else name for name in names)
    digest = blake2b(repr(plain).encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest)])


def moves_by_name(pulls: Floats, labels: Sequence[Hashable], kind: str, num_draws: int, seed: int) -> Floats:
    """Move points by what pulls them, each label with a standard normal factor of its own in each draw.

    Args:
        pulls: By how much each label pulls each point, shape ``(num_labels, num_points)``.
        labels: The labels, of shape ``(num_labels,)``.
        kind: What they are labels of; a seed 3 has other factors than a material 3.
        num_draws: Number of draws.
        seed: Seed of the draws.

    Returns:
        The moves, shape ``(num_draws, num_points)``.
    """
    moves = np.zeros((num_draws, pulls.shape[1]))
    for first in range(0, len(labels), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        factors = [even_normal(stream(seed, kind, label), num_draws) for label in labels[some]]
        moves += np.stack(factors, axis=1) @ pulls[some]
    return moves


def even_chances(random: np.random.Generator, count: int) -> Floats:
    """Return numbers between 0 and 1 in random order, one in each of as many equal parts, shape ``(count,)``.

    Quantiles over the draws that are made with them settle sooner than with independent numbers.

    Args:
        random: Where they come from.
        count: How many.
    """
    return np.asarray((random.permutation(count) + random.random(count)) / count)


def even_normal(random: np.random.Generator, count: int) -> Floats:
    """Return standard normal numbers in random order, spread as evenly as `even_chances`, shape ``(count,)``.

    Args:
        random: Where they come from.
        count: How many.
    """
    from scipy.special import ndtri  # here, so that the law can be imported in a moment

    return np.asarray(ndtri(np.clip(even_chances(random, count), 1e-12, 1.0 - 1e-12)))
