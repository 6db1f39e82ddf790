"""The files of a stored model, and the hash of their content that names it."""

import hashlib
import os
import re
from pathlib import Path

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library.card import CARD_FILE

WEIGHTS_FILE = "weights.safetensors"
DESCRIPTION_FILE = "model.json"
"""File beside the weights of a model outside libraries, and of library models of format 1."""
CONFIG_FILE = "config.yaml"
MODEL_FILES = (CARD_FILE, CONFIG_FILE, WEIGHTS_FILE)
"""The only files in the folder of a model; none of them can run code."""
_KEY = re.compile("[0-9a-f]{32}")
LIBRARY_VARIABLE = "GNN_SIM2REAL_LIBRARY"


def default_library() -> Path:
    """The folder `$GNN_SIM2REAL_LIBRARY`, or `runs/library` below the working folder."""
    return Path(os.environ.get(LIBRARY_VARIABLE) or "runs/library").expanduser()


def hash_model(folder: Path) -> str:
    """The key of a model, from its content.

    Args:
        folder: Folder of the model.

    Raises:
        CheckpointError: If it has files that a model does not have.
    """
    names = {path.name for path in folder.iterdir()}
    if names != set(MODEL_FILES):
        odd = names ^ set(MODEL_FILES)
        raise CheckpointError(
            f"it must hold exactly {', '.join(MODEL_FILES)}; extra or missing: {', '.join(sorted(odd))}"
        )
    digest = hashlib.sha256()
    for name in MODEL_FILES:
        content = (folder / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:32]


def is_key(name: str) -> bool:
    """Whether a name is that of a model's folder."""
    return _KEY.fullmatch(name) is not None
