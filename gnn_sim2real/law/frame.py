"""What the fits of all laws share: one form, its draws with those of its rivals, and the fields that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gnn_sim2real.law.average import (
    AVERAGE,
    AVERAGE_OF_CURVES,
    AVERAGE_OF_SURFACES,
    average_forms,
    form_weights,
    shape_freedom,
    weigh_roughly,
)
from gnn_sim2real.law.bootstrap import Means, draw_moves, robust_means
from gnn_sim2real.law.drift import Fit, fit_alone, forecast_drift, let_drift
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS, AnyForm, Floats, Form, SurfaceForm, find_form
from gnn_sim2real.law.forms.power import POWER
from gnn_sim2real.law.forms.power_limit import POWER_LIMIT
from gnn_sim2real.law.forms.product import PRODUCT
from gnn_sim2real.law.identify import doubts_of_forecast, doubts_of_reach
from gnn_sim2real.law.least_squares import Fits, fit_rows
from gnn_sim2real.law.log_errors import Bounds, ErrorTable
from gnn_sim2real.law.misfit import chance_of_misfit, chance_of_order, doubts_of_form, share_held
from gnn_sim2real.law.scaling_law import ALL_EQUAL, Interval, tails
from gnn_sim2real.law.selection import AUTO, Trial, choose_form, weigh_forms
from gnn_sim2real.law.streams import stream

CONFIDENCE = 0.90
"""Nominal coverage of all intervals, unless another is asked for."""

_LEAST_SOURCES = 4  # source sizes that a forecast takes
# points, and sizes of each variable, that a forecast of the average takes, by the number of variables
_NEEDED = {1: (4, (_LEAST_SOURCES,)), 2: (8, (_LEAST_SOURCES, 2))}
_CONSTANT = 1e-9  # log errors that differ by less are equal
_NUM_KEPT, _MOST_KEPT = 32, 2000  # fits that are kept, and draws of those; bounds the memory
MIN_DRAWS = 100  # for percentiles to mean anything
MAX_DRAWS = 100_000  # more would take minutes, and change no digit that is shown


class Draws(NamedTuple):
    """How the draws are made.

    Attributes:
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws.
        seed: Seed of the draws.
    """

    confidence: float = CONFIDENCE
    num_resamples: int = 1000
    seed: int = 0

    def check(self) -> None:
        """Reject options without a valid interval.

        Raises:
            ValueError: If one is out of its range.
        """
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence must be between 0 and 1, such as 0.90, got {self.confidence}")
        if self.num_resamples < MIN_DRAWS:
            raise ValueError(
                f"num_resamples must be at least {MIN_DRAWS} for meaningful percentiles, got {self.num_resamples}"
            )
        if self.num_resamples > MAX_DRAWS:
            raise ValueError(f"num_resamples must be at most {MAX_DRAWS:,}, got {self.num_resamples}")
        if self.seed < 0:
            raise ValueError(f"the seed of the draws must be 0 or more, got {self.seed}")


DRAWS = Draws()
"""As they are made, unless other ones are asked for."""


class Fitted(NamedTuple):
    """A fitted form with its draws.

    Attributes:
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        num_curves: Number of curves.
        means: What is known of the errors there.
        rows: Drawn means, shape ``(num_draws, num_points)``.
        fit: The law.
        drawn: Laws of the draws, without drift.
        draws: Laws of all draws with drift: those of this form, those at its bounds, those of rival forms.
        drift: From `gnn_sim2real.law.drift.forecast_drift`.
        confidence: Nominal coverage of the intervals.
        trials: How each form did in the choice.
        leading: The law of the form alone; of an average, that of the form that weighs most, which profiles are of, or
            the power law with limit if that is the one without.
        run_spread: Standard deviation of the log error of one run about the mean of runs.
    """

    sizes: Floats
    num_curves: int
    means: Means
    rows: Floats
    fit: Fits
    drawn: Fits
    draws: tuple[Fits, ...]
    drift: Floats
    confidence: float
    trials: tuple[Trial, ...]
    leading: Fits
    run_spread: float

    def fields(self, rate_doubts: list[str], gap_doubts: list[str]) -> dict[str, Any]:
        """Return the fields of a law that do not depend on its variables.

        Args:
            rate_doubts: Why the decay rate is not identified; empty if it is.
            gap_doubts: Why the transfer gap is not.
        """
        given = self.fit, self.drawn, self.sizes
        chance = chance_of_misfit(self.means, self.rows, *given)
        missed = self.means.values - self.fit.predict_log(self.sizes)[0]
        order, held = chance_of_order(missed, self.sizes), share_held(self.means, *given)
        notes = (
            *rate_doubts,
            *gap_doubts,
            *doubts_of_form(self.means, self.fit, self.sizes, chance, order, held),
            *doubts_of_forecast(self.drift),
            *doubts_of_reach(self.draws),
        )
        if np.ptp(self.means.values) < _CONSTANT:
            notes = (ALL_EQUAL,)
        return {
            "form": self.fit.form.name,
            "formula": self.fit.form.formula,
            "decay_rate_identified": not rate_doubts,
            "confidence": self.confidence,
            "num_curves": self.num_curves,
            "residual_log_rmse": float(np.sqrt(np.mean(missed**2))),
            "chance_of_misfit": chance,
            "chance_of_order": order,
            "share_held": held,
            "run_spread": self.run_spread,
            "trials": self.trials,
            "notes": notes,
            "fit": self.fit,
            "draws": self.draws,
        }


def pick_form(table: ErrorTable, name: str, forms: Mapping[str, AnyForm]) -> tuple[AnyForm, tuple[Trial, ...]]:
    """Return a form by its name, or the one that forecasts best, and how each did in that choice.

    Args:
        table: The errors.
        name: Name of the form, `AVERAGE`, or `AUTO`.
        forms: The forms to choose from.

    Raises:
        ValueError: If there is no such form.
    """
    if name == AVERAGE:
        average: Any = AVERAGE_OF_CURVES if len(table.sizes) == 1 else AVERAGE_OF_SURFACES
        return average, ()
    if name != AUTO:
        return find_form(name, forms), ()
    chosen, trials = choose_form(table)
    return forms[chosen], trials


@dataclass(frozen=True)
class _Known:
    """A table that is equal to another if their contents are."""

    content: str
    table: ErrorTable = field(compare=False)


def fit_form(table: ErrorTable, form: Form, trials: tuple[Trial, ...], options: Draws) -> Fitted:
    """Fit a form, and it and its rivals to draws of the means; equal tables are fitted once in a process.

    Args:
        table: The errors.
        form: The form.
        trials: How each form did in the choice; empty if the form was given.
        options: How the draws are made.
    """
    fit = _fit_known if options.num_resamples <= _MOST_KEPT else _fit_known.__wrapped__
    return fit(_Known(table.content, table), form, trials, options, tuple(_all_forms(table).values()))


def forget_fits() -> None:
    """Forget the fits that are kept, which `fit_form` then makes anew."""
    _fit_known.cache_clear()


@lru_cache(maxsize=_NUM_KEPT)
def _fit_known(known: _Known, form: Form, trials: tuple[Trial, ...], options: Draws, _: tuple[AnyForm, ...]) -> Fitted:
    """Fit a form; the last argument is what else the result depends on, the forms that there are."""
    table, forms, is_average = known.table, _all_forms(known.table), form.name == AVERAGE
    given = table.sizes, table.log_errors, table.weights, table.spreads
    # of an average, how the draws of the means are made is that of the form that weighs most
    means, leading = leading_means(table) if is_average else robust_means(form, *given)
    means = means._replace(material_moves=table.material_pulls)
    freedom = shape_freedom(means) if is_average else None
    rows = means.values + draw_moves(means, table, options.num_resamples, options.seed, freedom)
    how: Fit
    needed: tuple[int, tuple[int, ...]]  # points, and sizes of each variable, that a forecast takes
    fit: Fits
    drawn: Fits
    sets: list[Fits]
    if is_average:
        random = stream(options.seed, "forms", table.fingerprint)
        average, drawn = average_forms(forms, table.sizes, means, rows, random, table.bounds)
        fit, sets, trials = average, [drawn], weigh_forms(table, means, form_weights(average))
        how, needed = _averaging(forms, table.bounds), _NEEDED[len(table.sizes)]
        if leading.form.name == POWER.name:  # a profile of it would know that there is no limit
            leading = fit_rows(POWER_LIMIT, table.sizes, means.values[None], means.weights)
    else:
        fit, rivals = leading, [trial.form for trial in trials if trial.is_rival and trial.form != form.name]
        points = table.sizes, rows, means.weights
        drawn, *others = (fit_rows(each, *points) for each in (form, *(forms[name] for name in rivals)))
        sets = [drawn, *_on_the_bounds(form, *points, drawn, options.confidence), *others]
        # a rate and a level of the target sizes, and L if there is one
        sources, targets = _LEAST_SOURCES, 3 if form.has_limit else 2
        least = (targets, targets) if isinstance(form, SurfaceForm) and form.is_symmetric else (sources, targets)
        how, needed = fit_alone(form), (form.num_parameters + 1, least)
    drift = forecast_drift(how, *needed, table.sizes, means, rows)
    return Fitted(
        table.sizes,
        len(table.log_errors),
        means,
        rows,
        fit,
        drawn,
        let_drift(tuple(sets), drift, stream(options.seed, "drift", table.fingerprint)),
        drift,
        options.confidence,
        trials,
        leading,
        _run_spread(table, means),
    )


def _all_forms(table: ErrorTable) -> Mapping[str, Form]:
    return CURVE_FORMS if len(table.sizes) == 1 else SURFACE_FORMS


def leading_means(table: ErrorTable) -> tuple[Means, Fits]:
    """Return what is known of the errors at each point, and the law alone of the form that weighs most in an average.

    Args:
        table: The errors.
    """
    forms = _all_forms(table)
    usual: Form = POWER_LIMIT if len(table.sizes) == 1 else PRODUCT
    means, leading = robust_means(usual, table.sizes, table.log_errors, table.weights, table.spreads)
    weights = weigh_roughly(forms, table.sizes, means)
    best = max((name for name in forms if _can_lead(forms[name], table)), key=lambda name: weights.get(name, 0.0))
    if best != usual.name:
        means, leading = robust_means(forms[best], table.sizes, table.log_errors, table.weights, table.spreads)
    return means, leading


def _can_lead(form: Form, table: ErrorTable) -> bool:
    """Whether the points outnumber the parameters of a form, so that it can tell their scatter."""
    return len(table.sizes[0]) > form.num_parameters


def _averaging(forms: Mapping[str, Form], bounds: Bounds) -> Fit:
    def fit(sizes: Floats, means: Means, rows: Floats) -> tuple[Fits, Fits]:
        return average_forms(forms, sizes, means, rows, np.random.default_rng(0), bounds)

    return fit


def _run_spread(table: ErrorTable, means: Means) -> float:
    """Standard deviation of the log error of one run about the mean of runs, pooled over the points."""
    counts = np.isfinite(table.log_errors).sum(axis=0)
    if not (counts > 1).any():  # given, or about the law
        return float(np.sqrt(np.mean(means.lone_spread**2)))
    missed = np.nan_to_num(table.log_errors - np.nanmean(table.log_errors, axis=0))
    return float(np.sqrt((missed**2).sum() / np.maximum((counts - 1).sum(), 1)))


def _on_the_bounds(
    form: Form, sizes: Floats, rows: Floats, weights: Floats, drawn: Fits, confidence: float
) -> list[Fits]:
    """The draws again without a transfer gap, and without a further limit, if these are possible values.

    A share held at 0 or above has draws on one side of the law without it only, and they alone are too narrow.
    """

    def may_be_zero(column: int) -> bool:
        return bool(np.quantile(drawn.parameters[:, column], tails(confidence)[0]) <= 0)

    found = []
    if form.gap_column is not None and may_be_zero(form.gap_column):
        found.append(fit_rows(form, sizes, rows, weights, hold=(form.gap_column, np.zeros(len(rows)))))
    simpler = form.without_limit if isinstance(form, SurfaceForm) else None
    if simpler is not None and may_be_zero(-1):
        limitless = fit_rows(simpler, sizes, rows, weights)
        found += [limitless, *_on_the_bounds(simpler, sizes, rows, weights, limitless, confidence)]
    return found


def parameter_fields(fit: Fits, draws: tuple[Fits, ...], confidence: float) -> dict[str, Any]:
    """Return all parameters of a law and their intervals, which span those of all draws, as the fields of the law.

    Args:
        fit: The law.
        draws: Laws of the draws; of another form where that has a parameter of the same name.
        confidence: Nominal coverage.
    """
    values = {name: float(value[0]) for name, value in fit.natural().items()}
    ends = [drawn.natural() for drawn in draws]
    intervals = {}
    for name, value in values.items():
        found = [value, *np.ravel([np.quantile(each[name], tails(confidence)) for each in ends if name in each])]
        intervals[name] = Interval(float(min(found)), float(max(found)))
    standard = [parameter.name for parameter in fit.form.standard]
    further = [parameter.name for parameter in fit.form.further]
    return {
        **{name: values[name] for name in standard},
        **{f"{name}_interval": intervals[name] for name in standard},
        "further": {name: values[name] for name in further},
        "further_intervals": {name: intervals[name] for name in further},
    }
