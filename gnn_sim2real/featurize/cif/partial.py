"""Sites of a CIF that are filled in part: those at one place become one, with all that it holds."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.cif.space_groups import Symmetry
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import crystal_of_symbols
from gnn_sim2real.featurize.site_species import ONE_PLACE, read_species

_SPECIAL_POSITION = 0.4
"""Images of a full site closer than this [angstrom] are one atom on a special position, as gemmi has it."""


_SHOWN = 8
"""Labels of one place that are named."""

_MOST_AT_ONCE = 2**19
"""Pairs of places whose distances are in memory at once."""

_GRID = 99_991.0
"""Coordinates are compared on a grid of so many points; a prime, since those of files are round numbers."""


def expand_partial(
    sites: Sequence[Any],
    shares: Sequence[float],
    fractional: NDArray[np.float64],
    lattice: NDArray[np.float64],
    symmetry: Symmetry,
) -> Crystal:
    """All sites of the cell, of which a file lists some with their occupancies.

    Args:
        sites: Sites of gemmi, with their elements.
        shares: Occupancy of each.
        fractional: (num_sites, 3); their coordinates.
        lattice: (3, 3), one lattice vector per row [angstrom].
        symmetry: The symmetry.

    Raises:
        ValueError: If occupancies at one place sum to more than 1.01, or a site has no coordinates.
    """
    for row in np.flatnonzero(~np.isfinite(fractional).all(axis=1)).tolist():
        raise ValueError(f"site {sites[row].label} has no coordinates")
    images = np.einsum("oij,sj->soi", symmetry.rotations, fractional) + symmetry.translations
    rows = _rows_of_places(images, lattice)
    names = [f"site {_join([sites[row].label for row in together])}" for together in rows]
    held = [
        read_species([(sites[row].element.name, shares[row]) for row in together], name)
        for together, name in zip(rows, names, strict=True)
    ]
    starts = [together[0] for together in rows]
    reach = np.where(np.array(shares)[starts] == 1, _SPECIAL_POSITION, ONE_PLACE)
    images = images[starts]
    is_new = _find_distinct(images, reach, lattice, symmetry)
    kinds = np.repeat(np.arange(len(rows), dtype=np.int64), is_new.sum(axis=1))
    return crystal_of_symbols(lattice, held, images[is_new], names, kinds)


def _rows_of_places(images: NDArray[np.float64], lattice: NDArray[np.float64]) -> list[list[int]]:
    """Rows of the sites of each place: those that are one by symmetry, in the order of the file.

    Args:
        images: (num_sites, num_operations, 3).
        lattice: (3, 3), one lattice vector per row [angstrom].
    """
    num_sites, num_operations, _ = images.shape
    at_once = max(1, _MOST_AT_ONCE // (num_sites * num_operations))
    same = np.zeros((num_sites, num_sites), np.bool_)
    reach = ONE_PLACE * 1.01 * math.hypot(*np.linalg.inv(lattice)[:, 0].tolist())  # of a coordinate
    for start in range(0, num_sites, at_once):
        some = slice(start, start + at_once)
        along = images[some, :, None, 0] - images[:, 0, 0]  # of most places one coordinate tells
        site, operation, other = (np.abs(along - np.rint(along)) < reach).nonzero()
        near = _is_near(images[some][site, operation] - images[other, 0], lattice)
        same[site[near] + start, other[near]] = True
    rows: dict[int, list[int]] = {}
    for row, others in enumerate(same.tolist()):
        rows.setdefault(next((first for first in rows if others[first]), row), []).append(row)
    return [*rows.values()]


def _join(labels: Sequence[str]) -> str:
    """The labels of a place, the first few of many."""
    return "/".join([*labels[:_SHOWN], *(["..."] if len(labels) > _SHOWN else [])])


def _find_distinct(
    images: NDArray[np.float64], reach: NDArray[np.float64], lattice: NDArray[np.float64], symmetry: Symmetry
) -> NDArray[np.bool_]:
    """Which images of each site are not the same as an earlier one, (num_sites, num_operations).

    Those that are one lie around a special position, which is their mean: its images are the same or far apart, and
    take the place of those of the site.

    Args:
        images: (num_sites, num_operations, 3); those of sites on special positions are replaced.
        reach: (num_sites,); images closer than this are one [angstrom].
        lattice: (3, 3), one lattice vector per row [angstrom].
        symmetry: The operations.
    """
    is_new = np.ones(images.shape[:2], np.bool_)
    apart = images - images[:, :1]
    near = _is_near(apart, lattice, reach[:, None])
    special = np.flatnonzero(near.sum(axis=1) > 1)  # of others no two images are near, by symmetry
    if not len(special):
        return is_new
    apart, near = apart[special], near[special]
    count = near.sum(axis=1)[:, None]
    center = images[special, 0] + np.where(near[..., None], apart - np.rint(apart), 0).sum(axis=1) / count
    moved = np.einsum("oij,sj->soi", symmetry.rotations, center) + symmetry.translations
    keys = np.rint((moved - np.floor(moved)) * _GRID) % np.rint(_GRID) @ np.array([1.0, _GRID, _GRID**2])
    order = keys.argsort(axis=1, kind="stable")
    row = np.arange(len(keys))[:, None]
    keys = keys[row, order]
    first = np.empty(keys.shape, np.bool_)
    first[row, order] = np.concatenate([np.ones((len(keys), 1), np.bool_), keys[:, 1:] != keys[:, :-1]], axis=1)
    images[special], is_new[special] = moved, first
    return is_new


def _is_near(
    apart: NDArray[np.float64], lattice: NDArray[np.float64], reach: float | NDArray[np.float64] = ONE_PLACE
) -> NDArray[np.bool_]:
    """Whether places are one, in any cell, by the differences of their coordinates, (..., 3)."""
    flat = (apart - np.rint(apart)).reshape(-1, 3) @ lattice  # one product: of many small ones each costs more
    return np.asarray(np.einsum("ij,ij->i", flat, flat).reshape(apart.shape[:-1]) < reach**2)
