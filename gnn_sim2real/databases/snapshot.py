"""Snapshots: the complete answer of a database to one query on one day, as one parquet file that never changes.

A download goes chunk by chunk into the folder `unfinished`, with a bookmark, so it can be interrupted at any moment;
one process downloads while others wait for it. The snapshot appears under its name once it is complete.
"""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.databases.chunks import Chunks, join_chunks, row_schema
from gnn_sim2real.errors import DownloadError
from gnn_sim2real.files import default_cache_folder, file_sha256, unseal, write_sealed

if TYPE_CHECKING:
    import pyarrow

logger = logging.getLogger(__name__)

_LOG_EVERY = 30.0
"""Seconds between two log lines on the progress of a download."""


class Batch(NamedTuple):
    """Rows of a database, and where to resume.

    Attributes:
        rows: Rows with `entries.TABLE_COLUMNS` and the property columns.
        bookmark: Plain types from which the query resumes after these rows; after the last, it reads nothing.
        num_matching: Total number of rows, if the database gives it.
    """

    rows: list[dict[str, Any]]
    bookmark: dict[str, Any]
    num_matching: int | None


class SnapshotQuery(Protocol):
    """A query to a database."""

    def facts(self) -> dict[str, Any]:
        """What the database declares about itself and the fields, in plain types; requested once, before all else."""

    def describe(self) -> dict[str, Any]:
        """The query in plain types; it names the snapshot."""

    def read(self, bookmark: dict[str, Any] | None) -> Iterator[Batch]:
        """Read batch after batch, from the start or from a bookmark."""


@dataclass(frozen=True)
class Snapshot:
    """A complete download.

    Attributes:
        path: Parquet file with `entries.TABLE_COLUMNS` and one column per property.
        info: The `query`, what the database declares about itself (`facts`), `date`, `num_entries`, `num_matching` (as
            counted by the database), `num_repeated`, `num_problems`, `sha256` and `size` of the file.
    """

    path: Path
    info: dict[str, Any]

    def describe(self) -> str:
        """Describe it in one line."""
        counted = self.info["num_matching"]
        count = "not counted by the database" if counted is None else f"{counted:,} counted by the database"
        return (
            f"snapshot of {self.info['date']}: {self.info['num_entries']:,} entries ({count}), "
            f"SHA-256 {self.info['sha256'][:12]}, {self.path}"
        )


def snapshot_folder(name: str, query: SnapshotQuery) -> Path:
    """Folder of the snapshots of a query.

    Args:
        name: Name of the database, for people.
        query: The query.
    """
    key = hashlib.sha256(json.dumps(query.describe(), sort_keys=True).encode()).hexdigest()[:12]
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)[:60]
    return default_cache_folder() / "databases" / f"{plain}-{key}"


def find_snapshots(folder: Path) -> list[Snapshot]:
    """Complete snapshots of a query, the oldest first.

    Args:
        folder: Folder from `snapshot_folder`.
    """
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            info = json.loads(file.read_text(encoding="utf-8"))
            _check_info(info)
            unseal(info)
            if file.with_suffix(".parquet").stat().st_size != info["size"]:
                raise ValueError(f"its parquet file does not have the {info['size']} bytes that it names")
            found.append(Snapshot(file.with_suffix(".parquet"), info))
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("%s is damaged and is left out (%s); delete it and its parquet file", file, error)
    return sorted(found, key=lambda each: str(each.info["taken"]))


_INFO: dict[str, type | tuple[type, ...]] = {
    "query": dict,
    "facts": dict,
    "date": str,
    "taken": str,
    "num_entries": int,
    "num_matching": (int, type(None)),
    "sha256": str,
    "size": int,
}
"""Types of what is read from the description of a snapshot."""


def _check_info(info: Any) -> None:
    """Refuse the description of a snapshot that something else wrote.

    Raises:
        ValueError: If an entry is missing or of a wrong type.
    """
    if not isinstance(info, dict):
        raise ValueError("it is not an object")
    for name, kind in _INFO.items():
        if name not in info or not isinstance(info[name], kind) or isinstance(info[name], bool):
            raise ValueError(f"its `{name}` is missing or of a wrong type")
    units = info["facts"].get("field_units") or {}
    if not isinstance(units, dict) or not all(isinstance(unit, str | None) for unit in units.values()):
        raise ValueError("its `field_units` are not units by field")


def _verified(snapshot: Snapshot) -> Snapshot:
    """Check the hash of a snapshot, once for each state of its file.

    Raises:
        DownloadError: If it is not what was downloaded.
    """
    found = file_sha256(snapshot.path)
    if found != snapshot.info["sha256"]:
        raise DownloadError(
            f"{snapshot.path} was changed after the download: its SHA-256 begins with {found[:12]}, not "
            f"{snapshot.info['sha256'][:12]}; delete it and its .json, and the same command takes a new snapshot"
        )
    return snapshot


