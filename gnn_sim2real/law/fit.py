"""From the errors of trained models to a law with its intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.average import AVERAGE
from gnn_sim2real.law.forms import CURVE_FORMS
from gnn_sim2real.law.forms.form import RATE_BOUNDS
from gnn_sim2real.law.forms.power import POWER
from gnn_sim2real.law.forms.power_limit import POWER_LIMIT
from gnn_sim2real.law.frame import CONFIDENCE, DRAWS, Draws, Fitted, fit_form, parameter_fields, pick_form
from gnn_sim2real.law.identify import doubts_of_gap, doubts_of_rate
from gnn_sim2real.law.least_squares import fit_rows
from gnn_sim2real.law.log_errors import Bounds
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.profile import profile_gap, profile_rate
from gnn_sim2real.law.scaling_law import Interval, ScalingLaw, tails
from gnn_sim2real.law.selection import DEFAULT_FORM

MIN_SIZES = 4  # three parameters, and one size to contradict them


def fit_scaling_law(
    source_sizes: ArrayLike,
    errors: ArrayLike,
    *,
    curves: Iterable[Hashable] | None = None,
    weights: ArrayLike | None = None,
    material_errors: ArrayLike | None = None,
    materials: Sequence[Hashable] | None = None,
    least_limit: float = 0.0,
    most_error: float = math.inf,
    form: str = DEFAULT_FORM,
    confidence: float = CONFIDENCE,
    num_resamples: int = DRAWS.num_resamples,
    seed: int = DRAWS.seed,
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
        weights: Weight of each model, positive, shape ``(num_models,)``; None for equal weights.
        material_errors: Absolute error of each model on each material of the one test set that all share, shape
            ``(num_models, num_materials)``; the intervals then contain the choice of test materials.
        materials: Label of each test material, shape ``(num_materials,)``; None for no labels.
        least_limit: What C cannot be below, such as the noise of the measurements, in the unit of the errors; 0 if that
            is not known. It is for the average over forms.
        most_error: What E cannot exceed however small the source, such as the error of a constant; infinite if that is
            not known. It is for the average over forms.
        form: "average": all forms, each by how likely it is; a name of `gnn_sim2real.law.forms.CURVE_FORMS`; or
            "auto": the form that forecasts the largest sizes best from the smaller ones, the power law with limit below
            six sizes.
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws, at least 100.
        seed: Seed of the draws. Those of a curve or a test material follow from its label as well, so that laws with
            some in common can be compared draw by draw.

    Returns:
        The law. Look at `decay_rate_identified`, `transfer_gap_identified` and `notes` before quoting a parameter.

    Raises:
        ValueError: If lengths differ, a size is not positive (from scratch, n = 0, is a reference line), an error not
            positive and finite, there are fewer sizes than the form needs (four at least), or an option is out of its
            range.
    """
    labels = None if curves is None else list(curves)
    bounds = Bounds(float(least_limit), float(most_error))
    models = Models(source_sizes, errors, labels, weights, material_errors, materials, bounds=bounds)
    return fit_law(models, form, Draws(confidence, num_resamples, seed))


def fit_law(models: Models, form: str = DEFAULT_FORM, draws: Draws = DRAWS) -> ScalingLaw:
    """Fit a law to the models of one curve: what callback, study, report and every `law` command call.

    Args:
        models: The models.
        form: As in `fit_scaling_law`.
        draws: How the draws are made.

    Raises:
        ValueError: As `fit_scaling_law`.
    """
    table = models.table()
    draws.check()
    chosen, trials = pick_form(table, form, CURVE_FORMS)
    num_needed = max(MIN_SIZES, chosen.num_parameters + 1)
    if table.sizes.shape[1] < num_needed:
        raise ValueError(
            f"a scaling law needs at least {num_needed} different source sizes"
            f"{'' if chosen.name in (POWER_LIMIT.name, AVERAGE) else f' in the form {chosen.name!r}'}, "
            f"got {table.sizes.shape[1]}"
        )
    fitted = fit_form(table, chosen, trials, draws)
    means, confidence = fitted.means, draws.confidence
    pure = fit_rows(POWER, table.sizes, fitted.rows, means.weights).natural()["decay_rate"]
    # the line through log error against log n may as well be level or rise
    flat = bool(np.quantile(pure, tails(confidence)[0]) < RATE_BOUNDS[0])
    # those of rivals too, as in forecasts: alpha and C mean the same in every form
    values = parameter_fields(fitted.fit, fitted.draws, confidence) | _profiles(fitted)
    rate_doubts = doubts_of_rate((values["decay_rate_interval"], values["decay_rate_profile"]), flat, means.repeated)
    gaps = values["transfer_gap_interval"], values["transfer_gap_profile"]
    about = float(np.median(pure)), gaps, table.bounds.least if chosen.name == AVERAGE else 0.0
    gap_doubts = [] if flat else doubts_of_gap(table.sizes, fitted.fit, *about)
    method = "wild bootstrap over curves, Student-t" if means.repeated else "residual bootstrap, Student-t"
    if means.repeated and not means.moves.any():
        method = "parametric bootstrap, given standard deviations"
    method += ", average over forms" if chosen.name == AVERAGE else ""
    return ScalingLaw(
        **values,
        **fitted.fields(rate_doubts, gap_doubts),
        transfer_gap_identified=means.repeated and not flat and not gap_doubts,
        num_sizes=table.sizes.shape[1],
        smallest_size=float(table.sizes[0, 0]),
        largest_size=float(table.sizes[0, -1]),
        forecast_drift=float(np.nan_to_num(fitted.drift[0])),
        interval_method=method + (", test materials" if table.materials else ""),
    )


def _profiles(fitted: Fitted) -> dict[str, Interval]:
    given = (fitted.leading, fitted.means, fitted.sizes, fitted.confidence)
    return {
        "decay_rate_profile": Interval(*profile_rate(*given)),
        "transfer_gap_profile": Interval(*(profile_gap(*given) if fitted.leading.form.has_limit else (0.0, 0.0))),
    }
