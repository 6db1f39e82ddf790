"""A study small enough for a test: real polymers, a made-up property, seconds; and what came of it."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from gnn_sim2real.records.record import read_errors, read_records

NUM_CELLS = 2 * (5 + 4 + 1) + 1

CHAINS = [
    f"*{'C' * length}{end}*" for length in range(1, 13) for end in ("O", "S", "N", "C(=O)O", "C(=O)N", "C(C)O", "C(F)O")
]


def made_up_density(unit: str) -> float:
    weights = {"O": 0.9, "S": 1.5, "F": 2.0}
    return 0.8 + sum(weight * unit.count(element) for element, weight in weights.items()) / len(unit)


def write_study(tmp_path: Path) -> Path:
    source, target = CHAINS, CHAINS[::2]
    (tmp_path / "source.csv").write_text(
        "smiles,density\n" + "".join(f"{unit},{made_up_density(unit) - 0.1}\n" for unit in source)
    )
    (tmp_path / "target.csv").write_text(
        "smiles,density\n" + "".join(f"{unit},{made_up_density(unit)}\n" for unit in target)
    )
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2, "dropout": 0.1}}

    def table(name: str, **settings: object) -> dict[str, object]:
        columns = {"property": "density", "column": "density", "unit": "g/cm3", "validation_fraction": 0}
        return {
            "class_path": "datamodules.PolymerTable",
            "init_args": {"path": str(tmp_path / name), **columns, **settings},
        }

    def stage(name: str, task: str, data: dict[str, object], epochs: int) -> None:
        content = {
            "trainer": {"accelerator": "cpu", "max_epochs": epochs},
            "model": {"class_path": f"gnn_sim2real.tasks.{task}", "init_args": {"encoder": encoder}},
            "data": data,
        }
        (tmp_path / name).write_text(yaml.safe_dump(content))

    stage("pretrain.yaml", "SourcePretraining", table("source.csv", batch_size=32), 6)
    stage("finetune.yaml", "TargetFineTuning", table("target.csv", batch_size=8, test_fraction=0.2), 4)
    study = {
        "pretrain": "pretrain.yaml",
        "finetune": "finetune.yaml",
        "output": str(tmp_path / "out"),
        "launcher": "serial",
        "axes": {
            "source_size": [0, 10, 20, 40, "all"],
            "target_size": [10],
            "seed": [0, 1],
            "split": [0],
            "policy": ["none", "calibrated_source", "extra_trees", "simulated_value"],
        },
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return tmp_path


def results(folder: Path) -> dict[str, object]:
    """Key, result and error on each material of each record; provenance is not part of the result."""
    records = folder / "records"
    return {
        record.key: (record.cell, dict(record.metrics), dict(record.details), read_errors(records, record.key))
        for record in read_records(records)
    }


def start_study(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """The command line in a process, and a process group, of its own; Ctrl-C stops it even where it stops no test."""
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listen}; from gnn_sim2real.cli.main import main; raise SystemExit(main())"]
    command += ["study", "run", "-c", str(folder / "study.yaml"), *options]
    return subprocess.Popen(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
