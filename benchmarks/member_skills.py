"""Write what is known of kinds of members of ensembles: `python benchmarks/member_skills.py`.

It reads the errors of members on the draws that settings may be chosen on, `benchmarks/results/ensemble_targets.json`,
and writes `gnn_sim2real/ensemble/skills.json`, which the default rule of the weights uses. The tables are kept apart,
so that the one that is judged can be left out.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from ensemble_targets import NOISE_OF, RESULT, kind_of, table_of

from gnn_sim2real.ensemble.skills import FILE

DRAWS = range(3)
"""Draws that settings may be chosen on."""

LARGEST = 100
"""Largest number of measurements: with more, nothing has to be known beforehand."""


def measure(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean excess by table and kind of member.

    Args:
        rows: Of `ensemble_targets.json`.
    """
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["draw"] in DRAWS and row["size"] <= LARGEST and row["target"] not in NOISE_OF:
            least = min(row["members"].values())
            for name, error in row["members"].items():
                found[table_of(row["target"])][kind_of(name)].append(float(np.log(error / least)))
    return {
        table: {kind: round(float(np.mean(each)), 3) for kind, each in sorted(kinds.items())}
        for table, kinds in sorted(found.items())
    }


def main() -> None:
    """Read and write."""
    about = "benchmarks/member_skills.py from benchmarks/results/ensemble_targets.json, draws 0 to 2, at most 100 rows"
    excess = measure(json.loads(RESULT.read_text())["rows"])
    FILE.write_text(json.dumps({"about": about, "excess": excess}, indent=1) + "\n")


if __name__ == "__main__":
    main()
