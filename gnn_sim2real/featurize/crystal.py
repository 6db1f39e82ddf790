"""Crystals, and the periodic graph of one."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.site_species import MOST, SiteSpecies, format_species, symbol_of
from gnn_sim2real.graph import NUM_ELEMENTS, Graph

FEATURIZER_VERSION = 1
"""Version of the numbers: raised by hand whenever the graphs of this module change."""

SHELL_TOLERANCE = 0.0107
"""Neighbors up to this much [angstrom] beyond the k-th still belong to its shell. Far above the rounding of files, far
below the gap between two shells of a solid, and not a round number, because differences of lattice constants often are
one."""

MIN_DISTANCE = 0.5
"""Two sites closer than this [angstrom] are one site written twice: no bond is shorter than that of H2, 0.74."""

_CUTOFF_MARGIN = 1e-5
"""A neighbor exactly at the cutoff, apart from rounding, is left out in every cell."""

_ROUNDING = 1e-9
"""Far above the rounding of a distance [angstrom], which is another one in each direction."""

_FIRST_RADIUS, _GROWTH = 1.2, 1.35
"""First sphere, in units of the one that holds the wanted neighbors on average, and the step to the next; tuned."""

_MAX_SKEW = 50.0
"""Cells whose edges multiply to more than this many times the volume are reduced first: the search in them is slow."""

_MAX_CUBES = 1e7
"""The search for neighbors cuts space into cubes of its radius, of which more take too much memory: a cubic cell of
1,300 angstrom with a few atoms."""

_PERIODIC = np.ones(3, np.int64)

HOW_TO_READ = (
    "set `disorder: average` (each site is the mean of what it holds) or `disorder: order` (ordered approximants), or "
    "add `--disorder average` to a command without a YAML"
)
"""What a user can do about disordered crystals."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """A crystal, ordered or not; its arrays cannot be written to.

    Args:
        lattice: (3, 3), one lattice vector per row [angstrom]; right- or left-handed.
        atomic_number: (num_sites,), 1 to 118; of a disordered site the most frequent element.
        fractional: (num_sites, 3); coordinates in units of the lattice vectors, in any image of the cell.
        note: What to know about how it was read, such as what its file does not say; empty if nothing.
        species: What each site holds; None if all are full of one element.
        partial: The first site that is not, in words, as its file names it; empty if there is none, or not known.

    Raises:
        ValueError: If the cell has no volume, there is no site, or a value is not a finite number.
    """

    lattice: NDArray[np.float64]
    atomic_number: NDArray[np.uint8]
    fractional: NDArray[np.float64]
    note: str = ""
    species: SiteSpecies | None = None
    partial: str = ""

    @classmethod
    def of_sites(
        cls,
        lattice: NDArray[np.float64],
        sites: Sequence[Mapping[int, float]],
        fractional: NDArray[np.float64],
        partial: str = "",
        kinds: NDArray[np.int64] | None = None,
    ) -> "Crystal":
        """A crystal of sites that hold several elements; those that are always vacant are left out.

        Args:
            lattice: (3, 3), one lattice vector per row [angstrom].
            sites: Occupancy by atomic number, of each site, or of each kind of site.
            fractional: (num_sites, 3).
            partial: See `Crystal`.
            kinds: (num_sites,); kind of each site, each its own unless given.

        Raises:
            ValueError: As for any crystal.
        """
        kinds = np.arange(len(sites)) if kinds is None else kinds
        if len(kinds) != len(fractional):
            raise ValueError(f"a crystal needs coordinates for each site, got {len(fractional)} for {len(kinds)} sites")
        is_filled = np.array([bool(site) for site in sites], np.bool_)
        place = np.cumsum(is_filled) - 1
        filled = np.flatnonzero(is_filled[kinds])
        of_kinds, kind = SiteSpecies.of_sites([site for site in sites if site]), place[kinds[filled]]
        ordered = not of_kinds.is_partial[kind].any()
        species = of_kinds.take(kind)
        return cls(
            lattice,
            of_kinds.main[kind],
            fractional[filled],
            species=None if ordered else species,
            partial="" if ordered else partial,
        )

    def __post_init__(self) -> None:
        lattice, number, fractional = self.lattice, self.atomic_number, self.fractional
        if lattice.shape != (3, 3) or fractional.shape != (len(number), 3):
            raise ValueError(
                f"a crystal needs a lattice of shape (3, 3) and three coordinates per site, got {lattice.shape} and "
                f"coordinates of shape {fractional.shape} for {len(number)} sites"
            )
        if not len(number):
            raise ValueError("a crystal needs at least one site, got none")
        if not 1 <= int(number.min()) <= int(number.max()) < NUM_ELEMENTS:
            site = int(np.argmin((number >= 1) & (number < NUM_ELEMENTS)))
            raise ValueError(
                f"atomic numbers must be from 1 to {NUM_ELEMENTS - 1} (0 stands for a symbol that is not an element), "
                f"but site {site + 1} has {number[site]}"
            )
        if not math.isfinite(self.volume + float(fractional.sum())):
            raise ValueError("the lattice or the coordinates of the crystal contain a value that is not finite")
        if not self.volume > 1e-3:
            raise ValueError(f"the cell of the crystal has a volume of only {self.volume:.3g} angstrom^3")
        for name in ("lattice", "atomic_number", "fractional"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @property
    def num_sites(self) -> int:
        """Number of sites in the cell."""
        return len(self.atomic_number)

    @property
    def is_ordered(self) -> bool:
        """Whether each site is full of one element."""
        return self.species is None

    @property
    def amounts(self) -> Mapping[int, int | float]:
        """Number of atoms in the cell by atomic number; fractions in a disordered crystal."""
        if self.species is not None:
            return self.species.amounts
        counts = np.bincount(self.atomic_number).tolist()
        return {number: count for number, count in enumerate(counts) if count}

    @cached_property
    def volume(self) -> float:
        """Volume of the cell [angstrom^3]."""
        a, b, c = self.lattice.tolist()
        product = (
            a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
        )
        return abs(float(product))

    @cached_property
    def edges(self) -> list[float]:
        """Lengths of the lattice vectors [angstrom]."""
        return [math.hypot(*edge) for edge in self.lattice.tolist()]


def require_ordered(crystal: Crystal) -> None:
    """Refuse a disordered crystal.

    Args:
        crystal: The crystal.

    Raises:
        ValueError: If a site of it holds several elements, or is not full.
    """
    if crystal.species is None:
        return
    site = int(np.argmax(crystal.species.is_partial))
    held = {symbol_of(number): share for number, share in crystal.species.of_site(site).items()}
    raise ValueError(
        f"it is disordered: {crystal.partial or f'site {site + 1} holds {format_species(held)}'}; {HOW_TO_READ}"
    )


def require_apart(
    lattice: NDArray[np.float64], fractional: NDArray[np.float64], occupancy: NDArray[np.float64] | None = None
) -> None:
    """Reject sites that are one place written twice; of models of compositions no search for neighbors does.

    Args:
        lattice: (3, 3), one lattice vector per row [angstrom].
        fractional: (num_sites, 3); coordinates in units of the lattice vectors.
        occupancy: (num_sites,); of a disordered crystal: two sites that it fills once between them may be near.

    Raises:
        ValueError: If two sites are closer than `MIN_DISTANCE`, or a cell of many sites is too thin to have room for
            them.
    """
    first, second, distance = close_pairs(lattice, fractional)
    if occupancy is not None:
        both = occupancy[first] + occupancy[second] > MOST
        first, second, distance = first[both], second[both], distance[both]
    if len(distance):
        closest = int(distance.argmin())
        _refuse_near(float(distance[closest]), int(first[closest]), int(second[closest]))


def close_pairs(
    lattice: NDArray[np.float64], fractional: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All pairs of two sites that are closer than `MIN_DISTANCE`.

    Args:
        lattice: (3, 3), one lattice vector per row [angstrom].
        fractional: (num_sites, 3); coordinates in units of the lattice vectors.

    Returns:
        The first sites, the second ones, which come later, and the distances [angstrom], each (num_pairs,).

    Raises:
        ValueError: If a cell of many sites is too thin to have room for them.
    """
    if _reach_of(lattice) >= 0.5:  # in a flat cell the nearest image is not that of the nearest coordinates
        lattice, fractional = _reduced_cell(lattice, fractional)
    if len(fractional) <= _FEW_SITES:
        first, second = _all_pairs(len(fractional))
    else:
        first, second = _near_pairs(lattice, fractional)
    apart = fractional[first] - fractional[second]
    between = (apart - np.rint(apart)) @ lattice
    distance = np.sqrt(np.einsum("ij,ij->i", between, between))
    near = distance < MIN_DISTANCE
    return first[near], second[near], distance[near]


