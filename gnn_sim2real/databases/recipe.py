"""Recipes: tables that are made, on the user's machine, from files at pinned public addresses."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gnn_sim2real.files import data_folders, default_cache_folder
from gnn_sim2real.plugins import import_files, import_installed

if TYPE_CHECKING:
    import pandas

GROUP = "gnn_sim2real.datasets"
"""Entry-point group: every file in the folder `recipes` of a module that is named here is looked through."""

_RAW_ADDRESS = "https://raw.githubusercontent.com"
_ARCHIVE_ADDRESS = "https://codeload.github.com"

_MIRROR = "GNN_SIM2REAL_MIRROR"
"""Environment variable: address of a server with the same paths, where the public one cannot be reached."""

_DIGITS = 7
"""Significant digits of a number that count: the last ones of a fit depend on the machine."""


@dataclass(frozen=True)
class RawFile:
    """A file of a public repository at one commit.

    Args:
        repository: Owner and name on GitHub.
        commit: The commit, 40 hex digits.
        path: Path in the repository, as it is; blanks and the like are encoded in the address.
        size: Size [bytes].
        sha256: SHA-256 of its content.
        license: License as found in the repository; empty if there is none.
    """

    repository: str
    commit: str
    path: str
    size: int
    sha256: str
    license: str = ""

    @property
    def place(self) -> str:
        """The file on the server, percent-encoded."""
        return f"{self.repository}/{self.commit}/{quote(self.path)}"

    @property
    def url(self) -> str:
        """Its address; on the server `$GNN_SIM2REAL_MIRROR` if that is set, whose files are checked as well."""
        return f"{os.environ.get(_MIRROR) or _RAW_ADDRESS}/{self.place}"

    @property
    def cached(self) -> Path:
        """Where it is kept after the download; recipes of the same file share it."""
        owner, name = self.repository.split("/")
        return default_cache_folder() / "data" / "raw" / f"{owner}__{name}" / self.commit[:12] / self.path


@dataclass(frozen=True)
class RawArchive:
    """All files of a public repository at one commit, packed by the server, as tar.gz.

    Its bytes are not promised to stay the same, nor is its size told before: it is checked to be whole, and what is
    made of it is checked by the hash of the table.

    Args:
        repository: Owner and name on GitHub.
        commit: The commit, 40 hex digits.
        size: Size as estimated [bytes].
        license: License as found in the repository; empty if there is none.
    """

    repository: str
    commit: str
    size: int
    license: str = ""

    @property
    def place(self) -> str:
        """The archive on the server."""
        return f"{self.repository}/tar.gz/{self.commit}"

    @property
    def url(self) -> str:
        """Its address; on the server `$GNN_SIM2REAL_MIRROR` if that is set."""
        return f"{os.environ.get(_MIRROR) or _ARCHIVE_ADDRESS}/{self.place}"

    @property
    def cached(self) -> Path:
        """Where it is kept after the download, which is whole if it is there."""
        owner, name = self.repository.split("/")
        return default_cache_folder() / "data" / "raw" / f"{owner}__{name}" / f"{self.commit[:12]}.tar.gz"

    @property
    def most(self) -> int:
        """Size [bytes] from which on it is another one."""
        return 20 * self.size


@dataclass(frozen=True)
class Package:
    """An installed distribution whose data files are read where they are: nothing is downloaded or copied.

    Args:
        name: Name on PyPI.
        version: The version whose values are expected.
        files: Paths below the folder of installed packages, by a short name.
        license: Its license.
        extra: Extra of this package that installs it.
    """

    name: str
    version: str
    files: Mapping[str, str]
    license: str
    extra: str

    def find(self) -> dict[str, Path]:
        """Its files.

        Raises:
            ValueError: If it is not installed, or in another version.
        """
        advice = f"pip install {self.name}=={self.version}, or 'gnn-sim2real[{self.extra}]'"
        try:
            found = distribution(self.name)
        except PackageNotFoundError:
            raise ValueError(f"the package {self.name} is needed, which is not installed: {advice}") from None
        if found.version != self.version:
            raise ValueError(
                f"the values are those of {self.name} {self.version}, but {found.version} is installed: {advice}"
            )
        return {name: Path(str(found.locate_file(path))) for name, path in self.files.items()}


Files = Mapping[str, Path]
"""The files of a recipe, by the name that it gives them: raw ones, those of a package, tables of other recipes."""


@dataclass(frozen=True)
class TableRecipe:
    """How a table is made.

    Args:
        name: Name of the table, for `data make`.
        relative_path: Its path below the data folder: CSV or parquet.
        columns: Its columns in order, with their units; None for text.
        raw: Files that are downloaded, by a short name.
        build: Makes the table of the files; gets them by these names, and those of `tables`.
        num_rows: Number of rows that must come out.
        sha256: What `content_sha256` must give.
        description: What the table holds, in one sentence without a period.
        license: License of the table, in words.
        citation: What to cite.
        seconds: Time that `build` takes on one core [s].
        kind: Kind of its materials.
        tables: Other tables that are needed, by name, with their paths below the data folder; those without a recipe
            are the user's.
        package: Distribution from which values are read.
        spelled: Columns whose texts a version of RDKit decides, which do not count in the hash.
        note: What a user should know before, in whole sentences.
    """

    name: str
    relative_path: str
    columns: Mapping[str, str | None]
    raw: Mapping[str, RawFile | RawArchive]
    build: Callable[[Files], "pandas.DataFrame"]
    num_rows: int
    sha256: str
    description: str
    license: str
    citation: str
    seconds: float = 1.0
    kind: str = "repeat_unit"
    tables: Mapping[str, str] = field(default_factory=dict)
    package: Package | None = None
    spelled: tuple[str, ...] = ()
    note: str = ""

    @property
    def size(self) -> int:
        """What is downloaded at most [bytes]."""
        return sum(each.size for each in self.raw.values())

    def hash_of(self, table: "pandas.DataFrame") -> str:
        """Hash of a table, for a comparison with `sha256`.

        Args:
            table: The table; its further columns do not count.

        Raises:
            ValueError: If a column is missing.
        """
        missing = [column for column in self.columns if column not in table]
        if missing:
            raise ValueError(f"there is no column {', '.join(missing)}")
        return content_sha256(table[[column for column in self.columns if column not in self.spelled]])


def find_below(relative_path: str, folder: Path | None = None) -> Path | None:
    """A table on this machine: in a data folder, `$GNN_SIM2REAL_DATA`, or where `data make` puts it without that.

    Args:
        relative_path: Its path below a data folder.
        folder: Data folder that is searched first.
    """
    folders = [*([folder] if folder else []), *data_folders()]
    return next((path for each in folders if (path := each / relative_path).is_file()), None)


def content_sha256(table: "pandas.DataFrame") -> str:
    """Hash of the content of a table: numbers to seven digits, whatever the order of the rows and the kind of file.

    Args:
        table: The table.
    """
    import pandas

    names = "\x1f".join(map(str, table.columns))
    columns = []
    for name in table.columns:
        values = table[name]
        if pandas.api.types.is_bool_dtype(values):
            columns.append(["01"[bool(value)] for value in values])
        elif pandas.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(dtype="float64", na_value=float("nan"))
            columns.append(["" if isnan(number) else f"{number + 0.0:.{_DIGITS}g}" for number in numbers.tolist()])
        else:
            columns.append([_text(value) for value in values])
    digest = hashlib.sha256(names.encode())
    for row in sorted("\x1f".join(cells) for cells in zip(*columns, strict=True)):
        digest.update(b"\x1e" + row.encode())
    return digest.hexdigest()


def _text(value: Any) -> str:
    """A cell as text; a list, as parquet has them, by its numbers."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, float):  # NaN: nothing is there
        return ""
    return " ".join(map(str, value.tolist() if hasattr(value, "tolist") else value))


def find_recipes() -> dict[str, TableRecipe]:
    """All recipes by name: those that stand in a file of a folder `recipes` of an installed module of data sets.

    Raises:
        ValueError: If two have the same name.
    """
    found: dict[str, TableRecipe] = {}
    for module in import_installed(GROUP):
        # A data set of one file is not a package, and has no folder.
        if not hasattr(module, "__path__") or find_spec(package := f"{module.__name__}.recipes") is None:
            continue
        for file in import_files(package):
            for value in vars(file).values():
                if isinstance(value, TableRecipe) and found.setdefault(value.name, value) is not value:
                    raise ValueError(f"{file.__name__} has a second recipe {value.name!r}; choose another name")
    return dict(sorted(found.items()))
