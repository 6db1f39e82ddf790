"""Time and memory of planning, status, resume and report of a study of a million cells.

The schedule is the real one and the records are faked: each has the size and the fields of a real one, an error that
follows a power law, and no sidecar. Each step runs in a process of its own, whose peak memory is taken.
"""

import argparse
import json
import math
import multiprocessing
import os
import platform
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from machine import publish
from rich.console import Console

from gnn_sim2real import __version__

ROOT = Path(__file__).parents[1]
WANTED_SECONDS, WANTED_GIB = 60.0, 2.0
SOURCE_SIZES = [0, 20, 40, 80, 160, 320, 640, 1280, 2560, "all"]
CELLS_A_SEED = 5 * 5 * (9 * 3 + 2)
_RESULT = ROOT / "benchmarks" / "results" / "million_cells.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="million_cells_"))
    try:
        result = measure(folder, math.ceil(arguments.cells / CELLS_A_SEED))
        publish(result, arguments.output)
    finally:
        shutil.rmtree(folder)  # takes longer than all that was measured
    for name in ("status", "resume", "report"):
        step = result["steps"][name]
        if step["seconds"] > WANTED_SECONDS or step["gib"] > WANTED_GIB:
            raise SystemExit(f"{name} takes {step['seconds']} s and {step['gib']} GiB")


def measure(folder: Path, num_seeds: int) -> dict[str, Any]:
    """Plan, fake half of the records, look, resume, fake the rest, report."""
    write_study(folder, num_seeds)
    steps = {"plan": in_process(plan, folder)}
    in_process(fake_records, folder, 0.5)
    steps["status"] = in_process(status, folder)
    steps["resume"] = in_process(resume, folder)
    in_process(fake_records, folder, 1.0)
    steps["report"] = in_process(report, folder)
    return {
        "cells": steps["plan"].pop("result"),
        "resumed": steps["resume"].pop("result"),
        "steps": steps,
        "wanted": {"seconds": WANTED_SECONDS, "gib": WANTED_GIB, "of": ["status", "resume", "report"]},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "version": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def write_study(folder: Path, num_seeds: int) -> None:
    """The demo's stages on a large grid."""
    study = {
        "pretrain": str(ROOT / "configs/demo/polymer_pretrain.yaml"),
        "finetune": str(ROOT / "configs/demo/polymer_finetune.yaml"),
        "output": str(folder / "out"),
        "axes": {
            "source_size": SOURCE_SIZES,
            "target_size": [8, 10, 12, 14, 16],
            "seed": list(range(num_seeds)),
            "split": [0, 1, 2, 3, 4],
            "policy": ["full", "frozen_encoder", "calibrated_source", "extra_trees"],
        },
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))


def in_process(step: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Run a step in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, step, *arguments).result()


def _timed(step: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    started = time.monotonic()
    found = step(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    timed = {"seconds": round(time.monotonic() - started, 2), "gib": round(peak / 2**30, 3)}
    return timed | ({} if found is None else {"result": found})


def plan(folder: Path) -> int:
    from gnn_sim2real.study.config import read_study
    from gnn_sim2real.study.resolve import Resolver
    from gnn_sim2real.study.run import plan_study

    study, _ = read_study([str(folder / "study.yaml")], [])
    return len(plan_study(study, Resolver(study)).cells)


def fake_records(folder: Path, share: float) -> None:
    """Write records for the first cells of the plan, and the models they need."""
    from gnn_sim2real.records.record import Record, RecordKey, write_record
    from gnn_sim2real.study.plan import load_plan

    os.fsync = lambda _: None  # a million faked files need not outlive a power cut
    cells = load_plan(folder / "out")
    cells = cells.iloc[: int(share * len(cells))]
    records = folder / "out" / "records"
    records.mkdir(exist_ok=True)
    chosen = random.Random(0)  # noqa: S311
    padding = {"config": {"settings": ["of a real record"] * 60}}
    for cell in cells.to_dict("records"):
        path = records / f"{cell['key']}.json"
        if path.exists():
            continue
        size = {"0": 0, "all": 4181}.get(cell["source_size"]) if cell["source_size"] in ("0", "all") else None
        size = int(cell["source_size"]) if size is None else size
        error = (0.02 + 0.3 * (size + 1) ** -0.7) * math.exp(chosen.gauss(0, 0.1))
        record = Record(
            key=cell["key"],
            cell=RecordKey(
                architecture="GINE" if cell["policy"] != "extra_trees" else "",
                policy=cell["policy"],
                source_size=size,
                source_level=cell["source_size"],
                target_size=int(cell["target_size"]),
                seed=cell["seed"],
                split=cell["split"],
            ),
            property="refractive_index",
            unit="",
            metrics={"mae": error, "rmse": 1.3 * error, "r2": 1 - 5 * error, "num_test": 5},
            data={"target": {"num_materials": 49}},
            details=padding,
            provenance={"seconds": 1.0},
        )
        write_record(records, record, None)
    for model in cells["model"].dropna().unique():
        target = folder / "out" / "models" / model
        if not target.exists():
            target.mkdir(parents=True)
            (target / "model.json").write_text(json.dumps({"card": {"provenance": {"seconds": 5.0}}}))


def status(folder: Path) -> None:
    from gnn_sim2real.study.config import load_saved_config
    from gnn_sim2real.study.status import print_status

    print_status(load_saved_config(folder / "out"), Console(stderr=True))


def resume(folder: Path) -> int:
    """Everything that `study run` does before it starts its first job; the number of cells it found."""
    from gnn_sim2real.study.config import read_study
    from gnn_sim2real.study.failures import Failures
    from gnn_sim2real.study.plan import find_finished
    from gnn_sim2real.study.resolve import Resolver
    from gnn_sim2real.study.run import plan_study
    from gnn_sim2real.study.schedule import Schedule

    study, _ = read_study([str(folder / "study.yaml")], [])
    schedule = Schedule(plan_study(study, Resolver(study)), find_finished(study), Failures(study.failures).keys())
    if schedule.next() is None:
        raise RuntimeError("there is nothing to resume")
    return schedule.outcomes["cached"]


def report(folder: Path) -> None:
    from gnn_sim2real.cli.study import COMMAND

    COMMAND("study", ["report", str(folder / "out")])


if __name__ == "__main__":
    main()
