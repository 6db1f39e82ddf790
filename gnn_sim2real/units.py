"""Physical units: spelled as people write them, checked, and converted.

Five things differ from plain pint. Powers need no caret (`g/cm3`, `W m-1 K-1`). `atom` counts atoms in its own
dimension, so that a total energy (eV) or an energy per mole of formula units (kJ/mol) is never mistaken for an
energy per atom; a mole of atoms is written `mol_atom`. Shares by weight, amount, volume and number of atoms (`wt%`,
`mol%`, `vol%`, `at%`) are four dimensions as well. `C` and `F` alone are degrees, as in a heading `Tg (C)`. A power of
ten may stand in front (`10^-6/K`).
"""

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pint import Unit, UnitRegistry

QUANTITIES = {
    "temperature": ("K", "degC", "degF"),
    "density": ("g/cm^3", "kg/m^3", "g/L", "lb/ft^3"),
    "energy per atom": ("eV/atom", "kJ/mol_atom", "meV/atom", "kcal/mol_atom", "Ry/atom", "Hartree/atom"),
    "energy per amount of substance": ("kJ/mol", "kcal/mol", "J/mol", "cal/mol"),
    "energy": ("eV", "J", "meV", "Ry", "Hartree"),
    "thermal conductivity": ("W/(m K)", "W/(cm K)", "mW/(m K)", "cal/(s cm K)"),
    "specific heat capacity": ("J/(kg K)", "cal/(g K)", "J/(g K)", "kJ/(kg K)"),
    "molar heat capacity": ("J/(mol K)", "cal/(mol K)", "kJ/(mol K)"),
    "pressure or elastic modulus": ("GPa", "MPa", "Pa", "kPa", "bar", "atm", "psi", "torr", "dyn/cm^2", "N/mm^2"),
    "thermal expansion": ("1/K", "ppm/K", "10^-6/K", "10^-4/K", "percent/K"),
    "compressibility": ("1/GPa", "1/Pa", "1/MPa", "1/bar"),
    "diffusivity or kinematic viscosity": ("m^2/s", "cm^2/s", "mm^2/s", "cSt"),
    "viscosity": ("Pa s", "mPa s", "cP", "P"),
    "surface tension": ("mN/m", "N/m", "dyn/cm", "erg/cm^2", "J/m^2", "mJ/m^2"),
    "gas permeability": ("barrer", "cm3(STP) cm/(cm^2 s cmHg)", "mol m/(m^2 s Pa)"),
    "gas permeance": ("GPU", "cm3(STP)/(cm^2 s cmHg)", "mol/(m^2 s Pa)"),
    "length": ("angstrom", "nm", "bohr", "um", "mm", "cm", "m"),
    "area or rock permeability": ("angstrom^2", "nm^2", "cm^2", "m^2", "darcy"),
    "volume": ("angstrom^3", "nm^3", "bohr^3", "cm^3", "mL", "L", "m^3"),
    "volume per atom": ("angstrom^3/atom", "nm^3/atom", "bohr^3/atom"),
    "molar volume": ("cm^3/mol", "m^3/mol", "L/mol"),
    "specific volume": ("cm^3/g", "m^3/kg", "mL/g"),
    "mass": ("g", "kg", "mg", "Da"),
    "molar mass": ("g/mol", "kg/mol"),
    "concentration": ("mol/L", "mmol/L", "mol/m^3"),
    "solubility parameter": ("MPa^0.5", "(cal/cm^3)^0.5", "(J/cm^3)^0.5"),
    "electrical or ionic conductivity": ("S/cm", "S/m", "mS/cm", "uS/cm"),
    "electrical resistivity": ("ohm m", "ohm cm"),
    "dipole moment": ("debye", "C m"),
    "electric field": ("V/m", "kV/mm", "MV/m", "V/cm"),
    "mobility of charges": ("cm^2/(V s)", "m^2/(V s)"),
    "Seebeck coefficient": ("uV/K", "V/K"),
    "specific charge": ("mAh/g", "C/g"),
    "force": ("eV/angstrom", "N", "mN", "nN", "Hartree/bohr"),
    "toughness": ("MPa m^0.5", "Pa m^0.5"),
    "time": ("ps", "s", "fs", "ns", "h"),
    "frequency": ("Hz", "1/s", "kHz", "MHz", "GHz", "THz"),
    "wavenumber": ("1/cm", "1/m"),
    "share by weight": ("wt%", "mass_fraction", "ppmw"),
    "share by amount of substance": ("mol%", "mole_fraction"),
    "share by volume": ("vol%", "volume_fraction"),
    "share by number of atoms": ("at%", "atomic_fraction"),
    "ratio": ("dimensionless", "percent", "ppm", "ppb"),
}
"""Quantities of materials science with the units that people use for them: what an error names (the first two), what is
tried where values look wrong, and the table of `docs/units.md`. The first unit gives the dimension."""

