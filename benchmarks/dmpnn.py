"""Training of a D-MPNN in molecules per second, loading included, against chemprop's on the same molecules.

Each library trains in a process of its own, chemprop in an environment of its own that is made if it is not there. The
processes take turns, one epoch each: what else runs on the machine slows both, and the ratio stays.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from machine import processor, publish

from datamodules.demo.polymers import generate_repeat_units
from gnn_sim2real.files import default_cache_folder

CHEMPROP = "chemprop==2.3.1"
WANTED_RATIO = {1: 3.0, 2: 3.0}
"""By number of threads."""

_ROOT = Path(__file__).parents[1]
_RESULT = _ROOT / "benchmarks" / "results" / "dmpnn.json"


class Worker:
    """A process of `dmpnn_worker.py`."""

    def __init__(self, python: Path, library: str, molecules: Path, threads: int) -> None:
        settings = {
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": str(_ROOT) if library == "gnn_sim2real" else "",
        }
        self.process = subprocess.Popen(
            [python, _ROOT / "benchmarks" / "dmpnn_worker.py", library, molecules, str(threads)],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.card = self._answer()

    def epoch(self) -> float:
        """Train an epoch; seconds."""
        assert self.process.stdin
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        self.process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended before its time; its message stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=int, default=1024, help="number of molecules")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--environment", type=Path, default=default_cache_folder() / "benchmarks" / "chemprop")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    result = measure(chemprop_python(arguments.environment), arguments.molecules, arguments.rounds)
    publish(result, arguments.output)
    ratios = {threads: result["threads"][threads]["ratio"] for threads in WANTED_RATIO}
    if any(ratios[threads] < wanted for threads, wanted in WANTED_RATIO.items()):
        raise SystemExit(f"the ratios by number of threads are {ratios}, at least {WANTED_RATIO} is wanted")


def chemprop_python(environment: Path) -> Path:
    """Interpreter of an environment with chemprop and the torch of this process; made if it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    wanted = [CHEMPROP, f"torch=={torch.__version__.partition('+')[0]}"]
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *wanted], check=True, env=os.environ | {"PYTHONPATH": ""}
    )
    return python


def demo_molecules(count: int) -> list[str]:
    """Repeat units of the demo, a methyl group at either end."""
    units = generate_repeat_units()
    return [units[number * len(units) // count].replace("*", "C") for number in range(count)]


def measure(chemprop: Path, num_molecules: int, num_rounds: int) -> dict[str, Any]:
    """Compare both with one thread and with two."""
    interpreters = {"gnn_sim2real": Path(sys.executable), "chemprop": chemprop}
    by_threads: dict[int, dict[str, Any]] = {}
    load_before = os.getloadavg()[0]
    for threads in WANTED_RATIO:
        with tempfile.TemporaryDirectory() as folder:
            molecules = Path(folder) / "molecules.txt"
            molecules.write_text("\n".join(demo_molecules(num_molecules)))
            own, theirs = (Worker(python, name, molecules, threads) for name, python in interpreters.items())
        _check_same_content(own.card, theirs.card)
        rounds = [(own.epoch(), theirs.epoch()) for _ in range(num_rounds + 1)][1:]  # the first warms up
        own.close()
        theirs.close()
        by_threads[threads] = {
            "ratio": statistics.median(theirs_time / own_time for own_time, theirs_time in rounds),
            "gnn_sim2real_molecules_per_second": num_molecules / statistics.median(own_time for own_time, _ in rounds),
            "chemprop_molecules_per_second": num_molecules / statistics.median(their_time for _, their_time in rounds),
            "rounds": rounds,
        }
    return {
        "threads": by_threads,
        "num_molecules": num_molecules,
        "gnn_sim2real": own.card,
        "chemprop": theirs.card,
        "machine": {
            "processor": processor(),
            "system": platform.system(),
            "cores": os.cpu_count(),
            "load_before": load_before,
        },
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _check_same_content(own: dict[str, Any], theirs: dict[str, Any]) -> None:
    """A comparison of unequal work would say nothing."""
    if (own["atoms"], own["edges"]) != (theirs["atoms"], theirs["edges"]):
        raise SystemExit(f"the two libraries do not train on the same graphs: {own} and {theirs}")


if __name__ == "__main__":
    main()
