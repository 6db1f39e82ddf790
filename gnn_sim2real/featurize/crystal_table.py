"""Many crystals without an object for each: flat arrays, and parquet files of cells that are read when needed."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.site_species import SiteSpecies, read_species
from gnn_sim2real.graph import NUM_ELEMENTS

if TYPE_CHECKING:
    import pyarrow

CELL_COLUMNS = ("a", "b", "c", "alpha", "beta", "gamma", "species", "frac_e8")
"""Columns of a file of cells: edges [angstrom], angles [degree], symbols separated by spaces, coordinates x 1e8.

A disordered site is spelled with its occupancies, such as `Li0.5Na0.25`.
"""

_CHUNK = 8192
_FEW_ROWS = 16384
"""If the row groups have more rows than this, and more than 8 times those wanted, the whole file is read instead and
stays in memory."""


class CrystalTable(Sequence[Any]):
    """Crystals in flat arrays.

    Args:
        lattice: (num_crystals, 3, 3) [angstrom].
        atomic_number: (num_sites,) of all crystals; 0 for symbols that are not elements.
        fractional: (num_sites, 3).
        pointer: (num_crystals + 1,); where the sites of each crystal start.
        species: What each site holds; None if all crystals are ordered.
    """

    def __init__(
        self,
        lattice: NDArray[np.float64],
        atomic_number: NDArray[np.uint8],
        fractional: NDArray[np.float64],
        pointer: NDArray[np.int64],
        species: SiteSpecies | None = None,
    ) -> None:
        self.lattice, self.atomic_number, self.fractional, self.pointer = lattice, atomic_number, fractional, pointer
        self.species = None if species is None or not species.is_partial.any() else species

    @classmethod
    def from_crystals(cls, crystals: Iterable[Crystal]) -> "CrystalTable":
        """Concatenate crystals."""
        crystals = list(crystals)
        return cls(
            np.array([each.lattice for each in crystals]).reshape(-1, 3, 3),
            np.concatenate([np.empty(0, np.uint8), *(each.atomic_number for each in crystals)]),
            np.concatenate([np.empty((0, 3)), *(each.fractional for each in crystals)]),
            np.cumsum([0, *(each.num_sites for each in crystals)]),
            _species_of(crystals),
        )

    def __len__(self) -> int:
        return len(self.lattice)

    @overload
    def __getitem__(self, index: int) -> Crystal: ...

    @overload
    def __getitem__(self, index: slice) -> "CrystalTable": ...

    def __getitem__(self, index: int | slice) -> "Crystal | CrystalTable":
        """One crystal, or several.

        Raises:
            ValueError: If one crystal is wanted and its row is not a valid one.
        """
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = range(len(self))[index]
        sites = slice(self.pointer[row], self.pointer[row + 1])
        crystal = Crystal(self.lattice[row], self.atomic_number[sites], self.fractional[sites])
        if self.species is None:
            return crystal
        held = self.species.take(np.arange(sites.start, sites.stop))
        return replace(crystal, species=held) if held.is_partial.any() else crystal

    @property
    def is_disordered(self) -> NDArray[np.bool_]:
        """(num_crystals,); whether a site of each is not full of one element."""
        if self.species is None:
            return np.zeros(len(self), np.bool_)
        before = np.concatenate([[0], np.cumsum(self.species.is_partial)])
        return np.asarray(before[self.pointer[1:]] > before[self.pointer[:-1]])

    def take(self, rows: NDArray[np.int64]) -> "CrystalTable":
        """The crystals in these rows."""
        count = np.diff(self.pointer)[rows]
        pointer = np.concatenate([[0], np.cumsum(count)])
        sites = np.arange(pointer[-1]) + np.repeat(self.pointer[:-1][rows] - pointer[:-1], count)
        held = None if self.species is None else self.species.take(sites)
        return CrystalTable(self.lattice[rows], self.atomic_number[sites], self.fractional[sites], pointer, held)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all arrays; names the graphs in the cache."""
        digest = hashlib.sha256()
        for array in (self.pointer, self.lattice, self.atomic_number, self.fractional):
            digest.update(np.ascontiguousarray(array).data)
        if self.species is not None:
            for array in (self.species.count, self.species.atomic_number, self.species.share):
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @property
    def element_counts(self) -> NDArray[np.float64]:
        """(num_crystals, NUM_ELEMENTS); atoms of each element, by occupancy."""
        owner, size = np.repeat(np.arange(len(self)), np.diff(self.pointer)), len(self) * NUM_ELEMENTS
        if self.species is None:
            flat = np.bincount(owner * NUM_ELEMENTS + self.atomic_number, minlength=size)
        else:
            place = owner[self.species.site] * NUM_ELEMENTS + self.species.atomic_number
            flat = np.bincount(place, weights=self.species.share, minlength=size)
        return flat.reshape(len(self), NUM_ELEMENTS).astype(np.float64)


