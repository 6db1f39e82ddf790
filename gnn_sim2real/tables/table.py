"""Tables of labels: as read from a file, and clean."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.files import free_names, spreadsheet_text, stamp, write_atomically
from gnn_sim2real.scales import Transform
from gnn_sim2real.tables.censored import Censored
from gnn_sim2real.tables.json_table import UNITS, read_json_lines, read_json_table
from gnn_sim2real.tables.spreadsheet import read_sheet
from gnn_sim2real.tables.text_table import COMPRESSIONS, read_text_table, require_unpackable
from gnn_sim2real.units import check_unit

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".xlsx", ".parquet"})
"""Kinds of tables that are looked for beside crystals; JSON, which can be read as well, may be a crystal."""

_READABLE = TABLE_SUFFIXES | {".json"}

_SHOWN = 4
"""Rows of a duplicate that are shown; of more, the lowest and the highest."""

_QUARANTINE = b"row,material,property,reason\n"


class Duplicate(NamedTuple):
    """Rows of one material that do not agree.

    Attributes:
        material: The material as written.
        property: Name of the property.
        unit: Its unit.
        rows: Rows, as a person counts in the file.
        values: Value of each.
        is_beyond: Whether they differ by more than the standard deviation over all materials.
    """

    material: str
    property: str
    unit: str
    rows: tuple[int, ...]
    values: tuple[float, ...]
    is_beyond: bool

    def describe(self) -> str:
        """The material with its rows and their values, lowest and highest first."""
        order = sorted(range(len(self.rows)), key=self.values.__getitem__)
        shown = order if len(order) <= _SHOWN else [order[0], order[-1]]
        between = f" and {len(order) - 2} more between" if len(order) > _SHOWN else ""
        cells = ", ".join(f"row {self.rows[each]}: {self.values[each]:.6g}" for each in shown)
        unit = "" if self.unit in ("", "1", "dimensionless") else f" {self.unit}"
        return f"{self.material} ({cells}{unit}{between})"


class Replicates(NamedTuple):
    """Columns of a file whose rows are already medians of several measurements.

    Attributes:
        lowest: The lowest measurement behind each row, in the unit of the values.
        highest: The highest.
        number: The number of measurements.
    """

    lowest: str
    highest: str
    number: str


@dataclass(frozen=True)
class Property:
    """A property to read from a file.

    Args:
        name: Its name in this package.
        unit: The unit the clean values are in.
        column: Its column in the file; `name` when None.
        file_unit: The unit in the file; `unit` when None.
        lower: Values at or below this are refused, in `unit`.
        upper: Values at or above this are refused, in `unit`.
        unit_column: Column with the unit of each row, if the units differ; `file_unit` is then ignored.
        replicates: Columns on the measurements behind each row, if there are several.
        censored: What becomes of values below or above a limit of detection, such as `<1E-10`.
        uncertainty_column: Column with the standard deviation of each value, in the unit of the values.
        transform: Scale on which the values are learned; several rows of one material are then merged on it, and values
            that have none, such as zero, are refused.

    Raises:
        ValueError: If `censored` is something else.
    """

    name: str
    unit: str
    column: str | None = None
    file_unit: str | None = None
    lower: int | float | None = None
    upper: int | float | None = None
    unit_column: str | None = None
    replicates: Replicates | None = None
    censored: Censored = "drop"
    transform: Transform | None = None
    uncertainty_column: str | None = None

    def __post_init__(self) -> None:
        if self.censored not in get_args(Censored):
            known = ", ".join(get_args(Censored))
            raise ValueError(f"`censored` of {self.name!r} must be one of {known}, got {self.censored!r}")


@dataclass(frozen=True, eq=False)
class CleanTable:
    """One row per material, sorted by identity.

    Args:
        materials: The first spelling of each material in the file, or its crystal.
        identities: Canonical identity of each material, unique.
        values: (num_materials, num_properties) in the unit of each property; NaN where missing.
        spread: (num_materials, num_properties); half the range of the measurements behind each value, on the scale on
            which the property is learned; NaN when single.
        num_merged: (num_materials,); number of rows of the file behind each material.
        num_values: (num_materials, num_properties); number of measurements behind each value.
        properties: The columns of `values`.
        quarantine: Refused values: columns row (as a person counts in the file), material, property (empty if the
            whole row was refused), reason.
        num_rows_read: Number of rows of the file.
        own_groups: Groups for removal and splits that are coarser than the identity: for crystals the formula, which
            all polymorphs share. See `groups`.
        simulated: (num_materials, num_properties); the simulated value of each row in the unit of the property, NaN
            where there is none. None where the data set does not know it.
        simulated_origin: Where these come from, e.g. "the column 'pbe'"; empty where the data set itself has them.
        texts: Text of each row in the columns of the file, by name, e.g. the class of a polymer; a split or a cost
            can go by it.
        duplicates: Materials whose rows do not agree, worst first: all beyond the spread of the table, and the worst of
            the others.
        censored: (num_materials, num_properties); -1 where the value is a limit that the true one is below, 1 where it
            is above, 0 where it was measured. None if all were.
        uncertainty: (num_materials, num_properties); standard deviation of each value on the scale on which the
            property is learned, NaN where the file says none. None without such a column.
    """

    materials: Sequence[Any]
    identities: list[str]
    values: NDArray[np.float64]
    spread: NDArray[np.float64]
    num_merged: NDArray[np.int64]
    num_values: NDArray[np.int64]
    properties: tuple[Property, ...]
    quarantine: "pandas.DataFrame"
    num_rows_read: int
    own_groups: list[str] | None = None
    simulated: NDArray[np.float64] | None = None
    texts: Mapping[str, list[str]] = field(default_factory=dict)
    duplicates: tuple[Duplicate, ...] = ()
    simulated_origin: str = ""
    censored: NDArray[np.int8] | None = None
    uncertainty: NDArray[np.float64] | None = None

    @property
    def groups(self) -> list[str]:
        """Group of each material: rows of one group never stand on both sides of a split or a removal."""
        return self.identities if self.own_groups is None else self.own_groups

    def summary(self) -> str:
        """Summarize in a few lines what was read, refused, merged and kept."""
        num_merged, present = int(self.num_merged.sum()), np.isfinite(self.values).sum(axis=0)
        counts = ", ".join(f"{prop.name} {number:,}" for prop, number in zip(self.properties, present, strict=True))
        return "\n".join(
            [
                f"read: {self.num_rows_read:,} rows",
                f"refused: {count_reasons(self.quarantine) or 'nothing'}",
                f"merged: {num_merged:,} rows into {len(self.identities):,} materials",
                f"kept: {counts}",
            ]
        )

    def write_quarantine(self, path: Path) -> bool:
        """Write the quarantine as CSV.

        Args:
            path: The file.

        Returns:
            Whether it was written; False if the same lay there already.
        """
        shown = self.quarantine.map(lambda cell: spreadsheet_text(cell) if isinstance(cell, str) else cell)
        content = shown.rename(columns=lambda name: spreadsheet_text(str(name))).to_csv(index=False).encode()
        new = not path.exists() or path.read_bytes() != content
        if new:
            write_atomically(path, content)
        return new

    def save_quarantine(self, folder: Path, name: str) -> None:
        """Write the rows that were refused, with their reasons, where there are any, and say so.

        What lies there already is not said again: the trainings of a study share a folder.

        Args:
            folder: Where to.
            name: Of the data set, for the file.
        """
        if not self.quarantine.empty:
            path = name_quarantine(folder, name)
            if self.write_quarantine(path):
                logger.info("%d refusals are listed in %s", len(self.quarantine), path)

    def fingerprint(self) -> str:
        """SHA-256 of identities, values, property names and units; the order of the rows does not count.

        Groups, simulated values and the content of crystals are part of it where they are not those of the identities.
        """
        order = sorted(range(len(self.identities)), key=self.identities.__getitem__)
        names = [[prop.name, check_unit(prop.unit)] for prop in self.properties]
        digest = hashlib.sha256(json.dumps([names, [self.identities[row] for row in order]]).encode())
        digest.update(_plain_bytes(self.values[order]))
        if self.own_groups is not None:
            digest.update(json.dumps([self.own_groups[row] for row in order]).encode())
        if self.simulated is not None:
            digest.update(_plain_bytes(self.simulated[order]))
        if self.censored is not None:
            digest.update(np.ascontiguousarray(self.censored[order]).data)
        if content_hash := getattr(self.materials, "content_hash", None):
            digest.update(content_hash.encode())
        return digest.hexdigest()


def _plain_bytes(values: NDArray[np.float64]) -> bytes:
    """One NaN and no negative zero: equal tables have equal bytes."""
    return np.ascontiguousarray(np.where(np.isnan(values), np.nan, values) + 0.0, dtype="<f8").tobytes()


def is_quarantine(path: Path) -> bool:
    """Whether a file is a table of refused rows that this package wrote.

    Args:
        path: The file.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline(len(_QUARANTINE)) == _QUARANTINE


