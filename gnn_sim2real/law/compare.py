"""Comparison of laws: which falls faster, where they cross, and how certain that is.

Draws are paired: a seed, a split or a test material that two laws share moves both in the same draw, so that its
common effect is not a difference between them. The drift of the laws beyond their largest sizes is not paired.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gnn_sim2real.law.bootstrap import SharedDraws
from gnn_sim2real.law.fit import fit_table
from gnn_sim2real.law.forms import Floats
from gnn_sim2real.law.frame import Draws
from gnn_sim2real.law.inversion import Quantity, errors_at, plain, quantity
from gnn_sim2real.law.log_errors import ErrorTable, in_few_factors, material_moves, material_pulls, tabulate
from gnn_sim2real.law.planning import FARTHEST, gain_of_doubling, gains_of_doubling
from gnn_sim2real.law.scaling_law import ScalingLaw

_NUM_STEPS = 400


class Models(NamedTuple):
    """The trained models of one curve.

    Attributes:
        source_sizes: Source size n of each model, shape ``(num_models,)``.
        errors: Its test error, shape ``(num_models,)``.
        curves: Label of its repeat, shape ``(num_models,)``; equal labels are paired between laws.
        weights: Weight of each model; None for equal weights.
        material_errors: Its absolute error on each test material, shape ``(num_models, num_materials)``; None if not
            known, or if repeats have test sets of their own.
        materials: Label of each test material, shape ``(num_materials,)``; equal labels are paired between laws; None
            for no pairs.
    """

    source_sizes: ArrayLike
    errors: ArrayLike
    curves: Sequence[Hashable]
    weights: ArrayLike | None = None
    material_errors: ArrayLike | None = None
    materials: Sequence[Hashable] | None = None

    def num_sizes(self) -> int:
        """Number of different source sizes."""
        return len(np.unique(np.asarray(self.source_sizes)))


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
        ValueError: As `fit_scaling_law`, if there are fewer than two curves, or if the labels of test materials are
            not one for each, all different.
    """
    if len(models) < 2:
        raise ValueError(f"a comparison needs at least 2 curves, got {len(models)}: {', '.join(models) or 'none'}")
    Draws(confidence, num_resamples, seed).check()
    tables = {
        name: tabulate(np.asarray(each.source_sizes, dtype=float)[None], each.errors, each.curves, each.weights)
        for name, each in models.items()
    }
    materials = {name: _labels_of_materials(name, each) for name, each in models.items()}
    shared = _shared_draws(tables, models, materials, num_resamples, seed)
    laws = {
        name: fit_table(table, form, Draws(confidence, num_resamples, seed + number), moves, shared[name])
        for number, (name, table) in enumerate(tables.items())
        for moves in (_moves_of_materials(table, models[name]),)
    }
    gains = {name: gain_of_doubling((law.fit, *law.draws), law.largest_size, confidence) for name, law in laws.items()}
    pairs = (
        _compare(
            (one, other),
            laws,
            at,
            num_shared=len({*tables[one].labels} & {*tables[other].labels}),
            num_materials=(len(materials[one]), len(materials[other])),
            num_shared_materials=len({*materials[one]} & {*materials[other]}),
        )
        for one, other in combinations(laws, 2)
    )
    return Comparison(laws, gains, tuple(pairs))


def _labels_of_materials(name: str, models: Models) -> tuple[Hashable, ...]:
    """A label of each test material; without labels, ones that no other curve has."""
    if models.material_errors is None:
        return ()
    count = np.shape(models.material_errors)[-1]
    labels = tuple(models.materials) if models.materials is not None else tuple((name, k) for k in range(count))
    if len({*labels}) != count:
        raise ValueError(
            f"materials of {name!r} must have one label for each of the {count} columns of material_errors, all "
            f"different, got {len({*labels})} different ones"
        )
    return labels


def _moves_of_materials(table: ErrorTable, models: Models) -> Floats | None:
    return None if models.material_errors is None else material_moves(table, models.errors, models.material_errors)


def _shared_draws(
    tables: Mapping[str, ErrorTable],
    models: Mapping[str, Models],
    materials: Mapping[str, tuple[Hashable, ...]],
    num_draws: int,
    seed: int,
) -> dict[str, SharedDraws]:
    """Draws in which equal labels, of repeats and of test materials, have equal factors."""
    random = np.random.default_rng(seed)
    columns = _number(label for table in tables.values() for label in sorted(table.labels, key=repr))
    factors = random.standard_normal((num_draws, len(columns)))
    quantiles = random.random((num_draws, 1))
    rows = _number(label for labels in materials.values() for label in labels)
    ends = np.cumsum([table.sizes.shape[1] for table in tables.values()])
    pulls = np.zeros((len(rows), ends[-1]))  # of all points of all laws side by side
    for (name, table), end in zip(tables.items(), ends, strict=True):
        of_curve = models[name].material_errors
        if of_curve is not None:
            at = [rows[label] for label in materials[name]]
            pulls[at, end - table.sizes.shape[1] : end] = material_pulls(table, models[name].errors, of_curve)
    moves = in_few_factors(pulls)
    drawn = np.split(random.standard_normal((num_draws, len(moves))) @ moves, ends[:-1], axis=1)
    return {
        name: SharedDraws(factors[:, [columns[label] for label in table.labels]], quantiles, of_materials)
        for (name, table), of_materials in zip(tables.items(), drawn, strict=True)
    }


def _number(labels: Iterable[Hashable]) -> dict[Hashable, int]:
    """Different labels and their numbers, in the order in which they come."""
    return {label: number for number, label in enumerate(dict.fromkeys(labels))}


def _compare(names: tuple[str, str], laws: Mapping[str, ScalingLaw], at: Sequence[float], **shared: Any) -> Pair:
    one, other = (laws[name] for name in names)
    confidence = one.confidence

    def difference(of: Any, *, own_form: bool = False) -> list[Floats]:
        """Of the laws, and of each form of draws of the one with each of the other: rows are paired."""
        ours, theirs = (
            [of(law, fits) for fits in law.draws if fits.form is law.fit.form or not own_form] for law in (one, other)
        )
        return [of(one, one.fit) - of(other, other.fit), *(a - b for a in ours for b in theirs)]

    def parameter(name: str) -> Quantity:
        return quantity(difference(lambda law, fits: fits.natural()[name], own_form=True), confidence)

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
