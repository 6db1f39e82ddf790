"""What is known of the shape of a law: a cloud of laws of all forms, each with its weight.

No form is chosen. Every form, and every parameter of it, counts by how well it describes the errors times how likely it
was before there were any (`Form.prior`), so that a form pays for the parameters it does not need: the weight of a form
is its evidence. The cloud is drawn from the prior and from Student's t around the best fits; the weights
of importance sampling undo that choice. The scale of the errors is solved in closed form, and the size of the noise is
integrated out, since a few sizes hardly tell it.

References:
    J. A. Hoeting et al., Stat. Sci. 14, 382 (1999), https://doi.org/10.1214/ss/1009212519;
    A. B. Owen, Y. Zhou, J. Am. Stat. Assoc. 95, 135 (2000), https://doi.org/10.1080/01621459.2000.10473909.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations, groupby
from typing import NamedTuple

import numpy as np

from gnn_sim2real.law.bootstrap import Means, alike
from gnn_sim2real.law.forms.form import LARGEST_SHARE, Floats, Form, SurfaceForm, log_position
from gnn_sim2real.law.least_squares import Fits, polish
from gnn_sim2real.law.log_errors import NO_BOUNDS, Bounds

NO_SHARE = 0.15
"""How likely it is, before there are errors, that a share is exactly zero: that there is no limit, or no gap."""

_FROM_PRIOR, _FROM_MODE, _NUM_MODES = 384, 192, 2  # laws of each form
_TAILS = 4.0  # degrees of freedom of Student's t around a best fit
_WIDER = 1.2  # than the curvature there says
_NOISE, _MOST_FREEDOM = 0.01, 3.0  # what is thought of the noise without repeats, and how firmly at most
_EQUAL = 1e-9  # log errors that differ by less are equal
_EXACT = 30.0  # residuals that are smaller than the noise by more than this factor make it smaller
_RULED_OUT = 1e4  # log weight of a law below what is possible; all laws that are have weights by their fit again
_FLAT = 1e-13  # curvature that is rounding
_LEAST_SPARE = 2  # sizes beyond the parameters of a form that show how exact the errors are


@dataclass(frozen=True, eq=False)
class Cloud:
    """Laws with their weights.

    Attributes:
        parts: Laws of each form, with and without what may be zero.
        log_shape: log(E / S) at the points fitted, shape ``(num_laws, num_points)``.
        log_share: Logarithm of what each law counts before the errors are known, shape ``(num_laws,)``.
        precision: Of the errors of the points, up to the size of the noise, shape ``(num_points, num_points)``.
        noise: What is thought of the size of the noise.
        freedom: How firmly.
        log_limit: log(C / S) of each law, 0 for those whose limit is the least one, shape ``(num_laws,)``.
        log_start: Logarithm of the error without a source by S, infinite where the law has none, shape ``(num_laws,)``.
        bounds: What the error cannot be below, and cannot exceed.
    """

    parts: tuple[Fits, ...]
    log_shape: Floats
    log_share: Floats
    precision: Floats
    noise: float
    freedom: float
    log_limit: Floats
    log_start: Floats
    bounds: Bounds

    def kinds(self) -> Iterator[tuple[slice, Cloud]]:
        """Yield the laws of each form, with and without what may be zero: where they are, and a cloud of them alone."""
        first = 0
        for part in self.parts:
            mine = slice(first, first + len(part.loss))
            first = mine.stop
            yield (
                mine,
                replace(
                    self,
                    parts=(part,),
                    log_shape=self.log_shape[mine],
                    log_share=self.log_share[mine],
                    log_limit=self.log_limit[mine],
                    log_start=self.log_start[mine],
                ),
            )

    def levels(self, rows: Floats) -> Floats:
        """Return log S of each law for each row of log errors, shape ``(num_rows, num_laws)``."""
        mean = self.precision.sum(axis=0) / self.precision.sum()
        return np.asarray((rows @ mean)[:, None] - self.log_shape @ mean)

    def log_weights(self, rows: Floats, sharpness: float = 1.0) -> Floats:
        """Return the logarithm of the weight of each law for each row, shape ``(num_rows, num_laws)``.

        Args:
            rows: Log errors, shape ``(num_rows, num_points)``.
            sharpness: Power of the likelihood; 2 as if each size had been measured twice with this outcome.
        """
        mean = self.precision.sum(axis=0) / self.precision.sum()
        root = np.linalg.cholesky(self.precision)
        shape = (self.log_shape - (self.log_shape @ mean)[:, None]) @ root
        observed = (rows - (rows @ mean)[:, None]) @ root
        squares = (observed**2).sum(axis=1)[:, None] + (shape**2).sum(axis=1) - 2.0 * observed @ shape.T
        if squares.size and len(rows) == 1:  # without the rounding of a difference
            squares = ((observed - shape) ** 2).sum(axis=1)[None]
        num_free = rows.shape[1] - 1 + self.freedom
        scale = self.freedom * self.noise**2 + np.maximum(squares, 0.0)
        log_weights = self.log_share - sharpness * num_free / 2.0 * np.log(scale)
        if self.bounds != NO_BOUNDS:
            level = self.levels(rows)
            with np.errstate(divide="ignore"):
                too_low = level + self.log_limit < np.log(self.bounds.least)
            too_high = np.isfinite(self.log_start) & (level + self.log_start > np.log(self.bounds.most))
            log_weights = log_weights - _RULED_OUT * (too_low | too_high)
        return np.asarray(log_weights)


class _Kind(NamedTuple):
    """A form of which some shares are known.

    Attributes:
        form: The form.
        known: Columns of those shares.
        values: The shares: zero, or of a limit what it cannot be below.
        chance: How likely the kind is before there are errors, compared with others.
    """

    form: Form
    known: tuple[int, ...]
    values: tuple[float, ...]
    chance: float

    @property
    def has_free_limit(self) -> bool:
        """Whether the limit is searched."""
        return self.form.has_limit and len(self.form.searched) - 1 not in self.known


def spread_laws(forms: Mapping[str, Form], sizes: Floats, means: Means, bounds: Bounds = NO_BOUNDS) -> Cloud:
    """Return the laws that the errors allow, of all forms.

    Args:
        forms: The forms.
        sizes: Sizes of the points, shape ``(num_variables, num_points)``.
        means: What is known of the errors there.
        bounds: What is known of the error beside the means. Laws without a limit then have the least one, as far as
            there is a form for them; of those that are level while the source is small, none is above the most.
    """
    smallest = sizes.min(axis=1)
    position = log_position(sizes, smallest)
    precision = _precision(sizes, means.weights)
    kinds = list(_kinds(forms, min(bounds.least / float(np.exp(means.values.max())), LARGEST_SHARE)))
    centered = means.values - means.values @ means.weights / means.weights.sum()
    first = [_draw_prior(kind, position, number) for number, kind in enumerate(kinds)]
    best = _modes(kinds, first, position, centered, means.weights)
    noise, freedom = _noise(kinds, best, means)
    parts, shapes, shares, limits, starts = [], [], [], [], []
    for number, (kind, drawn, (modes, _)) in enumerate(zip(kinds, first, best, strict=True)):
        proposal = _proposal(kind, modes, position, precision, noise)
        rows = np.concatenate([drawn, proposal.draw(number, drawn.shape[1])])
        low, high = _bounds(kind.form, position).T
        rows = rows[((rows >= low) & (rows <= high)).all(axis=1)]
        log_prior = _log_prior(kind, rows, position)
        drawn_from = np.logaddexp(np.log(_FROM_PRIOR) + log_prior, proposal.log_density(rows))
        parts.append(
            Fits(
                kind.form,
                smallest,
                rows,
                np.zeros(len(rows)),
                np.zeros(len(rows)),
                sizes.max(axis=1),
                np.zeros((len(rows), len(sizes))),
            )
        )
        shapes.append(kind.form.log_shape(position, rows))
        share = (
            rows[:, -1] if kind.has_free_limit else np.full(len(rows), float(bounds.least > 0 and kind.form.has_limit))
        )
        limits.append(np.log(np.maximum(share, 1e-300)))
        shares.append(np.log(kind.chance) + log_prior - drawn_from)
        starts.append(_log_start(kind.form, rows, smallest) if np.isfinite(bounds.most) else np.full(len(rows), np.inf))
    joined = (np.concatenate(each) for each in (shapes, shares, limits, starts))
    log_shape, log_share, log_limit, log_start = joined
    return Cloud(tuple(parts), log_shape, log_share, precision, noise, freedom, log_limit, log_start, bounds)


def _log_start(form: Form, rows: Floats, smallest: Floats) -> Floats:
    """Logarithm of the error without a source by S, infinite where the form has none, shape ``(num_laws,)``."""
    found = form.natural(rows, np.ones(len(rows)), smallest).get("error_without_source")
    return np.full(len(rows), np.inf) if found is None else np.log(found)


def _precision(sizes: Floats, weights: Floats) -> Floats:
    """Inverse of the covariance of the errors of points, of which neighbors are partly alike, for a variance of 1."""
    scale = np.sqrt(weights / weights.mean())
    return np.asarray(np.linalg.inv(alike(sizes)) * scale * scale[:, None])


def _free_shares(form: Form) -> list[int]:
    """Columns of the shares of a form that may be zero; not that of a limit without which it is another form."""
    named = [column for column, name in enumerate(form.searched) if name.endswith("_share")]
    nested = isinstance(form, SurfaceForm) and form.without_limit is not None
    return named[:-1] if nested else named


def _kinds(forms: Mapping[str, Form], floor: float) -> Iterator[_Kind]:
    """The forms with each choice of shares that are known; `floor` is the least share of a limit."""
    for form in forms.values():
        shares = _free_shares(form)
        for known in chain.from_iterable(combinations(shares, count) for count in range(len(shares) + 1)):
            # the power law with limit is the power law without it
            if known and form.name == "power_limit":
                continue
            chance = form.likely * float(np.prod([NO_SHARE if each in known else 1 - NO_SHARE for each in shares]))
            limited = form if form.has_limit or not floor else _with_limit(form, forms)
            last = len(limited.searched) - 1
            columns = known if limited is form else (*known, last)
            values = tuple(floor if limited.has_limit and each == last else 0.0 for each in columns)
            yield _Kind(limited, columns, values, chance)


def _with_limit(form: Form, forms: Mapping[str, Form]) -> Form:
    """The form that has a limit and else is this one; itself if there is none."""
    if form.name == "power" and "power_limit" in forms:
        return forms["power_limit"]
    nested = (each for each in forms.values() if isinstance(each, SurfaceForm) and each.without_limit is form)
    return next(nested, form)


def _bounds(form: Form, position: Floats) -> Floats:
    return np.array([[axis[0], axis[-1]] for axis in form.axes(position.max(axis=1))])


def _draw_prior(kind: _Kind, position: Floats, number: int) -> Floats:
    """Draw parameters as they are thought of before there are errors, shape ``(num_laws, num_searched)``."""
    from scipy.special import ndtr, ndtri  # here, so that the law can be imported in a moment

    form, bounds = kind.form, _bounds(kind.form, position)
    uniform = _even_points(_FROM_PRIOR, len(bounds), number)
    rows = np.empty_like(uniform)
    for column, name in enumerate(form.searched):
        low, high = bounds[column]
        if name in form.prior:
            center, spread = form.prior[name]
            ends = ndtr((bounds[column] - center) / spread)
            rows[:, column] = center + spread * ndtri(ends[0] + uniform[:, column] * (ends[1] - ends[0]))
        else:
            rows[:, column] = low + uniform[:, column] * (high - low)
    rows = np.clip(rows, *bounds.T)
    rows[:, [*kind.known]] = kind.values
    if kind.has_free_limit:
        # the share is thought of as that of the smallest error, which says more than that of the largest
        remains, share = _remains(form, rows, position), uniform[:, -1]
        rows[:, -1] = np.minimum(share * remains / (1.0 - share + share * remains), LARGEST_SHARE)
    return rows


def _even_points(count: int, num_columns: int, number: int) -> Floats:
    """Points that fill a unit cube evenly, others for each number: a Kronecker sequence, shape (count, num_columns)."""
    root = 2.0
    for _ in range(50):
        root = (1.0 + root) ** (1.0 / (num_columns + 1.0))
    steps = root ** -np.arange(1.0, num_columns + 1.0)
    points = (0.5 + 0.618034 * number + np.arange(1.0, count + 1.0)[:, None] * steps) % 1.0
    return np.asarray(np.clip(points, 1e-9, 1.0 - 1e-9))


def _remains(form: Form, rows: Floats, position: Floats) -> Floats:
    """What is left at the largest sizes of the part that falls, shape ``(num_laws,)``."""
    return np.exp(-np.clip(form.fall(position.max(axis=1)[:, None], rows)[0][:, 0], -30.0, 30.0))


def _log_prior(kind: _Kind, rows: Floats, position: Floats) -> Floats:
    """Logarithm of the density of the prior at laws between the bounds."""
    form, bounds = kind.form, _bounds(kind.form, position)
    log_density = np.zeros(len(rows))
    for column, name in enumerate(form.searched):
        if column in kind.known:
            continue
        value, (low, high) = rows[:, column], bounds[column]
        if name == "limit_share":
            remains = _remains(form, rows, position)
            each = np.log(remains) - 2.0 * np.log(np.maximum(value + (1.0 - value) * remains, 1e-300))
        elif name in form.prior:
            center, spread = form.prior[name]
            each = -(((value - center) / spread) ** 2) / 2.0 - np.log(spread * np.sqrt(2.0 * np.pi))
        else:
            each = np.full(len(rows), -np.log(high - low))
        log_density += each
    return log_density


def _modes(
    kinds: list[_Kind], drawn: list[Floats], position: Floats, centered: Floats, weights: Floats
) -> list[tuple[Floats, float]]:
    """The best fits of each kind, from the best of its laws drawn, and the residual (root mean square) of the best."""
    weights = weights / weights.sum()
    found: list[tuple[Floats, float]] = []
    for form, group in groupby(zip(kinds, drawn, strict=True), key=lambda pair: pair[0].form):
        of_kinds = [_starts(kind, laws, position, centered, weights) for kind, laws in group]
        starts = np.concatenate([each for each, _ in of_kinds])
        bounds = np.concatenate([each for _, each in of_kinds], axis=1)
        modes, losses = polish(form, position, np.repeat(centered[None], len(starts), axis=0), weights, starts, bounds)
        for number in range(len(of_kinds)):
            mine = slice(number * _NUM_MODES, (number + 1) * _NUM_MODES)
            found.append((modes[mine], float(np.sqrt(losses[mine].min()))))
    return found


def _starts(kind: _Kind, drawn: Floats, position: Floats, centered: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The best of the laws drawn, and the bounds of their polish."""
    bounds = np.repeat(_bounds(kind.form, position).T[:, None], _NUM_MODES, axis=1)
    bounds[..., [*kind.known]] = kind.values
    shape = kind.form.log_shape(position, drawn)
    loss = ((centered - shape - ((centered - shape) @ weights)[:, None]) ** 2) @ weights
    return np.clip(drawn[np.argsort(loss)[: 8 * _NUM_MODES : 8]], *bounds), bounds


