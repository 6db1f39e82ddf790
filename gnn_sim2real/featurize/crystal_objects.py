"""Crystals from objects of other packages: pymatgen, ASE and JARVIS."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_sim2real.featurize.crystal import Crystal

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

FULL = 1 - 1e-3 - 1e-9
"""Smallest occupancy of a site that counts as fully occupied: 0.999, however it is rounded."""

_MOST = 1.01
"""Largest sum of occupancies at one place that may be rounding, such as three times 0.334."""

_OPEN = ("pbc", "periodic", "periodicity", "is_periodic")
"""How people name whether a structure goes on in each direction, in any capitals."""

_CHARGE = re.compile(r"[+-](\d+(\.\d+)?)?|\d+(\.\d+)?[+-]|0")
"""A charge after a symbol: of `Na+`, `Fe3+`, `Fe+3`, `O2-`, `Zr+4.0` and `Fe0`."""

_BEYOND = 1.5
"""Fractional coordinates of a cell spread over less."""

_SAME_PLACE = 0.01
"""Fractional and Cartesian coordinates may differ by this [angstrom], the rounding of files."""


def filling_element(held: Sequence[tuple[Any, Any]], site: str) -> str:
    """The one element that fills a site; every reader of crystals asks here.

    Args:
        held: Symbol of each element on the site, and its share.
        site: What to call the site in messages.

    Raises:
        ValueError: If several elements share it, one fills it only in part, or its shares are impossible.
    """
    if len(held) == 1 and held[0][1] == 1:
        return str(held[0][0])
    try:
        shares = [float(share) for _, share in held]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{site} has an occupancy that is not a number: {dict(held)}") from error
    if len(shares) == 1 and FULL <= shares[0] <= 2 - FULL:
        return str(held[0][0])
    listed = ", ".join(f"{symbol} {share:g}" for (symbol, _), share in zip(held, shares, strict=True))
    if not all(0 <= share <= _MOST for share in shares) or sum(shares) > _MOST:  # NaN as well
        raise ValueError(
            f"{site} holds {listed}, which is impossible: occupancies are from 0 to 1, and those of a place sum to 1 "
            "at most"
        )
    raise ValueError(
        f"it is disordered: {site} holds {listed or 'nothing'}; only ordered crystals are accepted, make an ordered "
        "approximant first"
    )


@lru_cache(maxsize=2**12)
def split_symbol(text: str) -> tuple[str, str, bool]:
    """Read what is written for an element: `Fe`, `Fe3+`, `7Li`, `CL-`.

    Args:
        text: A symbol with what follows it, in any capitals.

    Returns:
        The symbol, or nothing if there is none; what follows it and is neither a charge nor an isotope; and whether
        its capitals may also be those of two elements, as in `CO` or `NH`.
    """
    from pymatgen.core.periodic_table import Element

    found = re.fullmatch(r"(\d*)([A-Za-z]{1,2}(?![a-z]))(.*)", text) or re.fullmatch(r"(\d*)([A-Za-z])(.*)", text)
    if not found:
        return "", text, False
    mass, letters, rest = found.groups()
    symbol = letters.capitalize()
    if not is_element(symbol) and is_element(symbol[0]):
        symbol, rest = symbol[0], letters[1:] + rest
        if rest[0].islower():  # `Ow` is neither
            return "", text, False
    if not is_element(symbol):
        return "", text, False
    isotope = re.fullmatch(r"(\d+)", rest) if not mass else None
    weight = mass or (isotope[1] if isotope else "")
    usual = float(Element(symbol).atomic_mass)
    far = max(2.1 if mass else 1.1, 0.03 * usual)  # a number after it may be that of atoms, such as B12
    if weight and symbol not in "HD" and abs(float(weight) - usual) < far:
        mass, rest = "", "" if isotope else rest
    rest = "" if _CHARGE.fullmatch(rest) else rest
    two = len(symbol) == 2 and letters.isupper() and all(map(is_element, letters))
    return symbol, mass + rest, two


@lru_cache(maxsize=2**12)
def is_element(symbol: str) -> bool:
    """Whether a text is the symbol of an element; D is one, T is not.

    Args:
        symbol: The text.
    """
    from pymatgen.core.periodic_table import Element

    return symbol != "T" and bool(Element.is_valid_symbol(symbol))


@lru_cache(maxsize=2**10)
def is_occupancy_name(name: str) -> bool:
    """Whether a column or property of this name holds the shares by which sites are filled: `Occupancy`, `site_occ`.

    Args:
        name: The name, in any capitals.
    """
    return re.fullmatch(r"(atom_?)?(site_?)*occ(s|u|upanc(y|ies)|upations?)?", name.lower()) is not None


def refuse_open(content: Mapping[str, Any]) -> None:
    """Refuse what says of itself that it is not periodic in all directions.

    Args:
        content: Properties of a structure by name; those of `pbc` and its like are looked at.

    Raises:
        ValueError: If one of them has anything but true for each direction.
    """
    for name, given in content.items():
        if not isinstance(name, str) or name.lower() not in _OPEN or given is None:
            continue
        words = given.replace(",", " ").split() or [given] if isinstance(given, str) else given
        value = list(given) if isinstance(given, str) and re.fullmatch("[TtFf]{3}", given) else words
        flags = np.array(value, object).reshape(-1).tolist()
        periodic = [str(flag).lower() in ("true", "t", "1", "1.0", "yes") for flag in flags]
        if len(periodic) not in (1, 3) or not all(periodic):
            told = " ".join(str(flag) for flag in flags)
            raise ValueError(
                f"it is not periodic in all directions, as a crystal is: its `{name}` is {told}, not true for each"
            )


def refuse_angstrom(fractional: np.ndarray[Any, np.dtype[np.float64]], edges: Sequence[float]) -> None:
    """Refuse fractional coordinates that can only be lengths: far beyond one cell, but within its edges.

    Coordinates in another image of the cell, which are allowed, spread over one cell only.

    Args:
        fractional: (num_sites, 3); as they are written.
        edges: Lengths of the lattice vectors [angstrom].

    Raises:
        ValueError: If most of them are above 1.5, they spread over more than one cell, and all are within the edges.
    """
    if not fractional.size or fractional.max() <= _BEYOND:  # of nearly all files
        return
    elsewhere = fractional[np.abs(fractional) > _SAME_PLACE]
    inside = (fractional > -_SAME_PLACE).all() and (fractional < np.asarray(edges) + _SAME_PLACE).all()
    if inside and np.ptp(fractional, axis=0).max() > _BEYOND and (elsewhere > _BEYOND).mean() > 0.5:
        raise ValueError(
            f"its fractional coordinates, which should be from 0 to 1, go up to {fractional.max():.4g}, and all are "
            "within the edges of the cell: they look like angstrom; write them as Cartesian ones, or as parts of the "
            "lattice vectors"
        )


def from_pymatgen(structure: "Structure") -> Crystal:
    """Convert an ordered structure of pymatgen.

    Raises:
        ValueError: If it is disordered, or is not periodic in all directions.
    """
    refuse_open({"pbc": structure.lattice.pbc})
    _refuse_partial_of(structure.properties)
    if any(site.properties for site in structure):
        _refuse_partial_of(structure.site_properties)
    species = [each.specie.symbol for each in structure] if structure.is_ordered else _filling(structure)
    return Crystal(
        np.array(structure.lattice.matrix, np.float64),
        _numbers(species),
        np.array(structure.frac_coords, np.float64).reshape(-1, 3),
    )


def _filling(structure: "Structure") -> list[str]:
    """Symbols of the sites of a structure that pymatgen does not count as ordered."""
    return [
        filling_element([(each.symbol, share) for each, share in site.species.items()], f"site {number}")
        for number, site in enumerate(structure, start=1)
    ]


def from_dictionary(content: dict[str, Any]) -> Crystal:
    """Convert a pymatgen `Structure.as_dict`, without building the Structure, or an `Atoms.to_dict` of JARVIS.

    Raises:
        ValueError: If it is not such a dictionary, is disordered, or is not periodic in all directions.
    """
    if "lattice" in content or "lattice_mat" in content:
        refuse_open(content)
        _refuse_partial_of(content)
    if "lattice_mat" in content:
        return _from_jarvis(content)
    try:
        lattice = _table(content["lattice"]["matrix"], "its lattice vector")
        sites = content["sites"]
        fractional = _table([site["abc"] for site in sites], "`abc` of site")
        species = [[(each["element"], _share(each)) for each in site["species"]] for site in sites]
        positions = {row: site["xyz"] for row, site in enumerate(sites) if site.get("xyz") is not None}
    except KeyError as error:
        raise ValueError(f"it is not a pymatgen structure: it lacks {error}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"it is not a pymatgen structure: {error}") from error
    symbols = [filling_element(held, f"site {number}") for number, held in enumerate(species, start=1)]
    refuse_open(content["lattice"])
    _refuse_partial_of(content.get("properties"))
    for number, site in enumerate(sites, start=1):
        if site.get("properties"):
            _refuse_partial_of(site["properties"], first=number)
    _compare_edges(lattice, content["lattice"])
    refuse_angstrom(fractional, np.linalg.norm(lattice, axis=1).tolist())
    crystal = Crystal(lattice, _numbers(symbols), fractional)
    if positions:
        _compare_positions(crystal, positions)
    return crystal


def _table(rows: Any, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(num, 3); rows of three numbers each. The first that is none is named."""
    try:
        table = np.array(rows, np.float64)
        if table.shape == (len(rows), 3) and np.isfinite(table).all():
            return table
    except (TypeError, ValueError):
        pass
    for number, row in enumerate(rows, start=1):
        numbers = isinstance(row, list | tuple | np.ndarray) and all(isinstance(each, int | float) for each in row)
        if not numbers or len(row) != 3 or not np.isfinite(row).all():
            raise ValueError(f"{name} {number} is {str(row)[:80]}, not three numbers")
    return np.array(rows, np.float64).reshape(-1, 3)


