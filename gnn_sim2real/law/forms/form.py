"""What a form of the law is: a shape of log E over log sizes, its parameters, and where their search starts.

Every form is written as

    E = S [(1 - g) exp(-Q) + g],

with S the error at the smallest sizes, g the share of it that no size removes, and Q the fall, which is zero at the
smallest sizes. log S is then a weighted mean, and only the few parameters of Q and g are searched, between bounds
that follow from the range of the sizes. `Form.natural` turns them into the parameters of the papers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATE_BOUNDS = (1e-3, 3.0)
"""Smallest and largest decay rate of the search."""

LARGEST_SHARE = 1.0 - 1e-9
"""Largest share that no size removes: a part must fall."""

_INFINITE = 1e6  # log ratio of an infinite size; the smallest rate times it leaves nothing
HIGHEST = 690.0  # log of what a rising error becomes at an infinite size; exp of it is still a number


@dataclass(frozen=True)
class Parameter:
    """A parameter of a form, as tables and texts show it.

    Attributes:
        name: Its name in code and JSON.
        symbol: Its symbol in the formula.
        kind: Its unit: "rate" and "number" have none, "size" is that of n, "error" that of the errors,
            "prefactor" with both.
        meaning: What it is, in a few words.
    """

    name: str
    symbol: str
    kind: Literal["rate", "number", "size", "error", "prefactor"]
    meaning: str

    @property
    def has_unit(self) -> bool:
        """Whether it is shown with the unit of the errors."""
        return self.kind in ("error", "prefactor")


DECAY_RATE = Parameter("decay_rate", "alpha", "rate", "rate at which the error falls where n is large")
TARGET_RATE = Parameter("target_rate", "beta", "rate", "rate at which the error falls where m is large")
PREFACTOR = Parameter("prefactor", "D", "prefactor", "what falls, at n = 1")


class Form(ABC):
    """A form of E(n). For large n, E - C must approach D n^-alpha.

    Attributes:
        name: Name in options and reports.
        formula: The form as text; a space multiplies and ^ is a power, as the tests evaluate it.
        use: When to use it, in a few words for the help.
        searched: Names of what is searched, in the order of the columns of `parameters` everywhere. One of them is
            called "rate" (alpha) or "log_rate" (its logarithm): the profile of alpha holds that one. A form with a
            limit has "limit_share" (g) last; without it g = 0.
        further: Its parameters beyond those that all forms have.
        standard: Parameters that all forms have.
        num_variables: 1 for E(n), 2 for E(n, m).
        prior: Center and spread of what is searched, as it is thought of before there are errors (normal, cut off at
            the bounds); anything else is as likely anywhere between its bounds. A rate is 0.4 within a factor of two.
            The average over forms counts with it; a form that is fitted alone does not.
        likely: How likely the form is before there are errors, compared with other forms. Learning curves of a single
            noisy run look bent by chance, and a bend that is chance makes a worse forecast than none: the pure power
            law is more likely than others, and a form with a break less.
    """

    name: str
    formula: str
    use: str
    searched: tuple[str, ...]
    further: tuple[Parameter, ...] = ()
    standard: ClassVar[tuple[Parameter, ...]] = (
        DECAY_RATE,
        Parameter("transfer_gap", "C", "error", "error that no source size removes"),
        PREFACTOR,
    )
    num_variables: ClassVar[int] = 1
    likely: ClassVar[float] = 1.0
    prior: ClassVar[Mapping[str, tuple[float, float]]] = {
        "rate": (0.4, 0.35),
        "log_rate": (float(np.log(0.4)), 0.7),
        "log_target_rate": (float(np.log(0.25)), 0.7),
    }

    @abstractmethod
    def axes(self, span: Floats) -> list[Floats]:
        """Return start values of all that is searched, ascending; the first and the last are its bounds.

        Args:
            span: Log ratio of largest to smallest sizes, shape ``(num_variables,)``.
        """

    @abstractmethod
    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        """Return Q and its derivatives by all that is searched but g.

        Args:
            position: Log ratios to the smallest sizes, shape ``(num_variables, num_points)``.
            parameters: Shape ``(num_rows, num_searched)``.

        Returns:
            Shapes ``(num_rows, num_points)`` and ``(num_rows, num_searched, num_points)``, without g.
        """

    @abstractmethod
    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        """Return the parameters of the papers by name, standard and further ones, each of shape ``(num_rows,)``.

        Args:
            parameters: What is searched, shape ``(num_rows, num_searched)``.
            first: S, shape ``(num_rows,)``.
            smallest: Smallest sizes, shape ``(num_variables,)``.
        """

    @property
    def has_limit(self) -> bool:
        """Whether something is left that no size removes."""
        return self.searched[-1] == "limit_share"

    @property
    def num_parameters(self) -> int:
        """Number of free parameters: what is searched, and the scale S."""
        return len(self.searched) + 1

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that tables show."""
        return (*self.standard, *self.further)

    @property
    def rate_column(self) -> int:
        """Column of alpha or of its logarithm in what is searched."""
        return self.searched.index("log_rate" if self.searches_log_rate else "rate")

    @property
    def searches_log_rate(self) -> bool:
        """Whether the logarithm of alpha is searched, so that alpha is positive."""
        return "log_rate" in self.searched

    @property
    def gap_column(self) -> int | None:
        """Column of the share that is the transfer gap; None if the form has none."""
        return len(self.searched) - 1 if self.has_limit else None

    def log_shape(self, position: Floats, parameters: Floats) -> Floats:
        """Return log(E / S), shape ``(num_rows, num_points)``."""
        remains = np.exp(np.minimum(-self.fall(position, parameters)[0], HIGHEST))
        share = parameters[:, -1:] if self.has_limit else 0.0
        return np.asarray(np.log(np.maximum((1.0 - share) * remains + share, 1e-300)))

    def slopes(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        """Return log(E / S) and its derivatives, shape ``(num_rows, num_searched, num_points)``."""
        fall, slopes = self.fall(position, parameters)
        remains = np.exp(-fall)
        share = parameters[:, -1:] if self.has_limit else np.zeros((len(parameters), 1))
        value = np.maximum((1.0 - share) * remains + share, 1e-300)
        slopes = slopes * (-(1.0 - share) * remains / value)[:, None]
        if self.has_limit:
            slopes = np.concatenate([slopes, ((1.0 - remains) / value)[:, None]], axis=1)
        return np.log(value), slopes


class SurfaceForm(Form):
    """A form of E(n, m); at each target size m it is a power law in n with a limit.

    It searches "log_rate", and "gap_share", the share of S that is the transfer gap G.

    Attributes:
        without_limit: The form that it is without its limit; None if it has none.
        is_symmetric: Whether it is the same law if source and target are exchanged.
    """

    standard = (
        DECAY_RATE,
        TARGET_RATE,
        Parameter("transfer_gap", "G", "error", "what no source size removes, at m = 1"),
        PREFACTOR,
        Parameter("limit", "L", "error", "error that neither size removes"),
    )
    num_variables = 2
    without_limit: SurfaceForm | None = None
    is_symmetric: ClassVar[bool] = False

    @abstractmethod
    def at_target_size(
        self, parameters: Floats, first: Floats, smallest: Floats, target_size: float | Floats
    ) -> tuple[Floats, Floats]:
        """Return what falls of the error at the smallest n and at a target size m, and what no n removes there.

        Args:
            parameters: What is searched, shape ``(num_rows, num_searched)``.
            first: S, shape ``(num_rows,)``.
            smallest: Smallest sizes, shape ``(2,)``.
            target_size: Target size m, the same for all rows or one for each.

        Returns:
            Two arrays of shape ``(num_rows,)``.
        """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that tables show: L only where the form has it."""
        return tuple(each for each in super().parameters if each.name != "limit" or self.has_limit)

    @property
    def gap_column(self) -> int:
        """Column of the share that is the transfer gap."""
        return self.searched.index("gap_share")


def log_position(sizes: Floats, smallest: Floats) -> Floats:
    """Return log ratios of sizes to the smallest ones, shape ``(num_variables, num_points)``; sizes may be infinite."""
    return np.asarray(np.minimum(np.log(sizes / _along(smallest, sizes)), _INFINITE))


def log_position_beyond(sizes: Floats, largest: Floats) -> Floats:
    """Return log ratios of sizes to the largest ones where they are beyond, else zero, shape as the sizes.

    It is zero at an infinite size too: the limit is that of the form.
    """
    return np.asarray(np.where(np.isfinite(sizes), np.log(np.maximum(sizes / _along(largest, sizes), 1.0)), 0.0))


def _along(of_variables: Floats, sizes: Floats) -> Floats:
    """One number for each variable, in the shape of sizes, whose first axis is that of the variables."""
    return of_variables.reshape(-1, *(1,) * (sizes.ndim - 1))


@cache
def log_rates(count: int) -> Floats:
    """Return start values of the logarithm of a rate, shape ``(count,)``; the array cannot be changed."""
    found = np.log(np.geomspace(*RATE_BOUNDS, count))
    found.flags.writeable = False
    return found


def softplus(value: Floats) -> Floats:
    """Return log(1 + exp(value)): zero far below 0, the value far above it, smooth in between."""
    return np.asarray(np.logaddexp(0.0, value))


def sigmoid(value: Floats) -> Floats:
    """Return the derivative of `softplus`."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -value)))
