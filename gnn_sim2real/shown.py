"""How results show themselves: a few lines of text in a terminal, a table in a notebook, a figure, a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

Row = tuple[str, str]
"""What something is, and its value, both as text."""

_LONGEST = 24
"""Rows of a table that are shown; a DataFrame has them all."""


class Shown:
    """A result that shows itself; a subclass says what there is to show."""

    def _headline(self) -> str:
        """What this is, in a line."""
        raise NotImplementedError

    def _lines(self) -> Sequence[Row]:
        """What there is to say, row by row."""
        raise NotImplementedError

    def _notes(self) -> Sequence[str]:
        """Sentences below the table."""
        return ()

    def _records(self) -> Sequence[dict[str, Any]]:
        """Rows of `to_frame`; those shown unless they hold more."""
        return [{"what": name, "value": value} for name, value in self._lines()]

    def _draw(self, axes: Axes) -> None:
        """Draw the figure."""
        raise NotImplementedError

    def to_frame(self) -> DataFrame:
        """All of it as a table."""
        import pandas

        return pandas.DataFrame(list(self._records()))

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
        self._draw(axes)
        return axes

    def __repr__(self) -> str:
        shown, more = self._shortened()
        width = max((len(name) for name, _ in shown), default=0)
        lines = [self._headline(), *(f"  {name:<{width}}  {value}".rstrip() for name, value in shown)]
        return "\n".join([*lines, *([f"  {more}"] if more else []), *(f"  {note}" for note in self._notes())])

    def _repr_html_(self) -> str:
        shown, more = self._shortened()
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in shown
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in ([more] if more else []) + [*self._notes()])
        return f"<p><b>{escape(self._headline())}</b></p><table>{cells}</table>{notes}"

    def _shortened(self) -> tuple[Sequence[Row], str]:
        lines = self._lines()
        left = len(lines) - _LONGEST
        return lines[:_LONGEST], f"and {left} more, in `to_frame()`" if left > 0 else ""
