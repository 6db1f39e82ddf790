"""Crystals from CIF: symmetry is applied, and the atoms are compared with what else the file says of them.

A CIF often names its atoms twice: by sites and symmetry, and by formula and number of formula units. Hydrogen without
coordinates, alternatives of a disordered group, symmetry that is missing or of another cell: all of them leave a
crystal that can be read and is another one. So what does not agree is refused, and what is ambiguous is taken only as
the formula has it.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import filling_element, is_occupancy_name, refuse_angstrom, split_symbol

_METRIC_TOLERANCE = 0.02
"""How far an operation may change the products of the lattice vectors, relative to their lengths: 1 % of a length, or
a degree. A cell of another symmetry is far off, a rounded one far within."""

_SPECIAL_POSITION = 0.4
"""Images of a site closer than this [angstrom] are one atom on a special position, as gemmi has it."""

_FORMULA_TOLERANCE = 0.002
"""Share of the atoms that a formula may differ by: so much is lost where 0.999 of a site counts as all of it."""

_SUFFIXES = {" S": "1", " Z": "2", " H": "H", " R": "R"}
"""How the ICSD marks origins and axes after the name of a space group."""

_ONE = frozenset({"1", "1.0", "1.00", "1.000", "1.0000", ".", "?"})
"""How files write that a site is full."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\))?")
"""A number, and its uncertainty in parentheses."""

_VOLUME_TOLERANCE = 0.05
"""Share by which the volume that a file gives may differ from that of its cell."""

_MASS_TOLERANCE = 0.04
"""Share by which density and mass may differ from those of the atoms: hydrogen that is missing is often more."""

_CELL = tuple(
    f"_cell_{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
)
_FORMULAS = tuple(f"_chemical_formula_{kind}" for kind in ("sum", "moiety", "structural", "iupac"))
_MODULATED = ("_cell_modulation_dimension", "_cell_wave_vector", "_space_group_ssg", "_space_group_symop_ssg")
_MAGNETIC = ("_space_group_symop_magn", "_space_group_magn", "_parent_space_group")
"""How tags of other than ordinary symmetry begin, without their dots."""

_UNUSUAL = ("modulation", "wave_vector", "ssg", "magn", "parent_space_group", "coordinate_system_code")
"""Parts of the tags of symmetry that gemmi does not read, beside ordinary ones."""

_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_UNREAD = (
    "_space_group_name_schoenflies",
    "_symmetry_space_group_name_schoenflies",
    "_space_group_crystal_system",
    "_symmetry_cell_setting",
)
"""Tags that tell of symmetry, but not which it is."""


class _Symmetry(NamedTuple):
    """Operations on fractional coordinates.

    Attributes:
        group: The space group of gemmi's table; None for one that the table lacks.
        rotations: (num, 3, 3); whole numbers.
        translations: (num, 3).
        distinct: Rotations that may change a cell: each once, without the identity, and up to inversion.
    """

    group: Any
    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]
    distinct: NDArray[np.float64]


class _Told(NamedTuple):
    """What a CIF says of its symmetry, by the tags of any dictionary of CIF.

    Attributes:
        name: Hermann-Mauguin symbol; empty if there is none.
        hall: Hall symbol; empty if there is none.
        number: That of the International Tables; 0 if there is none.
        operations: All of them.
        code: Of the origin or axes.
        other: A tag of symmetry that cannot be read, of a magnetic group if `magnetic`; empty if there is none.
        magnetic: Whether it is that of a magnetic group.
    """

    name: str
    hall: str
    number: int
    operations: tuple[str, ...]
    code: str
    other: str
    magnetic: bool

    @property
    def bare(self) -> bool:
        """Whether the file says nothing that can be read."""
        return not (self.name or self.hall or self.number or self.operations)

    @property
    def group(self) -> str:
        """What to call the space group in messages."""
        return repr(self.name or self.hall or self.number)


