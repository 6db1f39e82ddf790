"""What follows from a fitted law: sizes for a wanted error, the worth of data, the best split of a budget.

References:
    iso-error lines and equivalent sizes: S. Minami et al. (2025), https://doi.org/10.1038/s41524-025-01606-5;
    effective data transferred: D. Hernandez et al. (2021), https://arxiv.org/abs/2102.01293.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gnn_sim2real.law.effective_data import FromScratch, effective_data
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.inversion import Quantity, errors_at, invert, iso_error_line, plain, quantity
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.log_errors import check_sizes
from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.law.scaling_law import Interval, ScalingLaw, is_level
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.shown import Display, Shown

FAR = 4.0
"""A forecast beyond this multiple of the largest measured size is called far: up to here it is tested that intervals
are valid (`benchmarks/results/surface_coverage.json`), and at ten times they are not if a law bends in between."""

_FAR_FORECAST = (
    f"is more than {FAR:g} times the largest measured source size: a far forecast, whose interval is valid only if the "
    "law does not bend in between."
)

FARTHEST = 1000.0
"""An error that needs more than this multiple of the largest measured size is called out of reach in a draw."""

_NUM_SPLITS = 401
_MOST_BOUGHT = 1e15  # materials, as many as the sizes of a law may be
_ROUNDING = 1e-9  # of an error; a smaller difference is none


@dataclass(frozen=True)
class Wanted:
    """The source size for a wanted error.

    Attributes:
        error: The wanted error.
        source_size: The size; None if it is out of reach, that is beyond a thousand times the largest measured size;
            the smallest measured size if that is enough, since nothing is known below it.
        smallest_size: The smallest measured size.
        chance: Share of draws in which a thousand times the largest measured size reaches the error.
        limit: The error of an infinite source, by the form of the law: its interval does not contain the drift.
    """

    error: float
    source_size: Quantity
    smallest_size: float
    chance: float
    limit: Quantity


@dataclass(frozen=True)
class BudgetSplit:
    """How to spend a budget.

    Attributes:
        source_share: Share of the budget for calculations; its interval is that of the best share.
        num_source: Calculations to add.
        num_target: Measurements to add.
        error: The error after that.
        error_all_source: The error if all is spent on calculations.
        error_all_target: The error if all is spent on measurements.
    """

    source_share: Quantity
    num_source: int
    num_target: int
    error: Quantity
    error_all_source: Quantity
    error_all_target: Quantity


@dataclass(frozen=True)
class IsoError:
    """The pairs of sizes that give the same error.

    Attributes:
        error: The error.
        target_sizes: Target sizes m.
        source_sizes: Source size n for each; None where no source reaches the error.
    """

    error: float
    target_sizes: tuple[float, ...]
    source_sizes: tuple[float | None, ...]


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """What a law implies for the next step.

    Attributes:
        source_size: Source size n of the plan.
        target_size: Target size m; None for a law in n alone.
        error: The error there.
        gain_of_doubling: By how much doubling the source lowers it.
        worth_of_measurement: Number of calculations that lower it as much as one more measurement.
        effective_data: Number of additional measurements that a model without the source needs for the same error.
        wanted: The source size for a wanted error, if one was given.
        split: How to spend a budget, if one was given for a law in both sizes.
        iso_errors: Pairs of sizes for the same errors.
        notes: Plain sentences on how far to trust this.
    """

    source_size: float
    target_size: float | None
    error: Quantity
    gain_of_doubling: Quantity
    worth_of_measurement: Quantity | None
    effective_data: Quantity | None
    wanted: Wanted | None
    split: BudgetSplit | None
    iso_errors: tuple[IsoError, ...]
    notes: tuple[str, ...]

    def display(self) -> Display:
        """What there is to show."""
        quantities = self._quantities()
        rows = [(name, format_with_ends(each.value, *each.interval)) for name, each in quantities.items()]
        if self.split is not None:
            rows.append(("calculations to add", format_size(self.split.num_source)))
            rows.append(("measurements to add", format_size(self.split.num_target)))
        of = "" if self.target_size is None else f" and {format_size(self.target_size)} measured"
        return Display(
            headline=f"plan from {format_size(self.source_size)} simulated{of} materials",
            rows=rows,
            draw=self._draw,
            notes=self.notes,
            records=[
                {"quantity": name, "value": each.value, "low": each.interval[0], "high": each.interval[1]}
                for name, each in quantities.items()
            ],
        )

    def _quantities(self) -> dict[str, Quantity]:
        """What there is, by what it is called."""
        found = {
            "error there": self.error,
            "gain of a doubled source": self.gain_of_doubling,
            "calculations worth one measurement": self.worth_of_measurement,
            "measurements that the source is worth": self.effective_data,
        }
        if self.wanted is not None:
            found[f"source size for the error {format_number(self.wanted.error)}"] = self.wanted.source_size
        if self.split is not None:
            found |= {"share of the budget for calculations": self.split.source_share, "error after": self.split.error}
        return {name: each for name, each in found.items() if each is not None}

    def _draw(self, axes: Any) -> None:
        if not self.iso_errors:
            raise ValueError("a plan of a law in n alone has no lines of equal error; plot the law")
        for line in self.iso_errors:
            sizes = [np.nan if each is None else each for each in line.source_sizes]
            axes.plot(sizes, line.target_sizes, label=f"error {format_number(line.error)}")
        axes.set(xscale="log", yscale="log", xlabel="source size n", ylabel="target size m")
        axes.legend()

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON knows; None for infinite."""
        content: dict[str, Any] = plain(asdict(self))
        return content