_DEFINITIONS = (
    "atom = [number_of_atoms]",
    "mol_atom = 6.02214076e23 * atom",  # exact since the SI of 2019
    "mass_fraction = [mass_fraction]",
    "mole_fraction = [mole_fraction]",
    "volume_fraction = [volume_fraction]",
    "atomic_fraction = [atomic_fraction]",
    "weight_percent = 0.01 * mass_fraction",
    "mole_percent = 0.01 * mole_fraction",
    "volume_percent = 0.01 * volume_fraction",
    "atomic_percent = 0.01 * atomic_fraction",
    "ppmw = 1e-6 * mass_fraction = _ = wppm",
    "ppb = 1e-9",
    "cc_stp = 101325 / (8.31446261815324 * 273.15) * 1e-6 * mole",  # an ideal gas at 0 degC and 1 atm
    "barrer = 1e-10 * cc_stp * cm / (cm ** 2 * s * cmHg) = _ = Barrer",
    "gas_permeation_unit = 1e-6 * cc_stp / (cm ** 2 * s * cmHg) = GPU",
    "@alias angstrom = Angstrom",
    "@alias hartree = Hartree = Ha",
    "@alias bohr = Bohr",
)
_POWERS_OF_TEN = range(-30, 31)

_POWER = re.compile(r"(?<=[A-Za-zµμÅ])(?:\^|\*\*)?(-?\d+)(?![A-Za-z0-9_.])")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Spellings, applied one after the other to a text in which all letters are plain (NFKC).
_LETTERS = str.maketrans(
    {"−": "-", "–": "-", "·": "*", "⋅": "*", "∙": "*", "•": "*", "×": "x", "$": "", "{": "", "}": ""}
)
_LATEX = {r"\circ": "°", r"\cdot": "*", r"\mu": "μ", r"\,": " ", r"\mathrm": "", r"\%": "%"}
_SIUNITX = re.compile(r"\\(?:si|unit)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_SI_WORDS = re.compile(r"\\([A-Za-z]+)(?:\{([^{}]*)\})?|(\S)")
_SI_POWERS = {"square": "2", "cubic": "3", "squared": "2", "cubed": "3"}
_SI_PREFIXES = {
    **{"tera": "T", "giga": "G", "mega": "M", "kilo": "k", "hecto": "h", "deci": "d", "centi": "c", "milli": "m"},
    **{"micro": "u", "nano": "n", "pico": "p", "femto": "f"},
}
_SI_UNITS = {
    **{
        "metre": "m",
        "meter": "m",
        "gram": "g",
        "second": "s",
        "kelvin": "K",
        "mole": "mol",
        "litre": "L",
        "liter": "L",
    },
    **{
        "celsius": "°C",
        "degreeCelsius": "°C",
        "percent": "%",
        "pascal": "Pa",
        "joule": "J",
        "watt": "W",
        "newton": "N",
    },
    **{"volt": "V", "siemens": "S", "hertz": "Hz", "electronvolt": "eV", "dalton": "Da", "kilogram": "kg"},
}
"""Words of the LaTeX package siunitx; it also has names for whole symbols, such as `\\MPa`, which stay as they are."""
_WORDS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\^?°\s*", "°"),
        (r"(?i)\bper[ -]?cent\b|\bpct\b", "percent"),
        (
            r"(?i)(?<![a-z])(?:wt|weight|mass|w/w|w|m/m)[. _-]*(?:%|percent)|%\s*\(?(?:w/w|m/m|wt\b\.?)\)?",
            "weight_percent",
        ),
        (r"(?i)(?<![a-z])(?:mole?|molar)[. _-]*(?:%|percent)|%\s*\(?mole?\b\)?", "mole_percent"),
        (r"(?i)(?<![a-z])(?:vol|volume|v/v)[. _-]*(?:%|percent)|%\s*\(?(?:v/v|vol\b\.?)\)?", "volume_percent"),
        (r"(?i)(?<![a-z])(?:at|atom|atomic)[. _-]*(?:%|percent)", "atomic_percent"),
        (r"cm\s*\^?3\s*\(?STP\)?", "cc_stp"),
        (r"(?<=[A-Za-z)])\^?\(?1[/⁄]2\)?", "^0.5"),
        (r"\bKJ\b", "kJ"),
        (r"\bKcal\b", "kcal"),
        (r"\bK[Pp]a\b", "kPa"),
        (r"\b([MG])pa\b", r"\1Pa"),
        (r"\bKg\b", "kg"),
        (r"\bgms?\b(?!/s)", "g"),
        (r"(?<![A-Za-z])([kmμ]?)grs?(?![A-Za-z])", r"\1g"),  # no grains
        # Glued by a paper that lost its thin spaces, or divided by all that follows, as people mean it.
        (r"^([mμkMG]?Pa)-?s$", r"\1 s"),
        (
            r"^([kmc]?g|[mk]?W|k?J|k?cal|m?N|m?S|[cdm]?m\^?[23])\s*((?:[cdm]?m|k?g|mol|s|V)\^?-\d)\s*((?:K|s)\^?-1)?$",
            r"\1 \2 \3",
        ),
        (r"^([mkM]?W|[mk]?J|k?cal)\s*/\s*(m|cm|mm|kg|g|mol)[\s*.-]?(K|°C|degC)$", r"\1/(\2 \3)"),
    )
)
_DEGREE = re.compile(
    r"(?<![A-Za-z_])(?:(?:°|\^?o|deg(?:ree)?s?\.?)[\s_]*([CFK])(?![A-Za-z])"
    r"|(?:(?:°|deg(?:ree)?s?\.?)\s*)?(?i:(c)elsius|(c)entigrade|(f)ahrenheit|(k)elvins?)(?![A-Za-z]))"
)
_DEGREES = {"C": "degC", "F": "degF", "K": "K"}
_STEPS = {"C": "K", "F": "delta_degF", "K": "K"}
# In "ppm/C" and "J/(g C)" a C is a step of a degree; in "C/m2" and "cm3/C" it is a coulomb.
_HEAT = re.compile(r"(?:1|ppm|ppb|percent|%|x?10\D|[mkM]?(?:W|J|cal))(?![A-Za-z])")
_STEP = re.compile(r"(?<=[/ *(])C(?=$|[\s)*/]|\^?-1)")
_FACTOR = re.compile(
    r"(?:[x*]\s*)?(?:10(?:(?:\^|\*\*)\s*\(?\s*([+-]?\d{1,2})\s*\)?|([+-]\d{1,2}))|1[eE]([+-]?\d{1,2}))"
    r"(?=[\s*x/]|$)[\s*x]*"
)
_MOST_LETTERS = 100
"""A longer text is not a unit. pint computes with the numbers of a text from anywhere, and some have no end."""
_RAISED = re.compile(r"(?:\^|\*\*)\s*\(?\s*[+-]?\d{1,2}(?:\.\d{1,6})?(?:/\d)?\s*\)?(?!\s*(?:\^|\*\*))")
_NAME = re.compile(r"[^\W\d]\w*")
_AMBIGUOUS = tuple(
    (re.compile(rf"(?i)(?<![A-Za-z_])(?:{pattern})(?![A-Za-z_])"), why)
    for pattern, why in (
        (r"^a\.?u\.?$", "of what? Write Hartree or bohr"),
        (r"[kMG]?tons?", "short, long or metric? Write t or kg"),
        (r"gal|gallons?|pints?|pt|quarts?|qt|cups?|fl[. ]*oz", "of which country? Write L or mL"),
        (r"ppt", "parts per thousand or per trillion? Write 10^-3 or 10^-12"),
        (r"phr", "parts per hundred of what? Write percent or wt%"),
    )
)
"""What pint takes for one unit and people write for several."""


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
        raise ValueError(f'"{from_unit}" does not convert to "{to_unit}": accepted are {describe_accepted(to_unit)}')
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