class _Formula(NamedTuple):
    """What a CIF says about its atoms.

    Attributes:
        text: The formula as written.
        amounts: Atoms of each element in it, by atomic number.
        units: Formula units in the cell; None if they are not given.
    """

    text: str
    amounts: Mapping[int, float]
    units: float | None

    def agrees(self, counts: Mapping[int, int], bare: bool) -> bool:
        """Whether the atoms of the cell are those of the formula.

        Args:
            counts: Atoms in the cell, by atomic number.
            bare: Whether the file says nothing of symmetry; pymatgen, which gives the formula of the whole cell
                besides the number of units, always does.
        """
        total = sum(counts.values())
        if self.units is None:
            return self._is(counts, total / sum(self.amounts.values()))
        whole = math.gcd(*counts.values()) % max(self.units, 1) == 0 and not bare
        return (whole and self._is(counts, 1.0)) or self._is(counts, self.units)

    def _is(self, counts: Mapping[int, int], factor: float) -> bool:
        if factor == 1 and counts == self.amounts:
            return True
        allowed = min(_FORMULA_TOLERANCE * sum(counts.values()), 0.3)
        return all(
            abs(counts.get(number, 0) - factor * self.amounts.get(number, 0.0)) <= allowed
            for number in {*self.amounts, *counts}
        )


def from_block(block: Any, usual: bool = False) -> Crystal:
    """Read a block of a CIF by gemmi; the symmetry operations are applied.

    Args:
        block: Block of gemmi.
        usual: Whether it is known to have no tags of `_UNUSUAL`, see `is_usual`.

    Raises:
        ValueError: If it is disordered, its cell, its space group or an element is not known, its symmetry is none or
            does not fit the cell, or its atoms are not those of its formula.
    """
    import gemmi

    try:
        small = gemmi.make_small_structure_from_block(block)
    except (RuntimeError, ValueError) as error:  # e.g. an angle of 0 degrees
        raise ValueError(f"its unit cell is impossible ({' '.join(str(error).split())})") from error
    if not small.cell.is_crystal():
        raise ValueError("it has no unit cell (_cell_length_a and so on)")
    parameters = small.cell.parameters
    if not all(map(math.isfinite, parameters)):
        unknown = [tag for tag, value in zip(_CELL, parameters, strict=True) if not math.isfinite(value)]
        raise ValueError(f"its unit cell is not known: {', '.join(unknown)} is no number")
    if min(parameters) <= 0 or max(parameters[3:]) >= 180:  # the cosine of -90 degrees is that of 90
        raise ValueError(f"its unit cell is impossible ({_cell(small)}): angles are above 0 and below 180 degrees")
    volume = _NUMBER.fullmatch(_text(block, "_cell_volume"))
    if volume and float(volume[1]) > 0 and abs(float(volume[1]) / small.cell.volume - 1) > _VOLUME_TOLERANCE:
        raise ValueError(
            f"its cell of {_cell(small)} has a volume of {small.cell.volume:.4g} angstrom^3, but its _cell_volume is "
            f"{volume[0]}: one of them is wrong"
        )
    refuse_angstrom(np.array([site.fract.tolist() for site in small.sites]).reshape(-1, 3), parameters[:3])
    formula = _read_formula(block)
    complete = small.spacegroup_hm and small.spacegroup_number and small.symops
    told = _read_told(small, () if usual and complete else block)
    _refuse_other_symmetry(told, formula)
    _check_sites(small, block, formula)
    listed = told.operations or told.bare
    symmetries = _listed_symmetry(small, told, formula) if listed else _named_symmetries(small, told)
    if formula is None or formula.units is None:
        _refuse_contradiction(told, symmetries)
    found = [_expand(small, symmetry, formula) for symmetry in symmetries]
    agreeing = found if formula is None else [each for each in found if formula.agrees(_counts(each), told.bare)]
    if len(agreeing) > 1:
        raise ValueError(
            f"its space group {told.group} has two origins and the file does not say which (as :1 or :2): list its "
            "symmetry operations"
        )
    if formula is not None and not agreeing:
        raise ValueError(_difference(_counts(found[0]), formula))
    if formula is None or formula.units is None:
        _check_multiplicity(block, agreeing[0].num_sites, len(symmetries[0].rotations))
    note = _note_of(block, agreeing[0], told, formula)
    return replace(agreeing[0], note=note) if note else agreeing[0]


