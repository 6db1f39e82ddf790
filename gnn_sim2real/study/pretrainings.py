"""Pretrainings on many sources for a model library: a study whose cells are models."""

from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from gnn_sim2real.config.errors import read_yaml
from gnn_sim2real.config.lightning_cli import plain, stage_config
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.data.snapshots import hide_logins
from gnn_sim2real.records.keys import canonical
from gnn_sim2real.records.training_keys import pretraining_key
from gnn_sim2real.study.architectures import Architecture, name_architectures
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.library_config import LibraryConfig
from gnn_sim2real.study.resolve import spelled
from gnn_sim2real.study.stage import Stage


def read_targets(*paths: Path) -> tuple[dict[str, dict[str, Any]], dict[str, PropertyDataModule]]:
    """Read measured targets.

    Args:
        paths: YAMLs with named data modules, each with `class_path` and `init_args`.

    Returns:
        The content of the YAMLs, and the data modules.

    Raises:
        ValueError: If a file does not exist or is something else, or two have a target of one name.
    """
    content: dict[str, dict[str, Any]] = {}
    for path in paths:
        named = _read_named(path)
        if twice := content.keys() & named.keys():
            raise ValueError(f"{path} has the target {min(twice)!r}, which another file of `held_out` has as well")
        content |= named
    find_datasets()
    parser = ArgumentParser(exit_on_error=False)
    for name in content:
        parser.add_argument(f"--{name}", type=PropertyDataModule)
    settings = parser.parse_object(hide_logins(content))
    made = parser.instantiate(settings)
    return {name: plain(settings)[name] for name in content}, {name: made[name] for name in content}


def _read_named(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        raise ValueError(f"there is no file {path}; `held_out` must be a YAML with named data modules")
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read as YAML ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must have the name of each target, with its data module below")
    return content


class LibraryResolver(JobResolver):
    """Turns the sources of a library into pretrainings.

    Args:
        config: The library.

    Raises:
        ValueError: If the name of an encoder on an axis is not its own.
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
        self._architectures = [self._name_architectures(number) for number in range(len(config.sources))]

    @property
    def stages(self) -> list[Stage]:
        """One stage for each source and property."""
        return list(self._stages.values())

    def points(self) -> list[GridPoint]:
        """All pretrainings, source after source."""
        return [
            GridPoint(
                architecture.encoder,
                size,
                0,
                seed,
                0,
                "pretraining",
                source=number,
                property_name=name,
                source_name=self._name(number, name),
                architecture_name=architecture.name,
            )
            for number, source in enumerate(self.study.sources)
            for name, seed, size, architecture in product(
                source.property or [""], source.seed, source.source_size, self._architectures[number]
            )
        ]

    def check(self) -> None:
        """Pretrainings need nothing but their source."""

    def job(self, point: GridPoint) -> Job:
        """The job of the pretraining of a point."""
        return self.pretraining(point)

    def pretraining(self, point: GridPoint) -> Job:
        """The job of the pretraining of a point."""
        stage = self._stages[point.source, point.property_name]
        content = stage.training_content(plain(self._config(point)), stage.data)
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
        return read_targets(*map(Path, self.study.target_files))

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

        whole = self._shared.once(("source", point.source, point.property_name), without_tested)
        return whole.variant(size=point.source_size, seed=point.seed)

    def _config(self, point: GridPoint) -> Any:
        changes = {"encoder": point.architecture} if point.architecture else {}
        stage = self._stages[point.source, point.property_name]
        name = ("config", point.source, point.property_name, spelled(point.architecture), point.seed)
        return self._shared.once(name, lambda: stage.config(point.seed, changes))

    def _name(self, number: int, name: str) -> str:
        data = type(self._stages[number, name].data).__name__
        return f"{data} {name}, " if name else f"{data}, "

    def _name_architectures(self, number: int) -> list[Architecture]:
        source = self.study.sources[number]
        stage = self._stages[number, (source.property or [""])[0]]
        (named,) = name_architectures([source.architecture], stage.encoder)
        return named
