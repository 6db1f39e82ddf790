"""Tables as text, as spreadsheets and people write them: code pages, separators, decimal commas and comments."""

import bz2
import csv
import gzip
import io
import logging
import lzma
import re
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


@contextmanager
def _open_zip(path: Path, _: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        names = [each for each in archive.namelist() if not each.endswith("/")]
        if len(names) != 1:
            raise ValueError(f"the archive has {len(names)} files, one is needed")
        with archive.open(names[0]) as file:
            yield file


COMPRESSIONS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zip": _open_zip}
"""How files are opened by the ending of their name."""

_MOST_UNPACKED, _MOST_TIMES = 2**30, 100
"""Files that unpack to more than so many bytes, and so many times their size, are refused: it may not end."""

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32"} | dict.fromkeys(
    (b"\xff\xfe", b"\xfe\xff"), "utf-16"
)
# What a Western text has beside ASCII; in other code pages such letters come in rows or among other signs.
_WESTERN = set("°µ·±²³¹ºª×÷½¼¾–—‘’“”•…€™®©§£«»\N{NO-BREAK SPACE}ŒœŠšŽžŸ")
_TOGETHER = set("°µ·±²³¹º×\N{NO-BREAK SPACE}")
_COMMENT = re.compile(r"^[#%]", re.MULTILINE)
_SIGN = r"(?:[<>]=?\s*|[≤≥⩽⩾]\s*)?[+\-−]?"  # also that of a limit of detection
_DECIMAL_COMMA = re.compile(rf"{_SIGN}\d+,\d+(?:[eE][+-]?\d+)?")
_GROUPS_OF_THREE = re.compile(rf"{_SIGN}\d{{1,3}}(?:[.]\d{{3}})+")
_THOUSANDS = {sign: re.compile(rf"{_SIGN}[1-9]\d{{0,2}}(?:[{sign}]\d{{3}})+") for sign in ",."}
_SAMPLE = 50

DECIMAL_COMMA = "decimal_comma"
"""Attribute of a table in whose file the comma was read as the decimal sign."""


def _unpack(path: Path) -> bytes:
    """The content of a file, which may be compressed."""
    opened = COMPRESSIONS.get(path.suffix.lower())
    if opened is None:
        return path.read_bytes()
    with opened(path, "rb") as file:
        content: bytes = file.read(_most_unpacked(path) + 1)
    require_unpackable(path, len(content))
    return content


def require_unpackable(path: Path, size: int) -> None:
    """Refuse a packed file that becomes absurdly large.

    Args:
        path: The file.
        size: What it unpacks to, at least [bytes].

    Raises:
        ValueError: If it is one.
    """
    if size > (most := _most_unpacked(path)):
        raise ValueError(
            f"it unpacks to more than {most:,} bytes, {_MOST_TIMES} times its size: if that is right, unpack it first"
        )


def _most_unpacked(path: Path) -> int:
    return max(_MOST_UNPACKED, _MOST_TIMES * path.stat().st_size)


def read_text(path: Path) -> str:
    """Read a text in whatever encoding it has: Unicode, or the code page of Western Windows, which is said.

    Args:
        path: The file, which may be compressed (.gz, .bz2, .xz, .zip).

    Raises:
        ValueError: If it is neither, or unpacks to absurdly much.
    """
    content = _unpack(path)
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if (western := _read_western(content)) is None:
            raise ValueError("it is neither UTF-8 nor of a Western code page: save it as UTF-8") from error
        text, encoding = western, "cp1252"
    if "\0" in text:
        raise ValueError("it has zero bytes, so that it is not text, or UTF-16 without a mark: save it as UTF-8")
    if encoding == "cp1252":
        logger.warning("%s is not UTF-8: it is read as Windows-1252, the Western code page", path)
    return text


def _read_western(content: bytes) -> str | None:
    """The text of Windows-1252; None if it looks like another code page, or like damaged UTF-8."""
    damaged = content.decode("utf-8", errors="replace")
    right = sum(ord(letter) > 127 and letter != "\ufffd" for letter in damaged)
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    runs = re.findall(r"[^\x00-\x7f]+", text)
    if right > len(runs) / 2 or not all(map(_is_western, runs)):
        return None
    return text


def _is_western(run: str) -> bool:
    if set(run) <= _TOGETHER:
        return True
    letters = all("À" <= letter <= "ÿ" for letter in run)
    return run in _WESTERN or (letters and (len(run) == 1 or (len(run) == 2 and run.islower())))


def named(header: Sequence[str], texts: Collection[str] | None) -> set[str]:
    """Columns of a header that have one of these names, in capitals or not.

    Args:
        header: Names of the columns.
        texts: The names looked for; None for all.
    """
    if texts is None:
        return set(header)
    wanted = {text.strip().lower() for text in texts}
    return {column for column in header if column.strip().lower() in wanted}


