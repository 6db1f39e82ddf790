"""Prototypes of the crystal demo: structures of simple ionic crystals, with their ions still open.

None has a free parameter: close packed anions are packed ideally, the two octahedra of an elpasolite are alike, and
rutile has the shape of the mineral.
"""

from dataclasses import dataclass
from functools import cached_property
from math import gcd, sqrt

import numpy as np
from numpy.typing import NDArray

Sites = tuple[tuple[int, int, int], ...]

_PACKED = sqrt(8 / 3)
"""Height of two layers of close packed spheres over the distance of two spheres."""

_CUBIC = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_FACE_CENTERED = ((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))
_HEXAGONAL = ((1.0, 0.0, 0.0), (-0.5, sqrt(3) / 2, 0.0), (0.0, 0.0, _PACKED))
_TETRAGONAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.644))


def _rhombohedral(height: float) -> tuple[tuple[float, float, float], ...]:
    """Hexagonal layers, each displaced by a third of the base diagonal."""
    return ((0.5, sqrt(3) / 2, 0.0), (1.0, 0.0, 0.0), (0.5, sqrt(3) / 6, height))


@dataclass(frozen=True)
class Prototype:
    """A structure whose ions are still open: cations first, the anion last.

    Args:
        name: Its name.
        space_group: Its number.
        coordination: Neighbors of each ion, those that Shannon's radii are tabulated by.
        lattice: Vectors of the primitive cell in units of its first lattice constant.
        parts: The coordinates of the sites are counted in this part of the lattice vectors.
        sites: Sites of each ion.
        misfit: Its cations fit if the lattice constants that they ask for differ by no more than this share.
    """

    name: str
    space_group: int
    coordination: tuple[int, ...]
    lattice: tuple[tuple[float, float, float], ...]
    parts: int
    sites: tuple[Sites, ...]
    misfit: float = 0.05

    @cached_property
    def formula(self) -> tuple[int, ...]:
        """Number of each ion in the reduced formula."""
        units = gcd(*map(len, self.sites))
        return tuple(len(sites) // units for sites in self.sites)

    @cached_property
    def role(self) -> NDArray[np.int64]:
        """(num_sites,); number of the ion on each site."""
        return np.repeat(np.arange(len(self.sites)), list(map(len, self.sites)))

    @cached_property
    def fractional(self) -> NDArray[np.float64]:
        """(num_sites, 3)."""
        return np.concatenate([np.array(sites) / self.parts for sites in self.sites])

    @cached_property
    def bonds(self) -> tuple[float, ...]:
        """Mean distance of each cation to the anions around it, in units of the first lattice constant."""
        lattice, images = np.array(self.lattice), np.indices((7, 7, 7)).reshape(3, -1).T - 3
        anions = self.fractional[self.role == len(self.sites) - 1]
        bonds = []
        for role, number in enumerate(self.coordination[:-1]):
            cation = self.fractional[self.role == role][0]
            vectors = (anions[:, None] - cation + images).reshape(-1, 3) @ lattice
            bonds.append(float(np.sort(np.linalg.norm(vectors, axis=1))[:number].mean()))
        return tuple(bonds)


ROCK_SALT = Prototype("rock salt", 225, (6, 6), _FACE_CENTERED, 2, (((0, 0, 0),), ((1, 1, 1),)))
CESIUM_CHLORIDE = Prototype("cesium chloride", 221, (8, 8), _CUBIC, 2, (((0, 0, 0),), ((1, 1, 1),)))
ZINC_BLENDE = Prototype("zinc blende", 216, (4, 4), _FACE_CENTERED, 4, (((0, 0, 0),), ((1, 1, 1),)))
WURTZITE = Prototype(
    "wurtzite", 186, (4, 4), _HEXAGONAL, 24, (((8, 16, 0), (16, 8, 12)), ((8, 16, 9), (16, 8, 21)))
)  # fmt: skip
NICKEL_ARSENIDE = Prototype(
    "nickel arsenide", 194, (6, 6), _HEXAGONAL, 12, (((0, 0, 0), (0, 0, 6)), ((4, 8, 3), (8, 4, 9)))
)  # fmt: skip
FLUORITE = Prototype("fluorite", 225, (8, 4), _FACE_CENTERED, 4, (((0, 0, 0),), ((1, 1, 1), (3, 3, 3))))
ANTIFLUORITE = Prototype("antifluorite", 225, (4, 8), _FACE_CENTERED, 4, (((1, 1, 1), (3, 3, 3)), ((0, 0, 0),)))
RUTILE = Prototype(
    "rutile", 136, (6, 3), _TETRAGONAL, 1000,
    (((0, 0, 0), (500, 500, 500)), ((305, 305, 0), (695, 695, 0), (195, 805, 500), (805, 195, 500))),
)  # fmt: skip
CRISTOBALITE = Prototype(
    "cristobalite", 227, (4, 2), _FACE_CENTERED, 8,
    (((0, 0, 0), (6, 6, 6)), ((7, 3, 7), (7, 7, 3), (3, 7, 7), (7, 7, 7))),
)  # fmt: skip
CADMIUM_IODIDE = Prototype("cadmium iodide", 164, (6, 3), _HEXAGONAL, 12, (((0, 0, 0),), ((4, 8, 3), (8, 4, 9))))
CADMIUM_CHLORIDE = Prototype(
    "cadmium chloride", 166, (6, 3), _rhombohedral(_PACKED), 4, (((0, 0, 0),), ((1, 1, 1), (3, 3, 3)))
)  # fmt: skip
ORDERED_ROCK_SALT = Prototype(
    "ordered rock salt", 166, (6, 6, 6), _rhombohedral(_PACKED), 4,
    (((0, 0, 0),), ((2, 2, 2),), ((1, 1, 1), (3, 3, 3))),
    misfit=0.15,  # as in mixed crystals
)  # fmt: skip
RHENIUM_TRIOXIDE = Prototype(
    "rhenium trioxide", 221, (6, 2), _CUBIC, 2, (((0, 0, 0),), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
)  # fmt: skip
BISMUTH_TRIIODIDE = Prototype(
    "bismuth triiodide", 148, (6, 2), _rhombohedral(_PACKED / sqrt(3)), 12,
    (((10, 10, 6), (2, 2, 6)), ((11, 7, 3), (7, 3, 3), (3, 11, 3), (9, 1, 9), (1, 5, 9), (5, 9, 9))),
)  # fmt: skip
PEROVSKITE = Prototype(
    "perovskite", 221, (12, 6, 6), _CUBIC, 2, (((1, 1, 1),), ((0, 0, 0),), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
)  # fmt: skip
ELPASOLITE = Prototype(
    "elpasolite", 225, (12, 6, 6, 6), _FACE_CENTERED, 4,
    (
        ((1, 1, 1), (3, 3, 3)),
        ((0, 0, 0),),
        ((2, 2, 2),),
        ((1, 1, 3), (1, 3, 1), (3, 1, 1), (3, 3, 1), (3, 1, 3), (1, 3, 3)),
    ),
)  # fmt: skip

PROTOTYPES = (
    ROCK_SALT, CESIUM_CHLORIDE, ZINC_BLENDE, WURTZITE, NICKEL_ARSENIDE, FLUORITE, ANTIFLUORITE, RUTILE, CRISTOBALITE,
    CADMIUM_IODIDE, CADMIUM_CHLORIDE, ORDERED_ROCK_SALT, RHENIUM_TRIOXIDE, BISMUTH_TRIIODIDE, PEROVSKITE, ELPASOLITE,
)  # fmt: skip
"""All prototypes."""
