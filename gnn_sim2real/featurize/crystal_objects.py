"""Crystals from objects of other packages: pymatgen, ASE and JARVIS."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.crystal import Crystal, close_pairs
from gnn_sim2real.featurize.site_species import ONE_PLACE, format_species, read_species, symbol_of

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

_OPEN = ("pbc", "periodic", "periodicity", "is_periodic")
"""How people name whether a structure goes on in each direction, in any capitals."""

_CHARGE = re.compile(r"[+-](\d+(\.\d+)?)?|\d+(\.\d+)?[+-]|0")
"""A charge after a symbol: of `Na+`, `Fe3+`, `Fe+3`, `O2-`, `Zr+4.0` and `Fe0`."""

_BEYOND = 1.5
"""Fractional coordinates of a cell spread over less."""

_NAMED = 8
"""Sites of one place that are named in a message."""

_SAME_PLACE = 0.01
"""Fractional and Cartesian coordinates may differ by this [angstrom], the rounding of files."""


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
    """Convert a structure of pymatgen.

    Raises:
        ValueError: If it is not periodic in all directions, or an occupancy is impossible.
    """
    refuse_open({"pbc": structure.lattice.pbc})
    lattice = np.array(structure.lattice.matrix, np.float64)
    fractional = np.array(structure.frac_coords, np.float64).reshape(-1, 3)
    species: list[list[tuple[Any, Any]]]
    if structure.is_ordered:
        species = [[(each.specie.symbol, 1)] for each in structure]
    else:
        species = [[(each.symbol, share) for each, share in site.species.items()] for site in structure]
    told = _Occupancies(len(species))
    told.add(structure.properties)
    if any(site.properties for site in structure):
        told.add(structure.site_properties)
    return _of_species(lattice, species, fractional, told)


def to_pymatgen(crystal: Crystal) -> "Structure":
    """A crystal as a structure of pymatgen, with its occupancies.

    Args:
        crystal: The crystal.
    """
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    species: list[Any] = crystal.atomic_number.tolist()
    if crystal.species is not None:
        species = [_held_symbols(crystal.species.of_site(site)) for site in range(crystal.num_sites)]
    return Structure(Lattice(crystal.lattice), species, crystal.fractional)


def to_ase(crystal: Crystal) -> "Atoms":
    """A crystal as atoms of ASE, with its occupancies as ASE keeps them: in `info`, by the kind of each site.

    Args:
        crystal: The crystal.
    """
    from ase import Atoms

    atoms = Atoms(crystal.atomic_number, scaled_positions=crystal.fractional, cell=crystal.lattice, pbc=True)
    if crystal.species is not None:
        atoms.arrays["spacegroup_kinds"] = np.arange(crystal.num_sites)
        atoms.info["occupancy"] = {
            str(site): _held_symbols(crystal.species.of_site(site)) for site in range(crystal.num_sites)
        }
    return atoms


def _held_symbols(held: Mapping[int, float]) -> dict[str, float]:
    return {symbol_of(number): share for number, share in held.items()}


def _of_species(
    lattice: NDArray[np.float64],
    species: Sequence[Sequence[tuple[Any, Any]]],
    fractional: NDArray[np.float64],
    told: "_Occupancies",
) -> Crystal:
    """A crystal of what its sites hold, by symbol, and of the occupancies that its properties tell."""
    if told.held is None and all(len(site) == 1 and site[0][1] == 1 for site in species):  # of nearly all
        return Crystal(lattice, _numbers([str(site[0][0]) for site in species]), fractional)
    names = [f"site {number}" for number in range(1, len(species) + 1)]
    held = [read_species(site, name) for site, name in zip(species, names, strict=True)]
    partial = next((name for name, site in zip(names, held, strict=True) if not _is_full(site)), "")
    if told.held is not None:
        if partial:
            raise ValueError(f"its `{told.name}` tells occupancies, and {partial} of it has others: leave one out")
        held = told.apply(held)
        names = told.sites
    return crystal_of_symbols(lattice, *_join_places(lattice, held, fractional, names))


def _join_places(
    lattice: NDArray[np.float64],
    held: Sequence[Mapping[str, float]],
    fractional: NDArray[np.float64],
    names: Sequence[str],
) -> tuple[list[dict[str, float]], NDArray[np.float64], list[str]]:
    """The sites of a disordered crystal, those at one place as one, as in a CIF."""
    heads: dict[int, list[int]] = {site: [site] for site in range(len(held))}
    first, second, distance = close_pairs(lattice, fractional) if len(held) else (np.empty(0, int),) * 3
    for site, other in zip(first[distance < ONE_PLACE].tolist(), second[distance < ONE_PLACE].tolist(), strict=True):
        if site in heads and other in heads:
            heads[site] += heads.pop(other)
    joined = ["/".join(names[site] for site in sites[:_NAMED]) for sites in heads.values()]
    species = [
        dict(held[sites[0]])
        if len(sites) == 1
        else read_species([pair for site in sites for pair in held[site].items()], name)
        for sites, name in zip(heads.values(), joined, strict=True)
    ]
    return species, fractional[[*heads]], joined


def crystal_of_symbols(
    lattice: NDArray[np.float64],
    held: Sequence[Mapping[str, float]],
    fractional: NDArray[np.float64],
    names: Sequence[str],
    kinds: NDArray[np.int64] | None = None,
) -> Crystal:
    """A crystal of sites that hold elements by symbol.

    Args:
        lattice: (3, 3), one lattice vector per row [angstrom].
        held: Occupancy by symbol, of each kind of site, from `read_species`.
        fractional: (num_sites, 3).
        names: What to call each kind in messages.
        kinds: (num_sites,); kind of each site, each its own unless given.

    Raises:
        ValueError: As for any crystal.
    """
    number = {symbol: atomic_number(symbol) for site in held for symbol in site}
    for site, name in zip(held, names, strict=True):
        if unknown := [symbol for symbol in site if not number[symbol]]:
            raise ValueError(
                f"{name} holds {unknown[0]}, which is not an element; a vacancy is what the occupancies of a site lack "
                "to 1"
            )
    if held and not any(held):
        raise ValueError(f"its cell is empty: {names[0]} holds nothing, and no other site does")
    if kinds is None:
        kinds = np.arange(len(held), dtype=np.int64)
    if all(map(_is_full, held)):
        return Crystal(lattice, _numbers([next(iter(site)) for site in held])[kinds], fractional)
    sites = []
    for site in held:
        of_site: dict[int, float] = {}
        for symbol, share in site.items():  # deuterium is hydrogen
            of_site[number[symbol]] = of_site.get(number[symbol], 0.0) + share
        sites.append(of_site)
    first = next(row for row, site in enumerate(held) if not _is_full(site))
    partial = f"{names[first]} holds {format_species(held[first])}"
    return Crystal.of_sites(lattice, sites, fractional, partial, kinds)


def _is_number(given: Any) -> bool:
    try:
        float(given)
    except (TypeError, ValueError):
        return given is None
    return True


def _is_full(site: Mapping[str, float]) -> bool:
    return [*site.values()] == [1.0]


def from_dictionary(content: dict[str, Any]) -> Crystal:
    """Convert a pymatgen `Structure.as_dict`, without building the Structure, or an `Atoms.to_dict` of JARVIS.

    Raises:
        ValueError: If it is not such a dictionary, is not periodic in all directions, or an occupancy is impossible.
    """
    if "lattice" in content or "lattice_mat" in content:
        refuse_open(content)
    if "lattice_mat" in content:
        return _from_jarvis(content)
    try:
        lattice = _table(content["lattice"]["matrix"], "its lattice vector")
        sites = content["sites"]
        fractional = _table([site["abc"] for site in sites], "`abc` of site")
        species = [
            [(each["element"], _share(each, number)) for each in site["species"]]
            for number, site in enumerate(sites, start=1)
        ]
        positions = {row: site["xyz"] for row, site in enumerate(sites) if site.get("xyz") is not None}
    except KeyError as error:
        raise ValueError(f"it is not a pymatgen structure: it lacks {error}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"it is not a pymatgen structure: {error}") from error
    refuse_open(content["lattice"])
    told = _Occupancies(len(sites))
    told.add(content)
    told.add(content.get("properties"))
    if any(site.get("properties") for site in sites):
        told.add(_columns([site.get("properties") or {} for site in sites]))
    _compare_edges(lattice, content["lattice"])
    refuse_angstrom(fractional, np.linalg.norm(lattice, axis=1).tolist())
    crystal = _of_species(lattice, species, fractional, told)
    if positions:
        _compare_positions(lattice, fractional, positions)
    return crystal


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The properties of sites, each as one list."""
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


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


