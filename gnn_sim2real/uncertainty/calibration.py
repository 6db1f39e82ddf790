"""Whether intervals hold what they promise, and the recalibration that makes them do so.

Predictions are taken as normal distributions with the mean and the standard deviation that an ensemble gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
COVERAGES = (0.5, 0.9)
"""Shares of the true values that the central intervals reported shall hold."""
MIN_VALIDATION = 5
"""Materials that a recalibration can be found on, at least; with n of them a standard deviation is uncertain by a share
of about 1/sqrt(2n)."""


@dataclass(frozen=True)
class Recalibration:
    """How the spread of an ensemble becomes a standard deviation: sqrt(floor^2 + (factor spread)^2).

    The floor is the error that no model of the ensemble knows of. With few models it is also the larger part: the
    spread of two or three is nearly zero for some materials by chance alone, and a factor on it would not help these.

    Attributes:
        factor: On the spread.
        floor: In the property's unit.
    """

    factor: float
    floor: float

    def apply(self, spread: Floats) -> Floats:
        """Standard deviations.

        Args:
            spread: (num_materials,); standard deviation over the models.
        """
        return np.hypot(self.floor, self.factor * spread)


@dataclass(frozen=True)
class Quality:
    """How well uncertainties describe the errors made.

    Attributes:
        coverage: Share of true values within the central interval, by the share promised.
        coverage_interval: Its 90 % interval (Wilson's), by the share promised: what so few materials can tell.
        nll: Mean negative log-likelihood of the true values [nats, for values in the property's unit]; lower is better.
        rmse: Root mean square error, in the property's unit.
        mean_std: Root mean square standard deviation, in the property's unit.
        num: Materials compared.
        num_certain: Materials left out of the likelihood, since all models say the same of them.
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
        coverages: Shares promised.

    Raises:
        ValueError: If no material has a true value, or all models say the same of all materials.
    """
    from scipy.stats import binomtest, norm

    mean, std, truth = _present(mean, std, truth)
    error, spread = truth - mean, std > 0
    if not spread.any():
        raise ValueError("all models say the same of all materials: there is no spread to judge; give different seeds")
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
    of Machine Learning Research 80, 2796 (2018), compare these shares with those promised.

    Args:
        mean: (num_materials,); predictions.
        std: (num_materials,); their standard deviations.
        truth: (num_materials,); true values.
        coverage: Share that the interval shall hold.
    """
    from scipy.stats import norm

    return np.asarray(np.abs(truth - mean) <= norm.ppf(0.5 + coverage / 2) * std)


def find_recalibration(mean: Floats, std: Floats, truth: Floats) -> Recalibration:
    """The recalibration under which the true values are the most likely.

    J. P. Janet, C. Duan, T. Yang, A. Nandy, H. J. Kulik, A quantitative uncertainty metric controls error in neural
    network-driven chemical discovery, Chem. Sci. 10, 7913 (2019), doi 10.1039/c9sc02298h, find a constant and a factor
    of the variance like this, for a distance in place of the spread.

    Args:
        mean: (num_materials,); predictions of materials that are neither trained on nor tested.
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
            f"a recalibration needs at least {MIN_VALIDATION} materials in the validation part on which the models "
            f"differ, got {int(there.sum())}; train with a larger `data.init_args.validation_fraction`"
        )
    errors, spreads = np.square((truth - mean)[there]), np.square(std[there])
    error, spread = errors.mean(), spreads.mean()
    if error == 0:
        raise ValueError("the models predict the validation part without any error; is it part of the training?")
    errors, spreads = errors / error, spreads / spread

    def loss(logarithms: Floats) -> tuple[float, Floats]:
        """Negative log-likelihood, and its slope, by the logarithms of both shares of the variance."""
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
    return Recalibration(float(factor * np.sqrt(error / spread)), float(floor * np.sqrt(error)))


_BOUNDS = [(-18.0, 9.0)] * 2
"""Of the logarithms of both shares: as small as that they are nothing."""


def _present(mean: Floats, std: Floats, truth: Floats) -> tuple[Floats, Floats, Floats]:
    present = ~np.isnan(truth)
    if not present.any():
        raise ValueError("there is no true value to compare the predictions with")
    return mean[present], std[present], truth[present]
