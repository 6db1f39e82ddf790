"""Entries of OPTIMADE servers as rows of a table of cells."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gnn_sim2real.featurize.composition import formula_of_counts
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS

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

_NO_CELL = dict.fromkeys(CELL_COLUMNS[:6], float("nan"))
_BEYOND = 2.0**31 / 1e8


def to_rows(entries: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Turn entries into rows with `TABLE_COLUMNS` and one column per property.

    An entry that is not an ordered crystal, periodic in three directions, keeps its row, with the reason in `problem`.

    Args:
        entries: Entries as the server gives them.
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


def structure_row(name: str, read: Callable[[], Crystal], values: Mapping[str, float | None]) -> dict[str, Any]:
    """The row of a crystal that another library has read.

    Args:
        name: Identifier of the entry.
        read: Returns the crystal, or raises a ValueError with the reason.
        values: Value of each property column.
    """
    row: dict[str, Any] = _empty_row(name) | dict(values)
    try:
        crystal = read()
    except ValueError as error:
        return row | {"problem": str(error)}
    from pymatgen.core.periodic_table import Element

    symbols = [str(Element.from_Z(int(number))) for number in crystal.atomic_number]
    row |= {"lattice": crystal.lattice, "positions": crystal.fractional @ crystal.lattice, "nsites": len(symbols)}
    row |= {"species": " ".join(symbols), "reduced_formula": _formula(symbols)}
    _fill_cells([row])
    del row["lattice"], row["positions"]
    return row


def _empty_row(name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"material_id": name, "reduced_formula": "", "nsites": 0, "volume": float("nan")}
    return row | _NO_CELL | {"species": "", "frac_e8": [], "problem": None}


def name_of(entry: Mapping[str, Any]) -> str:
    """Identifier of an entry; the hash of its content if the server gives none, although the standard demands it.

    Args:
        entry: Entry as the server gives it.
    """
    if identifier := entry.get("id") or entry["attributes"].get("immutable_id"):
        return str(identifier)
    return f"unnamed-{hashlib.sha256(orjson.dumps(entry['attributes'])).hexdigest()[:16]}"


def _read(entry: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    attributes = entry["attributes"]
    row = _empty_row(name_of(entry))
    try:
        lattice, positions, symbols = _read_sites(attributes)
        row |= {"lattice": lattice, "positions": positions, "nsites": len(symbols), "species": " ".join(symbols)}
        row["reduced_formula"] = _formula(symbols)
        for column, field in fields.items():
            row[column] = _read_value(attributes, field)
    except ValueError as error:
        row |= {"problem": str(error), "species": ""}
        row |= {column: None for column in fields if column not in row}
    return row


def _read_sites(attributes: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Lattice, positions [angstrom] and symbols of an ordered crystal."""
    features = attributes.get("structure_features") or []
    features = [each for each in features if each != "site_attachments"] if isinstance(features, list) else [features]
    if features:
        raise ValueError(f"not an ordered crystal: it has {', '.join(map(str, features))}")
    dimensions = attributes.get("dimension_types")
    if isinstance(dimensions, list) and dimensions != [1, 1, 1]:
        raise ValueError(f"not a crystal: it is periodic in {sum(map(bool, dimensions))} of 3 directions")
    lattice = _numbers(attributes.get("lattice_vectors"), "lattice_vectors")
    positions = _numbers(attributes.get("cartesian_site_positions"), "cartesian_site_positions")
    if lattice.shape != (3, 3):
        raise ValueError("not a crystal: `lattice_vectors` are not three vectors")
    symbols = _read_symbols(attributes)
    if len(positions) != len(symbols):
        raise ValueError(f"{len(positions)} positions for {len(symbols)} sites")
    wanted = attributes.get("nsites")
    if isinstance(wanted, int) and wanted != len(symbols):
        raise ValueError(f"{len(symbols)} sites, though `nsites` is {wanted}")
    return lattice, positions, symbols


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    if not values:
        raise ValueError(f"no structure: `{name}` is missing")
    try:
        numbers = np.array(values, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`{name}` contains a value that is not a number") from error
    if numbers.ndim != 2 or numbers.shape[1] != 3 or not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` are not rows of three finite numbers")
    return numbers


def _read_symbols(attributes: Mapping[str, Any]) -> list[str]:
    """Symbol of each site; in the standard, sites have names of species, and species have elements."""
    names, species = attributes.get("species_at_sites"), attributes.get("species")
    if not isinstance(names, list) or not names:
        raise ValueError("no structure: `species_at_sites` is missing")
    held: dict[Any, list[str]] = {}
    for each in species if isinstance(species, list) else []:
        if isinstance(each, dict) and isinstance(each.get("chemical_symbols"), list):
            held[each.get("name")] = each["chemical_symbols"]
    symbols = []
    for name in names:
        elements = held.get(name, [name]) if isinstance(name, str) else []
        if len(elements) != 1:
            raise ValueError(f"not an ordered crystal: a site holds {', '.join(map(str, elements)) or 'nothing'}")
        if not _is_element(elements[0]):
            raise ValueError(f"a site of an unknown element: {elements[0]}")
        symbols.append(elements[0])
    return symbols


@lru_cache(maxsize=1024)
def _is_element(symbol: str) -> bool:
    from pymatgen.core.periodic_table import Element

    return isinstance(symbol, str) and bool(Element.is_valid_symbol(symbol))


def _formula(symbols: list[str]) -> str:
    return _formula_of(tuple(sorted(symbols)))


@lru_cache(maxsize=2**16)
def _formula_of(symbols: tuple[str, ...]) -> str:
    from pymatgen.core.periodic_table import Element

    counts = np.bincount([Element(symbol).Z for symbol in symbols]).tolist()
    return formula_of_counts({number: count for number, count in enumerate(counts) if count})


def _read_value(attributes: Mapping[str, Any], field: str) -> float | None:
    value: Any = attributes
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"`{field}` is not a number but {str(value)[:40]!r}")
    return float(value)


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
        row.update(zip(CELL_COLUMNS[:6], cell, strict=True), volume=volume, frac_e8=sites.ravel())