def _share(species: Mapping[str, Any], number: int) -> Any:
    """Share of an element on a site: pymatgen writes `occu`, people `occupancy` too."""
    shares = {name: value for name, value in species.items() if is_occupancy_name(name)}
    told = [share for share in shares.values() if share != 1]
    if any(share != told[0] for share in told[1:]) and told[0] == told[0]:  # NaN is refused as what it is
        listed = ", ".join(f"`{name}` {share}" for name, share in shares.items())
        raise ValueError(f"site {number} has two occupancies of {species['element']} ({listed}): leave one out")
    return told[0] if told else 1


def _compare_edges(lattice: np.ndarray[Any, np.dtype[np.float64]], told: Mapping[str, Any]) -> None:
    """Refuse a lattice whose lengths are not those of its vectors: one of them was changed alone."""
    for name, edge in zip("abc", np.linalg.norm(lattice, axis=1).tolist(), strict=True):
        length = told.get(name)
        if isinstance(length, int | float) and not abs(length - edge) < _SAME_PLACE:
            raise ValueError(f"its lattice vector {name} is {edge:.6g} angstrom long, its `{name}` is {length}")


def _compare_positions(
    lattice: NDArray[np.float64], fractional: NDArray[np.float64], positions: dict[int, Any]
) -> None:
    """Refuse a structure whose Cartesian coordinates are of other places than its fractional ones."""
    try:
        given = np.array([*positions.values()], np.float64).reshape(-1, 3) @ np.linalg.inv(lattice)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`xyz` of its sites are not three numbers each: {error}") from error
    apart = given - fractional[[*positions]]
    distance = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=1)
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
    Crystal(lattice, _numbers(symbols), places)  # which refuses a cell without volume
    if cartesian:
        places = places @ np.linalg.inv(lattice)
    else:
        refuse_angstrom(places, np.linalg.norm(lattice, axis=1).tolist())
    told = _Occupancies(len(symbols))
    told.add(content)
    return _of_species(lattice, [[(symbol, 1)] for symbol in symbols], places, told)


