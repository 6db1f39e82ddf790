"""The plan of a study: all its jobs with their keys, and which of them are done."""

import io
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_sim2real.console import track
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import write_atomically
from gnn_sim2real.launchers.shard import Shard
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.library.content import is_key
from gnn_sim2real.records.keys import canonical
from gnn_sim2real.records.record import find_damaged
from gnn_sim2real.renamed import current_policy, first_policy
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.jobs import PRETRAININGS, Job, JobResolver, has_model, model_folder

logger = logging.getLogger(__name__)

PLAN_FILE = "plan.parquet"

_FEW = 3
"""Damaged files that are named; of more their number is said."""


@dataclass(frozen=True)
class JobPlan:
    """The jobs of a study.

    Attributes:
        cells: Cells in the order of computation, those of one pretrained model together; each record once.
        models: Pretrainings that cells need, by key.
    """

    cells: tuple[Job, ...]
    models: dict[str, Job]


@dataclass(frozen=True)
class Present:
    """Finished jobs in the folder of a study.

    Attributes:
        records: Keys of the cells with a record; for a library, keys of its finished pretrainings.
        models: Keys of the pretrained models.
    """

    records: frozenset[str]
    models: frozenset[str]


def make_plan(study: JobsConfig, resolver: JobResolver) -> JobPlan:
    """Resolve every point of the grid.

    Args:
        study: The study.
        resolver: Resolver of the study.

    Raises:
        ValueError: If a point is impossible, e.g. needs more materials than there are, or simulated values where there
            are none.
    """
    resolver.check()
    points = resolver.points()
    cells: dict[str, Job] = {}
    models: dict[str, Job] = {}
    for point in track(points, "Planning"):
        try:
            job = resolver.job(point)
        except ValueError as error:
            raise ValueError(
                f"the study cannot have the cell with {point.source_name}source size {point.source_size}, target size "
                f"{point.target_size}, split {point.split}: {error}"
            ) from error
        cells.setdefault(job.key, job)
        if job.model is not None and job.model not in models:
            models[job.model] = resolver.pretraining(point)
    return JobPlan(tuple(cells.values()), models)


