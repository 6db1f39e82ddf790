"""Formulas of costs, made of columns and numbers."""

import ast
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def names_in(formula: str) -> Iterator[str]:
    """Names of the columns in a formula of costs, such as ``num_atoms`` in ``num_atoms^3``.

    Args:
        formula: Made of + - * / ^, numbers, parentheses and names.

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
        ValueError: If it is not a formula.
    """
    import pandas

    _parse(formula)
    found = pandas.DataFrame(columns).eval(formula.replace("^", "**"), engine="python")
    num_materials = len(next(iter(columns.values())))
    return np.broadcast_to(np.asarray(found, np.float64), num_materials).copy()


def _parse(formula: str) -> ast.Expression:
    """The tree of a formula; only arithmetic is allowed."""
    allowed = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Name, ast.Load, ast.Constant)
    try:
        tree = ast.parse(formula.replace("^", "**"), mode="eval")
        if all(isinstance(node, allowed) for node in ast.walk(tree)):
            return tree
    except SyntaxError:
        pass
    raise ValueError(f"`cost` must be a column or a formula of columns such as num_atoms^3, got {formula!r}")