def _read_formula(block: Any) -> _Formula | None:
    """The first formula that can be read, if there is one."""
    units = _positive(block, "_cell_formula_units_Z")
    for tag in _FORMULAS:
        text = _text(block, tag)
        if text and (amounts := _amounts(text) or _amounts(_without_parentheses(text))):
            return _Formula(text, amounts, units or None)
    return None


def _without_parentheses(formula: str) -> str:
    """A formula such as `Ca (O H)2` or `Ca S O4 . 2(H2 O)` without parentheses and dots; empty if it is none."""
    from gemmi import Element

    text = formula.translate(str.maketrans("[]{}", "()()"))
    parts = re.split(r"\s*[\u00b7\u2022*]\s*|\s+\.\s+|,\s+", text)
    told = [re.fullmatch(r"(\d+\.?\d*|\.\d+)?\s*(.*)", part.strip(), re.DOTALL) for part in parts]
    text = " ".join(f"({part[2]}){part[1] or 1}" for part in told if part)
    while found := re.search(r"\(([^()]*)\)\s*(\d+\.?\d*|\.\d+)?", text):
        amounts, times = _amounts(found[1]), float(found[2] or 1)
        if not amounts:
            return ""
        inner = " ".join(f"{Element(number).name}{amount * times:f}" for number, amount in amounts.items())
        text = f"{text[: found.start()]} {inner} {text[found.end() :]}"
    return text


def is_usual(text: str) -> bool:
    """Whether a CIF is free of tags of modulated or magnetic symmetry, and of codes of an origin.

    Args:
        text: All of it.
    """
    text = text.lower()
    return not any(part in text for part in _UNUSUAL)


def _read_told(small: Any, block: Any) -> _Told:
    """What a block says of its symmetry, beside what gemmi has read of it; of an empty block, this alone."""
    values: dict[str, list[str]] = {}
    for item in block:
        tags = [item.pair[0]] if item.pair else item.loop.tags if item.loop else []
        for tag in tags:
            name = _symmetry_name(tag)
            if name and not (small.symops and name in _OPERATIONS):  # gemmi has read these, up to 192 of them
                known = [_unquoted(each) for each in block.find_values(tag) if each not in ("?", ".")]
                values.setdefault(name, []).extend(known)

    def first(*tags: str) -> str:
        return next((values[tag][0] for tag in tags if values.get(tag)), "")

    for tag, found in values.items():
        if tag.startswith(_MODULATED) and found and found[0] != "0":
            raise ValueError(f"its structure is modulated ({tag}), which no cell holds; give an approximant")
    number = first("_space_group_it_number", "_symmetry_int_tables_number")
    listed = next((values[tag] for tag in _OPERATIONS if values.get(tag)), [])
    magnetic = next((tag for tag, found in values.items() if tag.startswith(_MAGNETIC) and found), "")
    unread = next((tag for tag in _UNREAD if first(tag) and first(tag).lower() != "triclinic"), "")
    return _Told(
        small.spacegroup_hm
        or first("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full"),
        small.spacegroup_hall or first("_space_group_name_hall", "_symmetry_space_group_name_hall"),
        small.spacegroup_number or (int(number) if number.isdecimal() else 0),
        tuple(small.symops) or tuple(listed),
        first("_space_group_it_coordinate_system_code"),
        magnetic or unread,
        bool(magnetic),
    )


@lru_cache(maxsize=2**12)
def _symmetry_name(tag: str) -> str:
    """One spelling of a tag that tells of the symmetry of the whole crystal; empty for any other."""
    name = tag.lower().replace(".", "_")
    told = any(part in name for part in ("group", "symmetry", "wave_vector", "modulation"))
    return name if told and not name.startswith("_atom_site_") else ""


def _unquoted(value: str) -> str:
    return value.strip("'\"; \r\n")


def _text(block: Any, tag: str) -> str:
    """Value of a tag without its quotes; empty if it is missing or unknown."""
    value = block.find_value(tag)
    return "" if value in (None, "?", ".") else _unquoted(value)


def _amounts(formula: str) -> dict[int, float]:
    """Amounts by atomic number, deuterium as hydrogen; empty if it is not a plain formula of elements."""
    amounts: dict[int, float] = {}
    for part in formula.replace(",", " ").split():
        pieces = _pieces(part)
        if not pieces:
            return {}
        for number, amount in pieces:
            amounts[number] = amounts.get(number, 0.0) + amount
    return amounts if sum(amounts.values()) > 0 else {}


@lru_cache(maxsize=2**14)
def _pieces(part: str) -> list[tuple[int, float]]:
    """Atomic number and amount of each element in a word of a formula; none if it holds anything else."""
    found = re.findall(r"([A-Z][a-z]?)(\d+\.?\d*|\.\d+)?", part)
    known = {symbol for symbol, _ in found} <= _elements().keys()
    if not known or "".join(map("".join, found)) != part:
        return []
    return [(_elements()[symbol], float(amount or 1)) for symbol, amount in found]


def _counts(crystal: Crystal) -> Mapping[int, int]:
    """Atoms of each element in the cell, by atomic number."""
    numbers = crystal.atomic_number.tolist()
    return {number: numbers.count(number) for number in set(numbers)}


def _difference(counts: Mapping[int, int], formula: _Formula) -> str:
    from gemmi import Element

    listed = " ".join(sorted(f"{Element(number).name}{count}" for number, count in counts.items()))
    told = formula.text if formula.units is None else f"{formula.text}, Z = {formula.units:g}"
    cause = "atoms or symmetry are missing, or some sites are alternatives of others"
    if 1 in formula.amounts and 1 not in counts:
        cause = "its hydrogen has no coordinates"
    return f"its cell has the atoms {listed}, which are not those of its formula ({told}): {cause}"


def _refuse_other_symmetry(told: _Told, formula: _Formula | None) -> None:
    """Refuse symmetry that is not that of a space group, or cannot be read."""
    sure = formula is not None and formula.units is not None
    if told.magnetic and (told.bare or not sure):
        raise ValueError(
            f"its symmetry is that of a magnetic space group ({told.other}); give the operations of its space group "
            "(_symmetry_equiv_pos_as_xyz) and its formula with Z (_chemical_formula_sum, _cell_formula_units_Z)"
        )
    if told.other and told.bare and not sure:
        raise ValueError(
            f"of its symmetry it has only {told.other}: give its operations (_symmetry_equiv_pos_as_xyz) or the name "
            "of its space group (_symmetry_space_group_name_H-M)"
        )


def _refuse_contradiction(told: _Told, symmetries: Sequence[_Symmetry]) -> None:
    """Refuse symmetry that is told twice and differs, where no formula with Z tells which is right."""
    numbers = {
        repr(told.name): _number_of_name(told.name),
        f"Hall symbol {told.hall!r}": _number_of_hall(told.hall),
        f"number {told.number}": told.number,
    }
    if told.operations and symmetries[0].group is not None:
        numbers["operations"] = symmetries[0].group.number
    if len({number for number in numbers.values() if number}) > 1:
        listed = ", ".join(f"{name} (that of {number})" for name, number in numbers.items() if number)
        raise ValueError(
            f"its space groups contradict each other: {listed}; no formula with Z (_chemical_formula_sum, "
            "_cell_formula_units_Z) tells which of them is right"
        )


@lru_cache(maxsize=2**10)
def _number_of_name(name: str) -> int:
    """Number of a space group by its name; 0 if it is not known."""
    import gemmi

    group = gemmi.find_spacegroup_by_name(_known_name(name)) if name else None
    return int(group.number) if group else 0


@lru_cache(maxsize=2**10)
def _number_of_hall(hall: str) -> int:
    """Number of a space group by its Hall symbol; 0 if it is not known."""
    import gemmi

    try:
        group = gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(hall)) if hall else None
    except (RuntimeError, ValueError):
        return 0
    return int(group.number) if group else 0


@lru_cache(maxsize=2**10)
def _known_name(name: str) -> str:
    """A name of a space group as gemmi spells it, if it can be found: of `P2(1)/c`, `P 4_{2}/m n m` or `P 2/m 2/m 2/m`.

    The ending of an origin or of axes, as the ICSD writes it, is left out.
    """
    import gemmi

    name = name[:-2] if name[-2:] in _SUFFIXES else name
    plain = re.sub(r"\s*/\s*", "/", re.sub(r"[{}()_]", "", name))
    tokens = plain.split()
    cubic = "-3" in tokens[2:3]
    short = " ".join(re.sub(r"^[24]\d?/(?=[a-z])" if cubic else r"^2\d?/(?=[a-z])", "", each) for each in tokens)
    return next((each for each in (name, plain, short) if gemmi.find_spacegroup_by_name(each)), name)


