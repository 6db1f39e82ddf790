"""Rows of numbers that are made once, each found again by the content of its material: a file for all of one kind."""

import hashlib
import json
import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gnn_sim2real.errors import CacheDamagedError
from gnn_sim2real.files import write_atomically

logger = logging.getLogger(__name__)

ROWS_FORMAT = "1"
_KEY = "S16"  # numpy drops zeros at the end of such a text, which changes no comparison of texts of one length


def material_key(material: Any, kind: str) -> bytes:
    """Hash of what a material is: 16 bytes.

    Args:
        material: A text, or a `Crystal`.
        kind: What it is, as one text may be that of several kinds.
    """
    digest = hashlib.sha256(kind.encode() + b"\0")
    if isinstance(material, str):
        digest.update(material.encode())
    else:
        for array in (material.lattice, material.fractional, material.atomic_number):
            digest.update(np.ascontiguousarray(array).data)
    return digest.digest()[:16]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of some materials.

    Attributes:
        values: (num_materials, width) float32; NaN in the row of a material that has none.
        reasons: Why it has none, by row.
        known: (num_materials,); whether a row, or the reason why there is none, was found.
    """

    values: NDArray[np.float32]
    reasons: dict[int, str]
    known: NDArray[np.bool_]

    def filled(self, others: "Rows") -> "Rows":
        """These rows, and those of the same materials that are only in others.

        Args:
            others: Rows of the same materials.
        """
        width = max(self.values.shape[1], others.values.shape[1])
        values = np.where(self.known[:, None], widened(self.values, width), widened(others.values, width))
        return Rows(values, others.reasons | self.reasons, self.known | others.known)


def widened(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Rows with so many columns: those of materials that have no features may have none.

    Args:
        values: (num_materials, width), or without columns.
        width: Number of columns.

    Raises:
        ValueError: If it has other columns.
    """
    if values.shape[1] == width:
        return values
    if values.shape[1]:
        raise ValueError(f"rows of {values.shape[1]} and of {width} numbers are not of one encoder; delete its cache")
    return np.full((len(values), width), np.nan, np.float32)


class RowFile:
    """Rows by material on disk. The file is replaced as a whole, so that a reader sees all of it or nothing.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, keys: Sequence[bytes]) -> Rows:
        """Rows of some materials; a file that is damaged or not there has none.

        Args:
            keys: From `material_key`.
        """
        wanted = np.array(keys, _KEY).reshape(-1)
        try:
            content = _read(self.path)
        except FileNotFoundError:
            return _none(len(wanted))
        except CacheDamagedError as error:
            logger.warning("%s; what was in it is computed again", error)
            return _none(len(wanted))
        place = np.minimum(np.searchsorted(content.keys, wanted), max(len(content.keys) - 1, 0))
        known = content.keys[place] == wanted if len(content.keys) else np.zeros(len(wanted), bool)
        values = np.where(known[:, None], content.values[place], np.float32(np.nan))
        numbers = np.where(known, content.reason[place], 0)
        reasons = {row: content.reasons[numbers[row] - 1] for row in np.flatnonzero(numbers).tolist()}
        return Rows(values, reasons, known)

    def add(self, keys: Sequence[bytes], values: NDArray[np.float32], reasons: dict[int, str]) -> None:
        """Add rows. Several processes may do so at once; of one material the last row stays.

        Args:
            keys: From `material_key`.
            values: (num_materials, width).
            reasons: Why a material has no row, by its position.

        Raises:
            OSError: If the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            try:
                before = _read(self.path)
            except (FileNotFoundError, CacheDamagedError):
                before = _Content.empty(values.shape[1])
            texts = sorted({*before.reasons, *reasons.values()})
            number = {text: place for place, text in enumerate(texts, start=1)}
            old = np.array([0, *(number[text] for text in before.reasons)], np.int32)[before.reason]
            new = np.array([number[reasons[row]] if row in reasons else 0 for row in range(len(keys))], np.int32)
            # Of equal keys the first one is taken: the new ones stand first.
            all_keys, first = np.unique(np.concatenate([np.array(keys, _KEY), before.keys]), return_index=True)
            width = max(values.shape[1], before.values.shape[1])
            both = [widened(np.asarray(each, np.float32), width) for each in (values, before.values)]
            content = _Content(
                all_keys,
                np.concatenate(both)[first],
                np.concatenate([new, old])[first],
                texts,
            )
            write_atomically(self.path, content.as_bytes())


@dataclass(frozen=True, eq=False)
class _Content:
    """A whole file, sorted by key; `reason` is 0 for rows, else the number of one of the `reasons`, from 1."""

    keys: NDArray[Any]
    values: NDArray[np.float32]
    reason: NDArray[np.int32]
    reasons: list[str]

    @classmethod
    def empty(cls, width: int) -> "_Content":
        return cls(np.empty(0, _KEY), np.empty((0, width), np.float32), np.empty(0, np.int32), [])

    def as_bytes(self) -> bytes:
        from safetensors.numpy import save

        columns: dict[str, NDArray[Any]] = {
            "keys": _as_numbers(self.keys),
            "values": self.values,
            "reason": self.reason,
        }
        texts = json.dumps(self.reasons)
        metadata = {"format": ROWS_FORMAT, "reasons": texts, "crc32": _checksum(columns, texts)}
        return bytes(save({name: np.ascontiguousarray(each) for name, each in columns.items()}, metadata))


def _read(path: Path) -> _Content:
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            columns = {name: file.get_tensor(name) for name in ("keys", "values", "reason")}
    except (SafetensorError, OSError) as error:
        raise CacheDamagedError(f"the file of features {path} cannot be read ({error})") from error
    texts = metadata.get("reasons", "")
    if metadata.get("format") != ROWS_FORMAT or metadata.get("crc32") != _checksum(columns, texts):
        raise CacheDamagedError(f"the file of features {path} is damaged, or of another version")
    return _Content(columns["keys"].view(_KEY).reshape(-1), columns["values"], columns["reason"], json.loads(texts))


def _as_numbers(keys: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(keys).view(np.uint8).reshape(-1, 16)


def _checksum(columns: dict[str, NDArray[Any]], texts: str) -> str:
    value = zlib.crc32(texts.encode())
    for name in ("keys", "values", "reason"):
        value = zlib.crc32(f"{name} {columns[name].dtype} {columns[name].shape}".encode(), value)
        value = zlib.crc32(np.ascontiguousarray(columns[name]).reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def _none(count: int) -> Rows:
    return Rows(np.full((count, 0), np.nan, np.float32), {}, np.zeros(count, bool))
