"""`gnn-sim2real init`: a new project."""

import json
from collections.abc import Mapping
from pathlib import Path

from gnn_sim2real.config.command import Command
from gnn_sim2real.config.shipped import configs_folder, list_configs

_ADDRESS = "project"
"""Folder of the projects among the YAMLs of the package, one for each kind."""

_ENOUGH = 170
"""Rows of a simulated table from which on the largest source size of the projects, 120, is left beside tests."""


def init(
    folder: Path,
    *,
    kind: str,
    measured: str | None = None,
    simulated: str | None = None,
    property: str | None = None,  # noqa: A002
    unit: str | None = None,
) -> None:
    """Begin a project: a study from simulation to measurement that runs at once, on rows that are made up.

    Real materials, invented values: the files simulated.* and measured.* show which columns are read. With --measured
    and --simulated the YAMLs name your own files instead; these need --property and --unit.

    Args:
        folder: New folder of the project.
        kind: What the materials are: composition, crystal, molecule, pair or polymer.
        measured: Your own measured values, in any file that `datamodules.Table` reads.
        simulated: Your own simulated values of the same property.
        property: Name of the property in both files, e.g. density.
        unit: Its unit, e.g. g/cm3, or '' if it has none.
    """
    from gnn_sim2real.console import open_console

    own = {"measured": measured, "simulated": simulated, "property": property, "unit": unit}
    copied = write_project(folder, kind, {name: each for name, each in own.items() if each is not None})
    console = open_console()
    for line in [*map(str, copied), f"\ncd {folder}\ngnn-sim2real study run -c study.yaml"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def kinds() -> list[str]:
    """What a project can be about."""
    return sorted({name.split("/")[1] for name in list_configs() if name.startswith(f"{_ADDRESS}/")})


def write_project(folder: Path, kind: str, own: Mapping[str, str]) -> list[Path]:
    """Copy the files of a project, with the names of the user's own files in them.

    Args:
        folder: Where to; it is made if it does not exist.
        kind: One of `kinds`.
        own: The user's `measured` and `simulated` files, `property` and `unit`; empty for the made-up rows.

    Returns:
        The new files.

    Raises:
        ValueError: If there is no such kind, the folder is not empty, or `own` is not complete.
    """
    if kind not in kinds():
        raise ValueError(f"there is no kind of project {kind!r}; choose {', '.join(kinds())}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty, and nothing is overwritten; give a new folder")
    lines = _own_lines(kind, own)
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for each in sorted((configs_folder() / _ADDRESS / kind).iterdir()):
        if own and each.stem in ("measured", "simulated"):
            continue
        text = each.read_text(encoding="utf-8")
        if each.suffix == ".yaml":
            text = "".join(_replace(line, lines) for line in text.splitlines(keepends=True))
        (folder / each.name).write_text(text, encoding="utf-8")
        written.append(folder / each.name)
    return written


def _own_lines(kind: str, own: Mapping[str, str]) -> dict[str, str]:
    """What takes the place of a setting in the YAMLs, by the setting; of `path`, by its made-up file."""
    if not own:
        return {}
    wanted = ("measured", "simulated", "property", "unit")
    if missing := [name for name in wanted if name not in own]:
        raise ValueError(f"your own files need --{', --'.join(wanted)} together; --{', --'.join(missing)} is missing")
    if kind == "pair":
        raise ValueError(
            "name the files and columns of your own pairs in the YAMLs: begin without --measured and --simulated"
        )
    from gnn_sim2real.files import expand

    for name in ("measured", "simulated"):
        if not expand(own[name]).exists():
            raise ValueError(f"there is no file {own[name]}: check --{name}")
    paths = {f"path: {name}": f"path: {json.dumps(str(expand(own[name]).absolute()))}" for name in wanted[:2]}
    title = f"title: {json.dumps(own['property'] + ', from simulation to measurement')}"
    return {
        **paths,
        "property:": f"property: {json.dumps(own['property'])}",
        "unit:": f"unit: {json.dumps(own['unit'])}",
        "title:": title,
        # However many there are; 20 may be more.
        "size: 20": "size: all                       # target size m",
        "target_size:": "target_size: [all]                              # all measured values outside the test part",
        **_source_sizes(expand(own["simulated"])),
    }


def _source_sizes(file: Path) -> dict[str, str]:
    """The sizes of the source, where the user's table is too small for those of the made-up rows."""
    from gnn_sim2real.tables.table import read_table

    try:
        number = len(read_table(file))
    except (OSError, ValueError):  # a folder of crystals, or what `data check` will explain
        return {}
    if number >= _ENOUGH:
        return {}
    sizes = sorted({0, *(max(2, number // part) for part in (8, 4, 2))})
    listed = f"source_size: [{', '.join(map(str, sizes))}, all]"
    return {"source_size:": f"{listed:<47} # simulated values n; 0 is from scratch"}


def _replace(line: str, lines: Mapping[str, str]) -> str:
    setting = line.strip()
    for start, new in lines.items():
        if setting.startswith(start):
            return line.replace(setting, new)
    return line


COMMAND = Command(
    "begin",
    "a project that runs at once on made-up rows, or on your own two files",
    init,
    examples={
        "init my-project --kind polymer": "a project on made-up rows",
        "init mine --kind polymer --measured m.csv --simulated s.csv --property density --unit g/cm3": "on your own",
    },
)
