"""Materials in a file: candidates, or what is to be explained or embedded, whole or a few at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.estimator.materials import Kinds, Materials, read_blends, read_materials
from gnn_sim2real.featurize.crystal_files import crystal_formula
from gnn_sim2real.files import expand
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.columns import read_heading
from gnn_sim2real.tables.crystal_columns import holds_crystals, read_crystals_of
from gnn_sim2real.tables.material_column import BLEND_HEADINGS, find_column_of_kind, find_pair
from gnn_sim2real.tables.table import read_table
from gnn_sim2real.tables.texts import to_texts

if TYPE_CHECKING:
    import pandas

_LISTS = (".smi", ".smiles", ".txt")
"""Files with a spelling, and perhaps a name after a blank, on each line."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Materials of a file; graphs are made of a few at a time, so that memory does not grow with their number.

    Attributes:
        kind: What they are.
        path: The file.
        names: How each is written, or the name of its file.
        contents: What is read of each: a spelling, or a crystal; None for a crystal that cannot be read.
        frame: The table; None for crystals and lists.
        column: Column of the materials in the table.
        reasons: Why crystals cannot be read, by row.
    """

    kind: Kinds
    path: Path
    names: list[str]
    contents: list[Any]
    frame: "pandas.DataFrame | None" = None
    column: str = "material"
    reasons: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def parts(self, size: int) -> Iterator[tuple[int, Materials]]:
        """The materials a few at a time, each time with the position of the first.

        Args:
            size: How many at a time.
        """
        for start in range(0, len(self), size):
            yield start, self._read(slice(start, start + size))

    def materials(self) -> Materials:
        """All materials at once."""
        return self._read(slice(None))

    def _read(self, some: slice) -> Materials:
        if self.kind.name == "mixture" and self.frame is not None:
            return read_materials(self.frame.iloc[some], self.kind)
        found = read_materials(self.contents[some], self.kind)
        known = self.reasons_of(some)
        reasons = {row: known.get(row, reason) for row, reason in found.reasons.items()}
        return Materials(self.kind, found.contents, self.names[some], found.identities, reasons)

    def part(self, some: slice) -> tuple[list[Any], dict[int, str]]:
        """What is read of some materials, and why some of these cannot be read, by their place among them.

        Args:
            some: The rows.
        """
        if self.kind.name != "mixture":
            return self.contents[some], self.reasons_of(some)
        found = self._read(some)
        return found.contents, found.reasons

    def identity_of(self, row: int) -> str:
        """Canonical identity of a material that can be read.

        Args:
            row: Its row.
        """
        return self._read(slice(row, row + 1)).identities[0]

    def reasons_of(self, some: slice) -> dict[int, str]:
        """Why crystals of some rows cannot be read, by their place among these.

        Args:
            some: The rows.
        """
        rows = range(len(self))[some]
        return {place: self.reasons[row] for place, row in enumerate(rows) if row in self.reasons}

    def column_like(self, name: str) -> list[str]:
        """The cells of the column with a property, by its heading; empty if there is none.

        Args:
            name: Name of the property.
        """
        if self.frame is None:
            return []
        wanted = current_property(name).lower()
        names = {each: current_property(read_heading(str(each)).name).lower() for each in self.frame}
        found = next((each for each, own in names.items() if own == wanted), None)
        return [] if found is None else to_texts(self.frame[found])

    def other_columns(self) -> dict[str, list[str]]:
        """What else a table has for each material, by column."""
        if self.frame is None:
            return {}
        return {str(each): to_texts(self.frame[each]) for each in self.frame if str(each) != self.column}


def read_pool(path: str | Path, kind: Kinds, column: str | None = None, option: str = "--column") -> Pool:
    """Read a file of materials.

    Args:
        path: CSV, TSV, XLSX, JSON lines or parquet with a column of materials, a list of SMILES (.smi), or a folder or
            file of crystals; for a model of formulas, the formulas of crystals are read.
        kind: What the materials are.
        column: Column of the materials; found by its heading unless given.
        option: Option by which a user gives it, for messages.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds none of these.
    """
    file = require_pool(path)
    if file.suffix.lower() in _LISTS and file.is_file():
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{file} is not UTF-8 text; a list has one SMILES a line") from error
        lines = [line.split(maxsplit=1)[0] for line in text.splitlines() if line.strip()]
        if not lines:
            raise ValueError(f"{file} has no lines; give one SMILES a line")
        return Pool(kind, file, lines, [*lines])
    if kind.name == "crystal" or (kind.name == "composition" and column is None and holds_crystals(file)):
        formula = kind.name == "composition"  # which a disordered crystal has as well
        entries = read_crystals_of(file, disordered=formula or kind.disorder != "refuse")
        contents = [
            crystal_formula(each.crystal) if formula and each.crystal is not None else each.crystal for each in entries
        ]
        reasons = {row: str(each.reason) for row, each in enumerate(entries) if each.crystal is None}
        return Pool(kind, file, [each.name for each in entries], contents, reasons=reasons)
    if file.is_dir():
        raise ValueError(f"{file} is a folder, but this model reads materials of the kind {kind.name!r}; give a table")
    frame = read_table(file, texts=None)
    if kind.name == "mixture":
        names = _name_mixtures(frame.set_axis([str(each) for each in frame], axis=1), kind, file.name)
        return Pool(kind, file, names, names, frame, "")
    found = column or find_column_of_kind([str(each) for each in frame], kind.name, file.name, option)
    if found not in frame:
        raise ValueError(f"{file.name} has no column {found!r}, only {', '.join(map(str, frame))}")
    texts = to_texts(frame[found])
    return Pool(kind, file, texts, [*texts], frame, found)


def require_pool(path: str | Path) -> Path:
    """The file or folder of a pool.

    Args:
        path: As the user gives it.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    file = expand(str(path))
    if not file.exists():
        raise FileNotFoundError(f"there is no file or folder {path}: check the path")
    return file


def _name_mixtures(frame: "pandas.DataFrame", kind: Kinds, source: str) -> list[str]:
    """How each mixture is written."""
    headings = [str(each) for each in frame]
    if not kind.roles:
        blend = kind.find_blend(headings)
        if blend is None:
            raise ValueError(
                f"{source} has no columns of blends: head them {BLEND_HEADINGS}; its columns are {', '.join(headings)}"
            )
        return [each.spell(ordered=False) for each in read_blends(frame, blend, source)]
    pair = find_pair(headings)
    if tuple(pair) != kind.roles:
        wanted, found = " and ".join(kind.roles), " and ".join(pair) or "no pair"
        raise ValueError(
            f"{source} has {found} in its columns, where this model reads {wanted}; head the columns so, which are "
            f"{', '.join(headings)}"
        )
    return [" | ".join(map(str, row)) for row in frame[[*pair.values()]].to_numpy().tolist()]
