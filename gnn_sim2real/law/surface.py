"""The scaling law in two variables: error against source size n and target size m.

References:
    H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.average import AVERAGE, AVERAGE_OF_CURVES, Averaged, Mixed
from gnn_sim2real.law.display import FARTHEST, display_parameters
from gnn_sim2real.law.fit import MIN_SIZES
from gnn_sim2real.law.forms import SURFACE_FORMS, Floats, SurfaceForm
from gnn_sim2real.law.forms.form import RATE_BOUNDS, log_position_beyond
from gnn_sim2real.law.forms.power_limit import POWER_LIMIT
from gnn_sim2real.law.forms.product import PRODUCT
from gnn_sim2real.law.frame import CONFIDENCE, DRAWS, Draws, fit_form, parameter_fields, pick_form
from gnn_sim2real.law.identify import doubts_of_rate, doubts_of_surface_gap
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.log_errors import check_sizes
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.law.profile import profile_rate
from gnn_sim2real.law.scaling_law import (
    ALL_EQUAL,
    Interval,
    Of,
    describe_parameters,
    is_level,
    plain_fields,
    span,
    spread_of,
    tails,
)
from gnn_sim2real.law.selection import DEFAULT_FORM, SPARE_SIZES, Trial
from gnn_sim2real.shown import Display, Shown

MIN_TARGET_SIZES = 3  # a rate, and one size to contradict it


@dataclass(frozen=True, repr=False)
class ScalingSurface(Shown):
    """A fitted law E(n, m), such as (D n^-alpha + G) m^-beta + L, which is delta (gamma + n^-alpha) m^-beta + L.

    D is delta and G = delta gamma is the transfer gap: written so, the form with L is also that of Barnett (2024).

    Attributes:
        form: Name of the form, of `gnn_sim2real.law.forms.SURFACE_FORMS`.
        formula: The form as text.
        decay_rate: alpha.
        target_rate: beta.
        transfer_gap: G, what an infinite source leaves of the part that m lowers, in the unit of the errors.
        prefactor: D, in the unit of the errors.
        limit: L, the error that neither lowers, in the unit of the errors.
        decay_rate_interval: Interval of alpha.
        target_rate_interval: Interval of beta.
        transfer_gap_interval: Interval of G.
        prefactor_interval: Interval of D.
        limit_interval: Interval of L.
        further: Further parameters of the form by name.
        further_intervals: Their intervals.
        decay_rate_identified: Whether the data determine alpha; if not, `notes` says why.
        transfer_gap_identified: Whether the data determine G; if not, `notes` says why.
        confidence: Nominal coverage of the intervals.
        source_sizes: Different source sizes, ascending.
        target_sizes: Different target sizes, ascending.
        num_curves: Number of repeats.
        residual_log_rmse: Root mean square of the log of (mean error / law) over the points.
        chance_of_misfit: Share of draws with residuals as large as those of the means; small for a wrong form. None
            without repeats, when it cannot be judged.
        chance_of_order: Share of random orders of the residuals in which neighbors are as much alike; small where the
            law lacks a bend. None for fewer than six sizes.
        share_held: Share of the mean errors that lie where 90 % are expected.
        run_spread: Standard deviation of the log error of one run about the mean of runs.
        forecast_drift: By how much forecasts of one source size, and of one target size, from the smaller ones missed
            beyond chance, as a share of the error, per unit of log size.
        trials: How each form did in the choice; empty if the form was given.
        notes: Plain sentences about what the data do not determine.
        fit: The law as it is fitted.
        draws: Laws of the draws; those of this form first, then those of rival forms. Beyond the largest sizes they
            drift, see `gnn_sim2real.law.drift`.
    """

    form: str
    formula: str
    decay_rate: float
    target_rate: float
    transfer_gap: float
    prefactor: float
    limit: float
    decay_rate_interval: Interval
    target_rate_interval: Interval
    transfer_gap_interval: Interval
    prefactor_interval: Interval
    limit_interval: Interval
    further: Mapping[str, float]
    further_intervals: Mapping[str, Interval]
    decay_rate_identified: bool
    transfer_gap_identified: bool
    confidence: float
    source_sizes: tuple[float, ...]
    target_sizes: tuple[float, ...]
    num_curves: int
    residual_log_rmse: float
    chance_of_misfit: float | None
    chance_of_order: float | None
    share_held: float
    run_spread: float
    forecast_drift: tuple[float, float]
    trials: tuple[Trial, ...]
    notes: tuple[str, ...]
    fit: Fits = field(repr=False, compare=False)
    draws: tuple[Fits, ...] = field(repr=False, compare=False)

    def predict(self, source_sizes: ArrayLike, target_sizes: ArrayLike) -> Floats:
        """Return E(n, m), in the unit of the errors.

        Args:
            source_sizes: Source sizes n.
            target_sizes: Target sizes m, of a shape that goes with it.

        Raises:
            ValueError: If a size is not positive or not finite.
        """
        points, shape = _points(source_sizes, target_sizes)
        return np.asarray(self.fit.predict(points)[0].reshape(shape))

    def predict_interval(
        self, source_sizes: ArrayLike, target_sizes: ArrayLike, of: Of = "mean"
    ) -> tuple[Floats, Floats]:
        """Return the interval of E(n, m) at each point: of the mean over runs, or of one new run there.

        Beyond the largest sizes it contains by how much forecasts of measured sizes missed.

        Args:
            source_sizes: Source sizes n.
            target_sizes: Target sizes m, of a shape that goes with it.
            of: "mean" or "run", as for `ScalingLaw.predict_interval`.

        Raises:
            ValueError: If a size is not positive or not finite, or there is no such interval.
        """
        points, shape = _points(source_sizes, target_sizes)
        low, high = span(self.fit, self.draws, points, self.confidence, spread_of(of, self.run_spread))
        return low.reshape(shape), high.reshape(shape)

    def at_target_size(self, target_size: float) -> tuple[Fits, tuple[Fits, ...]]:
        """Return the law of the source size at one target size, and its draws: power laws with limit.

        Args:
            target_size: Target size m.
        """
        slices = [_slice(fits, target_size) for fits in (self.fit, *self.draws)]
        return slices[0], tuple(slices[1:])

    def display(self) -> Display:
        """What there is to show."""
        (first, last), (few, many) = ((each[0], each[-1]) for each in (self.source_sizes, self.target_sizes))
        headline = (
            f"E(n, m) = {self.formula}, {format_size(first)} to {format_size(last)} simulated and {format_size(few)} "
            f"to {format_size(many)} measured materials"
        )
        parameters = {
            "decay rate alpha": (self.decay_rate, self.decay_rate_interval),
            "rate of measurements beta": (self.target_rate, self.target_rate_interval),
            "transfer gap": (self.transfer_gap, self.transfer_gap_interval),
            "prefactor": (self.prefactor, self.prefactor_interval),
            "limit": (self.limit, self.limit_interval),
            **{name: (value, self.further_intervals[name]) for name, value in self.further.items()},
        }
        notes = (f"{100 * self.confidence:g} % intervals", *self.notes)
        return display_parameters(headline, parameters, self._draw, notes)

    def _draw(self, axes: Any) -> None:
        sizes = np.geomspace(self.source_sizes[0], FARTHEST * self.source_sizes[-1], 80)
        for number, measured in enumerate(self.target_sizes):
            name = f"{format_size(measured)} measured"
            axes.plot(sizes, self.predict(sizes, np.full(len(sizes), measured)), color=f"C{number % 10}", label=name)
        axes.axvline(self.source_sizes[-1], color="gray", linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel="source size n", ylabel="test error")
        axes.legend()

    def describe(self, unit: str = "") -> str:
        """Return the law in a few sentences.

        Args:
            unit: Unit of the errors; empty for none.
        """
        if is_level(self):
            return ALL_EQUAL
        text = (
            f"Test error falls with source size n and target size m as E(n, m) = {self.formula} with "
            f"{describe_parameters(self, unit)} "
            f"({100 * self.confidence:g} % intervals, {self.num_curves} curve{'s' * (self.num_curves != 1)}, "
            f"{len(self.source_sizes)} source and {len(self.target_sizes)} target sizes)."
        )
        return " ".join([text, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the fitted rows, in types that JSON knows."""
        return plain_fields(self)


