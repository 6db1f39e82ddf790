"""The chunks of an unfinished download: small parquet files, and a state that tells where to resume."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.databases.entries import TABLE_COLUMNS
from gnn_sim2real.files import named_in_errors, unseal, write_atomically, write_sealed

if TYPE_CHECKING:
    import pyarrow

logger = logging.getLogger(__name__)

CHUNK_ROWS = 5000
"""Largest number of rows in memory before a chunk is written."""

CHUNK_SECONDS = 60.0
"""Seconds after which a chunk is written however few rows it has: the most that a killed download loses."""

_STATE: dict[str, type | tuple[type, ...]] = {
    "started": str,
    "num_parts": int,
    "num_rows": int,
    "num_matching": int,
    "first_num_matching": int,
    "bookmark": dict,
    "facts": dict,
}
"""Types of what the state holds."""


class Chunks:
    """Rows that are written as they come.

    The state is written after the chunk that it counts; a chunk that is not counted is overwritten.

    Args:
        folder: Folder of the chunks; an unfinished download in it is resumed.
        schema: Columns of the rows.
    """

    def __init__(self, folder: Path, schema: "pyarrow.Schema") -> None:
        self.folder, self.schema = folder, schema
        self._rows: list[dict[str, Any]] = []
        self.state: dict[str, Any] = {}
        if (file := folder / "state.json").exists():
            try:
                self._load(file)
            except (OSError, ValueError, TypeError) as error:
                logger.warning("the unfinished download in %s is damaged (%s) and begins again", folder, error)
                self.clear()
        self.state.setdefault("started", datetime.now(UTC).isoformat(timespec="seconds"))
        self._written = time.monotonic()

    def paths(self) -> list[Path]:
        """The chunks written so far, in order."""
        return [self.folder / f"part-{number:06d}.parquet" for number in range(self.state.get("num_parts", 0))]

    def _load(self, file: Path) -> None:
        """Read what is there.

        Raises:
            ValueError: If something is missing, damaged or of a wrong type.
        """
        import pyarrow.parquet

        state = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(state, dict):
            raise ValueError(f"{file.name} is not an object")
        for name, kind in _STATE.items():
            if name in state and not isinstance(state[name], kind):
                raise ValueError(f"`{name}` of {file.name} is {state[name]!r}")
        unseal(state)
        number = state.get("num_parts", 0)
        known = state.get("sha256", [None] * number)  # which earlier versions did not write
        self.state = state
        count = 0
        for path, wanted in zip(self.paths(), known, strict=True):
            if wanted not in (None, hashlib.sha256(path.read_bytes()).hexdigest()):
                raise ValueError(f"{path.name} is not the one that was written")
            metadata = pyarrow.parquet.read_metadata(path)
            count += metadata.num_rows
            if not metadata.schema.to_arrow_schema().equals(self.schema):
                raise ValueError(f"{path.name} has other columns")
        if count != state.get("num_rows", 0):
            raise ValueError(f"it should have {state.get('num_rows', 0)} rows, but has {count}")

    def clear(self) -> None:
        """Start again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.state = {"started": datetime.now(UTC).isoformat(timespec="seconds")}

    def add(self, rows: list[dict[str, Any]], bookmark: dict[str, Any], num_matching: int | None) -> None:
        """Add rows; they are on disk once a chunk is full.

        Args:
            rows: The rows.
            bookmark: Where to resume after them.
            num_matching: Total number that the database counts.
        """
        self._rows += rows
        self.state["bookmark"] = bookmark
        if num_matching is not None:
            self.state.setdefault("first_num_matching", num_matching)
            self.state["num_matching"] = num_matching
        if len(self._rows) >= CHUNK_ROWS or time.monotonic() - self._written > CHUNK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is in memory."""
        if not self._rows:
            return
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.Table.from_pylist(self._rows, schema=self.schema)
        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(table, sink, compression="zstd")
        number, content = self.state.get("num_parts", 0), sink.getvalue().to_pybytes()
        write_atomically(self.folder / f"part-{number:06d}.parquet", content)
        known = [*self.state.get("sha256", [None] * number), hashlib.sha256(content).hexdigest()]
        num_rows = self.state.get("num_rows", 0) + len(self._rows)
        self.state |= {"num_parts": number + 1, "num_rows": num_rows, "sha256": known}
        write_sealed(self.folder / "state.json", self.state)
        self._rows, self._written = [], time.monotonic()

    def finish(self) -> None:
        """Note that there is nothing more to read."""
        self.flush()
        self.note(finished=True)

    def note(self, **facts: Any) -> None:
        """Save facts in the state.

        Args:
            facts: Facts by name.
        """
        self.state |= facts
        write_sealed(self.folder / "state.json", self.state)

    def progress(self) -> str:
        """Format how far the download is."""
        count = self.state.get("num_rows", 0) + len(self._rows)
        total = self.state.get("num_matching")
        return f"{count:,} entries" if not total else f"{count:,} of {total:,} entries ({100 * count / total:.0f} %)"

    def read_ids(self) -> Iterator["pyarrow.ChunkedArray"]:
        """Names of the entries, chunk by chunk."""
        import pyarrow.parquet

        for path in self.paths():
            yield pyarrow.parquet.read_table(path, columns=["material_id"])["material_id"]


def row_schema(columns: tuple[str, ...]) -> "pyarrow.Schema":
    """Types of the columns of a snapshot.

    Args:
        columns: Columns of the properties.
    """
    import pyarrow

    types: dict[str, Any] = dict.fromkeys(TABLE_COLUMNS, pyarrow.float64())
    types |= dict.fromkeys(("material_id", "reduced_formula", "species", "problem"), pyarrow.string())
    types |= {"nsites": pyarrow.int32(), "frac_e8": pyarrow.list_(pyarrow.int32())}
    return pyarrow.schema(types | dict.fromkeys(columns, pyarrow.float64()))


def join_chunks(chunks: Chunks, kept: NDArray[np.bool_], path: Path) -> int:
    """Write all chunks to one file, one at a time.

    Args:
        chunks: The chunks.
        kept: Whether each of their rows is kept.
        path: The file.

    Returns:
        Number of rows with a problem.

    Raises:
        OSError: If the disk is full; half a file would take what room there is.
    """
    import pyarrow
    import pyarrow.parquet

    start = num_problems = 0
    try:
        with (
            named_in_errors(path),
            pyarrow.parquet.ParquetWriter(path, chunks.schema, compression="zstd") as writer,
        ):
            for chunk in chunks.paths():
                table = pyarrow.parquet.read_table(chunk)
                table = table.filter(pyarrow.array(kept[start : (start := start + len(table))]))
                num_problems += len(table) - table["problem"].null_count
                writer.write_table(table)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return num_problems
