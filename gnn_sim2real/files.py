"""Files that are complete or absent, and unchanged: atomic writes, checksums, and the package's cache folder."""

import errno
import gc
import hashlib
import json
import os
import re
import secrets
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

_CLOCK_STEP = 2_000_000_000
"""Two changes of a file within this time [ns] may have the same time stamp on the coarsest file systems."""

_CHECKSUM = "checksum"
_SEAL = b'\n "checksum": "'
"""How the line of the checksum begins in a file of `write_sealed`."""


MADE_BY = "gnn-sim2real"
"""What every figure says of itself, which tells an earlier one from a file of the user."""


_MODEL = re.compile("[0-9a-f]{32}")
"""Name of the folder of a library's model, see `library.content`."""


def require_replaceable(
    *outputs: Path,
    is_ours: Callable[[Path], bool] = lambda _: False,
    inputs: Iterable[Path] = (),
    overwrite: bool = False,
    advice: str = "give another name, or `--overwrite` to replace it",
) -> None:
    """Refuse to write a file over one that the same command did not write; before anything is computed.

    Args:
        outputs: The files that are to be written.
        is_ours: Whether a file that is there is an earlier output of the same command, which may be replaced.
        inputs: Files and folders that are read, which are never replaced.
        overwrite: Whether a file may be replaced that is not ours.
        advice: What else the user can do.

    Raises:
        ValueError: If a file would be lost.
    """
    read = [each for each in inputs if os.path.exists(each)]  # noqa: PTH110 (of a name that is too long as well)
    seen: dict[Path, Path] = {}
    for output in outputs:
        require_writable(output)
        if (place := output.resolve()) in seen:
            raise ValueError(f"{output} is to be written twice; give each output its own name")
        seen[place] = output
        if output.is_dir():
            raise ValueError(f"{output} is a folder; give the name of a file")
        if not output.exists():
            continue
        within = any(each.is_dir() and place.is_relative_to(each.resolve()) for each in read)
        if any(each.samefile(output) for each in read) or (within and not is_ours(output)):
            raise ValueError(f"{output} is read by this command, and never replaced; give another name")
        if not overwrite and not is_ours(output):
            raise ValueError(f"{output} is there already, and is not replaced by itself; {advice}")


def require_writable(path: Path) -> None:
    """Refuse a file or folder that could not be written, before hours go into its content.

    Args:
        path: The file or folder; need not exist.

    Raises:
        ValueError: If nothing can be written to its folder, or to that in which it would be made, or that is the folder
            of a library's model, which would be damaged by another file.
        OSError: If the disk is full.
    """
    require_outside_models(path)
    place = path.absolute()
    there = place if place.is_dir() else next(each for each in place.parents if os.path.lexists(each))
    if not there.is_dir():
        raise ValueError(f"{path} cannot be written, since {there} is not a folder; give another place")
    if not os.access(there, os.W_OK):
        raise ValueError(f"{path} cannot be written, since {there} is read-only; give another place")
    try:
        with tempfile.TemporaryFile(dir=there):  # permissions alone do not tell what a file system takes
            pass
    except OSError as error:
        if is_disk_full(error):
            raise
        raise ValueError(
            f"{path} cannot be written, since nothing can be written to {there} ({error.strerror}); give another place"
        ) from error


def require_outside_models(path: Path) -> None:
    """Refuse to write into the folder of a library's model, which would not be found sound with another file in it.

    Args:
        path: The file or folder that is to be written.

    Raises:
        ValueError: If it is, or would be, in such a folder.
    """
    place = path.resolve()
    for each in (place, *place.parents):
        if _MODEL.fullmatch(each.name) and (each / "card.json").is_file():
            raise ValueError(
                f"{path} cannot be written: {each} is a model of a library, whose folder holds nothing else; give "
                "another place"
            )


def free_names(folder: Path, *names: str, is_ours: Callable[[Path], bool] = lambda _: False) -> list[Path]:
    """Files of a folder that do not exist, with the same number in their names if it takes one: `split-v1.json`.

    Args:
        folder: The folder.
        names: Names without a number.
        is_ours: Whether a file that is there may be replaced.
    """
    number = 0
    while True:
        tail = f"-v{number}" if number else ""
        files = [folder / f"{Path(name).stem}{tail}{Path(name).suffix}" for name in names]
        if all(not os.path.lexists(file) or is_ours(file) for file in files):
            return files
        number += 1


def has_keys(path: Path, *keys: str) -> bool:
    """Whether a file is a JSON object with all of these keys.

    Args:
        path: The file.
        keys: The keys.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.keys() >= {*keys}


def is_own_figure(path: Path) -> bool:
    """Whether a file is a figure of this package.

    Args:
        path: The file.
    """
    return path.is_file() and MADE_BY.encode() in path.read_bytes()


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
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.part"  # known before Ctrl-C can come
    try:
        with named_in_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def named_in_errors(path: Path) -> Iterator[None]:
    """Have errors name the file that was to be written, not a temporary one, or none at all.

    Args:
        path: The file.

    Raises:
        OSError: The one that was raised, with this name.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename == str(path):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, content: Any) -> None:
    """Write plain types as readable JSON, atomically; NaN is refused since other readers do not accept it."""
    write_atomically(path, _as_text(content).encode())