def _reach_of(lattice: NDArray[np.float64]) -> float:
    """Two places closer than `MIN_DISTANCE` differ by less than this in their fractional coordinates."""
    return MIN_DISTANCE / max(float(np.linalg.svd(lattice, compute_uv=False)[-1]), 1e-9)


_FEW_SITES = 40
"""Up to so many sites all pairs are looked at, which is faster than a search."""


@lru_cache(maxsize=_FEW_SITES + 1)
def _all_pairs(num_sites: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = np.triu_indices(num_sites, 1)
    return first, second


def _near_pairs(
    lattice: NDArray[np.float64], fractional: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of sites that may be near."""
    from scipy.spatial import cKDTree

    reach = _reach_of(lattice)
    if reach >= 0.5:
        raise ValueError(
            f"the cell is only {MIN_DISTANCE / reach:.3f} angstrom thin, without room for {len(fractional)} sites: is "
            "it in angstrom?"
        )
    wrapped = fractional - np.floor(fractional)
    wrapped[wrapped >= 1] = 0.0  # of what is below zero by less than a rounding
    pairs = cKDTree(wrapped, boxsize=np.ones(3)).query_pairs(reach, output_type="ndarray")
    return pairs[:, 0], pairs[:, 1]


def _refuse_near(distance: float, *sites: int) -> None:
    first, second = sorted(sites)
    raise ValueError(
        f"two sites of the crystal are {distance:.3f} angstrom apart, less than {MIN_DISTANCE} (numbers {first + 1} "
        f"and {second + 1} of its cell): either one site is written twice, or the cell is not in angstrom"
    )


def crystal_graph(crystal: Crystal, cutoff: float = 6.0, max_neighbors: int | None = 12) -> Graph:
    """Turn a crystal into the graph of its neighbors.

    Every atom is joined to its neighbors in all periodic images closer than the cutoff: to several images of one atom,
    and to its own. With `max_neighbors` k these are the nearest by whole shells: all that lie no farther than the k-th,
    within `SHELL_TOLERANCE`. Taking exactly k would cut through a shell of equal distances (in half of the atoms of
    simple crystals), and which neighbors stay would depend on the cell and on the order of atoms.

    Being among the nearest is not mutual. There is an edge, in both directions, if either end counts the other among
    its nearest: an atom keeps all of its own, and gains a few (8 % on the Materials Project) that count it among
    theirs. As a property of two atoms of the infinite crystal, an edge does not depend on the choice of cell, on
    supercells, on the order of atoms, nor on rotation, translation and handedness. Nearest shells jump when atoms move;
    the pure cutoff (`max_neighbors=None`) does not, if the encoder fades edges out towards it.

    A site of a disordered crystal is one atom, with all that it holds and with its occupancy as weight. Sites that are
    alternatives of each other (see `SiteSpecies.exclude`) are no neighbors.

    Args:
        crystal: The crystal.
        cutoff: Neighbors closer than this count [angstrom].
        max_neighbors: The k above; None for all within the cutoff.

    Returns:
        The graph, its edges sorted by destination. An atom with no neighbor within the cutoff has no edge.

    Raises:
        ValueError: If two sites are closer than `MIN_DISTANCE`, or the cell is far too large for its atoms.

    References:
        T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018), arXiv 1710.10324: the twelve nearest as graph.
        K. Choudhary, B. DeCost, npj Comput. Mater. 7, 185 (2021), arXiv 2106.01829: by whole shells, both directions.
    """
    crystal = _reduced(crystal)
    position = (crystal.fractional - np.floor(crystal.fractional)) @ crystal.lattice
    destination, source, image = _edges(crystal, position, cutoff - _CUTOFF_MARGIN, max_neighbors)
    # `take` picks rows of a small array several times faster than an index in brackets.
    vector = (position.take(destination, 0) - position.take(source, 0)) - image @ crystal.lattice
    graph = Graph(
        atomic_number=crystal.atomic_number,
        edge_index=np.array([source, destination], np.int32),
        node_weight=np.ones(crystal.num_sites, np.float32),
        component=np.zeros(crystal.num_sites, np.uint8),
        edge_vector=vector.astype(np.float32),
    )
    return graph if crystal.species is None else _with_species(graph, crystal.species)


def _with_species(graph: Graph, species: SiteSpecies) -> Graph:
    return replace(
        graph,
        node_weight=species.occupancy.astype(np.float32),
        species_count=species.count,
        species_number=species.atomic_number,
        species_share=species.share.astype(np.float32),
    )


def _reduced(crystal: Crystal) -> Crystal:
    """The crystal, in a more compact cell if its own is very flat. The graph does not depend on the cell."""
    if math.prod(crystal.edges) < _MAX_SKEW * crystal.volume:
        return crystal
    lattice, fractional = _reduced_cell(crystal.lattice, crystal.fractional)
    return Crystal(lattice, crystal.atomic_number, fractional, species=crystal.species)


def _reduced_cell(
    lattice: NDArray[np.float64], fractional: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The most compact cell of a lattice, and the coordinates in it."""
    from pymatgen.core.lattice import Lattice

    compact = np.array(Lattice(lattice).get_lll_reduced_lattice().matrix)
    return compact, fractional @ lattice @ np.linalg.inv(compact)


class _Pairs(NamedTuple):
    center: NDArray[np.int64]
    neighbor: NDArray[np.int64]
    image: NDArray[np.float64]  # (num_pairs, 3), the cell of the neighbor


@cache
def _finder() -> Callable[..., tuple[NDArray[Any], ...]]:
    from pymatgen.optimization.neighbors import find_points_in_spheres

    return find_points_in_spheres


def _edges(crystal: Crystal, position: NDArray[np.float64], cutoff: float, max_neighbors: int | None) -> _Pairs:
    """Pairs of which either site counts the other among its neighbors, in both directions, sorted by the first site.

    The search starts with spheres that should hold the wanted neighbors, and enlarges them around sites where they do
    not.
    """
    num_sites, lattice = crystal.num_sites, np.ascontiguousarray(crystal.lattice)
    radius = cutoff
    if max_neighbors is not None:
        share = 3 / (4 * np.pi) * max_neighbors * crystal.volume / num_sites
        radius = min(cutoff, _FIRST_RADIUS * share ** (1 / 3))
    _check_size(crystal, radius)
    centers = np.arange(num_sites)
    found: list[_Pairs] = []
    while True:
        center, neighbor, image, distance = _finder()(position, position[centers], radius, _PERIODIC, lattice, 1e-8)
        if crystal.species is not None:
            near = crystal.species.exclude(centers.take(center), neighbor, distance).nonzero()[0]
            itself = (centers[center[near]] == neighbor[near]) & ~image[near].any(axis=1)
            if not itself.all():
                together = np.ones(len(center), np.bool_)
                together[near[~itself]] = False
                kept = together.nonzero()[0]
                center, neighbor = center.take(kept), neighbor.take(kept)
                image, distance = image.take(kept, 0), distance.take(kept)
        near = (distance < MIN_DISTANCE).nonzero()[0]
        if len(near) > len(centers):  # each center is near to itself
            pair = near[distance[near].argsort(kind="stable")[len(centers)]]
            _refuse_near(float(distance[pair]), int(centers[center[pair]]), int(neighbor[pair]))
        distance[near] = 1.5 * cutoff  # itself comes after all its neighbors
        reach = _reach(center, distance, len(centers), cutoff, max_neighbors)
        whole = reach <= radius
        if whole.all() and not found:  # of nearly all crystals: each pair was found in both directions
            further = np.maximum(reach.take(center), reach.take(neighbor))
            if not (np.abs(distance - further) < _ROUNDING).any():  # which might part the two
                kept = (distance < further).nonzero()[0]
                return _sorted(_Pairs(center.take(kept), neighbor.take(kept), image.take(kept, 0)), num_sites)
        reach[~whole] = 0.0
        kept = (distance <= reach[center]).nonzero()[0]
        found.append(_Pairs(centers[center[kept]], neighbor[kept], image.take(kept, 0)))
        centers = centers[~whole]
        if not len(centers):
            break
        radius = min(cutoff, _GROWTH * radius)
    return _both_directions(_Pairs(*(np.concatenate(columns) for columns in zip(*found, strict=True))), num_sites)


def _check_size(crystal: Crystal, radius: float) -> None:
    """Refuse cells in which the search for neighbors would need more memory than there is."""
    edges = crystal.edges
    if min(edges) < MIN_DISTANCE:
        raise ValueError(
            f"an edge of the cell, and so two sites of the crystal, are {min(edges):.3f} angstrom apart, less than "
            f"{MIN_DISTANCE}: the cell is perhaps not in angstrom"
        )
    cubes = math.prod(sum(map(abs, along)) / radius + 2 for along in crystal.lattice.T.tolist())
    if cubes > _MAX_CUBES:
        listed = " x ".join(f"{edge:.4g}" for edge in edges)
        raise ValueError(f"its cell of {listed} angstrom is far too large for its atoms: is it in angstrom?")


def _reach(
    center: NDArray[np.int64],
    distance: NDArray[np.float64],
    num_centers: int,
    cutoff: float,
    max_neighbors: int | None,
) -> NDArray[np.float64]:
    """How far the neighbors of each site may be; the site itself comes after them, beyond the cutoff."""
    if max_neighbors is None:
        return np.full(num_centers, cutoff)
    key = center * (2 * cutoff) + distance  # by site, then by distance
    # The bits of non-negative floats have the order of the floats, and numpy sorts integers in half the time.
    key.view(np.int64).sort()
    count = np.bincount(center, minlength=num_centers)
    last = count.cumsum() - count + (max_neighbors - 1)
    reach = key.take(last, mode="clip") - np.arange(num_centers) * (2 * cutoff) + SHELL_TOLERANCE
    reach[count <= max_neighbors] = cutoff
    return np.minimum(reach, cutoff)


def _both_directions(pairs: _Pairs, num_sites: int) -> _Pairs:
    """Each pair in both directions, once, sorted by the first site.

    Pairs are compared by integers, so that the rounding of distances cannot separate the two directions.
    """
    base = 2 * int(np.abs(pairs.image).max(initial=0)) + 1
    num_cells, cell = base**3, _numbers_of_cells(pairs.image, base)
    forth = (pairs.center * num_sites + pairs.neighbor) * num_cells + cell
    back = (pairs.neighbor * num_sites + pairs.center) * num_cells - cell
    key = np.concatenate([forth, back])
    key.sort()
    first = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=first[1:])
    key = key[first] + num_cells // 2
    sites, cell = np.divmod(key, num_cells)
    center, neighbor = np.divmod(sites, num_sites)
    return _Pairs(center, neighbor, _cells(base).take(cell, 0))


def _sorted(pairs: _Pairs, num_sites: int) -> _Pairs:
    """The pairs in the order of `_both_directions`, which they already have by the first site."""
    base = 2 * int(pairs.image.max(initial=0)) + 1  # that of the other direction is the negative one
    key = (pairs.center * num_sites + pairs.neighbor) * base**3 + _numbers_of_cells(pairs.image, base)
    order = key.argsort(kind="stable")  # the fastest of what is sorted in part
    return _Pairs(pairs.center.take(order), pairs.neighbor.take(order), pairs.image.take(order, 0))


def _numbers_of_cells(image: NDArray[np.float64], base: int) -> NDArray[np.int64]:
    """Each cell as one number in a base, 0 for the first and negative for those before it."""
    numbers: NDArray[np.float64] = image @ np.array([base**2, base, 1.0])
    return numbers.astype(np.int64)


@lru_cache
def _cells(base: int) -> NDArray[np.float64]:
    """(base^3, 3); the cells around the first one, by their number."""
    return np.ascontiguousarray(np.indices((base, base, base), np.float64).reshape(3, -1).T) - base // 2
