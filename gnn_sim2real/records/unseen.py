"""Errors on test materials with elements, bonds or charges that the source never saw, and on the others."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.records.curves import CurveLabel, level_sizes
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import has_record, read_errors, read_record


@dataclass(frozen=True)
class UnseenGroups:
    """Mean absolute errors of both groups.

    Attributes:
        counts: Number of test materials with each element, bond or charge that the largest source never saw.
        rows: The models: columns of `CurveLabel`, `source_level`, and `seen`, `num_seen`, `unseen`, `num_unseen`, the
            mean absolute error and the number of errors of each group over all test parts and seeds.
    """

    counts: dict[str, int]
    rows: list[dict[str, Any]]


def find_unseen_groups(results: Results) -> UnseenGroups | None:
    """Compare the errors of both groups for the largest source, and for all without a source on the same materials.

    Args:
        results: Results of the study.

    Returns:
        The errors; None if the source has seen all, or it is not known what it has seen.
    """
    folder = results.records
    if folder is None:
        return None
    unseen, counts = _find_unseen(folder, results)
    if not counts:
        return None
    rows = []
    for (label, level), found in results.points.items():
        sizes = level_sizes(results.curves[label]) if label in results.curves else {level: 0}
        if level not in ("0", max(sizes, key=sizes.__getitem__)):
            continue
        errors: dict[bool, list[float]] = {True: [], False: []}
        for key, split in zip(found["key"], found["split"], strict=True):
            if split in unseen and (folder / f"{key}.errors.json").exists():
                for name, error in read_errors(folder, key).items():
                    errors[name in unseen[split]].append(error)
        if errors[True] and errors[False]:
            rows.append(_row(label, level, errors))
    return UnseenGroups(counts, rows) if rows else None


def _find_unseen(folder: Path, results: Results) -> tuple[dict[int, frozenset[str]], dict[str, int]]:
    """Hashed identities of the test materials of each test part with what the largest source never saw."""
    unseen: dict[int, frozenset[str]] = {}
    counts: Counter[str] = Counter()
    for label, found in results.curves.items():
        largest = max(level_sizes(found).items(), key=lambda item: item[1])[0]
        rows = results.points[label, largest]
        for key, split in zip(rows["key"], rows["split"], strict=True):
            if not has_record(folder, key):  # a result that is not from this folder
                continue
            details = read_record(folder / f"{key}.json").details.get("unseen")
            if details is not None and split not in unseen:
                unseen[split] = frozenset(details["materials"])
                counts.update(details["counts"])
    return unseen, dict(counts.most_common())


def _row(label: CurveLabel, level: str, errors: dict[bool, list[float]]) -> dict[str, Any]:
    groups = {"seen": errors[False], "unseen": errors[True]}
    means = {name: float(np.mean(values)) for name, values in groups.items()}
    numbers = {f"num_{name}": len(values) for name, values in groups.items()}
    return asdict(label) | {"source_level": level} | means | numbers