def plan(
    law: ScalingLaw | ScalingSurface,
    *,
    at: tuple[float, ...] | None = None,
    target_error: float | None = None,
    source_cost: float | None = None,
    target_cost: float | None = None,
    budget: float | None = None,
    scratch: FromScratch | None = None,
) -> Plan:
    """Plan the next step by a law.

    Args:
        law: From `fit_scaling_law` or `fit_scaling_surface`.
        at: Source size n, and target size m for a law in both; None for the largest measured ones.
        target_error: The wanted error.
        source_cost: Cost of a calculation; with the next two, for the split of a budget.
        target_cost: Cost of a measurement, in the same unit.
        budget: The budget, in the same unit.
        scratch: Models without a source, to tell how many measurements the source is worth.

    Returns:
        The plan.

    Raises:
        ValueError: If a number is out of its range, or a budget is given without costs.
    """
    source, target = _place(law, at)
    surface = law if isinstance(law, ScalingSurface) else None
    if isinstance(law, ScalingSurface) and target is not None:
        fit, draws = law.at_target_size(target)
    else:
        fit, draws = law.fit, law.draws
    laws, notes = (fit, *draws), _beyond_measured(law, source, target)
    wanted = None
    if target_error is not None:
        wanted = _source_size_for(laws, target_error, law.confidence, FARTHEST * _largest(law))
        if is_level(law):
            wanted = _size_of_level(wanted, bool(errors_at((fit,), source)[0][0] <= target_error * (1.0 + _ROUNDING)))
        found = wanted.source_size.value
        if found is not None and found > FAR * _largest(law):
            notes.append(f"n = {format_number(found, whole=True)} for this error {_FAR_FORECAST}")
    split = None
    if (source_cost, target_cost, budget) != (None, None, None):
        if source_cost is None or target_cost is None or budget is None:
            raise ValueError("the split of a budget needs all three of source_cost, target_cost and budget")
        if surface is None or target is None:
            notes.append(
                "The budget was not split: that needs a law in source and target size; give errors at several of both."
            )
        else:
            split = _split_budget(surface, (source, target), (source_cost, target_cost), budget)
            notes += _far_after(surface, source + split.num_source, target + split.num_target)
    worth: Quantity | None = None
    lines: tuple[IsoError, ...] = ()
    if surface is not None and target is not None:
        worth = _worth_of_measurement(surface, source, target)
        lines = tuple(_iso_errors(surface, fit, source))
        notes += _far_on_lines(surface, lines)
    return Plan(
        source_size=source,
        target_size=target,
        error=quantity(errors_at(laws, source), law.confidence),
        gain_of_doubling=gain_of_doubling(laws, source, law.confidence),
        worth_of_measurement=worth,
        effective_data=(
            effective_data(scratch, errors_at(laws, source), target, law.confidence) if scratch and target else None
        ),
        wanted=wanted,
        split=split,
        iso_errors=lines,
        notes=tuple(notes),
    )


