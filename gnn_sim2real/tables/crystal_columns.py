"""Tables with a crystal in each row: a column with the text of a CIF, a structure as JSON, or the path of a file."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.featurize.crystal_entries import Entry, read_text
from gnn_sim2real.featurize.crystal_files import (
    STRUCTURE_KEYS,
    as_crystal,
    is_crystal_path,
    read_crystals,
    refuse_disordered,
    warn_of_notes,
)
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS
from gnn_sim2real.tables.columns import plain_heading
from gnn_sim2real.tables.table import TABLE_SUFFIXES, read_table
from gnn_sim2real.tables.text_table import COMPRESSIONS

if TYPE_CHECKING:
    import pandas

_LONGEST = 250
"""Letters of a path; longer ones are refused by file systems, and are rather crystals themselves."""

_NAMES = ("material_id", "jid", "id", "name", "file", "filename")
"""Headings of the names of the crystals, the best first."""

NAME_HEADINGS = ("material_id", "file", "filename", "name", "id", "structure", "crystal", "cif")
"""Headings of the names of crystals in a table beside them, the best first."""

_PATH_HEADINGS = ("file", "filename", "path", "cif", "cif_file", "cif_path", "structure", "structure_file", "crystal")
"""Headings of columns with the paths of files of crystals."""

_MARKS = ('"lattice', "'lattice", "_cell_length_a")
"""What the text of a crystal holds: JSON, or a CIF."""


def holds_crystals(path: Path) -> bool:
    """Whether a path is a folder or file of crystals, or a table with a column of them.

    Args:
        path: The file or folder.
    """
    if path.is_dir() or not path.is_file():
        return is_crystal_path(path)
    kinds = [each.lower() for each in path.suffixes]
    if ".json" in kinds:
        text = read_text(path)
        return any(mark in text for mark in _MARKS)
    if not TABLE_SUFFIXES & {*[kind for kind in kinds if kind not in COMPRESSIONS][-1:]}:  # "mine.csv.zst" is no CSV
        return is_crystal_path(path)
    columns = _headings(path, kinds)
    if {*CELL_COLUMNS} <= {*columns}:
        return True
    if not {*STRUCTURE_KEYS, *_PATH_HEADINGS} & {*map(plain_heading, columns)}:
        return False
    return crystal_column(read_table(path), path.parent) is not None


def read_crystals_of(path: Path, name_column: str | None = None, disordered: bool = False) -> list[Entry]:
    """Read all crystals of a file or folder, or of a table with a column of them.

    Args:
        path: A table, or what `featurize.crystal_files.read_crystals` takes.
        name_column: Column of a table that names its crystals; the first of the usual names, else the numbers of the
            rows.
        disordered: Whether crystals may be disordered; else such a crystal is an entry with the reason.

    Returns:
        One entry per crystal, or per row of the table, with the other columns as values.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another kind, or a table without crystals.
    """
    path = Path(path)
    if not is_table(path):
        return read_crystals(path, disordered)
    frame = read_table(path)
    column = crystal_column(frame, path.parent)
    if column is None:
        return read_crystals(path, disordered)
    names = _names(frame, name_column)
    others = frame.drop(columns=column).to_dict("records")
    rows = zip(names, frame[column].tolist(), others, strict=True)
    entries = [
        _entry(name, cell, {str(key): value for key, value in values.items()}, path.parent)
        for name, cell, values in rows
    ]
    entries = refuse_disordered(entries, disordered)
    warn_of_notes(entries, path)
    return entries


def is_table(path: Path) -> bool:
    """Whether a path has the name of a table, compressed or not; JSON, which may be crystals, is none.

    Args:
        path: The file.
    """
    return not path.is_dir() and bool(TABLE_SUFFIXES & {each.lower() for each in path.suffixes})


def crystal_column(frame: "pandas.DataFrame", folder: Path) -> str | None:
    """The column of a table that holds crystals, or paths of their files, if there is one.

    Args:
        frame: The table.
        folder: Folder of the table, to which paths are relative.
    """
    for column in map(str, frame):
        cells, heading = frame[column].dropna(), plain_heading(column)
        if not len(cells):
            continue
        if heading in STRUCTURE_KEYS and _is_crystal(cells.iloc[0]):
            return column
        if heading in _PATH_HEADINGS and _is_file(cells.iloc[0], folder):
            return column
    return None


def _is_file(cell: Any, folder: Path) -> bool:
    """Whether a cell is the path of a file of crystals."""
    return _is_path(cell) and (folder / cell).is_file()


def _is_path(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) <= _LONGEST and "\n" not in cell and is_crystal_path(Path(cell))


def _is_crystal(cell: Any) -> bool:
    if isinstance(cell, dict):
        return "lattice" in cell or "lattice_mat" in cell
    return isinstance(cell, str) and any(mark in cell for mark in _MARKS)


def _headings(path: Path, kinds: list[str]) -> list[str]:
    """Headings of a table, of large ones without reading it."""
    import pandas

    if ".parquet" in kinds:
        import pyarrow.parquet

        try:
            return list(pyarrow.parquet.read_schema(path).names)
        except (ValueError, OSError):
            return []  # whoever reads the table tells why it cannot be read
    if ".csv" in kinds or ".tsv" in kinds:
        try:
            first = pandas.read_csv(path, nrows=0, sep="\0", encoding="utf-8-sig", engine="python").columns
        except (ValueError, OSError):
            return []  # whoever reads the table tells why it cannot be read
        return [each.strip(" \"'") for each in re.split(r"[,;\t]", " ".join(map(str, first)))]
    return list(map(str, read_table(path)))


def _names(frame: "pandas.DataFrame", name_column: str | None) -> list[str]:
    found = {plain_heading(str(column)): str(column) for column in reversed(frame.columns)}
    column = name_column or next((found[name] for name in _NAMES if name in found), None)
    if column in frame:
        names = [str(cell) for cell in frame[column]]
        if len(set(names)) == len(names):
            return names
    return [str(row) for row in frame.index]


def _entry(name: str, cell: Any, values: dict[str, Any], folder: Path) -> Entry:
    if not isinstance(cell, str | dict):
        return Entry(name, None, f"{name}: it has no crystal", values)
    if isinstance(cell, str) and _is_file(cell, folder):
        found = read_crystals(folder / cell, disordered=True)
        if len(found) > 1:
            return Entry(name, None, f"{name}: {cell} holds {len(found)} crystals, and a row is of one", values)
        return Entry(name, found[0].crystal, found[0].reason, values)
    if _is_path(cell):
        return Entry(name, None, f"{name}: there is no file {cell}", values)
    try:
        return Entry(name, as_crystal(cell, disordered=True), None, values)
    except ValueError as error:
        return Entry(name, None, f"{name}: {error}", values)


def unique_spellings(names: Sequence[str]) -> dict[str, str]:
    """Name of the crystal that a spelling means; a stem that two files share means neither.

    Args:
        names: Names of crystals.
    """
    count = Counter(spelling for name in names for spelling in set(spellings(name)))
    meant = {spelling: name for name in names for spelling in spellings(name) if count[spelling] == 1}
    return meant | {name: name for name in names}


def spellings(name: str) -> list[str]:
    """How a table may name a crystal: with the suffix of its file, and without.

    Args:
        name: Name of the crystal.
    """
    file, mark, within = name.partition("#")
    return [name, f"{Path(file).stem}{mark}{within}"]


def without_row(names: Sequence[str], cells: Sequence[str]) -> list[str]:
    """The crystals that no row of a table names.

    Args:
        names: Names of crystals.
        cells: The column of names of the table.
    """
    spelled = unique_spellings(names)
    given = {spelled.get(cell, cell) for cell in cells}
    return [name for name in names if name not in given]
