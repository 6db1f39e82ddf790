"""Finds the files of data sets on this machine, and fetches the public ones."""

import hashlib
import importlib.util
import logging
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from datamodules.catalog import ENTRIES, DataFile, OwnTable
from datamodules.open_data import OPEN_TABLES
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.databases.recipe import TableRecipe, find_recipes
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.files import data_folders, default_cache_folder, expand

__all__ = ["ENTRIES", "DataFile", "OwnTable", "find_file", "find_table", "sheet"]

logger = logging.getLogger(__name__)

_Entry = DataFile | OwnTable | TableRecipe


def find_file(name: str, path: str | Path | None = None) -> Path:
    """Find the file of a data set; if it is not on this machine, the table in the package, or a download.

    Args:
        name: A data set of the registry, or an open table of the package.
        path: The user's own file, absolute or relative to the working folder or to `$GNN_SIM2REAL_DATA`. If given, no
            other place is searched.

    Returns:
        The file. A registered file with other content is used with a warning: it may be a newer version. An open table
        has the same rows as the registered file of its name, and those of its columns that data modules read.

    Raises:
        DatasetNotFoundError: If the file is nowhere and cannot be downloaded.
        ValueError: If the registry has no such name.
    """
    open_table = OPEN_TABLES.get(name)
    if (entry := _find_entry(name)) is None:
        if open_table is None:
            known = ", ".join(sorted({*ENTRIES, *OPEN_TABLES, *_recipes()}))
            raise ValueError(f'there is no data set "{name}"; there are {known}')
        return open_table.file if path is None else find_table(path)
    places = _places_of(entry) if path is None else _places(path)
    for place in places:
        if place.is_file():
            if isinstance(entry, DataFile):
                _warn_of_other_content(entry, place)
            return place
    if path is None and open_table is not None:
        return open_table.file
    if path is None and isinstance(entry, DataFile):
        return _download(entry, places)
    raise DatasetNotFoundError(f'no file for "{name}": {_format_places(places)}; {_advise(entry)}')


def sheet(
    name: str, kind: str, num_rows: int, units: Mapping[str, str], settings: Mapping[str, Any] | None = None
) -> DataSheet:
    """The data sheet of a registered file; license, citation and origin are those of its entry.

    Args:
        name: A data set of the registry.
        kind: Kind of the materials.
        num_rows: Number of rows.
        units: Unit of each property.
        settings: Settings of the data module that read it with all its properties.

    Raises:
        ValueError: If there is no such data set.
    """
    settings = {"properties": list(units)} if settings is None else settings
    if name in OPEN_TABLES:
        table = OPEN_TABLES[name]
        return DataSheet(name, kind, num_rows, units, table.license, table.citation, "in the package", settings)
    if (entry := _find_entry(name)) is None:
        raise ValueError(f'there is no data set "{name}"')
    match origin := _recipes().get(name, entry):
        case TableRecipe():
            told = f"made: gnn-sim2real data make {name} ({origin.size / 1e6:.1f} MB, {origin.seconds:.0f} s)"
        case DataFile():
            told = "downloaded if it is missing"
        case OwnTable():
            told = f"your own: {origin.instruction}"
    license_ = entry.license or "none stated"
    return DataSheet(name, kind, num_rows, units, license_, entry.citation or "its authors", told, settings)


def find_table(path: str | Path) -> Path:
    """Find the user's own file.

    Args:
        path: Absolute, or relative to the working folder or to `$GNN_SIM2REAL_DATA`, in this order.

    Raises:
        DatasetNotFoundError: If it is at none of these places.
    """
    places = _places(path)
    for place in places:
        if place.is_file():
            return place
    raise DatasetNotFoundError(
        f'no file "{path}": {_format_places(places)}; set data.init_args.path to the file, or '
        "GNN_SIM2REAL_DATA to the folder that contains it"
    )


def _places(path: str | Path) -> list[Path]:
    given = expand(path)
    return [given] if given.is_absolute() else [given, *(folder / given for folder in data_folders())]


def _find_entry(name: str) -> _Entry | None:
    """What is known of a table that has a place below the data folder: the file, the user's, or the recipe."""
    return ENTRIES.get(name) or (None if name in OPEN_TABLES else _recipes().get(name))


def _places_of(entry: _Entry) -> list[Path]:
    places = [folder / entry.relative_path for folder in data_folders()]
    return (
        places[:-1] if isinstance(entry, DataFile) else places
    )  # the last one is that of downloads, which are checked


def _format_places(places: list[Path]) -> str:
    if not places:
        return "GNN_SIM2REAL_DATA is not set"
    return "searched " + " and ".join(str(place.absolute()) for place in places)


def _advise(entry: _Entry) -> str:
    """Advice for the user, as the end of a sentence."""
    folder = f"the folder that contains {entry.relative_path}"
    own_place = f"set GNN_SIM2REAL_DATA to {folder}, or data.init_args.path to the file"
    if isinstance(entry, DataFile):
        return f"{own_place}, or leave the path out while online to download it"
    if isinstance(entry, TableRecipe):
        return f"make it: gnn-sim2real data make {entry.name}; or {own_place}"
    columns = [column if unit is None else f"{column} [{unit}]" for column, unit in entry.columns.items()]
    return f"{entry.instruction}, with the columns {', '.join(columns)}; then {own_place}"


@cache
def _recipes() -> dict[str, TableRecipe]:
    return find_recipes()


def _warn_of_other_content(entry: DataFile, file: Path) -> None:
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != entry.sha256:
        logger.warning(
            "%s is not the registered version of %s: %d bytes, SHA-256 %s instead of %d bytes, %s",
            *(file, entry.name, len(content), sha256, entry.size, entry.sha256),
        )


def _download(entry: DataFile, places: list[Path]) -> Path:
    """Fetch a file into the cache, or take it from there."""
    import pooch

    target = default_cache_folder() / "data" / entry.relative_path
    bar = sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None
    try:
        fetched = pooch.retrieve(
            url=entry.url,
            known_hash=f"sha256:{entry.sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(progressbar=bar, timeout=30),
        )
    except (OSError, ValueError) as error:  # ValueError: the hash; all errors of requests are OSErrors
        other = isinstance(error, ValueError) and not isinstance(error, OSError)
        cause = "the file there is not the registered one" if other else type(error).__name__
        raise DatasetNotFoundError(
            f'no file for "{entry.name}": {_format_places(places)}, and the download of {entry.url} to {target} '
            f"failed ({cause}); {_advise(entry)}"
        ) from error
    return Path(fetched)