def _beyond_measured(law: ScalingLaw | ScalingSurface, source: float, target: float | None) -> list[str]:
    """Whether the sizes asked for lie far beyond what was measured, or below it."""
    notes = []
    if source > FAR * _largest(law):
        notes.append(f"n = {format_number(source, whole=True)} {_FAR_FORECAST}")
    if source < _smallest(law):
        notes.append(
            f"n = {format_number(source, whole=True)} is below the smallest measured source size, "
            f"{format_size(_smallest(law))}: no error was measured there."
        )
    if isinstance(law, ScalingSurface) and target is not None and target > FAR * law.target_sizes[-1]:
        notes.append(f"m = {format_number(target, whole=True)} {_FAR_FORECAST.replace('source', 'target')}")
    return notes


def _far_on_lines(surface: ScalingSurface, lines: tuple[IsoError, ...]) -> list[str]:
    """Whether lines of equal error lead far beyond what was measured."""
    farthest = max((size for line in lines for size in line.source_sizes if size is not None), default=0.0)
    end = FAR * surface.source_sizes[-1]
    if farthest <= end:
        return []
    return [
        f"On lines of equal error, source sizes above {format_number(end, whole=True)} are far forecasts, more than "
        f"{FAR:g} times the largest measured one."
    ]


def _far_after(surface: ScalingSurface, source: float, target: float) -> list[str]:
    """Whether a budget leads far beyond what was measured."""
    sizes = (("n", "source", source, surface.source_sizes[-1]), ("m", "target", target, surface.target_sizes[-1]))
    return [
        f"The budget leads to {symbol} = {format_number(size, whole=True)}, {size / largest:,.1f} times the largest "
        f"measured {which} size, which is {format_size(largest)}: a far forecast. Spend a part of it, and fit again."
        for symbol, which, size, largest in sizes
        if size > FAR * largest
    ]


def _place(law: ScalingLaw | ScalingSurface, at: tuple[float, ...] | None) -> tuple[float, float | None]:
    """Source and target size of a plan."""
    num_wanted = 2 if isinstance(law, ScalingSurface) else 1
    if at is not None and len(at) != num_wanted:
        raise ValueError(f"the place on this law must be {('n', 'n,m')[num_wanted - 1]}, got {len(at)} numbers")
    if isinstance(law, ScalingSurface):
        source, target = at or (law.source_sizes[-1], law.target_sizes[-1])
        return float(check_sizes(source)), float(check_sizes(target, "target"))
    return float(check_sizes(at[0] if at else law.largest_size)), None


def _largest(law: ScalingLaw | ScalingSurface) -> float:
    return law.source_sizes[-1] if isinstance(law, ScalingSurface) else law.largest_size


def _smallest(law: ScalingLaw | ScalingSurface) -> float:
    return law.source_sizes[0] if isinstance(law, ScalingSurface) else law.smallest_size


def gain_of_doubling(laws: Sequence[Fits], source_size: float, confidence: float) -> Quantity:
    """Return by how much doubling the source lowers the error.

    Args:
        laws: A law of the source size alone, and its draws.
        source_size: Size before the doubling.
        confidence: Nominal coverage.
    """
    return quantity([gains_of_doubling(fits, source_size) for fits in laws], confidence)