def from_ase(atoms: "Atoms") -> Crystal:
    """Convert atoms of ASE that are periodic in all directions.

    Raises:
        ValueError: If it is not periodic in all directions, has no cell, or an occupancy is impossible.
    """
    if not atoms.pbc.all():
        raise ValueError(f"it is periodic in {int(atoms.pbc.sum())} of 3 directions, a crystal in all of them")
    if not atoms.cell.rank == 3:
        raise ValueError("it has no unit cell")
    refuse_open(atoms.info)
    kinds = atoms.arrays.get("spacegroup_kinds")
    told = _Occupancies(len(atoms), None if kinds is None else [str(kind) for kind in kinds.tolist()])
    told.add(atoms.info)
    told.add(atoms.arrays)
    lattice = np.array(atoms.cell.array)
    fractional = np.array(atoms.get_scaled_positions(wrap=False))
    if told.held is None:
        return Crystal(lattice, atoms.numbers.astype(np.uint8), fractional)
    return _of_species(lattice, [[(symbol, 1)] for symbol in atoms.get_chemical_symbols()], fractional, told)


_OWN = "its element"
"""Stands for the element of a site, where its occupancy alone is told."""


class _Occupancies:
    """What properties of a structure tell of occupancies: ASE's own dictionary by kind of site, or a number a site.

    Args:
        num_sites: Number of sites.
        kinds: Kind of each site; None if not known.

    Attributes:
        held: Of each site what it holds by symbol, or its occupancy; None if all are full.
        name: Of the property that tells so.
        sites: What to call each site in messages.
    """

    def __init__(self, num_sites: int, kinds: Sequence[str] | None = None) -> None:
        self.num_sites, self.kinds = num_sites, kinds
        self.held: list[dict[str, float] | float] | None = None
        self.name, self.sites = "", list[str]()

    def add(self, content: Any) -> None:
        """Look at properties by name.

        Args:
            content: The properties.

        Raises:
            ValueError: If an occupancy is impossible, or two of them differ.
        """
        for name, given in content.items() if isinstance(content, Mapping) else ():
            if isinstance(name, str) and is_occupancy_name(name) and given is not None:
                self._add(given, name)

    def _add(self, given: Any, name: str) -> None:
        if isinstance(given, Mapping):
            held, sites = self._of_kinds(given, name)
        else:
            held, sites = self._of_numbers(given, name)
        if not held:
            return
        if self.held is not None and self.held != held:
            raise ValueError(f"its `{self.name}` and its `{name}` tell different occupancies: leave one out")
        self.held, self.name, self.sites = held, name, sites

    def _of_kinds(self, given: Mapping[Any, Any], name: str) -> tuple[list[dict[str, float] | float], list[str]]:
        """Of each site what its kind holds; nothing if all are full."""
        found: dict[str, dict[str, float]] = {}
        for kind, parts in given.items():
            shared = list(parts.items()) if isinstance(parts, Mapping) else [(_OWN, parts)]
            found[str(kind)] = read_species(shared, f"site {kind} of its `{name}`")
        if all(map(_is_full, found.values())):
            return [], []
        kinds = self.kinds
        if kinds is None:
            kind, held = next((kind, held) for kind, held in found.items() if not _is_full(held))
            kinds = [str(site) for site in range(self.num_sites)]
            if {*kinds} != {*found}:
                raise ValueError(
                    f"it is disordered: site {kind} of its `{name}` holds {format_species(held)}, and nothing "
                    "(`spacegroup_kinds`) tells which of its atoms these sites are"
                )
        if missing := [kind for kind in kinds if kind not in found]:
            raise ValueError(f"its `{name}` has no occupancy of site {missing[0]}")
        held_by_site: list[dict[str, float] | float] = []
        for kind in kinds:
            own = found[kind].get(_OWN)
            held_by_site.append(found[kind] if own is None else own)
        return held_by_site, [f"site {kind} of its `{name}`" for kind in kinds]

    def _of_numbers(self, given: Any, name: str) -> tuple[list[dict[str, float] | float], list[str]]:
        """Occupancy of each site by its own element; nothing if all are full."""
        several = isinstance(given, Iterable) and not isinstance(given, str)
        values = given if several else [given]
        try:
            shares = np.array([1 if each is None else each for each in values], np.float64).reshape(-1)
        except (TypeError, ValueError) as error:
            wrong = ((row, each) for row, each in enumerate(values, start=1) if not _is_number(each))
            number, other = next(wrong, (1, given))
            raise ValueError(
                f"site {number} of its `{name}` is {str(other)!r}, which is neither a number nor a dictionary of "
                "elements by site"
            ) from error
        sites = [f"site {number} of its `{name}`" for number in range(1, len(shares) + 1)]
        held: list[dict[str, float] | float] = [
            read_species([(_OWN, share)], site).get(_OWN, 0.0)
            for share, site in zip(shares.tolist(), sites, strict=True)
        ]
        if all(share == 1 for share in held):
            return [], []
        if len(held) != self.num_sites:
            raise ValueError(f"its `{name}` has {len(held)} occupancies for {self.num_sites} sites")
        if any(each is None for each in values):
            missing = [each is None for each in values].index(True)
            raise ValueError(f"{sites[missing]} has no occupancy, others have")
        return held, sites

    def apply(self, elements: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
        """What each site holds.

        Args:
            elements: The element of each site.

        Raises:
            ValueError: If it is none of those that its site holds.
        """
        sites = []
        for element, held, name in zip(elements, self.held or [], self.sites, strict=True):
            own = next(iter(element))
            if not isinstance(held, dict):
                sites.append({own: held} if held else {})
                continue
            if held and own not in held:
                raise ValueError(f"{name} holds {format_species(held)}, but its atom is {own}")
            sites.append(held)
        return sites


def _numbers(symbols: list[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Atomic numbers; 0 for symbols that are not elements, such as pymatgen's dummy species."""
    known = {symbol: atomic_number(symbol) for symbol in set(symbols)}
    return np.array([known[symbol] for symbol in symbols], np.uint8)


@lru_cache(maxsize=2**10)
def atomic_number(symbol: str) -> int:
    """Atomic number of a symbol; 0 if it is not that of an element.

    Args:
        symbol: For example `Na`.
    """
    from pymatgen.core.periodic_table import Element

    return int(Element(symbol).Z) if Element.is_valid_symbol(symbol) else 0
