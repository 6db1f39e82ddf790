"""What a CIF says of its symmetry, by the tags of any dictionary of CIF."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gnn_sim2real.featurize.cif.formula import Formula
from gnn_sim2real.featurize.cif.space_groups import (
    Symmetry,
    fits,
    has_order,
    number_of_hall,
    number_of_name,
    symmetries_of_name,
    symmetry_of_operations,
)
from gnn_sim2real.featurize.cif.tags import Tags, unquoted

_MODULATED = ("_cell_modulation_dimension", "_cell_wave_vector", "_space_group_ssg", "_space_group_symop_ssg")
_MAGNETIC = ("_space_group_symop_magn", "_space_group_magn", "_parent_space_group")
"""How tags of other than ordinary symmetry begin, without their dots."""

_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_UNREAD = (
    "_space_group_name_schoenflies",
    "_symmetry_space_group_name_schoenflies",
    "_space_group_crystal_system",
    "_symmetry_cell_setting",
)
"""Tags that tell of symmetry, but not which it is."""

_READ = frozenset(
    {
        "_space_group_name_h-m_alt",
        "_symmetry_space_group_name_h-m",
        "_space_group_name_hall",
        "_symmetry_space_group_name_hall",
        "_space_group_it_number",
        "_symmetry_int_tables_number",
        *_OPERATIONS,
        "_space_group_symop_id",
        "_symmetry_equiv_pos_site_id",
        *_UNREAD,
    }
)
"""Tags that gemmi has read, and those beside them that say nothing more."""


class Told(NamedTuple):
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


def read_told(small: Any, block: Any, tags: Tags) -> Told:
    """What a block says of its symmetry.

    Args:
        small: What gemmi has read of it.
        block: Block of gemmi.
        tags: Its tags.

    Raises:
        ValueError: If it is that of a modulated structure.
    """
    names = _symmetry_names(tags)
    name, hall, number = small.spacegroup_hm, small.spacegroup_hall, small.spacegroup_number
    operations = tuple(small.symops)
    if name and number and operations and _READ.issuperset(names):
        return Told(name, hall, number, operations, "", "", False)
    return _read_further(Told(name, hall, number, operations, "", "", False), block, names)


def _read_further(read: Told, block: Any, names: Mapping[str, str]) -> Told:
    """What a block says of its symmetry, beside what gemmi has read of it."""
    values: dict[str, list[str]] = {}
    for tag, name in names.items():
        if not (read.operations and name in _OPERATIONS):  # gemmi has read these, up to 192 of them
            known = [unquoted(each) for each in block.find_values(tag) if each not in ("?", ".")]
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
    return Told(
        read.name or first("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full"),
        read.hall or first("_space_group_name_hall", "_symmetry_space_group_name_hall"),
        read.number or (int(number) if number.isdecimal() else 0),
        read.operations or tuple(listed),
        first("_space_group_it_coordinate_system_code"),
        magnetic or unread,
        bool(magnetic),
    )


@lru_cache(maxsize=2**10)
def _symmetry_names(tags: Tags) -> Mapping[str, str]:
    """Tags that tell of the symmetry of the whole crystal, each with one spelling of it."""
    names = {tag: tag.replace(".", "_") for tag in tags.ordered}
    parts = ("group", "symmetry", "wave_vector", "modulation")
    return {
        tag: name
        for tag, name in names.items()
        if any(part in name for part in parts) and not name.startswith("_atom_site_")
    }


def refuse_other_symmetry(told: Told, formula: Formula | None) -> None:
    """Refuse symmetry that is not that of a space group, or cannot be read.

    Args:
        told: The symmetry.
        formula: The formula; with Z it tells whether atoms are missing.

    Raises:
        ValueError: If the symmetry is magnetic or unread, and nothing shows that it is not needed.
    """
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


def refuse_contradiction(told: Told, symmetries: Sequence[Symmetry]) -> None:
    """Refuse symmetry that is told twice and differs, where no formula with Z tells which is right.

    Args:
        told: The symmetry.
        symmetries: Those that it may be.

    Raises:
        ValueError: If names, number and operations are of different space groups.
    """
    numbers = {
        repr(told.name): number_of_name(told.name),
        f"Hall symbol {told.hall!r}": number_of_hall(told.hall),
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


def listed_symmetry(small: Any, told: Told, formula: Formula | None) -> list[Symmetry]:
    """The symmetry of the operations that a block lists; of none, the identity.

    Args:
        small: Structure of gemmi.
        told: What the block says of its symmetry.
        formula: The formula, if there is one.

    Raises:
        ValueError: If they form no group, do not fit the cell, or are not those of its space group.
    """
    found = symmetry_of_operations(told.operations or ("x,y,z",))
    if not fits(found, small):
        raise ValueError(
            f"its symmetry operations do not fit its cell of {cell_of(small)}: they are of another setting"
        )
    sure = formula is not None and formula.units is not None
    if not sure and not has_order(told.name, told.number, len(found.rotations)):
        raise ValueError(
            f"it lists {len(found.rotations)} symmetry operations, which are not those of its space group "
            f"{told.name or told.number!r}, and no formula with Z (_chemical_formula_sum, _cell_formula_units_Z) "
            "tells which of them is right"
        )
    return [found]


def named_symmetries(small: Any, told: Told) -> list[Symmetry]:
    """The symmetry of the space group that a block names; both, where it has two origins.

    Args:
        small: Structure of gemmi.
        told: What the block says of its symmetry.

    Raises:
        ValueError: If it is not known, or does not fit the cell.
    """
    found = symmetries_of_name(told.hall, told.name, told.number, (small.cell.alpha, small.cell.gamma), told.code)
    if not found:
        raise ValueError(f"its space group {told.group} is not known, and it lists no symmetry operations")
    fitting = [each for each in found if fits(each, small)]
    if not fitting:
        raise ValueError(
            f"the operations of its space group {told.group} do not fit its cell of {cell_of(small)}: list those of "
            "its setting (_symmetry_equiv_pos_as_xyz)"
        )
    return fitting


def cell_of(small: Any) -> str:
    """Lengths and angles of a cell, for messages.

    Args:
        small: Structure of gemmi.
    """
    return ", ".join(f"{value:g}" for value in small.cell.parameters)
