"""Every column of a table as texts of its materials, read only when it is asked for."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas


class ColumnTexts(Mapping[str, list[str]]):
    """The text of each material in the columns of its file; empty where the cell is.

    Args:
        frame: The table as it was read.
        rows_of: Identity of the material of each row; None for a row that was refused.
        identities: The materials, in their order.
        source: Name of the file, for messages.
    """

    def __init__(
        self, frame: "pandas.DataFrame", rows_of: Sequence[str | None], identities: Sequence[str], source: str
    ) -> None:
        self.columns = {str(column): frame[column] for column in frame}
        self.rows_of, self.identities, self.source = rows_of, identities, source

    def of(self, identities: Sequence[str]) -> "ColumnTexts":
        """The texts of some of the materials.

        Args:
            identities: These, in the wanted order.
        """
        some, kept = copy.copy(self), set(identities)
        some.identities = identities
        some.rows_of = [name if name in kept else None for name in self.rows_of]
        return some

    def distinct(self, column: str) -> list[list[str]]:
        """The different texts of each material in a column, in the order of the file, without empty ones.

        Args:
            column: The column.
        """
        texts: dict[str, dict[str, None]] = {}
        for name, text in zip(self.rows_of, to_texts(self.columns[column]), strict=True):
            if name is not None and text:
                texts.setdefault(name, {})[text] = None
        return [list(texts.get(name, {})) for name in self.identities]

    def __getitem__(self, column: str) -> list[str]:
        """Text of each material in a column.

        Raises:
            KeyError: If there is no such column.
            ValueError: If two rows of one material have different texts.
        """
        texts: dict[str, str] = {}
        for name, text in zip(self.rows_of, to_texts(self.columns[column]), strict=True):
            if name is not None and texts.setdefault(name, text) != text:
                raise ValueError(
                    f'{self.source}: the rows of {name} have both "{texts[name]}" and "{text}" in column "{column}"; '
                    "give a material one label, or use another column"
                )
        return [texts[name] for name in self.identities]

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


class ConcatTexts(Mapping[str, list[str]]):
    """The columns that several tables have in common.

    Args:
        parts: The columns of each.
    """

    def __init__(self, parts: Sequence[Mapping[str, list[str]]]) -> None:
        self.parts = parts

    def __getitem__(self, column: str) -> list[str]:
        """Text of each material of all tables."""
        return [text for part in self.parts for text in part[column]]

    def __contains__(self, column: object) -> bool:
        return all(column in part for part in self.parts)

    def __iter__(self) -> Iterator[str]:
        return (column for column in self.parts[0] if column in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def to_numbers(cells: "pandas.Series[Any]") -> NDArray[np.float64]:
    """Each cell as a number, NaN for any other."""
    import pandas

    return pandas.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def to_texts(cells: "pandas.Series[Any]") -> list[str]:
    """Text of each cell, without blanks around it; empty where it is missing."""
    missing = cells.isna().tolist()
    return ["" if gone else str(cell).strip() for cell, gone in zip(cells.tolist(), missing, strict=True)]
