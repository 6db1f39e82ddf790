"""Files that are complete or absent: atomic writes, and the package's cache folder."""

import errno
import gc
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, even on a shared file system, sees all of it or nothing.

    Raises:
        OSError: If the disk is full or the folder cannot be written; the old file, if any, is untouched.
    """
    write_pieces_atomically(path, [content])


def write_pieces_atomically(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file piece by piece, like `write_atomically`; it may be larger than memory.

    Args:
        path: The file.
        pieces: Its content, in order.

    Raises:
        OSError: If the disk is full or the folder cannot be written; the old file, if any, is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write plain types as readable JSON, atomically; NaN is refused since other readers do not accept it."""
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_atomically(path, (text + "\n").encode())


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is a full disk or an exhausted quota.

    Args:
        error: What was raised.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left on device" in str(error):  # safetensors and torch have their own error classes
            return True
        error = error.__cause__ or error.__context__
    return False


def default_cache_folder() -> Path:
    """The folder `$GNN_SIM2REAL_CACHE`, or the user's cache folder."""
    if folder := os.environ.get("GNN_SIM2REAL_CACHE"):
        return Path(folder).expanduser()
    import pooch

    return Path(pooch.os_cache("gnn-sim2real"))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep the garbage collector from scanning a growing list again and again, which takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def umask() -> int:
    """The bits that new files and folders of this process lack; `tempfile` makes its own without any for others."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