def _check_multiplicity(block: Any, num_sites: int, num_operations: int) -> None:
    """Refuse multiplicities of sites that are not those of the cell; some programs write the order of the site."""
    try:
        told = [int(each) for each in block.find_values("_atom_site_symmetry_multiplicity")]
    except ValueError:  # unknown
        return
    if not told or min(told) < 1 or num_sites in (sum(told), sum(num_operations / each for each in told)):
        return
    raise ValueError(
        f"its cell has {num_sites} atoms by its symmetry, but {sum(told)} by _atom_site_symmetry_multiplicity: "
        "symmetry is missing or wrong"
    )


def _note_of(block: Any, crystal: Crystal, told: _Told, formula: _Formula | None) -> str:
    """What to know of a crystal that was read.

    Raises:
        ValueError: If what else the file says of its atoms contradicts them, and no formula with Z confirms them.
    """
    sure = formula is not None and formula.units is not None
    contradiction, confirmed = _compare_mass(block, crystal, formula)
    if contradiction and not sure:
        raise ValueError(f"{contradiction}; atoms or symmetry are missing, or one of them is wrong")
    if told.bare and not (sure or confirmed):
        return (
            "nothing in the file tells of symmetry or of a formula with Z, so the atoms that it lists are taken for "
            "all of the cell (P 1)"
        )
    return contradiction


