"""What tracking costs a study: the demo with W&B offline, against the same study without a logger.

Both ways run in turn, each from the start to the end of its command, with one process for each core or fewer
(`--workers`). The start of W&B's service is counted apart: a script of its own starts it and makes one empty run, in a
fresh process, once for each process of the study. What is left over, as a share of the study without a logger, is what
tracking costs. The time of W&B's service itself is in it (Linux only).
"""

import argparse
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from machine import processor, publish, versions

ROOT = Path(__file__).parents[1]
WANTED = 0.03
AXES = {
    "source_size": [0, 20, 50, 150, 500, "all"],
    "target_size": [16],
    "seed": [0],
    "split": [0, 1, 2, 3],
    "policy": ["full"],
}
_RESULT = ROOT / "benchmarks" / "results" / "tracking.json"
_COMMAND = [sys.executable, "-c", "from gnn_sim2real.cli.main import main; raise SystemExit(main())"]
_PR_SET_CHILD_SUBREAPER = 36
_SERVICE = "import wandb; wandb.init(project='empty', mode='offline', dir='.').finish()"


class Seconds(NamedTuple):
    """Time of a command with all its processes.

    Attributes:
        wall: By the clock on the wall.
        processor: Of the processor, user and system.
    """

    wall: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of about 4 minutes each")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    adopt_orphans()
    result = measure(arguments.rounds, arguments.workers)
    publish(result, arguments.output)
    if result["cost"]["processor"] > WANTED:
        raise SystemExit("tracking costs more than wanted")


def measure(num_rounds: int, workers: int) -> dict[str, Any]:
    """All ways in turn: seconds of each, and the share that tracking adds, as medians over rounds."""
    found: dict[str, list[Seconds]] = {"without": [], "with_wandb": [], "start": []}
    for number in range(num_rounds):
        ways = list(found)
        for way in ways if number % 2 == 0 else reversed(ways):
            with tempfile.TemporaryDirectory() as folder:
                found[way].append(seconds_of_way(way, Path(folder), workers))
    return {
        "cost": {clock: round(share(found, clock, workers), 4) for clock in Seconds._fields},
        "wanted": WANTED,
        "seconds": {
            way: {clock: [round(getattr(each, clock), 2) for each in seconds] for clock in Seconds._fields}
            for way, seconds in found.items()
        },
        "rounds": num_rounds,
        "workers": workers,
        "study": "24 fine-tunings of 20 pretrainings of the demo polymers, which make 45 runs",
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions("lightning", "torch", "wandb"),
    }


def share(found: dict[str, list[Seconds]], clock: str, workers: int) -> float:
    """Median over rounds of what tracking adds beyond the start of the service, relative to no logger.

    Processes of a study start side by side: on the wall their starts count once.
    """
    starts = workers if clock == "processor" else 1
    rounds = zip(*([getattr(each, clock) for each in found[way]] for way in found), strict=True)
    return statistics.median((tracked - starts * start) / without - 1.0 for without, tracked, start in rounds)


def seconds_of_way(way: str, folder: Path, workers: int) -> Seconds:
    """Time of a study in an empty folder, or of the start of W&B."""
    if way == "start":
        return seconds_of([sys.executable, "-c", _SERVICE], folder)
    stages = ROOT / "configs" / "demo"
    study = {
        "pretrain": str(stages / "polymer_pretrain.yaml"),
        "finetune": str(stages / "polymer_finetune.yaml"),
        "output": str(folder / "out"),
        "workers": workers,
        "axes": AXES,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    overlay = ["-c", str(ROOT / "configs" / "wandb.yaml")] if way == "with_wandb" else []
    return seconds_of([*_COMMAND, "study", "run", "-c", str(folder / "study.yaml"), *overlay], folder)


def seconds_of(command: list[str], folder: Path) -> Seconds:
    """Time of a command and of all its processes, each on one thread, W&B offline."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, cwd=folder, env=environment, capture_output=True)
    wall = time.monotonic() - started
    wait_for_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(wall, used)


def adopt_orphans() -> None:
    """Make W&B's service, which outlives the process that started it, a child of this one, whose time is counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def wait_for_orphans() -> None:
    """Wait until all adopted processes have ended: then their time is counted."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
