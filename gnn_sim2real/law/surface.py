"""The scaling law in two variables: error against source size n and target size m.

References:
    H. Mikami et al. (2021), https://arxiv.org/abs/2108.11018.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.bootstrap import draw_moves, robust_means
from gnn_sim2real.law.drift import forecast_drift, let_drift
from gnn_sim2real.law.fit import MIN_SIZES, check_draws, find_form, intervals_of, without_share
from gnn_sim2real.law.forms import (
    POWER_LIMIT,
    RATE_BOUNDS,
    SURFACE,
    SURFACE_FORMS,
    Floats,
    Form,
    log_position_beyond,
)
from gnn_sim2real.law.identify import chance_of_misfit, doubts_of_forecast, doubts_of_form, doubts_of_rate
from gnn_sim2real.law.least_squares import Fits, fit_rows
from gnn_sim2real.law.log_errors import check_sizes, material_moves, tabulate
from gnn_sim2real.law.profile import profile_rate
from gnn_sim2real.law.scaling_law import Interval, quote, span, tails
from gnn_sim2real.law.selection import SPARE_SIZES, Trial, choose_form

MIN_TARGET_SIZES = 3  # a rate, and one size to contradict it
_GAP = 2  # number of the parameter that is the share of G


@dataclass(frozen=True)
class ScalingSurface:
    """A fitted law E(n, m) = (D n^-alpha + G) m^-beta + L, which is delta (gamma + n^-alpha) m^-beta + L.

    D is delta and G = delta gamma is the transfer gap: so written, the form with L is also that of Barnett (2024).

    Attributes:
        form: Name of the form: "product" (L = 0) or "product_limit".
        formula: The form as text.
        decay_rate: alpha.
        target_rate: beta.
        transfer_gap: G, what an endless source leaves of the part that m lowers, in the unit of the errors.
        prefactor: D, in the unit of the errors.
        limit: L, the error that neither lowers, in the unit of the errors.
        decay_rate_interval: Interval of alpha.
        target_rate_interval: Interval of beta.
        transfer_gap_interval: Interval of G.
        prefactor_interval: Interval of D.
        limit_interval: Interval of L.
        decay_rate_identified: Whether the data determine alpha; if not, `notes` says why.
        transfer_gap_identified: Whether the data determine G; if not, `notes` says why.
        confidence: Nominal coverage of the intervals.
        source_sizes: Different source sizes, ascending.
        target_sizes: Different target sizes, ascending.
        num_curves: Number of repeats.
        residual_log_rmse: Root mean square of the log of (mean error / law) over the points.
        chance_of_misfit: Share of draws with residuals as large as those of the means; small for a wrong form.
        forecast_drift: By how much forecasts of one source size, and of one target size, from the smaller ones missed
            beyond chance, as a share of the error, over log size.
        trials: How each form did in the choice; empty if the form was given.
        notes: Plain sentences on what the data do not show.
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
    decay_rate_identified: bool
    transfer_gap_identified: bool
    confidence: float
    source_sizes: tuple[float, ...]
    target_sizes: tuple[float, ...]
    num_curves: int
    residual_log_rmse: float
    chance_of_misfit: float
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
            ValueError: If a size is below 1 or not finite.
        """
        points, shape = _points(source_sizes, target_sizes)
        return np.asarray(self.fit.predict(points)[0].reshape(shape))

    def predict_interval(self, source_sizes: ArrayLike, target_sizes: ArrayLike) -> tuple[Floats, Floats]:
        """Return the interval of the fitted E(n, m) at each point, not of a single model's error there.

        Beyond the largest sizes it contains what the form's own forecasts of the sizes measured have missed.

        Args:
            source_sizes: Source sizes n.
            target_sizes: Target sizes m, of a shape that goes with it.

        Raises:
            ValueError: If a size is below 1 or not finite.
        """
        points, shape = _points(source_sizes, target_sizes)
        low, high = span(self.fit, self.draws, points, self.confidence)
        return low.reshape(shape), high.reshape(shape)

    def at_target_size(self, target_size: float) -> tuple[Fits, tuple[Fits, ...]]:
        """Return the law of the source size at one target size, and its draws: power laws with limit.

        Args:
            target_size: Target size m.
        """
        slices = [_slice(fits, target_size) for fits in (self.fit, *self.draws)]
        return slices[0], tuple(slices[1:])

    def describe(self, unit: str = "") -> str:
        """Return the law in a few sentences.

        Args:
            unit: Unit of the errors; empty for none.
        """
        tail = f" {unit}" if unit else ""
        doubt = {True: "", False: " (not identified)"}
        limit = f", L = {quote(self.limit, self.limit_interval)}{tail}" if self.form == "product_limit" else ""
        text = (
            f"Test error falls with source size n and target size m as E(n, m) = {self.formula} with "
            f"alpha = {quote(self.decay_rate, self.decay_rate_interval)}{doubt[self.decay_rate_identified]}, "
            f"beta = {quote(self.target_rate, self.target_rate_interval)}, "
            f"G = {quote(self.transfer_gap, self.transfer_gap_interval)}{tail}{doubt[self.transfer_gap_identified]} "
            f"and D = {quote(self.prefactor, self.prefactor_interval)}{tail}{limit} "
            f"({100 * self.confidence:g} % intervals, {self.num_curves} curve{'s' * (self.num_curves != 1)}, "
            f"{len(self.source_sizes)} source and {len(self.target_sizes)} target sizes)."
        )
        return " ".join([text, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the fitted rows, in types that JSON knows."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("fit", "draws")}
        lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        return values | lists | {"trials": [asdict(trial) for trial in self.trials]}


def fit_scaling_surface(
    source_sizes: ArrayLike,
    target_sizes: ArrayLike,
    errors: ArrayLike,
    *,
    curves: Iterable[Hashable] | None = None,
    weights: ArrayLike | None = None,
    material_errors: ArrayLike | None = None,
    form: str = "auto",
    confidence: float = 0.90,
    num_resamples: int = 1000,
    seed: int = 0,
) -> ScalingSurface:
    """Fit E(n, m) = (D n^-alpha + G) m^-beta, with or without a limit L, to test errors, on their logarithms.

    Args:
        source_sizes: Source size n of each trained model, shape ``(num_models,)``.
        target_sizes: Its target size m, shape ``(num_models,)``.
        errors: Its test error, positive, shape ``(num_models,)``.
        curves: Label of the repeat of each model, shape ``(num_models,)``: models that share seed or test set, at
            whatever sizes. Without labels, the k-th model of a point belongs to repeat k.
        weights: How much each model counts, as in `fit_scaling_law`.
        material_errors: As in `fit_scaling_law`.
        form: "product", "product_limit", or "auto": whichever forecasts the largest source sizes better.
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws, at least 100.
        seed: Seed of the draws.

    Returns:
        The law.

    Raises:
        ValueError: As `fit_scaling_law`, or if there are too few source or target sizes.
    """
    pair = [np.asarray(sizes, dtype=float) for sizes in (source_sizes, target_sizes)]
    if pair[0].shape != pair[1].shape:
        raise ValueError(f"source_sizes and target_sizes have different shapes {pair[0].shape} and {pair[1].shape}")
    table = tabulate(np.stack(pair), errors, curves, weights)
    check_draws(confidence, num_resamples)
    sources, targets = np.unique(table.sizes[0]), np.unique(table.sizes[1])
    if len(sources) < MIN_SIZES or len(targets) < MIN_TARGET_SIZES:
        raise ValueError(
            f"a law in n and m needs at least {MIN_SIZES} source and {MIN_TARGET_SIZES} target sizes, found "
            f"{len(sources)} and {len(targets)}"
        )
    trials: tuple[Trial, ...] = ()
    if form == "auto":
        chosen, trials = choose_form(table)
    else:
        chosen = find_form(form, SURFACE_FORMS)
    if table.sizes.shape[1] < chosen.num_parameters + SPARE_SIZES:
        raise ValueError(
            f"a law in n and m of the form {chosen.name!r} needs at least {chosen.num_parameters + SPARE_SIZES} pairs "
            f"of sizes, found {table.sizes.shape[1]}"
        )
    means, fit = robust_means(chosen, table.sizes, table.log_errors, table.weights)
    if material_errors is not None:
        means = means._replace(material_moves=material_moves(table, errors, material_errors))
    rows = means.values + draw_moves(means, num_resamples, seed)
    drawn = fit_rows(chosen, table.sizes, rows, means.weights)
    rivals = [trial.form for trial in trials if trial.is_rival and trial.form != chosen.name]
    others = [fit_rows(SURFACE_FORMS[name], table.sizes, rows, means.weights) for name in rivals]
    drift = forecast_drift(chosen, table.sizes, means, rows)
    bounded = _on_the_bounds(chosen, table.sizes, rows, means.weights, drawn, confidence)
    draws = let_drift((drawn, *bounded, *others), drift, seed)
    values, intervals = intervals_of(fit, draws, confidence)  # one form is a case of the other: L = 0
    fields: dict[str, Any] = {**values, **{f"{name}_interval": interval for name, interval in intervals.items()}}
    flat = bool(np.quantile(drawn.natural()["decay_rate"], tails(confidence)[0]) <= 1.01 * RATE_BOUNDS[0])
    profile = Interval(*profile_rate(fit, means, table.sizes, confidence))
    rate_doubts = doubts_of_rate((intervals["decay_rate"], profile), flat, means.repeated)
    gap_doubts = _doubts_of_gap(values, intervals["transfer_gap"], (float(sources[0]), float(sources[-1])))
    chance = chance_of_misfit(means, rows, fit, drawn, table.sizes)
    return ScalingSurface(
        form=chosen.name,
        formula=chosen.formula,
        **fields,
        decay_rate_identified=not rate_doubts,
        transfer_gap_identified=means.repeated and not gap_doubts,
        confidence=confidence,
        source_sizes=tuple(sources.tolist()),
        target_sizes=tuple(targets.tolist()),
        num_curves=len(table.log_errors),
        residual_log_rmse=float(np.sqrt(np.mean((means.values - fit.predict_log(table.sizes)[0]) ** 2))),
        chance_of_misfit=chance,
        forecast_drift=tuple(np.nan_to_num(drift).tolist()),
        trials=trials,
        notes=(
            *rate_doubts,
            *gap_doubts,
            *doubts_of_form(means, fit, table.sizes, chance),
            *doubts_of_forecast(drift),
        ),
        fit=fit,
        draws=draws,
    )


def _doubts_of_gap(values: dict[str, float], interval: Interval, ends: tuple[float, float]) -> list[str]:
    """Why G is not identified, by the rules of a law in n alone; empty if it is."""
    if interval.low <= 1e-6 * values["transfer_gap"] or not values["transfer_gap"]:
        return ["G is not identified: its interval reaches 0."]
    first, last = (values["prefactor"] * size ** -values["decay_rate"] for size in ends)
    if interval.high - interval.low > first - last:
        return ["G is not identified: its interval is wider than the whole fall of the error with n over these sizes."]
    return []


def _on_the_bounds(
    form: Form, sizes: Floats, rows: Floats, weights: Floats, drawn: Fits, confidence: float
) -> list[Fits]:
    """The draws again with G = 0, L = 0 and both, where these are possible values; see `without_share`."""
    given = (sizes, rows, weights)
    gapless = without_share(form, *given, drawn, confidence, which=_GAP)
    if not form.has_limit or np.quantile(drawn.parameters[:, -1], tails(confidence)[0]) > 0:
        return gapless
    limitless = fit_rows(SURFACE, *given)
    return [*gapless, limitless, *without_share(SURFACE, *given, limitless, confidence, which=_GAP)]


def _points(source_sizes: ArrayLike, target_sizes: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    source, target = np.broadcast_arrays(check_sizes(source_sizes), check_sizes(target_sizes, "target"))
    return np.stack([source.ravel(), target.ravel()]), source.shape


def _slice(fits: Fits, target_size: float) -> Fits:
    found = fits.natural()
    fall = target_size ** -found["target_rate"]
    gap = found["transfer_gap"] * fall + found["limit"]
    falling = found["prefactor"] * fall * fits.smallest[0] ** -found["decay_rate"]
    parameters = np.stack([fits.parameters[:, 0], gap / (falling + gap)], axis=1)
    beyond = log_position_beyond(np.array([[target_size]]), fits.largest[1:])[0, 0]
    log_first = np.log(falling + gap) + fits.drift[:, 1] * beyond
    return Fits(POWER_LIMIT, fits.smallest[:1], parameters, log_first, fits.loss, fits.largest[:1], fits.drift[:, :1])
