"""Numbers that follow from a law and its draws: an error, a limit, the size at which an error is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.log_errors import check_sizes
from gnn_sim2real.law.scaling_law import Interval, tails
from gnn_sim2real.law.surface import ScalingSurface

_LARGEST_SIZE = 1e15  # more materials than will ever exist
_NUM_STEPS, _NUM_HALVINGS = 200, 40


@dataclass(frozen=True)
class Quantity:
    """A number that follows from a law, with its interval; `math.inf` if unbounded, None if there is no number.

    Attributes:
        value: The number.
        interval: Its interval.
    """

    value: float | None
    interval: Interval


def quantity(values: Sequence[Floats], confidence: float) -> Quantity:
    """Return a number with the interval that spans those of all draws; an end is infinite where that of any is.

    Args:
        values: The number from the law, shape ``(1,)``, and from the draws, each of shape ``(num_draws,)``.
        confidence: Nominal coverage.
    """
    value = float(values[0][0])
    ends = [np.quantile(drawn, tails(confidence), method="nearest") for drawn in values[1:]]
    low, high = float(min(value, *(each[0] for each in ends))), float(max(value, *(each[1] for each in ends)))
    return Quantity(value if np.isfinite(value) else None, Interval(low, high))


def errors_at(laws: Sequence[Fits], source_size: float) -> list[Floats]:
    """Return E of each law and draw at one source size, which may be infinite.

    Args:
        laws: Laws of the source size alone.
        source_size: The size.
    """
    return [fits.predict(np.array([[source_size]]))[:, 0] for fits in laws]


def invert(fits: Fits, errors: Floats) -> Floats:
    """Return the source size at which each row has an error.

    Args:
        fits: Laws of the source size alone.
        errors: An error for each row, shape ``(num_rows,)``.

    Returns:
        The sizes, shape ``(num_rows,)``: the smallest measured size if it is enough, `inf` if no size is.
    """
    # a draw that drifts upward falls at first and rises later: the first step that is low enough counts
    steps = np.linspace(np.log(fits.smallest[0]), np.log(_LARGEST_SIZE), _NUM_STEPS)
    enough = fits.predict(np.exp(steps)[None]) <= errors[:, None]
    reached, first = enough.any(axis=1), enough.argmax(axis=1)
    low, high = steps[np.maximum(first - 1, 0)], steps[first]
    for _ in range(_NUM_HALVINGS):
        middle = (low + high) / 2
        enough = fits.predict_each(np.exp(middle)[None]) <= errors
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(reached, np.exp(high), np.inf)


def iso_error_line(surface: ScalingSurface, error: float, target_sizes: ArrayLike) -> Floats:
    """Return the source size that gives an error with each target size; `inf` where none does.

    Args:
        surface: The law.
        error: The error.
        target_sizes: Target sizes m, shape ``(num_sizes,)``.
    """
    targets = check_sizes(target_sizes, "target")
    return np.array([invert(surface.at_target_size(float(m))[0], np.array([error]))[0] for m in targets.ravel()])


def plain(value: Any) -> Any:
    """Return plain types for JSON, which has no infinite numbers: None for them.

    Args:
        value: Numbers, lists and dictionaries.
    """
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
