"""The encoders of the published study of a task, with their settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnn_sim2real.config.lightning_cli import plain, read_stage
from gnn_sim2real.nn.encoder import fill_defaults
from gnn_sim2real.records.published import Published
from gnn_sim2real.study.architectures import name_architectures
from gnn_sim2real.study.bench_task import BenchTask
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.stage import encoder_of, with_settings


def encoders_of(task: BenchTask, published: Published) -> Mapping[str, Any]:
    """Class path and settings of each published encoder by its name.

    Args:
        task: The task.
        published: Its published result, which says so unless an earlier version wrote it; then the YAML does.
    """
    if published.architectures:
        return published.architectures
    config, _ = read_study([str(task.study)], [])
    of_yaml = encoder_of(plain(read_stage(Path(config.pretrain))[1]))
    named = name_architectures([axes.architecture for axes in config.grids], of_yaml)
    found = {each.name: each.encoder or of_yaml for grid in named for each in grid}
    return {name: fill_defaults(with_settings(encoder)) for name, encoder in found.items() if encoder}
