"""Submissions: made of the folder of a study, checked by a schema and against their task whenever they are read."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from gnn_sim2real.console import visible
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.library.card import read_small_json
from gnn_sim2real.nn.encoder import build_encoder, fill_defaults
from gnn_sim2real.records.published import Published, find_published, read_published
from gnn_sim2real.records.record import Record, read_records
from gnn_sim2real.study.architectures import name_architectures
from gnn_sim2real.study.bench_fixed import FIXED, find_differences
from gnn_sim2real.study.bench_task import BenchTask, find_task
from gnn_sim2real.study.config import load_saved_config, read_study
from gnn_sim2real.study.grid import Axes
from gnn_sim2real.study.jobs import has_model
from gnn_sim2real.study.plan import make_plan
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.stage import with_settings

FORMAT = 1
_LONGEST = 300
_MOST_GAINED = 1000.0
"""An error that is lower than all published ones by more is a mistake, or a joke."""
_WHOLE = ("seed", "split", "source_size", "target_size")
"""Letters of a message of the schema that are shown."""

_METRICS = ("mae", "rmse", "r2", "mae_nonzero", "num_test")


def make_submission(folder: Path, name: str = "", url: str = "") -> tuple[dict[str, Any], list[str]]:
    """Make a submission of the folder of a study that entered a task.

    Its data are read again, so that what it says of them is what is there; the keys of its cells are those of its
    settings and data today.

    Args:
        folder: Output folder of the study.
        name: Name of the entry; that of the encoder in the study unless given.
        url: Where its code is.

    Returns:
        The submission, and why it is none: in what it differs from the task, and how many cells are missing.

    Raises:
        ValueError: If it is the folder of another study, or has no cell yet.
    """
    config = load_saved_config(folder)
    if not config.bench:
        raise ValueError(
            f"{folder} is not a study of a task of the benchmark; begin one by `gnn-sim2real study run -c "
            "configs:bench/TASK.yaml --encoder my_package.MyEncoder`"
        )
    task, resolver = find_task(config.bench), Resolver(config)
    of_yaml = resolver.pretrain.encoder
    entered = name_architectures([axes.architecture for axes in config.grids], of_yaml)[0][-1]
    encoder = fill_defaults(with_settings(entered.encoder or of_yaml or {}))
    plan = make_plan(config, resolver)
    jobs = {job.key: job for job in plan.cells if job.point.architecture_name == entered.name}
    records = [each for each in read_records(config.records) if each.key in jobs]
    if not records:
        raise ValueError(f"{folder} has no cell of {entered.name} yet; `gnn-sim2real study run` computes them")
    problems = find_differences(resolver, task)
    if missing := len(jobs) - len(records):
        problems.append(f"its cells, of which {missing} of {len(jobs)} are missing")
    pretrainings = {job.model for job in jobs.values() if job.model}
    library = ModelLibrary(config.models_folder)
    cards = [
        library.content(folder.name) for folder in map(resolver.model_folder, sorted(pretrainings)) if has_model(folder)
    ]
    trained = [each["provenance"] for each in cards] if len(cards) == len(pretrainings) else [{}]
    versions = sorted({json.dumps(each.provenance.get("versions") or {}, sort_keys=True) for each in records})
    content = {
        "submission": FORMAT,
        "task": task.name,
        "fixed": {each: task.fixed[each] for each in FIXED},
        "name": name or entered.name,
        **({"url": url} if url else {}),
        "encoder": encoder,
        "parameters": count_parameters(encoder),
        "compute": {
            "pretraining": _core_seconds(trained),
            "fine_tuning": _core_seconds([each.provenance for each in records]),
            "threads": config.threads,
        },
        "property": records[0].property,
        "unit": records[0].unit,
        "metric": config.metric,
        "versions": [json.loads(each) for each in versions],
        "cells": [_cell(each, name or entered.name) for each in records],
    }
    return content, problems


def _core_seconds(provenances: Sequence[Mapping[str, Any]]) -> float | None:
    """Processor time of trainings [s]; None if it is not known of all."""
    found = [each.get("core_seconds") for each in provenances]
    return round(sum(each for each in found if each is not None), 3) if None not in found else None


def count_parameters(encoder: Mapping[str, Any]) -> int:
    """How many numbers the weights of an encoder have.

    Args:
        encoder: Class path and settings, from the user or this package.
    """
    return sum(each.numel() for each in build_encoder(dict(encoder), trusted=True).parameters())


def _cell(record: Record, name: str) -> dict[str, Any]:
    metrics = {each: float(record.metrics[each]) for each in _METRICS if each in record.metrics}
    cell = asdict(record.cell) | {"architecture": name, "key": record.key, "metrics": metrics}
    sizes = {each: int(cell[each]) for each in ("source_size", "target_size")}
    return cell | sizes | {"seconds": record.provenance.get("seconds")}


def read_submission(path: Path) -> dict[str, Any]:
    """Read a submission, which may come from anyone.

    Args:
        path: The JSON.

    Raises:
        ValueError: If it is damaged, absurdly large, or does not fit its task.
    """
    try:
        content = read_small_json(path)
        check_submission(content)
    except OSError as error:
        raise ValueError(f"there is no submission {path} ({error.strerror})") from error
    except RecursionError as error:
        raise ValueError(f"{path} is not a submission: it is nested too deep") from error
    except ValueError as error:
        raise ValueError(f"{path} is not a submission that can be accepted: {visible(str(error))}") from error
    checked: dict[str, Any] = content
    return checked


def check_submission(content: Any) -> None:
    """Check a submission against the schema, and against its task.

    What it says of itself cannot be checked without its code: whoever has that computes its cells again, under the same
    keys.

    Args:
        content: Content read from JSON.

    Raises:
        ValueError: If it does not fit.
    """
    errors = sorted(_validator().iter_errors(content), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        place = ".".join(map(str, errors[0].absolute_path)) or "the submission"
        raise ValueError(f"{place[:_LONGEST]}: {errors[0].message[:_LONGEST]}")
    task = find_task(content["task"])
    for name, about in FIXED.items():
        if content["fixed"][name] != task.fixed[name]:
            raise ValueError(f"{about} is not that of the task {task.name} (SHA-256 of `{name}`)")
    _check_cells(content, task)


def _check_cells(content: Mapping[str, Any], task: BenchTask) -> None:
    """Refuse cells that are not those of the grid, or not on the published materials."""
    published = read_published(find_published(task.result))
    first = published.records[0]
    if (content["property"], content["unit"]) != (first.property, first.unit):
        raise ValueError(f"its errors are of {first.property} in {first.unit or 'no unit'}")
    if any(isinstance(each[name], float) for each in content["cells"] for name in _WHOLE):
        raise ValueError(f"{', '.join(_WHOLE)} of a cell are whole numbers, written without a point")
    config, _ = read_study([str(task.path)], [])
    if content["metric"] != config.metric:
        raise ValueError(f"its metric is {config.metric}")
    wanted = Counter(place for axes in config.grids for place in _places(axes))
    found = Counter(
        (
            each["policy"],
            each["source_level"],
            each["target_level"] or str(each["target_size"]),
            each["seed"],
            each["split"],
        )
        for each in content["cells"]
    )
    if wanted != found:
        raise ValueError(
            f"its cells are not those of the task: {(wanted - found).total()} are missing, "
            f"{(found - wanted).total()} are not asked for or there twice"
        )
    if len({each["key"] for each in content["cells"]}) < len(content["cells"]):
        raise ValueError("two of its cells have the same key")
    _check_values(content, published, task)


def _check_values(content: Mapping[str, Any], published: Published, task: BenchTask) -> None:
    """Refuse errors that cannot be, or are of other materials than the published ones."""
    sizes = {(each.cell.source_level, each.cell.split): each.cell.source_size for each in published.records}
    tests = {each.cell.split: each.metrics["num_test"] for each in published.records if each.cell.policy == task.policy}
    lowest = min(each.metrics["mae"] for each in published.records)
    for number, each in enumerate(content["cells"], 1):
        metrics, place = each["metrics"], (each["source_level"], each["split"])
        if not all(map(math.isfinite, metrics.values())):
            raise ValueError(f"an error of cell {number} is not a finite number")
        if metrics["mae"] < lowest / _MOST_GAINED:
            raise ValueError(
                f"the mean absolute error of cell {number}, {metrics['mae']:g}, is below the lowest published one, "
                f"{lowest:g}, by more than a factor of {_MOST_GAINED:g}"
            )
        if metrics["rmse"] > metrics["mae"] * math.sqrt(metrics["num_test"]) * (1 + 1e-6):
            raise ValueError(
                f"the root mean square error of cell {number} is above what its mean absolute error allows"
            )
        if each["architecture"] != content["name"]:
            raise ValueError(f"cell {number} is of another encoder than the entry")
        if metrics["mae"] > metrics["rmse"] * (1 + 1e-6):
            raise ValueError(f"the mean absolute error of cell {number} is above its root mean square error")
        if metrics["num_test"] != tests.get(each["split"], metrics["num_test"]):
            raise ValueError(f"cell {number} was not tested on the {tests[each['split']]:g} materials of its test part")
        if each["source_size"] != sizes.get(place, each["source_size"]):
            raise ValueError(f"cell {number} has not the {sizes[place]:,} source materials of the published cell")


def _places(axes: Axes) -> list[tuple[str, str, str, int, int]]:
    return [
        (policy, str(source), str(target), seed, split)
        for policy in axes.policy
        for source in axes.source_size
        for target in axes.target_size
        for seed in axes.seed
        for split in axes.split
    ]


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads(files("gnn_sim2real.bench").joinpath("submission.schema.json").read_text())
    return Draft202012Validator(schema)
