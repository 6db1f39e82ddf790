"""Keys of pretrainings and fine-tunings: of their settings, their data, and the versions of the code that trains."""

from collections.abc import Mapping
from typing import Any

from gnn_sim2real.nn.encoder import encoder_class
from gnn_sim2real.nn.model import NUMERICS_VERSION as MODEL_VERSION
from gnn_sim2real.records.keys import Canonical, numbers_only, record_key
from gnn_sim2real.tasks.base import NUMERICS_VERSION as TASK_VERSION

ORDER_VERSION = 2
"""Version 1 took the order of batches from the seed of the data alone."""


def training_content(config: dict[str, Any], threads: int, data_seed: int | None = None) -> dict[str, Any]:
    """The part of a training's configuration and code that enters a key.

    Args:
        config: Resolved configuration.
        threads: Number of threads of the training.
        data_seed: Seed of the data, if it may be another than that of the run, see `gnn_sim2real.data.seeds`.
    """
    numerics = _numerics(config, threads)
    if data_seed is not None and config.get("seed_everything") not in (None, data_seed):
        numerics["order"] = ORDER_VERSION
    return {"config": numbers_only(config), "numerics": numerics}


def pretraining_key(training: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    """Key of a pretrained model.

    Args:
        training: From `training_content`.
        source: `key_content` of the source without the target's test materials.
    """
    return record_key({**training, "data": source})


def fine_tuning_key(training: Mapping[str, Any], model: str | None, target: Mapping[str, Any] | Canonical) -> str:
    """Key of a fine-tuning.

    Args:
        training: From `training_content`.
        model: Key or fingerprint of the pretrained model; None from scratch.
        target: `key_content` of the target.
    """
    return record_key({**training, "source": model, "target": target})


def _numerics(config: dict[str, Any], threads: int) -> dict[str, int]:
    """Versions, raised by hand, of all code that determines the numbers of a training."""
    versions = {"task": TASK_VERSION, "model": MODEL_VERSION, "threads": threads}
    encoder = config["model"]["init_args"].get("encoder")
    if encoder:
        versions["encoder"] = encoder_class(encoder["class_path"], trusted=True).numerics_version
    return versions
