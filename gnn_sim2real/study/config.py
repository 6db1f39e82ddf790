"""What a STUDY.yaml says."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

import yaml
from jsonargparse import ArgumentParser

from gnn_sim2real.files import write_atomically
from gnn_sim2real.study.grid import Axes

KEPT = "study.yaml"
"""File name of the resolved study in its folder."""


@dataclass
class StudyConfig:
    """A grid of pretrainings and fine-tunings with one record a cell.

    Args:
        pretrain: YAML of the pretraining, relative to the study's own; what `gnn-sim2real fit` takes.
        finetune: YAML of the fine-tuning, likewise.
        scratch: YAML of direct learning, which wants more steps than fine-tuning; that of the fine-tuning unless given.
        axes: What varies.
        output: Folder of records, pretrained models, figure and table. The same folder again goes on where it stopped.
        metric: Error of the curves.
        title: Heading of the figure.
        workers: Number of processes.
        threads: Threads of one cell; enters the records, since sums in another order round differently.
        checkpoint_interval: A cell that takes longer than this resumes inside itself [s].
        overlays: Further YAMLs laid over both stages, such as configs/wandb.yaml.
    """

    pretrain: str
    finetune: str
    axes: Axes
    scratch: str = ""
    output: str = "runs/study"
    metric: Literal["mae", "rmse"] = "mae"
    title: str = ""
    workers: int = 1
    threads: int = 1
    checkpoint_interval: float = 60.0
    overlays: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.output)

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return self.folder / "records"


def study_parser() -> ArgumentParser:
    """Parser of a STUDY.yaml and of options that override it."""
    parser = ArgumentParser(
        prog="gnn-sim2real study run",
        description="Compute a grid of pretrainings and fine-tunings.",
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action="config", help="the STUDY.yaml")
    parser.add_class_arguments(StudyConfig)
    return parser


def read_study(files: list[str], options: list[str]) -> StudyConfig:
    """Read a study.

    Args:
        files: The STUDY.yaml, then YAMLs laid over both stages.
        options: Further words of the command line.

    Returns:
        The study, its paths resolved.

    Raises:
        ValueError: If a file is not there or a number is out of range.
    """
    parser = study_parser()
    if not files:
        if any(option == "-h" or option.endswith("help") for option in options):
            parser.parse_args(options)
        raise ValueError("say which study: `gnn-sim2real study run -c STUDY.yaml`")
    study, *overlays = map(Path, files)
    for each in [study, *overlays]:
        if not each.exists():
            raise ValueError(f"there is no file {each}; `-c` takes the STUDY.yaml first, then YAMLs for both stages")
    settings = parser.parse_args(["--config", str(study), *options])
    made = parser.instantiate(settings)
    config = StudyConfig(**{each.name: made[each.name] for each in fields(StudyConfig)})
    if config.workers < 1 or config.threads < 1:
        raise ValueError(f"`workers` and `threads` must be at least 1, got {config.workers} and {config.threads}")
    config.scratch = config.scratch or config.finetune
    for stage in ("pretrain", "finetune", "scratch"):
        setattr(config, stage, str((study.parent / getattr(config, stage)).resolve()))
    config.overlays = [str(Path(each).resolve()) for each in [*config.overlays, *map(str, overlays)]]
    return config


def keep_config(config: StudyConfig) -> None:
    """Write the resolved study into its folder."""
    text = yaml.safe_dump(asdict(config), sort_keys=False)
    write_atomically(config.folder / KEPT, text.encode())


def load_kept_config(folder: Path) -> StudyConfig:
    """Read the resolved study of a folder.

    Raises:
        ValueError: If no study was run there.
    """
    path = folder / KEPT
    if not path.exists():
        raise ValueError(f"{folder} is not the output folder of a study: it has no {KEPT}")
    content = yaml.safe_load(path.read_text())
    return StudyConfig(**content | {"axes": Axes(**content["axes"]), "output": str(folder)})