def name_quarantine(folder: Path, name: str) -> Path:
    """The file for the refused rows of a data set: that of an earlier run, or one that replaces nothing.

    Args:
        folder: Where it is.
        name: Of the data set.
    """
    return free_names(folder, f"quarantine_{name}.csv", is_ours=is_quarantine)[0]


_UNIT_KEYS = (b"unit", b"units")

_KEPT: "ContextVar[dict[tuple[Any, ...], pandas.DataFrame] | None]" = ContextVar("tables that were read", default=None)
"""Tables that were read within `keep_tables`."""


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    without: Collection[str] = (),
    texts: Collection[str] | None = (),
) -> "pandas.DataFrame":
    """Read a table in a common format, with the row numbers of the file as index (a header is row 1).

    Only an empty field is missing: "NaN" is a chemical formula. Rows without any content are skipped.

    Args:
        path: CSV or TSV as in `text_table.read_text_table`, JSON as in `json_table.read_json_table`, or JSON lines,
            each also compressed (.gz, .bz2, .xz, .zip); the first sheet of an .xlsx; or parquet.
        columns: Columns wanted; of a parquet file only these are read. All unless given.
        without: Columns of a parquet file that are not read, such as those of the crystals.
        texts: Columns that are read as text where the file has no types, in capitals or not: the name 001 is not 1.
            None for all.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another kind, damaged, or has no rows.
    """
    import pandas

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in COMPRESSIONS]
    kind = suffixes[-1] if suffixes else "none"
    if kind not in _READABLE:
        raise ValueError(
            f"the suffix of {path} is {kind}; accepted are .csv, .tsv, .json and .jsonl (each also with .gz, .bz2, "
            ".xz or .zip), .xlsx and .parquet; save another spreadsheet as CSV UTF-8"
        )
    kept = _KEPT.get()
    name = (path.absolute(), stamp(path), columns and tuple(columns), tuple(without), texts and tuple(texts))
    if kept is not None and name in kept:
        return kept[name].copy()
    try:
        frame, first = _read_kind(path, kind, columns, without, texts)
    except MemoryError:  # which is not of the file
        raise
    except Exception as error:  # each kind and compression has its own exceptions
        cause = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read as {kind}: {cause}; repair it or save it again") from error
    frame.index = pandas.RangeIndex(first, first + len(frame), name="row")
    frame = frame.dropna(how="all")
    if frame.empty:
        raise ValueError(f"{path} has no rows; a header and at least one row are needed")
    if kept is not None:
        kept[name] = frame.copy()
    return frame


