"""Ordered approximants of a disordered crystal: the arrangements of its atoms of lowest electrostatic energy."""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.site_species import SiteSpecies
from gnn_sim2real.graph import Graph

_IMBALANCE = 0.02
"""Largest charge of a crystal by its oxidation states [e per atom]: occupancies are rounded."""

_CLEAR = 0.26
"""A cell is large enough if the number of atoms of each element on like sites is this close to a whole one."""

_CELLS = ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2))
"""Cells that are tried, the first factor along the shortest edge."""

_STEPS_PER_SITE, _MOST_STEPS = 60, 12_000
_HOTTEST, _COLDEST = 2.0, 0.02
"""Temperatures of the annealing [eV]: from several times a swap between neighbors to far below one."""

_OVERLAP = 50.0
"""Energy [eV] of two alternatives of one place that are both filled: above that of any other swap."""

_ACCURACY = 6.0
"""Digits of the Ewald sums: the differences of energies are above 1e-3 eV."""


class CannotOrderError(ValueError):
    """A disordered crystal without ordered approximants: it is read as an average."""


def order(crystal: Crystal, number: int, max_sites: int) -> list[Crystal]:
    """The ordered approximants of lowest Ewald energy that an annealing finds.

    Like sites (those that hold the same) share whole numbers of atoms, in the smallest of the cells up to 2 x 2 x 2
    that these fit. Charges are the oxidation states of the elements, one each, that balance the composition. The
    energies are pymatgen's Ewald sums; its own transformation, which searches all arrangements of so many sites, takes
    minutes for one crystal. Atoms swap places at a falling temperature, several times from other starts.

    Args:
        crystal: The disordered crystal.
        number: Number of approximants wanted; fewer where fewer are found.
        max_sites: Largest number of sites of a cell, vacant ones included.

    Returns:
        The approximants, that of lowest energy first. An ordered crystal is its own only one.

    Raises:
        CannotOrderError: If the cell is too large, or no oxidation states balance.

    References:
        S. P. Ong et al., Comput. Mater. Sci. 68, 314 (2013), doi 10.1016/j.commatsci.2012.10.028: pymatgen.
    """
    if crystal.species is None:
        return [crystal]
    if crystal.num_sites > max_sites:
        raise CannotOrderError(f"its cell has more than {max_sites} sites: {crystal.num_sites}")
    charges = balance(crystal.species.amounts)
    cell = _enlarge(crystal, max_sites)
    arrangement = _Arrangement(cell, charges)
    found: dict[bytes, tuple[float, NDArray[np.int64]]] = {}
    for seed in range(2 * number):
        energy, element = arrangement.anneal(np.random.default_rng(seed))
        found.setdefault(element.tobytes(), (energy, element))
    best = sorted(found.values(), key=lambda each: each[0])[:number]
    return [_of_elements(cell, element) for _, element in best]


def _of_elements(cell: Crystal, element: NDArray[np.int64]) -> Crystal:
    filled = element > 0
    return Crystal(cell.lattice, element[filled].astype(np.uint8), cell.fractional[filled])


def join_graphs(graphs: Sequence[Graph]) -> Graph:
    """The graphs of several approximants as one, whose mean over atoms is the mean of theirs.

    Args:
        graphs: Graphs of ordered crystals; each becomes a `component`.
    """
    sizes = [graph.num_nodes for graph in graphs]
    starts = np.cumsum([0, *sizes[:-1]])
    return Graph(
        atomic_number=np.concatenate([graph.atomic_number for graph in graphs]),
        edge_index=np.concatenate(
            [graph.edge_index + start for graph, start in zip(graphs, starts, strict=True)], axis=1
        ).astype(np.int32),
        node_weight=np.repeat(1 / np.array(sizes), sizes).astype(np.float32),
        component=np.repeat(np.arange(len(graphs)), sizes).astype(np.uint8),
        edge_vector=np.concatenate([graph.edge_vector for graph in graphs if graph.edge_vector is not None]),
    )


