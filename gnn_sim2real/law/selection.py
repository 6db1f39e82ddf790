"""Which form of the law to use: the one that forecasts the largest sizes best from the smaller ones.

Never the one that fits best: a form with more parameters always fits better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.law.average import AVERAGE
from gnn_sim2real.law.bootstrap import Means, robust_means
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS, Floats, Form
from gnn_sim2real.law.forms.power_limit import POWER_LIMIT
from gnn_sim2real.law.forms.product import PRODUCT
from gnn_sim2real.law.least_squares import fit_rows
from gnn_sim2real.law.log_errors import ErrorTable

AUTO = "auto"
"""Instead of the name of a form: the one that forecasts best, chosen by `choose_form`."""

DEFAULT_FORM = AVERAGE
"""What every law is fitted with unless another form is asked for: in Python, by the callback, in studies and their
reports, by the command line."""

SPARE_SIZES = 2
"""By how much the sizes fitted outnumber the parameters of a candidate."""

_HELD_OUT = 8  # one in so many sizes, and at least one
_TIE = 0.9  # a form with more parameters has to be better by this factor
_LAST_SIZES = 3  # those whose forecasts are shown
_COUNTS = 0.05  # a form with this weight counts as a rival
_RIVAL = 2.0  # a form whose forecast was worse by more than this factor is not a rival


@dataclass(frozen=True)
class Trial:
    """Result of a form in the choice.

    Attributes:
        form: Name of the form.
        num_parameters: Number of its parameters.
        extrapolation_error: Root mean square of the log of (forecast / mean error) at the held-out sizes; None if it
            was not a candidate.
        is_rival: Whether its forecast was about as good as that of the chosen form, which counts as a rival too.
        reason: Why it was chosen, was not chosen, or was not a candidate.
        weight: What it counts in the average, or among rivals, which count alike.
    """

    form: str
    num_parameters: int
    extrapolation_error: float | None
    is_rival: bool
    reason: str
    weight: float = 0.0


def choose_form(table: ErrorTable) -> tuple[str, tuple[Trial, ...]]:
    """Choose a form by the error of its forecast of the largest source sizes from all smaller ones.

    A form is a candidate only if the sizes fitted outnumber its parameters by two. If that leaves fewer than two forms,
    the power law with limit is used, or its product with a power of the target size: the pure power law is a
    case of it, and its intervals say what is not identified.

    Args:
        table: The errors.

    Returns:
        Name of the form, and how each form did.
    """
    forms: Mapping[str, Form] = CURVE_FORMS if len(table.sizes) == 1 else SURFACE_FORMS
    sources = np.unique(table.sizes[0])
    num_held_out = max(1, len(sources) // _HELD_OUT)
    held_out = table.sizes[0] > sources[-num_held_out - 1] if len(sources) > num_held_out else table.sizes[0] > 0
    num_fitted = int((~held_out).sum())
    candidates = {
        name: form
        for name, form in forms.items()
        if num_fitted >= form.num_parameters + SPARE_SIZES and len(sources) - num_held_out > 2
    }
    errors = {}
    if len(candidates) > 1:
        errors = {name: _extrapolation_error(form, table, held_out) for name, form in candidates.items()}
    chosen = _best(errors) if errors else (POWER_LIMIT if len(table.sizes) == 1 else PRODUCT).name
    return chosen, _trials(forms, errors, chosen, num_fitted, num_held_out)


def _extrapolation_error(form: Form, table: ErrorTable, held_out: NDArray[np.bool_]) -> float:
    """Root mean square of the log of (forecast / mean error) at the held-out points, at least their standard error.

    A forecast that is closer than the uncertainty of the held-out means counts as perfect.
    """
    missed, noise = _forecast(form, table, ~held_out, held_out)
    return max(float(np.sqrt(np.mean(missed**2))), noise)


def _forecast(
    form: Form, table: ErrorTable, known: NDArray[np.bool_], held_out: NDArray[np.bool_]
) -> tuple[Floats, float]:
    """Log of (forecast / mean error) at the held-out points, and how well their means are known."""
    fitted = table.log_errors[:, known]
    rows = np.isfinite(fitted).any(axis=1)
    weights = None if table.weights is None else table.weights[rows][:, known]
    _, law = robust_means(form, table.sizes[:, known], fitted[rows], weights)
    means, noise = _means(table.log_errors[:, held_out])
    return law.predict_log(table.sizes[:, held_out])[0] - means, noise


def _means(log_errors: Floats) -> tuple[Floats, float]:
    """Mean of each column, and the root mean square of their standard errors; 1e-9 without repeats."""
    counts = np.isfinite(log_errors).sum(axis=0)
    means = np.nanmean(log_errors, axis=0)
    squares = np.nansum((log_errors - means) ** 2, axis=0)
    variance = squares / np.maximum(counts - 1, 1) / counts
    return means, max(float(np.sqrt(variance.mean())), 1e-9)


def _best(errors: Mapping[str, float]) -> str:
    """The best form, from simple to complex; one with more parameters has to be better by more than a tie."""
    chosen = next(iter(errors))
    for name, error in errors.items():
        if error < _TIE * errors[chosen]:
            chosen = name
    return chosen


def _trials(
    forms: Mapping[str, Form], errors: Mapping[str, float], chosen: str, num_fitted: int, num_held_out: int
) -> tuple[Trial, ...]:
    trials = []
    for name, form in forms.items():
        error = errors.get(name)
        wanted = form.num_parameters + SPARE_SIZES
        is_rival = error is not None and error <= _RIVAL * errors[chosen]
        if error is None and name == chosen:
            reason = "used by default: too few sizes to compare forms"
        elif error is None and num_fitted < wanted:
            reason = (
                f"not a candidate: it needs {wanted} sizes below the {num_held_out} held out, there are {num_fitted}"
            )
        elif error is None:
            reason = "not a candidate: there is no other form to compare with"
        elif name == chosen:
            reason = "chosen: the best forecast, or the simplest of those as good"
        elif error < errors[chosen]:
            reason = "not clearly better than the simpler form"
        else:
            reason = "its forecast is not better"
        trials.append(Trial(name, form.num_parameters, error, is_rival or name == chosen, reason))
    share = 1.0 / sum(trial.is_rival for trial in trials)
    return tuple(replace(trial, weight=share * trial.is_rival) for trial in trials)


def weigh_forms(table: ErrorTable, means: Means, weights: Mapping[str, float]) -> tuple[Trial, ...]:
    """Return what each form counts in the average, and by how much its own forecasts of the last sizes missed.

    The weights are those of `gnn_sim2real.law.posterior`; the misses are shown beside them, and change nothing.

    Args:
        table: The errors.
        means: What is known of the errors at each point.
        weights: Weight of each form by name.
    """
    forms: Mapping[str, Form] = CURVE_FORMS if len(table.sizes) == 1 else SURFACE_FORMS
    trials = []
    for name, form in forms.items():
        weight = weights.get(name, 0.0)
        missed = _rolling_misses(form, table.sizes, means)
        error = float(np.sqrt(np.mean(np.square(missed)))) if missed else None
        reason = f"weight {100 * weight:.0f} %" if weight >= 0.005 else "no weight: it describes the errors less well"
        if table.bounds.least > 0 and not form.has_limit:
            reason = "counted with its limit at the noise of the measurements"
        trials.append(Trial(name, form.num_parameters, error, weight >= _COUNTS, reason, weight))
    return tuple(trials)


def _rolling_misses(form: Form, sizes: Floats, means: Means) -> list[float]:
    """Log of (forecast / mean error) at each of the last sizes, from those below it."""
    missed: list[float] = []
    for source in np.unique(sizes[0])[-_LAST_SIZES:]:
        known, asked = sizes[0] < source, sizes[0] == source
        if known.sum() >= form.num_parameters + 1 and len(np.unique(sizes[0, known])) > 2:
            law = fit_rows(form, sizes[:, known], means.values[None, known], means.weights[known], num_starts=4)
            missed += (law.predict_log(sizes[:, asked])[0] - means.values[asked]).tolist()
    return missed
