"""What the package knows of a property by its name: the units that it can have, and the values that are plausible."""

import re
from typing import NamedTuple

import numpy as np

from gnn_sim2real.renamed import PROPERTIES as RENAMED
from gnn_sim2real.renamed import current_property
from gnn_sim2real.units import check_unit, convert, describe_accepted, same_quantity


class Plausible(NamedTuple):
    """Values of a property that no measurement and no simulation has contradicted, with room.

    Attributes:
        unit: Gives the quantity; other units of it are accepted.
        low: Lowest plausible value, included.
        high: Highest plausible value, included.
        typical: A median below it is doubted where the file does not say the unit.
    """

    unit: str
    low: float
    high: float
    typical: float = -np.inf


ABOVE_ZERO = 1e-3
"""Lowest temperature [K] of a measurement on materials: zero itself is a missing value, or a degree Celsius."""
COLD = 150.0
"""Few glasses, melting and boiling points lie below [K]: a column of such numbers without a unit is rather in degrees
Celsius."""

_ENERGY_OF_FORMATION = (Plausible("eV/atom", -100, 100), Plausible("kJ/mol", -100_000, 100_000))
_DIFFUSION = (Plausible("m^2/s", 1e-30, 1e-2),)

PROPERTIES: dict[str, tuple[Plausible, ...]] = {
    "density": (Plausible("g/cm^3", 0.05, 25),),  # aerogels to osmium
    "temperature": (Plausible("K", ABOVE_ZERO, 20_000),),
    "glass_transition": (Plausible("K", 50, 2500, COLD),),
    "melting_point": (Plausible("K", 1, 6000, COLD),),
    "boiling_point": (Plausible("K", 1, 8000, COLD),),
    "critical_temperature": (Plausible("K", 0, 20_000),),  # 0: no superconductor
    "band_gap": (Plausible("eV", 0, 100),),  # far above solid helium, far below the same in meV
    "electron_affinity": (Plausible("eV", -15, 25), Plausible("kJ/mol", -1500, 2500)),
    "ionization_potential": (Plausible("eV", -5, 60), Plausible("kJ/mol", -500, 6000)),
    "formation_energy": _ENERGY_OF_FORMATION,
    "energy_above_hull": (Plausible("eV/atom", -2, 50),),
    "lattice_energy": (Plausible("eV/atom", -200, 200), Plausible("kJ/mol", -200_000, 200_000)),
    "cohesive_energy": (Plausible("eV/atom", -50, 50), Plausible("kJ/mol", -50_000, 50_000)),
    "solvation_free_energy": (Plausible("kcal/mol", -1000, 300),),
    "thermal_conductivity": (Plausible("W/(m K)", 1e-3, 2e4),),
    "thermal_diffusivity": (Plausible("m^2/s", 1e-10, 1e-1),),
    "thermal_expansion": (Plausible("1/K", -0.02, 0.02),),
    "heat_capacity": (Plausible("J/(kg K)", 1, 20_000), Plausible("J/(mol K)", 0.1, 100_000)),
    "modulus": (Plausible("GPa", 1e-9, 2000),),  # gels to diamond
    "tensile_strength": (Plausible("GPa", 1e-7, 300),),
    "hardness": (Plausible("GPa", 1e-6, 300),),
    "compressibility": (Plausible("1/GPa", 1e-4, 1e5),),
    "refractive_index": (Plausible("dimensionless", 1, 10),),
    "dielectric_constant": (Plausible("dimensionless", 1, 1e6),),
    "viscosity": (Plausible("Pa s", 1e-7, 1e20),),
    "surface_tension": (Plausible("N/m", 1e-5, 10),),
    "gas_permeability": (Plausible("barrer", 1e-9, 1e7),),
    "ionic_conductivity": (Plausible("S/cm", 1e-30, 1e3),),
    "electrical_conductivity": (Plausible("S/cm", 1e-30, 1e8),),
    "diffusivity": _DIFFUSION,
    "dipole_moment": (Plausible("debye", 0, 1000),),
    "solubility_parameter": (Plausible("MPa^0.5", 3, 80),),
    "molar_mass": (Plausible("g/mol", 1, 1e10),),
    "radius_of_gyration": (Plausible("angstrom", 0.3, 1e5),),
    "crystallinity": (Plausible("dimensionless", 0, 1), Plausible("wt%", 0, 100), Plausible("vol%", 0, 100)),
    "chi": (Plausible("dimensionless", -50, 100),),
}
"""Units and plausible values of each property, by its name: the one table, shown in `docs/units.md`."""

