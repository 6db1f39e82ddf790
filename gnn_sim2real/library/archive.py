"""Models in one file, to be passed on: a tar archive that is never unpacked by the paths in it."""

import bz2
import gzip
import logging
import lzma
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import rmtree
from typing import IO, Any

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import named_in_errors
from gnn_sim2real.library.content import MAX_SIZES, MODEL_FILES, WEIGHTS_FILE
from gnn_sim2real.library.folder import ModelLibrary
from gnn_sim2real.library.identities import FOLDER, identities_path, read_identities

logger = logging.getLogger(__name__)

MAX_FILE_SIZE = MAX_SIZES[WEIGHTS_FILE]
"""Larger files are refused [bytes]: a model of this package has a few megabytes."""
MAX_TOTAL_SIZE = 2**36
"""Archives with more content than this are refused [bytes]."""
MAX_RATIO = 100
"""Archives that are so many times larger unpacked are refused, above a gigabyte: weights can hardly be compressed."""
MAX_EXTRA_SIZE = 2**16
"""Headers of archives with more than this [bytes] are refused; other programs put long names and the like there."""
_PIECE = 2**20

_NAME = re.compile(rf"[0-9a-f]{{32}}/({'|'.join(map(re.escape, MODEL_FILES))})|{FOLDER}/[0-9a-f]{{32}}\.safetensors")
"""The only names that an archive may hold."""
_EXTRA = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
"""Headers that say more of the next file; they are skipped, since no file of a library needs one."""
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}


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
        with named_in_errors(path), tarfile.open(partial, mode) as archive:  # type: ignore[call-overload]
            for name, file in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = file.stat().st_size, 0o644
                with file.open("rb") as content:
                    archive.addfile(entry, content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return len(chosen)


def is_export(path: Path) -> bool:
    """Whether a file is an archive of models, by the name of its first entry.

    Args:
        path: The file.
    """
    try:
        with tarfile.open(path) as archive:
            first = archive.next()
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, lzma.LZMAError):
        return False
    return first is not None and _NAME.fullmatch(first.name) is not None


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
    wanted = {name for key in keys if (name := come.card(key).identities)}
    for name in sorted(wanted):  # checked above; others that came along belong to no model
        target = identities_path(library.folder, name)
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            read_identities(library.folder, name)  # a sound file is never replaced
        else:
            identities_path(staging, name).replace(target)
    for key in keys:
        if key not in there:
            library.add_folder(staging / key)
            continue
        try:
            library.verify_model(key)
        except CheckpointError as error:
            logger.warning(
                "the model %s that is already there is damaged (%s); delete its folder, and add it again", key, error
            )
    return [key for key in keys if key not in there], [key for key in keys if key in there]


def _unpack(path: Path, folder: Path) -> None:
    """Write the files of an archive below a folder, without more than a piece of one in memory."""
    try:
        packed = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(6)
        opened: Callable[..., Any] = next((each for magic, each in _OPENERS.items() if start.startswith(magic)), open)
        with opened(path, "rb") as archive:
            _unpack_entries(archive, path, folder, min(MAX_TOTAL_SIZE, max(2**30, MAX_RATIO * packed)))
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be read as an archive of models ({error}); nothing was added; download it again"
        ) from error


def _unpack_entries(archive: IO[bytes], path: Path, folder: Path, limit: int) -> None:
    """Read header after header: `tarfile` itself takes as much memory for a header as that one says."""
    total = 0
    while (block := archive.read(tarfile.BLOCKSIZE)).strip(b"\0"):
        entry = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        is_extra, is_folder = entry.type in _EXTRA, entry.isdir() and entry.size == 0
        total += tarfile.BLOCKSIZE + max(entry.size, 0)
        if total > limit:  # of folders, too: millions of them take little room packed
            raise ValueError(f"{path} is too large to read, from {entry.name!r} on; nothing was added")
        if is_folder and (entry.name == FOLDER or re.fullmatch("[0-9a-f]{32}", entry.name)):
            continue
        if not is_extra and not (entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and _NAME.fullmatch(entry.name)):
            raise ValueError(f"{path} is not an archive of models: it holds {entry.name!r}; nothing was added")
        most = (
            MAX_EXTRA_SIZE
            if is_extra
            else min(MAX_FILE_SIZE, MAX_SIZES.get(entry.name.partition("/")[2], MAX_FILE_SIZE))
        )
        if not 0 <= entry.size <= most:
            raise ValueError(f"{path} is too large to read, from {entry.name!r} on; nothing was added")
        if is_extra:
            _copy(archive, None, entry.size)
            continue
        target = folder / entry.name
        target.parent.mkdir(exist_ok=True)
        with target.open("xb") as file:
            _copy(archive, file, entry.size)
    if not block:
        raise EOFError("it ends before its end")


def _copy(archive: IO[bytes], file: IO[bytes] | None, size: int) -> None:
    """Read so many bytes, and what fills their last block, and write them to a file if there is one."""
    left = size
    while left:
        piece = archive.read(min(left, _PIECE))
        if not piece:
            raise EOFError("it ends within a file")
        left -= len(piece)
        if file is not None:
            file.write(piece)
    archive.read(-size % tarfile.BLOCKSIZE)
