"""What tracking costs a study: the demo with W&B offline, against the same study without a logger.

Both ways run in turn in this process, each from planning to report, in processor time of all processes that belong to
it (Linux, macOS), after a first one that is not counted. The share that the way with W&B takes longer is what tracking
costs. That every process loads W&B once is counted apart, as `seconds.start`: a study of two minutes notices it, one of
an hour does not.
"""

import argparse
import contextlib
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}  # before torch and W&B are imported

import yaml
from machine import processor, publish, seconds_of, versions

from gnn_sim2real.cli.main import main as command

ROOT = Path(__file__).parents[1]
WANTED = 0.03
AXES = {
    "source_size": [0, 20, 150, "all"],
    "target_size": [16],
    "seed": [0, 1, 2],
    "split": [0],
    "policy": ["full", "extra_trees"],
}
NUM_RUNS = 25
_RESULT = ROOT / "benchmarks" / "results" / "tracking.json"
_LOAD = "import wandb; wandb.setup(); wandb.teardown()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of two minutes each")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    result = measure(arguments.rounds)
    publish(result, arguments.output)
    if result["cost"] > WANTED:
        raise SystemExit("tracking costs more than wanted")


def measure(num_rounds: int) -> dict[str, Any]:
    """Both ways in turn: seconds of each, and the share that tracking adds, as a median over rounds."""
    found: dict[str, list[float]] = {"without": [], "with_wandb": []}
    run_study("with_wandb")
    for number in range(num_rounds):
        for way in list(found) if number % 2 == 0 else reversed(found):
            found[way].append(seconds_of(partial(run_study, way), processor_time))
    costs = [tracked / without - 1.0 for without, tracked in zip(*found.values(), strict=True)]
    start = seconds_of(lambda: subprocess.run([sys.executable, "-c", _LOAD], check=True), processor_time)
    return {
        "cost": round(statistics.median(costs), 4),
        "cost_by_round": [round(each, 4) for each in costs],
        "wanted": WANTED,
        "seconds": {way: [round(each, 2) for each in seconds] for way, seconds in found.items()}
        | {"start": round(start, 2)},
        "rounds": num_rounds,
        "study": "9 pretrainings, 12 fine-tunings and 3 baselines of the demo polymers, and the report: "
        f"{NUM_RUNS} runs",
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions("lightning", "torch", "wandb"),
    }


def processor_time() -> float:
    """Processor time of this process and of its children that have ended, W&B's service among them [s]."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def run_study(way: str) -> None:
    """The study in an empty folder; what it prints is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        run_study_in(Path(folder), way)


def run_study_in(folder: Path, way: str) -> None:
    stages = ROOT / "configs" / "demo"
    study = {
        "pretrain": str(stages / "polymer_pretrain.yaml"),
        "finetune": str(stages / "polymer_finetune.yaml"),
        "output": str(folder / "out"),
        "launcher": "serial",
        "axes": AXES,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    overlay = ["-c", str(ROOT / "configs" / "wandb.yaml")] if way == "with_wandb" else []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command(["study", "run", "-c", str(folder / "study.yaml"), *overlay])
    if code:
        raise RuntimeError(f"the study ended with {code}: {printed.getvalue()}")
    runs = len(list((folder / "out" / "wandb").glob("offline-run-*")))
    if runs != (NUM_RUNS if overlay else 0):
        raise RuntimeError(f"the study {way} made {runs} runs")


if __name__ == "__main__":
    main()
