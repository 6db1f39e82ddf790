"""All cards of a library in one parquet file: a cache, made from the files of the models and never needed."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gnn_sim2real.files import no_garbage_collection, write_atomically
from gnn_sim2real.library.card import Card

INDEX_FORMAT = b"3"
"""Raised by hand whenever the columns, or what is read from a card, change; an index of another format is written
again."""

_TEXTS = ("domain", "source", "architecture", "data_fingerprint", "identities", "license", "citation")
"""Text columns whose values many cards share."""
_TREES = ("properties", "units", "featurizer")
"""JSON columns whose values many cards share."""
_TUPLES = ("properties", "units")
_STAMP = "stamp"
"""Column with what the file of each card was like, see `files.stamp`."""


def write_index(path: Path, cards: Sequence[Card], stamps: Sequence[str] = ()) -> None:
    """Write an index, with a checksum.

    Args:
        path: The parquet file.
        cards: All cards.
        stamps: What the file of each card is like, see `files.stamp`; a card without one is read again.
    """
    import pyarrow
    from pyarrow import parquet

    columns: dict[str, Any] = {}
    for name in Card._fields:
        values = [getattr(card, name) for card in cards]
        if name in (*_TREES, "metrics"):
            values = [orjson.dumps(value).decode() for value in values]
        column = pyarrow.array(values, pyarrow.string() if not cards else None)
        columns[name] = column.dictionary_encode() if name in (*_TEXTS, *_TREES) else column
    columns[_STAMP] = pyarrow.array([*stamps] or [""] * len(cards), pyarrow.string())
    table = pyarrow.table(columns)
    table = table.replace_schema_metadata({"format": INDEX_FORMAT, "checksum": _checksum(table)})
    content = io.BytesIO()
    parquet.write_table(table, content, compression="zstd")
    write_atomically(path, content.getvalue())


def read_index(path: Path) -> Any:
    """Read an index.

    Args:
        path: The parquet file.

    Returns:
        A pyarrow `Table` for `to_cards`; None if there is no index that this version can read, or it was changed.
    """
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(path).read()  # `read_table` imports pandas
        metadata = table.schema.metadata or {}
        known = metadata.get(b"format") == INDEX_FORMAT and table.column_names == [*Card._fields, _STAMP]
        return table if known and metadata.get(b"checksum") == _checksum(table).encode() else None
    except (OSError, ValueError, TypeError, ArrowException):
        return None


def _checksum(table: Any) -> str:
    """Checksum of the values, however they are stored."""
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table[name].combine_chunks()
        values = column.dictionary_decode() if hasattr(column, "dictionary_decode") else column
        digest.update("\x1f".join([name, *map(str, values.to_pylist()), ""]).encode())
    return digest.hexdigest()


def to_cards(table: Any) -> list[Card]:
    """The cards of the rows of an index.

    Args:
        table: From `read_index`.
    """
    with no_garbage_collection():
        return list(map(Card._make, zip(*(_values(table[name], name) for name in Card._fields), strict=True)))


def keys_of(table: Any) -> list[str]:
    """The keys of an index."""
    keys: list[str] = table["key"].to_pylist()
    return keys


def stamps_of(table: Any) -> list[str]:
    """What the files of the cards of an index were like."""
    stamps: list[str] = table[_STAMP].to_pylist()
    return stamps


def _values(column: Any, name: str) -> Any:
    import pyarrow

    column = column.combine_chunks()
    if pyarrow.types.is_dictionary(column.type):
        # Values that many cards share are made once.
        shared = column.dictionary.to_pylist()
        if name in _TREES:
            shared = [orjson.loads(text) for text in shared]
        if name in _TUPLES:
            shared = [tuple(value) for value in shared]
        return [shared[number] for number in np.from_dlpack(column.indices).tolist()]  # `to_numpy` imports pandas
    values = column.to_pylist()
    return orjson.loads(f"[{','.join(values)}]") if name == "metrics" else values
