"""Settings of a study, from a STUDY.yaml."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import yaml
from jsonargparse import ArgumentParser

from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.files import write_atomically
from gnn_sim2real.launchers.base import Place
from gnn_sim2real.launchers.shard import Shard
from gnn_sim2real.library.starter import PREFIX
from gnn_sim2real.study.bench_task import PUBLISHED, BenchTask
from gnn_sim2real.study.grid import Axes

Config = TypeVar("Config", bound="JobsConfig")

STUDY_FILE = "study.yaml"
"""File name of the resolved study in its folder."""


@dataclass(kw_only=True)
class JobsConfig(ABC):
    """Where a grid of trainings is computed and saved.

    Args:
        output: Folder of records, pretrained models, figure and table. Running again with the same folder resumes.
        models: Folder of the pretrained models, a model library, which several studies of one source may share; in
            `output` unless given.
        launcher: Where cells are computed: in this process (`serial`), in processes of this machine (`processes`), or
            on a Ray cluster (`ray`). Records are the same, to the last digit on one kind of CPU.
        workers: Largest number of cells at a time; the number of cores unless given.
        address: Address of the Ray cluster, `auto` for the one of this machine; a new one is started unless given.
        gpus: GPUs per cell on Ray; with a fraction several cells share one. Set `accelerator: gpu` in the YAMLs.
        threads: Threads per cell; enters the records, since sums in another order round differently.
        checkpoint_interval: Time between checkpoints of a training, from which a stopped cell resumes [s].
        overlays: Further YAMLs that apply to both stages, such as configs/wandb.yaml.
    """

    pretrains_only: ClassVar[bool] = False
    """Whether the cells are pretrainings, so that their results are models instead of records."""

    output: str = "runs/study"
    models: str = ""
    launcher: Literal["serial", "processes", "ray"] = "processes"
    workers: int | None = None
    address: str | None = None
    gpus: float = 0.0
    threads: int = 1
    checkpoint_interval: float = 60.0
    overlays: list[str] = field(default_factory=list)

    @property
    @abstractmethod
    def grid(self) -> list[dict[str, Any]]:
        """The axes, in plain types."""

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.output)

    @property
    def models_folder(self) -> Path:
        """Folder of the pretrained models, a model library."""
        return Path(self.models) if self.models else self.folder / "models"

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return self.folder / "records"

    @property
    def failures(self) -> Path:
        """Folder of the failures."""
        return self.folder / "failures"

    @property
    def claims(self) -> Path:
        """Folder of the claims on cells."""
        return self.folder / "claims"

    @property
    def model_claims(self) -> Path:
        """Folder of the claims on pretrainings, for all studies that share the models."""
        return Path(self.models) / "claims" if self.models else self.claims

    def resolve_paths(self, overlays: Iterable[Path]) -> None:
        """Make all paths absolute, since workers of a cluster start in other folders, and check the numbers.

        Args:
            overlays: Further YAMLs that apply to all stages.

        Raises:
            ValueError: If a number is out of range.
        """
        Place.of(self)  # checks the numbers
        self.output = str(Path(self.output).resolve())
        self.models = str(Path(self.models).resolve()) if self.models else ""
        self.overlays = [str(Path(each).resolve()) for each in [*self.overlays, *map(str, overlays)]]


@dataclass
class StudyConfig(JobsConfig):
    """A grid of pretrainings and fine-tunings with one record per cell.

    Args:
        pretrain: YAML of the pretraining for `gnn-sim2real fit`, relative to the YAML of the study.
        finetune: YAML of the fine-tuning, likewise.
        scratch: YAML of training from scratch, which needs more steps than fine-tuning; that of the fine-tuning unless
            given.
        axes: Axes of the grid.
        more_axes: Axes of further grids, e.g. fewer source sizes for slower encoders; cells in two grids are computed
            once.
        metric: Error of the curves.
        title: Title of the figure.
        foundation: Foundation encoder of the baselines `foundation_gp` and `foundation_trees`: its name, or its `name`
            with its settings and a `layer` (`{name: mace, path: my.model, trusted: true}`); `gnn-sim2real models list`
            shows all. It only concerns these two.
        library: Library whose predictions the baselines `..._with_library` use: its folder, or `starter:` for the
            one of the package. Models that have seen test materials of a split are left out of its cells.
        bench: Task of the benchmark that this study enters; the YAML of the task sets it.
    """

    pretrain: str
    finetune: str
    axes: Axes
    more_axes: list[Axes] = field(default_factory=list)
    scratch: str = ""
    metric: Literal["mae", "rmse"] = "mae"
    title: str = ""
    foundation: str | dict[str, Any] = ""
    library: str = ""
    bench: str = ""

    def resolve_paths(self, overlays: Iterable[Path]) -> None:
        """See `JobsConfig.resolve_paths`."""
        super().resolve_paths(overlays)
        if self.library and self.library != PREFIX:
            self.library = str(Path(self.library).expanduser().resolve())

    @property
    def grids(self) -> list[Axes]:
        """The axes of each grid."""
        return [self.axes, *self.more_axes]

    @property
    def grid(self) -> list[dict[str, Any]]:
        """The axes of each grid, in plain types."""
        return [asdict(axes) for axes in self.grids]


@dataclass(frozen=True)
class RunOptions:
    """Options of one run of a study.

    Attributes:
        shard: Shard that this run computes; everything unless given.
        retry_failed: Whether jobs that failed before are computed again.
        dry_run: Whether to only print what would be computed and how long it would take.
        reuse: Published result whose cells are not computed again.
    """

    shard: Shard | None = None
    retry_failed: bool = False
    dry_run: bool = False
    reuse: Path | None = None


def add_run_options(parser: ArgumentParser) -> None:
    """Add the YAML of a grid of trainings, and the options of one run, which are no settings of the YAML.

    Args:
        parser: The parser.
    """
    about = "the YAML, of which each setting below is one; further YAMLs apply to all stages"
    parser.add_argument("-c", "--config", action="config", metavar="FILE", help=about)
    parser.add_argument(
        "--shard",
        type=str | None,
        default=None,
        metavar="i/N",
        help="compute only the i-th of N shards, e.g. as one job of a SLURM array",
    )
    parser.add_argument("--retry-failed", action="store_true", help="compute cells again that failed before")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be computed and how long it would take"
    )


def add_reuse_option(parser: ArgumentParser) -> None:
    """Add the option that a study has beside.

    Args:
        parser: The parser.
    """
    parser.add_argument(
        "--reuse",
        "--known",  # its name in earlier versions
        type=str | None,
        default=None,
        metavar="FILE",
        help="reuse the cells of a published result, of this or another study: the JSON of `study report --publish`; "
        "for a task of the benchmark, `published` is that of its study",
    )


def add_encoder_option(parser: ArgumentParser) -> None:
    """Add the option by which an encoder joins those of a study.

    Args:
        parser: The parser.
    """
    parser.add_argument(
        "--encoder",
        type=EncoderSettings | str | None,
        default=None,
        metavar="CLASS",
        help="also compute the study with this encoder: its class path, such as my_package.MyEncoder, or that with "
        "settings, as on the axis `architecture`",
    )


def read_settings(
    parser: ArgumentParser, kind: type[Config], files: list[str], options: list[str]
) -> tuple[Config, Any]:
    """Read the YAML of a grid of trainings.

    Args:
        parser: With the options of `add_run_options`.
        kind: Class of the settings.
        files: The YAML, then YAMLs that apply to all stages.
        options: Further arguments of the command line.

    Returns:
        The settings with resolved paths, and all parsed options.

    Raises:
        ValueError: If a file does not exist or a number is out of range.
    """
    if not files:
        if any(option.endswith(".help") for option in options):
            parser.parse_args(options)
        raise ValueError(f"no YAML given: use `{parser.prog} -c CONFIG.yaml`")
    main, *overlays = map(Path, files)
    for each in [main, *overlays]:
        if not each.exists():
            raise ValueError(
                f"there is no file {each}; `-c` takes the YAML of the grid first, then YAMLs for its stages"
            )
    settings = parse_settings(parser, ["--config", str(main), *options])
    made = parser.instantiate(settings)
    config = kind(**{each.name: made[each.name] for each in fields(kind)})
    config.resolve_paths(overlays)
    return config, settings


def read_study(files: list[str], options: list[str]) -> tuple[StudyConfig, RunOptions]:
    """Read a study and the options of this run.

    Args:
        files: The STUDY.yaml, then YAMLs that apply to both stages.
        options: Further arguments of the command line.

    Returns:
        The study with resolved paths, and the options of the run.

    Raises:
        ValueError: If a file does not exist or a number is out of range.
    """
    parser = ArgumentParser(prog="gnn-sim2real study run", exit_on_error=False)
    add_run_options(parser)
    add_reuse_option(parser)
    add_encoder_option(parser)
    parser.add_class_arguments(StudyConfig)
    task = BenchTask.read(Path(files[0])) if files else None
    if task is not None:
        files = [*map(str, (task.study, *task.overlays)), *files[1:]]
        options = ["--output", f"runs/bench/{task.name}", "--models", "", *options]
    config, settings = read_settings(parser, StudyConfig, files, options)
    config.scratch = config.scratch or config.finetune
    for stage in ("pretrain", "finetune", "scratch"):
        setattr(config, stage, str((Path(files[0]).parent / getattr(config, stage)).resolve()))
    reuse = Path(settings.reuse) if settings.reuse else None
    if task is not None:
        from gnn_sim2real.records.published import find_published

        config.axes, *config.more_axes = task.narrow(config.grids)
        config.bench = task.name
        reuse = find_published(task.result) if settings.reuse == PUBLISHED else reuse
    if settings.encoder is not None:
        _join_encoder(config, settings.encoder, alone=task is not None and reuse is None)
    return config, read_options(settings, reuse)


def _join_encoder(config: StudyConfig, encoder: Any, *, alone: bool) -> None:
    """Put an encoder on the axis `architecture` of each grid, after those that are there, or in their place."""
    from gnn_sim2real.config.lightning_cli import plain, read_stage
    from gnn_sim2real.study.architectures import join_encoder

    of_yaml = plain(read_stage(Path(config.pretrain), config.overlays)[1])["model"]["init_args"].get("encoder")
    for axes in config.grids:
        axes.architecture = join_encoder(axes.architecture, encoder, of_yaml, alone=alone)


def read_options(settings: Any, reuse: Path | None = None) -> RunOptions:
    """The options of a run.

    Args:
        settings: Parsed options from `read_settings`.
        reuse: Published result to reuse.
    """
    shard = Shard.parse(settings.shard) if settings.shard else None
    return RunOptions(shard, settings.retry_failed, settings.dry_run, reuse)


def save_config(config: JobsConfig) -> None:
    """Write the resolved study into its folder."""
    text = yaml.safe_dump(asdict(config), sort_keys=False)
    write_atomically(config.folder / STUDY_FILE, text.encode())


def is_saved(config: JobsConfig, path: Path) -> bool:
    """Whether a file has every setting, as only `save_config` writes them, and so is not the YAML of a user.

    Args:
        config: A study or library.
        path: The file.
    """
    try:
        return read_saved(path).keys() >= asdict(config).keys()
    except ValueError:
        return False


def load_saved_config(folder: Path) -> StudyConfig:
    """Read the resolved study of a folder.

    Raises:
        ValueError: If the folder is not that of a study.
    """
    path = folder / STUDY_FILE
    if not path.exists():
        raise ValueError(f"{folder} is not the output folder of a study: it has no {STUDY_FILE}")
    content = read_saved(path)
    try:
        grids = {"axes": Axes(**content["axes"]), "more_axes": [Axes(**each) for each in content.get("more_axes", [])]}
        return StudyConfig(**content | grids | {"output": str(folder)})
    except (KeyError, TypeError) as error:
        raise damaged(path, error) from error


def read_saved(path: Path) -> dict[str, Any]:
    """Read the file of the resolved settings of a study or library.

    Args:
        path: The file.

    Raises:
        ValueError: If it is damaged.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "it is empty" if content is None else "it has no settings")
    return content


def damaged(path: Path, reason: object) -> ValueError:
    """What to say of resolved settings that cannot be read.

    Args:
        path: Their file.
        reason: What is wrong.
    """
    text = str(reason).partition("\n")[0]
    return ValueError(f"{path} is damaged ({text}); `study run` with the YAML of the study writes it again")