def quantity_of(unit: str) -> str | None:
    """What a unit measures, as in `QUANTITIES`; None if that is not one of these quantities.

    Args:
        unit: A unit.

    Raises:
        ValueError: If it is unknown.
    """
    wanted = _parse(unit).dimensionality
    return next((name for name, units in QUANTITIES.items() if _parse(units[0]).dimensionality == wanted), None)


def describe_accepted(unit: str) -> str:
    """Say which units convert to one, e.g. "units of density such as g/cm^3 or kg/m^3".

    Args:
        unit: A unit.

    Raises:
        ValueError: If it is unknown.
    """
    if (quantity := quantity_of(unit)) is None:
        return f'units that measure the same as "{unit}"'
    return f"units of {quantity} such as {' or '.join(QUANTITIES[quantity][:2])}"


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


def replace_siunitx(text: str) -> str:
    r"""Spell the units in a text that LaTeX sets by siunitx: `\si{\gram\per\cubic\centi\metre}` becomes `g cm^-3`.

    Args:
        text: A unit, or a heading with one.
    """
    return _SIUNITX.sub(lambda found: _spell_siunitx(found[1]), text)


def _spell_siunitx(words: str) -> str:
    """Symbols and powers of siunitx's words; symbols and what else it cannot read stay as they are."""
    factors: list[list[str]] = []
    sign, power, prefix = "", "", ""
    for word, argument, other in _SI_WORDS.findall(words):
        if other:
            return words
        if word == "per":
            sign = "-"
        elif word in ("square", "cubic", "raiseto"):
            power = _SI_POWERS.get(word, argument)
        elif word in ("squared", "cubed", "tothe") and factors:
            factors[-1][1] += _SI_POWERS.get(word, argument)
        elif word in _SI_PREFIXES:
            prefix = _SI_PREFIXES[word]
        else:
            factors.append([prefix + _SI_UNITS.get(word, word), sign + power])
            sign, power, prefix = "", "", ""
    if sign or power or prefix:  # of nothing
        return words
    return " ".join(f"{symbol}^{power}{'1' * (power == '-')}" if power else symbol for symbol, power in factors)