def load_valid_plan(study: JobsConfig, resolver: JobResolver) -> JobPlan | None:
    """Load the plan in the study's folder, which is much faster than making a large one again.

    It is valid if the grid is the same, encoders are called the same, and if one point of every kind (architecture,
    growth, pretraining, policy, split, with or without a source) still has its key: configuration, data and code
    versions enter the keys of all points of a kind.

    Args:
        study: The study.
        resolver: Resolver of the study.

    Returns:
        The plan; None if there is no valid one.
    """
    try:
        table = _read_table(study.folder / PLAN_FILE)
    except FileNotFoundError:
        return None
    except ValueError as error:
        logger.warning("%s; it is made again, and nothing is lost", error)
        return None
    points = resolver.points()
    of_this_grid = (table.schema.metadata or {}).get(b"grid", b"").decode() == _grid(study)
    if not of_this_grid or len(table) != len(points):  # or some points share a cell
        return None
    if table["architecture"].to_pylist() != [point.architecture_name for point in points]:
        return None
    keys, kept_models = table["key"].to_pylist(), table["model"].to_pylist()
    kinds: dict[tuple[Any, ...], int] = {}
    for position, point in enumerate(points):
        kind = (
            point.source,
            point.property_name,
            point.architecture_name,
            point.growth,
            point.pretraining,
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
    """The grid as text, as plans of earlier versions have it: policies by their first names, without new axes."""
    grids = []
    for axes in study.grid:
        policies = {"policy": [*map(first_policy, axes["policy"])]} if "policy" in axes else {}
        grids.append({name: value for name, value in (axes | policies).items() if name != "pretraining" or value})
    return canonical(grids)


def select_shard(plan: JobPlan, shard: Shard) -> JobPlan:
    """Select one shard of a plan; no pretrained model is needed by two shards.

    Args:
        plan: Whole plan.
        shard: Shard to select.
    """
    groups = list(dict.fromkeys(job.model or job.key for job in plan.cells))
    # Shifted by one after each round, or one shard would get the largest source size of every seed.
    mine = {
        group for rank, group in enumerate(groups) if (rank + rank // shard.count) % shard.count == shard.number - 1
    }
    cells = tuple(job for job in plan.cells if (job.model or job.key) in mine)
    return JobPlan(cells, {key: job for key, job in plan.models.items() if key in mine})


def find_finished(study: JobsConfig) -> Present:
    """The finished jobs of a study, from the names of the files only."""
    folder = study.models_folder
    known = {*_names(folder / PRETRAININGS), *(name for name in _names(folder) if is_key(name))}
    models = frozenset(name for name in known if has_model(model_folder(folder, name)))
    if study.pretrains_only:
        return Present(models, models)
    records = frozenset(name[:-5] for name in _names(study.records) if name.endswith(".json") and "." not in name[:-5])
    return Present(records, models)


def set_aside_damaged(study: JobsConfig, plan: JobPlan) -> None:
    """Let jobs be computed again whose result is damaged or was exchanged, with a line for each of the first few.

    Args:
        study: The study.
        plan: Its plan, or a shard of it.
    """
    if not study.pretrains_only:
        there = sorted({job.key for job in plan.cells} & find_finished(study).records)
        lines = [
            f"a cell is computed again: {problem}; what is there is kept as {_aside(study.records / f'{key}.json')}"
            for key, problem in find_damaged(study.records, there).items()
        ]
        _warn(lines, f"cells are computed again, since their records in {study.records} are damaged")
    present, library = find_finished(study), ModelLibrary(study.models_folder)
    open_cells = [job for job in plan.cells if study.pretrains_only or job.key not in present.records]
    needed = {job.key if study.pretrains_only else job.model for job in open_cells}
    lines = []
    for key in sorted(present.models & needed):
        folder = model_folder(study.models_folder, key)
        try:
            library.verify_model(folder.name)
            if library.card(folder.name).pretraining not in ("", key):
                raise CheckpointError("it is the model of another pretraining")
        except (CheckpointError, OSError) as error:
            (study.models_folder / PRETRAININGS / key).unlink(missing_ok=True)
            kept = _aside(folder)
            lines.append(f"the model {key} is trained again: {error}; what is there is kept as {kept}")
    _warn(lines, f"models in {study.models_folder} are trained again, since they are damaged")


def _warn(lines: list[str], summary: str) -> None:
    """A line for each, or of many the first few."""
    if len(lines) > _FEW:
        logger.warning("%d %s; the first %d:", len(lines), summary, _FEW)
    for line in lines[:_FEW]:
        logger.warning("%s", line)


def _aside(path: Path) -> Path:
    """Give a damaged file or folder a name under which nothing is looked for."""
    target = path.with_name(f"{path.name}.damaged")
    if target.is_dir():
        shutil.rmtree(target)
    return path.replace(target)


def save_plan(plan: JobPlan, study: JobsConfig) -> None:
    """Write a plan into the study's folder, for `status`.

    Args:
        plan: Whole plan.
        study: The study.
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
        "pretraining": [job.point.pretraining for job in plan.cells],
        "source": [job.point.source_name for job in plan.cells],
    }
    table = pyarrow.table(columns).replace_schema_metadata({"grid": _grid(study)})
    content = io.BytesIO()
    parquet.write_table(table, content, write_page_checksum=True)
    write_atomically(study.folder / PLAN_FILE, content.getvalue())


def load_plan(folder: Path) -> Any:
    """Read the plan of a study's folder.

    Returns:
        A pandas `DataFrame` with one row per cell.

    Raises:
        ValueError: If there is no plan, or it is damaged.
    """
    try:
        plan = _read_table(folder / PLAN_FILE).to_pandas()
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} has no {PLAN_FILE} yet: `study run` is reading the data, or was stopped before the plan was "
            "made; wait, or start `study run` again"
        ) from error
    except ValueError as error:
        raise ValueError(f"{error}; `study run` makes it again, and nothing is lost") from error
    return plan.assign(policy=plan["policy"].map(current_policy))


def _read_table(path: Path) -> Any:
    """The table of a plan, with the checksums of its pages.

    Raises:
        ValueError: If it is damaged.
        FileNotFoundError: If there is none.
    """
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, ArrowException) as error:
        raise ValueError(f"the plan {path} is damaged ({str(error).partition(chr(10))[0]})") from error
    if not {"key", "model", "policy", "architecture"} <= set(table.column_names):
        raise ValueError(f"the plan {path} is damaged (it lacks columns)")
    return table


def _names(folder: Path) -> Iterable[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []
