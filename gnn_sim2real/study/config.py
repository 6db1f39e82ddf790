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
        more_axes: Axes of further grids, e.g. fewer source sizes for slower encoders; cells that two grids share are
            computed once.
        output: Folder of records, pretrained models, figure and table. The same folder again goes on where it stopped.
        models: Folder of the pretrained models, which several studies of one source may share; that of `output` unless
            given.
        metric: Error of the curves.
        title: Heading of the figure.
        launcher: Where cells are computed: in this process (`serial`), in processes of this machine (`processes`), or
            on a Ray cluster (`ray`). Records are the same, digit for digit on one kind of CPU.
        workers: Most cells at a time; as many as there are cores unless given.
        address: Address of the Ray cluster, `auto` for the one this machine belongs to; one is started unless given.
        gpus: GPUs of one cell on Ray; a fraction lets several cells share one. The YAMLs say `accelerator: gpu`.
        threads: Threads of one cell; enters the records, since sums in another order round differently.
        checkpoint_interval: A cell that takes longer than this resumes inside itself [s].
        overlays: Further YAMLs laid over both stages, such as configs/wandb.yaml.
    """

    pretrain: str
    finetune: str
    axes: Axes
    more_axes: list[Axes] = field(default_factory=list)
    scratch: str = ""
    output: str = "runs/study"
    models: str = ""
    metric: Literal["mae", "rmse"] = "mae"
    title: str = ""
    launcher: Literal["serial", "processes", "ray"] = "processes"
    workers: int | None = None
    address: str | None = None
    gpus: float = 0.0
    threads: int = 1
    checkpoint_interval: float = 60.0
    overlays: list[str] = field(default_factory=list)

    @property
    def grids(self) -> list[Axes]:
        """The axes of each grid."""
        return [self.axes, *self.more_axes]

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.output)

    @property
    def models_folder(self) -> Path:
        """Folder of the pretrained models."""
        return Path(self.models) if self.models else self.folder / "models"

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return self.folder / "records"

    @property
    def failures(self) -> Path:
        """Folder of what went wrong."""
        return self.folder / "failures"

    @property
    def claims(self) -> Path:
        """Folder of what is in work."""
        return self.folder / "claims"

    @property
    def model_claims(self) -> Path:
        """Folder of the pretrainings that are in work, in whichever of the studies that share the models."""
        return Path(self.models) / "claims" if self.models else self.claims


@dataclass(frozen=True)
class Shard:
    """A part of a study, for machines that share a folder or whose folders are put together later.

    Attributes:
        number: Which part, from 1.
        count: How many parts there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `i/N`.

        Raises:
            ValueError: If it is something else.
        """
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ValueError(f"`--shard` takes i/N with i from 1 to N, e.g. 2/8, got {text!r}")
        return cls(int(number), int(count))


@dataclass(frozen=True)
class RunOptions:
    """What one run of a study does, other than the study itself.

    Attributes:
        shard: The part that this run computes; all unless given.
        retry_failed: Whether jobs that failed before are tried again.
        dry_run: Whether to say what would be computed, and how long it would take, instead.
        known: A published result, whose cells are not computed again.
    """

    shard: Shard | None = None
    retry_failed: bool = False
    dry_run: bool = False
    known: Path | None = None


def study_parser() -> ArgumentParser:
    """Parser of a STUDY.yaml and of options that override it."""
    parser = ArgumentParser(
        prog="gnn-sim2real study run",
        description="Compute a grid of pretrainings and fine-tunings.",
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action="config", help="the STUDY.yaml")
    parser.add_class_arguments(StudyConfig)
    parser.add_argument(
        "--shard", type=str | None, default=None, metavar="i/N", help="compute the i-th of N parts only"
    )
    parser.add_argument("--retry-failed", action="store_true", help="try cells again that failed before")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be computed and how long it would take, and stop"
    )
    parser.add_argument(
        "--known",
        type=str | None,
        default=None,
        metavar="FILE",
        help="a published result of this study (the JSON of `study report --publish`): its cells are taken over",
    )
    return parser


def read_study(files: list[str], options: list[str]) -> tuple[StudyConfig, RunOptions]:
    """Read a study, and what this run of it is to do.

    Args:
        files: The STUDY.yaml, then YAMLs laid over both stages.
        options: Further words of the command line.

    Returns:
        The study, its paths resolved, and the options of the run.

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
    _check_numbers(config)
    config.scratch = config.scratch or config.finetune
    for stage in ("pretrain", "finetune", "scratch"):
        setattr(config, stage, str((study.parent / getattr(config, stage)).resolve()))
    config.output = str(Path(config.output).resolve())  # workers of a cluster start in other folders
    config.models = str(Path(config.models).resolve()) if config.models else ""
    config.overlays = [str(Path(each).resolve()) for each in [*config.overlays, *map(str, overlays)]]
    shard = Shard.parse(settings.shard) if settings.shard else None
    known = Path(settings.known) if settings.known else None
    return config, RunOptions(shard, settings.retry_failed, settings.dry_run, known)


def _check_numbers(config: StudyConfig) -> None:
    for name in ("workers", "threads"):
        number = getattr(config, name)
        if number is not None and number < 1:
            raise ValueError(f"`{name}` must be at least 1, got {number}")
    if config.gpus < 0 or (config.gpus > 1 and config.gpus != int(config.gpus)):
        raise ValueError(f"`gpus` must be a fraction below 1 or a whole number, got {config.gpus}")
    if config.launcher != "ray" and (config.address or config.gpus):
        raise ValueError("`address` and `gpus` are for the Ray cluster; add `--launcher ray`")


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
    grids = {"axes": Axes(**content["axes"]), "more_axes": [Axes(**each) for each in content.get("more_axes", [])]}
    return StudyConfig(**content | grids | {"output": str(folder)})
