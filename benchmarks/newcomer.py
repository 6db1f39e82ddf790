"""How long a first answer takes: shotgun with the starter library on 50 measured polymers, and its first line.

The table is made of the measured densities of the package; the command is the one of the README. Run it while nothing
else runs:

    python benchmarks/newcomer.py
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import processor, publish, versions

WANTED_SECONDS = 300
WANTED_FIRST_LINE = 5
ROWS = 50

_RESULT = Path(__file__).parent / "results" / "newcomer.json"
_COMMAND = ("shotgun", "mine.csv", "--property", "density", "--unit", "g/cm3", "--library", "starter:")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    publish(result, arguments.output)
    late = [
        f"{what} takes {result[what]:.1f} s, more than {wanted} s"
        for what, wanted in (("seconds", WANTED_SECONDS), ("first_line_seconds", WANTED_FIRST_LINE))
        if result[what] > wanted
    ]
    assert not late, "; ".join(late)


def measure(folder: Path) -> dict[str, Any]:
    """Run the command once in a folder of its own; nothing is in a cache."""
    import pandas

    from datamodules.open_data import OPEN_TABLES

    table = pandas.read_parquet(OPEN_TABLES["simpoly"].file)[["smiles", "density_g_cm3"]].dropna()
    table.sample(ROWS, random_state=0).to_csv(folder / "mine.csv", index=False)
    environment = os.environ | {"GNN_SIM2REAL_CACHE": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}
    program = "import sys; from gnn_sim2real.cli.main import main; sys.exit(main(sys.argv[1:]))"
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", program, *_COMMAND],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        first = time.monotonic() - began
        lines += list(process.stdout)
    seconds = time.monotonic() - began
    assert process.returncode == 0, "".join(lines)
    assert (folder / "runs/shotgun/report.html").exists()
    answer = next(line for line in lines if "is predicted with a mean absolute error" in line)
    return {
        "command": " ".join(("gnn-sim2real", *_COMMAND)),
        "rows": ROWS,
        "first_line": lines[0].strip(),
        "first_line_seconds": first,
        "seconds": seconds,
        "answer": answer.strip(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor(),
        "versions": versions("torch", "scikit-learn", "rdkit"),
    }


if __name__ == "__main__":
    main()