def _compare_mass(block: Any, crystal: Crystal, formula: _Formula | None) -> tuple[str, bool]:
    """Compare atoms and cell with the density, the mass and the numbers of atoms in a file.

    Returns:
        What contradicts; empty if nothing does. And whether something confirms the number of atoms.
    """
    from gemmi import Element

    counts, numbers = _counts(crystal), _numbers_in_cell(block)
    if numbers and any(abs(numbers.get(each, 0) - counts.get(each, 0)) > 0.5 for each in {*numbers, *counts}):
        return "its _atom_type_number_in_cell contradicts the atoms of its cell", False
    density, weight = (
        _positive(block, f"_{tag}") for tag in ("exptl_crystal_density_diffrn", "chemical_formula_weight")
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
    units = _positive(block, "_cell_formula_units_Z")
    if weight and not any(_is_close(mass, weight * each) for each in (units or max(1, round(mass / weight)), 1)):
        times = f"{units:g} times" if units else "a multiple of"
        return f"its mass contradicts its atoms: {mass:.5g}, not {times} _chemical_formula_weight {weight:g}", False
    return "", bool(numbers or density or (weight and units))


def _is_close(first: float, second: float) -> bool:
    return abs(first / second - 1) <= _MASS_TOLERANCE


def _positive(block: Any, tag: str) -> float:
    """The number of a tag; 0 if there is none above it."""
    found = _NUMBER.fullmatch(_text(block, tag))
    return max(0.0, float(found[1])) if found and math.isfinite(float(found[1])) else 0.0


def _numbers_in_cell(block: Any) -> dict[int, float]:
    """Atoms of each element in the cell as the file has them; empty if it has none that can be read."""
    found: dict[int, float] = {}
    columns = (block.find_values(f"_atom_type_{name}") for name in ("symbol", "number_in_cell"))
    for symbol, number in zip(*columns, strict=False):
        element = split_symbol(_unquoted(symbol))[0]
        if not element or not (amount := _NUMBER.fullmatch(number)):
            return {}
        found[_elements()[element]] = found.get(_elements()[element], 0.0) + float(amount[1])
    return found


def _has_isotopes(block: Any, formula: _Formula | None) -> bool:
    """Whether there is deuterium or another isotope, whose masses are not those of the elements."""
    written = [formula.text if formula else ""]
    for tag in ("_atom_site_type_symbol", "_atom_site_label"):
        written += block.find_values(tag)
    return any(re.search(r"\bD\d*\b|\b\d+[A-Z]", each) for each in written)


def _check_sites(small: Any, block: Any, formula: _Formula | None) -> None:
    """Give sites without a type symbol the element of their label; refuse disordered ones and unknown elements."""
    typed = bool(block.find_values("_atom_site_type_symbol"))
    _refuse_partial_sites(block)
    flags = [_unquoted(each).lower() for each in block.find_values("_atom_site_calc_flag")]
    if "dum" in flags:
        site = small.sites[flags.index("dum")].label
        raise ValueError(f"site {site} is a dummy (_atom_site_calc_flag dum): take out what is no atom")
    if not typed or not {*block.find_values("_atom_site_type_symbol")} <= _elements().keys():
        _name_elements(small.sites, typed, formula)
    if formula is not None and formula.units is not None:
        return  # the number of atoms tells the rest
    if block.find_values("_atom_site_disorder_group"):
        for site in small.sites:
            if site.disorder_group:
                raise ValueError(
                    f"it may be disordered: site {site.label} is of a disorder group, and the file has no formula "
                    "with Z (_chemical_formula_sum, _cell_formula_units_Z) that tells what the cell holds"
                )
    if {*block.find_values("_atom_site_attached_hydrogens")} - {"0", ".", "?"}:
        raise ValueError("hydrogen is attached to its sites (_atom_site_attached_hydrogens) without coordinates")


def _refuse_partial_sites(block: Any) -> None:
    """Refuse sites that are not full by any column of occupancies; gemmi takes what is no number for full."""
    import gemmi

    loop = block.find_loop("_atom_site_fract_x").get_loop()
    for tag in loop.tags if loop else [item.pair[0] for item in block if item.pair]:  # a site alone needs no loop
        if not is_occupancy_name(tag.lower().removeprefix("_atom_site_")) or {*block.find_values(tag)} <= _ONE:
            continue
        labels = [*block.find_values("_atom_site_label")] or [*block.find_values("_atom_site_type_symbol")]
        symbols = [*block.find_values("_atom_site_type_symbol")] or labels
        for number, raw in enumerate(block.find_values(tag)):
            label = labels[number] if labels else str(number + 1)
            text = gemmi.cif.as_string(raw)
            found = _NUMBER.fullmatch(text)
            if found is None and raw not in _ONE:
                raise ValueError(f"the occupancy of site {label} is {text!r}, which is no number such as 0.5")
            if found:
                filling_element([(symbols[number] if symbols else label, float(found[1]))], f"site {label}")


def _name_elements(sites: Iterable[Any], typed: bool, formula: _Formula | None) -> None:
    import gemmi

    known = set(formula.amounts) if formula else set[int]()
    for site in sites:
        if typed and site.type_symbol not in ("", ".", "?"):
            site.element = gemmi.Element(_symbol_of_type(site, known))
        else:
            site.element = gemmi.Element(_symbol_of_label(site.label, known))
        if not site.element.atomic_number:
            raise ValueError(f"site {site.label} is of an unknown element ({site.type_symbol or site.label})")


@cache
def _elements() -> dict[str, int]:
    import gemmi

    symbols = [gemmi.Element(number).name for number in range(1, 119)]
    return {symbol: number for number, symbol in enumerate(symbols, start=1)} | {"D": 1}


def _symbol_of_type(site: Any, known: set[int]) -> str:
    """Symbol of the element that a type symbol such as `Fe3+` or `7Li` means.

    gemmi looks at the first letters only: of `NH4` it makes nihonium.

    Args:
        site: A site of gemmi.
        known: Atomic numbers in the formula, if there is one, which is compared with the atoms later.

    Returns:
        The symbol; X if there is none.

    Raises:
        ValueError: If it may be that of a group of atoms.
    """
    symbol, rest, alternatives = split_symbol(site.type_symbol)
    if not symbol or _elements()[symbol] in known:
        return symbol or "X"
    if rest or alternatives:
        raise ValueError(
            f"site {site.label} has the type symbol {site.type_symbol}, which is that of no element with a charge, "
            "such as Na+ or O2-: write its element (_atom_site_type_symbol), and each atom of a group on its own site"
        )
    return symbol


def _symbol_of_label(label: str, known: set[int]) -> str:
    """Symbol of the element that a label such as `Na1`, `OW2` or `CL1` begins with.

    Args:
        label: The label.
        known: Atomic numbers in the formula, if there is one: it tells `CO1` of carbon from cobalt.

    Returns:
        The symbol; X if there is none.

    Raises:
        ValueError: If two elements are possible.
    """
    found = re.match(r"[A-Za-z]+", label)
    letters, elements = found[0] if found else "", _elements()
    first, second = letters[:1].upper(), letters[:2].capitalize()
    one = first if first in elements else ""
    two = second if len(second) == 2 and second in elements else ""
    plausible = [each for each in dict.fromkeys((two, one)) if each and elements[each] in known]
    if len(plausible) == 1:
        return plausible[0]
    if two and ((letters[1].islower() and letters[0].isupper()) or not one):
        return two
    if two:
        raise ValueError(
            f"site {label} could be {two} or {one}: add its element (_atom_site_type_symbol) or the formula "
            "(_chemical_formula_sum)"
        )
    return one if len(letters) == 1 else "X"


def _listed_symmetry(small: Any, told: _Told, formula: _Formula | None) -> list[_Symmetry]:
    """The symmetry of the operations that a block lists; of none, the identity.

    Raises:
        ValueError: If they form no group, do not fit the cell, or are not those of its space group.
    """
    found = _listed(told.operations or ("x,y,z",))
    if not _fits(found, small):
        raise ValueError(f"its symmetry operations do not fit its cell of {_cell(small)}: they are of another setting")
    sure = formula is not None and formula.units is not None
    if not sure and not _has_order(told.name, told.number, len(found.rotations)):
        raise ValueError(
            f"it lists {len(found.rotations)} symmetry operations, which are not those of its space group "
            f"{told.name or told.number!r}, and no formula with Z (_chemical_formula_sum, _cell_formula_units_Z) "
            "tells which of them is right"
        )
    return [found]


def _named_symmetries(small: Any, told: _Told) -> list[_Symmetry]:
    """The symmetry of the space group that a block names; both, where it has two origins.

    Raises:
        ValueError: If it is not known, or does not fit the cell.
    """
    found = _named(told.hall, told.name, told.number, (small.cell.alpha, small.cell.gamma), told.code)
    if not found:
        raise ValueError(f"its space group {told.group} is not known, and it lists no symmetry operations")
    fitting = [each for each in found if _fits(each, small)]
    if not fitting:
        raise ValueError(
            f"the operations of its space group {told.group} do not fit its cell of {_cell(small)}: list those of its "
            "setting (_symmetry_equiv_pos_as_xyz)"
        )
    return fitting


def _cell(small: Any) -> str:
    return ", ".join(f"{value:g}" for value in small.cell.parameters)


@lru_cache(maxsize=2**10)
def _listed(operations: tuple[str, ...]) -> _Symmetry:
    """The symmetry of listed operations; the identity need not be among them, and none is counted twice."""
    import gemmi

    try:
        given = {gemmi.Op(each).wrap().triplet() for each in operations} | {"x,y,z"}
        group = gemmi.GroupOps([gemmi.Op(each) for each in sorted(given)])
        group.add_missing_elements()
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"its symmetry operations cannot be read ({' '.join(str(error).split())})") from error
    if {each.wrap().triplet() for each in group} != given:
        raise ValueError(
            f"its {len(given)} symmetry operations form no group (that would take {len(group)}): some are missing or "
            "wrong"
        )
    return _symmetry(gemmi.find_spacegroup_by_ops(group), group)


