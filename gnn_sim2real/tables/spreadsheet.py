"""Tables as spreadsheets: what a person sees there may differ from what the file has."""

import logging
import re
import zipfile
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.tables.text_table import named, require_unpackable, without_copies

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

_MOST_CELLS = 50_000_000
"""Larger sheets are refused: pandas makes all cells, also the empty ones up to a stray one in the last corner."""
_THOUSANDTHS = re.compile(r"[0#?](,+)(?=[^0#?,]*(?:;|$))")
"""Commas after the digits of a format, each of which shows a thousandth of the number."""
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
"""What a format shows as it is: a percent sign in it does not multiply."""


def read_sheet(path: Path, texts: Collection[str] | None) -> "pandas.DataFrame":
    """Read the first sheet of an .xlsx; a cell that shows 50 % becomes that text, where the file has 0.5.

    One that shows a thousandth of its number becomes a text with both, which is no number.

    Args:
        path: The file.
        texts: Columns that are read as text. None for all.

    Raises:
        ValueError: If two columns of different content have the same name, or the sheet is far larger than its content.
    """
    import pandas

    with zipfile.ZipFile(path) as archive:
        require_unpackable(path, sum(each.file_size for each in archive.infolist()))
    # Read only, openpyxl knows no hidden rows.
    with pandas.ExcelFile(path, engine="openpyxl", engine_kwargs={"read_only": False}) as file:
        first, *others = file.sheet_names
        _require_small(file.book[str(first)])
        if others:
            logger.warning("%s: only its first sheet is read, %r, not %s", path, first, ", ".join(map(repr, others)))
        header = pandas.read_excel(file, header=None, nrows=1)
        types = dict.fromkeys(named(list(map(str, pandas.read_excel(file, nrows=0))), texts), str)
        frame = pandas.read_excel(file, keep_default_na=False, na_values=[""], dtype=types)
        sheet = file.book[str(first)]
        frame = _show_percent(frame, sheet, path)
        _warn_of_hidden(sheet, path)
    if any(re.sub(r"\.\d+$", "", str(column)) in frame for column in frame if re.search(r"\.\d+$", str(column))):
        frame = without_copies(frame, ["" if name is None else str(name) for name in header.iloc[0]])
    return frame


def _require_small(sheet: Any) -> None:
    """Refuse a sheet that a stray cell makes far larger than its content."""
    if not hasattr(sheet, "max_row"):
        raise ValueError("its first sheet is a chart: move the sheet with the table to the front")
    if (cells := sheet.max_row * sheet.max_column) > _MOST_CELLS:
        filled = sum(cell.value is not None for cell in sheet._cells.values())
        last = sheet.dimensions.rpartition(":")[2]
        raise ValueError(
            f"its first sheet reaches to {last}, {cells:,} cells of which {filled:,} are filled: delete the rows and "
            "columns after the table"
        )


def _show_percent(frame: "pandas.DataFrame", sheet: Any, path: Path) -> "pandas.DataFrame":
    """Give cells that show a percent sign the text that they show."""
    told = []
    for column, cells in zip(frame, sheet.iter_cols(min_row=2, max_row=len(frame) + 1), strict=False):
        _warn_of_words(column, cells, path)
        shown = _truth_values(cells) | {
            row: text for row, cell in enumerate(cells) if (text := _percent_of(cell) or _thousandth_of(cell))
        }
        if shown:
            frame[column] = [shown.get(row, value) for row, value in enumerate(frame[column].tolist())]
        if shown := {row: text for row, text in shown.items() if text.endswith("%")}:
            first = min(shown)
            told.append(f"{column!r} ({len(shown):,} cells, e.g. {cells[first].value:g} as {shown[first]})")
    if told:
        logger.warning("%s: numbers formatted as percent are read as they are shown: %s", path, ", ".join(told))
    return frame


def _truth_values(cells: Sequence[Any]) -> dict[int, str]:
    """TRUE and FALSE among numbers, as they are shown: they are not 1 and 0."""
    found = {row: str(cell.value).upper() for row, cell in enumerate(cells) if isinstance(cell.value, bool)}
    return found if any(not isinstance(cell.value, bool | None) for cell in cells) else {}


def _warn_of_words(column: Any, cells: Sequence[Any], path: Path) -> None:
    """Say which words the formats of a column show beside its numbers: they may be units, and are not in the file."""
    words = Counter[str]()
    for cell in cells:
        if isinstance(cell.value, int | float) and not isinstance(cell.value, bool):
            shown = "".join(each.strip('"\\') for each in _LITERAL.findall(cell.number_format) if each[0] not in "_*")
            if any(letter.isalpha() or letter == "°" for letter in shown):
                words[shown.strip()] += 1
    if words:
        listed = ", ".join(f"{word!r} ({count:,} cells)" for word, count in words.most_common(5))
        logger.warning(
            "%s: the column %r shows words beside its numbers, %s, which are in the format of the cells and are not "
            "read: if they are units, write them into the heading, or into a column `unit`",
            *(path, str(column), listed),
        )


def _thousandth_of(cell: Any) -> str:
    """What a cell has and what it shows, if that is a thousandth of it: which is meant? Empty for other cells."""
    if isinstance(cell.value, bool) or not isinstance(cell.value, int | float):
        return ""
    commas = _THOUSANDTHS.search(_LITERAL.sub("", cell.number_format))
    return f"{cell.value:.15g}, shown as {cell.value / 1000 ** len(commas[1]):.15g}" if commas else ""


def _percent_of(cell: Any) -> str:
    """What a cell with a percent sign shows, with all digits; empty for other cells."""
    if isinstance(cell.value, bool) or not isinstance(cell.value, int | float) or "%" not in cell.number_format:
        return ""
    factor = 100 if "%" in _LITERAL.sub("", cell.number_format) else 1
    return f"{factor * cell.value:.15g} %"


def _warn_of_hidden(sheet: Any, path: Path) -> None:
    """Say how many rows are read although a filter or a person has hidden them."""
    looks = [row for row, look in sheet.row_dimensions.items() if look.hidden and row > 1]
    hidden = [row for row in looks if any(cell.value is not None for cell in sheet[row])]
    if hidden:
        listed = ", ".join(map(str, hidden[:5])) + ", ..." * (len(hidden) > 5)
        logger.warning(
            "%s: %d hidden rows are read like the others (row %s); delete them if they are not meant",
            *(path, len(hidden), listed),
        )
