"""Reading the published result of a study: its cells as records, and with which settings they were computed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import gnn_sim2real
from gnn_sim2real.records.material_pulls import NO_PULLS, PublishedPulls, parse_pulls
from gnn_sim2real.records.public_predictions import parse_predictions
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.renamed import current_policy

_TYPES: dict[str, tuple[type, ...]] = {"versions": (list,), "cells": (list,), "property": (str,), "unit": (str,)}
_MAPPINGS = ("data", "settings", "architectures")
_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
_CELL_TYPES: dict[str, tuple[type, ...]] = {
    "key": (str,),
    "metrics": (dict,),
    "seconds": (int, float, type(None)),
    **{each.name: _KINDS[getattr(each.type, "__name__", str(each.type))] for each in fields(RecordKey)},
}


@dataclass(frozen=True)
class Published:
    """A published result.

    Attributes:
        records: Its cells, without details. Only those of the largest source have a card of the data, since no other is
            published.
        threads: Threads per cell; None if unknown.
        data: Cards of source and target.
        settings: Settings of each stage that can change a result; empty if unknown, as in files of earlier versions.
        architectures: Class path and settings of each encoder by its name; empty if unknown.
        pulls: What is known of the test materials.
        predictions: Prediction of each test material by hashed identity (`featurize.identity.identity_hash`), by key of
            the cell; of tables whose license allows that.
    """

    records: list[Record]
    threads: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    architectures: Mapping[str, Any] = field(default_factory=dict)
    pulls: PublishedPulls = NO_PULLS
    predictions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def find_published(name: str) -> Path:
    """The JSON of a published study of this package.

    Args:
        name: Name of the result.

    Raises:
        ValueError: If it is missing.
    """
    package = Path(gnn_sim2real.__file__).parent
    for folder in (package / "results", package.parent / "benchmarks/results"):
        if (path := folder / f"{name}.json").is_file():
            return path
    raise ValueError(f"the published result of {name} is missing; install gnn-sim2real again")


def read_published(path: Path) -> Published:
    """Read a published result.

    Args:
        path: JSON written by `publish`.

    Raises:
        ValueError: If the file does not exist or is something else.
    """
    if not path.exists():
        raise ValueError(f"there is no published result {path}; `study report DIR --publish PATH` writes PATH.json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _check(content)
        versions = content["versions"][0] if len(content["versions"]) == 1 else None
        names = RecordKey.__dataclass_fields__
        largest = max((each["source_size"], each["target_size"]) for each in content["cells"])
        records = [
            Record(
                key=each["key"],
                cell=RecordKey(
                    **{name: each[name] for name in names if name in each} | {"policy": current_policy(each["policy"])}
                ),
                property=content["property"],
                unit=content["unit"],
                metrics=each["metrics"],
                data=(content.get("data") or {}) if (each["source_size"], each["target_size"]) == largest else {},
                provenance={"published": path.name, "seconds": each.get("seconds"), "versions": versions},
            )
            for each in content["cells"]
        ]
        more = {name: content.get(name) or {} for name in _MAPPINGS}
        pulls = parse_pulls(content.get("test_materials") or [])
        predictions = parse_predictions(content.get("predictions") or {})
        return Published(records, content.get("study", {}).get("threads"), **more, pulls=pulls, predictions=predictions)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a published result of a study ({error}); `study report DIR --publish PATH` writes PATH.json"
        ) from error


def _check(content: Any) -> None:
    """Refuse values of wrong types, which would be found late or not at all.

    Raises:
        ValueError: If there is one.
    """
    if not isinstance(content, dict):
        raise ValueError("it is not an object")
    _check_types(content, _TYPES, "")
    for name in ("study", *_MAPPINGS):
        if not isinstance(content.get(name) or {}, dict):
            raise ValueError(f"its `{name}` is not an object")
    for number, cell in enumerate(content["cells"], start=1):
        if not isinstance(cell, dict):
            raise ValueError(f"cell {number} is not an object")
        _check_types(cell, _CELL_TYPES, f" of cell {number}")
        for name, value in cell.get("metrics", {}).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"`{name}` of cell {number} is not a number")


def _check_types(found: dict[str, Any], types: dict[str, tuple[type, ...]], where: str) -> None:
    for name, kinds in types.items():
        if name in found and (isinstance(found[name], bool) or not isinstance(found[name], kinds)):
            raise ValueError(f"`{name}`{where} is of a wrong type ({type(found[name]).__name__})")
