"""What to train next: the source size, and the number of models there, that narrow an interval most per cost.

The draws of a law are a sample of what the errors at any size may be, by all forms that count. How strongly the wanted
number follows from the error at a size is their correlation over these draws, and the model to be trained adds the
noise of a run; by the rule of a linear estimate, a result there leaves the share

    1 - r^2 v / (v + s^2 / k)

of its variance, with r the correlation, v the variance of the log error over the draws, s the standard deviation of a
run, and k the number of models. Correlation and variance are those of normal scores and of quantiles, since a few draws
of Student's t lie far out. They are taken from draws that move each model by itself: what all sizes share, the choice
of test materials and what a seed or split does to a whole curve, models of a single size leave as it is. So one more
repeat of all measured sizes is looked at as well, which narrows all but the drift.

References:
    K. Chaloner, I. Verdinelli, Stat. Sci. 10, 273 (1995), https://doi.org/10.1214/ss/1177009939.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gnn_sim2real.law.average import AVERAGE
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.frame import Draws
from gnn_sim2real.law.inversion import Quantity, plain
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.log_errors import ErrorTable, check_sizes
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.scaling_law import Interval, ScalingLaw
from gnn_sim2real.law.selection import AUTO

FARTHEST_NEXT = 4.0
"""Sizes are proposed up to this multiple of the largest measured one, unless another largest size is given."""
_FARTHEST = 1e30  # size of a forecast
_NUM_RUNS = (1, 2, 3, 5, 8, 12)
_NUM_SIZES = 13
_WORTHWHILE, _NOTABLE = 0.9, 0.97  # a proposal leaves at most this share of the width, where any does
_ONE_SIGMA = (0.1587, 0.8413)
_ROUNDING = 1e-9  # of a number; an interval that is narrower has no width


@dataclass(frozen=True)
class NextStep:
    """Some models at one source size, and what they would tell.

    Attributes:
        source_size: Source size n; None for every measured size.
        num_models: Number of models at the size, each with a seed of its own.
        is_measured: Whether the size is one that was measured before.
        cost: Their cost, as the cost of a model of size 1.
        expected_width: Width of the interval of the wanted number that is expected after them.
        share_of_width: The same as a share of the width today.
    """

    source_size: float | None
    num_models: int
    is_measured: bool
    cost: float
    expected_width: float
    share_of_width: float


@dataclass(frozen=True)
class NextSize:
    """What to train next.

    Attributes:
        wanted: What shall be known better: "C", "alpha", or "forecast@N".
        today: It, with its interval.
        cost_exponent: A model of source size n costs n to this power.
        best: The step that narrows the interval most per cost, of those that at most double what the models have cost;
            None if none narrows it.
        steps: For each size, the number of models there that narrows it most per cost; ascending, and last that for
            every measured size.
    """

    wanted: str
    today: Quantity
    cost_exponent: float
    best: NextStep | None
    steps: tuple[NextStep, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON knows."""
        content: dict[str, Any] = plain(asdict(self))
        return content


