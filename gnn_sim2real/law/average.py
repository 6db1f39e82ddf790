"""The average over forms: no form is chosen, and each counts by its weight.

The error of the average is the mean of those of all laws that `gnn_sim2real.law.posterior` finds, so that its limit
is the mean of their limits. Its draws are laws of single forms, as often as these weigh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.law.bootstrap import Means
from gnn_sim2real.law.forms.form import HIGHEST, LARGEST_SHARE, Floats, Form, SurfaceForm
from gnn_sim2real.law.least_squares import Fits
from gnn_sim2real.law.log_errors import NO_BOUNDS, Bounds
from gnn_sim2real.law.posterior import Cloud, spread_laws
from gnn_sim2real.law.streams import even_chances

AVERAGE = "average"
"""Instead of the name of a form: all of them, each by its weight."""

_NEGLIGIBLE = 1e-6  # weight of a law
_AT_ONCE = 512  # rows; bounds the memory
_HALF = 0.5  # of the variance that the draws of the means have; the spread of the laws has the other half


class _Average(Form):
    """All forms, by their weights. It has the parameters that all forms have, and nothing of its own to search."""

    name = AVERAGE
    formula = "mean of all forms, by weight"
    use = "all of them, each by how likely it is"
    searched: tuple[str, ...] = ()

    def axes(self, span: Floats) -> list[Floats]:
        return []

    def fall(self, position: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        raise TypeError("an average has no fall of its own")

    def natural(self, parameters: Floats, first: Floats, smallest: Floats) -> dict[str, Floats]:
        raise TypeError("an average has no parameters of its own")

    @property
    def has_limit(self) -> bool:
        return True


class _SurfaceAverage(_Average):
    standard: ClassVar = SurfaceForm.standard
    num_variables: ClassVar[int] = 2


AVERAGE_OF_CURVES, AVERAGE_OF_SURFACES = _Average(), _SurfaceAverage()


@dataclass(frozen=True, eq=False)
class Mixed(Fits):
    """Laws of several forms, one per row.

    Attributes:
        parts: The laws, sorted by form.
        place: Place of each row in `parts` one after the other, shape ``(num_rows,)``.
    """

    parts: tuple[Fits, ...] = ()
    place: NDArray[np.intp] = None  # type: ignore[assignment]

    def log_at(self, sizes: Floats) -> Floats:
        """As `Fits.log_at`."""
        if sizes.shape[1] == 1:
            return np.asarray(np.concatenate([part.log_at(sizes) for part in self.parts])[self.place])
        by_part = np.stack([self.by_part(of_variable) for of_variable in sizes])
        ends = np.cumsum([0, *(len(part.loss) for part in self.parts)])
        found = [
            part.log_at(by_part[:, first:last])
            for part, first, last in zip(self.parts, ends[:-1], ends[1:], strict=True)
        ]
        return np.asarray(np.concatenate(found)[self.place])

    def by_part(self, values: Floats) -> Floats:
        """Return values of the rows in the order of `parts`, of the same shape."""
        found = np.empty_like(values)
        found[self.place] = values
        return found

    def natural(self) -> dict[str, Floats]:
        """As `Fits.natural`, of the parameters that all forms have."""
        each = [part.natural() for part in self.parts]
        names = [parameter.name for parameter in self.form.standard]
        return {name: np.concatenate([found[name] for found in each])[self.place] for name in names}


@dataclass(frozen=True, eq=False)
class Averaged(Fits):
    """The mean of laws of several forms, a single row.

    Attributes:
        parts: The laws, sorted by form.
        shares: Weight of each, with a sum of 1, shape ``(num_laws,)``.
    """

    parts: tuple[Fits, ...] = ()
    shares: Floats = None  # type: ignore[assignment]

    def log_at(self, sizes: Floats) -> Floats:
        """As `Fits.log_at`."""
        each = np.concatenate([part.log_at(sizes) for part in self.parts])
        # of laws that rise, the error at the farthest sizes is beyond all numbers
        return np.asarray(np.log(np.maximum(self.shares @ np.exp(np.minimum(each, HIGHEST)), 1e-300))[None])

    def natural(self) -> dict[str, Floats]:
        """As `Fits.natural`: mean parameters; of the prefactor, whose unit depends on alpha, the geometric mean."""
        each = [part.natural() for part in self.parts]
        found = {}
        for parameter in self.form.standard:
            values = np.concatenate([of_form[parameter.name] for of_form in each])
            is_scale = parameter.kind == "prefactor"
            mean = np.exp(self.shares @ np.log(values)) if is_scale else self.shares @ values
            found[parameter.name] = np.array([mean])
        return found


def average_forms(
    forms: Mapping[str, Form],
    sizes: Floats,
    means: Means,
    rows: Floats,
    random: np.random.Generator,
    bounds: Bounds = NO_BOUNDS,
) -> tuple[Averaged, Mixed]:
    """Average all forms.

    A draw takes half of its variance from the draws of the means, so that what seeds share stays shared, and the other
    half from the laws of its form that such means allow; the form is drawn by its weight. For a parameter that the
    errors determine both halves add up to the whole; of one that they do not, the laws alone show what is possible.
    What moves all sizes alike moves the draw by all of it.

    Args:
        forms: The forms.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        means: What is known of the errors there.
        rows: Drawn means, shape ``(num_draws, num_points)``.
        random: Where the choice of a law for each draw comes from.
        bounds: What is known of the error beside the means.

    Returns:
        The average, and a law for each draw.
    """
    cloud = spread_laws(forms, sizes, means, bounds)
    log_weights = cloud.log_weights(means.values[None])[0]
    shares = np.exp(log_weights - log_weights.max())
    shares /= shares.sum()
    form = AVERAGE_OF_CURVES if len(sizes) == 1 else AVERAGE_OF_SURFACES
    kept = np.flatnonzero(shares > _NEGLIGIBLE)
    levels = cloud.levels(means.values[None])[0]
    common = {"form": form, "smallest": sizes.min(axis=1), "largest": sizes.max(axis=1)}
    average = Averaged(
        **common,
        **_empty(1, len(sizes)),
        parts=_take(cloud, kept, levels[kept]),
        shares=shares[kept] / shares[kept].sum(),
    )
    mean = cloud.precision.sum(axis=0) / cloud.precision.sum()
    moves = rows - means.values
    shared = (moves @ mean)[:, None]
    rows = means.values + shared + np.sqrt(_HALF) * (moves - shared)
    picked = _pick(cloud, shares, rows, even_chances(random, len(rows)))
    order = np.argsort(picked, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    levels = rows @ mean - cloud.log_shape[picked] @ mean
    parts = _take(cloud, picked[order], levels[order])
    return average, Mixed(**common, **_empty(len(rows), len(sizes)), parts=parts, place=place)


def _empty(count: int, num_variables: int) -> dict[str, Any]:
    return {
        "parameters": np.zeros((count, 0)),
        "log_first": np.zeros(count),
        "loss": np.zeros(count),
        "drift": np.zeros((count, num_variables)),
    }


def _pick(cloud: Cloud, shares: Floats, rows: Floats, chances: Floats) -> NDArray[np.intp]:
    """Choose a law for each row: each kind of law as often as it weighs in the average, within it by the row's weights.

    By the rows alone, which tell twice as much, a form that fits a little better would be taken almost always.

    Args:
        cloud: The laws.
        shares: Weight of each law, shape ``(num_laws,)``.
        rows: Drawn means, shape ``(num_draws, num_points)``.
        chances: Numbers from 0 to 1, shape ``(num_draws,)``.

    Returns:
        Places in the cloud, shape ``(num_draws,)``.
    """
    picked = np.zeros(len(rows), dtype=np.intp)
    below = 0.0
    for mine, kind in cloud.kinds():
        share = float(shares[mine].sum())
        these = np.flatnonzero((chances >= below) & (chances < below + share))
        for some in (these[first : first + _AT_ONCE] for first in range(0, len(these), _AT_ONCE)):
            log_weights = kind.log_weights(rows[some], 1.0 / _HALF)
            added = np.cumsum(np.exp(log_weights - log_weights.max(axis=1, keepdims=True)), axis=1)
            wanted = np.clip((chances[some] - below) / share, 0.0, 1.0 - 1e-12) * added[:, -1]
            picked[some] = mine.start + (added < wanted[:, None]).sum(axis=1)
        below += share
    return picked


def _take(cloud: Cloud, members: NDArray[np.intp], levels: Floats) -> tuple[Fits, ...]:
    """Some laws of a cloud, ascending, at their levels."""
    found, first = [], 0
    for part in cloud.parts:
        mine = (members >= first) & (members < first + len(part.loss))
        which = members[mine] - first
        first += len(part.loss)
        if mine.any():
            parameters = part.parameters[which]
            at_least = (cloud.log_limit[members[mine]] == 0.0) & (cloud.bounds.least > 0)
            if at_least.any():
                parameters[at_least, -1] = np.minimum(
                    cloud.bounds.least * np.exp(-levels[mine][at_least]), LARGEST_SHARE
                )
            found.append(
                replace(
                    part,
                    parameters=parameters,
                    log_first=levels[mine],
                    loss=part.loss[which],
                    drift=part.drift[which],
                )
            )
    return tuple(found)


def shape_freedom(means: Means) -> float:
    """Return the degrees of freedom with which the spread of the draws of an average is known, but for their level.

    Half of the variance is that of the draws of the means, which is known from as many values as there are curves; the
    other half is that of the laws, whose noise is that of all points. Their sum is known better than either.

    Args:
        means: What is known of the errors at the points.

    References:
        F. E. Satterthwaite, Biometrics Bull. 2, 110 (1946), https://doi.org/10.2307/3002019.
    """
    if not means.moves.any():
        return means.freedom
    of_all = means.freedom * (len(means.values) - 1)
    return 1.0 / (_HALF**2 / means.freedom + (1.0 - _HALF) ** 2 / of_all)


def weigh_roughly(forms: Mapping[str, Form], sizes: Floats, means: Means) -> dict[str, float]:
    """Return the weight of each form, before it is known which models are far from the law.

    Args:
        forms: The forms.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        means: What is known of the errors there.
    """
    cloud = spread_laws(forms, sizes, means)
    log_weights = cloud.log_weights(means.values[None])[0]
    shares = np.exp(log_weights - log_weights.max())
    return _by_form(cloud.parts, shares / shares.sum())


def form_weights(average: Averaged) -> dict[str, float]:
    """Return the weight of each form in an average, with a sum of 1.

    Args:
        average: The average.
    """
    return _by_form(average.parts, average.shares)


def _by_form(parts: tuple[Fits, ...], shares: Floats) -> dict[str, float]:
    found: dict[str, float] = {}
    first = 0
    for part in parts:
        share = float(shares[first : first + len(part.loss)].sum())
        found[part.form.name] = found.get(part.form.name, 0.0) + share
        first += len(part.loss)
    return found