def split_graph(graph: Graph) -> list[Graph]:
    """The graphs of which `join_graphs` made one; of any other graph itself.

    Args:
        graph: The graph of a crystal.
    """
    if graph.edge_vector is None or not graph.component.any():
        return [graph]
    split = []
    for number in range(int(graph.component.max()) + 1):
        nodes = graph.component == number
        edges = nodes[graph.edge_index[1]]
        first = int(nodes.argmax())
        split.append(
            Graph(
                atomic_number=graph.atomic_number[nodes],
                edge_index=graph.edge_index[:, edges] - np.int32(first),
                node_weight=np.ones(int(nodes.sum()), np.float32),
                component=np.zeros(int(nodes.sum()), np.uint8),
                edge_vector=graph.edge_vector[edges],
            )
        )
    return split


def balance(amounts: Mapping[int, float]) -> dict[int, int]:
    """One oxidation state for each element, which together have no charge.

    Of several such sets that in which the more electronegative elements have the more negative states.

    Args:
        amounts: Amount by atomic number.

    Returns:
        Oxidation state by atomic number.

    Raises:
        CannotOrderError: If none balance.
    """
    numbers, total = sorted(amounts), sum(amounts.values())
    best, lowest = None, math.inf
    for states in itertools.product(*(_states(number) for number in numbers)):
        charge = sum(amounts[number] * state for number, state in zip(numbers, states, strict=True))
        if abs(charge) > _IMBALANCE * total:
            continue
        cost = sum(
            amounts[number] * state * _electronegativity(number) for number, state in zip(numbers, states, strict=True)
        )
        if cost < lowest:
            best, lowest = states, cost
    if best is None:
        raise CannotOrderError("no oxidation states of its elements balance")
    return dict(zip(numbers, best, strict=True))


@lru_cache(maxsize=128)
def _states(number: int) -> tuple[int, ...]:
    from pymatgen.core.periodic_table import Element

    element = Element.from_Z(number)
    return tuple(map(int, element.common_oxidation_states or element.oxidation_states or (0,)))


@lru_cache(maxsize=128)
def _electronegativity(number: int) -> float:
    from gnn_sim2real.featurize.composition import ELEMENT_PROPERTIES, element_table

    return float(element_table()[number, ELEMENT_PROPERTIES.index("X")])


def _enlarge(crystal: Crystal, max_sites: int) -> Crystal:
    """The crystal in the smallest cell in which like sites hold nearly whole numbers of atoms."""
    axes = np.argsort(crystal.edges, kind="stable")
    cell = crystal
    for factors in _CELLS:
        times = np.ones(3, np.int64)
        times[axes] = factors
        if crystal.num_sites * times.prod() > max_sites:
            break
        cell = _repeat(crystal, times)
        if cell.species is not None and _is_clear(cell.species):
            break
    return cell


def _repeat(crystal: Crystal, times: NDArray[np.int64]) -> Crystal:
    """A cell several times as large along its edges."""
    held = crystal.species
    shifts = np.indices(times.tolist()).reshape(3, -1).T
    fractional = (crystal.fractional[None] + shifts[:, None]).reshape(-1, 3) / times
    sites = np.tile(np.arange(crystal.num_sites), len(shifts))
    return Crystal(
        crystal.lattice * times[:, None],
        crystal.atomic_number[sites],
        fractional,
        species=None if held is None else held.take(sites),
    )


def _like_sites(species: SiteSpecies) -> dict[tuple[tuple[int, float], ...], list[int]]:
    """The disordered sites by what they hold."""
    found: dict[tuple[tuple[int, float], ...], list[int]] = {}
    for site in np.flatnonzero(species.is_partial).tolist():
        held = tuple((number, round(share, 4)) for number, share in species.of_site(site).items())
        found.setdefault(held, []).append(site)
    return found


def _is_clear(species: SiteSpecies) -> bool:
    counts = [len(sites) * share for held, sites in _like_sites(species).items() for _, share in held]
    return all(abs(count - round(count)) <= _CLEAR for count in counts)


def _whole_numbers(held: tuple[tuple[int, float], ...], num_sites: int) -> dict[int, int]:
    """Number of atoms of each element on like sites, 0 for vacancies: rounded down, the rest to the largest remains."""
    wanted = {number: share * num_sites for number, share in held}
    wanted[0] = max(num_sites - sum(wanted.values()), 0.0)
    counts = {number: int(amount + 1e-6) for number, amount in wanted.items()}
    rest = sorted(wanted, key=lambda number: (counts[number] - wanted[number], number))
    for number in rest[: num_sites - sum(counts.values())]:
        counts[number] += 1
    return counts