def next_size(
    law: ScalingLaw,
    models: Models,
    *,
    wanted: str,
    cost_exponent: float = 1.0,
    largest: float | None = None,
) -> NextSize:
    """Find the source size, and the number of models there, that narrow the interval of a number most per cost.

    Args:
        law: The law of these models.
        models: The models.
        wanted: "C", "alpha", or "forecast@N" with a source size N.
        cost_exponent: A model of source size n costs n to this power.
        largest: The largest source size that can be had; four times the largest measured one unless given. A forecast
            is never replaced by its measurement: only smaller sizes than N are proposed.

    Returns:
        The best step, which costs no more than all models so far where such a step narrows it notably, and the best of
        each size.

    Raises:
        ValueError: If `wanted`, the exponent or the largest size is not one that is accepted.
    """
    kind, size = parse_wanted(wanted)
    if not (math.isfinite(cost_exponent) and cost_exponent >= 0):
        raise ValueError(f"the exponent of the cost must be finite and not negative, got {cost_exponent:g}")
    farthest = FARTHEST_NEXT * law.largest_size if largest is None else float(check_sizes(largest))
    if farthest < law.smallest_size:
        raise ValueError(
            f"the largest source size must be at least {law.smallest_size:g}, the smallest measured, got {farthest:g}"
        )
    table = models.table()
    measured = table.sizes[0]
    sizes = _candidates(measured, min(farthest, size / 1.001 if kind == "forecast" else farthest))
    today, scores = _today(law, kind, size)
    width, part = _width(today), 1.0
    whole = _whole_repeats(law, table, (kind, size), width, cost_exponent)
    if table.materials or (len(table.log_errors) > 1 and models.curves is not None):
        law = _with_models_apart(law, table)
        alone, scores = _today(law, kind, size)
        part = min(_width(alone) / width, 1.0) if width > 0 else 1.0
    if kind != "forecast":  # of the form, which a parameter belongs to, every size tells
        law = replace(law, draws=tuple(fits.without_drift() for fits in law.draws))
    about = _About(law, scores, law.run_spread, cost_exponent, width, part, measured)
    steps = [step for n in sizes for step in _steps(about, float(n))] + whole
    if width <= _ROUNDING * abs(today.value or 0.0):  # exact errors, and equal ones
        steps, whole, sizes = [], [], sizes[:0]
    # what a step is expected to tell is itself a guess: none costs more than all models so far, if any such tells much
    spent = float((np.isfinite(table.log_errors).sum(axis=0) * measured**cost_exponent).sum())
    narrowing = [step for step in steps if step.share_of_width < 0.999]
    narrowing = [step for step in narrowing if step.cost <= spent and step.share_of_width <= _NOTABLE] or narrowing
    worthwhile = [step for step in narrowing if step.share_of_width <= _WORTHWHILE]
    if not worthwhile and narrowing:  # the largest steps there are
        least = min(step.share_of_width for step in narrowing)
        worthwhile = [step for step in narrowing if 1 - step.share_of_width >= 0.5 * (1 - least)]
    best = max(worthwhile, key=_per_cost) if worthwhile else None
    places = [*(float(n) for n in sizes), *[None] * bool(whole)]
    by_size = (max((step for step in steps if step.source_size == n), key=_worth) for n in places)
    return NextSize(wanted, today, cost_exponent, best, tuple(by_size))


def parse_wanted(wanted: str) -> tuple[str, float]:
    """Read what shall be known better.

    Args:
        wanted: "C", "alpha", or "forecast@N".

    Returns:
        "C", "alpha" or "forecast", and the size of a forecast, else infinity.

    Raises:
        ValueError: If it is something else.
    """
    if wanted in ("C", "alpha"):
        return wanted, math.inf
    found = re.fullmatch(r"forecast@([\d.,_]+(?:e[+-]?\d+)?)", wanted)
    try:
        size = float(found[1].replace(",", "")) if found else 0.0
    except ValueError:
        size = 0.0
    if not 1 / _FARTHEST <= size <= _FARTHEST:
        raise ValueError(
            f"what shall be known better is C, alpha, or forecast@N such as forecast@20000, got {wanted!r}"
        )
    return "forecast", size


def parse_cost(text: str) -> float:
    """Read the cost of a model.

    Args:
        text: Such as n^1, n^0.5 or n; 1 if all cost the same.

    Returns:
        The exponent.

    Raises:
        ValueError: If it is something else.
    """
    plain_text = text.replace(" ", "")
    if plain_text in ("1", "n"):
        return float(plain_text == "n")
    found = re.fullmatch(r"n(?:\^|\*\*)(\d+(?:\.\d*)?|\.\d+)", plain_text)
    if not found:
        raise ValueError(f"the cost of a model must be such as n^1, n^0.5, or 1 if all cost the same, got {text!r}")
    return float(found[1])


def _candidates(measured: Floats, farthest: float) -> Floats:
    """Sizes that may be proposed: the measured ones, and some between and beyond them."""
    top = max(farthest, measured[0])
    between = np.geomspace(measured[0], top, _NUM_SIZES)
    if (measured == np.rint(measured)).all():
        between = np.array([float(f"{each:.2g}") for each in between])
    between = between[(between > measured[0]) & (between <= farthest)]
    # one close to a measured size is that size
    apart = [each for each in between if np.abs(np.log(measured / each)).min() > 0.15]
    last = [] if farthest in measured or not apart or farthest != round(farthest) else [farthest]
    return np.unique([*measured[measured <= farthest], *apart, *last])


def _today(law: ScalingLaw, kind: str, size: float) -> tuple[Quantity, Floats]:
    """The wanted number with its interval, and its normal scores over all draws."""
    if kind == "forecast":
        low, high = map(float, law.predict_interval(size))
        today = Quantity(float(law.predict(size)), Interval(low, high))
        values = _pooled(law, lambda fits: fits.predict_log(np.array([[size]]))[:, 0])
    else:
        name = "transfer_gap" if kind == "C" else "decay_rate"
        today = Quantity(getattr(law, name), getattr(law, f"{name}_interval"))
        values = _pooled(law, lambda fits: fits.natural()[name])
    return today, _normal_scores(values)


