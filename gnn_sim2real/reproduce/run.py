"""Data of a published study, the study itself or a small part of it, and the comparison."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from gnn_sim2real.config.shipped import find_config
from gnn_sim2real.data.published import compare_with_published, describe_likeness, find_published
from gnn_sim2real.data.registry import find_table_reader
from gnn_sim2real.databases.make import make_table, plan_table
from gnn_sim2real.databases.recipe import find_below, find_recipes
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.files import data_folders, expand, write_atomically
from gnn_sim2real.records.record import Record
from gnn_sim2real.reproduce.catalog import Brought, Study
from gnn_sim2real.study.config import StudyConfig, read_study
from gnn_sim2real.study.dry_run import num_steps
from gnn_sim2real.study.grid import Axes
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.plan import JobPlan
from gnn_sim2real.tasks.policies import is_fine_tuning

Say = Callable[[str], None]


def provide_data(study: Study, measured: str | None, folder: Path, say: Say) -> None:
    """Find the tables of a study, make those that can be made, and put the user's own in its place.

    Args:
        study: The study.
        measured: The user's own file of measurements.
        folder: Output folder, in which the user's own table is kept as the study reads it.
        say: Gets a line on each step.

    Raises:
        DatasetNotFoundError: If a table is missing that only the user can bring.
        ValueError: If the study needs none, or the file cannot be read.
    """
    if measured is not None:
        if study.measured is None:
            raise ValueError(f"{study.name} needs no measurements of yours: leave `--measured` out")
        _use_own(study, study.measured, measured, folder / "data", say)
    wanted = dict(study.brought)
    if study.measured is not None and measured is None:
        wanted[study.measured.name] = study.measured.relative_path
    for name, path in wanted.items():
        if find_below(path) is None:
            how = "give it by `--measured FILE`, or " if study.measured and name == study.measured.name else ""
            raise DatasetNotFoundError(
                f"{study.name} needs the table {name}, which may not be passed on; {how}put it in "
                f"{data_folders()[0] / path} (gnn-sim2real data list {name})"
            )
    recipes = find_recipes()
    for name in study.made:
        recipe = recipes.get(name)
        if recipe is None:
            raise DatasetNotFoundError(f"{study.name} needs the table {name}, for which there is no recipe")
        if find_below(recipe.relative_path) is None:
            plan = plan_table(recipe, recipes)
            say(f"{name} is made: {plan.size / 1e6:.1f} MB to download, about {plan.seconds:.0f} s to build")
            make_table(plan, report=say)


def _use_own(study: Study, table: Brought, file: str, folder: Path, say: Say) -> None:
    """Write the user's measurements as the study reads them, and say whether they are the published ones."""
    if not expand(file).exists():
        raise ValueError(f"there is no file {file}: check the path of `--measured`")
    own = find_table_reader()(str(expand(file)), table.property, table.unit).table
    rows = zip(own.materials, own.values[:, 0].tolist(), strict=True)
    lines = [f"smiles,{table.column}", *(f'"{material}",{value!r}' for material, value in rows)]
    write_atomically(folder / table.relative_path, ("\n".join(lines) + "\n").encode())
    before = os.environ.get("GNN_SIM2REAL_DATA")
    os.environ["GNN_SIM2REAL_DATA"] = os.pathsep.join([str(folder.resolve()), *([before] if before else [])])
    if (published := find_published().get(study.name)) is not None and published.property == table.property:
        for line in describe_likeness(compare_with_published(own, published), published):
            say(line)


def read_published_study(study: Study, output: Path, options: Sequence[str], *, quick: bool) -> StudyConfig:
    """Read the YAML of a study.

    Args:
        study: The study.
        output: Output folder.
        options: Options of `study run`, such as `--workers 2`.
        quick: Whether only one split, one seed and the largest sizes are computed.
    """
    config, _ = read_study([str(find_config(study.config))], ["--output", str(output), *options])
    if quick:
        config.axes, config.more_axes = smallest(config.axes), [smallest(each) for each in config.more_axes]
    return config


def expect_seconds(plan: JobPlan, resolver: JobResolver, published: Sequence[Record]) -> float | None:
    """How long a study takes on one core [s], by the times of its published cells.

    That of a pretraining follows from its steps, and from the time for a material in the published trainings of the
    same encoder. It is rough: materials of the source may be larger, and another machine is faster or slower.

    Args:
        plan: The cells and pretrainings.
        resolver: Reads their settings.
        published: Published cells.

    Returns:
        None if no time was published.
    """
    found = {each.key: each.provenance.get("seconds") for each in published}
    told = {key: float(seconds) for key, seconds in found.items() if isinstance(seconds, int | float)}
    known = [job for job in plan.cells if job.key in told]
    if not known:
        return None
    rates: dict[str, list[float]] = {}
    for job in known:
        if is_fine_tuning(job.point.policy):
            rates.setdefault(job.point.architecture_name, []).append(told[job.key] / _num_seen(job, resolver))
    every = [rate for own in rates.values() for rate in own]
    total = sum(told[job.key] for job in known) * len(plan.cells) / len(known)
    for job in plan.models.values():
        total += median(rates.get(job.point.architecture_name, every) or [0.0]) * _num_seen(job, resolver)
    return total


def _num_seen(job: Job, resolver: JobResolver) -> float:
    """How many materials a training sees, each as often as it does."""
    data = resolver.data(job)
    return max(1, num_steps(resolver.stage(job), data)) * min(data.settings.batch_size, len(data.parts.train))


def smallest(axes: Axes) -> Axes:
    """One split, one seed, the largest sizes, and what needs no source.

    Args:
        axes: The axes of a grid.
    """
    sources = [size for size in axes.source_size if size == 0]
    largest = [size for size in axes.source_size if size != 0]
    return replace(
        axes,
        source_size=[*sources, *largest[-1:]],
        target_size=axes.target_size[-1:],
        seed=axes.seed[:1],
        split=axes.split[:1],
        growth=axes.growth[:1],
    )