class CrystalFile(Sequence[Any]):
    """Crystals of a parquet file with `CELL_COLUMNS`; the structures are read when the first one is needed.

    Args:
        path: The file.

    Raises:
        ValueError: If it is not a parquet file, or lacks a column.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._rows = np.arange(_check_columns(self.path))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Crystal: ...

    @overload
    def __getitem__(self, index: slice) -> CrystalTable: ...

    def __getitem__(self, index: int | slice) -> Crystal | CrystalTable:
        """One crystal, or several in flat arrays; for neighboring rows only their part of the file is read."""
        if not isinstance(index, slice):
            return self.crystals[int(self._rows[index])]
        rows = self._rows[index]
        group = np.searchsorted(self._group_ends, rows, side="right")
        size, groups = np.diff(self._group_ends, prepend=0), np.unique(group)
        if "crystals" in self.__dict__ or int(size[groups].sum()) > max(_FEW_ROWS, 8 * len(rows)) or not len(rows):
            return self.crystals.take(rows)
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self.path) as file:
            some = crystals_of_columns(file.read_row_groups(groups.tolist(), columns=list(CELL_COLUMNS)))
        first = np.zeros(len(size), np.int64)
        first[groups] = np.cumsum(size[groups]) - size[groups]
        return some.take(rows - (self._group_ends - size)[group] + first[group])

    @cached_property
    def _group_ends(self) -> NDArray[np.int64]:
        """Row after the last one of each row group of the file."""
        import pyarrow.parquet

        metadata = pyarrow.parquet.read_metadata(self.path)
        return np.cumsum([metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)])

    def take(self, rows: NDArray[np.int64]) -> "CrystalFile":
        """The crystals in these rows, still unread."""
        other = object.__new__(CrystalFile)
        other.__dict__ = {name: value for name, value in self.__dict__.items() if name not in ("content_hash", "names")}
        other._rows = self._rows[rows]
        return other

    @cached_property
    def crystals(self) -> CrystalTable:
        """All crystals of the file."""
        import pyarrow.parquet

        return crystals_of_columns(pyarrow.parquet.read_table(self.path, columns=list(CELL_COLUMNS)))

    @property
    def is_disordered(self) -> NDArray[np.bool_]:
        """(num_crystals,); whether a site of each is not full of one element."""
        return self.crystals.is_disordered[self._rows]

    @cached_property
    def names(self) -> list[str]:
        """Name of each crystal in the column `material_id`, or the number of its row."""
        import pyarrow.parquet

        if "material_id" not in pyarrow.parquet.read_schema(self.path).names:
            return [str(row + 1) for row in self._rows.tolist()]
        named = pyarrow.parquet.read_table(self.path, columns=["material_id"])["material_id"].to_pylist()
        return [str(named[row]) for row in self._rows.tolist()]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the file and the rows; names the graphs in the cache without reading a structure."""
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        digest.update(self._rows.astype("<i8").data)
        return digest.hexdigest()


def crystals_of_columns(table: "pyarrow.Table") -> CrystalTable:
    """Read a table of cells.

    Args:
        table: Table with `CELL_COLUMNS`. A row whose numbers of symbols and coordinates differ, or with a symbol that
            is not an element, becomes a crystal of element 0, which is refused when it is built.
    """
    import pyarrow.compute

    species = table["species"].combine_chunks().fill_null("")
    symbols = pyarrow.compute.split_pattern(pyarrow.compute.utf8_trim_whitespace(species), " ")
    coordinates = table["frac_e8"].combine_chunks()
    num_symbols = pyarrow.compute.list_value_length(symbols).to_numpy(zero_copy_only=False)
    num_coordinates = coordinates.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    names = symbols.flatten().dictionary_encode()
    kinds = [_read_site(name) for name in names.dictionary.to_pylist()]
    number = np.array([_main(held) for held in kinds], np.uint8)[names.indices]
    fractional = coordinates.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    whole = num_coordinates == 3 * num_symbols
    if not whole.all():  # such a row keeps its symbols, as element 0, at the origin
        number = np.where(np.repeat(whole, num_symbols), number, np.uint8(0))
        fractional = fractional[np.repeat(whole, num_coordinates)]
        filled = np.zeros((num_symbols.sum(), 3))
        filled[np.repeat(whole, num_symbols)] = fractional.reshape(-1, 3)
        fractional = filled
    parameters = np.stack([table[name].to_numpy().astype(np.float64) for name in CELL_COLUMNS[:6]], axis=1)
    pointer = np.concatenate([[0], np.cumsum(num_symbols)]).astype(np.int64)
    held = None
    if any([*each.values()] != [1.0] for each in kinds):
        held = SiteSpecies.of_sites(kinds).take(names.indices.to_numpy().astype(np.int64))
    return CrystalTable(lattices_of_parameters(parameters), number, fractional.reshape(-1, 3) / 1e8, pointer, held)


