"""What else a CIF says of its atoms: density, mass, and how many atoms of each element the cell has."""

import re
from typing import Any

from gnn_sim2real.featurize.cif.formula import Formula, counts_of, elements
from gnn_sim2real.featurize.cif.tags import NUMBER, Tags, positive, unquoted
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import split_symbol

_MASS_TOLERANCE = 0.04
"""Share by which density and mass may differ from those of the atoms: hydrogen that is missing is often more."""


_TOLD = frozenset({"_atom_type_number_in_cell", "_exptl_crystal_density_diffrn", "_chemical_formula_weight"})


def compare_mass(block: Any, tags: Tags, crystal: Crystal, formula: Formula | None) -> tuple[str, bool]:
    """Compare atoms and cell with the density, the mass and the numbers of atoms in a file.

    Args:
        block: Block of gemmi.
        tags: Its tags.
        crystal: The crystal.
        formula: The formula, if there is one.

    Returns:
        What contradicts; empty if nothing does. And whether something confirms the number of atoms.
    """
    if tags.all.isdisjoint(_TOLD):
        return "", False
    from gemmi import Element

    counts, numbers = counts_of(crystal), _numbers_in_cell(block)
    if numbers and any(abs(numbers.get(each, 0) - counts.get(each, 0)) > 0.5 for each in {*numbers, *counts}):
        return "its _atom_type_number_in_cell contradicts the atoms of its cell", False
    density, weight = (
        positive(block, f"_{tag}") for tag in ("exptl_crystal_density_diffrn", "chemical_formula_weight")
    )
    if not (density or weight) or _has_isotopes(block, formula):
        return "", bool(numbers)
    mass = sum(Element(number).weight * count for number, count in counts.items())
    own = mass / crystal.volume / 0.602214  # Da/angstrom^3 to g/cm^3
    if density and not any(_is_close(density, own * factor) for factor in (1, 1000)):  # some write it in kg/m^3
        return (
            f"its density contradicts its atoms: {own:.4g} g/cm^3 by atoms and cell, {density:g} by "
            "_exptl_crystal_density_diffrn"
        ), False
    units = positive(block, "_cell_formula_units_Z")
    if weight and not any(_is_close(mass, weight * each) for each in (units or max(1, round(mass / weight)), 1)):
        times = f"{units:g} times" if units else "a multiple of"
        return f"its mass contradicts its atoms: {mass:.5g}, not {times} _chemical_formula_weight {weight:g}", False
    return "", bool(numbers or density or (weight and units))


def _is_close(first: float, second: float) -> bool:
    return abs(first / second - 1) <= _MASS_TOLERANCE


def _numbers_in_cell(block: Any) -> dict[int, float]:
    """Atoms of each element in the cell as the file has them; empty if it has none that can be read."""
    found: dict[int, float] = {}
    columns = (block.find_values(f"_atom_type_{name}") for name in ("symbol", "number_in_cell"))
    for symbol, number in zip(*columns, strict=False):
        element = split_symbol(unquoted(symbol))[0]
        if not element or not (amount := NUMBER.fullmatch(number)):
            return {}
        found[elements()[element]] = found.get(elements()[element], 0.0) + float(amount[1])
    return found


def _has_isotopes(block: Any, formula: Formula | None) -> bool:
    """Whether there is deuterium or another isotope, whose masses are not those of the elements."""
    written = [formula.text if formula else ""]
    for tag in ("_atom_site_type_symbol", "_atom_site_label"):
        written += block.find_values(tag)
    return any(re.search(r"\bD\d*\b|\b\d+[A-Z]", each) for each in written)
