"""Predictions of single test materials in a published result, so that anyone can pair another method with it.

A material is there as the hash of its identity, its measured value not at all: who has the measurements finds the
errors, and nobody else learns them. Of tables without an open license, and of a user's own, nothing is published.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnn_sim2real.records.record import read_predictions

_DIGITS = 6
_NONE = "-"


def public_predictions(data: Any, rows: Any, predictions: Any) -> dict[str, float] | None:
    """Predictions of materials by hashed identity; None unless the license of the table lets them be handed on.

    Args:
        data: The data module.
        rows: Rows of its table, (num_materials,).
        predictions: Of its first property, (num_materials,), in physical units.
    """
    is_open = data.sheet is not None and data.sheet.is_open
    return data.data_set.by_identity(rows, predictions) if is_open else None


def publish_predictions(keys: Sequence[str], folder: Path) -> dict[str, Any]:
    """The predictions that were saved with records, in plain types; empty if there are none.

    Args:
        keys: Keys of the records.
        folder: Their folder.

    Returns:
        Hashed identities of all materials, and one number for each by the key of the record.
    """
    found = {key: each for key in keys if (each := read_predictions(folder, key)) is not None}
    if not found:
        return {}
    materials = sorted({name for each in found.values() for name in each})
    rows = {
        key: " ".join(f"{each[name]:.{_DIGITS}g}" if name in each else _NONE for name in materials)
        for key, each in found.items()
    }
    return {"materials": " ".join(materials), "of": rows}


def parse_predictions(content: Any) -> dict[str, dict[str, float]]:
    """Read what `publish_predictions` made.

    Args:
        content: The plain types, which may come from anyone.

    Returns:
        Predictions by hashed identity, by key of the record.

    Raises:
        ValueError: If they are something else.
    """
    if not content:
        return {}
    try:
        materials, rows = content["materials"].split(), content["of"]
        return {str(key): _parse_row(materials, row) for key, row in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its `predictions` cannot be read ({error})") from error


def _parse_row(materials: Sequence[str], row: str) -> dict[str, float]:
    return {name: float(text) for name, text in zip(materials, row.split(), strict=True) if text != _NONE}
