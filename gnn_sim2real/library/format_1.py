"""Models as studies saved them before cards existed: `weights.safetensors` and `model.json`."""

import math
from pathlib import Path
from typing import Any

from gnn_sim2real.console import visible
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library.card import DOMAINS, Card, check_network, read_small_json
from gnn_sim2real.library.content import DESCRIPTION_FILE, WEIGHTS_FILE


def content_of_format_1(folder: Path) -> dict[str, Any]:
    """The description of such a model.

    Args:
        folder: Folder of the model.

    Raises:
        CheckpointError: If it cannot be read.
    """
    try:
        description = read_small_json(folder / DESCRIPTION_FILE)
        content: dict[str, Any] = description["card"] | {
            "network": description["network"],
            "featurizer": description["featurizer"],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"the model in {folder} is damaged ({error}); train it again") from error
    check_network(content["network"], content["featurizer"], f"the model in {folder}")
    return content


def card_of_format_1(key: str, folder: Path) -> Card:
    """The card of such a model, without validation errors, license and identities, which are unknown.

    Args:
        key: Key of the model.
        folder: Folder of the model.

    Raises:
        CheckpointError: If its description does not name the training data.
    """
    content = content_of_format_1(folder)
    try:
        data, specs = content["data"], content["network"]["properties"]
        return Card(
            key=key,
            domain=DOMAINS[content["featurizer"]["name"]],
            source=visible(data["name"]),
            properties=tuple(visible(spec["name"]) for spec in specs),
            units=tuple(visible(spec["unit"]) for spec in specs),
            architecture=visible(content["architecture"]),
            size=data["size"],
            num_validation=0,
            seed=data["seed"],
            num_parameters=_num_parameters(folder / WEIGHTS_FILE),
            metrics={},
            featurizer=content["featurizer"],
            data_fingerprint=data["fingerprint"],
            split=data["parts"],
            identities="",
            license="",
            citation="",
            pretraining=content.get("key") or "",
        )
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"the training data of the model in {folder} are unknown: {error} is missing") from error


def _num_parameters(path: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as weights:
            return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged ({error}); train the model again") from error