@lru_cache(maxsize=2**10)
def _named(hall: str, name: str, number: int, angles: tuple[float, float], code: str) -> list[_Symmetry]:
    """The symmetries that names mean: one, or two if the origin or the axes are not told."""
    import gemmi

    if hall:
        try:
            group = gemmi.symops_from_hall(hall)
            return [_symmetry(gemmi.find_spacegroup_by_ops(group), group)]
        except (RuntimeError, ValueError):
            pass  # not a Hall symbol; there may be another name
    if name[-2:] in _SUFFIXES:
        code = _SUFFIXES[name[-2:]]
    name = _known_name(name)
    found = gemmi.find_spacegroup_by_name(name, *angles, "2") if name else None
    if found is None and not name and 0 < number < 231:
        found = gemmi.get_spacegroup_reference_setting(number)
    if found is None:
        return []
    others = [found]
    if found.ext in tuple("12HR") and ":" not in name:
        others = [each for each in gemmi.spacegroup_table() if each.hm == found.hm and each.number == found.number]
        told = [each for each in others if each.ext == code[-1:].upper()]
        others = told or others
    return [_symmetry(each, each.operations()) for each in others]


def _symmetry(group: Any, operations: Any) -> _Symmetry:
    whole = list(operations)
    rotations = np.array([each.rot for each in whole], np.float64) / 24
    translations = np.array([each.tran for each in whole], np.float64) / 24
    proper = {tuple((each * np.linalg.det(each)).round().ravel().tolist()) for each in rotations}
    distinct = np.array(sorted(proper - {tuple(np.eye(3).ravel().tolist())}), np.float64).reshape(-1, 3, 3)
    return _Symmetry(group, rotations, translations, distinct)


