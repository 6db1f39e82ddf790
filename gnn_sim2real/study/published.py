"""The result of a study as two files that can be committed or sent, and reused to continue the study elsewhere."""

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
    results = Results(tabulate_records(records), config.metric)
    data = dict(largest_record(config, results.table).data)
    write_json(path.with_suffix(".json"), content | {"data": data} | summarize(results))
    if results.curves:
        draw_figure(results, path.with_suffix(".png"), config.title, data=data)


def reuse_records(records: Iterable[Record], folder: Path, wanted: Collection[str]) -> int:
    """Write the records of a published result that belong to a study.

    Their keys decide: a cell with another configuration, other data or another version of the code has another key.

    Args:
        records: Records from `read_published`, without the errors on each test material.
        folder: Folder of the records; existing ones stay.
        wanted: Keys of the study's cells.

    Returns:
        Number of records written.
    """
    missing = [record for record in records if record.key in wanted and not has_record(folder, record.key)]
    for record in missing:
        write_record(folder, record, None)
    return len(missing)
