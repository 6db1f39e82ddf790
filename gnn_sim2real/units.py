"""Physical units: spelled as people write them, checked, and converted.

Three things differ from plain pint. Powers need no caret (`g/cm3`, `W m-1 K-1`). `atom` counts atoms in its own
dimension, so that a total energy (eV) or an energy per mole of formula units (kJ/mol) is never mistaken for an
energy per atom; a mole of atoms is written `mol_atom`. `Angstrom` is accepted beside `angstrom`.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pint import Unit, UnitRegistry

# Quantities of materials science: what an error names. The first unit gives the dimension.
_QUANTITIES = {
    "temperature": ("K", "degC"),
    "density": ("g/cm^3", "kg/m^3"),
    "energy per atom": ("eV/atom", "kJ/mol_atom"),
    "energy per amount of substance": ("kJ/mol", "kcal/mol"),
    "energy": ("eV", "J"),
    "thermal conductivity": ("W/(m K)", "W/(cm K)"),
    "specific heat capacity": ("J/(kg K)", "cal/(g K)"),
    "pressure or elastic modulus": ("GPa", "Pa"),
    "thermal expansion": ("1/K", "ppm/K"),
    "compressibility": ("1/GPa", "1/Pa"),
    "diffusivity": ("m^2/s", "cm^2/s"),
    "length": ("angstrom", "nm"),
    "volume": ("angstrom^3", "nm^3"),
    "volume per atom": ("angstrom^3/atom", "nm^3/atom"),
    "time": ("ps", "s"),
    "ratio": ("dimensionless", "percent"),
}
# What a property of this name is measured in, wherever it comes from: the first unit of each gives the dimension.
_PROPERTIES = {
    "density": ("g/cm^3",),
    "temperature": ("K",),
    "band_gap": ("eV",),
    "formation_energy": ("eV/atom", "kJ/mol"),
    "formation_enthalpy": ("eV/atom", "kJ/mol"),
    "energy_above_hull": ("eV/atom",),
    "lattice_energy": ("eV/atom", "kJ/mol"),
    "cohesive_energy": ("eV/atom", "kJ/mol"),
    "thermal_conductivity": ("W/(m K)",),
    "thermal_diffusivity": ("m^2/s",),
    "thermal_expansion": ("1/K",),
    "heat_capacity": ("J/(kg K)", "J/(mol K)"),
    "modulus": ("GPa",),
    "refractive_index": ("dimensionless",),
    "dielectric_constant": ("dimensionless",),
    "viscosity": ("Pa s",),
    "solvation_free_energy": ("kcal/mol",),
}
_ALSO_CALLED = {
    "tg": "temperature",
    "tm": "temperature",
    "glass_transition": "temperature",
    "melting_point": "temperature",
    "boiling_point": "temperature",
    "gap": "band_gap",
    "cp": "heat_capacity",
    "cv": "heat_capacity",
    "volume_expansion": "thermal_expansion",
    "linear_expansion": "thermal_expansion",
}
_POWER = re.compile(r"(?<=[A-Za-zµÅ])(?:\^|\*\*)?(-?\d+)(?![A-Za-z0-9_.])")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def check_unit(unit: str) -> str:
    """Check that a unit is known.

    Args:
        unit: For example `g/cm3`, `W/(m K)`, `eV/atom`, `degC`; an empty text and `1` mean `dimensionless`.

    Returns:
        The unit as given, without outer spaces; `dimensionless` for a number without dimension.

    Raises:
        ValueError: If the unit is unknown or has a number as factor.
    """
    parsed = _parse(unit)
    return "dimensionless" if unit.strip() in {"", "1"} or str(parsed) == "dimensionless" else unit.strip()


def convert(values: NDArray[np.float64], from_unit: str, to_unit: str) -> NDArray[np.float64]:
    """Convert values between units; temperatures with their offset (0 degC is 273.15 K).

    Args:
        values: Any shape; NaN stays NaN.
        from_unit: Unit of `values`.
        to_unit: Unit of the result.

    Returns:
        New values, same shape; bitwise equal if both units are the same.

    Raises:
        ValueError: If a unit is unknown or the two measure different quantities.
    """
    source, target = _parse(from_unit), _parse(to_unit)
    if source.dimensionality != target.dimensionality:
        raise ValueError(f'"{from_unit}" does not convert to "{to_unit}": accepted are {_accepted(to_unit)}')
    if source == target:
        return np.array(values, dtype=np.float64)
    quantity = _registry().Quantity(np.array(values, dtype=np.float64), source)
    return np.asarray(quantity.to(target).magnitude, dtype=np.float64)


def is_unit(text: str) -> bool:
    """Whether a text is a unit as in `check_unit`.

    Args:
        text: Any text.
    """
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def same_quantity(first: str, second: str, but_for_atoms: bool = False) -> bool:
    """Whether two units measure the same quantity.

    Args:
        first: A unit.
        second: Another unit.
        but_for_atoms: Whether an energy counts as an energy per atom.

    Raises:
        ValueError: If one of them is unknown.
    """
    ratio = _parse(first).dimensionality / _parse(second).dimensionality
    return not ratio or (but_for_atoms and set(ratio) == {"[number_of_atoms]"})


def check_property_unit(name: str, unit: str) -> None:
    """Refuse a unit that a property with a known name cannot have, such as eV for a density or for an energy per atom.

    Args:
        name: For example `density`, `band_gap`, `bulk_modulus`, `debye_temperature`; other names may have any unit.
        unit: Its unit.

    Raises:
        ValueError: If the unit is unknown, or measures another quantity.
    """
    plain = re.sub(r"[\s-]+", "_", name.strip().lower())
    called = _ALSO_CALLED.get(plain) or next((end for end in ("temperature", "modulus") if plain.endswith(end)), plain)
    accepted = _PROPERTIES.get(called)
    check_unit(unit)
    if accepted is not None and not any(same_quantity(unit, each) for each in accepted):
        units = "; or ".join(_accepted(each) for each in accepted)
        raise ValueError(f'the property "{name}" is not measured in "{unit}": accepted are {units}')


def format_unit(unit: str) -> str:
    """Spell a unit for a plot: `g/cm3` becomes `g/cm³`, `degC` becomes `°C`, `dimensionless` nothing.

    Args:
        unit: A unit as in `check_unit`.
    """
    unit = check_unit(unit)
    if unit == "dimensionless":
        return ""
    spelled = _POWER.sub(lambda power: power.group(1).translate(_SUPERSCRIPTS), unit)
    return re.sub(r"\b[Aa]ngstrom", "Å", re.sub(r"\bdegC\b", "°C", spelled))


@lru_cache(maxsize=1)
def _registry() -> "UnitRegistry[Any]":
    import pint

    # Powers are marked as such: pint would read "cm3" as a name and "m-1" as a difference.
    registry: UnitRegistry[Any] = pint.UnitRegistry(preprocessors=[lambda unit: _POWER.sub(r"**\1", unit)])
    registry.define("atom = [number_of_atoms]")
    registry.define("mol_atom = 6.02214076e23 * atom")  # exact since the SI of 2019
    registry.define("@alias angstrom = Angstrom")
    return registry


@lru_cache(maxsize=256)
def _parse(unit: str) -> "Unit":
    try:
        if "//" in unit:  # pint would divide and round off
            raise ValueError(unit)
        return _registry().Unit(unit)
    except Exception as error:  # pint lets many types through: AssertionError, TokenError, TypeError ...
        raise ValueError(
            f'unit "{unit}" is not known: accepted are units without a number in front, such as "g/cm^3", '
            '"W/(m K)", "eV/atom", "degC", "1/K" or "dimensionless"'
        ) from error


def _accepted(unit: str) -> str:
    """Describe the units that convert to `unit`."""
    wanted = _parse(unit).dimensionality
    for quantity, examples in _QUANTITIES.items():
        if _parse(examples[0]).dimensionality == wanted:
            return f"units of {quantity} such as {' or '.join(examples)}"
    return f'units that measure the same as "{unit}"'
