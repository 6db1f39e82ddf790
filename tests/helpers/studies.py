"""A study small enough for a test: real polymers, a made-up property, seconds; and what came of it."""

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml
from processes import Started, running_command, wait_until

from gnn_sim2real.records.record import read_errors, read_records
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.run import run_study

NUM_CELLS, NUM_MODELS = 2 * (5 + 4 + 1) + 1, 2 * 4
FEW = {"source_size": [0, 20], "seed": [0]}
"""Axes of a part of that grid: one pretrained model and five cells, which have the same keys and the same results."""
NUM_FEW = 2 + 1 + 1 + 1

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


def set_axes(folder: Path, **axes: list[object]) -> None:
    """Change axes of a study's grid; the keys of its cells stay."""
    set_settings(folder, axes=yaml.safe_load((folder / "study.yaml").read_text())["axes"] | axes)


def set_settings(folder: Path, **settings: object) -> None:
    """Change settings of a study."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings, sort_keys=False))


def results(folder: Path) -> dict[str, object]:
    """Key, result and error on each material of each record; provenance is not part of the result."""
    records = folder / "records"
    return {
        record.key: (record.cell, dict(record.metrics), dict(record.details), read_errors(records, record.key))
        for record in read_records(records)
    }


def compute(folder: Path, *options: str) -> Counter[str]:
    """Compute the study in this process and say nothing: how many cells were done, there and failed."""
    return run_study(*read_study([str(folder / "study.yaml")], list(options)))


def running_study(folder: Path, *options: str, prints: Path | None = None) -> AbstractContextManager[Started]:
    """The study in a process of its own; what it prints goes to the folder `prints` if given."""
    return running_command(prints or folder, "study", "run", "-c", folder / "study.yaml", *options)


def pretraining_keys(folder: Path) -> list[str]:
    """Keys of the pretrainings whose models are there."""
    return sorted(path.name for path in (folder / "models" / "pretrainings").iterdir())


def num_records(folder: Path) -> int:
    """Number of cells that are computed."""
    return sum("." not in path.stem for path in (folder / "records").glob("*.json"))


def wait_for_records(command: Started, folder: Path, count: int) -> None:
    """Wait until so many cells are computed; the test fails if the command ends before."""

    def enough() -> bool:
        there = num_records(folder) >= count
        if not there and not command.is_running and num_records(folder) < count:
            pytest.fail(f"it was over before {count} cells were computed\n{command.said}")
        return there

    wait_until(enough, f"the study computes nothing\n{command.said}")
