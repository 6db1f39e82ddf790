"""A split as a file: which materials train, validate and test, by hashed identity, with its settings and table."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.files import write_json
from gnn_sim2real.splits.parts import Parts, Rows
from gnn_sim2real.splits.split import SPLITS, Drawing, Materials, Split
from gnn_sim2real.tables.table import CleanTable

SPLIT_FORMAT = 1
_PARTS = ("train", "validation", "test")


class FileSplit(Split):
    """Exactly the parts of a file, whatever the settings are.

    Args:
        path: The JSON, see `write_split`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, materials: Materials, families: Sequence[str] | None, drawing: Drawing) -> Parts:
        """Read the parts.

        Raises:
            ValueError: If the file does not fit the table, the number or size of the split, or the rows available.
        """
        parts, settings = read_split(self.path, materials.table)
        if drawing.size not in (None, parts.size) or drawing.split != settings["split"]:
            raise ValueError(
                f"{self.path} is split {settings['split']} with {parts.size} materials for training and validation, so "
                f"`split` must be {settings['split']} and `size` all or {parts.size}, got {drawing.split} and "
                f"{drawing.size or 'all'}"
            )
        used = np.concatenate([parts.train, parts.validation])
        removed = np.setdiff1d(used, used if drawing.available is None else drawing.available)
        if len(removed):
            raise ValueError(
                f"{len(removed)} materials that {self.path} uses for training or validation must be removed, because "
                "the target tests them; give the target the split it had, or make the file again"
            )
        return parts

    def wholes(self, materials: Materials, column: str | None) -> Sequence[str]:
        """Those of the split that was written into the file."""
        kind, own, _ = self._written(materials)
        return kind.wholes(materials, own)

    def other_validation(
        self, materials: Materials, column: str | None, parts: Parts, share: float, number: int
    ) -> Rows:
        """Draw another validation part as the split that was written into the file does."""
        kind, own, fraction = self._written(materials)
        return kind.other_validation(materials, own, parts, fraction or share, number)

    def _written(self, materials: Materials) -> tuple[Split, str | None, float]:
        """The split that was written, its column, and the share that validates."""
        _, settings = read_split(self.path, materials.table)
        kind = SPLITS.find(settings.get("split_by", "random"))()
        return kind, settings.get("split_column"), float(settings.get("validation_fraction", 0.0))


def write_split(path: Path, table: CleanTable, parts: Parts, settings: dict[str, Any]) -> None:
    """Write a split.

    Identities are hashed, so that the file can be shared even if the table cannot.

    Args:
        path: The JSON file.
        table: The table.
        parts: Its split.
        settings: Settings of the split, plain types.
    """
    names = [identity_hash(identity) for identity in table.identities]
    content = {
        "format": SPLIT_FORMAT,
        "settings": settings,
        "materials": {"number": len(names), "hash": _hash(sorted(names)), "values": table.fingerprint()},
        **{part: [names[row] for row in getattr(parts, part).tolist()] for part in _PARTS},
    }
    write_json(path, content | {"hash": _hash(content)})


def read_split(path: Path, table: CleanTable) -> tuple[Parts, dict[str, Any]]:
    """Read a split for the table it was made of.

    Args:
        path: The JSON file.
        table: The table.

    Returns:
        The split, with the rows in the same order, and the settings it was made with.

    Raises:
        ValueError: If the file is not a split, was altered, or was made of other materials.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ValueError(
            f"there is no split file {path}; `fit` writes one next to its configuration, or leave `split_file` out"
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a split ({error}); make it again") from error
    number = content.get("format") if isinstance(content, dict) else None
    if number != SPLIT_FORMAT:
        raise ValueError(f"{path} must be a split file of format {SPLIT_FORMAT}, got format {number}; make it again")
    if content.pop("hash", None) != _hash(content):
        raise ValueError(f"{path} was altered after it was written: its hash does not match; make it again")
    row_of = {identity_hash(identity): row for row, identity in enumerate(table.identities)}
    made_of = content["materials"]
    if made_of["hash"] != _hash(sorted(row_of)):
        missing = sum(name not in row_of for part in _PARTS for name in content[part])
        raise ValueError(
            f"{path} is a split of {made_of['number']} other materials: this table has {len(row_of)}, and {missing} of "
            "those in the split are missing; give the table it was made of, or leave `split_file` out"
        )
    return Parts(*(np.array([row_of[name] for name in content[part]], np.int64) for part in _PARTS)), content[
        "settings"
    ]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
