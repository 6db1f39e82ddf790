"""What W&B would send, read back from the files that it leaves when it is offline."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK, _FILE_HEADER, _RECORD_HEADER = 32768, 7, struct.Struct("<IHB")
_FULL, _LAST = 1, 4


@dataclass
class StoredRun:
    """A run by its id, over all its starts."""

    id: str
    name: str = ""
    group: str = ""
    job: str = ""
    project: str = ""
    entity: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    artifacts: dict[str, dict[str, Path]] = field(default_factory=dict)
    """Path by name of the files of each artifact, by its type."""


def stored_runs(folder: Path) -> dict[str, StoredRun]:
    """Runs by id.

    Args:
        folder: Folder that has W&B's folder `wandb`.
    """
    from wandb.proto import wandb_internal_pb2

    found: dict[str, StoredRun] = {}
    for path in sorted(folder.glob("wandb/*run-*/run-*.wandb")):
        run = StoredRun("")
        for data in _records(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                run = found.setdefault(record.run.run_id, StoredRun(record.run.run_id))
                run.name, run.group, run.job = record.run.display_name, record.run.run_group, record.run.job_type
                run.project, run.entity = record.run.project, record.run.entity
                run.notes, run.tags = record.run.notes, tuple(record.run.tags)
                run.config |= _values(record.run.config.update)
            run.config |= _values(record.config.update)
            run.summary |= _values(record.summary.update)
            if record.HasField("history"):
                run.history.append(_values(record.history.item))
            if record.HasField("artifact"):
                contents = record.artifact.manifest.contents
                run.artifacts[record.artifact.type] = {each.path: Path(each.local_path) for each in contents}
            if record.HasField("exit"):
                run.exit_codes.append(record.exit.exit_code)
        run.files.append(path)
    return found


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(path: Path) -> Iterator[bytes]:
    """Byte strings of a .wandb file, which has the format of a LevelDB log: fragments in blocks of 32 KiB."""
    content, at, fragments = path.read_bytes(), _FILE_HEADER, b""
    while at + _RECORD_HEADER.size <= len(content):
        if _BLOCK - at % _BLOCK < _RECORD_HEADER.size:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = _RECORD_HEADER.unpack_from(content, at)
        at += _RECORD_HEADER.size
        fragments += content[at : at + length]
        at += length
        if kind in (_FULL, _LAST):
            yield fragments
            fragments = b""