def get_snapshot(
    folder: Path,
    query: SnapshotQuery,
    columns: tuple[str, ...],
    date: str | None = None,
    new: bool = False,
    accept_incomplete: bool = False,
) -> Snapshot:
    """Open the newest snapshot of a query, or download one if there is none; an interrupted download resumes.

    Args:
        folder: Folder from `snapshot_folder`.
        query: The query.
        columns: Property columns.
        date: Day of an existing snapshot to open, e.g. 2026-11-21.
        new: Whether to download even if there is a snapshot.
        accept_incomplete: Whether to accept fewer entries than the database counts.

    Raises:
        DownloadError: If the database refuses, cannot be reached, or gave fewer entries than it counts.
        ValueError: If there is no snapshot of this day, or its file is not the one that was downloaded.
    """
    present = find_snapshots(folder)
    if date is not None:
        wanted = [each for each in present if str(each.info["date"]).startswith(date)]
        if not wanted:
            days = ", ".join(str(each.info["date"]) for each in present) or "none"
            raise ValueError(f"there is no snapshot of {date} in {folder}; there are snapshots of {days}")
        return _verified(wanted[-1])
    if present and not new:
        return _verified(present[-1])
    return _download(folder, query, columns, accept_incomplete, known=len(present))


def _download(
    folder: Path, query: SnapshotQuery, columns: tuple[str, ...], accept_incomplete: bool, known: int
) -> Snapshot:
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("another process is downloading to %s; waiting for it", folder)
        lock.acquire()
    try:
        present = find_snapshots(folder)
        if len(present) > known:  # the other process has finished it meanwhile
            return _verified(present[-1])
        chunks = Chunks(folder / "unfinished", row_schema(columns))
        if chunks.state.get("incomplete") and not accept_incomplete:
            chunks.clear()
        if not chunks.state.get("finished"):
            _fill(chunks, query)
        return _finish(folder, chunks, query, accept_incomplete)
    finally:
        lock.release()


def _fill(chunks: Chunks, query: SnapshotQuery) -> None:
    """Read what is still missing."""
    state, logged = chunks.state, time.monotonic()
    if "facts" not in state:
        chunks.note(facts=query.facts())
    if state.get("num_rows"):
        logger.info("resuming an interrupted download after %s entries", f"{state['num_rows']:,}")
    try:
        for batch in query.read(state.get("bookmark")):
            chunks.add(batch.rows, bookmark=batch.bookmark, num_matching=batch.num_matching)
            if time.monotonic() - logged > _LOG_EVERY:
                logged = time.monotonic()
                logger.info("%s", chunks.progress())
    except DownloadError as error:
        chunks.flush()
        if not state.get("num_rows"):
            raise
        raise DownloadError(
            f"{error}; the {state['num_rows']:,} entries before it are kept, and the same command goes on after them "
            f"(to begin again, delete {chunks.folder})"
        ) from error
    finally:
        chunks.flush()
    chunks.finish()


def _finish(folder: Path, chunks: Chunks, query: SnapshotQuery, accept_incomplete: bool) -> Snapshot:
    """Check the count and join the chunks."""
    state = chunks.state
    kept = first_of_each(chunks.read_ids())
    num_entries, matching = int(kept.sum()), state.get("num_matching")
    wanted = matching
    if (most := query.describe().get("max_entries")) is not None and matching is not None:
        wanted = min(int(most), int(matching))
    if wanted is not None and num_entries != wanted and not accept_incomplete:
        changed = state.get("first_num_matching") != matching
        chunks.note(incomplete=True)
        raise DownloadError(
            f"the database counts {wanted:,} entries and gave {num_entries:,}"
            + (f" (at first it counted {state['first_num_matching']:,}: it changed meanwhile)" if changed else "")
            + "; run the same command again to read all pages again, or set `accept_incomplete: true` to accept these"
        )
    if not num_entries:
        chunks.note(incomplete=True)
        raise DownloadError("no entry matches the query; check `filter`")
    taken = datetime.now(UTC)
    whole = folder / "unfinished" / "whole.parquet"
    num_problems = join_chunks(chunks, kept, whole)
    with whole.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    path = folder / f"{taken:%Y-%m-%d}-{sha256[:8]}.parquet"
    info = {
        "query": query.describe(),
        "facts": state["facts"],
        "date": f"{taken:%Y-%m-%d}",
        "taken": taken.isoformat(),
        "started": state["started"],
        "num_entries": num_entries,
        "num_matching": matching,
        "num_repeated": int(len(kept) - num_entries),
        "num_problems": num_problems,
        "sha256": sha256,
        "size": whole.stat().st_size,
    }
    whole.replace(path)
    write_sealed(path.with_suffix(".json"), info)
    shutil.rmtree(folder / "unfinished", ignore_errors=True)
    snapshot = Snapshot(path, info)
    logger.info("%s", snapshot.describe())
    return snapshot


def first_of_each(names: Iterator["pyarrow.ChunkedArray"]) -> NDArray[np.bool_]:
    """Whether each name occurs for the first time; needs 8 bytes of memory per name.

    Args:
        names: Names, column by column.
    """
    hashes = [
        np.frombuffer(b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in each), "<u8")
        for each in (column.to_pylist() for column in names)
    ]
    joined = np.concatenate([np.empty(0, np.uint64), *hashes])
    first = np.zeros(len(joined), np.bool_)
    first[np.unique(joined, return_index=True)[1]] = True
    return first
