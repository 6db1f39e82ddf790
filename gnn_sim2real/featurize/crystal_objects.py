"""Crystals from objects of other packages: gemmi, pymatgen and ASE."""

from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_sim2real.featurize.crystal import Crystal

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

_FULL = 1 - 1e-3
"""Smallest occupancy of a site that counts as fully occupied."""

_ORDERED_ONLY = "only ordered crystals are accepted; make an ordered approximant first"


def from_block(block: Any) -> Crystal:
    """Read a block of a CIF by gemmi; the symmetry operations are applied.

    Raises:
        ValueError: If it is disordered, or its cell, its space group or an element is not known.
    """
    import gemmi

    try:
        small = gemmi.make_small_structure_from_block(block)
    except RuntimeError as error:  # e.g. an angle of 0 degrees
        raise ValueError(f"its unit cell is impossible ({' '.join(str(error).split())})") from error
    if not small.cell.is_crystal():
        raise ValueError("it has no unit cell (_cell_length_a and so on)")
    if small.spacegroup is None and not small.symops:
        small.determine_and_set_spacegroup("S.H2N")
        named = small.spacegroup_hm or small.spacegroup_hall or small.spacegroup_number
        if small.spacegroup is None and named:
            raise ValueError(f"its space group {named!r} is not known, and it lists no symmetry operations")
        small.setup_cell_images()
    sites = list(small.get_all_unit_cell_sites())
    numbers = np.array([site.element.atomic_number for site in sites], np.uint8)
    if sites and not (numbers.all() and min([site.occ for site in sites]) >= _FULL):
        _refuse_site(small.sites)
    fractional = np.array([site.fract.tolist() for site in sites], np.float64).reshape(-1, 3)
    return Crystal(np.array(small.cell.orth.mat.tolist()).T, numbers, fractional)


def _refuse_site(sites: Any) -> None:
    for site in sites:
        if not site.occ >= _FULL:
            raise ValueError(f"it is disordered: site {site.label} has the occupancy {site.occ:g}; {_ORDERED_ONLY}")
        if not site.element.atomic_number:
            raise ValueError(f"site {site.label} is of an unknown element ({site.type_symbol or site.label})")


def from_pymatgen(structure: "Structure") -> Crystal:
    """Convert an ordered structure of pymatgen.

    Raises:
        ValueError: If it is disordered.
    """
    if not structure.is_ordered:
        sites = [site.species_string for site in structure if not site.is_ordered]
        raise ValueError(f"it is disordered: a site holds {sites[0]}; {_ORDERED_ONLY}")
    return Crystal(
        np.array(structure.lattice.matrix, np.float64),
        _numbers([site.specie.symbol for site in structure]),
        np.array(structure.frac_coords, np.float64).reshape(-1, 3),
    )


def from_dictionary(content: dict[str, Any]) -> Crystal:
    """Convert a pymatgen `Structure.as_dict`, without building the Structure.

    Raises:
        ValueError: If it is not such a dictionary, or it is disordered.
    """
    try:
        lattice = np.array(content["lattice"]["matrix"], np.float64)
        sites = content["sites"]
        fractional = np.array([site["abc"] for site in sites], np.float64).reshape(-1, 3)
        species = [site["species"] for site in sites]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is not a pymatgen structure: {type(error).__name__} {error}") from error
    for each in species:
        if len(each) != 1 or each[0].get("occu", 1) < _FULL:
            held = ", ".join(f"{part.get('element')} {part.get('occu', 1):g}" for part in each)
            raise ValueError(f"it is disordered: a site holds {held or 'nothing'}; {_ORDERED_ONLY}")
    return Crystal(lattice, _numbers([each[0]["element"] for each in species]), fractional)


def from_ase(atoms: "Atoms") -> Crystal:
    """Convert atoms of ASE that are periodic in all directions.

    Raises:
        ValueError: If it is not periodic in all directions, has no cell, or is disordered.
    """
    if not atoms.pbc.all():
        raise ValueError(f"it is periodic in {int(atoms.pbc.sum())} of 3 directions, a crystal in all of them")
    if not atoms.cell.rank == 3:
        raise ValueError("it has no unit cell")
    if any(len(parts) > 1 for parts in (atoms.info.get("occupancy") or {}).values()):
        raise ValueError(f"it is disordered: its `occupancy` lists several elements for one site; {_ORDERED_ONLY}")
    return Crystal(
        np.array(atoms.cell.array), atoms.numbers.astype(np.uint8), np.array(atoms.get_scaled_positions(wrap=False))
    )


def _numbers(symbols: list[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Atomic numbers; 0 for symbols that are not elements, such as pymatgen's dummy species."""
    from pymatgen.core.periodic_table import Element

    known = {symbol: Element(symbol).Z if Element.is_valid_symbol(symbol) else 0 for symbol in set(symbols)}
    return np.array([known[symbol] for symbol in symbols], np.uint8)
