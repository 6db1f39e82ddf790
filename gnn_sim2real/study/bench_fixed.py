"""What is fixed in a task of the benchmark, of a study as it is to be computed, and in what a study differs from it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from gnn_sim2real.nn.model import NUMERICS_VERSION as MODEL_VERSION
from gnn_sim2real.records.keys import canonical
from gnn_sim2real.study.bench_task import BenchTask
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.grid import Axes
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.tasks.base import NUMERICS_VERSION as TASK_VERSION

FIXED = {
    "source": "the table of the source",
    "target": "the table of the target",
    "parts": "the materials that train and test",
    "grid": "the grid",
    "training": "the settings of the training",
}
"""What is fixed, each by a hash."""

_AXES = ("source_size", "target_size", "seed", "split", "policy", "growth", "pretraining")


def hash_fixed(resolver: Resolver) -> dict[str, str]:
    """Hash what is fixed in a task, of a study as it is to be computed; it reads the tables.

    Nothing of it depends on the encoder.

    Args:
        resolver: Of the study.

    Returns:
        SHA-256 by the names of `FIXED`.
    """
    parts = set()
    for point in resolver.points():
        for data in (
            (resolver.source(point), resolver.target(point)) if point.source_size else (resolver.target(point),)
        ):
            content = {name: value for name, value in data.key_content().items() if name != "featurizer"}
            parts.add(canonical(content))
    return {
        "source": resolver.pretrain.data.data_set.fingerprint,
        "target": resolver.finetune.data.data_set.fingerprint,
        "parts": _sha256(sorted(parts)),
        "grid": _sha256(_grid(resolver.study.grids)),
        "training": _sha256(_training(resolver)),
    }


def find_differences(resolver: Resolver, task: BenchTask) -> list[str]:
    """What of a study is not as the task fixes it, in words; empty if it is an entry.

    Args:
        resolver: Of the study.
        task: The task.
    """
    found = hash_fixed(resolver)
    differing = [name for name in FIXED if found[name] != task.fixed[name]]
    if not differing:
        return []
    wanted = Resolver(read_study([str(task.path)], [])[0])
    changes = {
        "grid": _list(_grid(resolver.study.grids), _grid(wanted.study.grids)),
        "training": _list(_training(resolver), _training(wanted)),
    }
    return [
        f"{FIXED[name]} ({changes.get(name) or f'SHA-256 {found[name][:12]}, not {task.fixed[name][:12]}'})"
        for name in differing
    ]


def _grid(grids: Sequence[Axes]) -> dict[str, Any]:
    return {f"{number}.{name}": getattr(axes, name) for number, axes in enumerate(grids, 1) for name in _AXES}


def _training(resolver: Resolver) -> dict[str, Any]:
    stages = {stage.name: stage.result_settings for stage in (resolver.pretrain, resolver.finetune, resolver.scratch)}
    flat = {f"{name}.{setting}": value for name, settings in stages.items() for setting, value in settings.items()}
    versions = {"version.training": TASK_VERSION, "version.model": MODEL_VERSION}
    return flat | versions | {"threads": resolver.study.threads, "metric": resolver.study.metric}


def _list(own: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = [name for name in sorted(own.keys() | wanted.keys()) if own.get(name) != wanted.get(name)]
    return "; ".join(f"{name} {own.get(name)}, not {wanted.get(name)}" for name in names)


def _sha256(content: Any) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()