class _Arrangement:
    """Elements on the sites of a cell, and their energy.

    Args:
        cell: The disordered crystal.
        charges: Oxidation state by atomic number.

    Raises:
        CannotOrderError: If it is ordered.
    """

    def __init__(self, cell: Crystal, charges: Mapping[int, int]) -> None:
        if cell.species is None:
            raise CannotOrderError("it is ordered")
        self.charge_of = np.zeros(max(charges) + 1)
        self.charge_of[[*charges]] = [*charges.values()]
        self.coulomb = _ewald_matrix(cell)
        self.overlap = _overlaps(cell, cell.species)
        self.fixed = cell.atomic_number.astype(np.int64)
        groups = _like_sites(cell.species)
        self.groups = [np.array(sites) for sites in groups.values()]
        self.counts = [_whole_numbers(held, len(sites)) for held, sites in groups.items()]

    def anneal(self, rng: np.random.Generator) -> tuple[float, NDArray[np.int64]]:
        """Swap atoms of like sites at a falling temperature.

        Args:
            rng: Random numbers.

        Returns:
            Energy of the last arrangement [eV], and the element of each site, 0 for none.
        """
        element = self.fixed.copy()
        for sites, counts in zip(self.groups, self.counts, strict=True):
            atoms = np.repeat([*counts], [*counts.values()])
            element[rng.permutation(sites)] = atoms
        mixed = [
            sites for sites, counts in zip(self.groups, self.counts, strict=True) if max(counts.values()) < len(sites)
        ]
        charge, filled = self.charge_of[element], (element > 0).astype(np.float64)
        potential, crowding = self.coulomb @ charge, self.overlap @ filled
        if mixed:
            all_sites = np.concatenate(mixed)
            group = np.repeat(np.arange(len(mixed)), [len(sites) for sites in mixed])
            steps = min(_STEPS_PER_SITE * len(all_sites), _MOST_STEPS)
            temperatures = np.geomspace(_HOTTEST, _COLDEST, steps).tolist()
            picked = rng.integers(len(all_sites), size=steps)
            shares, thresholds = rng.random(steps), -np.log(rng.random(steps))
            for step, temperature in enumerate(temperatures):
                first = all_sites[picked[step]]
                sites = mixed[group[picked[step]]]
                second = sites[int(shares[step] * len(sites))]
                if element[first] == element[second]:
                    continue
                change = charge[second] - charge[first]
                moved = filled[second] - filled[first]
                # Of x'Ax with x changed by d at the first site and by -d at the second.
                a, b = self.coulomb, self.overlap
                gain = 2 * change * (potential[first] - potential[second])
                gain += change**2 * (a[first, first] + a[second, second] - 2 * a[first, second])
                gain += 2 * moved * (crowding[first] - crowding[second])
                gain -= 2 * moved**2 * b[first, second]
                if gain > temperature * thresholds[step]:
                    continue
                element[first], element[second] = element[second], element[first]
                charge[first] += change
                charge[second] -= change
                potential += change * (a[:, first] - a[:, second])
                if moved:
                    filled[first] += moved
                    filled[second] -= moved
                    crowding += moved * (b[:, first] - b[:, second])
        return float(charge @ self.coulomb @ charge + filled @ self.overlap @ filled), element


def _ewald_matrix(cell: Crystal) -> NDArray[np.float64]:
    """(num_sites, num_sites); energy of two unit charges [eV]; that of a set of charges q is q'Eq."""
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core.structure import Structure

    structure = Structure(cell.lattice, ["H"] * cell.num_sites, cell.fractional)
    structure.add_oxidation_state_by_site([1] * cell.num_sites)
    summation: Any = EwaldSummation(structure, acc_factor=_ACCURACY)  # type: ignore[no-untyped-call]
    return np.array(summation.total_energy_matrix, np.float64)


def _overlaps(cell: Crystal, species: SiteSpecies) -> NDArray[np.float64]:
    """(num_sites, num_sites); energy of two alternatives of each other that are both filled [eV]."""
    from pymatgen.core.lattice import Lattice

    distance = np.array(Lattice(cell.lattice).get_all_distances(cell.fractional, cell.fractional))
    first, second = np.indices(distance.shape).reshape(2, -1)
    found = species.exclude(first, second, distance.ravel()).reshape(distance.shape)
    np.fill_diagonal(found, val=False)
    return _OVERLAP * found.astype(np.float64)
