"""All jobs of a study with their keys, and what of them is there: what a run works through and what `status` counts."""

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_sim2real.console import track
from gnn_sim2real.files import write_atomically
from gnn_sim2real.library.content import is_key
from gnn_sim2real.records.keys import canonical
from gnn_sim2real.renamed_policies import current_policy, first_policy
from gnn_sim2real.study.config import JobsConfig, Shard
from gnn_sim2real.study.jobs import PRETRAININGS, Job, JobResolver, has_model, model_folder

PLAN_FILE = "plan.parquet"


@dataclass(frozen=True)
class JobPlan:
    """The jobs of a study.

    Attributes:
        cells: In the order in which they are computed, those of one pretrained model together; each record once.
        models: The pretrainings that cells need, by key.
    """

    cells: tuple[Job, ...]
    models: dict[str, Job]


@dataclass(frozen=True)
class Present:
    """What a study's folder holds.

    Attributes:
        records: Keys of the cells that are done, which have a record; of pretrainings their keys.
        models: Keys of the pretrained models.
    """

    records: frozenset[str]
    models: frozenset[str]


def make_plan(study: JobsConfig, resolver: JobResolver) -> JobPlan:
    """Resolve every point of the grid.

    Args:
        study: The study.
        resolver: Of the same study.

    Raises:
        ValueError: If a point cannot be, e.g. asks for more materials than there are.
    """
    points = resolver.points()
    cells: dict[str, Job] = {}
    models: dict[str, Job] = {}
    for point in track(points, "Planning"):
        try:
            job = resolver.job(point)
        except ValueError as error:
            raise ValueError(
                f"the study cannot have the cell of {point.source_name}source size {point.source_size}, target size "
                f"{point.target_size}, split {point.split}: {error}"
            ) from error
        cells.setdefault(job.key, job)
        if job.model is not None and job.model not in models:
            models[job.model] = resolver.pretraining(point)
    return JobPlan(tuple(cells.values()), models)


def load_valid_plan(study: JobsConfig, resolver: JobResolver) -> JobPlan | None:
    """The plan in the study's folder, in a fraction of the time that a large one takes to make again.

    It is taken if the grid is the same, and if one point of every kind (architecture, growth, policy, split, with a
    source or without) still has its key: configuration, data and versions of the code enter the keys of all points of a
    kind.

    Args:
        study: The study.
        resolver: Of the same study.

    Returns:
        The plan; None if there is none of this study.
    """
    from pyarrow import parquet

    path = study.folder / PLAN_FILE
    if not path.exists():
        return None
    table, points = parquet.read_table(path, columns=["key", "model"]), resolver.points()
    of_this_grid = (table.schema.metadata or {}).get(b"grid", b"").decode() == _grid(study)
    if not of_this_grid or len(table) != len(points):  # or some points share a cell
        return None
    keys, kept_models = table["key"].to_pylist(), table["model"].to_pylist()
    kinds: dict[tuple[Any, ...], int] = {}
    for position, point in enumerate(points):
        kind = (
            point.source,
            point.property_name,
            id(point.architecture),
            point.growth,
            point.policy,
            point.split,
            point.source_size == 0,
        )
        kinds.setdefault(kind, position)
    for position in kinds.values():
        job = resolver.job(points[position])
        if (job.key, job.model) != (keys[position], kept_models[position]):
            return None
    models: dict[str, Job] = {}
    for model, point in zip(kept_models, points, strict=True):
        if model is not None and model not in models:
            models[model] = Job(model, point, None, is_pretraining=True)
    jobs = (Job(*each, study.pretrains_only) for each in zip(keys, points, kept_models, strict=True))
    return JobPlan(tuple(jobs), models)


def _grid(study: JobsConfig) -> str:
    """The grid as one text, policies by their first names, as plans of earlier versions have them."""
    policies = [{"policy": [*map(first_policy, axes["policy"])]} if "policy" in axes else {} for axes in study.grid]
    return canonical([axes | own for axes, own in zip(study.grid, policies, strict=True)])


def select_shard(plan: JobPlan, shard: Shard) -> JobPlan:
    """One part of a plan; no pretrained model is needed by two parts.

    Args:
        plan: The whole.
        shard: Which part.
    """
    groups = list(dict.fromkeys(job.model or job.key for job in plan.cells))
    # Shifted by one after each round, or one part would get the largest source size of every seed.
    mine = {
        group for rank, group in enumerate(groups) if (rank + rank // shard.count) % shard.count == shard.number - 1
    }
    cells = tuple(job for job in plan.cells if (job.model or job.key) in mine)
    return JobPlan(cells, {key: job for key, job in plan.models.items() if key in mine})


def look(study: JobsConfig) -> Present:
    """What is there, from the names of the files alone."""
    folder = study.models_folder
    known = {*_names(folder / PRETRAININGS), *(name for name in _names(folder) if is_key(name))}
    models = frozenset(name for name in known if has_model(model_folder(folder, name)))
    if study.pretrains_only:
        return Present(models, models)
    records = frozenset(name[:-5] for name in _names(study.records) if name.endswith(".json") and "." not in name[:-5])
    return Present(records, models)


def save_plan(plan: JobPlan, study: JobsConfig) -> None:
    """Write a plan into the study's folder, where `status` finds it.

    Args:
        plan: The whole plan.
        study: Its study.
    """
    import pyarrow
    from pyarrow import parquet

    columns: dict[str, Any] = {
        "key": [job.key for job in plan.cells],
        "model": [job.model for job in plan.cells],
        "architecture": [job.point.architecture_name for job in plan.cells],
        "source_size": [str(job.point.source_size) for job in plan.cells],
        "target_size": [str(job.point.target_size) for job in plan.cells],
        "seed": [job.point.seed for job in plan.cells],
        "split": [job.point.split for job in plan.cells],
        "policy": [job.point.policy for job in plan.cells],
        "growth": [job.point.growth for job in plan.cells],
        "source": [job.point.source_name for job in plan.cells],
    }
    table = pyarrow.table(columns).replace_schema_metadata({"grid": _grid(study)})
    content = io.BytesIO()
    parquet.write_table(table, content)
    write_atomically(study.folder / PLAN_FILE, content.getvalue())


def load_plan(folder: Path) -> Any:
    """Read the plan of a study's folder.

    Returns:
        A pandas `DataFrame`, one row a cell.

    Raises:
        ValueError: If there is none.
    """
    import pandas

    path = folder / PLAN_FILE
    if not path.exists():
        raise ValueError(f"{folder} has no {PLAN_FILE}: the study has not been planned yet; `study run` does it first")
    plan = pandas.read_parquet(path)
    return plan.assign(policy=plan["policy"].map(current_policy))


def _names(folder: Path) -> Iterable[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []
