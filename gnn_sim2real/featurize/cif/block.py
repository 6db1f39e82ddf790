"""A block of a CIF becomes a crystal."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.cif.formula import Formula, counts_of, difference, read_formula
from gnn_sim2real.featurize.cif.mass import compare_mass
from gnn_sim2real.featurize.cif.partial import expand_partial
from gnn_sim2real.featurize.cif.sites import check_sites, name_elements
from gnn_sim2real.featurize.cif.space_groups import Symmetry
from gnn_sim2real.featurize.cif.symmetry import (
    Told,
    cell_of,
    listed_symmetry,
    named_symmetries,
    read_told,
    refuse_contradiction,
    refuse_other_symmetry,
)
from gnn_sim2real.featurize.cif.tags import Tags, positive, tags_of, text_of
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import refuse_angstrom

_SPECIAL_POSITION = 0.4
"""Images of a site closer than this [angstrom] are one atom on a special position, as gemmi has it."""

_VOLUME_TOLERANCE = 0.05
"""Share by which the volume that a file gives may differ from that of its cell."""

_CELL = tuple(
    f"_cell_{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
)


def from_block(block: Any) -> Crystal:
    """Read a block of a CIF by gemmi; the symmetry operations are applied.

    Args:
        block: Block of gemmi.

    Raises:
        ValueError: If its cell, its space group or an element is not known, its symmetry is none or does not fit the
            cell, an occupancy is impossible, or its atoms are not those of its formula.
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
        raise ValueError(f"its unit cell is not known: {', '.join(unknown)} is not a number")
    if min(parameters) <= 0 or max(parameters[3:]) >= 180:  # the cosine of -90 degrees is that of 90
        raise ValueError(f"its unit cell is impossible ({cell_of(small)}): angles are above 0 and below 180 degrees")
    volume = positive(block, "_cell_volume")
    if volume and abs(volume / small.cell.volume - 1) > _VOLUME_TOLERANCE:
        raise ValueError(
            f"its cell of {cell_of(small)} has a volume of {small.cell.volume:.4g} angstrom^3, but its _cell_volume is "
            f"{text_of(block, '_cell_volume')}: one of them is wrong"
        )
    sites = list(small.sites)  # made once: each look at one of gemmi's lists makes it anew
    fractional = _fractional(sites)
    refuse_angstrom(fractional, parameters[:3])
    tags, formula = tags_of(block), read_formula(block)
    sure = formula is not None and formula.units is not None  # its atoms tell whether the others are all
    told = read_told(small, block, tags)
    refuse_other_symmetry(told, formula)
    shares = check_sites(sites, block, tags, formula)
    listed = told.operations or told.bare
    symmetries = listed_symmetry(small, told, formula) if listed else named_symmetries(small, told)
    if not sure:
        refuse_contradiction(told, symmetries)
    found = [_expand(small, sites, fractional, symmetry, formula, shares) for symmetry in symmetries]
    agreeing = found if formula is None else [each for each in found if formula.agrees(counts_of(each), told.bare)]
    if len(agreeing) > 1:
        raise ValueError(
            f"its space group {told.group} has two origins and the file does not say which (as :1 or :2): list its "
            "symmetry operations"
        )
    if formula is not None and not agreeing:
        partial = f"it is disordered: {found[0].partial}; " if found[0].partial else ""
        raise ValueError(f"{partial}{difference(counts_of(found[0]), formula)}")
    if not sure and shares is None:
        _check_multiplicity(block, agreeing[0].num_sites, len(symmetries[0].rotations))
    note = _note_of(block, tags, agreeing[0], told, formula)
    return replace(agreeing[0], note=note) if note else agreeing[0]


def _fractional(sites: Sequence[Any]) -> NDArray[np.float64]:
    """(num_sites, 3); coordinates of sites of gemmi, which makes none of those without a label."""
    if not sites:
        raise ValueError("its sites have no names: add a column _atom_site_label")
    coordinates = [coordinate for site in sites for coordinate in site.fract.tolist()]
    return np.array(coordinates, np.float64).reshape(-1, 3)


def _expand(
    small: Any,
    sites: Sequence[Any],
    fractional: NDArray[np.float64],
    symmetry: Symmetry,
    formula: Formula | None,
    shares: Sequence[float] | None = None,
) -> Crystal:
    """All atoms of the cell, of which the file lists the sites, with their occupancies unless all are full."""
    lattice = np.array(small.cell.orth.mat.tolist()).T
    if shares is not None:
        name_elements([site for site in sites if not site.element.atomic_number], True, formula)
        return expand_partial(sites, shares, fractional, lattice, symmetry)
    if symmetry.group is None:
        name_elements(sites, True, formula)
        return _expand_unlisted(sites, lattice, symmetry)
    if len(symmetry.rotations) > 1:  # not P1, as pymatgen writes every crystal
        if small.spacegroup != symmetry.group:
            small.spacegroup = symmetry.group
            small.setup_cell_images()
        sites = list(small.get_all_unit_cell_sites())
        fractional = _fractional(sites)
    numbers = [site.element.atomic_number for site in sites]
    if not all(numbers):
        name_elements(small.sites, True, formula)
        return _expand(small, list(small.sites), fractional, symmetry, formula)
    return Crystal(lattice, np.array(numbers, np.uint8), fractional)


def _expand_unlisted(sites: Sequence[Any], lattice: NDArray[np.float64], symmetry: Symmetry) -> Crystal:
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


def _note_of(block: Any, tags: Tags, crystal: Crystal, told: Told, formula: Formula | None) -> str:
    """What to know of a crystal that was read.

    Raises:
        ValueError: If what else the file says of its atoms contradicts them, and no formula with Z confirms them.
    """
    sure = formula is not None and formula.units is not None
    contradiction, confirmed = compare_mass(block, tags, crystal, formula)
    if contradiction and not sure:
        raise ValueError(f"{contradiction}; atoms or symmetry are missing, or one of them is wrong")
    if told.bare and not (sure or confirmed):
        return (
            "nothing in the file tells of symmetry or of a formula with Z, so the atoms that it lists are taken for "
            "all of the cell (P 1)"
        )
    return contradiction
