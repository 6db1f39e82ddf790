"""Cells of a published result that a study need not compute again, and why the others are computed."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gnn_sim2real.records.published import Published
from gnn_sim2real.records.record import Record, RecordKey, write_record
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.plan import JobPlan

_AXES = {
    "architecture": "encoder",
    "policy": "policy",
    "growth": "growth",
    "pretraining": "pretraining",
    "source_size": "source size",
    "target_size": "target size",
    "seed": "seed",
    "split": "split",
}
_FEW = 4
"""Values and reasons of which all are named."""


@dataclass(frozen=True)
class Reuse:
    """What of a published result completes a study.

    Attributes:
        records: Records of cells that the study has not computed, by the key of the cell.
        reasons: Why each of the other cells is computed, with the number of cells: `3 cells: another seed (5)`.
    """

    records: dict[str, Record]
    reasons: list[str]


def find_reusable(plan: JobPlan, resolver: JobResolver, published: Published, done: Collection[str]) -> Reuse:
    """Find the cells of a study in a published result, by what they computed: encoder, training and data.

    Their keys decide: what was trained otherwise, on other data or by another version of the code has another key.

    Args:
        plan: The plan of the study.
        resolver: Resolver of the study.
        published: The published result.
        done: Keys of the cells that the study has computed.
    """
    by_key = {record.key: record for record in published.records}
    found: dict[str, Record] = {}
    missing: list[Job] = []
    for job in plan.cells:
        if job.key in done:
            continue
        key = next((key for key in (job.key, *resolver.other_keys(job)) if key in by_key), None)
        if key is None:
            missing.append(job)
        else:
            record, point = by_key[key], job.point
            cell = replace(record.cell, architecture=point.architecture_name, pretraining=point.pretraining)
            found[job.key] = replace(record, key=job.key, cell=cell)
    return Reuse(found, _reasons(missing, resolver, published))


def write_reused(reuse: Reuse, folder: Path) -> None:
    """Write the records of a published result that belong to a study, without the errors on each test material.

    Args:
        reuse: From `find_reusable`.
        folder: Folder of the records.
    """
    for record in reuse.records.values():
        write_record(folder, record, None)


def _reasons(jobs: Iterable[Job], resolver: JobResolver, published: Published) -> list[str]:
    there = [_place(record.cell) for record in published.records]
    whole = {tuple(place.values()) for place in there}
    values = {axis: {place[axis] for place in there} for axis in _AXES}
    counts: Counter[str] = Counter()
    named: dict[str, dict[str, None]] = {}
    for job in jobs:
        point = job.point
        place = {axis: str(getattr(point, axis)) for axis in _AXES} | {"architecture": point.architecture_name}
        new = next((axis for axis in _AXES if place[axis] not in values[axis]), None)
        if new is not None:
            reason = f"another {_AXES[new]}"
            named.setdefault(reason, {})[place[new]] = None
        elif tuple(place.values()) in whole:
            reason = "other " + (" and ".join(resolver.differences(job, published)) or "version of the code")
        else:
            reason = "not computed there"
        counts[reason] += 1
    return [
        f"{count} {'cell' if count == 1 else 'cells'}: {reason}{_list(named.get(reason, {}))}"
        for reason, count in counts.most_common()
    ]


def _list(values: Iterable[str]) -> str:
    listed = list(values)
    shown = [*listed[:_FEW], *(["..."] if len(listed) > _FEW else [])]
    return f" ({', '.join(shown)})" if shown else ""


def _place(cell: RecordKey) -> dict[str, str]:
    level = cell.target_level or cell.target_size
    return {axis: str(getattr(cell, axis)) for axis in _AXES} | {
        "source_size": cell.source_level,
        "target_size": str(level),
    }