def _share(species: Mapping[str, Any]) -> Any:
    """Share of an element on a site: pymatgen writes `occu`, people `occupancy` too."""
    shares = [value for name, value in species.items() if is_occupancy_name(name)]
    return next((share for share in shares if share != 1), 1)


def _compare_edges(lattice: np.ndarray[Any, np.dtype[np.float64]], told: Mapping[str, Any]) -> None:
    """Refuse a lattice whose lengths are not those of its vectors: one of them was changed alone."""
    for name, edge in zip("abc", np.linalg.norm(lattice, axis=1).tolist(), strict=True):
        length = told.get(name)
        if isinstance(length, int | float) and not abs(length - edge) < _SAME_PLACE:
            raise ValueError(f"its lattice vector {name} is {edge:.6g} angstrom long, its `{name}` is {length}")


def _compare_positions(crystal: Crystal, positions: dict[int, Any]) -> None:
    """Refuse a structure whose Cartesian coordinates are of other places than its fractional ones."""
    try:
        given = np.array([*positions.values()], np.float64).reshape(-1, 3) @ np.linalg.inv(crystal.lattice)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`xyz` of its sites are not three numbers each: {error}") from error
    apart = given - crystal.fractional[[*positions]]
    distance = np.linalg.norm((apart - np.round(apart)) @ crystal.lattice, axis=1)
    if not (distance < _SAME_PLACE).all():
        site = int(np.argmin(distance < _SAME_PLACE))
        raise ValueError(
            f"`abc` and `xyz` of site {[*positions][site] + 1} are {distance[site]:.3g} angstrom apart: one of them "
            "was changed alone"
        )


