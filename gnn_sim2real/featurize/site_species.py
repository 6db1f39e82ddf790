"""What the sites of disordered crystals hold: several elements, or none in some of the cells."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.graph import NUM_ELEMENTS

FULL = 1 - 1e-3 - 1e-9
"""Smallest occupancy of a site that counts as fully occupied: 0.999, however it is rounded."""

MOST = 1.01
"""Largest sum of occupancies at one place that may be rounding, such as three times 0.334."""

ONE_PLACE = 0.05
"""Sites of a disordered crystal closer than this [angstrom] are one, and images of a site that is filled in part:
coordinates of three digits in a large cell. Farther ones are alternatives of each other, which split sites near a
special position are."""

_SHORTEST_BOND = 0.8
"""Two atoms that are there at once are no closer than this share of the sum of their covalent radii: of the bonds of
solids only some between two of carbon, nitrogen and oxygen come near it, and split sites are rarely so far apart."""


@dataclass(frozen=True, eq=False)
class SiteSpecies:
    """The elements of each site with their occupancies, as ragged columns; the rest of a site is a vacancy.

    Args:
        count: (num_sites,); number of elements of each site, at least one.
        atomic_number: (num_species,); elements of all sites, those of a site ascending.
        share: (num_species,); occupancy of each, above 0; those of a site sum to at most 1.
    """

    count: NDArray[np.uint8]
    atomic_number: NDArray[np.uint8]
    share: NDArray[np.float64]

    @classmethod
    def of_sites(cls, sites: Sequence[Mapping[int, float]]) -> "SiteSpecies":
        """Collect what sites hold.

        Args:
            sites: Occupancy by atomic number, of each site.
        """
        pairs = [pair for site in sites for pair in sorted(site.items())]
        return cls(
            np.array([len(site) for site in sites], np.uint8),
            np.array([number for number, _ in pairs], np.uint8),
            np.array([share for _, share in pairs], np.float64),
        )

    @classmethod
    def of_elements(cls, atomic_number: NDArray[np.uint8]) -> "SiteSpecies":
        """Sites that are full of one element each.

        Args:
            atomic_number: (num_sites,).
        """
        return cls(np.ones(len(atomic_number), np.uint8), atomic_number, np.ones(len(atomic_number)))

    @cached_property
    def site(self) -> NDArray[np.int64]:
        """(num_species,); site of each element."""
        return np.repeat(np.arange(len(self.count)), self.count)

    @cached_property
    def occupancy(self) -> NDArray[np.float64]:
        """(num_sites,); by how much each site is filled."""
        return np.bincount(self.site, weights=self.share, minlength=len(self.count)).astype(np.float64)

    @cached_property
    def is_partial(self) -> NDArray[np.bool_]:
        """(num_sites,); whether a site holds several elements, or is not full."""
        return np.asarray((self.count != 1) | (self.occupancy != 1))

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """(num_sites,); where the elements of each site begin."""
        return np.cumsum(self.count, dtype=np.int64) - self.count

    @property
    def main(self) -> NDArray[np.uint8]:
        """(num_sites,); most frequent element of each site, of several the lightest."""
        order = np.lexsort((self.atomic_number, -self.share, self.site))
        return self.atomic_number[order[self.first]]

    @cached_property
    def amounts(self) -> dict[int, float]:
        """Amount of each element by atomic number, without rounding errors of sums."""
        numbers = np.unique(self.atomic_number).tolist()
        return {number: math.fsum(self.share[self.atomic_number == number].tolist()) for number in numbers}

    def take(self, sites: NDArray[np.int64]) -> "SiteSpecies":
        """What some of the sites hold.

        Args:
            sites: (num_wanted,); their numbers.
        """
        count = self.count[sites]
        end = np.cumsum(count, dtype=np.int64)
        where = np.arange(end[-1] if len(end) else 0) + np.repeat(self.first[sites] - end + count, count)
        return SiteSpecies(count, self.atomic_number[where], self.share[where])

    def of_site(self, site: int) -> dict[int, float]:
        """Occupancy by atomic number of a site.

        Args:
            site: Its number.
        """
        some = slice(int(self.first[site]), int(self.first[site]) + int(self.count[site]))
        return dict(zip(self.atomic_number[some].tolist(), self.share[some].tolist(), strict=True))

    def spell(self, site: int) -> str:
        """A site as files of cells have it: `Li0.5Na0.25`, in the digits that give the same number again.

        Args:
            site: Its number.
        """
        held = self.of_site(site)
        if [*held.values()] == [1.0]:
            return symbol_of(next(iter(held)))
        return "".join(f"{symbol_of(number)}{np.format_float_positional(share)}" for number, share in held.items())

    def exclude(
        self, first: NDArray[np.int64], second: NDArray[np.int64], distance: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Whether two sites are alternatives of each other: closer than a bond, and never both needed.

        Sites closer than 0.8 of the sum of their covalent radii (the mean over the elements of a site) whose
        occupancies sum to at most 1.

        Args:
            first: (num_pairs,); sites.
            second: (num_pairs,); sites.
            distance: (num_pairs,) [angstrom].

        References:
            B. Cordero et al., Dalton Trans. 2832 (2008), doi 10.1039/b801115j: the radii.
        """
        radius = np.bincount(self.site, weights=self.share * _radii()[self.atomic_number]) / self.occupancy
        found: NDArray[np.bool_] = distance < 2 * _SHORTEST_BOND * radius.max()
        pairs = found.nonzero()[0]  # a few of many
        first, second = first[pairs], second[pairs]
        near = distance[pairs] < _SHORTEST_BOND * (radius[first] + radius[second])
        found[pairs] = near & (self.occupancy[first] + self.occupancy[second] <= MOST)
        return found


