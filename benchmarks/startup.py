"""How long commands and imports take to start, each in a fresh interpreter beside the library it cannot do without.

Every round runs all of them, one after the other: what else runs on the machine slows all alike, and the ratio stays.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from machine import processor, publish, seconds_of, versions

WANTED_RATIOS = {"load_model": 1.57, "fit --help": 1.15}
"""Largest ratios to the baseline: 2.2 s beside 1.4 s of torch, 4.8 s beside 4.2 s of Lightning."""

_RESULT = Path(__file__).parent / "results" / "startup.json"
_CONFIG = Path(__file__).parents[1] / "configs/demo/polymer_pretrain.yaml"

BASELINES = {
    "python": "pass",
    "numpy": "import numpy",
    "scipy": "import scipy.optimize, scipy.stats",
    "torch": "import torch",
    "lightning": "import lightning.pytorch",
    "torch_geometric": "import torch_geometric",
}
"""What a start is compared with, by name."""


def command(*arguments: str) -> str:
    """A program that runs the command line."""
    return f"from gnn_sim2real.cli.main import main; assert main({list(arguments)!r}) == 0"


STARTS = {
    "import gnn_sim2real": ("import gnn_sim2real", "python"),
    "--help": (command("--help"), "python"),
    "--version": (command("--version"), "python"),
    "study run --help": (command("study", "run", "--help"), "python"),
    "data check --help": (command("data", "check", "--help"), "python"),
    "law fit --help": (command("law", "fit", "--help"), "numpy"),
    "shotgun --help": (command("shotgun", "--help"), "python"),
    "fit --help": (command("fit", "--help"), "lightning"),
    "models list": (command("models", "list", "--library", "library"), "numpy"),
    "law fit": (command("law", "fit", "curve.csv"), "scipy"),
    "load_model": ("from gnn_sim2real.library import load_model", "torch"),
    "predict": ("from gnn_sim2real import load_model; load_model('model').predict(['*CC*'])", "torch"),
    "fit until the first step": (
        command("fit", "--config", str(_CONFIG), "--data=DemoMeasured", "--trainer.fast_dev_run=1"),
        "lightning",
    ),
}
"""Program and baseline of each start."""

PREPARE = """
from pathlib import Path
from gnn_sim2real import TrainedModel
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.library import save_model
from gnn_sim2real.nn import DMPNN, PropertyModel
from gnn_sim2real.nn.model import PropertySpec

network = PropertyModel(DMPNN(), [PropertySpec("density", "g/cm3")]).eval()
save_model(TrainedModel(network, get_featurizer("repeat_unit"), {}), Path("model"))
Path("library").mkdir()
sizes = (50, 100, 200, 400, 800)
Path("curve.csv").write_text("source_size,error\\n" + "".join(f"{n},{0.1 + n**-0.4}\\n" for n in sizes))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    result = measure(arguments.rounds)
    publish(result, arguments.output)
    for name, wanted in WANTED_RATIOS.items():
        ratio, baseline = result["starts"][name]["ratio"], STARTS[name][1]
        if ratio > wanted:
            raise SystemExit(f"{name} takes {ratio:.2f} times as long as {baseline}, at most {wanted:g} is wanted")


def measure(num_rounds: int) -> dict[str, Any]:
    """Start everything once to fill the caches of the disk, then in rounds; seconds unless the name says otherwise."""
    programs = BASELINES | {name: program for name, (program, _) in STARTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        run(PREPARE, folder)
        rounds = [
            {name: seconds_of(partial(run, program, folder)) for name, program in programs.items()}
            for _ in range(num_rounds + 1)
        ][1:]
    return {
        "baselines": {name: statistics.median(each[name] for each in rounds) for name in BASELINES},
        "starts": {
            name: {
                "seconds": statistics.median(each[name] for each in rounds),
                "baseline": baseline,
                "ratio": statistics.median(each[name] / each[baseline] for each in rounds),
            }
            for name, (_, baseline) in STARTS.items()
        },
        "rounds": rounds,
        "versions": versions("torch", "torch_geometric", "lightning", "scipy"),
        "machine": processor(),
        "system": platform.platform(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def run(program: str, folder: str) -> None:
    """Run a program to its end; it sees nothing but the working folder.

    Raises:
        SystemExit: If it fails.
    """
    environment = os.environ | {"GNN_SIM2REAL_CACHE": folder, "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{program}\n{done.stderr}")


if __name__ == "__main__":
    main()
