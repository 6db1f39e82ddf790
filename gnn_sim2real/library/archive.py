"""Models in one file, to be passed on: a tar archive that is never unpacked by the paths in it."""

import io
import re
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from shutil import rmtree

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library.content import MODEL_FILES
from gnn_sim2real.library.folder import ModelLibrary
from gnn_sim2real.library.identities import FOLDER, identities_path

MAX_FILE_SIZE = 2**31
"""Larger files are refused [bytes]: a model of this package has a few megabytes."""
MAX_TOTAL_SIZE = 2**36
"""Archives with more content than this are refused [bytes]."""

_NAME = re.compile(rf"[0-9a-f]{{32}}/({'|'.join(map(re.escape, MODEL_FILES))})|{FOLDER}/[0-9a-f]{{32}}\.safetensors")
"""The only names that an archive may hold."""


def export_models(library: ModelLibrary, keys: Iterable[str], path: Path) -> int:
    """Write models, and the identities of the materials they have seen, into an archive.

    The same models give the same bytes.

    Args:
        library: Library of the models.
        keys: Keys of the models.
        path: The archive; compressed if its name ends in `gz` or `xz`.

    Returns:
        Number of models.

    Raises:
        CheckpointError: If a model is damaged.
    """
    chosen = sorted(keys)
    files: dict[str, Path] = {}
    for key in chosen:
        library.verify_model(key, strict=True)
        if name := library.card(key).identities:
            file = identities_path(library.folder, name)
            files[f"{FOLDER}/{file.name}"] = file
    files = dict(sorted(files.items()))
    for key in chosen:
        files |= {f"{key}/{name}": library.folder / key / name for name in MODEL_FILES}
    mode = {"gz": "w:gz", "tgz": "w:gz", "xz": "w:xz"}.get(path.name.rpartition(".")[2], "w")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    try:
        with tarfile.open(partial, mode) as archive:  # type: ignore[call-overload]
            for name, file in files.items():
                content = file.read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return len(chosen)


def import_models(library: ModelLibrary, path: Path) -> tuple[list[str], list[str]]:
    """Add the models of an archive, all of them or none.

    Only regular files with the names that a library uses are read; every hash and card is checked before a model is
    added.

    Args:
        library: Library that they are added to.
        path: The archive.

    Returns:
        Keys of the models that are new, and of those that existed already.

    Raises:
        ValueError: If the archive holds anything else, is too large, or holds a damaged model.
    """
    library.folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=library.folder, prefix=".importing_"))
    try:
        _unpack(path, staging)
        return add_models(library, staging)
    finally:
        rmtree(staging, ignore_errors=True)


def add_models(library: ModelLibrary, staging: Path) -> tuple[list[str], list[str]]:
    """Check the models of a folder, and add those that are new.

    Args:
        library: Library that they are added to.
        staging: Folder laid out like a library, on the same file system; it is emptied.

    Returns:
        Keys of the models that are new, and of those that existed already.

    Raises:
        CheckpointError: If one is damaged; then none is added.
    """
    come = ModelLibrary(staging)
    problems = come.verify(strict=True)
    if problems:
        key, problem = next(iter(problems.items()))
        raise CheckpointError(f"{len(problems)} models are refused; nothing was added. The first, {key}: {problem}")
    keys, there = sorted(come.keys()), set(library.keys())
    for file in sorted((staging / FOLDER).glob("*")):
        target = library.folder / FOLDER / file.name
        target.parent.mkdir(exist_ok=True)
        file.replace(target)
    for key in keys:
        if key not in there:
            library.add_folder(staging / key)
    return [key for key in keys if key not in there], [key for key in keys if key in there]


def _unpack(path: Path, folder: Path) -> None:
    """Write the files of an archive below a folder."""
    total = 0
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                if entry.isdir() and (entry.name == FOLDER or re.fullmatch("[0-9a-f]{32}", entry.name)):
                    continue
                if not entry.isreg() or not _NAME.fullmatch(entry.name):
                    raise ValueError(f"{path} is not an archive of models: it holds {entry.name!r}; nothing was added")
                total += entry.size
                if entry.size > MAX_FILE_SIZE or total > MAX_TOTAL_SIZE:
                    raise ValueError(f"{path} is too large to read, from {entry.name} on; nothing was added")
                content = archive.extractfile(entry)
                target = folder / entry.name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content.read() if content is not None else b"")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{path} cannot be read as an archive of models ({error}); download it again") from error
