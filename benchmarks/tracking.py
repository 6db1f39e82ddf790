"""What tracking costs a study: the README's first one, with W&B offline and a run of each job and of the report.

Two studies that differ by the logger alone differ by more than it costs, on any machine. So the processor time of
tracking is counted where it is used, in this process: what its thread spends in the calls that open, fill and end runs
and that log the report; what all its other threads take, beyond what they take in a study without a logger, which runs
first; and W&B's service. Against it stands the rest of the processor time of the study. To load W&B once, and to start
and end its service, is within the cost, and measured again apart as `seconds.load`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}  # before torch and W&B are imported

from lightning.pytorch.trainer import trainer
from lightning.pytorch.trainer.connectors.logger_connector.logger_connector import _LoggerConnector
from machine import processor, publish, seconds_of, versions

from gnn_sim2real.cli.main import main as command
from gnn_sim2real.study import cells, report, tracking, wandb_runs

WANTED = 0.03
STUDY = "configs:polymer/density_open/quick.yaml"
NUM_RUNS = 25 + 90 + 1
"""Of pretrainings, of cells, and of the report."""
CALLS: tuple[tuple[Any, str], ...] = (
    (cells.CellRunner, "_open_loggers"),
    (cells, "log_result"),
    (cells, "log_model"),
    (cells, "close_loggers"),
    (report, "log_report"),
    (tracking, "require_usable"),
    (wandb_runs, "_set_up"),
    (wandb_runs, "_started"),
    (wandb_runs, "end_run"),
    (wandb_runs, "tear_down"),
    (trainer, "_log_hyperparams"),
    (_LoggerConnector, "log_metrics"),
)
"""Where a study has to do with its loggers; `wandb_service` calls those of `wandb_runs`."""

_ROOT = Path(__file__).parents[1]
_RESULT = _ROOT / "benchmarks" / "results" / "tracking.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=_RESULT)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    publish(result, output)
    if result["cost"] > WANTED:
        raise SystemExit("tracking costs more than wanted")


def measure(folder: Path) -> dict[str, Any]:
    """The share that tracking adds to the processor time of the study, and its parts [s]."""
    (process, thread, _), _ = run_study(folder / "without")
    drawing = process - thread  # of the progress bars
    overlay = ["-c", str(_ROOT / "configs" / "wandb.yaml")]
    (process, thread, service), calls = run_study(folder / "with_wandb", overlay)
    runs = len(list((folder / "with_wandb" / "wandb").glob("offline-run-*")))
    if runs != NUM_RUNS:
        raise SystemExit(f"the study made {runs} runs")
    parts = {"calls": sum(calls.values()), "other_threads": process - thread - drawing, "service": service}
    tracked = sum(parts.values())
    study = process + service - tracked
    return {
        "cost": round(tracked / study, 4),
        "wanted": WANTED,
        "runs": runs,
        "seconds": {
            name: round(each, 2) for name, each in {**parts, "study": study, "load": seconds_to_load()}.items()
        },
        "seconds_by_call": {name: round(each, 2) for name, each in sorted(calls.items(), key=lambda item: -item[1])},
        "study": STUDY,
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions("lightning", "torch", "wandb"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def run_study(output: Path, overlay: Sequence[str] = ()) -> tuple[list[float], dict[str, float]]:
    """Processor time of a study, as in `times`, and of the calls in it [s]."""
    with counted(CALLS) as calls:
        before = times()
        code = command(["study", "run", "-c", STUDY, "--launcher", "serial", "--output", str(output), *overlay])
        used = [now - then for now, then in zip(times(), before, strict=True)]
    if code:
        raise SystemExit(f"the study ended with exit code {code}")
    return used, calls


def times() -> tuple[float, float, float]:
    """Processor time of this process, of this thread of it, and of the children that have ended [s]."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), time.thread_time(), children.ru_utime + children.ru_stime


@contextmanager
def counted(calls: tuple[tuple[Any, str], ...]) -> Iterator[dict[str, float]]:
    """Count the processor time of functions in this thread [s]; of one within another as the outer's."""
    seconds = {name: 0.0 for _, name in calls}
    depth = 0

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal depth
            depth += 1
            start = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                depth -= 1
                if depth == 0:
                    seconds[name] += time.thread_time() - start

        return call

    originals = [(where, name, getattr(where, name)) for where, name in calls]
    for where, name, function in originals:
        setattr(where, name, counting(name, function))
    try:
        yield seconds
    finally:
        for where, name, function in originals:
            setattr(where, name, function)


def seconds_to_load() -> float:
    """Processor time to load W&B and to start and end its service, in a process of its own [s]."""

    def used() -> float:
        return times()[2]

    load = [sys.executable, "-c", "import wandb; wandb.setup(); wandb.teardown()"]
    return seconds_of(lambda: subprocess.run(load, check=True), used)


if __name__ == "__main__":
    main()
