"""The results of a study as a table with one row per trained model, from which curves and laws are made."""

import logging
import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.files import no_garbage_collection
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.record import ERRORS, USUAL, Record, RecordKey, read_content, record_paths
from gnn_sim2real.renamed import current_property

logger = logging.getLogger(__name__)

NOISE = "noise_floor"
"""Column of the mean absolute error that the noise of the measurements alone makes, where data cards have it."""

_TEXTS = ("architecture", "policy", "source_level", "growth", "target_level", "pretraining", "property", "unit")
_WHOLE_NUMBERS = ("seed", "split")
_SIZES = ("source_size", "target_size")
_NUMBERS = (*METRICS, "num_test", "error", NOISE)
_GRID = tuple(each.name for each in fields(RecordKey))


def read_results(folder: Path) -> pd.DataFrame:
    """Read the results of all records of a folder, and warn of those whose errors on the test materials are gone.

    This takes a tenth of the memory of whole records.

    Args:
        folder: Folder of the records.

    Returns:
        See `tabulate_records`.

    Raises:
        ValueError: If one of them cannot be read.
    """
    columns = _Columns()
    with no_garbage_collection():
        for path in track(sorted(record_paths(folder)), "Reading records"):
            read_content(path, columns.add)
    lost = [key for key in columns.with_errors if not (folder / f"{key}.errors.json").exists()]
    if lost:
        logger.warning(
            "%s: the errors on the test materials (.errors.json) are gone for %d of %d records, e.g. %s: what "
            "needs them is left out, and intervals may differ; `study run` computes the cells again",
            *(folder, len(lost), len(columns.keys), lost[0]),
        )
    return columns.table()


def tabulate_records(records: Iterable[Record]) -> pd.DataFrame:
    """Make a table of records.

    Args:
        records: The records.

    Returns:
        Sorted by grid point: the `key` of each record, the columns of its `RecordKey`, `property` and `unit`, and its
        metrics with `num_test` and `noise_floor`, NaN for missing ones. Where all measurements were requested,
        `target_size` is the mean over splits, which differ slightly; otherwise each split would be a separate curve.
    """
    columns = _Columns()
    for record in records:
        texts = {"key": record.key, "property": current_property(record.property), "unit": record.unit}
        columns.add(texts | {"cell": asdict(record.cell), "metrics": record.metrics, "data": record.data})
    return columns.table()


def whole_or_not(sizes: NDArray[np.float64]) -> NDArray[Any]:
    """Sizes as whole numbers, where all are.

    Args:
        sizes: The sizes.
    """
    return sizes.astype(np.int64) if (sizes == np.rint(sizes)).all() else sizes


def _noise(content: Mapping[str, Any]) -> dict[str, float]:
    """The noise floor that the data card of a record carries; empty if it has none."""
    target = (content.get("data") or {}).get("target") or {}
    return {NOISE: (target.get(NOISE) or {}).get("mae", math.nan)}


class _Columns:
    """Grows row by row; numbers are stored as numbers, and text that rows share only once."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.with_errors: list[str] = []
        self.texts: dict[str, array[int]] = {name: array("l") for name in _TEXTS}
        self.codes: dict[str, dict[str, int]] = {name: {} for name in _TEXTS}
        self.whole_numbers: dict[str, array[int]] = {name: array("q") for name in _WHOLE_NUMBERS}
        self.sizes: dict[str, array[float]] = {name: array("d") for name in _SIZES}
        self.numbers: dict[str, array[float]] = {name: array("d") for name in _NUMBERS}

    def add(self, content: Mapping[str, Any]) -> None:
        row = {**USUAL, **content, **content["cell"], **content["metrics"], **_noise(content)}
        self.keys.append(row["key"])
        self.with_errors += [row["key"]] if ERRORS in row else []
        for name, whole in self.whole_numbers.items():
            whole.append(row[name])
        for name, size in self.sizes.items():
            size.append(row[name])
        for name, number in self.numbers.items():
            number.append(row.get(name, math.nan))
        for name, column in self.texts.items():
            codes, text = self.codes[name], row[name]
            if text not in codes:
                if not isinstance(text, str):
                    raise TypeError(f"its {name} is {text!r}, which is not text")
                codes[text] = len(codes)
            column.append(codes[text])

    def table(self) -> pd.DataFrame:
        found: dict[str, Any] = {"key": pd.Series(self.keys, dtype=object)}
        for name, codes in self.texts.items():
            texts = pd.Categorical.from_codes(np.asarray(codes), categories=pd.Index([*self.codes[name]], dtype=object))
            found[name] = texts.reorder_categories(sorted(self.codes[name]))
        found |= {name: whole_or_not(np.asarray(each)) for name, each in self.sizes.items()}
        found |= {name: np.asarray(each) for name, each in self.whole_numbers.items()}
        found |= {name: np.asarray(each) for name, each in self.numbers.items()}
        frame = pd.DataFrame(found)
        if "all" in self.codes["target_level"]:
            whole = frame["target_level"] == "all"
            sizes = frame.loc[whole, ["split", "target_size"]].drop_duplicates()["target_size"]
            frame.loc[whole, "target_size"] = round(sizes.mean())
        frame = frame.sort_values([*_GRID, "key"], ignore_index=True)
        optional = (name for name in _NUMBERS if name != "num_test")
        return frame.drop(columns=[name for name in optional if frame[name].isna().all()])
