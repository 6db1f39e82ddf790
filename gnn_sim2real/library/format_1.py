"""Models as studies kept them before there were cards: `weights.safetensors` and `model.json`."""

import math
from pathlib import Path
from typing import Any

import orjson

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library.card import DOMAINS, Card
from gnn_sim2real.library.content import DESCRIPTION_FILE, WEIGHTS_FILE


def content_of_format_1(folder: Path) -> dict[str, Any]:
    """What such a model says of itself.

    Args:
        folder: Of the model.

    Raises:
        CheckpointError: If it cannot be read.
    """
    try:
        description = orjson.loads((folder / DESCRIPTION_FILE).read_bytes())
        content: dict[str, Any] = description["card"] | {
            "network": description["network"],
            "featurizer": description["featurizer"],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"the model in {folder} is damaged ({error}); make it again") from error
    return content


def card_of_format_1(key: str, folder: Path) -> Card:
    """A card of what is known of such a model: neither validation errors, nor license, nor identities.

    Args:
        key: Of the model.
        folder: Of the model.

    Raises:
        CheckpointError: If it does not say on what it was trained.
    """
    content = content_of_format_1(folder)
    try:
        data, specs = content["data"], content["network"]["properties"]
        return Card(
            key=key,
            domain=DOMAINS[content["featurizer"]["name"]],
            source=data["name"],
            properties=tuple(spec["name"] for spec in specs),
            units=tuple(spec["unit"] for spec in specs),
            architecture=content["architecture"],
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
        raise CheckpointError(f"the model in {folder} does not say on what it was trained: it lacks {error}") from error


def _num_parameters(path: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as weights:
            return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged ({error}); make the model again") from error
