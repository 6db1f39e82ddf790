"""Records: the result of one trained model as a JSON file, and a sidecar with its error on each test material.

The name of the file is the hash of what determines its numbers (`record_key`), so a result is never counted twice, and
separate runs can share one folder. Later versions of the package read old records.
"""

import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import orjson

from gnn_sim2real.files import content_checksum, read_sealed, text_checksum, write_json, write_sealed
from gnn_sim2real.library.content import is_key
from gnn_sim2real.renamed import current_policy

RECORD_FORMAT = 1
_PACKAGES = ("gnn-sim2real", "torch", "torch-geometric", "lightning", "rdkit", "scikit-learn", "numpy")


@dataclass(frozen=True, slots=True)
class RecordKey:
    """One point of a study's grid.

    Attributes:
        architecture: Name of the encoder; empty where none is used.
        policy: How the measurements are used: a fine-tuning policy, or a baseline.
        source_size: Number of source materials, in a study a whole one; 0 is from scratch.
        source_level: The size as it was requested, which may be "all".
        target_size: Number of measured materials, validation part included.
        seed: Seed of the nested subsets, the initialization and the order of batches.
        split: Number of the test part.
        growth: In which order the source grew, see `gnn_sim2real.splits.acquisition`.
        target_level: "all" if all measurements were requested, whose number differs between splits; else empty.
        pretraining: Name of the pretraining in a study that compares several; else empty.
    """

    architecture: str
    policy: str
    source_size: float
    source_level: str
    target_size: float
    seed: int
    split: int
    growth: str = "random"
    target_level: str = ""
    pretraining: str = ""


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


USUAL = {"growth": "random", "pretraining": ""}
"""Values of a grid point that records leave out."""
ERRORS, PREDICTIONS = "errors_checksum", "predictions_checksum"
"""Entries of a record with the checksums of its sidecars; records of earlier versions have none, or the first."""
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
        **versions(),
    }


def versions() -> dict[str, Any]:
    """Versions of Python and of the packages: the part of `provenance` that is the same when a run is repeated."""
    return {"python": platform.python_version(), "versions": {name: _version(name) for name in _PACKAGES}}


def write_record(
    folder: Path,
    record: Record,
    errors: Mapping[str, float] | None,
    predictions: Mapping[str, float] | None = None,
) -> Path:
    """Write a record and its sidecars, each atomically, the record last; it has a checksum of all.

    Args:
        folder: Folder of the study's records.
        record: The record.
        errors: Absolute error of each test material by hashed identity: no spelling, no measured value. None if
            unknown; then there is no sidecar.
        predictions: Prediction of each test material by hashed identity, of tables whose license allows that.

    Returns:
        Path of the record.
    """
    path = folder / f"{record.key}.json"
    content = {"format": RECORD_FORMAT} | asdict(record)
    if errors is not None:
        write_json(folder / f"{record.key}.errors.json", dict(errors))
        content[ERRORS] = content_checksum(errors, record.key)
    if predictions is not None:
        write_json(folder / f"{record.key}.predictions.json", dict(predictions))
        content[PREDICTIONS] = content_checksum(predictions, record.key)
    for name, usual in USUAL.items():  # like records from before there was a choice
        if content["cell"][name] == usual:
            del content["cell"][name]
    if record.cell.target_level == target_level(content["data"]):  # which says it already
        del content["cell"]["target_level"]
    write_sealed(path, content)
    return path


def rename_architectures(folder: Path, names: Mapping[str, str]) -> None:
    """Give records the names that encoders have today: the first two of a class have other names than one alone.

    Damaged records stay as they are.

    Args:
        folder: Folder of the records.
        names: Name of the encoder by key of the record.
    """
    for key, name in names.items():
        path = folder / f"{key}.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = read_sealed(_contents(str(path)))
            if content["cell"]["architecture"] != name:
                content["cell"]["architecture"] = name
                write_sealed(path, content)


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
        ValueError: If the file is not a record, is not the one that was written, or its format is newer.
    """
    try:
        content = read_sealed(_contents(path))
        number = content.pop("format")
        if number == RECORD_FORMAT:
            name = os.path.basename(path)[:-5]  # noqa: PTH119 (a path object takes longer)
            if is_key(name) and content["key"] != name:
                raise ValueError(f"it is the record of {content['key']}")
            content["cell"].setdefault("target_level", target_level(content["data"]))
            content["cell"]["policy"] = current_policy(content["cell"]["policy"])
            return make(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a sound record of gnn_sim2real ({error}); `study run` computes it again, or move it out of "
            "the folder"
        ) from error
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
    known = {name: value for name, value in content.items() if name not in (ERRORS, PREDICTIONS)}
    return Record(**known | {"cell": RecordKey(**known["cell"])})


def _had_errors(content: dict[str, Any]) -> bool:
    return ERRORS in content


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
    """Absolute error of each test material of a record, by hashed identity.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or is that of another record.
    """
    path = folder / f"{key}.errors.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} with the errors on the test materials is gone")
    return _read_sidecar(folder, key, path, ERRORS)


def read_predictions(folder: Path, key: str) -> dict[str, float] | None:
    """Prediction of each test material of a record, by hashed identity; None if they were not saved.

    Raises:
        ValueError: If the file is damaged, or is that of another record.
    """
    path = folder / f"{key}.predictions.json"
    return _read_sidecar(folder, key, path, PREDICTIONS) if path.exists() else None


def _read_sidecar(folder: Path, key: str, path: Path, entry: str) -> dict[str, float]:
    try:
        text = path.read_bytes()
        numbers: dict[str, float] = orjson.loads(text)
        wanted = orjson.loads(_contents(str(folder / f"{key}.json"))).get(entry)
        as_written = wanted is None or wanted == text_checksum(text, key)
        if not as_written and wanted != content_checksum(numbers, key):
            raise ValueError("its checksum is not the one in the record")
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not what its record says ({error}); delete both, and `study run` computes them again"
        ) from error
    return numbers


def find_damaged(folder: Path, keys: Iterable[str]) -> dict[str, str]:
    """Read records and their sidecars, where these are or were.

    Args:
        folder: Folder of the study's records.
        keys: Keys of the records.

    Returns:
        What is wrong with the damaged ones, by key.
    """
    damaged = {}
    for key in keys:
        try:
            if read_content(str(folder / f"{key}.json"), _had_errors) or (folder / f"{key}.errors.json").exists():
                read_errors(folder, key)
        except (OSError, ValueError) as error:
            damaged[key] = str(error)
    return damaged


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
