"""The tasks of the benchmark, in words."""

from gnn_sim2real.records.published import find_published, read_published
from gnn_sim2real.reproduce.catalog import STUDIES
from gnn_sim2real.study.bench_task import BenchTask, find_task, task_names
from gnn_sim2real.study.config import read_study


def describe_tasks() -> list[tuple[str, ...]]:
    """Name, property, measured materials, cells of an entry, published encoders, and origin of the tables of each."""
    return [_describe(find_task(name)) for name in task_names()]


def _describe(task: BenchTask) -> tuple[str, ...]:
    published = read_published(find_published(task.result))
    config, _ = read_study([str(task.path)], [])
    cells = sum(len(axes.source_size) * len(axes.seed) * len(axes.split) for axes in config.grids)
    place = (task.policy, task.target_size)
    own = [each.cell for each in published.records if (each.cell.policy, each.cell.target_size) == place]
    level = max(own, key=lambda cell: cell.source_size).source_level
    encoders = {cell.architecture for cell in own if cell.source_level == level}
    made = STUDIES[task.result].made
    tables = f"`data make`: {', '.join(made)}" if made else "in the package"
    prop = published.records[0].property.replace("_", " ")
    return task.name, prop, f"{task.target_size:,}", f"{cells:,}", ", ".join(sorted(encoders)), tables