def fit_scaling_surface(
    source_sizes: ArrayLike,
    target_sizes: ArrayLike,
    errors: ArrayLike,
    *,
    curves: Iterable[Hashable] | None = None,
    weights: ArrayLike | None = None,
    material_errors: ArrayLike | None = None,
    materials: Sequence[Hashable] | None = None,
    form: str = DEFAULT_FORM,
    confidence: float = CONFIDENCE,
    num_resamples: int = DRAWS.num_resamples,
    seed: int = DRAWS.seed,
) -> ScalingSurface:
    """Fit E(n, m) = (D n^-alpha + G) m^-beta, with or without a limit L, to test errors, on their logarithms.

    Args:
        source_sizes: Source size n of each trained model, shape ``(num_models,)``.
        target_sizes: Its target size m, shape ``(num_models,)``.
        errors: Its test error, positive, shape ``(num_models,)``.
        curves: Label of the repeat of each model, shape ``(num_models,)``: models that share seed or test set, at any
            sizes. Without labels, the k-th model of a point belongs to repeat k.
        weights: Weight of each model, as in `fit_scaling_law`.
        material_errors: As in `fit_scaling_law`.
        materials: As in `fit_scaling_law`.
        form: "average": all forms, each by how likely it is; a name of `gnn_sim2real.law.forms.SURFACE_FORMS`; or
            "auto": the form that forecasts the largest source sizes best from the smaller ones.
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws, at least 100.
        seed: Seed of the draws.

    Returns:
        The law.

    Raises:
        ValueError: As `fit_scaling_law`, or if there are too few source or target sizes.
    """
    labels = None if curves is None else list(curves)
    models = Models(source_sizes, errors, labels, weights, material_errors, materials, target_sizes)
    return fit_surface(models, form, Draws(confidence, num_resamples, seed))


def fit_surface(models: Models, form: str = DEFAULT_FORM, draws: Draws = DRAWS) -> ScalingSurface:
    """Fit a law in both sizes to models of several target sizes, as report and `law` commands do.

    Args:
        models: The models, with their target sizes.
        form: As in `fit_scaling_surface`.
        draws: How the draws are made.

    Raises:
        ValueError: As `fit_scaling_surface`.
    """
    table = models.table()
    draws.check()
    sources, targets = np.unique(table.sizes[0]), np.unique(table.sizes[1])
    if len(sources) < MIN_SIZES or len(targets) < MIN_TARGET_SIZES:
        raise ValueError(
            f"a law in n and m needs at least {MIN_SIZES} source and {MIN_TARGET_SIZES} target sizes, got "
            f"{len(sources)} and {len(targets)}"
        )
    chosen, trials = pick_form(table, form, SURFACE_FORMS)
    # an average needs what the simplest of its forms does
    simplest = PRODUCT if chosen.name == AVERAGE else chosen
    if table.sizes.shape[1] < simplest.num_parameters + SPARE_SIZES:
        raise ValueError(
            f"a law in n and m of the form {chosen.name!r} needs at least {simplest.num_parameters + SPARE_SIZES} "
            f"pairs of sizes, got {table.sizes.shape[1]}"
        )
    fitted = fit_form(table, chosen, trials, draws)
    # those of rivals too, as in forecasts: one form is a case of the other, with L = 0
    values = parameter_fields(fitted.fit, fitted.draws, draws.confidence)
    flat = bool(np.quantile(fitted.drawn.natural()["decay_rate"], tails(draws.confidence)[0]) <= 1.01 * RATE_BOUNDS[0])
    profile = Interval(*profile_rate(fitted.leading, fitted.means, table.sizes, draws.confidence))
    rate_doubts = doubts_of_rate((values["decay_rate_interval"], profile), flat, fitted.means.repeated)
    gap_doubts = doubts_of_surface_gap(values, (float(sources[0]), float(sources[-1])))
    return ScalingSurface(
        **values,
        **fitted.fields(rate_doubts, gap_doubts),
        transfer_gap_identified=fitted.means.repeated and not gap_doubts,
        source_sizes=tuple(sources.tolist()),
        target_sizes=tuple(targets.tolist()),
        forecast_drift=tuple(np.nan_to_num(fitted.drift).tolist()),
    )


def _points(source_sizes: ArrayLike, target_sizes: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    source, target = np.broadcast_arrays(check_sizes(source_sizes), check_sizes(target_sizes, "target"))
    return np.stack([source.ravel(), target.ravel()]), source.shape


def _slice(fits: Fits, target_size: float) -> Fits:
    """Laws of the source size at one target size."""
    beyond = log_position_beyond(np.array([[target_size]]), fits.largest[1:])[0, 0]
    ends = np.minimum(beyond, fits.turns[:, 1])
    reached = np.where(beyond > ends, fits.largest[1] * np.exp(ends), target_size)
    drifted = fits.drift[:, 1] * ends  # up to where the drift would make a row rise
    if not isinstance(fits, Averaged | Mixed):
        return replace(_slice_rows(fits, reached, drifted), given_turns=fits.turns[:, :1])
    if isinstance(fits, Mixed):
        reached, drifted = fits.by_part(reached), fits.by_part(drifted)
    else:  # its parts have the drift of the average, which has none
        reached, drifted = (np.repeat(each, len(fits.shares)) for each in (reached, drifted))
    ends = np.cumsum([0, *(len(part.loss) for part in fits.parts)])
    parts = tuple(
        _slice_rows(part, reached[first:last], drifted[first:last])
        for part, first, last in zip(fits.parts, ends[:-1], ends[1:], strict=True)
    )
    return replace(
        fits,
        form=AVERAGE_OF_CURVES,
        parts=parts,
        smallest=fits.smallest[:1],
        largest=fits.largest[:1],
        drift=fits.drift[:, :1],
        given_turns=fits.turns[:, :1],
    )


def _slice_rows(fits: Fits, reached: Floats, drifted: Floats) -> Fits:
    """Laws of one form at target sizes of their own, with what drift adds to their log errors."""
    form = cast(SurfaceForm, fits.form)
    falling, gap = form.at_target_size(fits.parameters, np.exp(fits.log_first), fits.smallest, reached)
    parameters = np.stack([fits.parameters[:, form.rate_column], gap / (falling + gap)], axis=1)
    log_first = np.log(falling + gap) + drifted
    return Fits(POWER_LIMIT, fits.smallest[:1], parameters, log_first, fits.loss, fits.largest[:1], fits.drift[:, :1])
