"""A report as one self-contained HTML file: its templates extend `base.html` and use the macros of `macros.html`."""

import base64
import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gnn_sim2real import __version__
from gnn_sim2real.figures import BASELINE_COLORS, COLORS
from gnn_sim2real.files import spreadsheet_text, write_atomically

_IN_THE_DARK = ("#4DA6E0", "#FF8C42", "#2FC79C", "#E6EAED", "#B79CE0", "#CFA07C")
_PALE_IN_THE_DARK = ("#E3A6C6", "#F0BE5A", "#A5DDF7", "#B5B5B5")

PAGE = "report.html"
"""File name of a report in its folder."""


class _Color(NamedTuple):
    """A color on white and on dark paper."""

    light: str
    dark: str


class Picture(NamedTuple):
    """A picture in a cell of a table.

    Attributes:
        source: The picture as a data URI.
        text: What it shows.
    """

    source: str
    text: str


class TextTable(NamedTuple):
    """A table whose cells are text, or pictures.

    Attributes:
        headings: Headings of the columns.
        rows: The rows.
        text_columns: Indices of columns aligned left; the others hold numbers and are aligned right.
    """

    headings: tuple[str, ...]
    rows: Sequence[tuple[str | Picture, ...]]
    text_columns: tuple[int, ...] = (0,)


class Download(NamedTuple):
    """A file that the page brings along.

    Attributes:
        name: Its name.
        source: The file as a data URI.
        text: What is in it.
    """

    name: str
    source: str
    text: str


def data_uri(content: bytes, kind: str) -> str:
    """A file as a part of a page.

    Args:
        content: The file.
        kind: Its media type.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def csv_of(table: TextTable) -> bytes:
    """A table as CSV, without its pictures, in which no cell is a formula.

    Args:
        table: The table.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in (table.headings, *table.rows):
        writer.writerow(spreadsheet_text(each.text if isinstance(each, Picture) else each) for each in row)
    return text.getvalue().encode()


def write_page(path: Path, package: str, template: str, content: Mapping[str, Any]) -> None:
    """Write a page.

    Args:
        path: The HTML file.
        package: Package that holds the template.
        template: Name of the template.
        content: What the template shows, with a `title`; version and time are added.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=ChoiceLoader([PackageLoader(package, ""), PackageLoader(__package__, "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    colors = [_Color(*each) for each in zip(COLORS, _IN_THE_DARK, strict=True)]
    pale = [_Color(*each) for each in zip(BASELINE_COLORS, _PALE_IN_THE_DARK, strict=True)]
    made: dict[str, Any] = {
        "colors": colors,
        "pale_colors": pale,
        "made": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "version": __version__,
    }
    write_atomically(path, pages.get_template(template).render({**content, **made}).encode())