def _pooled(law: ScalingLaw, of: Callable[[Fits], Floats]) -> Floats:
    """A number of each draw, over the draws of all forms."""
    return np.concatenate([of(fits) for fits in law.draws])


def _normal_scores(values: Floats) -> Floats:
    """Standard normal numbers in the order of some values; equal values get equal ones."""
    from scipy.special import ndtri  # here, so that the law can be imported in a moment

    levels, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2.0
    return np.asarray(ndtri((middle - 0.5) / len(values))[place] if len(levels) > 1 else np.zeros(len(values)))


class _About(NamedTuple):
    """What the steps at all sizes have in common.

    Attributes:
        law: The law, whose draws move each model by itself.
        scores: Normal scores of the wanted number, of each draw.
        noise: Standard deviation of the log error of a model.
        cost_exponent: A model of source size n costs n to this power.
        width: Width of the interval today.
        part: Share of it that does not come from what all sizes have in common.
        measured: Measured source sizes.
    """

    law: ScalingLaw
    scores: Floats
    noise: float
    cost_exponent: float
    width: float
    part: float
    measured: Floats


def _width(found: Quantity) -> float:
    return found.interval.high - found.interval.low


def _with_models_apart(law: ScalingLaw, table: ErrorTable) -> ScalingLaw:
    """The law whose draws move each model by itself: without what a seed or split does to its whole curve."""
    away = table.log_errors - np.nanmean(table.log_errors, axis=0)
    effects = np.nanmean(away, axis=1, keepdims=True)
    curve, point = np.nonzero(np.isfinite(table.log_errors))
    bare = Models(
        table.sizes[0, point],
        np.exp((table.log_errors - effects)[curve, point]),
        [*range(len(curve))],
        None if table.weights is None else table.weights[curve, point],
        spreads=None if table.spreads is None else table.spreads[curve, point],
    )
    form = AUTO if law.trials and law.form != AVERAGE else law.form
    return fit_law(bare, form, Draws(law.confidence, len(law.draws[0].loss)))


def _whole_repeats(
    law: ScalingLaw, table: ErrorTable, wanted: tuple[str, float], width: float, exponent: float
) -> list[NextStep]:
    """What further repeats of all measured sizes would tell: they narrow all but the drift."""
    from scipy.special import stdtrit  # here, so that the law can be imported in a moment

    counts = np.isfinite(table.log_errors).sum(axis=0)
    num_repeats, upper = float(np.median(counts)), 0.5 + law.confidence / 2
    student = stdtrit(max(num_repeats - 1.0, 1.0), upper)
    still, _ = _today(replace(law, draws=tuple(fits.without_drift() for fits in law.draws)), *wanted)
    narrowed = min(_width(still), width)
    cost = float((table.sizes[0] ** exponent).sum())
    found = []
    for number in _NUM_RUNS:
        total = num_repeats + number
        left = num_repeats / total * (float(stdtrit(total - 1.0, upper)) / student) ** 2
        squares = width**2 - narrowed**2 * (1.0 - min(left, 1.0))
        share = math.sqrt(max(squares, 0.0)) / width if width > 0 else 1.0
        found.append(NextStep(None, number, True, number * cost, share * width, share))
    return found


def _steps(about: _About, size: float) -> list[NextStep]:
    """What each number of models at a size would tell."""
    errors = _pooled(about.law, lambda fits: fits.predict_log(np.array([[size]]))[:, 0])
    low, high = np.quantile(errors, _ONE_SIGMA)
    variance = ((high - low) / 2.0) ** 2
    own, scores = _normal_scores(errors), about.scores
    spread = float(np.sqrt((own @ own) * (scores @ scores)))
    correlation = float(own @ scores) / spread if spread > 0 else 0.0
    found = []
    for number in _NUM_RUNS:
        total = variance + about.noise**2 / number
        known = correlation**2 * (variance / total if total > 0 else 0.0)
        share = math.sqrt(max(1.0 - about.part**2 * known, 0.0))
        cost = number * size**about.cost_exponent
        found.append(NextStep(size, number, bool((about.measured == size).any()), cost, share * about.width, share))
    return found


def _per_cost(step: NextStep) -> float:
    """By how much the logarithm of the width falls per cost."""
    return -math.log(max(step.share_of_width, 1e-6)) / step.cost


def _worth(step: NextStep) -> tuple[bool, float]:
    """First those that narrow it enough, then what each costs."""
    return step.share_of_width <= _WORTHWHILE, _per_cost(step)
