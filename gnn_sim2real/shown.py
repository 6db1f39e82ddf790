"""How results show themselves: a few lines of text in a terminal, a table in a notebook, a figure, a DataFrame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

Row = tuple[str, str]
"""What something is, and its value, both as text."""

_LONGEST = 24
"""Rows of a table that are shown; a DataFrame has them all."""


@dataclass(frozen=True)
class Display:
    """What there is to show of a result.

    Attributes:
        headline: What it is, in a line.
        rows: What there is to say, row by row.
        draw: Draws the figure.
        notes: Sentences below the table.
        records: Rows of `to_frame`, where these hold more than what is shown.
    """

    headline: str
    rows: Sequence[Row]
    draw: Callable[[Axes], None]
    notes: Sequence[str] = ()
    records: Sequence[dict[str, Any]] | None = None


class Shown(ABC):
    """A result that shows itself."""

    @abstractmethod
    def display(self) -> Display:
        """What there is to show."""

    def to_frame(self) -> DataFrame:
        """All of it as a table."""
        import pandas

        display = self.display()
        rows = [{"what": name, "value": value} for name, value in display.rows]
        return pandas.DataFrame(rows if display.records is None else list(display.records))

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw it.

        Args:
            axes: Where to draw; new axes of matplotlib's current figure, which a notebook shows, unless given.

        Returns:
            The axes.
        """
        if axes is None:
            import matplotlib.pyplot as plt

            _, axes = plt.subplots()
        self.display().draw(axes)
        return axes

    def __repr__(self) -> str:
        display = self.display()
        shown, more = _shorten(display.rows)
        width = max((len(name) for name, _ in shown), default=0)
        lines = [display.headline, *(f"  {name:<{width}}  {value}".rstrip() for name, value in shown)]
        return "\n".join([*lines, *([f"  {more}"] if more else []), *(f"  {note}" for note in display.notes)])

    def _repr_html_(self) -> str:
        display = self.display()
        shown, more = _shorten(display.rows)
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in shown
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in ([more] if more else []) + [*display.notes])
        return f"<p><b>{escape(display.headline)}</b></p><table>{cells}</table>{notes}"


def _shorten(rows: Sequence[Row]) -> tuple[Sequence[Row], str]:
    left = len(rows) - _LONGEST
    return rows[:_LONGEST], f"and {left} more, in `to_frame()`" if left > 0 else ""