_KINDS_OF = {
    "Cp": "heat_capacity",
    "Cv": "heat_capacity",
    "formation_enthalpy": "formation_energy",
    "volume_expansion": "thermal_expansion",
    "linear_expansion": "thermal_expansion",
    "isentropic_compressibility": "compressibility",
    "self_diffusion": "diffusivity",
}
"""Properties of their own whose units and plausible values are those of another."""
_ENDINGS = (
    ("glass_transition_temperature", "glass_transition"),
    ("melting_temperature", "melting_point"),
    ("boiling_temperature", "boiling_point"),
    ("critical_temperature", "critical_temperature"),
    ("temperature", "temperature"),
    ("modulus", "modulus"),
)


def names_of(property_name: str) -> list[str]:
    """The other names by which units and plausible values of a property are found.

    Args:
        property_name: One of `PROPERTIES`.
    """
    return [*RENAMED.get(property_name, ()), *(kind for kind, name in _KINDS_OF.items() if name == property_name)]


def spellings_of(name: str) -> list[str]:
    """The names by which a column of a property is looked for, its own first.

    Args:
        name: Of the property, e.g. `Tg`.
    """
    current, plain = current_property(name), re.sub(r"[\s-]+", "_", name.strip().lower())
    return [name, *(other for other in (current, *RENAMED.get(current, ())) if other.lower() != plain)]


def plain_units(name: str) -> tuple[str, ...]:
    """Units that a property is given in, one of each quantity; none if its name is not known.

    Args:
        name: As in `check_property_unit`.
    """
    return tuple(each.unit for each in _find(name))


def check_property_unit(name: str, unit: str) -> None:
    """Refuse a unit that a property with a known name cannot have, such as eV for a density or for an energy per atom.

    Args:
        name: For example `density`, `band_gap`, `bulk_modulus`, `debye_temperature`; other names may have any unit.
        unit: Its unit.

    Raises:
        ValueError: If the unit is unknown, or measures another quantity.
    """
    accepted = _find(name)
    if any(unit == each.unit for each in accepted):  # without pint, which listing cards would wait for
        return
    check_unit(unit)
    if accepted and not any(same_quantity(unit, each.unit) for each in accepted):
        units = "; or ".join(describe_accepted(each.unit) for each in accepted)
        raise ValueError(f'the property "{name}" is not measured in "{unit}": accepted are {units}')


def plausible_values(name: str, unit: str) -> Plausible | None:
    """The plausible values of a property; None if its name is not known.

    Args:
        name: As in `check_property_unit`.
        unit: A unit that the property can have; that of the result.
    """
    for each in _find(name):
        if same_quantity(unit, each.unit):
            bounds = np.array([each.low, each.high, each.typical])
            return Plausible(unit, *convert(bounds, each.unit, unit).tolist())
    return None


def _find(name: str) -> tuple[Plausible, ...]:
    current = current_property(name)
    plain = re.sub(r"[\s-]+", "_", current.strip().lower())
    called = _KINDS_OF.get(current) or _KINDS_OF.get(plain, plain)
    if called not in PROPERTIES:
        called = next((known for end, known in _ENDINGS if plain.endswith(end)), plain)
    return PROPERTIES.get(called, ())
