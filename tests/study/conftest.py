"""A study small enough for a test: real polymers, a made-up property, seconds."""

import contextlib
import io
from pathlib import Path

import pytest
import yaml

from gnn_sim2real.cli import main

CHAINS = [
    f"*{'C' * length}{end}*" for length in range(1, 13) for end in ("O", "S", "N", "C(=O)O", "C(=O)N", "C(C)O", "C(F)O")
]


def made_up_density(unit: str) -> float:
    weights = {"O": 0.9, "S": 1.5, "F": 2.0}
    return 0.8 + sum(weight * unit.count(element) for element, weight in weights.items()) / len(unit)


@pytest.fixture
def study_files(tmp_path: Path) -> Path:
    """Folder with source and target tables and the YAMLs of a small study; `study.yaml` is the one to run."""
    return write_study(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of such a study, run once and to its end; its files are in the folder above."""
    folder = write_study(tmp_path_factory.mktemp("undisturbed"))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert main(["study", "run", "-c", str(folder / "study.yaml")]) == 0
    (folder / "printed.txt").write_text(output.getvalue())
    return folder / "out"


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
