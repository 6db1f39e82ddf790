"""Entries of OPTIMADE servers as rows of a table of cells."""

import hashlib
import reprlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gnn_sim2real.databases.repeated import Repeated
from gnn_sim2real.featurize.composition import formula_of_amounts, formula_of_counts
from gnn_sim2real.featurize.crystal import Crystal, require_apart
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, read_site
from gnn_sim2real.featurize.site_species import SiteSpecies, read_species

CELL_FIELDS = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
    "nsites",
    "dimension_types",
    "structure_features",
    "last_modified",
)
"""Fields of the standard that describe a crystal."""

TABLE_COLUMNS = ("material_id", "reduced_formula", "nsites", "volume", *CELL_COLUMNS, "problem")
"""Columns of a snapshot beside those of the properties; `problem` tells why a row has no usable crystal."""

MAX_SITES = 10_000
"""Entries with more sites are refused: no database of calculations has them, and their graphs would fill the memory."""

_FARTHEST = 1e6
"""Largest length and coordinate [angstrom]; beyond it the digits of a coordinate no longer tell where an atom is."""

_LONGEST_NAME = 200
_LARGEST_VALUE = 1e300
_LARGEST_SHARE = 1e3  # of a site; a number of 400 digits is not a float
_NO_CELL = dict.fromkeys(CELL_COLUMNS[:6], float("nan"))
_BEYOND = 2.0**31 / 1e8


def to_rows(entries: Sequence[Any], fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Turn entries into rows with `TABLE_COLUMNS` and one column per property.

    An entry that is not a crystal, periodic in three directions, keeps its row, with the reason in `problem`;
    so does one that is no entry at all.

    Args:
        entries: Entries as the server gives them, whatever they are.
        fields: Field of each property column; a dot in its name leads into a dictionary.
    """
    rows = [_read(entry, fields) for entry in entries]
    whole = [row for row in rows if row["problem"] is None]
    if whole:
        _fill_cells(whole)
    for row in rows:
        row.pop("lattice", None)
        row.pop("positions", None)
    return rows


def structure_row(name: str, read: Callable[[], tuple[Crystal, Mapping[str, float | None]]]) -> dict[str, Any]:
    """The row of a crystal that another library has read.

    Args:
        name: Identifier of the entry.
        read: Returns the crystal and the value of each property column, or raises an error with the reason.
    """
    row: dict[str, Any] = _empty_row(name)
    try:
        crystal, values = read()
        if crystal.num_sites > MAX_SITES:
            raise ValueError(f"{crystal.num_sites:,} sites; up to {MAX_SITES:,} are read")
    except Exception as error:  # whatever a stranger wrote into this entry, the others are read
        return row | {"problem": _reason(error)}
    from pymatgen.core.periodic_table import Element

    if crystal.species is None:
        symbols = [str(Element.from_Z(int(number))) for number in crystal.atomic_number]
    else:
        symbols = [crystal.species.spell(site) for site in range(crystal.num_sites)]
    row |= {"lattice": crystal.lattice, "positions": crystal.fractional @ crystal.lattice, "nsites": len(symbols)}
    row |= {"species": " ".join(symbols), "reduced_formula": _formula(symbols)} | dict(values)
    _fill_cells([row])
    del row["lattice"], row["positions"]
    return row


def _reason(error: Exception) -> str:
    """Why an entry is refused, in one line."""
    if not isinstance(error, ValueError):
        return f"unreadable ({type(error).__name__})"
    return "".join(each if each.isprintable() else " " for each in str(error)[:500])


def _empty_row(name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"material_id": name, "reduced_formula": "", "nsites": 0, "volume": float("nan")}
    return row | _NO_CELL | {"species": "", "frac_e8": [], "problem": None}


def name_of(entry: Any) -> str:
    """Identifier of an entry; the hash of its content if the server gives none, although the standard demands it.

    Args:
        entry: Entry as the server gives it, whatever it is.
    """
    given = entry.get("id") if isinstance(entry, Mapping) else None
    attributes = entry.get("attributes") if isinstance(entry, Mapping) else entry
    if not given and isinstance(attributes, Mapping):
        given = attributes.get("immutable_id")
    if given and isinstance(given, str | int) and not isinstance(given, bool):
        # Half a surrogate pair is not a text that can be saved; control characters would reach the terminal.
        name = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(given))
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 20]}-{digest}"
    content = entry if attributes is None or given else attributes
    return f"unnamed-{hashlib.sha256(_to_bytes(content)).hexdigest()[:16]}"


def _to_bytes(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:  # large numbers, half surrogate pairs, deep nesting
        return reprlib.repr(content).encode(errors="backslashreplace")


def _read(entry: Any, fields: Mapping[str, str]) -> dict[str, Any]:
    row = _empty_row(name_of(entry))
    try:
        attributes = entry.get("attributes") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping):
            raise ValueError(f"not an entry but {_show(entry)}")
        if isinstance(entry, Repeated):
            raise ValueError(
                f"the name {_show(entry.name)} is there twice in one object, so that its value is not known"
            )
        if isinstance(entry.get("id"), list | Mapping | bool | float):
            raise ValueError(f"`id` is not a name but {_show(entry['id'])}")
        if not isinstance(attributes, Mapping):
            raise ValueError(f"`attributes` is not an object but {_show(attributes)}")
        lattice, positions, symbols = _read_sites(attributes)
        row |= {"lattice": lattice, "positions": positions, "nsites": len(symbols), "species": " ".join(symbols)}
        row["reduced_formula"] = _formula(symbols)
        for column, field in fields.items():
            row[column] = _read_value(attributes, field)
    except Exception as error:  # whatever a stranger wrote into this entry, the others are read
        row |= {"problem": _reason(error), "species": ""}
    return row


def _show(value: Any) -> str:
    """A value of a stranger, for a reason: its beginning, in one line of printable characters."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return ascii(value if len(value) <= 40 else f"{value[:37]}...")
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) or abs(value) < 2**53 else "a number of many digits"
    return "a list" if isinstance(value, list) else "an object"


