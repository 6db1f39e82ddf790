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
        ValueError: If occupancies at one place sum to more than 1.01.
    """
    held: list[dict[str, float]] = []
    names, places = list[str](), list[NDArray[np.float64]]()
    rows: list[list[int]] = []
    for row, position in enumerate(fractional):
        images = symmetry.rotations @ position + symmetry.translations
        same = next((number for number, at in enumerate(places) if _is_near(images, at[:1], lattice).any()), None)
        if same is not None:
            rows[same].append(row)
            continue
        rows.append([row])
        places.append(_distinct(images, _SPECIAL_POSITION if shares[row] == 1 else _SAME_PLACE, lattice))
    for together in rows:
        name = f"site {'/'.join(sites[row].label for row in together)}"
        names.append(name)
        held.append(read_species([(sites[row].element.name, shares[row]) for row in together], name))
    count = [len(at) for at in places]
    return crystal_of_symbols(
        lattice,
        [site for site, number in zip(held, count, strict=True) for _ in range(number)],
        np.concatenate(places),
        [name for name, number in zip(names, count, strict=True) for _ in range(number)],
    )


def _distinct(images: NDArray[np.float64], reach: float, lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """The images of a site that are not the same, (num_kept, 3); each is the first of those that are."""
    kept = np.empty((0, 3))
    while len(images):
        kept = np.concatenate([kept, images[:1]])
        images = images[~_is_near(images, images[:1], lattice, reach)]
    return kept


def _is_near(
    images: NDArray[np.float64], place: NDArray[np.float64], lattice: NDArray[np.float64], reach: float = _SAME_PLACE
) -> NDArray[np.bool_]:
    """Whether each image is at a place, in any cell."""
    apart = images - place
    return np.asarray(np.linalg.norm((apart - np.round(apart)) @ lattice, axis=1) < reach)
