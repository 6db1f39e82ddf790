"""A fitted scaling law, E(n) = D n^-alpha + C or a relative: predictions, intervals, what the data do not determine.

E is the test error on real materials of a model that was pretrained on n simulated ones. alpha is the decay rate,
C the transfer gap (the error that no amount of simulation removes), D the prefactor.

References:
    S. Minami et al., npj Comput. Mater. 11, 146 (2025), https://doi.org/10.1038/s41524-025-01606-5;
    the form: H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.display import FARTHEST, display_parameters
from gnn_sim2real.law.forms import Floats, Parameter
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.log_errors import check_sizes
from gnn_sim2real.law.numbers import format_size, format_with_ends
from gnn_sim2real.law.selection import Trial
from gnn_sim2real.shown import Display, Shown

Of = Literal["mean", "run"]
"""What an interval is of: the mean over runs, or one new run."""

ALL_EQUAL = "All errors are equal: the error does not fall with the size, and there is no law to be found."
"""All that is to be said of errors that are."""

_RUNS_A_DRAW = 4


class Interval(NamedTuple):
    """Ends of an interval, in the unit of the parameter."""

    low: float
    high: float


@dataclass(frozen=True, repr=False)
class ScalingLaw(Shown):
    """A fitted law with its intervals. In every form, E(n) - C falls as D n^-alpha for large n.

    If forms were compared, all intervals but those by profile span those of each form whose forecast was about as good.

    Attributes:
        form: Name of the form, of `gnn_sim2real.law.forms.CURVE_FORMS`.
        formula: The form as text.
        decay_rate: alpha.
        transfer_gap: C, in the unit of the errors.
        prefactor: D, in the unit of the errors.
        decay_rate_interval: Interval of alpha.
        transfer_gap_interval: Interval of C.
        prefactor_interval: Interval of D.
        decay_rate_profile: Interval of alpha by profile likelihood.
        transfer_gap_profile: Interval of C by profile likelihood.
        further: Further parameters of the form by name, e.g. `break_size`.
        further_intervals: Their intervals.
        decay_rate_identified: Whether the data determine alpha; if not, `notes` says why.
        transfer_gap_identified: Whether the data determine C; if not, `notes` says why.
        confidence: Nominal coverage of the intervals.
        num_sizes: Number of different source sizes.
        num_curves: Number of curves.
        smallest_size: Smallest source size.
        largest_size: Largest source size; the law is extrapolated beyond it.
        residual_log_rmse: Root mean square of the log of (mean error / law) over the sizes.
        chance_of_misfit: Share of draws with residuals as large as those of the means; small for a wrong form. None
            without repeats, when it cannot be judged.
        chance_of_order: Share of random orders of the residuals in which neighbors are as much alike; small where the
            law lacks a bend. None for fewer than six sizes.
        share_held: Share of the mean errors that lie where 90 % are expected.
        run_spread: Standard deviation of the log error of one run about the mean of runs.
        forecast_drift: By how much forecasts of one size from the smaller ones missed beyond chance, as a share of the
            error, per unit of log source size; 0 if there are too few sizes to know, which is in `notes`.
        interval_method: How the intervals were made.
        trials: How each form did in the choice; empty if the form was given.
        notes: Plain sentences about what the data do not determine.
        fit: The law as it is fitted.
        draws: Laws of the draws; those of this form first, then those of rival forms. Beyond the largest size they
            drift, see `gnn_sim2real.law.drift`.
    """

    form: str
    formula: str
    decay_rate: float
    transfer_gap: float
    prefactor: float
    decay_rate_interval: Interval
    transfer_gap_interval: Interval
    prefactor_interval: Interval
    decay_rate_profile: Interval
    transfer_gap_profile: Interval
    further: Mapping[str, float]
    further_intervals: Mapping[str, Interval]
    decay_rate_identified: bool
    transfer_gap_identified: bool
    confidence: float
    num_sizes: int
    num_curves: int
    smallest_size: float
    largest_size: float
    residual_log_rmse: float
    chance_of_misfit: float | None
    chance_of_order: float | None
    share_held: float
    run_spread: float
    forecast_drift: float
    interval_method: str
    trials: tuple[Trial, ...]
    notes: tuple[str, ...]
    fit: Fits = field(repr=False, compare=False)
    draws: tuple[Fits, ...] = field(repr=False, compare=False)

    def predict(self, source_sizes: ArrayLike) -> Floats:
        """Return E(n), in the unit of the errors.

        Args:
            source_sizes: Source sizes n, of any shape.

        Returns:
            The errors, of the same shape.

        Raises:
            ValueError: If a size is not positive or not finite.
        """
        sizes = check_sizes(source_sizes)
        return np.asarray(self.fit.predict(sizes.reshape(1, -1))[0].reshape(sizes.shape))

    def predict_interval(self, source_sizes: ArrayLike, of: Of = "mean") -> tuple[Floats, Floats]:
        """Return the interval of E(n) at each size: of the mean over runs, or of one new run there.

        Beyond the largest size it contains by how much forecasts of measured sizes missed.

        Args:
            source_sizes: Source sizes n, of any shape.
            of: "mean": the fitted E(n); "run": the error of a single new model, with the scatter between runs.

        Returns:
            Lower and upper ends, of the same shape, in the unit of the errors.

        Raises:
            ValueError: If a size is not positive or not finite, or there is no such interval.
        """
        sizes = check_sizes(source_sizes)
        spread = spread_of(of, self.run_spread)
        low, high = span(self.fit, self.draws, sizes.reshape(1, -1), self.confidence, spread)
        return low.reshape(sizes.shape), high.reshape(sizes.shape)

    def display(self) -> Display:
        """What there is to show."""
        sizes = f"{self.num_sizes} sizes from {format_size(self.smallest_size)} to {format_size(self.largest_size)}"
        curves = f"{self.num_curves} curve{'s' * (self.num_curves != 1)}"
        parameters = {
            "decay rate alpha": (self.decay_rate, self.decay_rate_interval),
            "transfer gap": (self.transfer_gap, self.transfer_gap_interval),
            "prefactor": (self.prefactor, self.prefactor_interval),
            **{name: (value, self.further_intervals[name]) for name, value in self.further.items()},
        }
        notes = (f"{100 * self.confidence:g} % intervals", *self.notes)
        return display_parameters(f"E(n) = {self.formula}, {curves}, {sizes}", parameters, self._draw, notes)

    def _draw(self, axes: Any) -> None:
        ends = ((self.smallest_size, self.largest_size, "-"), (self.largest_size, FARTHEST * self.largest_size, "--"))
        for start, end, dashes in ends:
            sizes = np.geomspace(start, end, 60)
            axes.plot(sizes, self.predict(sizes), color="C0", linestyle=dashes)
            axes.fill_between(sizes, *self.predict_interval(sizes), color="C0", alpha=0.2)
        axes.set(xscale="log", yscale="log", xlabel="source size n", ylabel="test error")

    def describe(self, unit: str = "") -> str:
        """Return the law in a few sentences.

        Args:
            unit: Unit of the errors; empty for none.

        Returns:
            One line of text.
        """
        if is_level(self):
            return ALL_EQUAL
        falls = "Test error falls with source size n as" if self.decay_rate_identified else "The fitted law is"
        text = (
            f"{falls} E(n) = {self.formula} with "
            f"{describe_parameters(self, unit)} "
            f"({100 * self.confidence:g} % intervals, {self.interval_method}; "
            f"{self.num_curves} curve{'s' * (self.num_curves != 1)}, "
            f"{self.num_sizes} sizes from {format_size(self.smallest_size)} to {format_size(self.largest_size)})."
        )
        return " ".join([text, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the fitted rows, in types that JSON knows."""
        return plain_fields(self)


