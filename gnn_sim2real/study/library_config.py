"""Settings of a model library with many pretrainings, from a LIBRARY.yaml."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.study.config import JobsConfig, RunOptions, add_run_options, read_options, read_settings


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
        held_out: YAML with named data modules, the measured targets, relative to the YAML of the library; or several.
            Materials in the test part of any of them are removed from every source, by canonical identity, before any
            training.
    """

    pretrains_only = True

    sources: list[LibrarySource]
    held_out: str | list[str] = ""

    @property
    def target_files(self) -> list[str]:
        """The YAMLs of `held_out`."""
        return [self.held_out] if self.held_out and isinstance(self.held_out, str) else list(self.held_out)

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
    parser = ArgumentParser(prog="gnn-sim2real models build", exit_on_error=False)
    add_run_options(parser)
    parser.add_class_arguments(LibraryConfig)
    config, settings = read_settings(parser, LibraryConfig, files, options)
    if not config.sources:
        raise ValueError(f"{files[0]} has no `sources`: name the YAML of at least one pretraining")
    folder = Path(files[0]).parent
    for source in config.sources:
        source.pretrain = str((folder / source.pretrain).resolve())
    files_of_targets = [str((folder / name).resolve()) for name in config.target_files]
    config.held_out = files_of_targets if isinstance(config.held_out, list) else "".join(files_of_targets)
    return config, read_options(settings)