def read_text_table(
    path: Path, kind: str, names: list[str] | None = None, texts: Collection[str] | None = ()
) -> "tuple[pandas.DataFrame, int]":
    """Read CSV or TSV: with commas, semicolons or tabs, a first line `sep=;`, lines of comments (`#`, `%`).

    In a file with semicolons or tabs a single comma in a number is the decimal sign.

    Args:
        path: The file.
        kind: `.csv` or `.tsv`; a TSV has tabs, a CSV what its lines show.
        names: Names of the columns of a file without a header.
        texts: Columns that are read as text: the name 001 is not 1. None for all.

    Returns:
        The table, and the number of the line of its first row.

    Raises:
        ValueError: If the file cannot be read, or two columns of different content have the same name.
    """
    text = read_text(path)
    lines, told, first = _without_comments(text, path)
    if not any(lines[first:]):
        raise ValueError("No columns to parse from file" if names is None else "it is empty")
    separator = told or ("\t" if kind == ".tsv" and "\t" in lines[first] else _separator(lines[first:]))
    body = "\n".join(lines[first:])
    header = next(csv.reader(io.StringIO(body, newline=""), delimiter=separator))
    as_text: set[Any] = named(header if names is None else names, texts)
    if names is not None:  # then columns have numbers
        as_text = {place for place, name in enumerate(names) if name in as_text}
    try:
        frame = _parse(body, separator, names, dict.fromkeys(as_text, str))
    except (ValueError, Warning) as error:
        if (long := _too_long(body, separator, first + 1, len(names or header))) is None:
            raise
        raise ValueError(long) from error
    if separator != ",":
        frame = _read_decimal_commas(frame, lambda: _parse(body, separator, names, str), as_text, path)
    if names is None:
        frame = without_copies(frame, header)
    return frame, first + (1 if names is not None else 2)


def _without_comments(text: str, path: Path) -> tuple[list[str], str | None, int]:
    """The lines, with empty ones for comments; the separator that the first line says; the place of the header."""
    lines = text.split("\n" if "\n" in text else "\r")
    told, first = None, 0
    if found := re.fullmatch(r'"?sep=(.|\\t)"?;*,*', lines[0].strip("\ufeff \r")):
        told, lines[0] = found[1].replace("\\t", "\t"), ""
    if _COMMENT.search("\n".join(lines)):
        lines = _blank_comments(lines, path)
    while first < len(lines) - 1 and not lines[first].strip():
        first += 1
    return lines, told, first


def _blank_comments(lines: list[str], path: Path) -> list[str]:
    kept, comments, quoted = [], [], False
    for line in lines:
        # "#,smiles" is a header, and a line within quotes belongs to a cell.
        is_comment = not quoted and line[:1] in ("#", "%") and line[1:2] not in (",", ";", "\t")
        kept.append("" if is_comment else line)
        comments += [line] if is_comment else []
        quoted ^= not is_comment and line.count('"') % 2 == 1
    rows = [line for line in kept if line.strip()]
    if comments and rows:
        header = _commented_header(comments[-1], rows[0])
        if header is not None and lines.index(comments[-1]) < kept.index(rows[0]):
            kept[lines.index(comments[-1])] = header
            comments = comments[:-1]
    if comments:
        logger.info("%s: %d lines of comments (# or %%) are not read", path, len(comments))
    separators = Counter(rows[0]) if rows else Counter()
    sign = max(",;\t", key=lambda each: separators[each])
    if separators[sign] and (like := [line for line in comments if line.count(sign) == separators[sign]]):
        logger.warning("%s: %d lines that begin with # or %% look like rows, and are not read", path, len(like))
    return kept


def _commented_header(comment: str, row: str) -> str | None:
    """A header after a mark of comments, as numpy writes it; None if the comment is none."""
    text = comment.lstrip("#% ").rstrip("\r")
    sign = max(",;\t", key=row.count)
    cells, names = row.split(sign), text.split(sign)
    if len(cells) < 2 or len(cells) != len(names):
        return None
    return text if any(map(_is_number, cells)) and not any(map(_is_number, names)) else None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?\s*", text, re.IGNORECASE) is not None


def _separator(lines: list[str]) -> str:
    """The sign that gives all lines as many fields as the header has; a semicolon or tab before a comma."""
    sample = "\n".join(line for line in lines[: 4 * _SAMPLE] if line.strip())
    counts = {}
    for sign in (";", "\t", ","):
        try:
            rows = [len(row) for row in islice(csv.reader(io.StringIO(sample, newline=""), delimiter=sign), _SAMPLE)]
        except csv.Error:
            continue
        if rows and rows[0] > 1:
            counts[sign] = (all(each == rows[0] for each in rows), rows[0])
    whole = {sign: number for sign, (regular, number) in counts.items() if regular}
    if whole:
        return max(whole, key=lambda sign: whole[sign])  # the first of equals
    return max(counts, key=lambda sign: counts[sign][1]) if counts else ","


