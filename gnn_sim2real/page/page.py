"""A report as one self-contained HTML file: its templates extend `base.html`, and use the macros of `macros.html`."""

import base64
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gnn_sim2real import __version__
from gnn_sim2real.files import write_atomically

PAGE = "report.html"
"""File name of a report in its folder."""


class TextTable(NamedTuple):
    """A table whose cells are text.

    Attributes:
        headings: Headings of the columns.
        rows: The rows.
        text_columns: Indices of columns aligned left; the others hold numbers and are aligned right.
    """

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    text_columns: tuple[int, ...] = (0,)


class Picture(NamedTuple):
    """A figure embedded in the page.

    Attributes:
        source: The SVG as a data URI.
        text: Description of the figure.
    """

    source: str
    text: str


def embed(path: Path, text: str) -> Picture:
    """Embed an SVG in a page.

    It becomes a separate image rather than elements of the page, where the names inside several SVGs would collide.

    Args:
        path: The SVG.
        text: Description of the figure.
    """
    return Picture("data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode(), text)


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
    made = {"made": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "version": __version__}
    write_atomically(path, pages.get_template(template).render({**content, **made}).encode())