def _from_jarvis(content: dict[str, Any]) -> Crystal:
    try:
        lattice = _table(content["lattice_mat"], "its lattice vector")
        places = _table(content["coords"], "`coords` of site")
        symbols = [str(each) for each in content["elements"]]
    except KeyError as error:
        raise ValueError(f"it is not a JARVIS structure: it lacks {error}") from error
    except TypeError as error:
        raise ValueError(f"it is not a JARVIS structure: {error}") from error
    cartesian = content.get("cartesian", False)
    if not isinstance(cartesian, bool | np.bool_) and cartesian not in (0, 1):
        raise ValueError(f"its `cartesian` is {cartesian!r}, not true or false")
    crystal = Crystal(lattice, _numbers(symbols), places)
    if not cartesian:
        refuse_angstrom(places, np.linalg.norm(lattice, axis=1).tolist())
        return crystal
    return Crystal(lattice, crystal.atomic_number, places @ np.linalg.inv(lattice))


def from_ase(atoms: "Atoms") -> Crystal:
    """Convert atoms of ASE that are periodic in all directions.

    Raises:
        ValueError: If it is not periodic in all directions, has no cell, or is disordered.
    """
    if not atoms.pbc.all():
        raise ValueError(f"it is periodic in {int(atoms.pbc.sum())} of 3 directions, a crystal in all of them")
    if not atoms.cell.rank == 3:
        raise ValueError("it has no unit cell")
    refuse_open(atoms.info)
    _refuse_partial_of(atoms.info)
    _refuse_partial_of(atoms.arrays)
    return Crystal(
        np.array(atoms.cell.array), atoms.numbers.astype(np.uint8), np.array(atoms.get_scaled_positions(wrap=False))
    )


def _refuse_partial_of(content: Any, first: int = 1) -> None:
    """Refuse sites that a property filled in part belongs to; the properties have names."""
    for name, held in content.items() if isinstance(content, Mapping) else ():
        if isinstance(name, str) and is_occupancy_name(name):
            _refuse_partial(held, name, first)


def _refuse_partial(held: Any, name: str, first: int) -> None:
    """Refuse sites that are filled in part: ASE's own dictionary by kind of site, or a number for each atom."""
    if held is None:
        return
    if isinstance(held, Mapping):
        for site, parts in held.items():
            shared = list(parts.items()) if isinstance(parts, Mapping) else [("of its element", parts)]
            filling_element(shared, f"site {site} of its `{name}`")
        return
    given = held if isinstance(held, Iterable) and not isinstance(held, str) else [held]
    try:
        shares = np.array([1 if each is None else each for each in given], np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise ValueError(f"its `{name}` is neither numbers nor a dictionary of elements by site") from error
    for number, share in enumerate(shares.tolist(), start=first):
        filling_element([("of its element", share)], f"site {number} of its `{name}`")


def _numbers(symbols: list[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Atomic numbers; 0 for symbols that are not elements, such as pymatgen's dummy species."""
    known = {symbol: atomic_number(symbol) for symbol in set(symbols)}
    return np.array([known[symbol] for symbol in symbols], np.uint8)


def atomic_number(symbol: str) -> int:
    """Atomic number of a symbol; 0 if it is not that of an element.

    Args:
        symbol: For example `Na`.
    """
    from pymatgen.core.periodic_table import Element

    return int(Element(symbol).Z) if Element.is_valid_symbol(symbol) else 0
