"""Pretrainings on many sources for a model library: a study whose cells are models."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentParser

from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.config.lightning_cli import plain, stage_config
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.records.callback import pretraining_key, training_content
from gnn_sim2real.records.keys import canonical
from gnn_sim2real.study.config import (
    STUDY_FILE,
    JobsConfig,
    RunOptions,
    StudyConfig,
    jobs_parser,
    load_saved_config,
    read_options,
    read_settings,
)
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.resolve import Resolver, spelled
from gnn_sim2real.study.stage import Stage


@dataclass
class LibrarySource:
    """One source of a library, and its axes.

    Args:
        pretrain: YAML of the pretraining for `gnn-sim2real fit`, relative to the YAML of the library.
        property: Properties of the source, one model each; those of the YAML, in one model, unless given.
        architecture: Class paths of encoders with their settings; the encoder of the YAML if empty.
        source_size: Numbers of source materials; "all" is all but the test materials of the targets.
        seed: Seeds of the nested subsets, of initialization and order.
    """

    pretrain: str
    property: list[str] = field(default_factory=list)
    architecture: list[EncoderSettings] = field(default_factory=list)
    source_size: list[int | Literal["all"]] = field(default_factory=lambda: ["all"])
    seed: list[int] = field(default_factory=lambda: [0])


@dataclass
class LibraryConfig(JobsConfig):
    """A library of pretrained models over many sources, properties, architectures, sizes and seeds.

    Args:
        sources: The sources.
        held_out: YAML with named data modules, the measured targets, relative to the YAML of the library. Materials in
            the test part of any of them are removed from every source, by canonical identity, before any training.
    """

    pretrains_only = True

    sources: list[LibrarySource]
    held_out: str = ""

    @property
    def grid(self) -> list[dict[str, Any]]:
        """The sources, in plain types."""
        return [asdict(source) for source in self.sources]


def read_library(files: list[str], options: list[str]) -> tuple[LibraryConfig, RunOptions]:
    """Read the settings of a library and the options of this run.

    Args:
        files: The LIBRARY.yaml, then YAMLs that apply to all its pretrainings.
        options: Further arguments of the command line.

    Returns:
        The library with resolved paths, and the options of the run.

    Raises:
        ValueError: If a file does not exist, a number is out of range, or there is no source.
    """
    parser = jobs_parser(LibraryConfig, "gnn-sim2real models build", "Pretrain many models for a library.")
    config, settings = read_settings(parser, LibraryConfig, files, options)
    if not config.sources:
        raise ValueError(f"{files[0]} has no `sources`: name the YAML of at least one pretraining")
    folder = Path(files[0]).parent
    for source in config.sources:
        source.pretrain = str((folder / source.pretrain).resolve())
    config.held_out = str((folder / config.held_out).resolve()) if config.held_out else ""
    return config, read_options(settings)


def read_targets(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, PropertyDataModule]]:
    """Read measured targets.

    Args:
        path: YAML with named data modules, each with `class_path` and `init_args`.

    Returns:
        The content of the YAML, and the data modules.

    Raises:
        ValueError: If the file does not exist or is something else.
    """
    if not path.exists():
        raise ValueError(f"there is no file {path}; `held_out` must be a YAML with named data modules")
    content = yaml.safe_load(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"{path} must have the name of each target, with its data module below")
    find_datasets()
    parser = ArgumentParser(exit_on_error=False)
    for name in content:
        parser.add_argument(f"--{name}", type=PropertyDataModule)
    settings = parser.parse_object(content)
    made = parser.instantiate(settings)
    return {name: plain(settings)[name] for name in content}, {name: made[name] for name in content}


class LibraryResolver(JobResolver):
    """Turns the sources of a library into pretrainings.

    Args:
        config: The library.
    """

    study: LibraryConfig

    def __init__(self, config: LibraryConfig) -> None:
        super().__init__(config)
        self._stages: dict[tuple[int, str], Stage] = {}
        for number, source in enumerate(config.sources):
            for name in source.property or [""]:
                stage = "_".join(["pretrain", str(number), *([name] if name else [])])
                changes = {"properties": [name]} if name else {}
                self._stages[number, name] = Stage(stage, Path(source.pretrain), config, changes)

    @property
    def stages(self) -> list[Stage]:
        """One stage for each source and property."""
        return list(self._stages.values())

    def points(self) -> list[GridPoint]:
        """All pretrainings, source after source."""
        return [
            GridPoint(architecture, size, 0, seed, 0, "pretraining", "random", number, name, self._name(number, name))
            for number, source in enumerate(self.study.sources)
            for name, seed, size, architecture in product(
                source.property or [""], source.seed, source.source_size, _architectures(source)
            )
        ]

    def job(self, point: GridPoint) -> Job:
        """The job of the pretraining of a point."""
        return self.pretraining(point)

    def pretraining(self, point: GridPoint) -> Job:
        """The job of the pretraining of a point."""
        content = training_content(plain(self._config(point)), self.study.threads)
        plain_content = {name: canonical(value) for name, value in content.items()}
        return Job(pretraining_key(plain_content, self._source(point).key_content()), point, None, is_pretraining=True)

    def stage(self, job: Job) -> Stage:
        """The stage of the source and property of a job."""
        return self._stages[job.point.source, job.point.property_name]

    def data(self, job: Job) -> PropertyDataModule:
        """The source of a job, without the test materials of any target."""
        return self._source(job.point)

    def config(self, job: Job) -> Any:
        """The configuration of a pretraining."""
        return self._config(job.point)

    def saved_config(self, job: Job) -> dict[str, Any]:
        """The configuration of a pretraining with the data of its point; the targets are excluded."""
        stage, targets = self.stage(job), self._targets[0]
        names = self._applicable(stage.data)
        excluded = [*stage.plain_excludes(lambda _: True), *(targets[name] for name in names)]
        data = stage.plain_data(size=job.point.source_size, seed=job.point.seed, exclude=excluded or None)
        return stage_config(plain(self.config(job))) | {"data": data}

    def read_data(self) -> None:
        """Read the targets and the first source; the others are read when they are needed."""
        _ = self._source(self.points()[0]).store

    @cached_property
    def _targets(self) -> tuple[dict[str, dict[str, Any]], dict[str, PropertyDataModule]]:
        return read_targets(Path(self.study.held_out)) if self.study.held_out else ({}, {})

    def _applicable(self, source: PropertyDataModule) -> list[str]:
        """Names of the targets whose test materials a source can have: pairs only match pairs of the same roles."""
        return [
            name
            for name, target in self._targets[1].items()
            if not (isinstance(target, MixtureDataModule) and isinstance(source, MixtureDataModule))
            or target.roles == source.roles
        ]

    def _source(self, point: GridPoint) -> PropertyDataModule:
        def without_tested() -> PropertyDataModule:
            data = self._stages[point.source, point.property_name].data
            targets = [self._targets[1][name] for name in self._applicable(data)]
            return data.variant(exclude=[*data.settings.excluded, *targets])

        whole = self._once(("source", point.source, point.property_name), without_tested)
        return whole.variant(size=point.source_size, seed=point.seed)

    def _config(self, point: GridPoint) -> Any:
        changes = {"encoder": point.architecture} if point.architecture else {}
        stage = self._stages[point.source, point.property_name]
        name = ("config", point.source, point.property_name, spelled(point.architecture), point.seed)
        return self._once(name, lambda: stage.config(point.seed, changes))

    def _name(self, number: int, name: str) -> str:
        data = type(self._stages[number, name].data).__name__
        return f"{data} {name}, " if name else f"{data}, "


def _architectures(source: LibrarySource) -> list[EncoderSettings | None]:
    return [*source.architecture] or [None]


def load_saved_jobs(folder: Path) -> JobsConfig:
    """Read the resolved settings of the study or library in a folder.

    Args:
        folder: The output folder.

    Raises:
        ValueError: If the folder has neither.
    """
    path = folder / STUDY_FILE
    content = yaml.safe_load(path.read_text()) if path.exists() else {}
    if "sources" not in content:
        return load_saved_config(folder)
    return LibraryConfig(
        **content | {"sources": [LibrarySource(**each) for each in content["sources"]], "output": str(folder)}
    )


def make_resolver(config: JobsConfig) -> JobResolver:
    """Make the resolver of a study or of a library.

    Args:
        config: Settings of the study or library.

    Raises:
        TypeError: If they are of something else.
    """
    if isinstance(config, LibraryConfig):
        return LibraryResolver(config)
    if isinstance(config, StudyConfig):
        return Resolver(config)
    raise TypeError(f"expected the settings of a study or library, got {type(config).__name__}")