def _read_sites(attributes: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Lattice, positions [angstrom] of a crystal, and what each site holds, as a file of cells spells it."""
    features = attributes.get("structure_features") or []
    features = (
        [each for each in features if each not in ("site_attachments", "disorder")]
        if isinstance(features, list)
        else [features]
    )
    if features:
        raise ValueError(f"not a plain crystal: it has {_list(features)}")
    dimensions = attributes.get("dimension_types")
    if isinstance(dimensions, list) and dimensions != [1, 1, 1]:
        raise ValueError(f"not a crystal: it is periodic in {sum(map(bool, dimensions))} of 3 directions")
    symbols = _read_symbols(attributes)
    lattice = _numbers(attributes.get("lattice_vectors"), "lattice_vectors")
    positions = _numbers(attributes.get("cartesian_site_positions"), "cartesian_site_positions")
    if lattice.shape != (3, 3):
        raise ValueError("not a crystal: `lattice_vectors` are not three vectors")
    if len(positions) != len(symbols):
        raise ValueError(f"{len(positions)} positions for {len(symbols)} sites")
    wanted = attributes.get("nsites")
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and wanted != len(symbols):
        raise ValueError(f"{len(symbols)} sites, though `nsites` is {_show(wanted)}")
    filled = [row for row, symbol in enumerate(symbols) if symbol]
    return lattice, positions[filled], [symbols[row] for row in filled]


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    if not values:
        raise ValueError(f"no structure: `{name}` is missing")
    if not isinstance(values, list):
        raise ValueError(f"`{name}` is not a list but {_show(values)}")
    for row in values:
        if not isinstance(row, list) or len(row) != 3:
            raise ValueError(f"`{name}` are not rows of three finite numbers")
        for value in row:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"`{name}` contains a value that is not a number: {_show(value)}")
            if not -_FARTHEST <= value <= _FARTHEST:  # NaN as well
                raise ValueError(f"`{name}` contains {_show(value)}, which is not a length in angstrom")
    return np.array(values, np.float64)


def _read_symbols(attributes: Mapping[str, Any]) -> list[str]:
    """What each site holds; in the standard, sites have names of species, and species have elements."""
    names, species = attributes.get("species_at_sites"), attributes.get("species")
    if not isinstance(names, list) or not names:
        raise ValueError("no structure: `species_at_sites` is missing")
    if len(names) > MAX_SITES:
        raise ValueError(f"{len(names):,} sites; up to {MAX_SITES:,} are read")
    held: dict[str, str] = {}
    symbols = []
    species_by_name: dict[str, Mapping[str, Any]] = {}
    for each in species if isinstance(species, list) else []:
        named = isinstance(each, Mapping) and isinstance(each.get("name"), str)
        if named and species_by_name.setdefault(each["name"], each) != each:
            raise ValueError(f"`species` describes {_show(each['name'])} twice, and differently")
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"`species_at_sites` contains {_show(name)} where the name of a species belongs")
        if name not in held:
            held[name] = _element_of(name, species_by_name.get(name))
        symbols.append(held[name])
    return symbols


def _element_of(name: str, species: Mapping[str, Any] | None) -> str:
    """What a site holds, nothing if it is vacant; without a description of the species, its name is the element."""
    described = species or {}
    elements = described.get("chemical_symbols", [name])
    if not isinstance(elements, list):
        raise ValueError(f"`chemical_symbols` of {_show(name)} is not a list but {_show(elements)}")
    shares = described.get("concentration")
    if shares is None:
        shares = [1] * len(elements)
    if not (isinstance(shares, list) and len(shares) == len(elements) and all(map(_is_number, shares))):
        raise ValueError(f"`concentration` of {_show(name)} is not one number for each of its `chemical_symbols`")
    if described.get("attached"):
        raise ValueError(f"atoms are attached to its sites {_show(name)} without coordinates")
    spelled = [each if _is_plain(each) else _show(each) for each in elements]
    held = read_species(list(zip(spelled, shares, strict=True)), f"a site of species {_show(name)}")
    held.pop("vacancy", None)
    for element in held:
        if not _is_element(element):
            raise ValueError(f"a site of an unknown element: {element}")
    if not held:
        return ""
    site = SiteSpecies.of_sites([_by_number(held)])
    return site.spell(0) if site.is_partial.any() else next(iter(held))


def _by_number(held: Mapping[str, float]) -> dict[int, float]:
    from pymatgen.core.periodic_table import Element

    found: dict[int, float] = {}
    for symbol, share in held.items():  # D is H
        number = int(Element(symbol).Z)
        found[number] = found.get(number, 0.0) + share
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_SHARE


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 40 and value.isprintable()


def _list(values: list[Any]) -> str:
    return ", ".join(value if _is_plain(value) else _show(value) for value in values[:8])


@lru_cache(maxsize=1024)
def _is_element(symbol: str) -> bool:
    from pymatgen.core.periodic_table import Element

    return bool(Element.is_valid_symbol(symbol))


def _formula(symbols: list[str]) -> str:
    return _formula_of(tuple(sorted(Counter(symbols).items())))


@lru_cache(maxsize=2**16)
def _formula_of(counts: tuple[tuple[str, int], ...]) -> str:
    from pymatgen.core.periodic_table import Element

    if all(_is_element(symbol) for symbol, _ in counts):
        found: Counter[int] = Counter()
        for symbol, count in counts:  # D is H
            found[Element(symbol).Z] += count
        return formula_of_counts(dict(sorted(found.items())))
    amounts: dict[int, float] = {}
    for text, count in counts:
        for number, share in read_site(text).items():
            amounts[number] = amounts.get(number, 0.0) + count * share
    return formula_of_amounts(amounts)


def _read_value(attributes: Mapping[str, Any], field: str) -> float | None:
    value: Any = attributes
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return to_number(value, field)


def to_number(value: Any, field: str) -> float | None:
    """A value of a property; None if there is none.

    Args:
        value: What the server gives.
        field: Name of the field, for the message.

    Raises:
        ValueError: If it is not a finite number. A text is not taken for the number that it may spell.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"`{field}` is not a number: {_show(value)}")
    if not -_LARGEST_VALUE <= value <= _LARGEST_VALUE:
        raise ValueError(f"`{field}` is not a finite number: {_show(value)}")
    return float(value)


