"""Symmetry operations: those of the space groups that gemmi knows, and those that a file lists."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_METRIC_TOLERANCE = 0.02
"""How far an operation may change the products of the lattice vectors, relative to their lengths: 1 % of a length, or
a degree. A cell of another symmetry is far off, a rounded one far within."""

_SUFFIXES = {" S": "1", " Z": "2", " H": "H", " R": "R"}
"""How the ICSD marks origins and axes after the name of a space group."""


class Symmetry(NamedTuple):
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


@lru_cache(maxsize=2**10)
def symmetry_of_operations(operations: tuple[str, ...]) -> Symmetry:
    """The symmetry of listed operations; the identity need not be among them, and none is counted twice.

    Args:
        operations: Such as `-x,y+1/2,z`.

    Raises:
        ValueError: If one cannot be read, or they form no group.
    """
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
def symmetries_of_name(hall: str, name: str, number: int, angles: tuple[float, float], code: str) -> list[Symmetry]:
    """The symmetries that names mean: one, or two if the origin or the axes are not told; none for unknown names.

    Args:
        hall: Hall symbol; empty if there is none.
        name: Hermann-Mauguin symbol; empty if there is none.
        number: That of the International Tables; 0 if there is none.
        angles: Alpha and gamma of the cell [degree], which tell hexagonal axes from rhombohedral ones.
        code: Of the origin or axes, if it is told.
    """
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


def _symmetry(group: Any, operations: Any) -> Symmetry:
    whole = list(operations)
    rotations = np.array([each.rot for each in whole], np.float64) / 24
    translations = np.array([each.tran for each in whole], np.float64) / 24
    proper = {tuple((each * np.linalg.det(each)).round().ravel().tolist()) for each in rotations}
    distinct = np.array(sorted(proper - {tuple(np.eye(3).ravel().tolist())}), np.float64).reshape(-1, 3, 3)
    return Symmetry(group, rotations, translations, distinct)


def fits(symmetry: Symmetry, small: Any) -> bool:
    """Whether the operations keep lengths and angles.

    Args:
        symmetry: The operations.
        small: Structure of gemmi with the cell.
    """
    if not len(symmetry.distinct):
        return True
    lattice = np.array(small.cell.orth.mat.tolist())
    product = lattice.T @ lattice
    length = np.sqrt(product.diagonal())
    change = np.swapaxes(symmetry.distinct, 1, 2) @ product @ symmetry.distinct - product
    return bool((np.abs(change) <= _METRIC_TOLERANCE * np.outer(length, length)).all())


@lru_cache(maxsize=2**10)
def has_order(name: str, number: int, num_operations: int) -> bool:
    """Whether a named space group has so many operations; by the number, which has no cell, so many directions.

    Args:
        name: Hermann-Mauguin symbol; empty if there is none.
        number: That of the International Tables; 0 if there is none.
        num_operations: How many are listed.
    """
    import gemmi

    group = gemmi.find_spacegroup_by_name(_known_name(name)) if name else None
    if group is not None:
        return group.ext in tuple("HR") or len(group.operations()) == num_operations
    if name or not 0 < number < 231:
        return True
    return num_operations % len(gemmi.get_spacegroup_reference_setting(number).operations().sym_ops) == 0


@lru_cache(maxsize=2**10)
def number_of_name(name: str) -> int:
    """Number of a space group by its name; 0 if it is not known.

    Args:
        name: Hermann-Mauguin symbol in any spelling.
    """
    import gemmi

    group = gemmi.find_spacegroup_by_name(_known_name(name)) if name else None
    return int(group.number) if group else 0


@lru_cache(maxsize=2**10)
def number_of_hall(hall: str) -> int:
    """Number of a space group by its Hall symbol; 0 if it is not known.

    Args:
        hall: Hall symbol.
    """
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
