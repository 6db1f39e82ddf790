"""The tasks of the benchmark, in words."""

from gnn_sim2real.records.published import find_published, read_published
from gnn_sim2real.reproduce.catalog import STUDIES
from gnn_sim2real.study.bench_task import BenchTask, find_task, task_names
from gnn_sim2real.study.config import read_study

TITLES = {
    "density_open_quick": "RadonPy's simulated densities to 25 measured ones; one seed, minutes on one core.",
    "density_open": "RadonPy's simulated densities to 100 measured ones.",
    "band_gap_open": "Computed band gaps of the Materials Project to 100 measured ones, by formula.",
    "chi": "Chi by COSMO-RS to 50 measured values, tested on new polymers.",
    "chi_pairs": "Chi by COSMO-RS to 50 measured values, tested on new pairs of polymer and solvent.",
    "liquid_density": "Densities of liquids by molecular dynamics to 100 measured ones.",
    "band_gap": "Computed band gaps of the Materials Project to 500 measured ones, by structure.",
    "formation_enthalpy": "Computed formation energies of the Materials Project to 100 measured enthalpies.",
}
"""What each task asks, in a line."""


def describe_tasks() -> list[tuple[str, ...]]:
    """Name, question, cells of an entry, published encoders, and origin of the tables of each task."""
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
    tables = f"data make: {', '.join(made)}" if made else "in the package"
    return task.name, TITLES[task.name], f"{cells:,}", ", ".join(sorted(encoders)), tables