@lru_cache(maxsize=2**10)
def _has_order(name: str, number: int, num_operations: int) -> bool:
    """Whether a named space group has so many operations; by the number, which has no cell, so many directions."""
    import gemmi

    group = gemmi.find_spacegroup_by_name(_known_name(name)) if name else None
    if group is not None:
        return group.ext in tuple("HR") or len(group.operations()) == num_operations
    if name or not 0 < number < 231:
        return True
    return num_operations % len(gemmi.get_spacegroup_reference_setting(number).operations().sym_ops) == 0


def _fits(symmetry: _Symmetry, small: Any) -> bool:
    """Whether the operations keep lengths and angles."""
    if not len(symmetry.distinct):
        return True
    lattice = np.array(small.cell.orth.mat.tolist())
    product = lattice.T @ lattice
    length = np.sqrt(product.diagonal())
    change = np.swapaxes(symmetry.distinct, 1, 2) @ product @ symmetry.distinct - product
    return bool((np.abs(change) <= _METRIC_TOLERANCE * np.outer(length, length)).all())


def _expand(small: Any, symmetry: _Symmetry, formula: _Formula | None) -> Crystal:
    """All atoms of the cell."""
    lattice = np.array(small.cell.orth.mat.tolist()).T
    if symmetry.group is None:
        _name_elements(small.sites, True, formula)
        return _expand_unlisted(list(small.sites), lattice, symmetry)
    alone = len(symmetry.rotations) == 1  # P1, as pymatgen writes every crystal: there is nothing to expand
    if not alone and small.spacegroup != symmetry.group:
        small.spacegroup = symmetry.group
        small.setup_cell_images()
    # Made once: each look at one of gemmi's lists makes them anew.
    sites = list(small.sites if alone else small.get_all_unit_cell_sites())
    numbers = np.array([site.element.atomic_number for site in sites], np.uint8)
    if not numbers.all():
        _name_elements(small.sites, True, formula)
        return _expand(small, symmetry, formula)
    coordinates = chain.from_iterable(site.fract.tolist() for site in sites)
    return Crystal(lattice, numbers, np.fromiter(coordinates, np.float64, 3 * len(sites)).reshape(-1, 3))


def _expand_unlisted(sites: Sequence[Any], lattice: NDArray[np.float64], symmetry: _Symmetry) -> Crystal:
    """All atoms of a group that gemmi's table lacks, such as one of a larger cell."""
    numbers, fractional = [], []
    for site in sites:
        kept: list[NDArray[np.float64]] = []
        for image in symmetry.rotations @ np.array(site.fract.tolist()) + symmetry.translations:
            apart = np.array(kept).reshape(-1, 3) - image
            if not (np.linalg.norm((apart - np.round(apart)) @ lattice, axis=1) < _SPECIAL_POSITION).any():
                kept.append(image)
        numbers += [site.element.atomic_number] * len(kept)
        fractional += kept
    return Crystal(lattice, np.array(numbers, np.uint8), np.array(fractional).reshape(-1, 3))