@cache
def _radii() -> NDArray[np.float64]:
    """(NUM_ELEMENTS,); covalent radius of each element [angstrom]; the largest where none is known."""
    from ase.data import covalent_radii, missing

    known = np.array(covalent_radii[:NUM_ELEMENTS], np.float64)
    known = np.concatenate([known, np.full(NUM_ELEMENTS - len(known), missing)])
    return np.where(known == missing, known.max(), known)


def symbol_of(number: int) -> str:
    """Symbol of an element.

    Args:
        number: Its atomic number.
    """
    from pymatgen.core.periodic_table import Element

    return str(Element.from_Z(number).symbol)


def read_species(held: Sequence[tuple[Any, Any]], site: str) -> dict[str, float]:
    """What a site holds, checked; every reader of crystals asks here.

    A single element of 0.999 fills its site, and occupancies that sum to between this and 1.01 are scaled to 1.

    Args:
        held: Symbol of each element on the site, and its occupancy.
        site: What to call the site in messages.

    Returns:
        Occupancy by symbol, all above 0; nothing of a site that is always vacant.

    Raises:
        ValueError: If an occupancy is not a number, is negative or above 1, or they sum to more than 1.01.
    """
    if len(held) == 1 and ((share := held[0][1]) == 1 or (type(share) is float and 0 < share < FULL)):  # of most
        return {str(held[0][0]): float(share)}
    try:
        shares = [float(share) for _, share in held]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{site} has an occupancy that is not a number: {dict(held)}") from error
    if not all(0 <= share <= 2 - FULL for share in shares) or sum(shares) > MOST:  # NaN as well
        listed = ", ".join(f"{symbol} {share:g}" for (symbol, _), share in zip(held, shares, strict=True))
        raise ValueError(
            f"{site} holds {listed}, which is impossible: occupancies are from 0 to 1, and those of a place sum to 1 "
            "at most"
        )
    found: dict[str, float] = {}
    for (symbol, _), share in zip(held, shares, strict=True):
        if share > 0:
            found[str(symbol)] = found.get(str(symbol), 0.0) + share
    total = sum(found.values())
    return {symbol: share / total for symbol, share in found.items()} if total >= FULL else found


def format_species(held: Mapping[str, float]) -> str:
    """What a site holds, for messages: `Na 0.5, K 0.5`.

    Args:
        held: Occupancy by symbol.
    """
    return ", ".join(f"{symbol} {share:g}" for symbol, share in held.items()) or "nothing"