def _as_text(content: Any) -> str:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def parse_json(text: str) -> Any:
    """Parse JSON that others wrote.

    Args:
        text: The JSON.

    Raises:
        ValueError: If it is not JSON, or an object has a name twice, one of whose values would be lost.
    """
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name = next(name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place]))
        raise ValueError(f"the name {name!r} is there twice in one object: leave one of its values out")
    return found


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain types like `write_json`, with a checksum that `unseal` compares.

    Args:
        path: The file.
        content: Plain types.
    """
    plain = as_read(content)
    write_json(path, plain | {_CHECKSUM: content_checksum(plain)})


def unseal(content: dict[str, Any]) -> None:
    """Compare the checksum of a file with its content, and remove it. Files of earlier versions have none.

    Args:
        content: Content of the file; changed.

    Raises:
        ValueError: If the content is not what was written.
    """
    given = content.pop(_CHECKSUM, None)
    if given is not None and given != content_checksum(content):
        raise ValueError("its checksum does not match: it was changed or is damaged")


def read_sealed(text: bytes) -> dict[str, Any]:
    """Read what `write_sealed` wrote, without its checksum; of a file as it was written, in a third of the time.

    Args:
        text: The file.

    Raises:
        ValueError: If it is not JSON, or not what was written.
    """
    content = orjson.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not an object")
    start = text.find(_SEAL)
    rest = text[:start] + text[start + len(_SEAL) + 34 :]  # the line ends with 32 digits, a quotation mark, a comma
    if start >= 0 and content.get(_CHECKSUM) == text_checksum(rest):
        del content[_CHECKSUM]
    else:
        unseal(content)
    return content


def content_checksum(content: Mapping[str, Any], name: str = "") -> str:
    """Checksum of what is in a JSON, however it is written: that of the text of `write_json`.

    Args:
        content: As it is read.
        name: What it belongs to, if it does not say so itself.
    """
    return text_checksum(_as_text(content).encode(), name)


def text_checksum(text: bytes, name: str = "") -> str:
    """Checksum of the text of a file; see `content_checksum`.

    Args:
        text: The text.
        name: What it belongs to, if it does not say so itself.
    """
    return hashlib.sha256(name.encode() + b"\0" + text).hexdigest()[:32]


def as_read(content: Mapping[str, Any]) -> dict[str, Any]:
    """Plain types as a reader of their JSON gets them: with lists where there are tuples.

    Args:
        content: Plain types.
    """
    plain: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
    return plain


def stamp(path: Path | str) -> tuple[int, int, int, int]:
    """What tells, without reading a file, that it is the same as before: size, times of change [ns], and inode.

    Args:
        path: The file.
    """
    status = os.stat(path)  # noqa: PTH116 (three times as fast, for many thousand cards)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_FOUND: dict[tuple[str, ...], tuple[list[tuple[int, int, int, int]], str]] = {}


def once_while_unchanged(what: str, files: Sequence[Path], find: Callable[[], str]) -> str:
    """Find something in the content of files once in a process, and again when one of them changes.

    Args:
        what: Name of what is found.
        files: The files it depends on.
        find: Reads them.
    """
    name = (what, *(os.path.abspath(file) for file in files))  # noqa: PTH100 (links are not followed)
    stamps = [stamp(file) for file in files]
    if name in _FOUND and _FOUND[name][0] == stamps:
        return _FOUND[name][1]
    found = find()
    # A file that was changed a moment ago could be changed once more without another time stamp.
    settled = all(abs(time.time_ns() - max(times)) > _CLOCK_STEP for _, *times, _ in stamps)
    if settled and stamps == [stamp(file) for file in files]:
        _FOUND[name] = stamps, found
    return found


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; read once in a process as long as size, times and inode stay.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read.
    """

    def find() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return once_while_unchanged("sha256", [path], find)


_FOLDER = 0x10
"""Attribute of an entry of a zip archive. torch leaves the memory for a tensor as it is if its entry has this one."""


def require_sound_zip(path: Path) -> None:
    """Compare the checksums of all entries of a zip archive without compression, such as a checkpoint of torch.

    torch itself does not: a flipped bit would become another weight. Done once in a process, like `file_sha256`.

    Args:
        path: The file.

    Raises:
        ValueError: If it is damaged, cut or something else.
        OSError: If it cannot be read.
    """

    def find() -> str:
        try:
            with zipfile.ZipFile(path) as archive:
                if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                    raise ValueError(f"{path} has compressed entries, which torch does not write")
                if any(entry.external_attr & _FOLDER for entry in archive.infolist()):
                    raise ValueError(f"{path} has entries that call themselves folders, which torch does not read")
                wrong = archive.testzip()
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise ValueError(f"{path} is damaged or not a checkpoint ({error})") from error
        if wrong is not None:
            raise ValueError(f"{path} is damaged: the checksum of its entry {wrong!r} does not match")
        return ""

    once_while_unchanged("zip", [path], find)


def spreadsheet_text(text: str) -> str:
    """A cell of a CSV that no spreadsheet runs as a formula: an apostrophe in front of what begins like one.

    Numbers, signed ones as well, and a dash alone stay as they are. https://owasp.org/www-community/attacks/CSV_Injection

    Args:
        text: The cell.
    """
    if text == "-" or not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


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


def expand(path: str | Path) -> Path:
    """A path with the home folder for `~`; of a user that does not exist it stays as it is, and there is no such file.

    Args:
        path: The path.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 (that of pathlib raises a RuntimeError)


def default_cache_folder() -> Path:
    """The folder `$GNN_SIM2REAL_CACHE`, or the user's cache folder."""
    if folder := os.environ.get("GNN_SIM2REAL_CACHE"):
        return expand(folder)
    import pooch

    return Path(pooch.os_cache("gnn-sim2real"))


def data_folders() -> list[Path]:
    """Folders in which tables are looked for; a table that is made goes into the first.

    `$GNN_SIM2REAL_DATA` may name several, as `$PATH` does.
    """
    named = os.environ.get("GNN_SIM2REAL_DATA", "")
    several = [named] if expand(named).is_dir() else named.split(os.pathsep)
    return [*(expand(each) for each in several if each), default_cache_folder() / "data"]


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