def _too_long(body: str, separator: str, first: int, width: int) -> str | None:
    """What to say of the first row with more cells than the heading has; None if there is none."""
    try:
        rows = enumerate(csv.reader(io.StringIO(body, newline=""), delimiter=separator), start=first)
        row, count = next((row, len(cells)) for row, cells in rows if len(cells) > width)
    except (StopIteration, csv.Error):
        return None
    advice = ": a comma within a number or text needs quotes, or semicolons between the cells" * (separator == ",")
    return f"row {row} has {count} cells, the heading has {width}{advice}"


def _parse(
    body: str, separator: str, names: list[str] | None, types: type[str] | dict[str, type[str]]
) -> "pandas.DataFrame":
    import pandas

    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)  # a row longer than the header
        return pandas.read_csv(
            io.StringIO(body, newline=""),
            sep=separator,
            header=0 if names is None else None,
            keep_default_na=False,
            na_values=[""],
            index_col=False,
            skip_blank_lines=False,  # they count in the row numbers
            low_memory=False,
            dtype=types,
        )


def _read_decimal_commas(
    frame: "pandas.DataFrame", read_texts: "Callable[[], pandas.DataFrame]", names: Collection[Any], path: Path
) -> "pandas.DataFrame":
    """Read "0,93" as a number, where the file has such numbers; "1.030" is then refused: a thousand, or decimals?

    Where all numbers with a comma, or all with a point, look like "1,030", nothing tells, and all are refused. The
    columns `names` stay text. A table whose commas were read as decimal signs has the attribute `DECIMAL_COMMA`.
    """
    import pandas

    numeric = pandas.api.types.is_numeric_dtype
    texts = [column for column in frame if column not in names and not numeric(frame[column])]
    cells = {str(cell).strip() for column in texts for cell in frame[column].dropna()}
    commas = {cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)}
    grouped = {cell for cell in cells if _THOUSANDS[","].fullmatch(cell)}
    if not commas | grouped:
        return frame if not _may_be_thousands(frame, names) else _read_points(frame, read_texts(), names)
    if commas <= grouped:
        return _read_cells(read_texts(), names, lambda cell: _doubt(cell, ","))
    logger.info("%s: a comma in a number is read as the decimal sign", path)
    found = _read_cells(read_texts(), names, _with_point)
    found.attrs[DECIMAL_COMMA] = True
    return found


def _may_be_thousands(frame: "pandas.DataFrame", names: Collection[Any]) -> bool:
    """Whether all columns with points have numbers with three decimals at most, from 1 to 999."""
    numbers = [frame[column].dropna().abs() for column in frame if frame[column].dtype == float and column not in names]
    return bool(numbers) and all(
        each.between(1, 1000, inclusive="left").all() and ((1000 * each).round(6) % 1 == 0).all() for each in numbers
    )


def _read_points(frame: "pandas.DataFrame", texts: "pandas.DataFrame", names: Collection[Any]) -> "pandas.DataFrame":
    floats = [column for column in frame if frame[column].dtype == float and column not in names]
    cells = {str(cell).strip() for column in floats for cell in texts[column].dropna()}
    pointed = {cell for cell in cells if "." in cell}
    if not pointed or not all(map(_THOUSANDS["."].fullmatch, pointed)):
        return frame
    return _read_cells(texts, names, lambda cell: _doubt(cell, "."))


def _read_cells(texts: "pandas.DataFrame", names: Collection[Any], convert: Callable[[str], str]) -> "pandas.DataFrame":
    import pandas

    for column in [each for each in texts if each not in names]:
        cells = texts[column].map(convert, na_action="ignore")
        numbers = pandas.to_numeric(cells, errors="coerce")
        texts[column] = numbers if (numbers.notna() | cells.isna()).all() else cells
    return texts


def _with_point(cell: str) -> str:
    text = cell.strip()
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    if _GROUPS_OF_THREE.fullmatch(text):
        return f"{text} (decimals or thousands? Other numbers of the file have a comma)"
    return cell


def _doubt(cell: str, sign: str) -> str:
    if _THOUSANDS[sign].fullmatch(cell.strip()):
        return f"{cell.strip()} (decimals or thousands? Put commas between the columns, and no marks of thousands)"
    return cell


def without_copies(frame: "pandas.DataFrame", header: "list[str]") -> "pandas.DataFrame":
    """Leave out a column that is there twice; refuse two columns of one name that differ.

    Args:
        frame: The table, whose columns pandas has numbered (`density.1`).
        header: The names as in the file.

    Raises:
        ValueError: If two columns of one name differ.
    """
    names = [unicodedata.normalize("NFC", name) for name in header]
    for name in [name for name, number in Counter(names).items() if number > 1 and name.strip()]:
        first, *others = [place for place, each in enumerate(names) if each == name]
        if not all(frame.iloc[:, first].equals(frame.iloc[:, other]) for other in others):
            raise ValueError(f"it has {len(others) + 1} columns named {name!r} that differ: give each its own name")
        frame = frame.drop(columns=[frame.columns[other] for other in others])
        return without_copies(frame, [each for place, each in enumerate(header) if place not in others])
    return frame
