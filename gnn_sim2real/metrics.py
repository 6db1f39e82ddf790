"""Errors over a whole set at once, since a mean of batch means would weigh the last, smaller batch wrongly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t, ttest_1samp

from gnn_sim2real.scales import Transform, to_scale

METRICS = ("mae", "rmse", "r2", "mae_nonzero")


LOGARITHMIC = ("mae_log10", "rmse_log10", "r2_log10")
"""Errors of the decimal logarithms, of values that are learned so."""


def whole_set_metrics(
    prediction: NDArray[Any], truth: NDArray[Any], transform: Transform | None = None
) -> dict[str, float]:
    """Compare predictions with measured (or computed) values.

    Args:
        prediction: (num_materials,), physical units.
        truth: (num_materials,), physical units; NaN if missing, and then left out.
        transform: Scale on which the values are learned.

    Returns:
        `mae` and `rmse` in the property's unit, `r2` (coefficient of determination; absent if the true values do not
        vary), `num_test`, the number of values compared, and if some but not all true values are exactly zero, such as
        the band gaps of metals, `mae_nonzero` over the others, since the zeros are easy and many. Of logarithms
        `mae_log10` and `rmse_log10` [decades] and `r2_log10` as well.

    Raises:
        ValueError: If there are no true values, or a prediction is not finite.
    """
    present = ~np.isnan(truth)
    prediction, truth = prediction[present].astype(np.float64), truth[present].astype(np.float64)
    if not len(truth):
        raise ValueError("there are no values to compare the predictions with: all materials lack the property")
    if not np.isfinite(prediction).all():
        raise ValueError(
            f"{int((~np.isfinite(prediction)).sum())} of {len(prediction)} predictions are not finite: the training "
            "diverged; lower the learning rate or set `trainer.gradient_clip_val`"
        )
    error = prediction - truth
    metrics = {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "num_test": float(len(error)),
    }
    nonzero = truth != 0
    if 0 < nonzero.sum() < len(truth):
        metrics["mae_nonzero"] = float(np.abs(error[nonzero]).mean())
    spread = float(np.square(truth - truth.mean()).sum())
    if spread > 0:
        metrics["r2"] = 1 - float(np.square(error).sum()) / spread
    if transform is not None:
        of_logs = whole_set_metrics(to_scale(prediction, transform), to_scale(truth, transform))
        metrics |= {f"{name}_{transform}": of_logs[name] for name in ("mae", "rmse", "r2") if name in of_logs}
    return metrics


def learned_metrics(
    prediction: NDArray[Any], truth: NDArray[Any], transform: Transform | None = None
) -> dict[str, float]:
    """The errors on the scale on which the values are learned, under the names of any errors: those of a law.

    Args:
        prediction: (num_materials,), physical units.
        truth: (num_materials,), physical units; NaN if missing, and then left out.
        transform: The scale; the values themselves unless given.

    Raises:
        ValueError: As `whole_set_metrics`.
    """
    if transform is None:
        return whole_set_metrics(prediction, truth)
    prediction, truth = prediction.astype(np.float64), truth.astype(np.float64)
    return whole_set_metrics(to_scale(prediction, transform), to_scale(truth, transform))


def interval_of_mean(values: NDArray[np.float64], level: float = 0.9) -> tuple[float, float, float]:
    """Mean and its interval by Student's t.

    Args:
        values: Values, about independent.
        level: Coverage of the interval.

    Returns:
        Mean, lower and upper end; NaN ends for a single value.
    """
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, mean - half, mean + half


def log_ratio(errors: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Mean logarithm of the ratio of paired errors, and the p-value of Student's t-test that it is zero.

    Args:
        errors: Of a method, one a repetition, above zero, (num_draws,).
        others: Of another in the same repetitions, (num_draws,).

    Returns:
        The mean, and the p-value: 1 for a single repetition, or where all ratios are 1.
    """
    ratios = np.log(errors / others)
    if len(ratios) < 2 or np.ptp(ratios) == 0:
        return float(ratios.mean()), 0.0 if len(ratios) > 1 and ratios[0] else 1.0
    return float(ratios.mean()), float(ttest_1samp(ratios, 0).pvalue)


def correct_by_holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values of many tests such that, below 5 %, the chance of even one false finding is below 5 %; (num_tests,).

    S. Holm, Scand. J. Stat. 6, 65 (1979).

    Args:
        p_values: (num_tests,).
    """
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1)), 1)
    return corrected
