"""Several targets in one YAML, for the heat map and the study."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser

from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.shotgun.settings import TargetConfig
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Parts, Rows


def read_many_targets(config_class: type[Any], argv: Sequence[str], prog: str) -> Any:
    """Read a YAML with several targets.

    Args:
        config_class: Dataclass of the settings.
        argv: Arguments of the command line.
        prog: Name of the command.
    """
    find_datasets()
    parser = ArgumentParser(prog=prog, description=config_class.__doc__, exit_on_error=False)
    parser.add_argument("-c", "--config", action="config", help="the YAML")
    parser.add_class_arguments(config_class, sub_configs=True)
    made = parser.instantiate(parse_settings(parser, argv))
    return config_class(**{name: made[name] for name in config_class.__dataclass_fields__})


def open_target(config: TargetConfig, max_train: int | None, max_test: int | None) -> Target:
    """Read a target, with a limited number of rows.

    Args:
        config: See `TargetConfig`.
        max_train: Largest number of training rows, drawn once; None for all.
        max_test: Largest number of test rows, drawn once; None for all.
    """
    data = config.data
    parts = data.parts
    pool = np.concatenate([parts.train, parts.validation])
    kept = Parts(_some(pool, max_train, 1), parts.validation[:0], _some(parts.test, max_test, 2))
    return Target.of_data(data.with_parts(kept), config.log, config.name)


def _some(rows: Rows, limit: int | None, seed: int) -> Rows:
    if limit is None or len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(seed).permutation(np.sort(rows))[:limit])
