"""Asks whether every published cell is found again: its study, as it is configured today, would compute nothing anew.

    GNN_SIM2REAL_DATA=... python tests/published_keys.py [NAME ...]

Exit status 1 if a cell of `benchmarks/results` has another key today. It reads the real data, which takes minutes.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
STUDIES = {
    "density_open": ["polymer/density_open/study"],
    "density_open_quick": ["polymer/density_open/quick"],
    "density_open_simulated": ["polymer/density_open/simulated"],
    "band_gap_open": ["crystal/band_gap_open/study"],
    "band_gap_open_quick": ["crystal/band_gap_open/quick"],
    "polymer_density": ["polymer/density/study"],
    "polymer_density_from_md_tg": ["polymer/density/from_md_tg"],
    "glass_transition_from_radonpy": ["polymer/glass_transition/from_radonpy"],
    "liquid_density_from_density": ["molecule/liquid_density/from_density"],
    "liquid_density_from_cohesive_energy": ["molecule/liquid_density/from_cohesive_energy"],
    "liquid_density_growth": ["molecule/liquid_density/growth"],
    "liquid_density_architectures": [
        "molecule/liquid_density/architectures",
        "molecule/liquid_density/descriptors",
    ],
    "liquid_density_architectures_4e-3": ["molecule/liquid_density/architectures_4e-3"],
    "chi": ["mixture/chi/study"],
    "chi_pairs": ["mixture/chi_pairs/study"],
    "solvation": ["mixture/solvation/study"],
    "band_gap": ["crystal/band_gap/study"],
    "band_gap_encoders": ["crystal/band_gap/encoders"],
    "band_gap_equal_steps": ["crystal/band_gap/equal_steps", "crystal/steps_3200"],
    "band_gap_limit": ["crystal/band_gap/limit", "crystal/steps_24000"],
    "formation_enthalpy": ["crystal/formation_enthalpy/study"],
    "formation_enthalpy_limit": ["crystal/formation_enthalpy/limit", "crystal/steps_24000"],
}
"""Configurations below `configs`, without their ending, of each result."""


def look_for(name: str, folder: Path) -> str:
    """What is wrong; empty if every cell is found.

    Args:
        name: Of the result.
        folder: An empty one.
    """
    configs = [part for each in STUDIES[name] for part in ("-c", str(ROOT / f"configs/{each}.yaml"))]
    command = [sys.executable, "-c", "import sys; from gnn_sim2real.cli.main import main; sys.exit(main())"]
    command += ["study", "run", *configs, "--dry-run"]
    command += ["--reuse", str(RESULTS / f"{name}.json"), "--output", str(folder / name)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = " ".join((done.stdout + done.stderr).split())
    found = re.search(r"(\d+) cells are done, \d+ failed before, (\d+) are left to compute", said)
    if done.returncode or found is None:
        return f"exit status {done.returncode}, {said[-2000:]}"
    there, left = map(int, found.groups())
    return "" if there and not left else found[0]


def main() -> int:
    """Look for the cells of all results, or of those named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a result; all without one")
    names = parser.parse_args().names or list(STUDIES)
    if unknown := set(names) - STUDIES.keys():
        parser.error(f"there are {', '.join(STUDIES)}, got {', '.join(sorted(unknown))}")
    if not os.environ.get("GNN_SIM2REAL_DATA"):
        sys.stdout.write("GNN_SIM2REAL_DATA is not set: no published cell was looked for\n")
        return 0
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            fault = look_for(name, Path(folder))
            sys.stdout.write(f"{name}: {fault or 'every cell is found'}\n")
            sys.stdout.flush()
            wrong += [name] * bool(fault)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
