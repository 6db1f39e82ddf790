"""Memory of a study of solvation: 270,933 computed pairs, read, cleaned, trained on and described for the baselines.

The study is the shipped one with one seed, no source and the largest, few and all measurements, and few steps. Of every
process, every two seconds, the anonymous memory is taken: what it holds for itself, without the files that all share.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from machine import processor, publish, seconds_of, versions

ROOT = Path(__file__).parents[1]
WANTED_GIB = 2.0
_STUDY = ROOT / "configs" / "mixture" / "solvation" / "study.yaml"
_RESULT = Path(__file__).parent / "results" / "solvation_memory.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30, help="steps of each training")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peaks = measure_study(Path(folder), arguments.steps)
    result = {
        "gib": {name: round(peak / 2**20, 3) for name, peak in peaks.items()},
        "cleaning": measure_cleaning(),
        "wanted_gib": WANTED_GIB,
        "machine": {"processor": processor(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "versions": versions("torch", "rdkit", "scikit-learn"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)
    if (worst := max(result["gib"].values())) > WANTED_GIB:
        raise SystemExit(f"a process holds {worst:.2f} GiB, at most {WANTED_GIB:g} are wanted")


def measure_study(folder: Path, steps: int) -> dict[str, int]:
    """Most anonymous memory [KiB] of the process of the study, and of any of its workers."""
    few = folder / "few.yaml"
    few.write_text(yaml.safe_dump({"trainer": {"max_steps": steps}}))
    study = yaml.safe_load(_STUDY.read_text())
    models, trees = study["axes"], study["more_axes"][0]
    for axes in (models, trees):
        axes["source_size"] = [axes["source_size"][0], axes["source_size"][-1]]
        axes["seed"] = [0]
    models["target_size"] = [models["target_size"][0], models["target_size"][-1]]
    trees["target_size"] = trees["target_size"][:1]  # their features are those of all pairs, whatever the size
    study |= {name: str(_STUDY.parent / study[name]) for name in ("pretrain", "finetune", "scratch")}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study | {"output": str(folder / "out"), "overlays": [str(few)]}))
    command = [Path(sys.executable).with_name("gnn-sim2real"), "study", "run", "-c", path, "--workers", "1"]
    peaks = {"study": 0, "worker": 0}
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            for name, pids in (("study", [process.pid]), ("worker", _descendants(process.pid))):
                peaks[name] = max([peaks[name], *map(_anonymous, pids)])
            time.sleep(2.0)  # a look at all pages of a process is work for the kernel
    if process.returncode:
        raise SystemExit(f"the study ended with {process.returncode}")
    return peaks


def measure_cleaning() -> dict[str, Any]:
    """Processor time of reading and cleaning the pairs, in this process [s]."""
    from datamodules import CosmoSolvation

    data = CosmoSolvation(group_by="solute")
    seconds = seconds_of(lambda: data.table, time.process_time)
    return {"seconds": round(seconds, 2), "pairs": len(data.table.identities)}


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has just ended
        return []
    return children + [below for child in children for below in _descendants(child)]


def _anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


if __name__ == "__main__":
    main()
