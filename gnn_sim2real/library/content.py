"""The files of a stored model, and the hash of their content that names it."""

import hashlib
import os
import re
from pathlib import Path

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library.card import CARD_FILE

WEIGHTS_FILE = "weights.safetensors"
DESCRIPTION_FILE = "model.json"
"""What a model outside of libraries has beside its weights, as models of libraries once had (format 1)."""
CONFIG_FILE = "config.yaml"
MODEL_FILES = (CARD_FILE, CONFIG_FILE, WEIGHTS_FILE)
"""What the folder of a model holds, and nothing else; none of it can run code."""
_KEY = re.compile("[0-9a-f]{32}")
LIBRARY_VARIABLE = "GNN_SIM2REAL_LIBRARY"


def default_library() -> Path:
    """The folder `$GNN_SIM2REAL_LIBRARY`, or `runs/library` below the working folder."""
    return Path(os.environ.get(LIBRARY_VARIABLE) or "runs/library").expanduser()


def hash_model(folder: Path) -> str:
    """The key that a model has by its content.

    Args:
        folder: Of the model.

    Raises:
        CheckpointError: If it has other files than a model has.
    """
    names = {path.name for path in folder.iterdir()}
    if names != set(MODEL_FILES):
        odd = names ^ set(MODEL_FILES)
        raise CheckpointError(f"it has other files than a model ({', '.join(MODEL_FILES)}): {', '.join(sorted(odd))}")
    digest = hashlib.sha256()
    for name in MODEL_FILES:
        content = (folder / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:32]


def is_key(name: str) -> bool:
    """Whether this is the name of a model's folder."""
    return _KEY.fullmatch(name) is not None