@lru_cache(maxsize=1)
def _registry() -> "UnitRegistry[Any]":
    import pint

    # Powers are marked as such: pint would read "cm3" as a name and "m-1" as a difference.
    registry: UnitRegistry[Any] = pint.UnitRegistry(preprocessors=[lambda unit: _POWER.sub(r"**\1", unit)])
    for definition in _DEFINITIONS:
        registry.define(definition)
    if "darcy" not in registry:
        registry.define("darcy = 9.869233e-13 * m ** 2")
    for power in _POWERS_OF_TEN:
        registry.define(f"{_power_of_ten(power)} = 1e{power}")
    return registry


def _power_of_ten(power: int) -> str:
    """Name of a factor: pint has no units with a number in front."""
    return f"ten_to_{'minus' if power < 0 else 'plus'}_{'x' * abs(power)}_"


@lru_cache(maxsize=1024)
def _parse(unit: str) -> "Unit":
    known = 'accepted are units such as "g/cm^3", "W/(m K)", "eV/atom", "degC", "10^-6/K" or "dimensionless"'
    if why := next((why for pattern, why in _AMBIGUOUS if pattern.search(unit.strip()[:_MOST_LETTERS])), None):
        raise ValueError(f'unit "{unit[:_MOST_LETTERS]}" is not known ({why}): {known}')
    try:
        if "//" in unit or "," in unit or len(unit) > _MOST_LETTERS:  # pint would round off, and leave the comma out
            raise ValueError(unit)
        plain = _plain(unit)
        _require_small(plain)
        return _registry().Unit(plain)
    except Exception as error:  # pint lets many types through: AssertionError, TokenError, TypeError ...
        told = unit if len(unit) <= _MOST_LETTERS else f"{unit[:_MOST_LETTERS]}..."
        raise ValueError(f'unit "{told}" is not known: {known}; docs/units.md lists more') from error


def _require_small(plain: str) -> None:
    """Refuse powers of numbers and powers of powers, which pint would compute, before it reads them."""
    rest = _RAISED.sub("", plain)
    numbers = re.findall(r"\d[\d.]*", _NAME.sub("", _POWER.sub("", rest)))
    if "^" in rest or "**" in rest or re.search(r"(?<![.\d])\d{3}", plain) or any(float(each) != 1 for each in numbers):
        raise ValueError(plain)


def _plain(unit: str) -> str:
    """A unit as pint reads it, but for powers."""
    text = replace_siunitx(unit).replace("˚", "°")  # the ring would become a space
    text = unicodedata.normalize("NFKC", text).translate(_LETTERS)
    for command, letter in _LATEX.items():
        text = text.replace(command, letter)
    text = " ".join(text.split())
    for pattern, replacement in _WORDS:
        text = pattern.sub(replacement, text).strip()
    if found := _DEGREE.fullmatch(text):
        return _DEGREES[_letter(found)]
    text = _DEGREE.sub(lambda each: _STEPS[_letter(each)], text)
    text = {"-": "", "C": "degC", "F": "degF"}.get(text, text)
    if _HEAT.match(text):
        text = _STEP.sub("K", text)
    text = re.sub(r"(?<=[A-Za-z0-9)])\.(?=[A-Za-z(])", "*", text)
    if factor := _FACTOR.match(text):
        power = int(next(each for each in factor.groups() if each))
        rest = text[factor.end() :]
        text = _power_of_ten(power) + ("" if not rest else rest if rest.startswith("/") else f" * {rest}")
    return text


def _letter(degree: re.Match[str]) -> str:
    return next(each for each in degree.groups() if each).upper()