@contextmanager
def keep_tables() -> Iterator[None]:
    """Read each table once within this context, as long as its file does not change.

    A command that looks at a table to find its columns would otherwise read it again to train on it.
    """
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def read_folder(folder: Path, name: str) -> "pandas.DataFrame":
    """Read the tables of one name in a folder and all folders below it; rows are counted over all of them.

    Args:
        folder: Folder to search.
        name: Name of the files, e.g. `results.csv`.

    Returns:
        The rows one after the other, with the column `folder`, which tells where each row comes from.

    Raises:
        ValueError: If there is no such file.
    """
    import pandas

    files = sorted(folder.rglob(name))
    if not files:
        raise ValueError(f"there is no {name} in {folder} or below it: check the path")
    frames = [read_table(file).assign(folder=str(file.parent.relative_to(folder))) for file in files]
    joined = pandas.concat(frames, ignore_index=True)
    joined.index = pandas.RangeIndex(1, len(joined) + 1, name="row")
    return joined


def read_without_header(path: Path, names: Sequence[str]) -> "pandas.DataFrame":
    """Read a CSV that has no header, with the row numbers of the file as index.

    Args:
        path: The file.
        names: Names of its first columns; further columns are left out. The first is read as text: 001 is not 1.

    Raises:
        ValueError: If it cannot be read, or has fewer columns.
    """
    import pandas

    try:
        frame, first = read_text_table(path, ".csv", list(names), texts=names[:1])
    except MemoryError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read as .csv: {cause}; repair it or save it again") from error
    if len(frame.columns) < len(names):
        raise ValueError(f"{path} has {len(frame.columns)} columns, {len(names)} are needed: {', '.join(names)}")
    frame.index = pandas.RangeIndex(first, first + len(frame), name="row")
    return frame.iloc[:, : len(names)].set_axis(list(names), axis=1).dropna(how="all")


def _read_kind(
    path: Path, kind: str, columns: Sequence[str] | None, without: Collection[str], texts: Collection[str] | None
) -> "tuple[pandas.DataFrame, int]":
    """The table, and the number of its first row in the file."""
    import pandas

    if kind == ".parquet":
        import pyarrow.parquet

        facts = pyarrow.parquet.read_metadata(path)
        encoded = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
        require_unpackable(path, max(encoded, facts.num_rows * facts.num_columns))  # one byte a cell at least
        schema = pyarrow.parquet.read_schema(path)
        if without:
            columns = [name for name in schema.names if name not in without]
        frame = pandas.read_parquet(path, columns=None if columns is None else list(columns))
        told = {field.name: _unit_of(field.metadata or {}) for field in schema}
        units = {name: unit for name, unit in told.items() if unit}
        given = frame.attrs.get(UNITS)
        frame.attrs[UNITS] = (given if isinstance(given, dict) else {}) | units
        return frame, 1
    if kind == ".jsonl":
        return read_json_lines(path), 1
    if kind == ".json":
        return read_json_table(path), 1
    if kind == ".xlsx":
        return read_sheet(path, texts), 2
    return read_text_table(path, kind, texts=texts)


def _unit_of(metadata: Mapping[bytes, bytes]) -> str:
    """The unit that a field of a parquet file says of its column."""
    return next((value.decode(errors="replace") for name, value in metadata.items() if name.lower() in _UNIT_KEYS), "")


def count_reasons(quarantine: "pandas.DataFrame") -> str:
    """Format how often each reason occurs, e.g. "12 no value, 3 outside (0, 10) g/cm3".

    Args:
        quarantine: Quarantine whose reasons are counted up to the colon; what follows is about one row.
    """
    counts = Counter(reason.partition(": ")[0] for reason in quarantine["reason"])
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
