"""Explanations of many materials as one HTML page, with pictures, and as a table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnn_sim2real.explain.explanation import Explanation
from gnn_sim2real.explain.nearest import Neighbor
from gnn_sim2real.files import is_own_figure, require_replaceable, spreadsheet_text, write_atomically
from gnn_sim2real.page.page import PAGE, Picture, TextTable, write_page

TABLE_FILE, PICTURES = "contributions.csv", "pictures"
_HEADINGS = ("material", "part", "element", "fragment", "contribution", "spread", "scatter")


@dataclass(frozen=True)
class Entry:
    """A material of the page.

    Attributes:
        after: Its explanation.
        before: That by the model before the fine-tuning; None without one.
        neighbors: The nearest materials of each table, by what the table is.
    """

    after: Explanation
    before: Explanation | None = None
    neighbors: dict[str, list[Neighbor]] = field(default_factory=dict)


def require_free_folder(folder: Path) -> None:
    """Refuse to write over files that are not of an earlier run; before anything is computed.

    Args:
        folder: The output folder.

    Raises:
        ValueError: If there is such a file.
    """
    table = folder / TABLE_FILE
    ours = table.is_file() and table.read_bytes().startswith(",".join(_HEADINGS).encode())
    require_replaceable(
        folder / PAGE,
        table,
        is_ours=lambda path: ours or is_own_figure(path),
        advice="give another folder by `--output`",
    )
    pictures = folder / PICTURES
    if not ours and pictures.exists() and any(pictures.iterdir()):
        raise ValueError(f"{pictures} has files that are not of an earlier run; give another folder by `--output`")


def write_explanations(folder: Path, entries: Sequence[Entry], title: str, notes: Sequence[str] = ()) -> Path:
    """Write the page, the table of all contributions, and a picture of each material as SVG and PNG.

    Args:
        folder: The output folder.
        entries: The materials.
        title: Title of the page.
        notes: Sentences above the materials, such as what could not be read.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, entry in enumerate(entries, start=1):
        pictures = []
        for name, each in (("", entry.after), ("_before", entry.before)):
            if each is None:
                continue
            stem = folder / PICTURES / f"{number}{name}"
            write_atomically(stem.with_suffix(".svg"), each.svg().encode())
            write_atomically(stem.with_suffix(".png"), each.png())
            pictures.append((each.display().headline, _picture(each), _table(each)))
        near = [(name, _neighbor_table(found)) for name, found in entry.neighbors.items()]
        shown.append({"name": entry.after.name, "pictures": pictures, "neighbors": near})
    _write_table(folder / TABLE_FILE, entries)
    content = {"title": title, "notes": list(notes), "shown": shown, "table_file": TABLE_FILE}
    write_page(folder / PAGE, "gnn_sim2real.explain", "page.html", content)
    return folder / PAGE


def _picture(explanation: Explanation) -> Picture:
    import base64

    source = "data:image/svg+xml;base64," + base64.b64encode(explanation.svg().encode()).decode()
    return Picture(source, f"Contributions of the parts of {explanation.name}")


def _table(explanation: Explanation) -> TextTable:
    rows = tuple((name, *value.partition(" +- ")[::2]) for name, value in explanation.display().rows)
    return TextTable(("part", "contribution", "spread"), rows)


def _neighbor_table(found: Sequence[Neighbor]) -> TextTable:
    return TextTable(
        ("material", "distance", "value"), [(each.name, f"{each.distance:.2f}", each.value) for each in found]
    )


def _write_table(path: Path, entries: Sequence[Entry]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    of_mixtures = any(entry.after.components for entry in entries)
    writer.writerow([*_HEADINGS, *(["component"] if of_mixtures else [])])
    for entry in entries:
        for row in entry.after.records():
            numbers = ["" if row[name] != row[name] else f"{row[name]:.8g}" for name in _HEADINGS[4:]]
            texts = [
                spreadsheet_text(str(each)) for each in (entry.after.name, *(row[name] for name in _HEADINGS[1:4]))
            ]
            component = [spreadsheet_text(row["component"])] if of_mixtures else []
            writer.writerow([*texts, *numbers, *component])
    write_atomically(path, text.getvalue().encode())
