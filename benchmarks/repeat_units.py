"""How many repeat units a second become graphs on one core, and, apart, how many get their canonical identity.

The units are RadonPy's PI1070. Every feature of a graph is that of the endless chain, read from an oligomer that rdkit
sanitizes. Processor time counts, and the best of the rounds, since other load on the machine slows all of it; what
rdkit alone takes to read the units as they stand tells how fast the machine was.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from machine import processor, publish, seconds_of, versions
from rdkit import Chem

from datamodules import RadonPy
from gnn_sim2real.featurize.identity import repeat_unit_identity
from gnn_sim2real.featurize.repeat_unit import featurize_repeat_unit

WANTED = 2000.0
_RESULT = Path(__file__).parent / "results" / "repeat_units.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    units = list(RadonPy(["density"]).table.materials)
    result = measure(units, arguments.rounds)
    publish(result, arguments.output)
    if (rate := result["graphs_per_second"]["best"]) < WANTED:
        raise SystemExit(f"only {rate:,.0f} repeat units a second become graphs, at least {WANTED:,.0f} are wanted")


def measure(units: list[str], num_rounds: int) -> dict[str, Any]:
    """Rates by processor time [1/s], in alternating rounds."""
    graphs = [featurize_repeat_unit(unit) for unit in units]
    work: dict[str, Callable[[str], object]] = {
        "graphs_per_second": featurize_repeat_unit,
        "identities_per_second": repeat_unit_identity,
        "rdkit_alone_per_second": Chem.MolFromSmiles,
    }
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(num_rounds):
        for name, each in work.items():
            taken = seconds_of(lambda each=each: [each(unit) for unit in units], time.process_time)
            rates[name].append(len(units) / taken)
    return {name: {"best": max(all_), "median": statistics.median(all_)} for name, all_ in rates.items()} | {
        "wanted": WANTED,
        "num_units": len(units),
        "mean_num_atoms": statistics.fmean(graph.num_nodes for graph in graphs),
        "rounds": num_rounds,
        "machine": {
            "processor": processor(),
            "system": platform.system(),
            "load": os.getloadavg()[0],
            "cores": os.cpu_count(),
        },
        "versions": versions("rdkit", "numpy"),
        "date": datetime.now(UTC).date().isoformat(),
    }


if __name__ == "__main__":
    main()
