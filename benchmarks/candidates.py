"""How long do suggestions from 250,000 repeat units, an explanation, and a fit of the estimator take?

Each is a program of its own, as a user starts it, with models of the starter library. The memory is that of the program
and of its workers together, without the files that all share. The candidates are SMiPoly's repeat units (Ohno et al.,
J. Chem. Inf. Model. 2023, 63, 5539, doi 10.1021/acs.jcim.3c00329), the measurements those of the package. Run it while
nothing else runs.

    GNN_SIM2REAL_DATA=... python benchmarks/candidates.py
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from machine import processor, publish, versions

from datamodules.open_data import OPEN_TABLES

_RESULT = Path(__file__).parent / "results" / "candidates.json"
_UNITS = "polymer/smipoly_unlabelled/smipoly.parquet"
_COMMAND = "import sys; from gnn_sim2real.cli.main import main; sys.exit(main(sys.argv[1:]))"

MEASURED, EXPLAINED = 50, 20

WANTED = {"suggest": 600.0, "explain_each": 1.0, "fit": 300.0}
"""Most seconds."""
WANTED_GIB = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    publish(result, arguments.output)
    late = [f"{name} {result[name]:.1f} s, {most:g} wanted" for name, most in WANTED.items() if result[name] > most]
    if result["suggest_gib"] > WANTED_GIB:
        late.append(f"suggest {result['suggest_gib']:.2f} GiB, {WANTED_GIB:g} wanted")
    if late:
        raise SystemExit("; ".join(late))


def measure(folder: Path) -> dict[str, Any]:
    """Seconds and memory of each program."""
    measured = pd.read_parquet(OPEN_TABLES["simpoly"].file)[["smiles", "density_g_cm3"]]
    measured = measured.rename(columns={"density_g_cm3": "density [g/cm3]"}).sample(MEASURED, random_state=0)
    measured.to_csv(folder / "measured.csv", index=False)
    units = pd.read_parquet(Path(os.environ["GNN_SIM2REAL_DATA"]) / _UNITS)["smiles"]
    units.to_frame().to_csv(folder / "pool.csv", index=False)
    measured[["smiles"]].head(EXPLAINED).to_csv(folder / "explained.csv", index=False)
    model = "starter:polymer/density"
    suggest, memory = run(folder, _COMMAND, "suggest", "measured.csv", "pool.csv", "--model", model)
    start, _ = run(folder, _COMMAND, "explain", model, "*CC*", "--output", "one")
    explain, _ = run(folder, _COMMAND, "explain", model, "explained.csv", "--output", "many")
    fit, _ = run(
        folder,
        "import pandas as pd; from gnn_sim2real import TransferRegressor; table = pd.read_csv('measured.csv'); "
        "TransferRegressor('auto').fit(table['smiles'], table['density [g/cm3]'])",
    )
    return {
        "suggest": suggest,
        "suggest_candidates": len(units),
        "suggest_gib": memory / 2**30,
        "explain_start": start,
        "explain_each": (explain - start) / (EXPLAINED - 1),
        "fit": fit,
        "fit_measured": MEASURED,
        "wanted": WANTED | {"suggest_gib": WANTED_GIB},
        "machine": {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]},
        "versions": versions("torch", "rdkit", "scikit-learn"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def run(folder: Path, program: str, *words: str) -> tuple[float, int]:
    """Run a program to its end.

    Returns:
        Seconds, and the most memory [bytes] that it and its workers held at once.

    Raises:
        SystemExit: If it fails.
    """
    environment = os.environ | {"GNN_SIM2REAL_CACHE": str(folder / "cache"), "WANDB_MODE": "offline"}
    began, most = time.perf_counter(), 0
    with (folder / "log").open("w") as log:
        process = psutil.Popen(
            [sys.executable, "-c", program, *words], cwd=folder, env=environment, stdout=log, stderr=log
        )
        while process.poll() is None:
            most = max(most, _held(process))
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} fails:\n{(folder / 'log').read_text()}")
    return time.perf_counter() - began, most


def _held(process: psutil.Process) -> int:
    total = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_full_info().uss
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        pass
    return total


if __name__ == "__main__":
    main()