def lattices_of_parameters(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lattices with the first vector along x and the second in the xy plane.

    Args:
        parameters: (num, 6); a, b, c [angstrom], alpha, beta, gamma [degree].

    Returns:
        (num, 3, 3); without volume, or not finite, if the parameters are not those of a cell.
    """
    possible = (parameters > 0).all(axis=1) & (parameters[:, 3:] < 180).all(axis=1)
    a, b, c = np.where(possible, parameters[:, :3].T, np.nan)
    cos_alpha, cos_beta, cos_gamma = np.cos(np.radians(parameters[:, 3:])).T
    sin_gamma = np.sin(np.radians(parameters[:, 5]))
    zero = np.zeros_like(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        slant = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
        height = np.sqrt(np.maximum(1 - cos_beta**2 - slant**2, 0))
        rows = [[a, zero, zero], [b * cos_gamma, b * sin_gamma, zero], [c * cos_beta, c * slant, c * height]]
    return np.ascontiguousarray(np.moveaxis(np.array(rows), -1, 0))


def describe_crystals(
    crystals: Sequence[Crystal], statistics: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Statistics of the elements of crystals, some thousands at a time; see `composition.describe_formulas`.

    Args:
        crystals: Any number of them.
        statistics: Makes them from the number of atoms of each element, (num_crystals, NUM_ELEMENTS).

    Raises:
        ValueError: If there is none.
    """
    if not len(crystals):
        raise ValueError("there are no crystals to describe")
    parts = [crystals[first : first + _CHUNK] for first in range(0, len(crystals), _CHUNK)]
    tables = (part if isinstance(part, CrystalTable) else CrystalTable.from_crystals(part) for part in parts)
    return np.concatenate([statistics(table.element_counts) for table in tables])


def _check_columns(path: Path) -> int:
    """Number of rows of a file that has the columns wanted."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        names, num_rows = list(file.schema_arrow.names), int(file.metadata.num_rows)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} cannot be read as parquet: {' '.join(str(error).split())}") from error
    lacking = [name for name in CELL_COLUMNS if name not in names]
    if lacking:
        raise ValueError(
            f"{path} is not a file of crystals: it lacks {', '.join(lacking)} of the columns {', '.join(CELL_COLUMNS)}"
        )
    return num_rows


def _species_of(crystals: Sequence[Crystal]) -> SiteSpecies | None:
    """What the sites of all crystals hold; None if all are ordered."""
    if all(each.is_ordered for each in crystals):
        return None
    held = [each.species or SiteSpecies.of_elements(each.atomic_number) for each in crystals]
    columns = ([getattr(each, name) for each in held] for name in ("count", "atomic_number", "share"))
    return SiteSpecies(*(np.concatenate(column) for column in columns))


def read_site(text: str) -> dict[int, float]:
    """What a site holds that is spelled as in a file of cells, such as `Li` or `Li0.5Na0.25`.

    Args:
        text: The spelling.

    Returns:
        Occupancy by atomic number.

    Raises:
        ValueError: If it is no such spelling.
    """
    if number := _atomic_number(text):
        return {number: 1.0}
    found = re.findall(_ELEMENT_AND_SHARE, text)
    if "".join(symbol + share for symbol, share in found) != text or not all(_atomic_number(each[0]) for each in found):
        raise ValueError(f"{text!r} is not what a site holds, such as Li or Li0.5Na0.25")
    held = read_species([(symbol, float(share)) for symbol, share in found], f"site {text}")
    return {_atomic_number(symbol): share for symbol, share in sorted(held.items(), key=lambda each: each[0])}


_ELEMENT_AND_SHARE = r"([A-Z][a-z]?)(\d*\.\d*)"


def _read_site(text: Any) -> dict[int, float]:
    """What a site holds; element 0 of what cannot be read, which is refused when a crystal is built."""
    try:
        return read_site(text) or {0: 1.0}
    except (ValueError, TypeError):
        return {0: 1.0}


def _main(held: Mapping[int, float]) -> int:
    """The most frequent element, of several the lightest."""
    return min(held, key=lambda number: (-held[number], number))


def _atomic_number(symbol: Any) -> int:
    from pymatgen.core.periodic_table import Element

    return int(Element(symbol).Z) if isinstance(symbol, str) and Element.is_valid_symbol(symbol) else 0
