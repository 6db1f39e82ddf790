"""Records: the result of one trained model as a JSON file, and a sidecar with its error on each test material.

The name of the file is the hash of what determines its numbers (`record_key`), so a result is never counted twice, and
separate runs can share one folder. Later versions of the package read old records.
"""

import json
import os
import platform
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import orjson

from gnn_sim2real.files import write_json
from gnn_sim2real.renamed_policies import current_policy

RECORD_FORMAT = 1
_PACKAGES = ("gnn-sim2real", "torch", "torch-geometric", "lightning", "rdkit", "scikit-learn", "numpy")


@dataclass(frozen=True, slots=True)
class RecordKey:
    """One point of a study's grid.

    Attributes:
        architecture: Name of the encoder; empty where none is used.
        policy: How the measurements are used: a fine-tuning policy, or a baseline.
        source_size: Number of source materials; 0 is from scratch.
        source_level: The size as it was requested, which may be "all".
        target_size: Number of measured materials, validation part included.
        seed: Seed of the nested subsets, the initialization and the order of batches.
        split: Number of the test part.
        growth: In which order the source grew, see `gnn_sim2real.splits.acquisition`.
        target_level: "all" if all measurements were requested, whose number differs between splits; else empty.
    """

    architecture: str
    policy: str
    source_size: int
    source_level: str
    target_size: int
    seed: int
    split: int
    growth: str = "random"
    target_level: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Result of one trained model on the fixed test part.

    Attributes:
        key: Hash of what determines the result.
        cell: Grid point.
        property: Measured property.
        unit: Unit of the property and of every metric but r2.
        metrics: Test metrics over the whole test part: `mae`, `rmse`, `r2` and `num_test`.
        data: Data cards of source and target.
        details: Further facts of the training, e.g. the error before the first step.
        provenance: Time, host and versions; not part of the result.
    """

    key: str
    cell: RecordKey
    property: str
    unit: str
    metrics: Mapping[str, float]
    data: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


_USUAL_SIZE = 2**16
"""Most records are shorter than this [bytes]."""

Made = TypeVar("Made")


def provenance(seconds: float) -> dict[str, Any]:
    """Time, host and versions of a run that took this long.

    Args:
        seconds: Wall time of the run [s].
    """
    return {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 3),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def write_record(folder: Path, record: Record, errors: Mapping[str, float] | None) -> Path:
    """Write a record and its sidecar, each atomically, the record last.

    Args:
        folder: Folder of the study's records.
        record: The record.
        errors: Absolute error of each test material by hashed identity: no spelling, no measured value. None if
            unknown; then there is no sidecar.

    Returns:
        Path of the record.
    """
    if errors is not None:
        write_json(folder / f"{record.key}.errors.json", dict(errors))
    path = folder / f"{record.key}.json"
    content = {"format": RECORD_FORMAT} | asdict(record)
    if record.cell.growth == "random":  # like records from before other growths existed
        del content["cell"]["growth"]
    if record.cell.target_level == target_level(content["data"]):  # which says it already
        del content["cell"]["target_level"]
    write_json(path, content)
    return path


def target_level(data: Mapping[str, Any]) -> str:
    """Target level from the card of the target, see `RecordKey.target_level`; empty without a card.

    Args:
        data: Data cards of source and target.
    """
    card = data.get("target")
    return "all" if isinstance(card, Mapping) and card.get("size_level") == "all" else ""


def has_record(folder: Path, key: str) -> bool:
    """Whether this result exists already."""
    return (folder / f"{key}.json").exists()


def read_record(path: Path) -> Record:
    """Read one record.

    Raises:
        ValueError: If the file is not a record, or its format is newer.
    """
    return read_content(str(path), _whole)


def read_records(folder: Path) -> list[Record]:
    """Read all records of a folder, sorted by grid point; for many of them, use `results.read_results`.

    Raises:
        ValueError: If one of them cannot be read.
    """
    return sorted((read_record(Path(path)) for path in record_paths(folder)), key=_grid_order)


def read_content(path: str, make: Callable[[dict[str, Any]], Made]) -> Made:
    """Read one record as plain types.

    Args:
        path: File of the record.
        make: Makes the result from the plain types.

    Raises:
        ValueError: If the file is not a record, or its format is newer.
    """
    try:
        content = orjson.loads(_contents(path))
        number = content.pop("format")
        if number == RECORD_FORMAT:
            content["cell"].setdefault("target_level", target_level(content["data"]))
            content["cell"]["policy"] = current_policy(content["cell"]["policy"])
            return make(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a record of gnn_sim2real ({error}); move it out of the folder") from error
    raise ValueError(f"{path} has record format {number}, this version reads {RECORD_FORMAT}; update gnn-sim2real")


def _contents(path: str) -> bytes:
    """Content of a file, in half the time that a file object takes."""
    number = os.open(path, os.O_RDONLY)
    try:
        text = os.read(number, _USUAL_SIZE)
        return text if len(text) < _USUAL_SIZE else text + os.read(number, os.fstat(number).st_size)
    finally:
        os.close(number)


def _whole(content: dict[str, Any]) -> Record:
    return Record(**content | {"cell": RecordKey(**content["cell"])})


def record_paths(folder: Path) -> list[str]:
    """Files of the records of a folder, unsorted; none if the folder does not exist."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.name.endswith(".json") and entry.name.count(".") == 1]
    except FileNotFoundError:
        return []


def _grid_order(record: Record) -> tuple[Any, ...]:
    return *astuple(record.cell), record.key


def read_errors(folder: Path, key: str) -> dict[str, float]:
    """Absolute error of each test material of a record, by hashed identity."""
    errors: dict[str, float] = json.loads((folder / f"{key}.errors.json").read_text())
    return errors


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