def _noise(kinds: list[_Kind], best: list[tuple[Floats, float]], means: Means) -> tuple[float, float]:
    """What is thought of the noise of the means, and how firmly (degrees of freedom)."""
    count = len(means.values)
    if means.repeated:
        # without the choice of test materials: the law is the same whether their errors are known or not
        pulls = np.concatenate([means.moves, np.diag(means.lone_spread)])
        across = pulls - pulls.mean(axis=1, keepdims=True)  # what all sizes share moves the level alone
        noise = float(np.sqrt((across**2).sum() / (count - 1)))
        if np.abs(pulls).max() > _EQUAL:  # else the repeats are copies, and tell nothing
            return max(noise, _EQUAL), float(np.clip(means.freedom, 1.0, _MOST_FREEDOM))
    spare = [count - kind.form.num_parameters + len(kind.known) for kind in kinds]
    left = [
        residual * np.sqrt(count / free)
        for free, (_, residual) in zip(spare, best, strict=True)
        if free >= _LEAST_SPARE
    ]
    return max(min([_NOISE, *(_EXACT * each for each in left)]), 1e-10), 2.0


class _Proposal(NamedTuple):
    """Student's t around the best fits.

    Attributes:
        columns: What is searched, without shares that are known.
        known: Columns of these.
        values: These.
        centers: The best fits, shape ``(num_modes, num_columns)``.
        roots: Square root of the covariance around each, shape ``(num_modes, num_columns, num_columns)``.
    """

    columns: list[int]
    known: tuple[int, ...]
    values: tuple[float, ...]
    centers: Floats
    roots: Floats

    def draw(self, number: int, width: int) -> Floats:
        """Return parameters, shape ``(num_laws, width)``."""
        from scipy.special import chdtri, ndtri

        uniform = _even_points(_FROM_MODE * len(self.centers), len(self.columns) + 1, number + 1000)
        steps = ndtri(uniform[:, 1:]) * np.sqrt(_TAILS / chdtri(_TAILS, uniform[:, :1]))
        rows = np.zeros((len(uniform), width))
        rows[:, [*self.known]] = self.values
        for mode, (center, root) in enumerate(zip(self.centers, self.roots, strict=True)):
            mine = slice(mode, None, len(self.centers))
            rows[mine, self.columns] = center + steps[mine] @ root.T
        return rows

    def log_density(self, rows: Floats) -> Floats:
        """Return the logarithm of the density of `draw` at each row, up to a constant, times the number of draws."""
        from scipy.special import gammaln

        count = len(self.columns)
        constant = gammaln((_TAILS + count) / 2) - gammaln(_TAILS / 2) - count / 2 * np.log(_TAILS * np.pi)
        found = []
        for center, root in zip(self.centers, self.roots, strict=True):
            steps = np.linalg.solve(root, (rows[:, self.columns] - center).T)
            size = np.log(np.abs(np.linalg.det(root)) + 1e-300)
            found.append(constant - size - (_TAILS + count) / 2 * np.log1p((steps**2).sum(axis=0) / _TAILS))
        return np.asarray(np.log(_FROM_MODE) + np.logaddexp.reduce(found, axis=0))


