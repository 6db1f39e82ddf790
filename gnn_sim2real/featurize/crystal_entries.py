"""What the readers of crystals share: the crystal or the reason why there is none, and the text of a file."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gnn_sim2real.featurize.crystal import Crystal, require_apart

COMPRESSIONS: Mapping[str, Any] = MappingProxyType({".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open})
"""How files are opened by the ending of their name."""

_MAX_TEXT = 2**31
"""Files of text larger than this [bytes] are refused: a small packed file may hold more than there is memory."""


class Entry(NamedTuple):
    """A crystal, or the reason why it cannot be read; with the values that the file has for it."""

    name: str
    crystal: Crystal | None
    reason: str | None = None
    values: Mapping[str, Any] = MappingProxyType({})


def attempt(
    name: str, read: Callable[[], Crystal], values: Mapping[str, Any] | None = None, apart: bool = True
) -> Entry:
    """Read a crystal; what is wrong with it becomes the reason of its entry.

    Args:
        name: Its name.
        read: Reads it.
        values: Values that the file has for it.
        apart: Whether it is refused if two of its sites are one place.
    """
    values = {} if values is None else values
    try:
        crystal = read()
        if apart:
            require_room(crystal)
        return Entry(name, crystal, None, values)
    except ValueError as error:
        return Entry(name, None, str(error), values)
    except Exception as error:  # each library has its own; the other crystals of the file are read all the same
        return Entry(name, None, f"it cannot be read: {cause_of(error)}", values)


def require_room(crystal: Crystal) -> None:
    """Refuse a crystal with two atoms at one place.

    Args:
        crystal: The crystal.

    Raises:
        ValueError: As `crystal.require_apart`.
    """
    held = crystal.species
    require_apart(crystal.lattice, crystal.fractional, None if held is None else held.occupancy)


def cause_of(error: Exception) -> str:
    """What an exception says, in one line, with its kind where it says a word only.

    Args:
        error: The exception.
    """
    text = " ".join(str(error).split())
    if isinstance(error, KeyError | IndexError) or not text:
        return f"{type(error).__name__} {text}".strip()
    return text


def read_text(path: Path) -> str:
    """The text of a file, compressed or not, without a byte order mark.

    Args:
        path: The file.

    Raises:
        ValueError: If it is not text in UTF-8; single letters of another code, as in names of authors, are replaced.
    """
    opened = COMPRESSIONS.get(path.suffix.lower(), open)
    with opened(path, "rb") as file:
        content = file.read(_MAX_TEXT + 1)
    if len(content) > _MAX_TEXT:
        raise ValueError(f"it has more than {_MAX_TEXT / 2**30:g} GiB of text: split it")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in content[:1000]:
        raise ValueError("it is not UTF-8 text: save it as UTF-8")
    return str(content.decode("utf-8-sig", errors="replace"))
