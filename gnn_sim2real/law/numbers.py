"""Numbers of a law as text: as many digits as their interval justifies."""

from __future__ import annotations

import math

_HUGE = 1e15
"""From here on a number is written with an exponent: all its digits are more than it has."""
_LEAST_DIGITS, _MOST_DIGITS, _USUAL_DIGITS = 2, 6, 3


def format_size(size: float) -> str:
    """A size: 1,600, or 0.25 and 1,234.5 with all digits.

    Args:
        size: The size.
    """
    if abs(size) >= _HUGE:
        return f"{size:.3g}"
    return f"{int(size):,}" if size == int(size) else f"{size:,.15g}"


def format_number(value: float, whole: bool = False) -> str:
    """A number with three digits, or all digits before the point.

    Args:
        value: The number.
        whole: Whether it is one of materials.
    """
    if math.isinf(value):
        return "unbounded"
    if abs(value) >= _HUGE:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 or (whole and abs(value) >= 10) else f"{value:.3g}"


def format_with_ends(value: float | None, low: float, high: float) -> str:
    """A number with its interval, with the digits that the interval justifies: 45,000 [39,000, 57,000].

    All are rounded to the second digit of the width, but each shows two digits at least.

    Args:
        value: The number; None if there is none.
        low: Lower end; may be infinite.
        high: Upper end; may be infinite.
    """
    text = "infinitely many" if value is None else _round(value, high - low)
    return f"{text} {format_ends(low, high)}"


def format_ends(low: float, high: float) -> str:
    """An interval, rounded to the second digit of its width.

    Args:
        low: Lower end; may be infinite.
        high: Upper end; may be infinite.
    """
    return f"[{_round(low, high - low)}, {_round(high, high - low)}]"


def _round(value: float, width: float) -> str:
    """A number, rounded to the second digit of a width."""
    if math.isinf(value):
        return "unbounded"
    if value == 0:
        return "0"
    own = math.floor(math.log10(abs(value)))
    place = own - _LEAST_DIGITS + 1 if math.isinf(width) else math.floor(math.log10(max(width, 1e-300))) - 1
    if own - place >= _MOST_DIGITS:  # exact, as far as anybody reads
        return f"{value:,.0f}" if own >= _USUAL_DIGITS else f"{value:.{_USUAL_DIGITS}g}"
    place = min(place, own - _LEAST_DIGITS + 1)
    rounded = round(value, -place)
    if own < -4 or own > 14:
        return f"{rounded:.{max(own - place, 0)}e}"
    return f"{rounded:,.{max(-place, 0)}f}"
