"""A study's result as two files that can be committed or sent, and taken over by whoever goes on with the study."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path

from gnn_sim2real.files import write_json
from gnn_sim2real.records.curves import Results
from gnn_sim2real.records.record import Record, has_record, read_records, write_record
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.summary import draw_figure, summarize
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.report import largest_record


def publish(config: StudyConfig, path: Path) -> None:
    """Write summary, every cell and the figure, once there is a curve: PATH.json and PATH.png.

    Args:
        config: The study.
        path: The files, without their endings.
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
    results = Results(tabulate_records(records), config.metric)
    data = dict(largest_record(config, results.table).data)
    write_json(path.with_suffix(".json"), content | {"data": data} | summarize(results))
    if results.curves:
        draw_figure(results, path.with_suffix(".png"), config.title, data=data)


def reuse_records(records: Iterable[Record], folder: Path, wanted: Collection[str]) -> int:
    """Write those records of a published result that a study wants.

    Their keys say whether they belong to it: a cell of another configuration, other data or another version of the
    code has another one.

    Args:
        records: From `read_published`; they lack the errors on each test material.
        folder: Folder of the records; those that are there stay.
        wanted: Keys of the study's cells.

    Returns:
        Number of records written.
    """
    missing = [record for record in records if record.key in wanted and not has_record(folder, record.key)]
    for record in missing:
        write_record(folder, record, None)
    return len(missing)
