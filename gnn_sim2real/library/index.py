"""All cards of a library in one parquet file: a cache, made from the files of the models and never needed."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gnn_sim2real.files import no_garbage_collection, write_atomically
from gnn_sim2real.library.card import Card

INDEX_FORMAT = b"1"
"""Raised by hand whenever the columns change; an index of another format is written again."""

_TEXTS = ("domain", "source", "architecture", "data_fingerprint", "identities", "license", "citation")
"""Text columns whose values many cards share."""
_TREES = ("properties", "units", "featurizer")
"""JSON columns whose values many cards share."""
_TUPLES = ("properties", "units")


def write_index(path: Path, cards: Sequence[Card]) -> None:
    """Write an index.

    Args:
        path: The parquet file.
        cards: All cards.
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
    table = pyarrow.table(columns).replace_schema_metadata({"format": INDEX_FORMAT})
    content = io.BytesIO()
    parquet.write_table(table, content, compression="zstd")
    write_atomically(path, content.getvalue())


def read_index(path: Path) -> Any:
    """Read an index.

    Args:
        path: The parquet file.

    Returns:
        A pyarrow `Table` for `to_cards`; None if there is no index that this version can read.
    """
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(path).read()  # `read_table` imports pandas
    except (OSError, ArrowException):
        return None
    known = (table.schema.metadata or {}).get(b"format") == INDEX_FORMAT
    return table if known and table.column_names == list(Card._fields) else None


def to_cards(table: Any) -> list[Card]:
    """The cards of the rows of an index.

    Args:
        table: From `read_index`.
    """
    with no_garbage_collection():
        return list(map(Card._make, zip(*(_values(table[name], name) for name in table.column_names), strict=True)))


def keys_of(table: Any) -> list[str]:
    """The keys of an index."""
    keys: list[str] = table["key"].to_pylist()
    return keys


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
