"""The card of a stored model: what it was trained on, how well it does, and what may be done with it."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gnn_sim2real.console import visible
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import parse_json
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.properties import check_property_unit

CARD_FILE = "card.json"
MAX_CARD_SIZE = 2**20
"""Larger cards are refused unread [bytes]: one has a few thousand."""
_MAX_DEPTH = 32
CARD_FORMAT = 1
"""Raised by hand whenever the required content of a card changes; older cards still load."""

DOMAINS = {
    "repeat_unit": "polymer",
    "molecule": "molecule",
    "crystal": "crystal",
    "mixture": "mixture",
    "composition": "composition",
}
"""Domain of the materials by the kind that data modules report."""


class Card(NamedTuple):
    """What models are searched by. `ModelLibrary.content` gives all of `card.json`.

    Its texts may come from anyone and are shown on terminals, so control characters in them are escaped.

    Attributes:
        key: Name of the model's folder, the hash of its content.
        domain: What the source materials are: polymer, molecule, crystal, mixture or composition.
        source: Name of the source's data sheet, or of its data module.
        properties: Properties that it predicts.
        units: Unit of each property; empty for a pure number.
        architecture: Name of the encoder.
        size: Number of source materials, validation part included.
        num_validation: How many of them were used for validation.
        seed: Seed of initialization and order.
        num_parameters: How many numbers its weights have.
        metrics: `mae`, `rmse` and `r2` on the validation part, by property; empty without a validation part.
        featurizer: How materials become graphs, see `featurize.featurizer.load_featurizer`.
        data_fingerprint: Hash of the source's table.
        split: Hash of table and parts: which materials trained, validated and tested.
        identities: Hash of the file with the hashed identities of the source materials; empty if unknown.
        license: License of the source data.
        citation: What to cite for the source data.
        pretraining: Key of the pretraining in its study; empty outside studies.
    """

    key: str
    domain: str
    source: str
    properties: tuple[str, ...]
    units: tuple[str, ...]
    architecture: str
    size: int
    num_validation: int
    seed: int
    num_parameters: int
    metrics: Mapping[str, Mapping[str, float]]
    featurizer: Mapping[str, Any]
    data_fingerprint: str
    split: str
    identities: str
    license: str
    citation: str
    pretraining: str

    @classmethod
    def of_content(cls, key: str, content: Mapping[str, Any]) -> "Card":
        """Make a card from a checked `card.json`.

        Args:
            key: Key of the model.
            content: Content of the file, plain types.
        """
        data, specs = content["data"], content["network"]["properties"]
        return cls(
            key=key,
            domain=content["domain"],
            source=visible(content["source"]),
            properties=tuple(visible(current_property(spec["name"])) for spec in specs),
            units=tuple(visible(spec["unit"]) for spec in specs),
            architecture=visible(content["architecture"]),
            size=data["size"],
            num_validation=content["num_validation"],
            seed=content["seed"],
            num_parameters=content["num_parameters"],
            metrics={visible(current_property(name)): errors for name, errors in content["metrics"].items()},
            featurizer=content["featurizer"],
            data_fingerprint=visible(data["fingerprint"]),
            split=visible(data["parts"]),
            identities=content["identities"] or "",
            license=visible(content["license"]),
            citation=visible(content["citation"]),
            pretraining=visible(content.get("key") or ""),
        )


def check_card(content: Any, name: str) -> dict[str, Any]:
    """Check a card against the schema of its format, `card.schema.json`.

    Args:
        content: Content read from JSON.
        name: Name of the model, for messages.

    Raises:
        CheckpointError: If its format is newer, or something is missing.
    """
    number = content.get("card_format") if isinstance(content, dict) else None
    if not isinstance(number, int) or not 1 <= number <= CARD_FORMAT:
        raise CheckpointError(
            f"the card of {name} has format {number}, this version reads up to {CARD_FORMAT}; update gnn-sim2real"
        )
    _check(content, f"the card of {name}", "")
    checked: dict[str, Any] = content
    if said := _contradiction(checked) or wrong_unit(checked["network"]):
        raise CheckpointError(f"the card of {name} contradicts itself: {visible(said)}; download the model again")
    return checked


def _contradiction(card: Mapping[str, Any]) -> str | None:
    """What in a card cannot be true beside the rest of it; None if nothing is seen."""
    kind, domain = card["featurizer"]["name"], card["domain"]
    if DOMAINS.get(kind, domain) not in (domain, "composition"):  # crystals can be read by composition alone
        return f"its domain is {domain!r}, but its network reads graphs of {kind!r}"
    predicted = {each["name"] for each in card["network"]["properties"]}
    for name, errors in card["metrics"].items():
        if name not in predicted:
            return f"it has errors of {name!r}, which its network does not predict"
        mae, rmse, r2 = (errors.get(each) for each in ("mae", "rmse", "r2"))
        if r2 is not None and r2 > 1:
            return f"its R2 of {name!r} is {r2:g}, above 1"
        if min((each for each in (mae, rmse) if each is not None), default=0) < 0:
            return f"it has a negative error of {name!r}"
        if mae is not None and rmse is not None and mae > rmse * (1 + 1e-6):
            return f"its mean absolute error of {name!r}, {mae:g}, is above the root mean square error, {rmse:g}"
    return None


def wrong_unit(network: Mapping[str, Any]) -> str | None:
    """Which property of a model has a unit that nobody knows, or that it cannot have; None if each has its own.

    Args:
        network: Description of the network, checked against the schema.
    """
    for each in network["properties"]:
        try:
            check_property_unit(each["name"], each["unit"])
        except ValueError as error:
            return str(error)
    return None


def check_network(network: Any, featurizer: Any, name: str) -> None:
    """Check how a model describes its network and featurizer, wherever it is stored, before anything is made of it.

    Args:
        network: Description of the network.
        featurizer: Description of the featurizer.
        name: Name of the model, for messages.

    Raises:
        CheckpointError: If something is missing, unknown, or of an absurd size.
    """
    for content, part in ((network, "network"), (featurizer, "featurizer")):
        _check(content, f"the description of {name}", part)
    if wrong := wrong_unit(network):
        raise CheckpointError(f"the description of {name} contradicts itself: {visible(wrong)}")


def _check(content: Any, what: str, part: str) -> None:
    if _is_deeper(content, _MAX_DEPTH):
        raise CheckpointError(f"{what} is nested more than {_MAX_DEPTH} deep, which none of this package is")
    errors = sorted(_validator(part).iter_errors(content), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        place = ".".join([*([part] if part else []), *map(str, errors[0].absolute_path)]) or "the card"
        message = visible(errors[0].message if len(errors[0].message) < 300 else f"{errors[0].message[:300]} ...")
        raise CheckpointError(
            f"{what} is damaged or incomplete ({visible(place)}: {message}); download the model again"
        )


def _is_deeper(content: Any, depth: int) -> bool:
    """Whether plain types are nested deeper than this; without recursion, which has an end of its own."""
    level = [content] if isinstance(content, (dict, list, tuple)) else []
    for _ in range(depth):
        inside = [each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer)]
        level = [each for each in inside if isinstance(each, (dict, list, tuple))]
        if not level:
            return False
    return True


def read_card(folder: Path) -> dict[str, Any]:
    """Read and check the card of a model.

    Args:
        folder: Folder of the model.

    Raises:
        CheckpointError: If it cannot be read.
    """
    try:
        content = read_small_json(folder / CARD_FILE)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the model in {folder} is damaged ({error}); download it again") from error
    return check_card(content, f"the model in {folder}")


def read_small_json(path: Path) -> Any:
    """Read the JSON of a model, unless it is absurdly large.

    Args:
        path: The file.

    Raises:
        ValueError: If it is, is not JSON, or has a name twice, of which each reader would take another.
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(MAX_CARD_SIZE + 1)
    if len(text) > MAX_CARD_SIZE:
        raise ValueError(f"{path.name} is larger than {MAX_CARD_SIZE:,} bytes")
    content = orjson.loads(text)
    if not _is_deeper(content, _MAX_DEPTH):  # else it is refused anyway
        parse_json(text.decode())
    return content


@lru_cache(maxsize=3)
def _validator(part: str) -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads(files("gnn_sim2real.library").joinpath("card.schema.json").read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]} if part else schema)
