"""Source of the crystal demo: prototypes decorated with ions of Shannon's table, with a simulated lattice energy.

The crystals are enumerated, always the same ones in the same order: every neutral choice of ions that Shannon knows in
the coordination of their site. Their lattice energy is a real but cheap and biased calculation: point charges and a
repulsion that knows of an ion only its number of electrons.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.demo.prototypes import PROTOTYPES, Prototype
from gnn_sim2real.featurize.crystal import Crystal

_ROMAN = {2: "II", 3: "III", 4: "IV", 6: "VI", 8: "VIII", 12: "XII"}
_LAST_CATION = 92
_HIGHEST_CHARGE = {-1: 3, -2: 2}
"""Highest charge of the cations beside an anion of this charge; higher ones are ions in name only."""

_BORN_EXPONENTS = ((2, 5), (10, 7), (28, 9), (46, 10), (92, 12))
"""Most electrons of an ion and its Born exponent: shells of He, Ne, Ar and Cu+, Kr and Ag+, Xe and all beyond."""


class Ion(NamedTuple):
    """An element with its charge."""

    symbol: str
    charge: int


ANIONS = (
    Ion("F", -1), Ion("Cl", -1), Ion("Br", -1), Ion("I", -1), Ion("O", -2), Ion("S", -2), Ion("Se", -2), Ion("Te", -2),
)  # fmt: skip


class SimulatedCrystal(NamedTuple):
    """A crystal and its simulated lattice energy.

    Attributes:
        name: Formula and prototype.
        formula: Reduced formula.
        crystal: Primitive cell.
        lattice_energy: [eV/atom], negative.
    """

    name: str
    formula: str
    crystal: Crystal
    lattice_energy: float


def simulate(prototype: Prototype, ions: Sequence[Ion]) -> SimulatedCrystal:
    """Build a crystal and calculate its lattice energy.

    The lattice constant is that at which cations and anions touch, with the effective ionic radii of Shannon for the
    coordination of each site (high spin); the mean where two cations ask for different ones. The lattice energy is that
    of Born and Lande: the Madelung energy times `1 - 1 / n`, which is what a repulsion that falls with the n-th power
    of the distance leaves of it when the crystal is in equilibrium. Covalency, dispersion, the crystal field of the d
    electrons and the polarization of the anions are not seen; nothing is fitted to measurements.

    References: R. D. Shannon, Acta Cryst. A 32, 751 (1976), doi:10.1107/S0567739476001551; M. Born and A. Lande, Verh.
    Dtsch. Phys. Ges. 20, 210 (1918); L. Pauling, The Nature of the Chemical Bond, 3rd ed., Cornell University Press,
    1960, chapter 13, for the exponents n.

    Args:
        prototype: The structure.
        ions: Its ions in the order of the prototype, the anion last.

    Returns:
        The crystal with its lattice energy.

    Raises:
        ValueError: If the ions are not neutral together, or Shannon has no radius of a cation in its coordination.
    """
    from gnn_sim2real.featurize.composition import formula_of_counts

    if sum(number * ion.charge for number, ion in zip(prototype.formula, ions, strict=True)):
        raise ValueError(f"the ions {', '.join(map(_spell, ions))} in {prototype.name} are not neutral together")
    wanted = _lattice_constants(prototype, ions)
    constant = sum(wanted) / len(wanted)
    numbers = np.array([_atomic_number(ion.symbol) for ion in ions], np.uint8)
    formula = formula_of_counts(dict(zip(numbers.tolist(), prototype.formula, strict=True)))
    charges = tuple(ion.charge for ion in ions)
    madelung = _scaled_madelung_energy(prototype, charges) / constant
    return SimulatedCrystal(
        name=f"{formula} {prototype.name}",
        formula=formula,
        crystal=Crystal(constant * np.array(prototype.lattice), numbers[prototype.role], prototype.fractional),
        lattice_energy=madelung * (1 - 1 / born_exponent(prototype.formula, ions)),
    )


def demo_crystals() -> list[SimulatedCrystal]:
    """Simulate the whole source of the crystal demo.

    Returns:
        Some thousand crystals, each another formula or another prototype, always in the same order.
    """
    unique: dict[str, SimulatedCrystal] = {}
    for prototype in PROTOTYPES:
        for ions in _decorations(prototype):
            wanted = _lattice_constants(prototype, ions)
            if max(wanted) <= (1 + prototype.misfit) * min(wanted):
                # Where two choices of charges make one formula, the first stands: the least charged first cation.
                crystal = simulate(prototype, ions)
                unique.setdefault(crystal.name, crystal)
    return list(unique.values())


def madelung_energy(lattice: NDArray[np.float64], fractional: NDArray[np.float64], charges: NDArray[np.int64]) -> float:
    """Electrostatic energy of point charges [eV/atom], by pymatgen's Ewald sum.

    Args:
        lattice: (3, 3) [angstrom].
        fractional: (num_sites, 3).
        charges: (num_sites,); charge of each site, zero in all.
    """
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core.periodic_table import Species
    from pymatgen.core.structure import Structure

    # The element does not matter to the sum, only the charge does.
    structure = Structure(lattice, [Species("H", charge) for charge in charges.tolist()], fractional)
    ewald: Any = EwaldSummation
    return float(ewald(structure).total_energy) / len(structure)


def born_exponent(formula: Sequence[int], ions: Sequence[Ion]) -> float:
    """Pauling's exponent of the repulsion: half that of the anion, half the mean of the cations'.

    Args:
        formula: Number of each ion.
        ions: The ions, the anion last.
    """
    exponents = [
        next(exponent for most, exponent in _BORN_EXPONENTS if _atomic_number(ion.symbol) - ion.charge <= most)
        for ion in ions
    ]
    return float(np.average(exponents[:-1], weights=formula[:-1]) + exponents[-1]) / 2


@lru_cache(maxsize=1024)
def shannon_radius(ion: Ion, coordination: int) -> float:
    """Effective ionic radius [angstrom], high spin where both are known.

    Shannon has few coordinations of anions, whose radii hardly depend on it: the nearest he has is taken for them, the
    larger of two.

    Args:
        ion: The ion.
        coordination: Number of neighbors.

    Raises:
        ValueError: If the ion is not in the table, a cation not in this coordination.
    """
    from pymatgen.core.periodic_table import Species

    radii = _shannon_table(ion)
    known = [number for number, roman in _ROMAN.items() if roman in radii]
    if not known or (ion.charge > 0 and coordination not in known):
        raise ValueError(f"Shannon's table has no radius of {_spell(ion)} with {coordination} neighbors")
    roman = _ROMAN[min(known, key=lambda number: (abs(number - coordination), -number))]
    spin: Literal["", "Low Spin", "High Spin"] = "High Spin"
    if spin not in radii[roman]:
        spin = "" if "" in radii[roman] else "Low Spin"
    return float(Species(ion.symbol, ion.charge).get_shannon_radius(roman, spin))


def _decorations(prototype: Prototype) -> Iterator[list[Ion]]:
    """All neutral choices of ions, no element twice."""
    *cations, number = prototype.formula
    for anion in ANIONS:
        for charges in product(range(1, _HIGHEST_CHARGE[anion.charge] + 1), repeat=len(cations)):
            if sum(count * charge for count, charge in zip(cations, charges, strict=True)) + number * anion.charge:
                continue
            sites = zip(charges, prototype.coordination[:-1], strict=True)
            for ions in product(*(_cations(*site) for site in sites), [anion]):
                if len({ion.symbol for ion in ions}) == len(ions):
                    yield list(ions)


@lru_cache(maxsize=64)
def _cations(charge: int, coordination: int) -> tuple[Ion, ...]:
    """Metals and metalloids that Shannon knows with this charge and coordination, by atomic number."""
    from pymatgen.core.periodic_table import Element

    elements = [Element.from_Z(number) for number in range(1, _LAST_CATION + 1)]
    ions = [Ion(element.symbol, charge) for element in elements if element.is_metal or element.is_metalloid]
    return tuple(ion for ion in ions if _ROMAN[coordination] in _shannon_table(ion))


def _lattice_constants(prototype: Prototype, ions: Sequence[Ion]) -> list[float]:
    """First lattice constant [angstrom] at which each cation touches the anions."""
    *cations, anion = (shannon_radius(*site) for site in zip(ions, prototype.coordination, strict=True))
    return [(radius + anion) / bond for radius, bond in zip(cations, prototype.bonds, strict=True)]


@lru_cache(maxsize=256)
def _scaled_madelung_energy(prototype: Prototype, charges: tuple[int, ...]) -> float:
    """Madelung energy [eV/atom] at a lattice constant of 1 angstrom; it falls with its inverse."""
    scale = 5.0
    lattice = scale * np.array(prototype.lattice)
    return scale * madelung_energy(lattice, prototype.fractional, np.array(charges)[prototype.role])


@lru_cache(maxsize=512)
def _shannon_table(ion: Ion) -> dict[str, dict[str, dict[str, float]]]:
    """Shannon's radii of an ion by coordination and spin; empty if he has none."""
    from pymatgen.core.periodic_table import Element

    table = Element(ion.symbol).data.get("Shannon radii") or {}
    return dict(table.get(str(ion.charge), {}))


@lru_cache(maxsize=128)
def _atomic_number(symbol: str) -> int:
    from pymatgen.core.periodic_table import Element

    return int(Element(symbol).Z)


def _spell(ion: Ion) -> str:
    return f"{ion.symbol}{abs(ion.charge)}{'+' if ion.charge > 0 else '-'}"