def _proposal(kind: _Kind, modes: Floats, position: Floats, precision: Floats, noise: float) -> _Proposal:
    form, bounds = kind.form, _bounds(kind.form, position)
    columns = [column for column in range(len(form.searched)) if column not in kind.known]
    spreads = np.array(
        # a value as likely anywhere between two ends has their distance over the root of 12 as standard deviation
        [form.prior.get(form.searched[c], (0.0, np.ptp(bounds[c]) / np.sqrt(12.0)))[1] for c in columns]
    )
    _, slopes = form.slopes(position, modes)
    mean = precision.sum(axis=0) / precision.sum()
    slopes = (slopes - (slopes @ mean)[..., None])[:, columns]
    curvature = slopes @ precision @ slopes.transpose(0, 2, 1) / noise**2 + np.diag(spreads**-2.0)
    # scaled, since an exact curve knows some parameters much better than others
    scale = 1.0 / np.sqrt(np.einsum("mii->mi", curvature))
    values, vectors = np.linalg.eigh(curvature * scale[:, None] * scale[:, :, None])
    # the symmetric root, which has no sign that the last bit decides
    symmetric = vectors / np.sqrt(np.maximum(values, _FLAT))[:, None] @ vectors.transpose(0, 2, 1)
    roots = _WIDER * scale[:, :, None] * symmetric
    return _Proposal(columns, kind.known, kind.values, modes[:, columns], roots)
