"""Making the table of a recipe: its files are downloaded and checked, the table is built, checked and written."""

import hashlib
import importlib.metadata
import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.recipe import RawArchive, RawFile, TableRecipe, find_below
from gnn_sim2real.errors import DatasetNotFoundError, DownloadError
from gnn_sim2real.files import data_folders, require_writable, write_atomically

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What making a table takes.

    Attributes:
        recipe: The recipe.
        folder: Data folder into which the table goes.
        recipes: The recipes whose tables are missing, those that others need first; the last is `recipe`, unless its
            table is there already.
        missing: Files to be downloaded.
    """

    recipe: TableRecipe
    folder: Path
    recipes: list[TableRecipe]
    missing: list[RawFile | RawArchive]

    @property
    def path(self) -> Path:
        """The table."""
        return self.folder / self.recipe.relative_path

    @property
    def size(self) -> int:
        """What is downloaded [bytes]."""
        return sum(each.size for each in self.missing)

    @property
    def seconds(self) -> float:
        """Time for building, on one core [s]."""
        return sum(each.seconds for each in self.recipes)


def plan_table(recipe: TableRecipe, recipes: Mapping[str, TableRecipe], folder: Path | None = None) -> Plan:
    """Find what is missing for a table; nothing is downloaded.

    Args:
        recipe: The recipe.
        recipes: All recipes, since one may need the tables of others.
        folder: Data folder; `$GNN_SIM2REAL_DATA`, or the cache, unless given.

    Raises:
        DatasetNotFoundError: If it needs a table that is neither here nor has a recipe.
    """
    target = folder or data_folders()[0]
    needed: list[TableRecipe] = []

    def add(each: TableRecipe) -> None:
        for name, path in each.tables.items():
            if find_below(path, folder) is not None:
                continue
            if name not in recipes:
                raise DatasetNotFoundError(
                    f"{each.name} needs the table {name}, which cannot be made: `data list {name}` says what it is; "
                    f"put it in {target / path}"
                )
            if recipes[name] not in needed:
                add(recipes[name])
        needed.append(each)

    if not (path := target / recipe.relative_path).is_file() or _differs(recipe, path):
        add(recipe)
    files = {file.place: file for each in needed for file in each.raw.values() if not is_there(file)}
    return Plan(recipe, target, needed, list(files.values()))


def make_table(
    plan: Plan,
    *,
    client: Client | None = None,
    overwrite: bool = False,
    report: Callable[[str], None] = logger.info,
) -> Path:
    """Make a table, and those that it needs; what an earlier attempt has downloaded or made is used.

    Args:
        plan: Of `plan_table`.
        client: What downloads; one that tries four times unless given.
        overwrite: Whether a file may be replaced whose content is not that of the table.
        report: Gets a line on each step.

    Returns:
        The file.

    Raises:
        ValueError: If another file has its place, a package is missing, or another table than expected comes out.
        DownloadError: If a file cannot be downloaded, or is another one.
        OSError: If the disk is full.
    """
    for each in plan.recipes:
        if each.package:
            each.package.find()
        _require_place(each, plan.folder, overwrite)
    with client or Client(attempts=4) as asked:
        for number, file in enumerate(plan.missing, start=1):
            report(f"download {number} of {len(plan.missing)}: {file.url}")
            _download(file, asked)
    for each in plan.recipes:
        path = plan.folder / each.relative_path
        files = {name: file.cached for name, file in each.raw.items()} | (each.package.find() if each.package else {})
        for name, relative_path in each.tables.items():
            files[name] = find_below(relative_path, plan.folder) or plan.folder / relative_path
        report(f"build {each.name}")
        table = each.build(files)
        _require_expected(each, table, files)
        write_atomically(path, _as_bytes(table, path))
    return plan.path


def is_there(file: RawFile | RawArchive) -> bool:
    """Whether a file has been downloaded, and is whole.

    Args:
        file: The file.
    """
    if isinstance(file, RawArchive):
        return file.cached.is_file()
    try:
        return file.cached.stat().st_size == file.size and _sha256(file.cached) == file.sha256
    except OSError:
        return False


def _require_place(recipe: TableRecipe, folder: Path, overwrite: bool) -> None:
    path = folder / recipe.relative_path
    require_writable(path)
    if path.exists() and not overwrite and (difference := _differs(recipe, path)):
        raise ValueError(
            f"{path} is there already and is not the table of this recipe ({difference}); give another folder as "
            "`--output`, or `--overwrite` to replace it"
        )


def _differs(recipe: TableRecipe, path: Path) -> str:
    """What tells a file from the table of a recipe; nothing if it is that table."""
    try:
        table = read_made(path)
        if len(table) != recipe.num_rows:
            return f"{len(table):,} rows in place of {recipe.num_rows:,}"
        return "" if recipe.hash_of(table) == recipe.sha256 else "other values"
    except Exception as error:  # each kind of file has its own exceptions
        return " ".join(str(error).split())


def read_made(path: Path) -> "pandas.DataFrame":
    """Read a table that a recipe made: "NaN" is the formula of sodium nitride, only an empty cell is missing.

    Args:
        path: The file, CSV or parquet.
    """
    import pandas

    if path.suffix == ".parquet":
        return pandas.read_parquet(path)
    return pandas.read_csv(path, keep_default_na=False, na_values=[""], low_memory=False)


def _download(file: RawFile | RawArchive, client: Client) -> None:
    try:
        if isinstance(file, RawArchive):
            client.save_archive(file.url, file.cached, file.most)
            return
        content = client.get_file(file.url, file.size, file.sha256)
    except DownloadError as error:
        raise DownloadError(
            f"{error}; nothing is lost: what is downloaded stays in {file.cached.parent}, and the same command goes on "
            "from there"
        ) from error
    write_atomically(file.cached, content)


def _require_expected(recipe: TableRecipe, table: "pandas.DataFrame", files: Mapping[str, Path]) -> None:
    """Refuse what is not the table: with another version of a library, or tables of the user, others may come out."""
    reason = ""
    if len(table) != recipe.num_rows:
        reason = f"has {len(table):,} rows in place of {recipe.num_rows:,}"
    elif (found := recipe.hash_of(table)) != recipe.sha256:
        reason = f"has other values (SHA-256 {found[:12]} in place of {recipe.sha256[:12]})"
    if not reason:
        return
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("rdkit", "pymatgen", "pandas"))
    used = "".join(f"; it was made with your {files[name]}" for name in recipe.tables)
    raise ValueError(
        f"the table that came out for {recipe.name} {reason}, so it is not written; versions here: {versions}{used}"
    )


def _as_bytes(table: "pandas.DataFrame", path: Path) -> bytes:
    if path.suffix == ".csv":
        return table.to_csv(index=False, lineterminator="\n").encode()
    sink = io.BytesIO()
    table.to_parquet(sink, index=False, compression="zstd")
    return sink.getvalue()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