def _occupancy(species: str) -> NDArray[np.float64] | None:
    """(num_sites,); by how much each site is filled; None if all are full."""
    if "." not in species:
        return None
    return np.array([sum(read_site(text).values()) for text in species.split()])


def _fill_cells(rows: list[dict[str, Any]]) -> None:
    """Cell parameters, volumes and fractional coordinates of rows with a structure, all at once."""
    lattices = np.array([row["lattice"] for row in rows])
    volumes = np.abs(np.linalg.det(lattices))
    for row in [row for row, volume in zip(rows, volumes, strict=True) if not volume > 1e-3]:
        row |= {"problem": "not a crystal: its cell has no volume", "species": ""}
    kept = volumes > 1e-3
    if not kept.any():
        return
    rows, lattices, volumes = [row for row, keep in zip(rows, kept, strict=True) if keep], lattices[kept], volumes[kept]
    lengths = np.linalg.norm(lattices, axis=2)
    pairs = np.stack([(lattices[:, i] * lattices[:, j]).sum(1) for i, j in ((1, 2), (0, 2), (0, 1))], axis=1)
    norms = np.stack([lengths[:, i] * lengths[:, j] for i, j in ((1, 2), (0, 2), (0, 1))], axis=1)
    angles = np.degrees(np.arccos(np.clip(pairs / norms, -1, 1)))
    inverse = np.linalg.inv(lattices)
    count = [row["nsites"] for row in rows]
    flat = np.einsum(
        "si,sij->sj", np.concatenate([row["positions"] for row in rows]), np.repeat(inverse, count, axis=0)
    )
    # Far outside the cell the numbers would overflow; any other image is as good.
    flat = np.where(np.abs(flat) < _BEYOND, flat, flat - np.floor(flat))
    whole = np.round(flat * 1e8).astype(np.int32)
    for row, volume, cell, sites in zip(
        rows,
        volumes.tolist(),
        np.concatenate([lengths, angles], axis=1).tolist(),
        np.split(whole, np.cumsum(count)[:-1]),
        strict=True,
    ):
        try:
            require_apart(row["lattice"], sites * 1e-8, _occupancy(row["species"]))
        except ValueError as error:
            row |= {"problem": str(error), "species": ""}
            continue
        row.update(zip(CELL_COLUMNS[:6], cell, strict=True), volume=volume, frac_e8=sites.ravel())
