"""Hash the tables behind published results, for `gnn-sim2real data check --like`: `python docs/published_tables.py`.

It reads the tables below `$GNN_SIM2REAL_DATA` as the studies do. Nothing of a table is written but hashes.
"""

import copy
import json
from pathlib import Path

from gnn_sim2real.config.lightning_cli import read_stage
from gnn_sim2real.data.published import FOLDER, PublishedTable

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"

TABLES = {
    "measured_density": ("polymer/density/finetune", ("polymer_density", "polymer_density_from_md_tg")),
    "measured_tg": ("polymer/glass_transition/finetune", ("glass_transition_from_radonpy",)),
    "measured_band_gap": (
        "crystal/band_gap/finetune",
        ("band_gap", "band_gap_encoders", "band_gap_equal_steps", "band_gap_limit"),
    ),
    "measured_formation_enthalpy": (
        "crystal/formation_enthalpy/finetune",
        ("formation_enthalpy", "formation_enthalpy_limit"),
    ),
    "measured_liquid_density": (
        "molecule/liquid_density/finetune",
        (
            "liquid_density_architectures",
            "liquid_density_architectures_4e-3",
            "liquid_density_from_cohesive_energy",
            "liquid_density_from_density",
            "liquid_density_growth",
        ),
    ),
    "measured_solvation": ("mixture/solvation/finetune", ("solvation",)),
    "chi_measured": ("mixture/chi/finetune", ("chi", "chi_pairs")),
    "simpoly": ("polymer/density_open/finetune", ("density_open", "density_open_quick", "density_open_simulated")),
}
"""Which YAML reads each table, and which results were made with it."""


def make(name: str) -> Path:
    """Write the hashes of a table.

    Args:
        name: Its name.

    Raises:
        ValueError: If it is not the table of a result.
    """
    config, results = TABLES[name]
    parser, settings = read_stage(ROOT / "configs" / f"{config}.yaml")
    data_only = copy.deepcopy(settings)
    data_only.model = None
    data = parser.instantiate(data_only).data
    for result in results:
        target = json.loads((RESULTS / f"{result}.json").read_text())["data"]["target"]
        if target["num_materials"] != len(data.table.identities):
            raise ValueError(f"{result} has {target['num_materials']} materials, {name} {len(data.table.identities)}")
    file = ROOT / "datamodules" / FOLDER / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(PublishedTable.of_table(data.table, name, results).to_json(), indent=1) + "\n")
    return file


if __name__ == "__main__":
    for each in TABLES:
        print(make(each))  # noqa: T201
