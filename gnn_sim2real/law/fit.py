"""From the errors of trained models to a law with its intervals."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.bootstrap import Means, SharedDraws, draw_moves, robust_means
from gnn_sim2real.law.drift import forecast_drift, let_drift
from gnn_sim2real.law.forms import CURVE_FORMS, POWER, POWER_LIMIT, RATE_BOUNDS, Floats, Form
from gnn_sim2real.law.identify import (
    chance_of_misfit,
    doubts_of_forecast,
    doubts_of_form,
    doubts_of_gap,
    doubts_of_rate,
)
from gnn_sim2real.law.least_squares import Fits, fit_rows
from gnn_sim2real.law.log_errors import Table, material_moves, tabulate
from gnn_sim2real.law.profile import profile_gap, profile_rate
from gnn_sim2real.law.scaling_law import Interval, ScalingLaw, tails
from gnn_sim2real.law.selection import Trial, choose_form

MIN_SIZES = 4  # three parameters, and one size to contradict them
MIN_DRAWS = 100  # for percentiles to mean anything


def fit_scaling_law(
    source_sizes: ArrayLike,
    errors: ArrayLike,
    *,
    curves: Iterable[Hashable] | None = None,
    weights: ArrayLike | None = None,
    material_errors: ArrayLike | None = None,
    form: str = "power_limit",
    confidence: float = 0.90,
    num_resamples: int = 1000,
    seed: int = 0,
) -> ScalingLaw:
    """Fit E(n) = D n^-alpha + C, or another form, to test errors, on their logarithms.

    Sizes are weighted by the spread of their repeats, and failed runs far from the law are weighted down (Huber).
    As the fit is on logs, E is the geometric mean over repeats. Intervals come from draws that move whole curves,
    with Student's factor for few of them; with a single curve, from its residuals. They do not contain what all
    curves share, such as one choice of hyper-parameters, and one test set only if `material_errors` are given.

    Args:
        source_sizes: Source size n of each trained model, shape ``(num_models,)``.
        errors: Its test error, positive, shape ``(num_models,)``.
        curves: Label of the curve of each model, shape ``(num_models,)``; models that share subsets, seed or test set
            belong to one curve. Several models of one size on one curve count as one, their geometric mean. Without
            labels, the k-th model of each size is on curve k.
        weights: How much each model counts, positive, shape ``(num_models,)``; equally unless given.
        material_errors: Absolute error of each model on each material of the one test set that all share, shape
            ``(num_models, num_materials)``; the intervals then contain the choice of test materials.
        form: A name of `gnn_sim2real.law.forms.CURVE_FORMS`, or "auto": the form that forecasts the largest sizes
            best from the smaller ones.
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws, at least 100.
        seed: Seed of the draws.

    Returns:
        The law. Look at `decay_rate_identified`, `transfer_gap_identified` and `notes` before quoting a parameter.

    Raises:
        ValueError: If lengths differ, a size is below 1 (from scratch, n = 0, is a reference line), an error is not
            positive and finite, there are fewer different sizes than the form needs (four at least), or an option is
            out of its range.
    """
    table = tabulate(np.asarray(source_sizes, dtype=float)[None], errors, curves, weights)
    check_draws(confidence, num_resamples)
    moves = None if material_errors is None else material_moves(table, errors, material_errors)
    return fit_table(table, form, confidence, num_resamples, seed, moves)


def fit_table(
    table: Table,
    form: str,
    confidence: float,
    num_resamples: int,
    seed: int,
    moves_of_materials: Floats | None = None,
    shared: SharedDraws | None = None,
) -> ScalingLaw:
    """Fit a law to a table of log errors; see `fit_scaling_law`.

    Args:
        table: The errors.
        form: Name of the form, or "auto".
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws.
        seed: Seed of the draws.
        moves_of_materials: From `gnn_sim2real.law.log_errors.material_moves`.
        shared: What the draws have in common with those of other laws; nothing unless given.
    """
    trials: tuple[Trial, ...] = ()
    if form == "auto":
        chosen, trials = choose_form(table)
    else:
        chosen = find_form(form, CURVE_FORMS)
    num_needed = max(MIN_SIZES, chosen.num_parameters + 1)
    if table.sizes.shape[1] < num_needed:
        raise ValueError(
            f"a scaling law needs at least {num_needed} different source sizes"
            f"{'' if chosen is POWER_LIMIT else f' in the form {chosen.name!r}'}, found {table.sizes.shape[1]}"
        )
    means, fit = robust_means(chosen, table.sizes, table.log_errors, table.weights)
    if moves_of_materials is not None:
        means = means._replace(material_moves=moves_of_materials)
    rows = means.values + draw_moves(means, num_resamples, seed, shared)
    drawn = fit_rows(chosen, table.sizes, rows, means.weights)
    rivals = [trial.form for trial in trials if trial.is_rival and trial.form != chosen.name]
    others = [fit_rows(CURVE_FORMS[name], table.sizes, rows, means.weights) for name in rivals]
    given = (table.sizes, rows, means.weights)
    gapless = without_share(chosen, *given, drawn, confidence) if chosen.has_limit else []
    drift = forecast_drift(chosen, table.sizes, means, rows)
    draws = let_drift((drawn, *gapless, *others), drift, seed)

    pure = fit_rows(POWER, table.sizes, rows, means.weights).parameters[:, 0]
    # the line through log error against log n may as well be level or rise
    flat = bool(np.quantile(pure, tails(confidence)[0]) < RATE_BOUNDS[0])
    values = _fields(*intervals_of(fit, draws[: 1 + len(gapless)], confidence)) | _profiles(
        fit, means, table.sizes, confidence
    )
    rate_doubts = doubts_of_rate((values["decay_rate_interval"], values["decay_rate_profile"]), flat, means.repeated)
    gaps = values["transfer_gap_interval"], values["transfer_gap_profile"]
    gap_doubts = [] if flat else doubts_of_gap(table.sizes, fit, float(np.median(pure)), gaps)
    chance = chance_of_misfit(means, rows, fit, drawn, table.sizes)
    method = "wild bootstrap over curves, Student-t" if means.repeated else "residual bootstrap, Student-t"
    return ScalingLaw(
        form=chosen.name,
        formula=chosen.formula,
        **values,
        decay_rate_identified=not rate_doubts,
        transfer_gap_identified=means.repeated and not flat and not gap_doubts,
        notes=(
            *rate_doubts,
            *gap_doubts,
            *doubts_of_form(means, fit, table.sizes, chance),
            *doubts_of_forecast(drift),
        ),
        confidence=confidence,
        num_sizes=table.sizes.shape[1],
        num_curves=len(table.log_errors),
        smallest_size=float(table.sizes[0, 0]),
        largest_size=float(table.sizes[0, -1]),
        residual_log_rmse=float(np.sqrt(np.mean((means.values - fit.predict_log(table.sizes)[0]) ** 2))),
        chance_of_misfit=chance,
        forecast_drift=float(np.nan_to_num(drift[0])),
        interval_method=method + (", test materials" if moves_of_materials is not None else ""),
        trials=trials,
        fit=fit,
        draws=draws,
    )


def find_form(name: str, forms: Mapping[str, Form]) -> Form:
    """Return a form by its name.

    Args:
        name: Its name.
        forms: What there is.

    Raises:
        ValueError: If there is no such form.
    """
    if name not in forms:
        raise ValueError(f"there is no form {name!r}; there are auto, {', '.join(forms)}")
    return forms[name]


def check_draws(confidence: float, num_resamples: int) -> None:
    """Refuse options that make no interval.

    Args:
        confidence: Nominal coverage.
        num_resamples: Number of draws.

    Raises:
        ValueError: If one is out of its range.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.90, but it is {confidence}")
    if num_resamples < MIN_DRAWS:
        raise ValueError(
            f"num_resamples must be at least {MIN_DRAWS} for percentiles to mean anything, but is {num_resamples}"
        )


