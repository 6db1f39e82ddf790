"""The two kinds of grids of trainings, studies and libraries: their saved settings and their resolvers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnn_sim2real.study.config import STUDY_FILE, JobsConfig, StudyConfig, damaged, load_saved_config, read_saved
from gnn_sim2real.study.jobs import JobResolver
from gnn_sim2real.study.library_config import LibraryConfig, LibrarySource
from gnn_sim2real.study.pretrainings import LibraryResolver
from gnn_sim2real.study.resolve import Resolver


def load_saved_jobs(folder: Path) -> JobsConfig:
    """Read the resolved settings of the study or library in a folder.

    Args:
        folder: The output folder.

    Raises:
        ValueError: If the folder has neither.
    """
    path = folder / STUDY_FILE
    content = read_saved(path) if path.exists() else {}
    if "sources" not in content:
        return load_saved_config(folder)
    try:
        return LibraryConfig(
            **content | {"sources": [LibrarySource(**each) for each in content["sources"]], "output": str(folder)}
        )
    except TypeError as error:
        raise damaged(path, error) from error


_RESOLVERS: dict[type[JobsConfig], Callable[[Any], JobResolver]] = {
    StudyConfig: Resolver,
    LibraryConfig: LibraryResolver,
}


def make_resolver(config: JobsConfig) -> JobResolver:
    """Make the resolver of a study or of a library.

    Args:
        config: Settings of the study or library.
    """
    return _RESOLVERS[type(config)](config)