def is_level(law: Any) -> bool:
    """Whether all errors are equal, so that there is no law.

    Args:
        law: A `ScalingLaw` or a `gnn_sim2real.law.surface.ScalingSurface`.
    """
    return bool(law.notes == (ALL_EQUAL,))


def tails(confidence: float) -> tuple[float, float]:
    """The quantiles of a central interval."""
    return (1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0


def spread_of(of: str, run_spread: float) -> float:
    """Return the scatter that an interval contains beside that of the law.

    Args:
        of: "mean" or "run".
        run_spread: Standard deviation of the log error of one run.

    Raises:
        ValueError: If there is no such interval.
    """
    if of not in ("mean", "run"):
        raise ValueError(f"an interval is of the 'mean' over runs or of one new 'run', got {of!r}")
    return run_spread if of == "run" else 0.0


def span(
    fit: Fits, draws: tuple[Fits, ...], points: Floats, confidence: float, run_spread: float = 0.0
) -> tuple[Floats, Floats]:
    """Interval of a law at each point, over the draws of all forms; it contains the law itself.

    Args:
        fit: The law.
        draws: Laws of the draws, a set for each form.
        points: Sizes, shape ``(num_variables, num_points)``.
        confidence: Nominal coverage.
        run_spread: Standard deviation of the log error of one run; 0 for the interval of the mean over runs.

    Returns:
        Lower and upper ends, shape ``(num_points,)``.
    """
    found = [drawn.predict(points) for drawn in draws]
    if run_spread:
        factors = np.random.default_rng(0).standard_normal((_RUNS_A_DRAW, len(found[0]), 1))
        found = [(each * np.exp(run_spread * factors)).reshape(-1, points.shape[1]) for each in found]
    # the nearest draw, as in a plan, so that both tell the same digits
    ends = np.stack([np.quantile(each, tails(confidence), axis=0, method="nearest") for each in found])
    center = fit.predict(points)[0]
    return np.minimum(ends[:, 0].min(axis=0), center), np.maximum(ends[:, 1].max(axis=0), center)


def parameters_of(law: Any) -> Iterator[tuple[Parameter, float, Interval]]:
    """Yield the parameters that the form of a law has, each with its value and interval.

    Args:
        law: A `ScalingLaw` or a `gnn_sim2real.law.surface.ScalingSurface`.
    """
    for parameter in law.fit.form.parameters:
        if parameter.name in law.further:
            yield parameter, law.further[parameter.name], law.further_intervals[parameter.name]
        else:
            yield parameter, getattr(law, parameter.name), getattr(law, f"{parameter.name}_interval")


def describe_parameters(law: Any, unit: str) -> str:
    """Return the parameters of a law with their intervals, as a part of a sentence.

    Args:
        law: A `ScalingLaw` or a `gnn_sim2real.law.surface.ScalingSurface`.
        unit: Unit of the errors; empty for none.
    """
    text = ""
    for parameter, value, interval in parameters_of(law):
        tail = f" {unit}" if unit and parameter.has_unit else ""
        doubt = "" if getattr(law, f"{parameter.name}_identified", True) else " (not identified)"
        joint = " and " if parameter.name == "prefactor" else ", "
        text += f"{joint if text else ''}{parameter.symbol} = {format_with_ends(value, *interval)}{tail}{doubt}"
    return text


def plain_fields(law: Any) -> dict[str, Any]:
    """Return all fields of a law but the fitted rows, in types that JSON knows.

    Args:
        law: A `ScalingLaw` or a `gnn_sim2real.law.surface.ScalingSurface`.
    """
    return {name: _plain(getattr(law, name)) for name in law.__dataclass_fields__ if name not in ("fit", "draws")}


def _plain(value: Any) -> Any:
    if isinstance(value, Trial):
        return asdict(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
