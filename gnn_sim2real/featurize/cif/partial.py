"""Sites of a CIF that are filled in part: those at one place become one, with all that it holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.cif.space_groups import Symmetry
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import crystal_of_symbols
from gnn_sim2real.featurize.site_species import read_species

_SAME_PLACE = 0.05
"""Sites closer than this [angstrom] are one, and images of a site that is filled in part: coordinates of three digits
in a large cell. Farther ones are alternatives of each other, which split sites near a special position are."""

_SPECIAL_POSITION = 0.4
"""Images of a full site closer than this [angstrom] are one atom on a special position, as gemmi has it."""


_SHOWN = 8
"""Labels of one place that are named."""

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
    rows, places = list[list[int]](), list[NDArray[np.float64]]()
    firsts = np.empty((0, 3))
    for row, images in enumerate(np.einsum("oij,sj->soi", symmetry.rotations, fractional) + symmetry.translations):
        same = np.flatnonzero(_is_near(images[:, None] - firsts, lattice).any(axis=0))
        if len(same):
            rows[same[0]].append(row)
            continue
        rows.append([row])
        places.append(_distinct(images, _SPECIAL_POSITION if shares[row] == 1 else _SAME_PLACE, lattice, symmetry))
        firsts = np.concatenate([firsts, images[:1]])
    names = [f"site {_join([sites[row].label for row in together])}" for together in rows]
    held = [
        read_species([(sites[row].element.name, shares[row]) for row in together], name)
        for together, name in zip(rows, names, strict=True)
    ]
    kinds = np.repeat(np.arange(len(places), dtype=np.int64), [len(at) for at in places])
    return crystal_of_symbols(lattice, held, np.concatenate(places), names, kinds)


def _join(labels: Sequence[str]) -> str:
    """The labels of a place, the first few of many."""
    return "/".join([*labels[:_SHOWN], *(["..."] if len(labels) > _SHOWN else [])])


def _distinct(
    images: NDArray[np.float64], reach: float, lattice: NDArray[np.float64], symmetry: Symmetry
) -> NDArray[np.float64]:
    """The images of a site that are not the same, (num_kept, 3), each once.

    Those that are one lie around a special position, which is their mean: its images are the same or far apart.
    """
    apart = images - images[0]
    near = _is_near(apart, lattice, reach)
    if near.sum() == 1:  # by symmetry no two others are
        return images
    special = images[0] + (apart - np.rint(apart))[near].mean(axis=0)
    images = symmetry.rotations @ special + symmetry.translations
    keys = np.rint((images - np.floor(images)) * _GRID) % np.rint(_GRID)
    _, first = np.unique(keys @ np.array([1.0, _GRID, _GRID**2]), return_index=True)
    return images[np.sort(first)]


def _is_near(apart: NDArray[np.float64], lattice: NDArray[np.float64], reach: float = _SAME_PLACE) -> NDArray[np.bool_]:
    """Whether places are one, in any cell, by the differences of their coordinates, (..., 3)."""
    between = (apart - np.rint(apart)) @ lattice
    return np.asarray(np.einsum("...i,...i->...", between, between) < reach**2)