def gains_of_doubling(fits: Fits, source_size: float) -> Floats:
    """Return by how much doubling the source lowers the error of each row.

    Drift never makes it a loss, since a larger source contains the smaller one; a law that rises by itself does.

    Args:
        fits: Laws of the source size alone.
        source_size: Size before the doubling.
    """
    sizes = np.array([[source_size, 2.0 * source_size]])
    errors = fits.predict(sizes)
    drifting, still = (each[:, 0] - each[:, 1] for each in (errors, fits.without_drift().predict(sizes)))
    gains = np.maximum(drifting, np.minimum(still, 0.0))
    return np.where(np.abs(gains) > _ROUNDING * errors[:, 0], gains, 0.0)


def _source_size_for(laws: Sequence[Fits], error: float, confidence: float, farthest: float) -> Wanted:
    if not (np.isfinite(error) and error > 0):
        raise ValueError(f"the wanted error must be positive and finite, got {error:g}")
    sizes = [invert(fits, np.full(len(fits.loss), error)) for fits in laws]
    sizes = [np.where(each <= farthest, each, np.inf) for each in sizes]
    return Wanted(
        error=error,
        source_size=quantity(sizes, confidence),
        smallest_size=float(laws[0].smallest[0]),
        chance=float(np.mean(np.concatenate(sizes[1:]) <= farthest)),
        limit=quantity(errors_at(laws, np.inf), confidence),
    )


def _size_of_level(wanted: Wanted, is_low: bool) -> Wanted:
    """The source size where all errors are equal: any, or none."""
    end = wanted.smallest_size if is_low else np.inf
    size = Quantity(end if is_low else None, Interval(end, end))
    return replace(wanted, source_size=size, chance=float(is_low), limit=Quantity(None, Interval(np.inf, np.inf)))


def _worth_of_measurement(surface: ScalingSurface, source: float, target: float) -> Quantity:
    """By how much n has to grow for the error that one more measurement gives."""
    (fit, draws), (more, more_draws) = surface.at_target_size(target), surface.at_target_size(target + 1.0)
    pairs = zip((fit, *draws), errors_at((more, *more_draws), source), strict=True)
    return quantity([invert(fits, errors) - source for fits, errors in pairs], surface.confidence)


def _split_budget(
    surface: ScalingSurface, place: tuple[float, float], costs: tuple[float, float], budget: float
) -> BudgetSplit:
    """The split of a budget that lowers the error most, on a fine grid of splits."""
    for name, value in zip(("source_cost", "target_cost", "budget"), (*costs, budget), strict=True):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, got {value:g}")
    if not budget / _MOST_BOUGHT < min(costs):
        raise ValueError(
            f"the budget {budget:g} buys more than {_MOST_BOUGHT:g} materials at {min(costs):g} each; check the units "
            "of the costs"
        )
    share = np.linspace(0.0, 1.0, _NUM_SPLITS)
    added = np.floor(np.stack([share * budget / costs[0], (1.0 - share) * budget / costs[1]]) + 1e-9)
    points = np.array(place)[:, None] + added
    errors = [fits.predict(points) for fits in (surface.fit, *surface.draws)]
    best = int(errors[0][0].argmin())

    def error_at(index: int) -> Quantity:
        return quantity([each[:, index] for each in errors], surface.confidence)

    return BudgetSplit(
        source_share=quantity([share[each.argmin(axis=1)] for each in errors], surface.confidence),
        num_source=int(added[0, best]),
        num_target=int(added[1, best]),
        error=error_at(best),
        error_all_source=error_at(_NUM_SPLITS - 1),
        error_all_target=error_at(0),
    )


def _iso_errors(surface: ScalingSurface, fit: Fits, source: float) -> Iterator[IsoError]:
    """Lines of equal error: that of the plan, and 10 and 20 % below it."""
    here = float(fit.predict(np.array([[source]]))[0, 0])
    targets = np.geomspace(surface.target_sizes[0], 4.0 * surface.target_sizes[-1], 9).round()
    for factor in (1.0, 0.9, 0.8):
        sizes = iso_error_line(surface, factor * here, targets)
        found = tuple(float(size) if np.isfinite(size) else None for size in sizes)
        yield IsoError(factor * here, tuple(targets.tolist()), found)
