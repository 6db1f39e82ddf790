"""Laws side by side: which falls faster, where they cross, and how sure that is.

Draws are paired: a seed or a split that two laws share moves both in the same draw, so that what it does to both is no
difference between them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.scaling.fit import check_draws, fit_table
from gnn_sim2real.scaling.forms import Floats
from gnn_sim2real.scaling.inversion import Quantity, errors_at, plain, quantity
from gnn_sim2real.scaling.law import ScalingLaw
from gnn_sim2real.scaling.planning import gain_of_doubling
from gnn_sim2real.scaling.table import tabulate

_FARTHEST = 1000.0  # crossings are looked for up to so many times the largest size
_NUM_STEPS = 400


class Models(NamedTuple):
    """The trained models of one curve.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its repeat, shape ``(num_models,)``; equal labels are paired between laws.
        weights: How much it counts; None for equally.
        material_errors: Its absolute error on each test material, shape ``(num_models, num_materials)``; None if not
            known, or if repeats have test sets of their own.
    """

    source_sizes: ArrayLike
    errors: ArrayLike
    curves: Sequence[Hashable]
    weights: ArrayLike | None = None
    material_errors: ArrayLike | None = None

    def num_sizes(self) -> int:
        """Number of different source sizes."""
        return len(np.unique(np.asarray(self.source_sizes)))


@dataclass(frozen=True)
class Pair:
    """Two laws against each other; differences are first minus second.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        num_shared: Repeats that they share.
        decay_rate: Difference of alpha.
        transfer_gap: Difference of C.
        crossings: Source sizes at which the laws cross, from the smaller of the smallest sizes to a thousand times
            the largest.
        sizes: Source sizes at which they are compared: the largest of both, 2, 4 and 10 times that, and those asked.
        chances: Share of draws in which the first has the lower error at each of them.
        differences: Difference of the errors at each of them.
        next_doubling: Difference of the gains of doubling each source from its own largest size.
    """

    first: str
    second: str
    num_shared: int
    decay_rate: Quantity
    transfer_gap: Quantity
    crossings: tuple[float, ...]
    sizes: tuple[float, ...]
    chances: tuple[float, ...]
    differences: tuple[Quantity, ...]
    next_doubling: Quantity


@dataclass(frozen=True)
class Comparison:
    """Laws side by side.

    Attributes:
        laws: The laws by name.
        gains: What doubling each source from its largest size gains.
        pairs: Each two against each other.
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
    form: str = "power_limit",
    confidence: float = 0.90,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Fit a law to each of several curves, and compare them by paired draws.

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
    if len(models) < 2:
        raise ValueError(f"a comparison needs at least two curves, found {len(models)}: {', '.join(models) or 'none'}")
    check_draws(confidence, num_resamples)
    tables = {
        name: tabulate(np.asarray(each.source_sizes, dtype=float)[None], each.errors, each.curves, each.weights)
        for name, each in models.items()
    }
    labels = {label: None for table in tables.values() for label in sorted(table.labels, key=repr)}
    columns = {label: column for column, label in enumerate(labels)}
    factors = np.random.default_rng(seed).standard_normal((num_resamples, len(columns)))
    laws = {
        name: fit_table(
            table,
            form,
            confidence,
            num_resamples,
            seed,
            factors=factors[:, [columns[label] for label in table.labels]],
        )
        for name, table in tables.items()
    }
    gains = {name: gain_of_doubling((law.fit, *law.draws), law.largest_size, confidence) for name, law in laws.items()}
    shared = {pair: len({*tables[pair[0]].labels} & {*tables[pair[1]].labels}) for pair in combinations(laws, 2)}
    pairs = (_compare(pair, laws, count, at) for pair, count in shared.items())
    return Comparison(laws, gains, tuple(pairs))


def _compare(names: tuple[str, str], laws: Mapping[str, ScalingLaw], num_shared: int, at: Sequence[float]) -> Pair:
    one, other = (laws[name] for name in names)
    confidence = one.confidence
    # draws of each law's own form only: those of rival forms have no partner in the other law
    ours, theirs = (one.fit, one.draws[0]), (other.fit, other.draws[0])

    def difference(of: Any) -> Quantity:
        return quantity([of(a) - of(b) for a, b in zip(ours, theirs, strict=True)], confidence)

    largest = max(one.largest_size, other.largest_size)
    sizes = tuple(sorted({*at, *(factor * largest for factor in (1.0, 2.0, 4.0, 10.0))}))
    gaps = [[a - b for a, b in zip(errors_at(ours, size), errors_at(theirs, size), strict=True)] for size in sizes]
    doublings = [_doubling(law) for law in (one, other)]
    return Pair(
        first=names[0],
        second=names[1],
        num_shared=num_shared,
        decay_rate=difference(lambda fits: fits.natural()["decay_rate"]),
        transfer_gap=difference(lambda fits: fits.natural()["transfer_gap"]),
        crossings=_crossings(one, other),
        sizes=sizes,
        chances=tuple(float((drawn < 0).mean()) for _, drawn in gaps),
        differences=tuple(quantity(each, confidence) for each in gaps),
        next_doubling=quantity([a - b for a, b in zip(*doublings, strict=True)], confidence),
    )


def _doubling(law: ScalingLaw) -> list[Floats]:
    laws = (law.fit, law.draws[0])
    pairs = zip(errors_at(laws, law.largest_size), errors_at(laws, 2.0 * law.largest_size), strict=True)
    return [before - after for before, after in pairs]


def _crossings(one: ScalingLaw, other: ScalingLaw) -> tuple[float, ...]:
    """Where the two laws have the same error, on a fine logarithmic scale."""
    smallest = min(one.smallest_size, other.smallest_size)
    grid = np.geomspace(smallest, _FARTHEST * max(one.largest_size, other.largest_size), _NUM_STEPS)
    gap = np.log(one.predict(grid)) - np.log(other.predict(grid))
    before = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) < 0)
    share = gap[before] / (gap[before] - gap[before + 1])
    return tuple((grid[before] * (grid[before + 1] / grid[before]) ** share).tolist())
