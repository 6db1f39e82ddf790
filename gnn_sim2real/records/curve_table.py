"""Learning curves from a table of any kind: sizes and errors as people write them, as the results of one study."""

from __future__ import annotations

import logging
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gnn_sim2real.records.curve_columns import LABELS, SIZES, TEXT_HEADINGS, CurveColumns, find_columns
from gnn_sim2real.records.results import whole_or_not
from gnn_sim2real.tables.table import read_table
from gnn_sim2real.tables.text_table import DECIMAL_COMMA
from gnn_sim2real.tables.texts import to_texts

logger = logging.getLogger(__name__)

_LARGEST = 10.0**15
_RISES = 0.8  # rank correlation with the size from which on values are said to rise
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_POINTED_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_SPACE = "[ \u00a0\u2009\u202f'\u2019]"
_SPACED_THOUSANDS = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{_SPACE}\d{{3}})+(?:[.,]\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_PARTS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
_TEXT_KINDS = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True)
class TableOptions:
    """How a table is read.

    Attributes:
        columns: Column of some roles, from `curve_columns.parse_columns`; the others are found by their names.
        rising: Whether more is better, so that the law is that of the ceiling minus the value.
        ceiling: The best possible value of a column that rises; None for 1, or for 100 where the cells have a percent
            sign.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    rising: bool = False
    ceiling: float | None = None

    @property
    def is_default(self) -> bool:
        """Whether nothing is said about columns."""
        return self == TableOptions()


@dataclass(frozen=True)
class CurveTable:
    """A table of trained models.

    Attributes:
        results: Columns as from `gnn_sim2real.records.results`, with the error in `error`; sizes may be fractions.
            `weight` and `spread` (the standard deviation of the log error) where the table has them.
        quantity: Name of the error.
        unit: Its unit; empty if it is not known.
        has_labels: Whether seeds or splits are named, so that equal ones are paired.
    """

    results: pd.DataFrame
    quantity: str
    unit: str
    has_labels: bool


def read_curve_table(path: Path, options: TableOptions) -> CurveTable:
    """Read a file of learning curves.

    Args:
        path: CSV, TSV, Excel, JSON, JSON lines or parquet, as `gnn_sim2real.tables.table.read_table` reads them.
        options: How it is read.

    Raises:
        ValueError: If it does not exist, cannot be read, or has a cell that cannot be meant so.
    """
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    # of sizes 1,600 is a thousand and more, which a reader of values cannot know
    given = (column for role, column in options.columns.items() if role in (*LABELS, *SIZES))
    frame = read_table(path, texts=(*TEXT_HEADINGS, *given))
    suffixes = {suffix.lower() for suffix in path.suffixes}
    return tabulate_models(frame, str(path), "line" if suffixes & {*_TEXT_KINDS} else "row", options)


def tabulate_models(frame: pd.DataFrame, source: str, word: str, options: TableOptions) -> CurveTable:
    """Make results of a table with a row for each trained model.

    Args:
        frame: The table; its index names the rows.
        source: Name of the file, for messages.
        word: What a row is called: line, row, or run.
        options: How it is read.

    Raises:
        ValueError: If a column is missing, or a cell cannot be meant so.
    """
    frame = frame.rename(columns=lambda name: str(name).strip())
    found = find_columns([*frame], options.columns, rising=options.rising, source=source)
    cells = _Cells(frame, source, word)
    (size_column,), (error_column,) = found.columns["source_size"], found.columns["error"]
    sizes = cells.numbers(size_column, least=0.0, is_size=True)
    unit = found.unit or ("%" if cells.has_percent(error_column) else "")
    errors, name = _errors(cells, error_column, found.quantity, unit, options)
    _warn_of_rising(sizes, errors, source, error_column, options)
    targets = np.zeros(len(frame))
    if columns := found.columns.get("target_size"):
        targets = cells.numbers(columns[0], least=math.nextafter(0.0, 1.0), is_size=True)
    results = pd.DataFrame(
        {
            "key": [str(row) for row in frame.index],
            "architecture": cells.names(found.columns.get("architecture", ())),
            "policy": "",
            "source_level": [repr(size) for size in sizes.tolist()],
            "growth": "random",
            "target_level": "",
            "pretraining": "",
            "property": "error",
            "unit": unit,
            "source_size": whole_or_not(sizes),
            "target_size": whole_or_not(targets),
            **_repeats(cells, found, sizes, targets),
            "error": errors,
        }
    )
    if columns := found.columns.get("weight"):
        results["weight"] = cells.numbers(columns[0], least=math.nextafter(0.0, 1.0))
    if columns := found.columns.get("error_std"):
        results["spread"] = cells.numbers(columns[0], least=0.0) / errors
    has_labels = bool({"seed", "split"} & found.columns.keys())
    order = ["architecture", "source_size", "target_size", "seed", "split", "key"]
    results = results.sort_values(order, ignore_index=True)
    return CurveTable(results, name, unit, has_labels)


def _errors(
    cells: _Cells, column: str, quantity: str, unit: str, options: TableOptions
) -> tuple[NDArray[np.float64], str]:
    """The errors and their name."""
    if not options.rising:
        advice = "; leave failed runs out, and use an error measure that cannot be 0"
        return cells.numbers(column, least=math.nextafter(0.0, 1.0), advice=advice), quantity
    values = cells.numbers(column, least=-math.inf)
    ceiling = options.ceiling or (100.0 if unit == "%" else 1.0)
    errors = ceiling - values
    for place in np.flatnonzero(errors <= 0)[:1]:
        advice = " (--ceiling 100 for percent)" if ceiling == 1 and (values < 100).all() else ""
        raise ValueError(
            f"{cells.where(place, column)} is {values[place]:g}, which is not below the ceiling {ceiling:g}: nothing "
            f"is left that could fall; give a higher one by --ceiling{advice}, or leave the row out"
        )
    return errors, f"{ceiling:g} - {quantity}"


def _warn_of_rising(
    sizes: NDArray[np.float64], errors: NDArray[np.float64], source: str, column: str, options: TableOptions
) -> None:
    """Say that values rise with the size, as those of which more is better do."""
    found = sizes > 0
    if options.rising or len(np.unique(sizes[found])) < 4:
        return
    if pd.Series(sizes[found]).rank().corr(pd.Series(errors[found]).rank()) > _RISES:
        logger.warning(
            "%s: %r rises with the size; if more of it is better, add --rising, and the law is fitted to 1 minus it",
            *(source, column),
        )


def _repeats(
    cells: _Cells, found: CurveColumns, sizes: NDArray[np.float64], targets: NDArray[np.float64]
) -> dict[str, Any]:
    """Seed and split of each row as numbers; without any label, the k-th row of a point has seed k."""
    labels = {kind: cells.labels(found.columns[kind]) for kind in ("seed", "split") if kind in found.columns}
    for kind, texts in labels.items():
        (column, *_) = found.columns[kind]
        if len({*texts} & _PARTS) > 1 or (kind == "split" and {text.lower() for text in texts} & {"train", "training"}):
            raise ValueError(
                f"{cells.source} has rows of several parts of the data in {column!r} ({', '.join(sorted({*texts}))}): "
                "leave those of the test part"
            )
        for place in [place for place, text in enumerate(texts) if not text][:1]:
            raise ValueError(
                f"{cells.where(place, column)} is missing; fill it, or remove the column: without it no two laws are "
                "paired"
            )
    if labels:
        return {kind: [_as_number(text) for text in labels.get(kind, ["0"] * len(sizes))] for kind in ("seed", "split")}
    points = zip(cells.names(found.columns.get("architecture", ())), sizes.tolist(), targets.tolist(), strict=True)
    count: dict[Any, int] = {}
    seeds = []
    for point in points:
        count[point] = count.get(point, -1) + 1
        seeds.append(count[point])
    return {"seed": seeds, "split": 0}


def _as_number(label: str) -> int:
    """A label as a number; for a name, a number that is the same in every file."""
    return int(label) if re.fullmatch(r"-?\d{1,15}", label) else 2**32 + zlib.crc32(label.encode())


class _Cells:
    """The cells of a table, which know where they are.

    Args:
        frame: The table.
        source: Name of the file.
        word: What a row is called.
    """

    def __init__(self, frame: pd.DataFrame, source: str, word: str) -> None:
        self.frame, self.source, self.word = frame, source, word

    def where(self, place: int, column: str) -> str:
        """File, line and column of a cell."""
        return f"{self.source}, {self.word} {self.frame.index[place]}: {column}"

    def labels(self, columns: Sequence[str]) -> list[str]:
        """Text of each row in some columns; empty where one of them is."""
        texts = [[*map(_plain_label, to_texts(self.frame[column]))] for column in columns]
        return [", ".join(found) if all(found) else "" for found in zip(*texts, strict=True)]

    def names(self, columns: Sequence[str]) -> list[str]:
        """Name of the curve of each row, which may be empty."""
        if not columns:
            return [""] * len(self.frame)
        texts = [to_texts(self.frame[column]) for column in columns]
        return [", ".join(filter(None, found)) for found in zip(*texts, strict=True)]

    def has_percent(self, column: str) -> bool:
        """Whether cells have a percent sign."""
        return any(text.endswith("%") for text in to_texts(self.frame[column]))

    def numbers(self, column: str, *, least: float, is_size: bool = False, advice: str = "") -> NDArray[np.float64]:
        """The numbers of a column.

        Args:
            column: The column.
            least: Smallest value that is accepted.
            is_size: Whether they are numbers of materials, so that 1,600 is a thousand and more.
            advice: What to do about a number that is not accepted.

        Raises:
            ValueError: If a cell has no such number.
        """
        cells = self.frame[column]
        texts = to_texts(cells)
        is_number = pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)
        read = cells.tolist() if is_number else self._read(texts, column, is_size)
        for place, value in enumerate(read):
            if not texts[place]:
                raise ValueError(f"{self.where(place, column)} is missing")
            if not (math.isfinite(value) and value >= least and not (is_size and value > _LARGEST)):
                wanted = "positive" if 0 < least < 1 else f"at least {least:g}" if least > -math.inf else "a number"
                most = f" and at most {_LARGEST:.0e}" if is_size else ""
                raise ValueError(
                    f"{self.where(place, column)} must be finite and {wanted}{most}, got {texts[place]}{advice}"
                )
        return np.array(read, dtype=float)

    def _read(self, texts: Sequence[str], column: str, is_size: bool) -> list[float]:
        """Numbers of texts, which are as people write them."""
        shares = [text.endswith("%") for text in texts]
        if any(shares) and not all(shares):
            place = shares.index(not shares[0])
            raise ValueError(
                f"{self.where(place, column)} is {texts[place]!r}, but {texts[0]!r} stands above it: write all cells "
                "of the column with %, or none"
            )
        bare = [text.removesuffix("%").strip().replace("\N{MINUS SIGN}", "-") for text in texts]
        bare = [re.sub(_SPACE, "", text) if _SPACED_THOUSANDS.fullmatch(text) else text for text in bare]
        commas = [text for text in bare if _DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text)]
        if is_size and self.frame.attrs.get(DECIMAL_COMMA):  # then points are marks of thousands
            bare = [text.replace(".", "") if _POINTED_THOUSANDS.fullmatch(text) else text for text in bare]
        found = []
        for place, text in enumerate(bare):
            number = text
            if _THOUSANDS.fullmatch(text) and not commas:
                if not is_size and text.count(",") == 1 and "." not in text:
                    raise ValueError(
                        f"{self.where(place, column)} is {text!r}: a thousand and more, or decimals? Write it without "
                        "a comma"
                    )
                number = text.replace(",", "")
            elif _DECIMAL_COMMA.fullmatch(text):
                number = text.replace(",", ".")
            try:
                value = float(number) if "_" not in number else math.nan
                if math.isnan(value) and number.lower() != "nan":
                    raise ValueError(number)
            except ValueError:
                if not text:
                    raise ValueError(f"{self.where(place, column)} is missing") from None
                raise ValueError(f"{self.where(place, column)} is {texts[place]!r}, which is not a number") from None
            found.append(value)
        return found


def _plain_label(text: str) -> str:
    """A label, where a number of a spreadsheet is that of a text file."""
    return text[:-2] if re.fullmatch(r"-?\d+\.0", text) else text
