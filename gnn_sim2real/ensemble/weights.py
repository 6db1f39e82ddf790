"""Weights of the members of an ensemble, learned from predictions for rows that the members were not trained on.

They are non-negative and sum to one, so that the answer lies between those of the members: L. Breiman, Stacked
regressions, Machine Learning 24, 49 (1996), doi 10.1007/BF00117832. A few dozen rows cannot tell good members apart;
there equal weights of the good ones are hard to beat: R. T. Clemen, Combining forecasts: a review and annotated
bibliography, International Journal of Forecasting 5, 559 (1989), doi 10.1016/0169-2070(89)90012-5.

The weights of a few dozen rows also follow their noise. So the default rule averages those of some resamples of the
rows, and asks of the rows that each of them lacks whether the whole beats the plainest member, such as the mean of the
measurements: as far as it does not, that member gets the weight.

What a few dozen rows cannot tell, other targets do: how far each kind of member is above the best one, see `skills`. To
the default rule this is worth `PRIOR_ROWS` measurements.

A member without a prediction for a row (NaN) has no weight there; the others share it in proportion to theirs. Its
weight is learned from the rows that it answers: the others may be easier or harder, so there it is taken to be worse
than the best member that answers all, see `complete_residuals`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """How weights are learned.

    Attributes:
        learn: From residuals (num_rows, num_members) and what is expected of the members (num_members,), see
            `learn_weights`, to weights (num_members,); the first member is the plainest.
        chosen: Reason of a weight in words.
        other: Reason of no weight in words.
        plainest: Reason of the weight of the first member in words; `chosen` unless given.
    """

    learn: Callable[[Floats, Floats], Floats]
    chosen: str
    other: str
    plainest: str = ""


RIDGE = 0.3
"""Pull of `ridge` toward equal weights: times the mean square residual of the best member, for each row."""

CAUTION = 50
"""Number of rows from which on `least_absolute` trusts the linear programme more than `one_standard_error`."""

NUM_RESAMPLES = 12
"""Number of resamples of `bagged_least_absolute`; more of them change errors by less than a percent."""

PRIOR_ROWS = 10.0
"""Number of measurements that the expectation of `bagged_least_absolute` is worth; chosen on draws 0 to 2."""

DUE = (-1.0, 1.0)
"""Standard errors by which an ensemble beats the plainest member where it gets none and where it gets all weight."""


def best(residuals: Floats) -> Floats:
    """All weight to the member of the least mean absolute error.

    Args:
        residuals: (num_rows, num_members).
    """
    return _best(residuals, 1)


def best_three(residuals: Floats) -> Floats:
    """The same weight for the three members of the least mean absolute errors.

    Args:
        residuals: (num_rows, num_members).
    """
    return _best(residuals, 3)


def equal(residuals: Floats) -> Floats:
    """The same weight for all.

    Args:
        residuals: (num_rows, num_members).
    """
    return _equally(np.ones(residuals.shape[1], np.bool_))


def one_standard_error(residuals: Floats) -> Floats:
    """The same weight for all members whose mean absolute error is within one standard error of the least.

    L. Breiman, J. Friedman, R. Olshen, C. Stone, Classification and Regression Trees, Wadsworth (1984), section 3.4.3.

    Args:
        residuals: (num_rows, num_members).
    """
    errors = np.abs(residuals)
    means = errors.mean(axis=0)
    winner = means.argmin()
    return _equally(means <= means[winner] + errors[:, winner].std() / max(len(errors) - 1, 1) ** 0.5)


def ridge(residuals: Floats) -> Floats:
    """Least squares, pulled toward equal weights.

    Args:
        residuals: (num_rows, num_members).
    """
    from scipy.optimize import nnls

    squares = np.square(residuals).mean(axis=0)
    scale = squares.max() ** 0.5 or 1.0
    # Of weights that sum to one, the square of their difference to equal ones is their own square less a constant.
    pull = (RIDGE * len(residuals) * squares.min()) ** 0.5 * np.eye(len(squares))
    rows = np.vstack([residuals, pull]) / scale
    # With one more row for the sum the solution is, up to a factor, that of sum one.
    solution, _ = nnls(np.vstack([rows, np.ones(len(squares))]), np.r_[np.zeros(len(rows)), 1.0])
    return _normalized(solution)


def least_absolute(residuals: Floats) -> Floats:
    """Least absolute deviations by a linear programme, and a share of `one_standard_error` that falls with the rows.

    Args:
        residuals: (num_rows, num_members).
    """
    share = CAUTION / (CAUTION + len(residuals))
    return np.asarray((1 - share) * _least_absolute(residuals) + share * one_standard_error(residuals))


def bagged_least_absolute(residuals: Floats, excess: Floats) -> Floats:
    """Least absolute deviations, averaged over resamples of the rows, and a share of the first member.

    A member that is good by chance is so in few resamples; of many members that are alike, as trees are, none gets more
    for their number. How much better than the first member the average is, is told by the resamples without a row.

    What is expected of the members is one more row of every resample, with `PRIOR_ROWS` times the least mean error, in
    proportion to the excess of each: a term linear in the weights.

    L. Breiman, Bagging predictors, Machine Learning 24, 123 (1996), doi 10.1007/BF00058655.

    Args:
        residuals: (num_rows, num_members); those of the plainest member first.
        excess: See `learn_weights`, (num_members,).
    """
    residuals = residuals[np.abs(residuals).sum(axis=1).argsort(kind="stable")]  # whatever the order of the rows
    num_rows, random = len(residuals), np.random.default_rng(0)
    drawn = random.integers(num_rows, size=(NUM_RESAMPLES, num_rows))
    expected = PRIOR_ROWS * np.abs(residuals).mean(axis=0).min() * excess
    weights = np.stack([_least_absolute(np.vstack([residuals[rows], expected])) for rows in drawn])
    lacks = np.stack([np.bincount(rows, minlength=num_rows) == 0 for rows in drawn])
    told = np.flatnonzero(lacks.any(axis=0))
    if len(told) < 3:
        return np.asarray(weights.mean(axis=0))
    others = (lacks * (weights @ residuals.T)).sum(axis=0)[told] / lacks.sum(axis=0)[told]
    gain = np.abs(residuals[told, 0]) - np.abs(others)
    deviation = gain.std() / (len(told) - 1) ** 0.5
    low, high = (limit * deviation for limit in DUE)
    share = float(np.clip((gain.mean() - low) / (high - low), 0, 1)) if high > low else 1.0
    first = np.arange(residuals.shape[1]) == 0
    return np.asarray(share * weights.mean(axis=0) + (1 - share) * first)


def _least_absolute(residuals: Floats) -> Floats:
    from scipy.optimize import linprog

    num_rows, num_members = residuals.shape
    scale = np.abs(residuals).max() or 1.0
    # The dual programme has one condition a member, where the primal one has one a row: signs from -1 to 1 of the rows
    # under which even the best member has the largest sum. The weights are the multipliers of these conditions.
    found = linprog(
        np.r_[np.zeros(num_rows), -1.0],
        A_ub=np.column_stack([-residuals.T / scale, np.ones(num_members)]),
        b_ub=np.zeros(num_members),
        bounds=[(-1, 1)] * num_rows + [(None, None)],
        method="highs",
    )
    return _normalized(np.maximum(-found.ineqlin.marginals, 0))


def _by_residuals(learn: Callable[[Floats], Floats]) -> Callable[[Floats, Floats], Floats]:
    """A rule that expects nothing."""
    return lambda residuals, _: learn(residuals)


RULES = {
    "best": Rule(_by_residuals(best), "the least error", "another has the least error"),
    "best three": Rule(_by_residuals(best_three), "one of the three least errors", "three others have less error"),
    "equal": Rule(_by_residuals(equal), "all count alike", ""),
    "one standard error": Rule(
        _by_residuals(one_standard_error),
        "within one standard error of the least",
        "more than one standard error above the least",
    ),
    "ridge": Rule(
        _by_residuals(ridge), "lowers the squared error of the whole", "does not lower the squared error of the whole"
    ),
    "least absolute": Rule(
        _by_residuals(least_absolute),
        "lowers the error of the whole, or is within one standard error of the least",
        "does not lower the error of the whole, and is more than one standard error above the least",
    ),
    "bagged least absolute": Rule(
        bagged_least_absolute,
        "lowers the error of the whole",
        "does not lower the error of the whole",
        "as far as the others are not surely better than it",
    ),
}
"""All rules by name."""

RULE_VERSION = 2
"""Raised by hand whenever the default rule would give other weights to members that answer every row."""

DEFAULT = "bagged least absolute"
"""On ten fresh draws of 20 measurements its error is 1 and 4 % below that of the best member, which nobody knows
beforehand, for boiling points and liquid densities, and 1 % above for conductivities of crystals; where nothing is
expected of the members it is 5 % above, 3 % below and 6 % above, and the member that is best on the folds costs 10, 0
and 12 %. It can still be far above the best member: the rule of before was 14 % for band gaps at 100, whose large
errors are too few to tell (`benchmarks/ensemble_targets.py`). On simulated members, of which nothing is known, it loses
less than `least absolute` on noise and where members are alike, and up to 7 % more where most of a hundred members are
bad (`benchmarks/ensemble_rules.py`)."""


def learn_weights(predictions: Floats, values: Floats, rule: str = DEFAULT, excess: Floats | None = None) -> Floats:
    """Weights of the members, (num_members,), non-negative and of sum one.

    A member has credit for no row but those that it answers, see `complete_residuals`; one that answers none has no
    weight.

    Args:
        predictions: Of rows that the members were not trained on, (num_rows, num_members), NaN where missing; those of
            the plainest member first.
        values: Measured values, (num_rows,).
        rule: Name of one of `RULES`.
        excess: Logarithm of the expected error of each member over that of the best one, (num_members,), not negative;
            none expects the same of all. Only the default rule uses it.

    Raises:
        ValueError: If a row has no prediction.
    """
    answers = np.asarray(~np.isnan(predictions).all(axis=0))
    residuals = complete_residuals(predictions[:, answers] - values[:, None])
    expected = np.zeros(residuals.shape[1]) if excess is None else excess[answers]
    weights = np.zeros(len(answers))
    weights[answers] = RULES[rule].learn(residuals, expected)
    return weights


def complete_residuals(residuals: Floats) -> Floats:
    """Residuals of members that are compared on the same rows, although some lack an answer.

    Where one is missing, it is that of the best member that answers every row (of the mean of those present, if none
    does), times a factor: how many times as large the own ones of the member are on the rows that both answer, at least
    1, and one standard error more. So who answers easy rows is measured by what others make of these, and luck on a few
    rows does not outweigh the many without an answer.

    Args:
        residuals: (num_rows, num_members); NaN where missing, but not in a whole row or column.

    Returns:
        (num_rows, num_members); the same numbers where none is missing.

    Raises:
        ValueError: If a row has no prediction.
    """
    gaps = np.isnan(residuals)
    equal_mean = combine(residuals, np.ones(residuals.shape[1]))
    if not gaps.any():
        return residuals
    whole = residuals[:, ~gaps.any(axis=0)]
    best_whole = whole[:, np.abs(whole).mean(axis=0).argmin()] if whole.shape[1] else equal_mean
    filled = residuals.copy()
    for member in np.flatnonzero(gaps.any(axis=0)):
        answered = ~gaps[:, member]
        own, others = (np.abs(each[answered]).mean() for each in (residuals[:, member], best_whole))
        times = max(float(own / others), 1.0) if others > 0 else 1.0
        # The standard deviation of absolute errors is about as large as their mean.
        filled[~answered, member] = times * (1 + answered.sum() ** -0.5) * best_whole[~answered]
    return filled


def combine(predictions: Floats, weights: Floats) -> Floats:
    """Weighted mean of the members that have a prediction, (num_rows,).

    Args:
        predictions: (num_rows, num_members); NaN where missing.
        weights: (num_members,).

    Raises:
        ValueError: If a row has no prediction.
    """
    return _sum_present(predictions, share_weights(predictions, weights))


def spread(predictions: Floats, weights: Floats) -> Floats:
    """Weighted standard deviation of the members around their weighted mean, (num_rows,).

    Args:
        predictions: (num_rows, num_members); NaN where missing.
        weights: (num_members,).

    Raises:
        ValueError: If a row has no prediction.
    """
    away = np.square(predictions - combine(predictions, weights)[:, None])
    return np.sqrt(_sum_present(away, share_weights(predictions, weights)))


def share_weights(predictions: Floats, weights: Floats) -> Floats:
    """Weights in each row, (num_rows, num_members): zero where a prediction is missing, sum one.

    A row where all members of weight are missing gets equal weights of the others.

    Args:
        predictions: (num_rows, num_members); NaN where missing.
        weights: (num_members,).

    Raises:
        ValueError: If a row has no prediction.
    """
    present = ~np.isnan(predictions)
    if not present.any(axis=1).all():
        row = int(np.flatnonzero(~present.any(axis=1))[0])
        raise ValueError(f"no member predicts row {row} (from 0); add one that needs nothing but the measurements")
    shared = np.where(present, weights, 0)
    shared[shared.sum(axis=1) == 0] = 1
    shared[~present] = 0
    return np.asarray(shared / shared.sum(axis=1, keepdims=True))


def _best(residuals: Floats, number: int) -> Floats:
    """Equal weights of the best members, and of those as good as the last of them."""
    errors = np.abs(residuals).mean(axis=0)
    return _equally(errors <= np.sort(errors)[:number][-1])


def _sum_present(terms: Floats, weights: Floats) -> Floats:
    return np.asarray(np.einsum("nm,nm->n", np.nan_to_num(terms), weights))


def _equally(chosen: NDArray[np.bool_]) -> Floats:
    return _normalized(chosen.astype(np.float64))


def _normalized(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum())
