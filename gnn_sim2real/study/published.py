"""The result of a study as two files that can be committed or sent, and reused to continue the study elsewhere."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from gnn_sim2real.files import has_keys, is_own_figure, require_replaceable, write_json
from gnn_sim2real.nn.encoder import fill_defaults
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.material_pulls import publish_pulls
from gnn_sim2real.records.public_predictions import publish_predictions
from gnn_sim2real.records.record import read_records
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.study_figure import draw_figure
from gnn_sim2real.records.summary import summarize
from gnn_sim2real.study.architectures import name_architectures
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.pretraining_axis import name_pretrainings, stage_name
from gnn_sim2real.study.report import data_of_report, largest_record
from gnn_sim2real.study.stage import encoder_of, result_settings


def require_publishable(path: Path, overwrite: bool) -> None:
    """Refuse to publish over files that are no earlier published result.

    Args:
        path: See `publish`.
        overwrite: Whether any file may be replaced.

    Raises:
        ValueError: If there is such a file.
    """
    result, figure = (path.with_suffix(suffix) for suffix in (".json", ".png"))
    published = has_keys(result, "study", "cells")  # figures of earlier versions do not say who made them
    require_replaceable(
        result, figure, is_ours=lambda each: published or (each == figure and is_own_figure(each)), overwrite=overwrite
    )


def publish(config: StudyConfig, path: Path) -> None:
    """Write PATH.json with summary and all cells and, if there is a curve, PATH.png.

    Args:
        config: The study.
        path: Path of both files, without suffix.
    """
    records = read_records(config.records)
    cells = [
        asdict(record.cell)
        | {"key": record.key, "metrics": dict(record.metrics), "seconds": record.provenance.get("seconds")}
        for record in records
    ]
    versions = sorted({json.dumps(record.provenance.get("versions"), sort_keys=True) for record in records})
    study = {"title": config.title, "axes": [asdict(axes) for axes in config.grids], "threads": config.threads}
    content = {"study": study, "versions": [json.loads(each) for each in versions], "cells": cells}
    results = Results(tabulate_records(records), config.metric, config.records)
    data = data_of_report(config, results.table, largest_record(config, results.table))
    content |= {"data": data} | _settings(config)
    if pulls := publish_pulls(results.curves.values(), config.records):
        content["test_materials"] = pulls
    if predictions := publish_predictions([record.key for record in records], config.records):
        content["predictions"] = predictions
    write_json(path.with_suffix(".json"), content | summarize(results))
    if results.curves:
        draw_figure(results, path.with_suffix(".png"), config.title, data=data)


def _settings(config: StudyConfig) -> dict[str, Any]:
    """What the cells were computed with: settings of the stages by their names, encoders by theirs."""
    pretrainings = name_pretrainings([axes.pretraining for axes in config.grids])
    names = ["finetune", "scratch", *map(stage_name, ["", *pretrainings])]
    stages = {name: yaml.safe_load((config.folder / f"{name}.yaml").read_text()) for name in names}
    of_yaml = encoder_of(stages["pretrain"])
    named = name_architectures([axes.architecture for axes in config.grids], of_yaml)
    encoders = {each.name: each.encoder or of_yaml for grid in named for each in grid}
    return {
        "settings": {name: result_settings(stage) for name, stage in stages.items()},
        "architectures": {name: fill_defaults(encoder) for name, encoder in encoders.items() if encoder},
    }
