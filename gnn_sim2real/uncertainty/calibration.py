"""Whether intervals have their nominal coverage, and the recalibration that gives it to them.

Predictions are normal distributions with the mean and the standard deviation of an ensemble.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.ensemble.intervals import conformal_quantile

Floats = NDArray[np.float64]
COVERAGES = (0.5, 0.9)
"""Nominal coverages of the central intervals that are reported."""
INTERVAL = 0.9
"""Nominal coverage of the intervals of predictions."""
MIN_VALIDATION = 5
"""Smallest number of materials for a recalibration; from n materials the relative error of a standard deviation is
about 1/sqrt(2n)."""
_ROUNDING = 1e-6
"""Relative; two trainings on one batch, in another order of its materials, differ by no more."""


@dataclass(frozen=True)
class Recalibration:
    """How the spread of an ensemble becomes a standard deviation: sqrt(floor^2 + (factor spread)^2).

    The floor is the error that all models of the ensemble share. With few models it is also the larger part: the
    spread of two or three models is nearly zero for some materials by chance, and a factor would not help there.

    Attributes:
        factor: Factor on the spread.
        floor: Floor, in the property's unit.
        interval: How many standard deviations a 90 % interval reaches from the mean: the conformal quantile of the
            validation part, whatever the distribution of the errors. None if it has fewer than nine materials.
    """

    factor: float
    floor: float
    interval: float | None = None

    def apply(self, spread: Floats) -> Floats:
        """Standard deviations.

        Args:
            spread: (num_materials,); standard deviation over the models.
        """
        return np.hypot(self.floor, self.factor * spread)


@dataclass(frozen=True)
class Quality:
    """How well uncertainties describe the errors.

    Attributes:
        coverage: Share of true values within the central interval, by nominal coverage.
        coverage_interval: 90 % interval (Wilson's) of that share for this number of materials, by nominal coverage.
        nll: Mean negative log-likelihood of the true values [nats, for values in the property's unit]; lower is better.
        rmse: Root mean square error, in the property's unit.
        mean_std: Root mean square standard deviation, in the property's unit.
        num: Number of materials compared.
        num_certain: Number of materials left out of the likelihood because all models predict the same value.
    """

    coverage: dict[float, float]
    coverage_interval: dict[float, tuple[float, float]]
    nll: float
    rmse: float
    mean_std: float
    num: int
    num_certain: int


def assess(mean: Floats, std: Floats, truth: Floats, coverages: Sequence[float] = COVERAGES) -> Quality:
    """Compare uncertainties with errors.

    Args:
        mean: (num_materials,); predictions.
        std: (num_materials,); their standard deviations.
        truth: (num_materials,); true values, NaN where missing.
        coverages: Nominal coverages.

    Raises:
        ValueError: If no material has a true value, or all models predict the same for every material.
    """
    from scipy.stats import binomtest, norm

    mean, std, truth = _present(mean, std, truth)
    error, spread = truth - mean, std > 0
    if not (std > _ROUNDING * np.abs(mean).max()).any():
        raise ValueError(
            "all models predict the same for every material, so there is no spread; use different seeds and, where all "
            "weights are pretrained, a `data.batch_size` that gives several batches an epoch"
        )
    held = {share: int(within(mean, std, truth, share).sum()) for share in coverages}
    intervals = {share: binomtest(count, len(truth)).proportion_ci(0.90, "wilson") for share, count in held.items()}
    return Quality(
        coverage={share: count / len(truth) for share, count in held.items()},
        coverage_interval={share: (float(each.low), float(each.high)) for share, each in intervals.items()},
        nll=float(np.mean(-norm.logpdf(error[spread], scale=std[spread]))),
        rmse=float(np.sqrt(np.square(error).mean())),
        mean_std=float(np.sqrt(np.square(std).mean())),
        num=len(truth),
        num_certain=int((~spread).sum()),
    )


def within(mean: Floats, std: Floats, truth: Floats, coverage: float) -> NDArray[np.bool_]:
    """Which true values lie in the central interval of their prediction.

    V. Kuleshov, N. Fenner, S. Ermon, Accurate uncertainties for deep learning using calibrated regression, Proceedings
    of Machine Learning Research 80, 2796 (2018), compare the observed coverage with the nominal one.

    Args:
        mean: (num_materials,); predictions.
        std: (num_materials,); their standard deviations.
        truth: (num_materials,); true values.
        coverage: Nominal coverage of the interval.
    """
    from scipy.stats import norm

    return np.asarray(np.abs(truth - mean) <= norm.ppf(0.5 + coverage / 2) * std)


def find_recalibration(mean: Floats, std: Floats, truth: Floats) -> Recalibration:
    """Find the recalibration under which the true values are most likely.

    J. P. Janet, C. Duan, T. Yang, A. Nandy, H. J. Kulik, A quantitative uncertainty metric controls error in neural
    network-driven chemical discovery, Chem. Sci. 10, 7913 (2019), doi 10.1039/c9sc02298h, find a constant and a factor
    of the variance like this, for a distance in place of the spread.

    Args:
        mean: (num_materials,); predictions of materials used neither in training nor in the test.
        std: (num_materials,); standard deviation over the models.
        truth: (num_materials,); true values, NaN where missing.

    Raises:
        ValueError: If there are fewer than `MIN_VALIDATION` true values with a spread, or all errors are zero.
    """
    from scipy.optimize import minimize

    mean, std, truth = _present(mean, std, truth)
    there = std > 0
    if there.sum() < MIN_VALIDATION:
        raise ValueError(
            f"a recalibration needs at least {MIN_VALIDATION} validation materials on which the models differ, got "
            f"{int(there.sum())}; train with a larger `data.init_args.validation_fraction`"
        )
    errors, spreads = np.square((truth - mean)[there]), np.square(std[there])
    error, spread = errors.mean(), spreads.mean()
    if error == 0:
        raise ValueError("the models predict the validation part without any error; were they trained on it?")
    errors, spreads = errors / error, spreads / spread

    def loss(logarithms: Floats) -> tuple[float, Floats]:
        """Negative log-likelihood and its slope, as functions of the logarithms of both shares of the variance."""
        shares = np.exp(logarithms)
        variance = shares[0] + shares[1] * spreads
        slope = (1 / variance - errors / variance**2) / 2
        return float((np.log(variance) + errors / variance).mean() / 2), shares * [
            slope.mean(),
            (slope * spreads).mean(),
        ]

    starts = np.log([[0.9, 0.1], [0.5, 0.5], [0.01, (errors / spreads).mean()]])
    found = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS, tol=1e-12) for start in starts]
    floor, factor = np.exp(min(found, key=lambda each: float(each.fun)).x / 2)
    recalibration = Recalibration(float(factor * np.sqrt(error / spread)), float(floor * np.sqrt(error)))
    reach = conformal_quantile(np.abs(truth - mean)[there] / recalibration.apply(std[there]), INTERVAL)
    return replace(recalibration, interval=reach if np.isfinite(reach) else None)


_BOUNDS = [(-18.0, 9.0)] * 2
"""Bounds of the logarithms of both shares; the lower one is practically zero."""


def _present(mean: Floats, std: Floats, truth: Floats) -> tuple[Floats, Floats, Floats]:
    present = ~np.isnan(truth)
    if not present.any():
        raise ValueError("there are no true values to compare the predictions with")
    return mean[present], std[present], truth[present]
