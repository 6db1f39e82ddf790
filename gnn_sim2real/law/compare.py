"""Comparison of laws: which falls faster, where they cross, and how certain that is.

Draws are paired by name (see `gnn_sim2real.law.streams`): a seed, a split or a test material that two laws share moves
both in the same draw, so that its common effect is not a difference between them. The drift of the laws beyond their
largest sizes is not paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.frame import CONFIDENCE, DRAWS, Draws
from gnn_sim2real.law.inversion import Quantity, errors_at, plain, quantity
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.planning import FARTHEST, gain_of_doubling, gains_of_doubling
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.selection import DEFAULT_FORM

_NUM_STEPS = 400


@dataclass(frozen=True)
class Pair:
    """Comparison of two laws; differences are first minus second.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        num_shared: Repeats that they share.
        num_materials: Test materials in the intervals of each.
        num_shared_materials: Those of them that they share.
        decay_rate: Difference of alpha.
        transfer_gap: Difference of C.
        crossings: Source sizes at which the laws cross, from the smaller of the smallest sizes to a thousand times
            the largest.
        sizes: Source sizes at which they are compared: the largest of both, 2, 4 and 10 times that, and those in `at`.
        chances: Share of draws in which the first has the lower error at each of them.
        differences: Difference of the errors at each of them.
        next_doubling: Difference of the gains of doubling each source from its own largest size.
    """

    first: str
    second: str
    num_shared: int
    num_materials: tuple[int, int]
    num_shared_materials: int
    decay_rate: Quantity
    transfer_gap: Quantity
    crossings: tuple[float, ...]
    sizes: tuple[float, ...]
    chances: tuple[float, ...]
    differences: tuple[Quantity, ...]
    next_doubling: Quantity


@dataclass(frozen=True)
class Comparison:
    """A comparison of laws.

    Attributes:
        laws: The laws by name.
        gains: Gain of doubling each source from its largest size.
        pairs: Comparison of each two laws.
    """

    laws: Mapping[str, ScalingLaw]
    gains: Mapping[str, Quantity]
    pairs: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in types that JSON knows."""
        content = {
            "laws": {name: law.to_dict() for name, law in self.laws.items()},
            "gains_of_doubling": {name: asdict(gain) for name, gain in self.gains.items()},
            "pairs": [asdict(pair) for pair in self.pairs],
        }
        found: dict[str, Any] = plain(content)
        return found


def compare_laws(
    models: Mapping[str, Models],
    *,
    at: Sequence[float] = (),
    form: str = DEFAULT_FORM,
    confidence: float = CONFIDENCE,
    num_resamples: int = DRAWS.num_resamples,
    seed: int = DRAWS.seed,
) -> Comparison:
    """Fit a law to each of several curves, the same as alone, and compare them by paired draws.

    Args:
        models: The models of each curve by its name, at least two curves.
        at: Further source sizes at which the errors are compared.
        form: As in `fit_scaling_law`.
        confidence: Nominal coverage of the intervals.
        num_resamples: Number of draws, at least 100.
        seed: Seed of the draws.

    Returns:
        The comparison.

    Raises:
        ValueError: As `fit_scaling_law`, or if there are fewer than two curves.
    """
    _check_number(models)
    draws = Draws(confidence, num_resamples, seed)
    return compare_fitted({name: fit_law(each, form, draws) for name, each in models.items()}, models, at=at)


def compare_fitted(
    laws: Mapping[str, ScalingLaw], models: Mapping[str, Models], *, at: Sequence[float] = ()
) -> Comparison:
    """Compare laws that were fitted one by one, with the same number of draws, coverage and seed.

    Args:
        laws: The laws, at least two.
        models: The models of each, by the same name.
        at: As in `compare_laws`.

    Raises:
        ValueError: If there are fewer than two laws.
    """
    _check_number(laws)
    gains = {
        name: gain_of_doubling((law.fit, *law.draws), law.largest_size, law.confidence) for name, law in laws.items()
    }
    tables = {name: models[name].table() for name in laws}
    pairs = (
        _compare(
            (one, other),
            laws,
            at,
            num_shared=len({*tables[one].labels} & {*tables[other].labels}),
            num_materials=(len(tables[one].materials), len(tables[other].materials)),
            num_shared_materials=len({*tables[one].materials} & {*tables[other].materials}),
        )
        for one, other in combinations(laws, 2)
    )
    return Comparison(laws, gains, tuple(pairs))


def _check_number(curves: Mapping[str, object]) -> None:
    if len(curves) < 2:
        raise ValueError(f"a comparison needs at least 2 curves, got {len(curves)}: {', '.join(curves) or 'none'}")


def _compare(names: tuple[str, str], laws: Mapping[str, ScalingLaw], at: Sequence[float], **shared: Any) -> Pair:
    one, other = (laws[name] for name in names)
    confidence = one.confidence

    def difference(of: Any) -> list[Floats]:
        """Of the laws, and of each form of draws of the one with each of the other: rows are paired."""
        ours, theirs = ([of(law, fits) for fits in law.draws] for law in (one, other))
        return [of(one, one.fit) - of(other, other.fit), *(a - b for a in ours for b in theirs)]

    def parameter(name: str) -> Quantity:
        return quantity(difference(lambda law, fits: fits.natural()[name]), confidence)

    def error_at(size: float) -> list[Floats]:
        return difference(lambda law, fits: errors_at((fits,), size)[0])

    largest = max(one.largest_size, other.largest_size)
    sizes = tuple(sorted({*at, *(factor * largest for factor in (1.0, 2.0, 4.0, 10.0))}))
    gaps = [error_at(size) for size in sizes]
    return Pair(
        first=names[0],
        second=names[1],
        **shared,
        decay_rate=parameter("decay_rate"),
        transfer_gap=parameter("transfer_gap"),
        crossings=_crossings(one, other),
        sizes=sizes,
        chances=tuple(float((np.concatenate(gap[1:]) < 0).mean()) for gap in gaps),
        differences=tuple(quantity(gap, confidence) for gap in gaps),
        next_doubling=quantity(difference(lambda law, fits: gains_of_doubling(fits, law.largest_size)), confidence),
    )


def _crossings(one: ScalingLaw, other: ScalingLaw) -> tuple[float, ...]:
    """Where the two laws have the same error, on a fine logarithmic scale."""
    smallest = min(one.smallest_size, other.smallest_size)
    grid = np.geomspace(smallest, FARTHEST * max(one.largest_size, other.largest_size), _NUM_STEPS)
    gap = np.log(one.predict(grid)) - np.log(other.predict(grid))
    before = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) < 0)
    share = gap[before] / (gap[before] - gap[before + 1])
    return tuple((grid[before] * (grid[before + 1] / grid[before]) ** share).tolist())
