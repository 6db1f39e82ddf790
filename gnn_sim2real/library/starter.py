"""The starter library: pretrained models that come with the package, addressed as `starter:DOMAIN/PROPERTY`."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.renamed import current_property

PREFIX = "starter:"
"""What an address begins with; alone, it is the library itself."""

NAMES_FILE = "names.json"
"""File with the key of each model by its name, the best model of a property first."""


def starter_folder() -> Path:
    """The folder of the models, below that of this module."""
    return Path(__file__).with_name("starter_models")


@cache
def starter_names() -> Mapping[str, str]:
    """Key of each model by its name `DOMAIN/PROPERTY/ENCODER`; of one property the best is the first."""
    file = starter_folder() / NAMES_FILE
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def name_model(domain: str, prop: str, encoder: Mapping[str, Any]) -> str:
    """Name of a model, as `polymer/density/GINE`; before it is numbered where several are called so.

    Args:
        domain: Domain of its materials.
        prop: What it predicts.
        encoder: Description of its encoder; of one with another inside, both are named.
    """
    settings = encoder["init_args"]
    inside = [settings[name] for name in ("first", "encoder") if settings.get(name)][:1]
    return f"{domain}/{prop}/{'-'.join(each['class_path'].rpartition('.')[2] for each in [encoder, *inside])}"


def is_address(text: str) -> bool:
    """Whether a text is the address of a model, or of the library.

    Args:
        text: Any text, or a path.
    """
    return text.startswith(PREFIX)


def find_starter(address: str) -> Path:
    """The folder of a model.

    Args:
        address: `starter:DOMAIN/PROPERTY`, the best of several encoders, or `starter:DOMAIN/PROPERTY/ENCODER`; the key
            of the model, or its first characters, as well.

    Raises:
        CheckpointError: If there is no such model; the message names the nearest ones.
    """
    name = address.removeprefix(PREFIX).replace("\\", "/").strip("/")
    names, keys = starter_names(), [key for key in starter_names().values() if name and key.startswith(name)]
    if "/" in name:
        domain, prop, *encoder = name.split("/")
        name = "/".join((domain, current_property(prop), *encoder))
        keys = [key for each, key in names.items() if each == name or each.startswith(f"{name}/")][:1]
    if len(keys) != 1:
        known = sorted({each.rpartition("/")[0] for each in names})
        near = get_close_matches(name, known, n=3, cutoff=0.4) or [each for each in known if name and name in each][:3]
        advice = f"the nearest are {', '.join(PREFIX + each for each in near)}; " if near else ""
        shown = f"`gnn-sim2real models list --library {PREFIX}` shows all"
        raise CheckpointError(f"the starter library has no model {name!r}: {advice}{shown}")
    return starter_folder() / keys[0]


def format_simulated(card: Mapping[str, Any]) -> str:
    """Say that predictions are of a simulation, and where these lie against measurements, if that is known.

    Args:
        card: Content of the card; the text is empty unless it says by what the source was simulated.
    """
    simulated = card.get("simulated")
    if not simulated:
        return ""
    text = f"simulated ({simulated['method']})"
    offset = simulated.get("offset")
    if offset is None:
        return f"{text}; how far it lies from measurement is not known"
    side = "above" if offset["bias"] > 0 else "below"
    unit = f" {offset['unit']}" if offset["unit"] else ""
    return f"{text}, lies {abs(offset['bias']):.2g}{unit} {side} measurement ({offset['of']})"
