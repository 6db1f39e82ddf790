"""How the parameters of a law show themselves; see `gnn_sim2real.shown`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gnn_sim2real.law.numbers import format_with_ends
from gnn_sim2real.shown import Display

FARTHEST = 10.0
"""Curves are drawn up to this multiple of the largest size."""

Parameter = tuple[float, tuple[float, float]]
"""A value, and the ends of its interval."""


def display_parameters(
    headline: str,
    parameters: Mapping[str, Parameter],
    draw: Callable[[Any], None],
    notes: Sequence[str],
) -> Display:
    """A law by its parameters with their intervals.

    Args:
        headline: What it is, in a line.
        parameters: Value and interval of each parameter, by what it is called.
        draw: Draws the law into axes of matplotlib.
        notes: Sentences below the table.
    """
    return Display(
        headline=headline,
        rows=[(name, format_with_ends(value, *ends)) for name, (value, ends) in parameters.items()],
        draw=draw,
        notes=notes,
        records=[
            {"parameter": name, "value": value, "low": low, "high": high}
            for name, (value, (low, high)) in parameters.items()
        ],
    )
