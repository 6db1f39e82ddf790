"""The scaling law E(n) = D n^-alpha + C: fit, intervals, and what the data do not determine.

E is the test error on real materials of a model that was pretrained on n simulated ones. alpha is the decay rate,
C the transfer gap (the error that no amount of simulation removes), D the prefactor.

References:
    S. Minami et al., npj Comput. Mater. 11, 146 (2025), https://doi.org/10.1038/s41524-025-01606-5;
    the form: H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.scaling.bootstrap import (
    DECAY_RATE_BOUNDS,
    Fits,
    Floats,
    Means,
    draw_moves,
    fit_pure_rows,
    fit_rows,
    robust_means,
)
from gnn_sim2real.scaling.table import check_sizes, tabulate

MIN_SIZES = 4  # three parameters, and one size to contradict them
_WIDEST_RATE = 5.0  # a rate known to less than this factor is not known


class Interval(NamedTuple):
    """Ends of an interval, in the unit of the parameter."""

    low: float
    high: float


@dataclass(frozen=True)
class ScalingLaw:
    """A fitted law E(n) = D n^-alpha + C with its intervals.

    Attributes:
        decay_rate: alpha.
        transfer_gap: C, in the unit of the errors.
        prefactor: D, the error above C at n = 1, in the unit of the errors.
        decay_rate_interval: Interval of alpha.
        transfer_gap_interval: Interval of C.
        prefactor_interval: Interval of D.
        decay_rate_identified: Whether the data determine alpha; if not, `notes` says why.
        transfer_gap_identified: Whether the data determine C; if not, `notes` says why.
        confidence: Nominal coverage of the intervals.
        num_sizes: Number of different source sizes.
        num_curves: Number of curves.
        smallest_size: Smallest source size.
        largest_size: Largest source size; the law is extrapolated beyond it.
        residual_log_rmse: Root mean square of the log of (mean error / law) over the sizes.
        interval_method: How the intervals were made.
        notes: Plain sentences on what the data do not show.
        draws: alpha, C and D of each draw, shape ``(num_resamples, 3)``, read-only.
    """

    decay_rate: float
    transfer_gap: float
    prefactor: float
    decay_rate_interval: Interval
    transfer_gap_interval: Interval
    prefactor_interval: Interval
    decay_rate_identified: bool
    transfer_gap_identified: bool
    confidence: float
    num_sizes: int
    num_curves: int
    smallest_size: float
    largest_size: float
    residual_log_rmse: float
    interval_method: str
    notes: tuple[str, ...]
    draws: Floats = field(repr=False, compare=False)

    def predict(self, source_sizes: ArrayLike) -> Floats:
        """Return E(n), in the unit of the errors.

        Args:
            source_sizes: Source sizes n, of any shape.

        Returns:
            The errors, of the same shape.

        Raises:
            ValueError: If a size is below 1 or not finite.
        """
        sizes = check_sizes(source_sizes)
        return np.asarray(self.prefactor * sizes**-self.decay_rate + self.transfer_gap)

    def predict_interval(self, source_sizes: ArrayLike) -> tuple[Floats, Floats]:
        """Return the interval of the fitted E(n) at each size, not of a single model's error there.

        Args:
            source_sizes: Source sizes n, of any shape.

        Returns:
            Lower and upper ends, of the same shape, in the unit of the errors.

        Raises:
            ValueError: If a size is below 1 or not finite.
        """
        sizes = check_sizes(source_sizes)
        errors = Fits(*self.draws.T).predict(sizes.ravel())
        low, high = np.quantile(errors, _tails(self.confidence), axis=0).reshape(2, *sizes.shape)
        center = self.predict(sizes)
        return np.minimum(low, center), np.maximum(high, center)

    def describe(self, unit: str = "") -> str:
        """Return the law in a few sentences.

        Args:
            unit: Unit of the errors; empty for none.

        Returns:
            One line of text.
        """
        tail = f" {unit}" if unit else ""
        doubt = {True: "", False: " (not identified)"}
        falls = "Test error falls with source size n as" if self.decay_rate_identified else "The fitted law is"
        text = (
            f"{falls} E(n) = D n^-alpha + C with "
            f"alpha = {_quote(self.decay_rate, self.decay_rate_interval)}{doubt[self.decay_rate_identified]}, "
            f"C = {_quote(self.transfer_gap, self.transfer_gap_interval)}{tail}{doubt[self.transfer_gap_identified]} "
            f"and D = {_quote(self.prefactor, self.prefactor_interval)}{tail} "
            f"({100 * self.confidence:g} % intervals, {self.interval_method}; "
            f"{self.num_curves} curve{'s' * (self.num_curves != 1)}, "
            f"{self.num_sizes} sizes from {self.smallest_size:,.0f} to {self.largest_size:,.0f})."
        )
        return " ".join([text, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the draws, in types that JSON knows."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "draws"}
        intervals = {name: list(value) for name, value in values.items() if isinstance(value, Interval)}
        return values | intervals | {"notes": list(self.notes)}


def fit_scaling_law(
    source_sizes: ArrayLike,
    errors: ArrayLike,
    *,
    curves: Iterable[Hashable] | None = None,
    confidence: float = 0.90,
    num_resamples: int = 1000,
    seed: int = 0,
) -> ScalingLaw:
    """Fit E(n) = D n^-alpha + C to test errors, on their logarithms.

    Sizes are weighted by the spread of their repeats, and failed runs far from the law are weighted down (Huber).
    As the fit is on logs, E is the geometric mean over repeats. Intervals come from draws that move whole curves,
    with Student's factor for few of them; with a single curve, from its residuals. They do not contain what all
    curves share: one test set for all, or one choice of hyper-parameters.

    Args:
        source_sizes: Source size n of each trained model, shape ``(num_models,)``.
        errors: Its test error, positive, shape ``(num_models,)``.
        curves: Label of the curve of each model, shape ``(num_models,)``; models that share subsets, seed or test set
            belong to one curve. Several models of one size on one curve count as one, their geometric mean. Without
            labels, the k-th model of each size is on curve k.
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws, at least 100.
        seed: Seed of the draws.

    Returns:
        The law. Look at `decay_rate_identified`, `transfer_gap_identified` and `notes` before quoting a parameter.

    Raises:
        ValueError: If lengths differ, a size is below 1 (from scratch, n = 0, is a reference line), an error is not
            positive and finite, there are fewer than four different sizes, or an option is out of its range.
    """
    sizes, table = tabulate(source_sizes, errors, curves)
    _check(sizes, confidence, num_resamples)
    means = robust_means(sizes, table)
    rows = means.values + draw_moves(means, num_resamples, seed)
    fit = fit_rows(sizes, means.values[None], means.weights)
    drawn = fit_rows(sizes, rows, means.weights)
    pure = fit_pure_rows(sizes, rows, means.weights)
    # the line through log error against log n may as well be level or rise
    flat = bool(np.quantile(pure.decay_rate, _tails(confidence)[0]) < DECAY_RATE_BOUNDS[0])
    parameters = _parameters(fit, drawn, None if flat else pure, confidence)
    rate_doubts = _doubts_of_rate(parameters["decay_rate_interval"], flat, means.repeated)
    gap_doubts = [] if flat else _doubts_of_gap(sizes, means, fit, parameters["transfer_gap_interval"])
    return ScalingLaw(
        **parameters,
        decay_rate_identified=not rate_doubts,
        transfer_gap_identified=means.repeated and not flat and not gap_doubts,
        notes=(*rate_doubts, *gap_doubts, *_doubts_of_form(sizes, means, rows, fit, drawn)),
        confidence=confidence,
        num_sizes=len(sizes),
        num_curves=len(table),
        smallest_size=float(sizes[0]),
        largest_size=float(sizes[-1]),
        residual_log_rmse=float(np.sqrt(np.mean((means.values - np.log(fit.predict(sizes)[0])) ** 2))),
        interval_method="wild bootstrap over curves, Student-t" if means.repeated else "residual bootstrap, Student-t",
        draws=_read_only(np.stack(drawn, axis=1)),
    )


def _check(sizes: Floats, confidence: float, num_resamples: int) -> None:
    if len(sizes) < MIN_SIZES:
        raise ValueError(f"a scaling law needs at least {MIN_SIZES} different source sizes, found {len(sizes)}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.90, but it is {confidence}")
    if num_resamples < 100:
        raise ValueError(f"num_resamples must be at least 100 for percentiles to mean anything, but is {num_resamples}")


def _parameters(fit: Fits, drawn: Fits, pure: Fits | None, confidence: float) -> dict[str, Any]:
    """Return alpha, C and D with their intervals, as fields of the law.

    Where the interval of C reaches 0, the pure power law is one of the possible laws, and the other intervals include
    its own: with C held at 0 or above, the draws lie on one side of it and alone are too narrow.
    """
    fields: dict[str, Any] = {}
    no_gap = np.quantile(drawn.transfer_gap, _tails(confidence)[0]) == 0
    for index, name in enumerate(Fits._fields):
        center = float(fit[index][0])
        ends = [center, *np.quantile(drawn[index], _tails(confidence))]
        if pure and no_gap:
            ends.extend(np.quantile(pure[index], _tails(confidence)))
        fields[name] = center
        fields[f"{name}_interval"] = Interval(float(min(ends)), float(max(ends)))
    return fields


def _read_only(array: Floats) -> Floats:
    array.setflags(write=False)
    return array


def _tails(confidence: float) -> tuple[float, float]:
    return (1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0


def _quote(value: float, interval: Interval) -> str:
    return f"{value:.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def _doubts_of_rate(interval: Interval, flat: bool, repeated: bool) -> list[str]:
    doubts = []
    low, high = DECAY_RATE_BOUNDS
    if not repeated:
        doubts.append(
            "No source size was repeated: the intervals come from the scatter of single models about the law and do "
            "not contain the spread between runs, so neither alpha nor C is identified; add curves of other seeds."
        )
    if flat:
        doubts.append(
            "The error does not fall with n beyond its scatter, a constant describes it as well: neither alpha nor C "
            "is identified."
        )
    elif interval.high > 0.99 * high:
        doubts.append(
            f"alpha is not identified: its interval reaches the largest rate that was tried ({high:g}), as when the "
            "error drops once and then stays level."
        )
    elif interval.low < 1.01 * low or interval.high > _WIDEST_RATE * interval.low:
        doubts.append(f"alpha is not identified: its interval spans more than a factor of {_WIDEST_RATE:g}.")
    return doubts


def _doubts_of_gap(sizes: Floats, means: Means, fit: Fits, interval: Interval) -> list[str]:
    doubts = []
    last, first = fit.predict(sizes[[-1, 0]])[0]
    if interval.low <= 1e-6 * last:
        rate = fit_pure_rows(sizes, means.values[None], means.weights).decay_rate[0]
        doubts.append(
            "C is not identified: its interval reaches 0, and a pure power law (C = 0, "
            f"alpha = {rate:.3g}) describes the errors as well."
        )
    elif interval.high - interval.low > first - last:
        doubts.append("C is not identified: its interval is wider than the whole fall of the error over these sizes.")
    return doubts


def _doubts_of_form(sizes: Floats, means: Means, rows: Floats, fit: Fits, drawn: Fits) -> list[str]:
    """Say so when the law misses the means by more than the scatter of the repeats explains."""
    missed = means.values - np.log(fit.predict(sizes)[0])
    by_chance = rows - np.log(drawn.predict(sizes)) - missed  # the residual that a draw adds
    if means.repeated and (by_chance**2 @ means.weights >= missed**2 @ means.weights).mean() < 0.01:
        worst = np.abs(missed).argmax()
        return [
            "The mean errors depart from this form by more than the scatter of the repeats explains, most at n = "
            f"{sizes[worst]:,.0f} ({100 * np.expm1(missed[worst]):+.1f} %), and the intervals do not contain that."
        ]
    return []