def without_share(
    form: Form, sizes: Floats, rows: Floats, weights: Floats, drawn: Fits, confidence: float, which: int = -1
) -> list[Fits]:
    """Return the draws again without what no size removes, where none of it is one of the possible values.

    A share held at 0 or above has draws on one side of the law without it only, and they alone are too narrow.

    Args:
        form: Of the law.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        rows: The drawn means, shape ``(num_draws, num_points)``.
        weights: Weight of each point.
        drawn: The laws of the draws.
        confidence: Nominal coverage of the intervals.
        which: Number of the parameter that is the share.
    """
    if np.quantile(drawn.parameters[:, which], tails(confidence)[0]) > 0:
        return []
    return [fit_rows(form, sizes, rows, weights, hold=(which, np.zeros(len(rows))))]


def intervals_of(fit: Fits, draws: tuple[Fits, ...], confidence: float) -> tuple[dict[str, float], dict[str, Interval]]:
    """Return all parameters of a law by name, and their intervals, which span those of all draws.

    Args:
        fit: The law.
        draws: Laws of the draws, of the same form.
        confidence: Nominal coverage.
    """
    values = {name: float(value[0]) for name, value in fit.natural().items()}
    ends = [drawn.natural() for drawn in draws]
    intervals = {}
    for name, value in values.items():
        found = [value, *np.ravel([np.quantile(each[name], tails(confidence)) for each in ends])]
        intervals[name] = Interval(float(min(found)), float(max(found)))
    return values, intervals


def _fields(values: dict[str, float], intervals: dict[str, Interval]) -> dict[str, Any]:
    """The parameters as fields of the law."""
    own = ("decay_rate", "transfer_gap", "prefactor")
    return {
        **{name: values[name] for name in own},
        **{f"{name}_interval": intervals[name] for name in own},
        "further": {name: value for name, value in values.items() if name not in own},
        "further_intervals": {name: value for name, value in intervals.items() if name not in own},
    }


def _profiles(fit: Fits, means: Means, sizes: Floats, confidence: float) -> dict[str, Interval]:
    gap = profile_gap(fit, means, sizes, confidence) if fit.form.has_limit else (0.0, 0.0)
    return {
        "decay_rate_profile": Interval(*profile_rate(fit, means, sizes, confidence)),
        "transfer_gap_profile": Interval(*gap),
    }
