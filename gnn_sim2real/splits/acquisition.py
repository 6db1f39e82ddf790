"""In which order a database grows: at random, by diversity, family after family, or from the cheapest.

Every order is nested: the first n materials are a database of size n, and hold every smaller one. A seed gives another
order of the same kind.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track

NUMERICS_VERSION = 1
"""Raised by hand whenever the same seed would give another order."""

GrowBy = Literal["random", "diversity", "family", "cheapest"]
"""Which material comes next.

* ``random``: any;
* ``diversity``: the one that is farthest from all that are there, by standardized features. T. F. Gonzalez, Theor.
  Comput. Sci. 38, 293 (1985), doi 10.1016/0304-3975(85)90224-5;
* ``family``: one of the same chemical family, until there are no more; the families in random order;
* ``cheapest``: the one that costs least to calculate, by a formula.
"""

Rows = NDArray[np.int64]


def grow_by_diversity(features: NDArray[np.float64], size: int, seed: int) -> Rows:
    """Farthest-point order: each material is the one farthest from all before it.

    Takes `size` passes over the features. Features are standardized over all materials; a constant one is left out.

    Args:
        features: (num_materials, num_features).
        size: How many materials are wanted.
        seed: Of the first material, and of ties.

    Returns:
        (size,); positions in `features`.
    """
    order = np.random.default_rng(seed).permutation(len(features))  # so that ties go by chance
    spread = features.std(axis=0)
    varies = spread > 1e-12 * np.abs(features).max(axis=0, initial=1.0)
    points = ((features - features.mean(axis=0))[:, varies] / spread[varies]).astype(np.float32)[order]
    squares = np.einsum("ij,ij->i", points, points)
    distance = np.full(len(points), np.inf, np.float32)
    chosen = np.empty(size, np.int64)
    newest = 0
    for place in track(range(size), "Choosing diverse materials"):
        chosen[place] = newest
        # |a - b|^2 by one product; what is there is never chosen again
        np.minimum(distance, squares + squares[newest] - 2 * (points @ points[newest]), out=distance)
        distance[newest] = -np.inf
        newest = int(distance.argmax())
    return order[chosen]


def grow_by_family(families: Sequence[str], seed: int) -> Rows:
    """Family after family, in a random order of families and within each.

    Args:
        families: Family of each material.
        seed: Of both orders.

    Returns:
        (num_materials,); positions.
    """
    random = np.random.default_rng(seed)
    names, code = np.unique(np.array(families, str), return_inverse=True)
    turn = random.permutation(len(names))[code]
    return np.lexsort((random.random(len(code)), turn))


def grow_from_cheapest(cost: NDArray[np.float64], seed: int) -> Rows:
    """From the cheapest to the most expensive; equally cheap ones in random order.

    Args:
        cost: (num_materials,); in any unit.
        seed: Of the order of equally cheap ones.

    Returns:
        (num_materials,); positions.

    Raises:
        ValueError: If a cost is missing.
    """
    missing = int((~np.isfinite(cost)).sum())
    if missing:
        raise ValueError(f"{missing} of {len(cost)} materials have no cost; give every one a number")
    return np.lexsort((np.random.default_rng(seed).random(len(cost)), cost))


def names_in(formula: str) -> Iterator[str]:
    """Names of the columns in a formula of costs, such as ``num_atoms`` in ``num_atoms^3``.

    Args:
        formula: With + - * / ^, numbers, parentheses and names.

    Raises:
        ValueError: If it is something else.
    """
    tree = _parse(formula)
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def evaluate(formula: str, columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Value of a formula of costs for every material.

    Args:
        formula: See `names_in`.
        columns: Values of each name.

    Raises:
        ValueError: If it is no formula.
    """
    import pandas

    _parse(formula)
    found = pandas.DataFrame(columns).eval(formula.replace("^", "**"), engine="python")
    num_materials = len(next(iter(columns.values())))
    return np.broadcast_to(np.asarray(found, np.float64), num_materials).copy()


def _parse(formula: str) -> ast.Expression:
    """The tree of a formula; only arithmetic passes."""
    allowed = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Name, ast.Load, ast.Constant)
    try:
        tree = ast.parse(formula.replace("^", "**"), mode="eval")
        if all(isinstance(node, allowed) for node in ast.walk(tree)):
            return tree
    except SyntaxError:
        pass
    raise ValueError(f"`cost` must be a column or a formula of columns such as num_atoms^3, got {formula!r}")
